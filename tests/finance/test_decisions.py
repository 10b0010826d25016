"""Is a change worth its effort; and that nothing is saved while the machine is idle."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from wattmill.core.errors import PlanError
from wattmill.finance import savings
from wattmill.finance.decisions import Effort, decide, decide_on_own, worth_it_usd_per_month
from wattmill.finance.savings import OwnWork, freed_usd

USD = st.floats(0, 1e5)
SHARE = st.floats(0, 1)
QUIET = OwnWork(load_frac=0.3, busy_usd_per_month=200.0)


def test_a_fine_tune_that_is_kept_up() -> None:
    # 5,000 USD once and 1,000 a month, against 200 Mtok a month at 9.5 USD less.
    found = decide("fine-tune", Effort(5000.0, 1000.0), 9.5 * 200)
    assert found.break_even_months == pytest.approx(5.556, abs=5e-4)
    assert found.verdict == "pays"
    assert found.npv_usd == pytest.approx(36 * 900 - 5000)


def test_upkeep_above_the_saving_never_pays() -> None:
    found = decide("fine-tune", Effort(5000.0, 2000.0), 1900.0)
    assert found.verdict == "never" and found.break_even_months is None
    assert "2,000" in found.because


def test_retraining_is_upkeep() -> None:
    once, again = Effort(6000.0), Effort(6000.0, repeat_months=6)
    assert decide("distil", once, 900.0).verdict == "pays"
    assert decide("distil", again, 900.0).verdict == "too late"
    assert decide("distil", again, 800.0).verdict == "never"


@pytest.mark.parametrize(
    ("every", "times"), [(None, 1), (36, 1), (35, 2), (18, 2), (12, 3), (6, 6)]
)
def test_all_that_is_paid_in_its_life_is_counted_once(every: int | None, times: int) -> None:
    effort = Effort(6000.0, 10.0, repeat_months=every, life_months=36)
    assert decide("distil", effort, 0.0).npv_usd == pytest.approx(-6000 * times - 360)
    assert worth_it_usd_per_month(effort) * 36 == pytest.approx(6000 * times + 360)


def test_too_late_is_after_its_life() -> None:
    found = decide("distil", Effort(6000.0, life_months=12), 400.0)
    assert found.verdict == "too late" and found.break_even_months == pytest.approx(15)


def test_nothing_is_saved_while_the_machine_is_idle() -> None:
    found = decide_on_own("quantise", Effort(3000.0), QUIET, savings.freed_frac(0.3, 2.0))
    assert found.verdict == "nothing is saved"
    assert found.saved_usd_per_month == pytest.approx(0.15 * 200), "electricity, no more"
    assert "nobody waits" in found.because and "15%" in found.because


def test_freed_room_earns_where_demand_was_waiting() -> None:
    full = OwnWork(1.0, 200.0, waiting_frac=0.4, earned_usd_per_month=10_000.0)
    found = decide_on_own("quantise", Effort(3000.0), full, savings.freed_frac(1.0, 2.0))
    assert found.freed is not None
    assert found.freed.sold_usd == pytest.approx(4000)
    assert found.freed.energy_usd == pytest.approx(0.1 * 200), "the rest runs again"
    assert found.verdict == "pays" and "work that was waiting" in found.because


def test_freed_room_saves_a_machine_only_if_a_whole_one_can_go() -> None:
    two = OwnWork(0.9, 400.0, machines=2, machine_usd_per_month=2500.0)
    assert freed_usd(two, 0.3).machines_usd == 0
    assert freed_usd(two, 0.45).machines_usd == 2500
    peaky = replace(two, peak_to_mean=2.0)
    assert [freed_usd(peaky, x).machines_less for x in (0.6, 0.65)] == [0, 1]
    idle = replace(two, load_frac=0.4)
    assert freed_usd(idle, 0.2).machines_less == 0, "it could have gone before"


@given(SHARE, SHARE, SHARE, st.integers(1, 8))
def test_freed_room_goes_somewhere(load: float, part: float, waiting: float, machines: int) -> None:
    work = OwnWork(load, 1.0, waiting, 0.0, machines, 1.0)
    freed = freed_usd(work, load * part)
    sold = min(load * part, waiting)
    assert freed.energy_usd + sold == pytest.approx(load * part)
    assert freed.machines_less <= machines * (load * part - sold) + 1
    assert freed.usd == freed.energy_usd + freed.sold_usd + freed.machines_usd


@given(USD, USD, st.none() | st.integers(1, 60), st.integers(1, 60))
def test_what_is_just_worth_it_breaks_even_at_the_end(
    once: float, upkeep: float, again: int | None, life: int
) -> None:
    effort = Effort(once + 1, upkeep, again, life)
    found = decide("cache", effort, worth_it_usd_per_month(effort))
    assert found.break_even_months == pytest.approx(life, rel=1e-6)
    assert found.npv_usd == pytest.approx(0, abs=1e-6 * (once + 1) * life)


@given(USD, st.floats(0.01, 0.5))
def test_a_discount_makes_it_worth_less(saved: float, rate: float) -> None:
    effort = Effort(1000.0, life_months=24)
    now = decide("rag", replace(effort, discount_frac_per_year=rate), saved).npv_usd
    assert now <= decide("rag", effort, saved).npv_usd + 1e-9


# --- what is saved --------------------------------------------------------------------------------


def test_savings_by_hand() -> None:
    assert savings.shorter_prompts_usd(10_000, 2000, 3.0) == pytest.approx(60)
    assert savings.smaller_model_usd(100, 10.0, 1.0, 0.8, 0.1) == pytest.approx(80 * (9 - 1))
    assert savings.retrieval_usd(10_000, 2000, 3.0, 0.001) == pytest.approx(50)


@given(st.floats(0, 0.9), st.floats(1, 3))
def test_at_its_break_even_a_cache_saves_nothing(read: float, write: float) -> None:
    hits = savings.cache_break_even_hit_frac(read, write)
    assert hits * read + (1 - hits) * write == pytest.approx(1), "as much as without a cache"


def test_a_second_node_gains_what_the_first_turned_away() -> None:
    assert savings.second_node_usd(150, 100, 2.0, 0.5, 60) == pytest.approx(50 * 1.5 - 60)
    assert savings.second_node_usd(80, 100, 2.0, 0.5, 60) == pytest.approx(-60), (
        "nothing but its cost"
    )
    peaks = savings.second_node_usd(80, 100, 2.0, 0.5, 60, peak_to_mean=3.0)
    assert peaks > -60, "it serves the peaks"


@pytest.mark.parametrize(
    "impossible",
    [
        lambda: decide("x", Effort(-1.0), 1.0),
        lambda: decide("x", Effort(1.0, repeat_months=0), 1.0),
        lambda: freed_usd(QUIET, 0.5),
        lambda: savings.freed_frac(0.5, 0.0),
        lambda: savings.smaller_model_usd(1, 1.0, 1.0, moved_frac=2.0),
        lambda: savings.cache_break_even_hit_frac(1.0, 1.25),
    ],
)
def test_what_cannot_be_is_refused(impossible) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(PlanError) as caught:
        impossible()
    assert caught.value.hint
