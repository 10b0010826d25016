"""The best fleet is the best of all fleets, and shadow prices are slopes."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy.optimize import Bounds, LinearConstraint, milp

from tests.plan.fleet.cases import best_by_trying, fleets, machine
from wattmill.core.errors import PlanError
from wattmill.plan.fleet.dominance import undominated
from wattmill.plan.fleet.mix import best_mix
from wattmill.plan.fleet.model import program
from wattmill.plan.fleet.records import (
    RESOURCES,
    Envelope,
    MachineType,
    Market,
    Mix,
    Objective,
    Solver,
)
from wattmill.plan.fleet.solving import solve

EXACT = Solver(gap_frac=0.0)
OBJECTIVES: tuple[Objective, ...] = ("tokens", "margin", "cost")


def mix(
    types: Sequence[MachineType],
    markets: Sequence[Market],
    envelope: Envelope,
    objective: Objective = "margin",
    **options: object,
) -> Mix:
    """`best_mix` to the last digit, without steps unless they are asked for."""
    return best_mix(types, markets, envelope, objective, EXACT, **({"steps": False} | options))  # type: ignore[arg-type]


# --- against everything that there is -------------------------------------------------------------


@settings(max_examples=60, deadline=None)
@given(fleets(), st.sampled_from(OBJECTIVES))
def test_no_fleet_of_all_is_better(
    case: tuple[list[MachineType], list[Market], Envelope], objective: Objective
) -> None:
    types, markets, envelope = case
    best = best_by_trying(types, markets, envelope, objective)
    if best is None:
        with pytest.raises(PlanError, match="promised"):
            mix(types, markets, envelope, objective)
        return
    found = mix(types, markets, envelope, objective)
    sign = -1 if objective == "cost" else 1
    assert found.value == pytest.approx(sign * best, abs=1e-6)
    assert found.is_proven


@settings(max_examples=40, deadline=None)
@given(fleets(), st.sampled_from(OBJECTIVES))
def test_a_fleet_keeps_every_limit_and_adds_up(
    case: tuple[list[MachineType], list[Market], Envelope], objective: Objective
) -> None:
    types, markets, envelope = case
    assume(best_by_trying(types, markets, envelope, objective) is not None)
    found = mix(types, markets, envelope, objective)
    for name in RESOURCES:
        limit = getattr(envelope, name)
        assert limit is None or found.used[name] <= limit * (1 + 1e-9)
    for market in markets:
        sold = found.mtok_per_month[market.model]
        assert market.least_mtok - 1e-6 <= sold <= (market.most_mtok or np.inf) + 1e-6
    assert envelope.most_kinds is None or len(found.chosen) <= envelope.most_kinds
    sums = {
        "tokens": sum(found.mtok_per_month.values()),
        "margin": found.margin_usd_per_month,
        "cost": found.cost_usd_per_month,
    }
    assert found.value == pytest.approx(sums[objective], abs=1e-6)


def many(seed: int, count: int) -> tuple[list[MachineType], list[Market], Envelope]:
    """Random machine types for three models, within a megawatt."""
    random = np.random.default_rng(seed)
    types = [
        machine(
            f"t{i}",
            f"m{i % 3}",
            kw=random.uniform(1, 15),
            capital_usd=random.uniform(20e3, 400e3),
            racks=random.uniform(0.05, 0.5),
            mtok_per_month=random.uniform(50, 900),
            fixed_usd_per_month=random.uniform(10, 90),
            variable_usd_per_mtok=random.uniform(0, 0.1),
        )
        for i in range(count)
    ]
    markets = [Market(f"m{j}", 1.0 + j / 2, 100.0 * (j + 1), 9000.0) for j in range(3)]
    return types, markets, Envelope(300.0, 6e6, 9.0)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("objective", OBJECTIVES)
def test_another_solver_finds_the_same(seed: int, objective: Objective) -> None:
    types, markets, envelope = many(seed, 20)
    made = program(tuple(types), tuple(markets), envelope, objective)
    rows = np.array([row.values / row.scale for row in made.rows])
    low, high = ([getattr(row, end) / row.scale for row in made.rows] for end in ("low", "high"))
    other = milp(
        -made.gains,
        constraints=LinearConstraint(rows, low, high),
        integrality=made.is_whole.astype(int),
        bounds=Bounds(0, made.upper),
        options={"mip_rel_gap": 1e-6},
    )
    sign = -1 if objective == "cost" else 1
    found = best_mix(types, markets, envelope, objective, Solver(gap_frac=1e-6), steps=False)
    assert found.value == pytest.approx(-sign * other.fun, rel=1e-5)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("objective", OBJECTIVES)
def test_what_is_dominated_changes_nothing(seed: int, objective: Objective) -> None:
    types, markets, envelope = many(seed, 30)
    needed = undominated(tuple(types), envelope, objective)
    assert 0 < len(needed) < len(types)
    for relaxed in (True, False):
        with_, without = (
            solve(program(some, tuple(markets), envelope, objective), Solver(1e-6), relaxed)
            for some in (tuple(types), needed)
        )
        assert without.objective == pytest.approx(with_.objective, rel=3e-6)


def test_of_equal_types_the_first_is_kept() -> None:
    types = (machine("a"), machine("b"), machine("c", mtok_per_month=90.0))
    assert undominated(types, Envelope(kw=9.0), "margin") == (types[0],)


def test_a_type_of_which_there_are_few_displaces_nobody() -> None:
    types = (machine("few", most=1), machine("worse", mtok_per_month=90.0))
    assert undominated(types, Envelope(kw=9.0), "margin") == types
    found = mix(types, [Market("m", 1.0)], Envelope(kw=4.0))
    assert {each.name: each.count for each in found.chosen} == {"few": 1, "worse": 1}


# --- shadow prices --------------------------------------------------------------------------------


def relaxed_value(types: list[MachineType], markets: list[Market], envelope: Envelope) -> float:
    """Margin with machines in parts."""
    made = program(tuple(types), tuple(markets), envelope, "margin")
    return solve(made, EXACT, relaxed=True).objective


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("name", RESOURCES)
def test_a_shadow_price_is_the_slope_of_the_relaxed_problem(seed: int, name: str) -> None:
    types, markets, envelope = many(seed, 25)
    found = best_mix(types, markets, envelope, "margin", steps=False)
    dual = next(shadow.relaxed for shadow in found.shadows if shadow.what == name)
    limit = getattr(envelope, name)
    step = limit * 1e-5
    less, same, more = (
        relaxed_value(types, markets, msgspec.structs.replace(envelope, **{name: at}))
        for at in (limit - step, limit, limit + step)
    )
    rounding = 1e-6 * abs(same) / limit
    assert (more - same) / step - rounding <= dual <= (same - less) / step + rounding
    assert found.relaxed_value == pytest.approx(same)


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_a_promise_has_a_shadow_price_too(objective: Objective) -> None:
    types = [machine("a", "m", fixed_usd_per_month=10.0), machine("b", "n", mtok_per_month=50.0)]
    markets = [Market("m", 3.0, least_mtok=100.0), Market("n", 0.5, least_mtok=200.0)]
    found = mix(types, markets, Envelope(kw=20.0), objective)
    slopes = {shadow.what: shadow.relaxed for shadow in found.shadows}
    # another Mtok of n takes 1/50 of a machine, 0.04 kW, which is 2 Mtok of m
    expected = {"tokens": 1 - 2, "margin": 0.5 - 2 * (3 - 0.1), "cost": 0.0}
    assert slopes["least_mtok of n"] == pytest.approx(expected[objective])


def test_a_limit_that_does_not_bind_is_worth_nothing() -> None:
    found = mix([machine()], [Market("m", 1.0)], Envelope(kw=10.0, capital_usd=9e9), steps=True)
    kw, capital = found.shadows
    assert kw.relaxed == pytest.approx(50.0)
    assert kw.is_scarce
    assert (capital.relaxed, capital.is_scarce, capital.whole) == (0.0, False, None)


def test_a_step_counts_whole_machines() -> None:
    markets, envelope = [Market("m", 1.0)], Envelope(kw=9.0)
    found = mix([machine()], markets, envelope, steps={"kw": 0.5})
    assert found.shadows[0].whole == 0.0  # 9.5 kW still hold four machines of 2 kW
    found = mix([machine()], markets, envelope, steps={"kw": 1.0})
    assert found.shadows[0].whole == pytest.approx(100.0)  # the fifth
    assert found.shadows[0].whole_error == pytest.approx(0.0, abs=1e-6)


@settings(max_examples=25, deadline=None)
@given(fleets(), st.sampled_from(OBJECTIVES), st.sampled_from(RESOURCES))
def test_more_room_never_hurts(
    case: tuple[list[MachineType], list[Market], Envelope], objective: Objective, name: str
) -> None:
    types, markets, envelope = case
    assume(best_by_trying(types, markets, envelope, objective) is not None)
    assume(getattr(envelope, name) is not None)
    wider = msgspec.structs.replace(envelope, **{name: getattr(envelope, name) + 5})
    sign = -1 if objective == "cost" else 1
    now, then = (mix(types, markets, each, objective).value for each in (envelope, wider))
    assert sign * then >= sign * now - 1e-6


# --- stocks, and what cannot be -------------------------------------------------------------------


def test_types_share_a_stock() -> None:
    types = [
        machine("two", uses={"H100": 2.0}),
        machine("four", mtok_per_month=210.0, uses={"H100": 4.0}),
    ]
    found = mix(types, [Market("m", 1.0)], Envelope(stocks={"H100": 7.0}), "tokens")
    assert {each.name: each.count for each in found.chosen} == {"four": 1, "two": 1}
    assert found.shadows[0].what == "stock of H100"
    assert found.shadows[0].relaxed == pytest.approx(52.5)


def test_no_machine_idles() -> None:
    found = mix([machine()], [Market("m", 1.0, most_mtok=250.0)], Envelope(kw=100.0), "tokens")
    assert found.chosen[0].count == 3
    assert found.value == pytest.approx(250.0)


def test_what_misses_its_slo_is_left_out_by_name() -> None:
    types = [machine("fast"), machine("late", mtok_per_month=900.0, meets_slo=False)]
    found = mix(types, [Market("m", 1.0)], Envelope(kw=4.0))
    assert [each.name for each in found.chosen] == ["fast"]
    assert found.refused == (("late", "misses its SLO"),)


PROMISE = [Market("m", 1.0, least_mtok=1000.0)]


@pytest.mark.parametrize(
    ("envelope", "message", "hint"),
    [
        (Envelope(kw=9.0), "20 kW at the least, there are 9", "more power"),
        (Envelope(kw=99.0, capital_usd=5e4), "1e+05 USD at the least", "more capital"),
        (Envelope(kw=9.0, capital_usd=5e4), "20 kW at the least", "power and capital"),
        (Envelope(racks=0.5), "1 racks at the least", "more space"),
        (Envelope(stocks={"H100": 3.0}), "only 3 of H100", "more stock"),
    ],
)
def test_a_broken_promise_names_what_lacks(envelope: Envelope, message: str, hint: str) -> None:
    with pytest.raises(PlanError) as caught:
        mix([machine(uses={"H100": 1.0})], PROMISE, envelope)
    assert message in caught.value.message
    assert hint in caught.value.hint


def test_too_few_kinds_are_named() -> None:
    types = [machine("a", "m"), machine("b", "n")]
    markets = [Market("m", 1.0, 10.0), Market("n", 1.0, 10.0)]
    with pytest.raises(PlanError, match="2 types at the least, there are 1"):
        mix(types, markets, Envelope(kw=99.0, most_kinds=1))


def test_too_few_machines_are_named() -> None:
    with pytest.raises(PlanError, match="not enough machines"):
        mix([machine(most=2)], PROMISE, Envelope())


@pytest.mark.parametrize(
    ("types", "markets", "envelope", "message"),
    [
        ([machine()], [], Envelope(kw=1.0), "no model is sold"),
        ([machine()], [Market("m", 1.0)], Envelope(), "nothing limits how many of 'a'"),
        ([machine()], [Market("m", 1.0), Market("n")], Envelope(kw=9.0), "answers 'n'"),
        ([machine(), machine()], [Market("m", 1.0)], Envelope(kw=9.0), "two machine types"),
        ([machine(), machine("b", "n")], [Market("m", 1.0)], Envelope(kw=9.0), "nobody buys"),
        ([machine(kw=-1.0)], [Market("m", 1.0)], Envelope(kw=9.0), "cannot be"),
        ([machine()], [Market("m", 1.0, 5.0, 4.0)], Envelope(kw=9.0), "5 to 4 Mtok"),
        ([machine()], [Market("m", 1.0), Market("m", 2.0)], Envelope(kw=9.0), "sold twice"),
        ([machine()], [Market("m", 1.0)], Envelope(kw=-9.0), "kw = -9"),
    ],
)
def test_what_cannot_be_is_refused(
    types: list[MachineType], markets: list[Market], envelope: Envelope, message: str
) -> None:
    with pytest.raises(PlanError) as caught:
        mix(types, markets, envelope)
    assert message in caught.value.message
    assert caught.value.hint
