"""Cost goes to who caused it, and every part of it is somebody's."""

from __future__ import annotations

from fractions import Fraction

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wattmill.core import roster
from wattmill.core.errors import UsageError
from wattmill.core.records import METERS, Usage
from wattmill.ledger.cost.attribution import (
    NOTHING,
    Cost,
    HardwareCost,
    Rates,
    Work,
    attribute,
)

STEADY = settings(derandomize=True, deadline=None, max_examples=200)
HOUR_US = 3600 * 10**6


def rates(prefill_tok_s: float = 1000.0, decode_tok_s: float = 100.0) -> Rates:
    return Rates(roster.Pool("l40s", "", "vllm", "m", None, prefill_tok_s, decode_tok_s, 8))


# --- time of the pool -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("usage", "seconds"),
    [
        (Usage(input_uncached=1000), 1.0),
        (Usage(output_text=100), 1.0),
        (Usage(input_cached=10**6), 0.0),
        (Usage(500, 10**6, 500, 60, 40), 2.0),
        (Usage(audio_in=1000, image_in=1000, audio_out=100), 3.0),
        (Usage(1), 0.001),
    ],
)
def test_a_request_takes_the_time_of_its_prefill_and_its_decode(
    usage: Usage, seconds: float
) -> None:
    assert rates().busy_us(usage.meters) == round(seconds * 10**6)


@pytest.mark.parametrize("bad", [(0.0, 100.0), (100.0, 0.0), (float("nan"), 100.0)])
def test_a_pool_without_rates_is_refused(bad: tuple[float, float]) -> None:
    with pytest.raises(UsageError, match="has no rates"):
        rates(*bad)


@STEADY
@given(
    st.floats(0.001, 1e7), st.floats(0.001, 1e7), st.tuples(*[st.integers(0, 10**9)] * len(METERS))
)
def test_the_time_is_exact_at_any_rates(
    prefill: float, decode: float, meters: tuple[int, ...]
) -> None:
    used = Usage(**dict(zip(METERS, meters, strict=True)))  # type: ignore[arg-type]
    computed = used.input_tokens - used.input_cached
    exact = computed / Fraction(prefill) + used.output_tokens / Fraction(decode)
    assert abs(rates(prefill, decode).busy_us(meters) - exact * 10**6) <= Fraction(1, 2)


# --- whose cost it is -----------------------------------------------------------------------------


def test_an_hour_of_which_a_tenth_was_used() -> None:
    """1,000 pUSD of wear, 500 of idle watts, 300 of work: 6 min of acme's, 3 of nobody's."""
    cost = HardwareCost(HOUR_US, 1_000, 500, 300)
    found = attribute(cost, {"acme": Work(HOUR_US // 10, 7), "": Work(HOUR_US // 20)})
    assert found.parts["acme"] == Cost(50 + 200, 100, 0, 7)
    assert found.parts[""] == Cost(25 + 100, 50)
    assert found.idle == Cost(425, 850)


def test_of_two_tenants_the_one_with_long_answers_causes_more() -> None:
    """The same number of tokens: decoding costs ten times the time of prefilling here."""
    works = {
        "reader": Work(rates().busy_us(Usage(1000, 0, 0, 100).meters)),
        "writer": Work(rates().busy_us(Usage(100, 0, 0, 1000).meters)),
    }
    parts = attribute(HardwareCost(HOUR_US, 10**12, 10**12, 10**12), works).parts
    assert parts["writer"].total_pusd * 200 == pytest.approx(parts["reader"].total_pusd * 1010)


def test_more_work_than_time_leaves_nothing_idle_and_scales_everybody() -> None:
    cost = HardwareCost(HOUR_US, 900, 600, 300)
    found = attribute(cost, {"acme": Work(2 * HOUR_US), "indus": Work(HOUR_US)})
    assert found.parts == {"acme": Cost(600, 600), "indus": Cost(300, 300)}
    assert found.idle == NOTHING


def test_watts_above_idle_that_nobody_caused_are_idle() -> None:
    assert attribute(HardwareCost(HOUR_US, 5, 6, 7), {}).idle == Cost(13, 5)
    assert attribute(HardwareCost(HOUR_US, 5, 6, 7), {"acme": Work(0, 3)}).idle == Cost(13, 5)


def test_a_gain_of_the_machines_is_shared_as_a_loss_would_be() -> None:
    found = attribute(HardwareCost(HOUR_US, -1000, 0, 0), {"acme": Work(HOUR_US // 4)})
    assert (found.parts["acme"], found.idle) == (Cost(0, -250), Cost(0, -750))


signed = st.integers(-(10**18), 10**18)
costs = st.builds(
    HardwareCost,
    st.integers(1, HOUR_US),
    st.none() | signed,
    st.none() | st.integers(0, 10**18),
    st.none() | st.integers(0, 10**18),
)
works = st.builds(Work, st.integers(0, 2 * HOUR_US), st.integers(0, 10**15))


@STEADY
@given(costs, st.dictionaries(st.text(max_size=3), works, max_size=6))
def test_the_parts_are_the_cost(cost: HardwareCost, tenants: dict[str, Work]) -> None:
    found = attribute(cost, tenants)
    whole = sum(found.parts.values(), found.idle)
    assert whole.energy_pusd == cost.energy_pusd
    assert whole.amortisation_pusd == (cost.amortisation_pusd or 0)
    assert whole.charges_pusd == sum(work.charges_pusd for work in tenants.values())
    assert whole.space_pusd == 0


@STEADY
@given(
    st.builds(Cost, *(st.integers(-(10**15), 10**18) for _ in range(4))),
    st.lists(st.integers(1, 10**9), min_size=1, max_size=6),
)
def test_a_cost_splits_into_costs_that_add_up(cost: Cost, weights: list[int]) -> None:
    assert sum(cost.split(weights), Cost()) == cost


# --- beside other rules ---------------------------------------------------------------------------

USD = 10**12


def test_the_worked_example_of_opencost_is_a_special_case() -> None:
    """3.20 USD for an hour that is full, half of it prefill: 12M prompt tokens, 0.8M of them cached,
    and 3M generated. A pool whose rates do that much in half an hour each gives the same prices."""
    hour = HardwareCost(HOUR_US, amortisation_pusd=32 * USD // 10)
    prompt, answer = Usage(11_200_000, 800_000), Usage(output_text=3_000_000)
    full = rates(11_200_000 / 1800, 3_000_000 / 1800)
    found = attribute(
        hour,
        {
            side: Work(full.busy_us(used.meters))
            for side, used in {"in": prompt, "out": answer}.items()
        },
    )
    spent = {side: Fraction(cost.total_pusd, USD) for side, cost in found.parts.items()}
    assert found.idle == NOTHING
    assert float(sum(spent.values()) / 15) == pytest.approx(0.2133, abs=5e-5)
    assert float(spent["in"] / Fraction("11.2")) == pytest.approx(0.142857, abs=5e-7)
    assert float(spent["out"] / 3) == pytest.approx(0.53333, abs=5e-6)


def test_under_continuous_batching_seconds_of_requests_are_not_seconds_of_the_pool() -> None:
    """An hour with two tenants. 64 writers stream side by side, each answer open for the whole hour;
    a reader sends one long prompt after another, each open for 4 seconds.

    By seconds open, the reader would have 400 of 230,800 and pay a sixth of a percent. Its prompts
    kept the pool busy for 1,600 of the 3,200 seconds in which it worked: it caused half of that.
    """
    pool = rates(prefill_tok_s=8000.0, decode_tok_s=1250.0)
    reads = [Usage(128_000) for _ in range(100)]
    writes = [Usage(output_text=31_250) for _ in range(64)]
    open_s = {"reader": 4.0 * len(reads), "writer": 3600.0 * len(writes)}
    assert sum(open_s.values()) > 60 * 3600
    works = {
        name: Work(sum(pool.busy_us(used.meters) for used in some))
        for name, some in {"reader": reads, "writer": writes}.items()
    }
    hour = HardwareCost(HOUR_US, 3600 * USD, 0, 0)
    found = attribute(hour, works)
    assert found.parts["reader"] == found.parts["writer"] == Cost(0, 1600 * USD)
    assert found.idle == Cost(0, 400 * USD)
    by_seconds = open_s["reader"] / sum(open_s.values())
    assert by_seconds < 0.002


def test_a_cost_is_the_sum_of_its_components() -> None:
    cost = Cost(1, 20, 300, 4000)
    assert cost.total_pusd == sum(msgspec.structs.astuple(cost)) == 4321
