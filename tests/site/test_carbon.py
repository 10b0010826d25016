"""Carbon of power and tokens; which place is best."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wattmill.catalog.facilities import grid
from wattmill.core.errors import PlanError
from wattmill.site.carbon import (
    Place,
    embodied_kg_per_mtok,
    kg_per_month,
    kg_per_mtok,
    siting_scores,
)


def test_a_month_by_hand() -> None:
    assert kg_per_month(10_000, 1.3, 350) == pytest.approx(13 * 730 * 0.35)


def test_tokens_by_hand() -> None:
    assert kg_per_mtok(3.6, 1.0, 500) == pytest.approx(0.5)  # 1 kWh for a million of them
    assert embodied_kg_per_mtok(2000, 4e12) == pytest.approx(0.0005)


@given(st.floats(1, 1e6), st.floats(1, 2), st.floats(0, 1000), st.floats(0.1, 1e5))
def test_a_month_is_its_tokens(watts: float, pue: float, grams: float, tok_per_s: float) -> None:
    mtok = tok_per_s * 730 * 3600 / 1e6
    each = kg_per_mtok(watts / tok_per_s, pue, grams)
    assert each * mtok == pytest.approx(kg_per_month(watts, pue, grams))


@pytest.mark.parametrize("grams", [-1, float("nan")])
def test_impossible_carbon_is_refused(grams: float) -> None:
    with pytest.raises(PlanError, match="cannot be"):
        kg_per_month(1000, 1.2, grams)


# --- siting ---------------------------------------------------------------------------------------

PLACES = [
    Place("Virginia", 0.09, grid("US-VA").g_per_kwh, 72),
    Place("Texas", 0.07, grid("US-TX").g_per_kwh, 30),
    Place("Norway", 0.06, grid("NO").g_per_kwh, 48),
]


def test_what_is_weighed_decides() -> None:
    assert siting_scores(PLACES, {"months_to_power": 1})[0].name == "Texas"
    assert siting_scores(PLACES, {"g_per_kwh": 1})[0].name == "Norway"
    assert [each.score for each in siting_scores(PLACES, {"usd_per_kwh": 5})] == pytest.approx(
        [0, 1 / 3, 1]
    )


weights = st.dictionaries(
    st.sampled_from(["usd_per_kwh", "g_per_kwh", "months_to_power"]), st.floats(0.01, 9), min_size=1
)


@given(weights, st.floats(0.1, 10))
def test_scores_are_shares_that_add_up(by: dict[str, float], factor: float) -> None:
    found = siting_scores(PLACES, by)
    for each in found:
        assert 0 <= each.score <= 1 + 1e-9
        assert sum(each.parts.values()) == pytest.approx(each.score)
    scaled = siting_scores(PLACES, {name: factor * weight for name, weight in by.items()})
    assert {e.name: e.score for e in scaled} == pytest.approx({e.name: e.score for e in found})


def test_what_is_the_same_everywhere_parts_nobody() -> None:
    same = [Place("a", usd_per_kwh=0.1), Place("b", usd_per_kwh=0.1)]
    assert [each.score for each in siting_scores(same, {"usd_per_kwh": 1})] == [0, 0]


@pytest.mark.parametrize(
    ("places", "by", "message"),
    [
        (PLACES, {"risk_frac": 1}, "not known of Virginia, Texas, Norway"),
        (PLACES, {"usd_kwh": 1}, "no 'usd_kwh'"),
        (PLACES, {"usd_per_kwh": 0}, "nothing is weighed"),
        (PLACES, {"usd_per_kwh": -1}, "cannot be"),
        (PLACES[:1], {"usd_per_kwh": 1}, "one place"),
    ],
)
def test_what_cannot_be_compared(places: list[Place], by: dict[str, float], message: str) -> None:
    with pytest.raises(PlanError, match=message):
        siting_scores(places, by)
