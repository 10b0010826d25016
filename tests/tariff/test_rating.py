"""Rating is exact, meter by meter, at the version of the price that was in force."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from wattmill.core.errors import LedgerError
from wattmill.core.money import pusd_to_usd, usd_to_uusd
from wattmill.core.records import METERS, Band, Price, Usage
from wattmill.core.roster import Model
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
from wattmill.tariff.prices import request_prices
from wattmill.tariff.rating import PriceBook, Quote, rate

STEADY = settings(derandomize=True, deadline=None, max_examples=200)
whole = {meter: st.integers(0, 10**9) for meter in METERS}
usages = st.builds(Usage, **whole)
prices = st.builds(Price, st.just(1), st.just("plan"), st.just(0.0), **whole)


def price(version: int = 1, valid_from_s: float = 0.0, **usd: str) -> Price:
    """A price in USD per million tokens; meters left out are free."""
    return Price(version, "plan", valid_from_s, *(usd_to_uusd(usd.get(m, 0)) for m in METERS))


def each(version: int, amount: int, valid_from_s: float = 0.0, **where: Any) -> Price:
    """A price that is the same for every meter."""
    return Price(version, "plan", valid_from_s, *[amount] * 8, **where)


@dataclass
class FocusRow:
    """Rows of the FOCUS specification's token examples, with the cost that it states."""

    usage: Usage
    price: Price
    cost: str


FOCUS = [
    FocusRow(
        Usage(500_000, 8_000_000, 2_000_000, 1_500_000),
        price(input_uncached="3", input_cached="0.30", cache_write="3.75", output_text="15"),
        "33.90",
    ),
    FocusRow(Usage(10_000_000), price(input_uncached="5"), "50"),
    FocusRow(Usage(output_text=2_000_000), price(output_text="25"), "50"),
    FocusRow(Usage(3_000_000), price(input_uncached="0.75"), "2.25"),
    FocusRow(Usage(output_text=500_000), price(output_text="4.5"), "2.25"),
]


@pytest.mark.parametrize("row", FOCUS)
def test_token_rows_of_focus(row: FocusRow) -> None:
    assert pusd_to_usd(rate(row.usage, row.price)) == Decimal(row.cost)


def test_a_million_small_requests_lose_nothing() -> None:
    one = rate(Usage(350), price(input_uncached="0.20"))
    assert pusd_to_usd(one) == Decimal("0.00007")
    assert pusd_to_usd(one * 10**6) == 70


@STEADY
@given(usages, prices)
def test_rating_is_tokens_times_price_in_decimal(used: Usage, at: Price) -> None:
    by_hand = Decimal(0)
    for meter in METERS:
        usd_per_mtok = Decimal(getattr(at, meter)) / 10**6
        by_hand += getattr(used, meter) * usd_per_mtok / 10**6
    assert pusd_to_usd(rate(used, at)) == by_hand


@STEADY
@given(usages, usages, prices)
def test_rating_adds_up(one: Usage, other: Usage, at: Price) -> None:
    both = Usage(**{meter: getattr(one, meter) + getattr(other, meter) for meter in METERS})
    assert rate(both, at) == rate(one, at) + rate(other, at)


def most(input_tokens: int, output_tokens: int, at: Price) -> int:
    """What a hold at a price is."""
    return Quote({"own": at}).dearest(input_tokens, output_tokens)[0]


@STEADY
@given(usages, prices)
def test_no_request_costs_more_than_its_hold(used: Usage, at: Price) -> None:
    assert rate(used, at) <= most(used.input_tokens, used.output_tokens, at)


def test_the_hold_is_no_more_than_the_dearest_meter() -> None:
    at = price(input_uncached="1", cache_write="1.25", output_text="2", output_reasoning="3")
    assert most(100, 10, at) == 100 * 1_250_000 + 10 * 3_000_000


HOUSE = Model("house", ("own", "cloud"))


def quoted(book: PriceBook, at_s: float, model: Model = HOUSE) -> dict[str, int]:
    """The version of the price on each pool of the route."""
    quote = book.quote("plan", model, at_s)
    return {} if quote is None else {pool: price.version for pool, price in quote.prices.items()}


# --- prices finer than the books' unit --------------------------------------------------------------------------------


def test_a_price_finer_than_the_unit_is_rounded_once_at_the_entry() -> None:
    """A tenth of a pUSD per token is 0.1 µUSD per million."""
    fine = each(1, 1, denominator=10)
    assert [rate(Usage(n), fine) for n in (4, 5, 14, 15, 20)] == [0, 1, 1, 2, 2]


@STEADY
@given(usages, prices, st.integers(1, 10**6))
def test_a_fine_price_is_within_half_a_unit_and_its_hold_never_below(
    used: Usage, at: Price, denominator: int
) -> None:
    fine = replace(at, denominator=denominator)
    exact = Fraction(rate(used, at), denominator)
    assert abs(rate(used, fine) - exact) <= Fraction(1, 2)
    assert most(used.input_tokens, used.output_tokens, fine) >= rate(used, fine)


# --- which price ------------------------------------------------------------------------------------------------------


def test_a_price_holds_from_its_instant_on() -> None:
    book = PriceBook([each(2, 5, 1000.0), each(1, 5)])
    assert quoted(book, 999.999) == {"own": 1, "cloud": 1}
    assert quoted(book, 1000.0) == {"own": 2, "cloud": 2}
    assert quoted(book, 999.999) == {"own": 1, "cloud": 1}
    assert quoted(PriceBook([each(2, 5, 1000.0)]), 999.999) == {}
    assert quoted(PriceBook([]), 0.0) == {}


def test_of_two_prices_from_one_instant_the_later_version_holds() -> None:
    book = PriceBook([each(2, 5, 500.0), each(1, 5, 500.0), each(3, 5, 100.0)])
    assert quoted(book, 600.0) == {"own": 2, "cloud": 2}
    assert quoted(book, 499.0) == {"own": 3, "cloud": 3}


def test_prices_of_one_version_hold_together() -> None:
    """A pool of the old version has no price any more once the new one is in force."""
    old = [each(1, 5, plan_version=1), each(2, 5, plan_version=1, pool="cloud")]
    new = [each(3, 5, 1000.0, plan_version=2)]
    book = PriceBook([*old, *new])
    assert quoted(book, 0.0) == {"own": 1, "cloud": 2}
    assert quoted(book, 1000.0) == {"own": 3, "cloud": 3}


def test_a_pool_goes_before_a_model_and_a_model_before_a_band() -> None:
    always = Band("always", "UTC", ((0, 7 * 24 * 60),))
    special: list[dict[str, Any]] = [{}, {"band": always}, {"model": "house"}, {"pool": "own"}]
    prices = [each(n, n, plan_version=1, **where) for n, where in enumerate(special, 1)]
    for count, expected in [(1, 1), (2, 2), (3, 3), (4, 4)]:
        assert quoted(PriceBook(prices[:count]), 0.0)["own"] == expected
    assert quoted(PriceBook(prices), 0.0)["cloud"] == 3
    assert quoted(PriceBook(prices), 0.0, Model("other", ("cloud",))) == {"cloud": 2}


def test_a_plan_for_clouds_alone_has_no_price_elsewhere() -> None:
    book = PriceBook([each(1, 5, plan_version=1, pool="cloud")])
    assert quoted(book, 0.0) == {"cloud": 1}
    assert quoted(book, 0.0, Model("small", ("own",))) == {}


def test_the_hold_is_the_dearest_of_the_route_and_the_charge_that_of_the_pool() -> None:
    general, cloud = each(1, 5, plan_version=1), each(2, 7, plan_version=1, pool="cloud")
    book = PriceBook([general, cloud])
    quote = book.quote("plan", HOUSE, 0.0)
    assert quote is not None
    assert quote.dearest(10, 1) == (77, cloud)
    assert book.settled(cloud, "house", "own", 0.0) == general
    assert book.settled(cloud, "house", "cloud", 0.0) == cloud


def test_a_settlement_keeps_the_version_of_its_hold() -> None:
    old, new = each(1, 5, plan_version=1), each(2, 7, 1000.0, plan_version=2)
    assert PriceBook([old, new]).settled(old, "house", "own", 999.0) == old


# --- bands ------------------------------------------------------------------------------------------------------------

BERLIN = ZoneInfo("Europe/Berlin")
DAY = 24 * 60
NIGHT = Band("night", "Europe/Berlin", tuple((d * DAY + 60, d * DAY + 180) for d in range(7)))
"""From one to three o'clock, every night."""
BY_NIGHT = [each(1, 5, plan_version=1), each(2, 3, plan_version=1, band=NIGHT)]


def berlin(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=BERLIN).timestamp()


@pytest.mark.parametrize(
    ("at", "version"),
    [
        ("2026-11-20T00:59:59.999", 1),
        ("2026-11-20T01:00:00", 2),
        ("2026-11-20T02:59:59.999", 2),
        ("2026-11-20T03:00:00", 1),
    ],
)
def test_a_band_holds_by_the_minute_on_its_own_clock(at: str, version: int) -> None:
    assert quoted(PriceBook(BY_NIGHT), berlin(at))["own"] == version
    held = BY_NIGHT[1]
    assert PriceBook(BY_NIGHT).settled(held, "house", "own", berlin(at)).version == version


@pytest.mark.parametrize(
    ("day", "hours"), [("2026-11-20", 2), ("2026-03-29", 1), ("2026-10-25", 3)]
)
def test_a_night_in_which_clocks_change_is_shorter_or_longer(day: str, hours: int) -> None:
    """Of 01:00 to 03:00 an hour is missing in spring, and there twice in autumn."""
    book = PriceBook(BY_NIGHT)
    start_s = berlin(f"{day}T00:00:00")
    minutes = [quoted(book, start_s + 60 * n)["own"] for n in range(8 * 60)]
    assert minutes.count(2) == hours * 60


windows = st.lists(
    st.tuples(st.integers(0, 7 * DAY - 1), st.integers(1, 600)).map(
        lambda pair: (pair[0], min(sum(pair), 7 * DAY))
    ),
    min_size=1,
    max_size=4,
).map(tuple)
zones = st.sampled_from(["UTC", "Europe/Berlin", "Australia/Lord_Howe", "Asia/Kathmandu"])
OCTOBER_S = 1_790_000_000.0


@STEADY
@given(windows, zones, st.lists(st.floats(0, 30 * 86400), min_size=2, max_size=8))
def test_an_answer_that_was_kept_is_the_one_that_a_new_book_gives(
    times: tuple[tuple[int, int], ...], zone: str, after_s: list[float]
) -> None:
    band = Band("b", zone, times)
    prices = [each(1, 5, plan_version=1), each(2, 3, plan_version=1, band=band)]
    prices.append(each(3, 4, OCTOBER_S + 86400, plan_version=2))
    kept = PriceBook(prices)
    for near_s in (at_s + step for at_s in after_s for step in (0.0, 59.5, 3600.0)):
        at_s = OCTOBER_S + near_s
        assert quoted(kept, at_s) == quoted(PriceBook(prices), at_s)
        version = quoted(kept, at_s)["own"]
        if version < 3:
            assert kept.settled(prices[0], "house", "own", at_s).version == version


# --- from terms -------------------------------------------------------------------------------------------------------


def terms_of(scheme: Scheme, **more: Any) -> Terms:
    return Terms((Card((Rate(METERS, scheme),)),), **more)


@pytest.mark.parametrize(
    ("scheme", "numerator", "denominator"),
    [
        (Flat(Decimal("0.4")), 400_000, 1),
        (Flat(Decimal("0.0000001")), 1, 10),
        (Graduated((Tier(Decimal(5), Decimal(1)), Tier(None, Decimal(2)))), 2_000_000, 1),
        (Volume((Tier(Decimal(5), Decimal(3)), Tier(None, Decimal(2)))), 3_000_000, 1),
        (Package(Decimal(3), Decimal(1)), 10**6, 3),
    ],
)
def test_a_request_price_is_that_of_the_dearest_tier(
    scheme: Scheme, numerator: int, denominator: int
) -> None:
    (price,) = request_prices("plan", 7, 0.0, terms_of(scheme))
    assert set(price.meters) == {numerator}
    assert (price.denominator, price.plan_version) == (denominator, 7)


def test_a_request_price_knows_what_overage_costs() -> None:
    made = Commitment(Decimal(100), overage=Decimal("1.5"))
    (price,) = request_prices("plan", 7, 0.0, terms_of(Flat(Decimal(1)), commitment=made))
    assert price.input_uncached == 1_500_000


def test_a_price_that_does_not_fit_into_the_books_is_refused() -> None:
    scheme = Package(Decimal("0.000007"), Decimal(10**12))
    with pytest.raises(LedgerError, match="too high and too fine"):
        request_prices("plan", 7, 0.0, terms_of(scheme))
