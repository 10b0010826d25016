"""Quotes over time: every one dated and of something known; the newest answers."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wattmill.catalog.hardware import accelerator, accelerators
from wattmill.catalog.market import (
    UNIT_KEYS,
    Quote,
    all_quotes,
    latest,
    price_quote,
    price_usd,
    quotes,
)
from wattmill.catalog.staleness import first_day
from wattmill.core.errors import CatalogError

SUBJECTS = sorted({(quote.of, quote.what) for quote in all_quotes()})
POSSIBLE = {
    "new": (100, 100_000),
    "resale": (100, 60_000),
    "rent": (0.05, 20),
    "lease": (0.05, 20),
    "dram_usd_per_gb": (1, 50),
    "power_usd_per_kwh": (0.02, 0.6),
    "colo_usd_per_kw_month": (50, 500),
    "ppa_usd_per_mwh": (10, 200),
}


def test_every_quote_is_possible_dated_and_sourced() -> None:
    for quote in all_quotes():
        low, high = POSSIBLE[quote.what]
        assert low <= quote.value <= high, quote
        assert date(2015, 1, 1) < first_day(quote.as_of) < date(2027, 1, 1)
        assert quote.source
        assert not quote.is_yours


def test_cards_are_called_as_in_the_catalog() -> None:
    per_card = {
        quote.of for quote in all_quotes() if UNIT_KEYS[quote.what] in ("usd", "usd_per_hour")
    }
    assert per_card <= {card.name for card in accelerators()}


@pytest.mark.parametrize(
    "card", ["A100-80GB", "H100-SXM", "H200", "B200", "MI300X", "RTX-4090", "L40S"]
)
def test_rents_are_known_over_time(card: str) -> None:
    found = quotes(card, "rent")
    assert len({quote.as_of for quote in found}) >= 2
    assert {quote.unit for quote in found} == {"USD/h"}
    assert first_day(found[-1].as_of) >= date(2026, 5, 1)


@given(st.sampled_from(SUBJECTS), st.dates(date(2016, 1, 1), date(2028, 1, 1)))
def test_the_newest_of_a_day_answers(subject: tuple[str, str], day: date) -> None:
    found = quotes(*subject)
    days = [first_day(quote.as_of) for quote in found]
    assert days == sorted(days)
    known = [quote for quote in found if first_day(quote.as_of) <= day]
    assert latest(*subject, at=day) == (known[-1] if known else None)
    assert latest(*subject, at=day.isoformat()) == latest(*subject, at=day)
    assert latest(*subject) == found[-1]


@given(st.sampled_from([card.name for card in accelerators()]))
def test_the_price_of_a_card_is_a_quote(card: str) -> None:
    price = price_usd(card)
    known = {quote.value for what in ("new", "resale") for quote in quotes(card, what)}
    assert accelerator(card).price_usd == price
    assert (price in known) if known else (price is None)


def test_a_price_is_as_known_on_a_day() -> None:
    assert price_quote("RTX-4090", at="2022-09") is None
    launch = price_quote("RTX-4090", at="2022-12")
    assert launch is not None
    assert (launch.what, launch.value) == ("new", 1599)


def test_used_prices_count_once_nobody_sells_new() -> None:
    sold_new, sold_used = price_quote("RTX-3090", at="2021-06"), price_quote("RTX-3090")
    assert sold_new is not None
    assert sold_used is not None
    assert (sold_new.what, sold_used.what) == ("new", "resale")


def test_spelling_and_brand_do_not_matter() -> None:
    found = quotes("RTX-4090", "rent")
    assert found
    assert quotes("NVIDIA GeForce RTX 4090", "rent") == found == quotes("rtx4090", "rent")
    assert quotes("us-tx", "power_usd_per_kwh") == quotes("US-TX", "power_usd_per_kwh")


def test_known_without_a_quote_is_empty() -> None:
    assert quotes("cpu", "rent") == ()
    assert latest("cpu", "rent") is None
    assert price_usd("cpu") is None


@pytest.mark.parametrize(
    ("of", "what", "hint"), [("RTX-409O", "rent", "RTX-4090"), ("H100-SXM", "rents", "rent")]
)
def test_unknown_words_get_the_nearest(of: str, what: str, hint: str) -> None:
    with pytest.raises(CatalogError) as caught:
        quotes(of, what)
    assert hint in caught.value.hint


# --- a catalog file of one's own ------------------------------------------------------------------

MINE = '[[quote]]\nof = "h100 sxm5"\nwhat = "{what}"\n{key} = {value}\nsource = "my invoice"\nas_of = {as_of}\n'


def mine(
    what: str = "rent", value: object = 2.05, as_of: object = '"2026-11"', key: str = ""
) -> str:
    return MINE.format(what=what, key=key or UNIT_KEYS.get(what, "usd"), value=value, as_of=as_of)


def test_ones_own_quotes_replace_those_of_the_same_kind(own_catalog: Callable[[str], Path]) -> None:
    before = quotes("H100", "resale")
    own_catalog(mine(value=2.05) + mine(value=2.5, as_of="2026-10-01"))
    assert [(q.value, q.as_of, q.is_yours) for q in quotes("H100", "rent")] == [
        (2.5, "2026-10-01", True),
        (2.05, "2026-11", True),
    ]
    assert quotes("H100", "resale") == before
    own_catalog(mine("new", 19000))
    assert accelerator("H100").price_usd == 19000
    assert len(quotes("H100", "rent")) > 2


def test_a_quote_may_be_of_something_new(own_catalog: Callable[[str], Path]) -> None:
    own_catalog(mine("power_usd_per_kwh", 0.31).replace("h100 sxm5", "DE-BY"))
    found = latest("de-by", "power_usd_per_kwh")
    assert isinstance(found, Quote)
    assert (found.of, found.value, found.unit) == ("DE-BY", 0.31, "USD/kWh")


@pytest.mark.parametrize(
    ("text", "line", "message", "hint"),
    [
        (mine(as_of='"soon"'), 6, "'soon' is no date", "2026-03"),
        (mine("rental"), 3, "'rental' is nothing that is quoted", "'rent'"),
        (mine(key="usd"), 4, "is in usd_per_hour, not in usd", "usd_per_hour"),
        (mine(key="eur_per_hour"), 4, "no field 'eur_per_hour'", "usd_per_hour"),
        (mine(value=0), 4, "usd_per_hour = 0", "catalog show"),
        (mine(value='"2.05"'), 4, "usd_per_hour = '2.05'", "catalog show"),
        (mine(value="nan"), 4, "nan is no figure", "leave it out"),
        (mine().replace('source = "my invoice"\n', ""), 1, "lacks 'source'", "source, as_of"),
        (
            mine() + mine().replace("usd_per_hour = 2.05\n", ""),
            9,
            "not in nothing",
            "usd_per_hour =",
        ),
    ],
)
def test_a_broken_quote_says_where(
    own_catalog: Callable[[str], Path], text: str, line: int, message: str, hint: str
) -> None:
    path = own_catalog(text)
    with pytest.raises(CatalogError) as caught:
        quotes("H100", "rent")
    assert caught.value.place == f"{path}:{line}"
    assert message in caught.value.message
    assert hint in caught.value.hint


def test_colocation_follows_from_the_growth_that_cbre_states() -> None:
    """18.6 % in 2023, 12.6 % in 2024, 2.5 % in half a year, 6.5 % in 2025."""
    by_month = {quote.as_of: quote.value for quote in quotes("US", "colo_usd_per_kw_month")}
    seen = by_month["2024-12"]
    assert by_month["2023-12"] == pytest.approx(seen / 1.126, abs=0.1)
    assert by_month["2022-12"] == pytest.approx(seen / 1.126 / 1.186, abs=0.1)
    assert by_month["2025-06"] == pytest.approx(seen * 1.025, abs=0.1)
    assert by_month["2025-12"] == pytest.approx(seen * 1.065, abs=0.1)
