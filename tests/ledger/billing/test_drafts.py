"""A draft is the month's usage times its prices, exactly; recomputed here from the entries."""

from __future__ import annotations

from collections import Counter
from datetime import date, datetime
from decimal import ROUND_HALF_UP, Context, Decimal
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wattmill.core.errors import LedgerError, UsageError
from wattmill.core.records import METERS, Usage
from wattmill.ledger import schema
from wattmill.ledger.billing.documents import Document, Line, Tally
from wattmill.ledger.billing.drafts import draft
from wattmill.ledger.entries import Deliver, Settle
from wattmill.ledger.periods import month_named
from wattmill.ledger.usage import usage

if TYPE_CHECKING:
    from tests.ledger.conftest import Books, NewBooks

STEADY = settings(derandomize=True, deadline=None, max_examples=20)
ISSUED = date(2026, 12, 1)


def meter_of(line: Line) -> str:
    (meter,) = line.meters
    return meter


MTOK = Usage(1_000_000, 1_000_000, 0, 1_000_000)


def bill(books: Books, tenant: str = "acme", month: str = "2026-11") -> Document:
    books.enter()
    return draft(books.store, books.registry, tenant, month, issued=ISSUED)


# --- the document ---------------------------------------------------------------------------------


def test_lines_are_tokens_times_price(books: Books) -> None:
    books.serve("2026-11-10 12:00", Usage(1_234_567, 200_000, 0, 345_678, 9))
    books.serve("2026-11-11 12:00", Usage(765_433, 0, 0, 54_322, 0))
    made = bill(books)
    assert [(meter_of(line), line.tokens, line.amount_pusd) for line in made.lines] == [
        ("input_uncached", 2_000_000, 800_000_000_000),
        ("input_cached", 200_000, 7_500_000_000),
        ("output_text", 400_000, 640_000_000_000),
        ("output_reasoning", 9, 14_400_000),
    ]
    assert [line.amount_minor for line in made.lines] == [80, 1, 64, 0]
    assert made.total_minor == 145
    assert made.exact_pusd == 1_447_514_400_000
    assert made.facts.charged == Tally(2, 2_600_009, made.exact_pusd)


def test_parties_number_and_dates(books: Books) -> None:
    made = bill(books)
    assert (made.number, made.status, made.currency) == ("acme-2026-11", "draft", "USD")
    assert made.seller.name == "Millrace Compute GmbH"
    assert made.buyer.address == ("Acme Dental, Inc.", "1 Main Street", "Albany, NY 12207")
    assert made.buyer.tax_id == "14-1234567"
    assert (made.issued, made.due) == (ISSUED, date(2026, 12, 15))
    assert made.period.start.isoformat() == "2026-11-01T00:00:00-04:00"
    assert made.period.end.isoformat() == "2026-12-01T00:00:00-05:00"
    assert made.period.last_day == date(2026, 11, 30)
    assert not made.is_preview


def test_an_invoice_made_before_the_month_is_over_is_a_preview(books: Books) -> None:
    last_day = date(2026, 11, 30)
    assert draft(books.store, books.registry, "acme", "2026-11", issued=last_day).is_preview


def test_a_tenant_without_usage_owes_nothing(books: Books) -> None:
    made = bill(books)
    assert (made.lines, made.total_minor, made.facts.charged) == ((), 0, Tally())


def test_a_tenant_made_by_a_command_has_no_identity_yet(books: Books) -> None:
    books.registry.create_tenant("walk-in", "msp-standard")
    assert bill(books, "walk-in").buyer.address == ()


def test_an_identity_can_be_erased_and_the_figures_stay(books: Books) -> None:
    amount = books.serve("2026-11-10 12:00", MTOK)
    books.enter()
    with books.store.transaction() as connection:
        connection.execute(schema.tenant_identity.delete())
    made = bill(books)
    assert (made.buyer.address, made.buyer.email, made.exact_pusd) == ((), "", amount)


def test_only_confirmed_deliveries_are_charged(books: Books) -> None:
    charged = books.serve("2026-11-10 12:00", MTOK)
    waived = books.serve("2026-11-10 12:01", Usage(1_000_000), end="waive")
    pending = books.serve("2026-11-10 12:02", Usage(2_000_000), end="pending")
    books.serve("2026-11-10 12:03", Usage(500_000), end="void")
    books.serve("2026-11-10 12:04", Usage(), end="void", pool=None)
    made = bill(books)
    assert made.facts.charged == Tally(1, 3_000_000, charged)
    assert made.facts.waived == Tally(1, 1_000_000, waived)
    assert made.facts.pending == Tally(1, 2_000_000, pending)
    assert made.facts.voided == Tally(2, 500_000, 0)
    assert made.exact_pusd == charged


def test_a_pending_charge_counts_once_its_delivery_is_confirmed(books: Books) -> None:
    amount = books.serve("2026-11-10 12:00", MTOK, end="pending")
    assert bill(books).exact_pusd == 0
    books.entries.append(Deliver(1, books.at("2026-12-02 00:00")))
    made = bill(books)
    assert (made.exact_pusd, made.facts.pending) == (amount, Tally())


def test_who_counted_the_tokens_is_said(books: Books) -> None:
    for source in ("engine", "engine", "counted", "estimated"):
        used = msgspec.structs.replace(Usage(1_000), source=source)
        books.serve("2026-11-10 12:00", used)
    books.serve("2026-11-10 12:00", Usage(1_000, source="counted"), end="waive")
    counted = {source: tally.requests for source, tally in bill(books).facts.sources.items()}
    assert counted == {"engine": 2, "counted": 1, "estimated": 1}


def test_each_version_of_a_price_has_its_lines(books: Books) -> None:
    books.serve("2026-11-10 12:00", Usage(1_000_000))
    books.reload(books.text.replace("input = 0.40", "input = 0.50"), books.at("2026-11-15"))
    books.serve("2026-11-20 12:00", Usage(1_000_000), price=2)
    books.serve("2026-11-20 12:00", Usage(1_000_000), price=2, model="house-small")
    lines = [(li.model, li.plan_version, li.amount_minor) for li in bill(books).lines]
    assert lines == [("house-large", 1, 40), ("house-large", 2, 50), ("house-small", 2, 50)]


def test_tenants_do_not_see_each_other(books: Books) -> None:
    books.serve("2026-11-10 12:00", Usage(1_000_000))
    books.serve("2026-11-10 12:00", Usage(3_000_000), tenant="indus")
    assert bill(books, "acme").total_minor == 40
    assert bill(books, "indus").total_minor == 120
    assert bill(books, "bosch-gym").total_minor == 0


# --- what must not pass ---------------------------------------------------------------------------


def test_an_unknown_tenant_is_told_who_is_known(books: Books) -> None:
    with pytest.raises(UsageError) as caught:
        bill(books, "acne")
    assert "'acme'" in caught.value.hint


@pytest.mark.parametrize("month", ["2026-13", "november", "", "2026-11-01"])
def test_an_unknown_month_is_refused(books: Books, month: str) -> None:
    with pytest.raises(UsageError, match="is not a month"):
        bill(books, month=month)


def test_an_amount_that_its_tokens_do_not_explain_stops_the_invoice(books: Books) -> None:
    amount = books.serve("2026-11-10 12:00", MTOK)
    settle = books.entries[1]
    assert isinstance(settle, Settle)
    books.entries[1] = msgspec.structs.replace(settle, amount_pusd=amount + 1)
    with pytest.raises(LedgerError) as caught:
        bill(books)
    assert f"{amount} pUSD" in str(caught.value) and f"{amount + 1} pUSD" in str(caught.value)


def test_a_price_that_the_books_do_not_hold_stops_the_invoice(books: Books) -> None:
    books.serve("2026-11-10 12:00", MTOK)
    settle = books.entries[1]
    assert isinstance(settle, Settle)
    books.entries[1] = msgspec.structs.replace(settle, price=9)
    with pytest.raises(LedgerError, match="price 9"):
        bill(books)


# --- months ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("tenant", "zone"), [("acme", "America/New_York"), ("indus", "Asia/Kolkata")]
)
def test_a_month_begins_at_its_first_instant_and_ends_before_the_next(
    books: Books, tenant: str, zone: str
) -> None:
    start, end = books.at("2026-11-01", zone), books.at("2026-12-01", zone)
    for at_s in (start - 1e-6, start, end - 1e-6, end):
        books.serve(at_s, Usage(1_000_000), tenant=tenant)
    requests = {m: bill(books, tenant, f"2026-{m}").facts.charged.requests for m in (10, 11, 12)}
    assert requests == {10: 1, 11: 2, 12: 1}


def test_a_request_belongs_to_the_month_of_its_hold(books: Books) -> None:
    books.serve(books.at("2026-12-01", "America/New_York") - 0.5, Usage(1_000_000))
    assert bill(books, month="2026-11").facts.charged.requests == 1
    assert bill(books, month="2026-12").facts.charged.requests == 0


def test_usage_around_the_change_of_clocks_as_in_kill_bill(books: Books) -> None:
    march = ["2026-03-01 04:00", "2026-03-15 00:00", "2026-03-31 23:59"]
    april = ["2026-04-01 00:00", "2026-04-01 00:01", "2026-04-15 00:00", "2026-04-30 23:59"]
    may = ["2026-05-01 00:00", "2026-05-01 00:01"]
    for at in march + april + may:
        books.serve(at, Usage(1), zone="America/New_York")
    requests = [bill(books, month=f"2026-0{m}").facts.charged.requests for m in (3, 4, 5)]
    assert requests == [3, 4, 2]


@pytest.mark.parametrize(
    ("month", "zone", "hours"),
    [
        ("2026-03", "America/New_York", 743),
        ("2026-11", "America/New_York", 721),
        ("2026-11", "Asia/Kolkata", 720),
        ("2026-10", "Europe/Berlin", 745),
        ("2024-02", "UTC", 696),
    ],
)
def test_a_month_has_the_hours_that_its_clocks_say(month: str, zone: str, hours: int) -> None:
    assert month_named(month, zone).hours == hours


# --- over random books ----------------------------------------------------------------------------

moments = st.datetimes(datetime(2026, 10, 30), datetime(2026, 12, 3)).map(
    lambda at: at.replace(tzinfo=ZoneInfo("UTC")).timestamp()
)
requests = st.fixed_dictionaries(
    {
        "at": moments,
        "usage": st.builds(Usage, **{meter: st.integers(0, 10**7) for meter in METERS}),
        "tenant": st.sampled_from(["acme", "indus"]),
        "model": st.sampled_from(["house-large", "house-small"]),
        "pool": st.sampled_from(["l40s", "cloud"]),
        "price": st.sampled_from([1, 2]),
        "end": st.sampled_from(["deliver", "deliver", "waive", "void", "pending"]),
    }
)


def two_prices(new_books: NewBooks) -> Books:
    books = new_books()
    books.reload(books.text.replace("output = 1.60", "output = 1.7501"), 1.0)
    return books


def by_hand(
    books: Books, tenant: str, month: str, zone: str
) -> dict[tuple[str, int, str], Decimal]:
    """Dollars by (model, price, meter): one entry after the other, in plain Decimal."""
    delivered = {entry.request for entry in books.entries if isinstance(entry, Deliver)}
    exact = Context(prec=60)
    total: dict[tuple[str, int, str], Decimal] = {}
    for entry in books.entries:
        if not isinstance(entry, Settle) or entry.tenant != tenant:
            continue
        local = datetime.fromtimestamp(entry.held_at_s, ZoneInfo(zone))
        if f"{local:%Y-%m}" != month or entry.request not in delivered:
            continue
        for meter in METERS:
            tokens, usd = getattr(entry.usage, meter), getattr(books.prices[entry.price], meter)
            amount = exact.multiply(Decimal(tokens), Decimal(usd).scaleb(-12))
            key = (entry.model, entry.price, meter)
            if tokens:
                total[key] = exact.add(total.get(key, Decimal(0)), amount)
    return total


@STEADY
@given(st.lists(requests, max_size=30))
def test_an_invoice_is_what_the_entries_say_by_hand(
    new_books: NewBooks, served: list[dict[str, object]]
) -> None:
    books = two_prices(new_books)
    for request in served:
        books.serve(**request)  # type: ignore[arg-type]
    for tenant, zone in (("acme", "America/New_York"), ("indus", "Asia/Kolkata")):
        made = bill(books, tenant)
        expected = by_hand(books, tenant, "2026-11", zone)
        lines = {(li.model, li.plan_version, meter_of(li)): li for li in made.lines}
        assert lines.keys() == expected.keys()
        for key, usd in expected.items():
            assert Decimal(lines[key].amount_pusd).scaleb(-12) == usd
            cents = (usd * 100).quantize(Decimal(1), ROUND_HALF_UP)
            assert lines[key].amount_minor == cents
        assert made.exact_pusd == sum(line.amount_pusd for line in made.lines)
        assert made.exact_pusd == made.facts.charged.amount_pusd
        assert made.total_minor == sum(line.amount_minor for line in made.lines)
        assert made.facts.charged.requests == sum(
            tally.requests for tally in made.facts.sources.values()
        )


@STEADY
@given(st.lists(requests, max_size=30))
def test_every_ended_request_is_in_exactly_one_month_and_state(
    new_books: NewBooks, served: list[dict[str, object]]
) -> None:
    books = two_prices(new_books)
    for request in served:
        books.serve(**request)  # type: ignore[arg-type]
    states = Counter[str]()
    for month in ("2026-10", "2026-11", "2026-12"):
        made = bill(books, month=month)
        states["deliver"] += made.facts.charged.requests
        states["waive"] += made.facts.waived.requests
        states["pending"] += made.facts.pending.requests
        states["void"] += made.facts.voided.requests
    assert +states == Counter(r["end"] for r in served if r["tenant"] == "acme")


def test_sums_do_not_stop_at_64_bits(new_books: NewBooks, books: Books) -> None:
    dear = new_books(books.text.replace("input = 0.40", "input = 1_000_000"))
    for _ in range(50):
        dear.serve("2026-11-10 12:00", Usage(9_000_000))
    made = bill(dear)
    assert made.exact_pusd == 50 * 9_000_000 * 10**12 > 2**64
    assert made.total_minor == 45_000_000_000
    free = new_books(books.text.replace("input = 0.40", "input = 0"))
    for hour in range(5):
        free.serve(f"2026-11-10 {hour}:00".replace(" ", " 0"), Usage(2**62))
    assert bill(free).lines[0].tokens == 5 * 2**62


def test_usage_of_all_tenants_is_the_usage_of_each(books: Books) -> None:
    books.serve("2026-11-10 12:00", MTOK)
    books.serve("2026-11-11 12:00", MTOK, tenant="indus")
    books.serve("2026-11-12 12:00", MTOK, tenant="bosch-gym", end="void", pool=None)
    books.enter()
    span = books.at("2026-11-01"), books.at("2026-12-01")
    everybody = usage(books.store, *span)
    each = [usage(books.store, *span, tenant=name) for name in ("acme", "bosch-gym", "indus")]
    assert everybody == [group for groups in each for group in groups]
    assert [group.state for group in everybody] == ["charged", "void", "charged"]
    assert everybody[1].pool is None and everybody[1].price is None
