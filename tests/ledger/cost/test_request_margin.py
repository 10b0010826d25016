"""The margin of one request, and that all of them together are the report of the month."""

from __future__ import annotations

import json
from collections import defaultdict
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.ledger.cost.conftest import NewCostBooks
from tests.ledger.cost.cost_books import (
    HOUR_OF_DECODE,
    PUSD_PER_TOKEN,
    ROSTER,
    CostBooks,
    instant_us,
    shown,
)

from wattmill.core.errors import UsageError
from wattmill.core.records import METERS, Price, Usage
from wattmill.ledger.cost.attribution import Cost
from wattmill.ledger.cost.request import request_margin
from wattmill.ledger.cost.request_report import RequestMargin
from wattmill.ledger.cost.request_rows import request_number
from wattmill.ledger.export import request_margin_json, request_screen

PRICES = (Price(1, "msp-standard", 0.0, *PUSD_PER_TOKEN),)
HOUR_US = 3600 * 10**6


def explain(books: CostBooks, text: str, until: str = "2030-01-01", **values: Any) -> RequestMargin:
    until_s = instant_us(until) / 1e6
    return request_margin(
        books.store, books.factory, ROSTER, PRICES, text, until_s=until_s, **values
    )


def test_a_request_by_hand(cost_books: CostBooks) -> None:
    """36 s of the pool: a hundredth of an hour's wear and idle watts, and all that work added."""
    cost_books.serve("2026-11-10 12:00", Usage(8000 * 18, 500, 0, 1250 * 18), took_s=60)
    found = explain(cost_books, "wm-1")
    assert (found.busy_s, found.prefilled_tokens, found.decoded_tokens) == (36.0, 144_000, 22_500)
    (hour,) = found.hours
    assert (hour.request_busy_s, hour.pool_busy_s, hour.service_s) == (36.0, 36.0, 3600.0)
    energy = Decimal("0.09") * (Decimal("0.4") + Decimal("1.0")) / 100
    assert Decimal(found.attributed.energy_pusd).scaleb(-12) == energy
    assert found.attributed.amortisation_pusd == round(hour.amortisation_pusd or 0, -2) // 100
    charged = {one.meter: (one.tokens, one.usd_per_mtok) for one in found.charges}
    assert charged == {
        "input_uncached": (144_000, "0.4"),
        "input_cached": (500, "0.0375"),
        "output_text": (22_500, "1.6"),
    }
    assert sum(one.amount_pusd for one in found.charges) == found.revenue_pusd
    assert found.margin_before_idle_pusd == found.revenue_pusd - found.attributed.total_pusd
    month = cost_books.report()
    rest = (month.idle + month.overhead).total_pusd
    assert 0 <= rest - found.idle_share.total_pusd <= 4
    assert found.margin_pusd == found.margin_before_idle_pusd - found.idle_share.total_pusd


def test_a_request_over_two_months_has_its_hours_of_both(cost_books: CostBooks) -> None:
    cost_books.serve("2026-10-31 23:30", HOUR_OF_DECODE, took_s=3600)
    found = explain(cost_books, "1")
    assert [f"{hour.start:%m-%d %H:%M}" for hour in found.hours] == ["10-31 23:00", "11-01 00:00"]
    assert [hour.request_busy_s for hour in found.hours] == [1800.0, 1800.0]


def test_a_cloud_says_itself_what_a_request_costs(cost_books: CostBooks) -> None:
    cost_books.serve("2026-11-10 12:00", Usage(10**6), pool="cloud")
    found = explain(cost_books, "wm-1")
    assert found.attributed == Cost(charges_pusd=590_000_000_000)
    assert (found.hours, found.prefill_tok_s) == ((), None)


def test_what_nobody_pays_for_has_cost_and_no_revenue(cost_books: CostBooks) -> None:
    cost_books.serve("2026-11-10 12:00", HOUR_OF_DECODE, state="waived")
    found = explain(cost_books, "wm-1")
    assert (found.revenue_pusd, found.idle_share) == (0, Cost())
    assert found.margin_pusd == -found.attributed.total_pusd < 0


def test_the_revenue_of_a_resold_request_is_what_the_last_reseller_pays(
    cost_books: CostBooks,
) -> None:
    hops = (("reseller", 9), ("distributor", 7))
    cost_books.serve("2026-11-10 12:00", Usage(output_text=1), upline=hops)
    found = explain(cost_books, "wm-1")
    assert found.revenue_pusd == 7
    assert [hop.party for hop in found.resale] == ["reseller", "distributor"]


@pytest.mark.parametrize(("text", "number"), [("wm-1f", 31), ("31", 31), ("wm-0", 0)])
def test_a_request_is_named_as_clients_see_it(text: str, number: int) -> None:
    assert request_number(text) == number


def test_a_request_that_is_not_there_says_so(cost_books: CostBooks) -> None:
    for text in ("wm-zz", "abc", "wm-"):
        with pytest.raises(UsageError, match="is no request"):
            request_number(text)
    with pytest.raises(UsageError, match="no request wm-7"):
        explain(cost_books, "7")


def test_the_screen_and_the_json_say_the_same(cost_books: CostBooks) -> None:
    cost_books.serve("2026-11-10 12:00", Usage(8000 * 18, 0, 0, 1250 * 18), took_s=60)
    found = explain(cost_books, "wm-1")
    document = json.loads(request_margin_json(found))
    assert document["schema"] == "wattmill.request_margin/1"
    assert document["hours"][0]["request_busy_s"] == 36.0
    screen = shown(request_screen(found), width=120)
    assert Decimal(document["margin_usd"]) == Decimal(found.margin_pusd).scaleb(-12)
    for text in ("Request wm-1", "144,000 tokens at 8,000/s", "36.000", "Margin before idle"):
        assert text in screen


def test_the_screen_names_the_currency_of_the_site(cost_books: CostBooks) -> None:
    cost_books.serve("2026-11-10 12:00", Usage(8000 * 18, 0, 0, 1250 * 18), took_s=60)
    cost_books.serve("2026-11-10 13:00", Usage(10**6), pool="cloud")
    for request in ("wm-1", "wm-2"):
        screen = shown(request_screen(explain(cost_books, request), "EUR"), width=120)
        assert "EUR per Mtok" in screen and "USD" not in screen
    assert "for 0.59 EUR." in screen


# --- all of them together -------------------------------------------------------------------------

rows = st.fixed_dictionaries(
    {
        "at": st.integers(instant_us("2026-11-10"), instant_us("2026-11-10 04:00")),
        "usage": st.builds(Usage, **{meter: st.integers(0, 10**7) for meter in METERS}),
        "took_s": st.floats(0, 3 * 3600),
        "tenant": st.sampled_from(["acme", "indus"]),
        "pool": st.sampled_from(["l40s", "l40s", "cloud"]),
        "state": st.sampled_from(["charged", "charged", "void"]),
    }
)


@settings(derandomize=True, deadline=None, max_examples=4)
@given(st.lists(rows, min_size=1, max_size=4))
def test_the_costs_of_all_requests_are_the_costs_of_their_tenants(
    new_cost_books: NewCostBooks, served: list[dict[str, Any]]
) -> None:
    books = new_cost_books()
    for row in served:
        books.serve(row.pop("at"), **row)
    spent: defaultdict[str, Cost] = defaultdict(Cost)
    for number, row in enumerate(served, start=1):
        who = row["tenant"] if row["state"] == "charged" else "*"
        spent[who] += explain(books, str(number)).attributed
    found = books.report()
    assert spent["*"] == found.unbilled
    for one in found.tenants:
        assert spent[one.tenant] == one.attributed
