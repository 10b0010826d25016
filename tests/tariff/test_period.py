"""The charges of a month: every token once, tiers that go on, fees by the time, and differences that add up."""

from collections import Counter
from collections.abc import Iterable
from decimal import Decimal
from fractions import Fraction
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from wattmill.core.records import METERS, NO_USAGE, Band, Price, Usage
from wattmill.core.terms import (
    Card,
    Commitment,
    Flat,
    Graduated,
    Package,
    Rate,
    Scheme,
    Terms,
    Tier,
    Volume,
)
from wattmill.tariff.charges import NO_RATING, Charge, Rating, difference, total_pusd
from wattmill.tariff.period import (
    BillingPeriod,
    PlanVersion,
    Quantity,
    Span,
    quantities,
    rate_period,
    rerated,
    spans,
)
from wattmill.tariff.prices import request_prices
from wattmill.tariff.rating import rate

STEADY = settings(derandomize=True, deadline=None, max_examples=100)
D = Decimal
MTOK = 10**6
USD = 10**12
MONTH = BillingPeriod("2026-11", 0, 30)
"""Thirty microseconds are as good as thirty days."""
OTHERS = METERS[1:]


def card(scheme: Scheme, free: str = "0", **where: str) -> Card:
    """Uncached input by a scheme, everything else for nothing."""
    return Card(
        (Rate((METERS[0],), scheme, D(free)), Rate(OTHERS, Flat(D(0)))),
        model=where.get("model"),
        pool=where.get("pool"),
        band=where.get("band"),
    )


def plan(version: int, terms: Terms, valid_from_us: int = 0, name: str = "p") -> PlanVersion:
    return PlanVersion(version, name, valid_from_us, terms)


def used(mtok: str | int | Decimal, version: int = 1, **where: str) -> Quantity:
    return Quantity(
        version,
        where.get("model", "house"),
        where.get("pool", "own"),
        where.get("band"),
        where.get("meter", METERS[0]),
        int(D(mtok) * MTOK),
    )


def rated(terms: Terms, *tokens: Quantity, month: str = "2026-11", drawn: int = 0) -> Rating:
    """A month under one version."""
    period = BillingPeriod(month, 0, 30)
    in_force = spans([plan(1, terms)], period)
    return rate_period(in_force, tokens, period, drawn_usd=Fraction(drawn))


def lines(rating: Rating | Iterable[Charge]) -> list[tuple[str, str, str]]:
    """Kind, quantity and amount in USD."""
    charges = rating.charges if isinstance(rating, Rating) else rating
    return [(each.kind, str(each.quantity), str(each.amount_usd)) for each in charges]


def usd(rating: Rating) -> Fraction:
    return rating.total_pusd / USD


ONE_USD = Terms((card(Flat(D(1))),))
FIVES = Graduated((Tier(D(5), D(5)), Tier(D(10), D(4)), Tier(None, D(3))))
FIVES_BY_VOLUME = Volume(FIVES.tiers)

# --- usage ------------------------------------------------------------------------------------------------------------


def test_a_flat_rate_has_a_line_for_each_model_and_meter() -> None:
    tokens = [used(2), used(3, model="large"), used(1, meter="output_text")]
    found = rated(ONE_USD, *tokens).charges
    assert [(each.model, each.meters[0], each.tokens // MTOK) for each in found] == [
        ("house", "input_uncached", 2),
        ("house", "output_text", 1),
        ("large", "input_uncached", 3),
    ]


def test_tiers_have_a_line_each() -> None:
    found = rated(Terms((card(FIVES),)), used(12)).charges
    bounds = [f"{each.tier[1]}-{each.tier[2]}" for each in found if each.tier]
    assert bounds == ["0-5", "5-10", "10-None"]
    assert lines(found) == [("usage", "5", "25"), ("usage", "5", "20"), ("usage", "2", "6")]


def test_the_free_tokens_of_a_rate_stand_on_the_invoice_at_no_price() -> None:
    assert lines(rated(Terms((card(FIVES, free="3"),)), used(4))) == [
        ("usage", "3", "0"),
        ("usage", "1", "5"),
    ]


def test_models_of_one_rate_climb_its_tiers_together() -> None:
    together = rated(Terms((card(FIVES),)), used(3), used(3, model="large"))
    assert usd(together) == 5 * 5 + 4
    apart = Terms((card(FIVES), card(FIVES, model="large")))
    assert usd(rated(apart, used(3), used(3, model="large"))) == 6 * 5


def test_meters_of_one_rate_are_counted_together() -> None:
    terms = Terms((Card((Rate(METERS, FIVES),)),))
    assert usd(rated(terms, used(3), used(3, meter="output_text"))) == 5 * 5 + 4


def test_the_most_special_card_prices_a_token() -> None:
    night = Band("night", "UTC", ((0, 360),))
    cards = (
        card(Flat(D(1))),
        card(Flat(D(2)), band="night"),
        card(Flat(D(3)), model="large"),
        card(Flat(D(4)), pool="cloud"),
    )
    terms = Terms(cards, (night,))
    cases: list[tuple[dict[str, str], int]] = [
        ({}, 1),
        ({"band": "night"}, 2),
        ({"model": "large", "band": "night"}, 3),
        ({"model": "large", "band": "night", "pool": "cloud"}, 4),
    ]
    for where, price in cases:
        assert usd(rated(terms, used(1, 1, **where))) == price


def test_packages_are_rounded_up_and_the_tokens_are_told() -> None:
    (line,) = rated(Terms((card(Package(D(10), D(15))),)), used("10.5")).charges
    assert lines([line]) == [("package", "2", "30")]
    assert line.tokens == 10_500_000


def test_tokens_without_a_rate_are_refused() -> None:
    with pytest.raises(ValueError, match="no rate for house on own"):
        rated(Terms((card(Flat(D(1)), model="large"),)), used(1))
    with pytest.raises(ValueError, match="version 7, which is unknown"):
        rated(ONE_USD, used(1, version=7))


# --- a price that changes within the month ----------------------------------------------------------------------------


def changed(before: Terms, after: Terms, at: int, *tokens: Quantity) -> Rating:
    versions = [plan(1, before), plan(2, after, at)]
    return rate_period(spans(versions, MONTH), tokens, MONTH)


def test_each_version_rates_its_own_tokens() -> None:
    two_usd = Terms((card(Flat(D(2))),))
    assert usd(changed(ONE_USD, two_usd, 10, used(3), used(4, version=2))) == 3 + 8


def test_graduated_tiers_go_on_under_a_new_version() -> None:
    dearer = Graduated(tuple(Tier(tier.up_to, tier.unit * 10) for tier in FIVES.tiers))
    found = changed(Terms((card(FIVES),)), Terms((card(dearer),)), 10, used(7), used(4, version=2))
    assert usd(found) == (5 * 5 + 2 * 4) + (3 * 40 + 1 * 30)


def test_packages_go_on_under_a_new_version() -> None:
    ten, same = Package(D(10), D(15)), Package(D(10), D(20))
    found = changed(Terms((card(ten),)), Terms((card(same),)), 10, used(17), used(5, version=2))
    assert usd(found) == 2 * 15 + 1 * 20


def test_a_volume_tier_is_that_of_the_whole_month() -> None:
    cheaper = Volume(tuple(Tier(tier.up_to, tier.unit / 2) for tier in FIVES.tiers))
    old, new = Terms((card(FIVES_BY_VOLUME),)), Terms((card(cheaper),))
    assert usd(changed(old, new, 10, used(4), used(4, version=2))) == 4 * 4 + 4 * 2


def test_a_flat_price_at_zero_is_due_once_a_month() -> None:
    scheme = Graduated((Tier(None, D(1), D(100)),), flat_at_zero=True)
    terms = Terms((card(scheme),))
    assert usd(changed(terms, terms, 10)) == 100
    assert usd(changed(terms, terms, 10, used(1), used(1, version=2))) == 102


def test_the_same_terms_twice_are_as_good_as_once() -> None:
    terms = Terms((card(FIVES, free="2"),), fee=D(30), minimum=D(50))
    once = rated(terms, used(9))
    assert usd(changed(terms, terms, 11, used(4), used(5, version=2))) == usd(once)


# --- what a plan adds or takes off ------------------------------------------------------------------------------------


def test_a_fee_and_seats_are_due_whatever_is_used() -> None:
    terms = Terms((card(Flat(D(1))),), fee=D(20), seats=3, seat_fee=D(10))
    assert lines(rated(terms)) == [("fee", "1", "20"), ("seats", "3", "30")]
    assert rated(terms).total_pusd == 50 * USD


def test_fees_are_for_the_time_in_which_they_were_due() -> None:
    cheap = Terms((card(Flat(D(1))),), fee=D(30), seats=1, seat_fee=D(10))
    dear = Terms((card(Flat(D(1))),), fee=D(60), seats=4, seat_fee=D(10))
    found = changed(cheap, dear, 10)
    assert usd(found) == (30 + 10) * Fraction(1, 3) + (60 + 40) * Fraction(2, 3)


def test_fees_as_a_whole_are_those_of_the_last_version() -> None:
    whole = Terms((card(Flat(D(1))),), fee=D(60), proration="whole")
    assert usd(changed(Terms((card(Flat(D(1))),), fee=D(30)), whole, 10)) == 60


def test_who_comes_within_the_month_pays_from_then_on() -> None:
    period = BillingPeriod("2026-11", 0, 30, served_from_us=24)
    terms = Terms((card(Flat(D(1))),), fee=D(30), minimum=D(15))
    found = rate_period(spans([plan(1, terms)], period), [used(1)], period)
    assert lines(found) == [("usage", "1", "1"), ("minimum", "2", "2"), ("fee", "1/5", "6")]


def test_openmeter_minimum_spend() -> None:
    found = rated(Terms((card(Flat(D(1))),), minimum=D(1000)), used(100))
    assert lines(found) == [("usage", "100", "100"), ("minimum", "900", "900")]


def test_openmeter_minimum_of_a_volume_at_zero() -> None:
    scheme = Volume((Tier(D(5), D(0), D(100)), Tier(None, D(5))), flat_at_zero=True)
    found = rated(Terms((card(scheme),), minimum=D(150)))
    assert lines(found) == [("tier_fee", "1", "100"), ("minimum", "50", "50")]


def test_openmeter_maximum_of_a_volume() -> None:
    scheme = Volume((Tier(D(5), D(0), D(100)), Tier(D(10), D(0), D(150)), Tier(None, D(5))))
    found = rated(Terms((card(scheme),), maximum=D(125)), used(7))
    assert usd(found) == 150 - 25


def test_openmeter_maximum_leaves_ten_of_what_comes_later() -> None:
    terms = Terms((card(Flat(D(1))),), maximum=D(170))
    before, now = rated(terms, used(160)), rated(terms, used(200))
    assert total_pusd(difference(now, before)) == 10 * USD


def test_free_usage_in_money() -> None:
    terms = Terms((card(Flat(D(1))),), allowance=D(10))
    assert [usd(rated(terms, used(mtok))) for mtok in (0, 4, 10, 12)] == [0, 0, 0, 2]


# --- commitments ------------------------------------------------------------------------------------------------------


def committed(**made: object) -> Terms:
    return Terms((card(Flat(D(1))),), commitment=Commitment(D(100), **made))  # type: ignore[arg-type]


def test_a_commitment_is_trued_up_at_the_end() -> None:
    assert lines(rated(committed(), used(60))) == [
        ("usage", "60", "60"),
        ("commitment", "40", "40"),
    ]
    assert usd(rated(committed(), used(130))) == 130


def test_a_commitment_paid_up_front_is_drawn_down() -> None:
    assert lines(rated(committed(due="start"), used(60))) == [
        ("usage", "60", "60"),
        ("drawdown", "-60", "-60"),
        ("commitment", "100", "100"),
    ]
    assert usd(rated(committed(due="start"), used(130))) == 130


@pytest.mark.parametrize("due", ["start", "end"])
def test_overage_has_its_own_rate(due: str) -> None:
    found = rated(committed(due=due, overage=D("1.5")), used(120))
    assert usd(found) == 100 + 20 * Fraction(3, 2)


@pytest.mark.parametrize("due", ["start", "end"])
def test_a_commitment_of_a_quarter_adds_up_over_its_months(due: str) -> None:
    terms = committed(months=3, starts="2026-10", due=due)
    drawn, came_to = Fraction(0), []
    for month, mtok in [("2026-10", 30), ("2026-11", 50), ("2026-12", 5)]:
        found = rated(terms, used(mtok), month=month, drawn=int(drawn))
        drawn += found.drawn_usd
        came_to.append(usd(found))
    assert came_to == ([100, 0, 0] if due == "start" else [30, 50, 5 + 15])
    assert usd(rated(terms, used(7), month="2026-09")) == 7
    assert usd(rated(terms, month="2027-01")) == (100 if due == "start" else 0)


# --- what becomes known later -----------------------------------------------------------------------------------------


def test_openmeter_delta_books_the_reversal_and_the_new_price() -> None:
    """15 at 10 were booked; with the sixteenth all cost 5."""
    scheme = Volume((Tier(D(15), D(10)), Tier(None, D(5))))
    terms = Terms((card(scheme),))
    found = difference(rated(terms, used(16)), rated(terms, used(15)))
    assert lines(found) == [("usage", "-15", "-150"), ("usage", "16", "80")]
    assert total_pusd(found) == -70 * USD


def test_openmeter_graduated_delta() -> None:
    scheme = Graduated(
        (Tier(D(5), D(0), D(100)), Tier(D(10), D(0), D(50)), Tier(D(15), D(5)), Tier(None, D(1)))
    )
    terms = Terms((card(scheme),))
    found = difference(rated(terms, used(22)), rated(terms, used(12)))
    assert lines(found) == [("usage", "3", "15"), ("usage", "7", "7")]


def test_a_correction_comes_back_with_what_it_cost() -> None:
    terms = Terms((card(FIVES),))
    found = difference(rated(terms, used(12), used(-4)), rated(terms, used(12)))
    assert lines(found) == [("usage", "-2", "-8"), ("usage", "-2", "-6")]


def test_more_taken_back_than_was_used_is_refused() -> None:
    with pytest.raises(ValueError, match="negative"):
        rated(Terms((card(FIVES),)), used(-1))


# --- from the books ---------------------------------------------------------------------------------------------------


class Group:
    def __init__(self, price: int | None, model: str, pool: str | None, usage: Usage) -> None:
        self.price, self.model, self.pool, self.meters = price, model, pool, usage.meters


def test_quantities_come_from_groups_and_their_prices() -> None:
    night = Band("night", "UTC", ((0, 360),))
    prices = {
        1: Price(1, "p", 0.0, *[1] * 8, plan_version=5),
        2: Price(2, "p", 0.0, *[1] * 8, plan_version=5, band=night),
    }
    groups = [
        Group(1, "house", "own", Usage(10, output_text=4)),
        Group(1, "house", "own", Usage(5)),
        Group(2, "house", "own", Usage(7)),
        Group(None, "house", None, Usage(99)),
    ]
    found = quantities(groups, prices)
    assert found == [
        Quantity(5, "house", "own", None, "input_uncached", 15),
        Quantity(5, "house", "own", None, "output_text", 4),
        Quantity(5, "house", "own", "night", "input_uncached", 7),
    ]
    assert [each.version for each in rerated(found, 9)] == [9] * 3
    with pytest.raises(ValueError, match="belongs to no version"):
        quantities(groups[:1], {1: Price(1, "p", 0.0, *[1] * 8)})


def test_spans_follow_versions_and_plans() -> None:
    old, new = plan(1, ONE_USD, -100), plan(3, ONE_USD, 20)
    other, later = plan(2, ONE_USD, -50, "q"), plan(4, ONE_USD, 99)
    both = [("p", -100), ("q", 5), ("p", 15)]
    assert spans([new, old, later, other], MONTH, both) == (
        Span(later, 0, 0),
        Span(old, 0, 5),
        Span(other, 5, 15),
        Span(old, 15, 20),
        Span(new, 20, 30),
    )
    assert spans([new, old], MONTH) == (Span(old, 0, 20), Span(new, 20, 30))
    with pytest.raises(ValueError, match="on which plan"):
        spans([old, other], MONTH)


def test_of_two_versions_from_one_instant_the_later_holds() -> None:
    one, two = plan(1, ONE_USD, 5), plan(2, ONE_USD, 5)
    assert spans([two, one], MONTH) == (Span(one, 0, 0), Span(two, 5, 30))


# --- properties -------------------------------------------------------------------------------------------------------

money = st.decimals(0, 100, places=2)
tokens = st.integers(0, 20 * MTOK)


@st.composite
def schemes(draw: st.DrawFn, *, flats: bool = True) -> Scheme:
    ends = [*(D(end) for end in sorted(draw(st.sets(st.integers(1, 15), max_size=3)))), None]
    flat = money if flats else st.just(D(0))
    rows = tuple(Tier(end, draw(money), draw(flat)) for end in ends)
    options: list[Scheme] = [Flat(draw(money)), Graduated(rows), Volume(rows)]
    return draw(st.sampled_from([*options, Package(D(3), draw(money))] if flats else options))


@st.composite
def any_terms(draw: st.DrawFn, *, flats: bool = True) -> Terms:
    free = st.sampled_from(["0", "2.5"])
    cards = [
        Card(
            (
                Rate(METERS[:2], draw(schemes(flats=flats)), D(draw(free))),
                Rate(METERS[2:], Flat(draw(money))),
            ),
            model,
        )
        for model in draw(st.sampled_from([(None,), (None, "large")]))
    ]
    return Terms(tuple(cards), allowance=draw(st.sampled_from([D(0), D(9)])))


used_by = st.lists(
    st.builds(
        Quantity,
        st.sampled_from([1, 2]),
        st.sampled_from(["house", "large"]),
        st.sampled_from(["own", None]),
        st.none(),
        st.sampled_from(METERS[:4]),
        tokens,
    ),
    max_size=8,
)


def month_of(terms: tuple[Terms, Terms], held: list[Quantity]) -> Rating:
    return changed(*terms, 12, *held)


@STEADY
@given(st.tuples(any_terms(), any_terms()), used_by)
def test_every_token_is_charged_once_and_every_line_multiplies_out(
    terms: tuple[Terms, Terms], held: list[Quantity]
) -> None:
    found = month_of(terms, held)
    assert sum(each.tokens for each in found.charges) == sum(each.tokens for each in held)
    assert len({each.key for each in found.charges}) == len(found.charges)
    for each in found.charges:
        assert each.quantity * each.unit_price_usd * USD == each.amount_pusd
    assert found.total_pusd >= 0


@STEADY
@given(st.tuples(any_terms(), any_terms()), used_by, st.randoms(use_true_random=False))
def test_the_order_of_arrival_and_how_it_is_grouped_do_not_matter(
    terms: tuple[Terms, Terms],
    held: list[Quantity],
    random: Random,
) -> None:
    pieces = [
        Quantity(each.version, each.model, each.pool, each.band, each.meter, part)
        for each in held
        for part in (each.tokens // 3, each.tokens - each.tokens // 3)
    ]
    random.shuffle(pieces)
    assert Counter(lines(month_of(terms, pieces))) == Counter(lines(month_of(terms, held)))


@STEADY
@given(st.tuples(any_terms(), any_terms()), used_by, st.data())
def test_deltas_add_up_to_the_whole_in_any_order_of_arrival(
    terms: tuple[Terms, Terms], held: list[Quantity], data: st.DataObject
) -> None:
    known: list[Quantity] = []
    before, billed = NO_RATING, Fraction(0)
    for late in data.draw(st.permutations(held)):
        known.append(late)
        now = month_of(terms, known)
        billed += total_pusd(difference(now, before))
        before = now
    assert billed == month_of(terms, held).total_pusd - (
        0 if held else month_of(terms, []).total_pusd
    )


@STEADY
@given(any_terms(flats=False), used_by)
def test_the_month_never_costs_more_than_its_requests(terms: Terms, held: list[Quantity]) -> None:
    """So a budget that held for the requests holds for the invoice."""
    asked = request_prices("p", 1, 0.0, terms)
    by_requests = 0
    for each in held:
        price = [at for at in asked if at.model == each.model] or [
            at for at in asked if at.model is None
        ]
        by_requests += rate(replace(NO_USAGE, **{each.meter: each.tokens}), price[0])
    assert rated(terms, *(rerated(held, 1))).total_pusd <= by_requests + len(held)


def by_hand(scheme: Scheme, mtok: Decimal) -> Decimal:
    """One meter under one version, in Decimal."""
    if isinstance(scheme, Flat):
        return scheme.unit * mtok
    if isinstance(scheme, Package):
        whole, rest = divmod(mtok, scheme.size)
        return scheme.price * (whole + (rest > 0))
    assert isinstance(scheme, Graduated | Volume)
    low, total = D(0), D(0)
    for tier in scheme.tiers:
        high = mtok if tier.up_to is None else min(mtok, tier.up_to)
        if isinstance(scheme, Volume) and mtok and low < mtok == high:
            return tier.unit * mtok + tier.flat
        if isinstance(scheme, Graduated) and mtok > low:
            total += (high - low) * tier.unit + tier.flat
        low = tier.up_to or low
    return total


@STEADY
@given(schemes(), st.lists(tokens, max_size=4))
def test_a_month_agrees_with_an_independent_computation_in_decimal(
    scheme: Scheme, held: list[int]
) -> None:
    found = rated(Terms((card(scheme),)), *(used(D(n) / MTOK) for n in held))
    assert usd(found) == Fraction(by_hand(scheme, D(sum(held)) / MTOK))


# --- examples of the FOCUS specification ------------------------------------------------------------------------------


def test_focus_usage_that_was_paid_up_front_bills_nothing() -> None:
    """Consumption of 245, 10 and 360 is worth 615; all of it was bought before."""
    terms = Terms(
        (card(Flat(D(1))),),
        commitment=Commitment(D(1230), months=2, starts="2026-10", due="start"),
    )
    found = rated(terms, used(245), used(10, model="b"), used(360, model="c"))
    assert sum(each.amount_usd for each in found.charges if each.kind == "usage") == 615
    assert usd(found) == 0


def test_focus_usage_that_came_late_is_a_correction_of_its_month() -> None:
    terms = Terms((card(Flat(D("1.5"))),))
    late = difference(rated(terms, used(1000)), rated(terms))
    assert lines(late) == [("usage", "1000", "1500")]
