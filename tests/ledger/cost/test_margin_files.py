"""Margins on screen, as JSON and as CSV: what they show is what adds up."""

from __future__ import annotations

import csv
import io
import json
from decimal import Decimal

import pytest
from tests.ledger.cost.conftest import NewCostBooks
from tests.ledger.cost.cost_books import (
    FACTORY,
    HOUR_OF_DECODE,
    PUSD_PER_TOKEN,
    CostBooks,
    instant_us,
    shown,
)

from wattmill.core.records import Price, Usage
from wattmill.ledger.cost.break_even import break_evens
from wattmill.ledger.cost.margin import report
from wattmill.ledger.cost.report import MarginReport
from wattmill.ledger.export import margin_csv, margin_json, margin_screen

GIFT = Price(2, "gift", 0.0, *(1 for _ in PUSD_PER_TOKEN))
PRICES = (Price(1, "msp-standard", 0.0, *PUSD_PER_TOKEN), GIFT)


def usd(pusd: int) -> Decimal:
    return Decimal(pusd).scaleb(-12)


@pytest.fixture
def found(cost_books: CostBooks) -> MarginReport:
    start = instant_us("2026-11-10")
    for hour in range(72):
        cost_books.serve(start + hour * 3600 * 10**6, HOUR_OF_DECODE)
    usage = Usage(1_000_000, 0, 0, 100_000)
    hops = (("reseller", 10**11),)
    cost_books.serve("2026-11-13 12:00", usage, tenant="indus", pool="cloud", upline=hops)
    month = cost_books.month(until="2026-11-30 12:00")
    return report(month, "book", break_evens(month, PRICES, "book"))


def test_the_screen_shows_what_it_adds_up_to(found: MarginReport) -> None:
    screen = shown(margin_screen(found))
    for text in ("Margin of cellar, 2026-11", "518.40", "10.17 %", "Unbilled work", "Idle"):
        assert text in screen
    for text in ("machines free", "electricity only", "fully loaded", "the month is not over"):
        assert text in screen
    assert f"{usd(found.cost.total_pusd):,.2f}" in screen


def test_the_screen_shows_schedules_break_even_and_resellers(found: MarginReport) -> None:
    screen = shown(margin_screen(found), width=100)
    for text in ("book *", "economic", "pays from", "never", "% busy", "reseller", "buys for"):
        assert text in screen


def test_rows_are_by_tenant_model_or_day(found: MarginReport) -> None:
    assert "house-large" in shown(margin_screen(found, "model"))
    days = shown(margin_screen(found, "day"))
    assert "2026-11-10" in days and "2026-11-30" in days and "12.00" in days
    assert "idle share" in shown(margin_screen(found, "tenant"))


@pytest.mark.parametrize("width", [20, 60, 80, 200])
def test_a_narrow_screen_loses_no_digit(found: MarginReport, width: int) -> None:
    assert "…" not in shown(margin_screen(found), width)


def test_an_incomplete_view_is_a_lower_bound(new_cost_books: NewCostBooks) -> None:
    poor = new_cost_books(FACTORY.replace("paid_usd = 72_000\nresale_usd = 7_200\n", ""))
    poor.serve("2026-11-10 12:00", HOUR_OF_DECODE)
    screen = shown(margin_screen(poor.report()))
    assert "≥ " in screen and "unknown" in screen


def test_json_is_exact_and_adds_up(found: MarginReport) -> None:
    document = json.loads(margin_json(found))
    assert document["schema"] == "wattmill.margin/2"
    parts = [Decimal(document[name]["total_usd"]) for name in ("attributed", "unbilled", "idle")]
    whole = sum(parts) + Decimal(document["overhead"]["total_usd"])
    assert whole == Decimal(document["cost"]["total_usd"])
    assert Decimal(document["margin_usd"]) == Decimal(document["revenue_usd"]) - whole
    assert document["tenants"][2]["views"][0]["usd_per_mtok"] is not None
    assert document["until"] == "2026-11-30T12:00:00+01:00"
    assert document["pools"][1]["own_hardware"] is False
    assert document["days"][0]["day"] == "2026-11-01"
    never = next(one for one in document["break_even"] if one["plan"] == "gift")
    assert (never["verdict"], never["price_usd_per_mtok"]) == ("never", "0.000001")


def test_csv_has_a_row_for_each_and_they_add_up(found: MarginReport) -> None:
    rows = list(csv.DictReader(io.StringIO(margin_csv(found))))
    (site,) = (row for row in rows if row["by"] == "site")
    assert Decimal(site["margin_usd"]) == usd(found.margin_pusd)
    for by in ("tenant", "model", "pool", "day"):
        mine = [row for row in rows if row["by"] == by]
        for column in ("revenue_usd", "wear_usd", "cost_usd", "margin_usd"):
            assert sum(Decimal(row[column]) for row in mine) == Decimal(site[column])
    for row in rows:
        caused = sum(Decimal(row[f"{part}_usd"]) for part in ("energy", "wear", "space", "cloud"))
        assert caused + Decimal(row["shared_usd"]) == Decimal(row["cost_usd"])


def test_no_name_becomes_a_formula(new_cost_books: NewCostBooks) -> None:
    books = new_cost_books()
    books.serve("2026-11-10 12:00", Usage(1), model="=cmd()")
    assert "model,'=cmd()," in margin_csv(books.report())
