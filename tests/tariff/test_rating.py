"""Rating is exact, meter by meter, at the version of the price that was in force."""

from dataclasses import dataclass
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wattmill.core.money import pusd_to_usd, usd_to_uusd
from wattmill.core.records import METERS, Price, Usage
from wattmill.tariff.rating import price_at, price_lists, rate, worst_case

STEADY = settings(derandomize=True, deadline=None, max_examples=200)
whole = {meter: st.integers(0, 10**9) for meter in METERS}
usages = st.builds(Usage, **whole)
prices = st.builds(Price, st.just(1), st.just("plan"), st.just(0.0), **whole)


def price(version: int = 1, valid_from_s: float = 0.0, **usd: str) -> Price:
    """A price in USD per million tokens; meters left out are free."""
    return Price(version, "plan", valid_from_s, *(usd_to_uusd(usd.get(m, 0)) for m in METERS))


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


@STEADY
@given(usages, prices)
def test_no_request_costs_more_than_its_hold(used: Usage, at: Price) -> None:
    assert rate(used, at) <= worst_case(used.input_tokens, used.output_tokens, at)


def test_the_hold_is_no_more_than_the_dearest_meter() -> None:
    at = price(input_uncached="1", cache_write="1.25", output_text="2", output_reasoning="3")
    assert worst_case(100, 10, at) == 100 * 1_250_000 + 10 * 3_000_000


def test_a_price_holds_from_its_instant_on() -> None:
    first, second = price(1, 0.0), price(2, 1000.0)
    versions = price_lists([second, first])["plan"]
    assert price_at(versions, 999.999) == first
    assert price_at(versions, 1000.0) == second
    assert price_at([second], 999.999) is None
    assert price_at([], 0.0) is None


def test_of_two_prices_from_one_instant_the_later_version_holds() -> None:
    first, second, dated = price(1, 500.0), price(2, 500.0), price(3, 100.0)
    versions = price_lists([second, first, dated])["plan"]
    assert price_at(versions, 600.0) == second
    assert price_at(versions, 499.0) == dated
