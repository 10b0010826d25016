"""Schemes against examples that vendors publish, and against properties that any of them must have."""

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wattmill.core.terms import (
    Flat,
    Graduated,
    Package,
    Percentage,
    Scheme,
    Tier,
    TierBounds,
    Volume,
)
from wattmill.tariff.schemes import amount, beyond, dearest, opening, parts

STEADY = settings(derandomize=True, deadline=None, max_examples=200)
D = Decimal


def tiers(*rows: tuple[str | None, str, str]) -> tuple[Tier, ...]:
    """Tiers as (up to, by the unit, flat)."""
    return tuple(
        Tier(None if end is None else D(end), D(unit), D(flat)) for end, unit, flat in rows
    )


def amounts(scheme: Scheme, *quantities: str | int) -> list[str]:
    return [str(amount(scheme, D(quantity))) for quantity in quantities]


def exact(*values: str | int) -> list[str]:
    return [str(Fraction(value)) for value in values]


# --- published examples -----------------------------------------------------------------------------------------------

STRIPE_SEATS = tiers(("5", "7", "0"), ("10", "6.5", "0"), (None, "6", "0"))
STRIPE_FIVES = tiers(
    ("5", "5", "0"), ("10", "4", "0"), ("15", "3", "0"), ("20", "2", "0"), (None, "1", "0")
)
USED = (1, 5, 6, 20, 25)


def test_stripe_volume_of_three_tiers() -> None:
    assert amounts(Volume(STRIPE_SEATS), *USED) == exact(7, 35, 39, 120, 150)


def test_stripe_graduated_of_three_tiers() -> None:
    assert amounts(Graduated(STRIPE_SEATS), *USED) == exact(7, 35, "41.5", "127.5", "157.5")


def test_stripe_volume_of_five_tiers() -> None:
    assert amounts(Volume(STRIPE_FIVES), *USED) == exact(5, 25, 24, 40, 25)


def test_stripe_graduated_of_five_tiers() -> None:
    assert amounts(Graduated(STRIPE_FIVES), *USED) == exact(5, 25, 29, 70, 75)


OPENMETER_GRADUATED = Graduated(
    tiers(("5", "0", "100"), ("10", "0", "50"), ("15", "5", "0"), (None, "1", "0"))
)


def test_openmeter_graduated_with_tiers_that_are_flat_only() -> None:
    assert amounts(OPENMETER_GRADUATED, 22) == exact(182)


def test_openmeter_graduated_goes_on_from_what_was_used_before() -> None:
    found = parts(OPENMETER_GRADUATED, Fraction(12), Fraction(22), Fraction(22))
    assert [part.amount for part in found] == [15, 7]


OPENMETER_VOLUME = Volume(
    tiers(("5", "0", "100"), ("10", "0", "150"), ("15", "10", "0"), (None, "5", "0")),
    flat_at_zero=True,
)


def test_openmeter_volume_with_tiers_that_are_flat_only() -> None:
    used = (0, 3, 5, 14, 15, 16, 100)
    assert amounts(OPENMETER_VOLUME, *used) == exact(100, 100, 100, 140, 150, 80, 500)


def test_openmeter_packages() -> None:
    package = Package(D(10), D(15))
    assert amounts(package, 0, 10) == exact(0, 15)
    assert (
        sum(part.amount for part in parts(package, Fraction(17), Fraction(22), Fraction(22))) == 15
    )


LAGO_GRADUATED = Graduated(
    tiers(("10", "10", "2"), ("20", "5", "3"), (None, "5", "3")), flat_at_zero=True
)


def test_lago_graduated_with_flat_prices() -> None:
    used = (0, 1, 10, 11, 12, 21)
    assert amounts(LAGO_GRADUATED, *used) == exact(2, 12, 102, 110, 115, 163)


def test_lago_graduated_with_decimal_tiers() -> None:
    scheme = Graduated(tiers(("0.1", "10", "0"), ("1", "5", "0"), (None, "2", "0")))
    assert amounts(scheme, ".05", ".5") == exact(".5", 3)


def test_lago_volume_has_no_gap_between_whole_numbers() -> None:
    scheme = Volume(
        tiers(("100", "2", "10"), ("200", "1", "0"), (None, "0.5", "50")), flat_at_zero=True
    )
    used = (0, 1, 100, "100.5", 101, 200, 300)
    assert amounts(scheme, *used) == exact(10, 12, 210, "100.5", 101, 200, 200)


@pytest.mark.parametrize(("free", "due"), [(0, 1300), (10, 1200), (200, 0)])
def test_lago_packages_with_free_units(free: int, due: int) -> None:
    assert amount(Package(D(10), D(100)), beyond(Fraction(121), D(free))) == due


def test_lago_graduated_percentage_is_a_tier_by_the_unit_of_money() -> None:
    scheme = Graduated(tiers(("10", "0.01", "200"), ("20", "0.02", "300"), (None, "0.03", "400")))
    used = (1, 10, 11, 12, 21)
    assert amounts(scheme, *used) == exact("200.01", "200.1", "500.12", "500.14", "900.33")


def test_lago_percentage_with_free_units_and_a_price_by_the_event() -> None:
    scheme = Percentage(D("0.013"), free=D(250), fixed=D(2))
    assert amount(scheme, 800, events=2) == Fraction("11.15")


# --- what vendors disagree on is said in so many words ----------------------------------------------------------------


@pytest.mark.parametrize("kind", [Graduated, Volume])
def test_a_flat_price_at_zero_is_due_only_where_it_says_so(
    kind: type[Graduated] | type[Volume],
) -> None:
    rows = tiers(("5", "1", "100"), (None, "1", "7"))
    assert amounts(kind(rows, flat_at_zero=True), 0, 1) == exact(100, 101)
    assert amounts(kind(rows), 0, 1) == exact(0, 101)


def test_a_bound_belongs_to_the_tier_below_or_above() -> None:
    rows = tiers(("5", "2", "0"), (None, "1", "50"))
    assert amounts(Volume(rows), 5, "5.1") == exact(10, "55.1")
    assert amounts(Volume(rows, tier_bounds="up_to_excluded"), "4.9", 5) == exact("9.8", 55)
    assert amounts(Graduated(rows), 5, "5.1") == exact(10, "60.1")
    assert amounts(Graduated(rows, tier_bounds="up_to_excluded"), "4.9", 5) == exact("9.8", 60)


def test_what_no_tier_reaches_is_refused() -> None:
    for kind in (Graduated, Volume):
        with pytest.raises(ValueError, match="no tier reaches 6"):
            amount(kind(tiers(("5", "1", "0"))), 6)


def test_a_quantity_below_zero_is_refused() -> None:
    with pytest.raises(ValueError, match="negative"):
        amount(Flat(D(1)), -1)


# --- properties -------------------------------------------------------------------------------------------------------

prices = st.decimals(0, 1000, places=3)
bounds = st.lists(st.integers(1, 500), max_size=4, unique=True).map(sorted)
quantities = st.fractions(0, 1000, max_denominator=1000)


@st.composite
def tiered(draw: st.DrawFn, kind: type[Graduated] | type[Volume]) -> Graduated | Volume:
    ends = [*(D(end) for end in draw(bounds)), None]
    flats = draw(st.sampled_from([st.just(D(0)), prices]))
    rows = tuple(Tier(end, draw(prices), draw(flats)) for end in ends)
    bounds_: list[TierBounds] = ["up_to_included", "up_to_excluded"]
    return kind(rows, draw(st.booleans()), draw(st.sampled_from(bounds_)))


packages_ = st.builds(Package, st.decimals("0.1", 50, places=1), prices)
additive = st.one_of(st.builds(Flat, prices), tiered(Graduated), packages_)
anything = st.one_of(additive, tiered(Volume))


@STEADY
@given(anything, quantities)
def test_no_amount_is_below_zero(scheme: Scheme, quantity: Fraction) -> None:
    assert amount(scheme, quantity) >= 0


@STEADY
@given(additive, quantities, quantities)
def test_more_never_costs_less(scheme: Scheme, quantity: Fraction, more: Fraction) -> None:
    assert amount(scheme, quantity + more) >= amount(scheme, quantity)


def test_more_can_cost_less_by_volume() -> None:
    assert amount(Volume(STRIPE_FIVES), 21) < amount(Volume(STRIPE_FIVES), 20)


@STEADY
@given(additive, st.lists(quantities, max_size=6))
def test_any_split_of_a_period_comes_to_the_same(scheme: Scheme, shares: list[Fraction]) -> None:
    total = sum(shares, Fraction(0))
    once = opening(scheme, total)
    came_to = once.amount if once else Fraction(0)
    position = Fraction(0)
    for share in shares:
        came_to += sum(part.amount for part in parts(scheme, position, position + share, total))
        position += share
    assert came_to == amount(scheme, total)


def test_a_split_by_volume_would_not_come_to_the_same() -> None:
    scheme = Volume(STRIPE_FIVES)
    assert amount(scheme, 4) + amount(scheme, 4) != amount(scheme, 8)


@STEADY
@given(anything, quantities, quantities)
def test_the_way_back_undoes_the_way(scheme: Scheme, one: Fraction, other: Fraction) -> None:
    there = parts(scheme, one, other, one + other)
    back = parts(scheme, other, one, one + other)
    assert sum(part.amount for part in there) == -sum(part.amount for part in back)
    assert sum(part.covers for part in there) == other - one


@STEADY
@given(anything, quantities)
def test_nothing_by_the_unit_costs_more_than_the_dearest(scheme: Scheme, total: Fraction) -> None:
    for part in parts(scheme, Fraction(0), total, total):
        if part.kind == "usage":
            assert part.unit_price <= dearest(scheme)
        if part.kind == "package":
            assert part.amount < part.covers * dearest(scheme) + part.unit_price or not part.amount


def graduated_by_hand(rows: tuple[Tier, ...], quantity: int) -> Decimal:
    """Unit by unit, in Decimal, by another way of thinking."""
    total = D(0)
    for unit in range(1, quantity + 1):
        at = next(n for n, tier in enumerate(rows) if tier.up_to is None or unit <= tier.up_to)
        starts_here = unit == 1 or unit - 1 == rows[at - 1].up_to
        total += rows[at].unit + (rows[at].flat if starts_here else 0)
    return total


@STEADY
@given(tiered(Graduated), st.integers(0, 600))
def test_graduated_agrees_with_counting_unit_by_unit(scheme: Graduated, quantity: int) -> None:
    plain = Graduated(scheme.tiers)
    assert amount(plain, quantity) == Fraction(graduated_by_hand(plain.tiers, quantity))
