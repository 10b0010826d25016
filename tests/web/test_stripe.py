"""Exactly one invoice at Stripe with the right total, whatever fails and whoever is killed."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import stripe
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.ledger.billing.world import GERMAN_VAT, World, flat
from tests.support.documents import ACME, Paper
from tests.support.fake_stripe import DAY_S, FAULTS, Api, FakeStripe
from wattmill.catalog.factory import Seller
from wattmill.core.errors import LedgerError
from wattmill.ledger import outbox as box
from wattmill.ledger.billing import archive
from wattmill.ledger.billing.corrections import correct_request
from wattmill.ledger.billing.documents import CreditDraw, Document, Line, TaxLine
from wattmill.ledger.export.for_stripe import invoice_messages, messages_on, stripe_amount
from wattmill.ledger.outbox import Message, Outbox
from wattmill.ledger.store import Store
from wattmill.ledger.usage import Identity
from wattmill.web.stripe_delivery import MARK, StripeDelivery, stripe_client

START_S = datetime(2026, 12, 1, tzinfo=UTC).timestamp()
HOUR_S = 3600.0
_serial = iter(range(1, 10**9))


def line(amount_minor: int, text: str = "Input tokens", model: str | None = "house-large") -> Line:
    return Line(
        key=text,
        month="2026-11",
        kind="usage",
        text=text,
        quantity=Decimal(1),
        unit="Mtok",
        amount_pusd=amount_minor * 10**10,
        amount_minor=amount_minor,
        model=model,
    )


def document(*amounts: int, **changed: Any) -> Document:
    """A final invoice over lines of these amounts, less 1.00 of credit, with a tax of 0.37."""
    number, net = next(_serial), sum(amounts)
    fields: dict[str, Any] = {
        "number": f"INV-{number:05d}",
        "tenant": f"acme-{number}",
        "seller": Seller(name="Millrace Compute GmbH", collect_with="stripe"),
        "lines": tuple(line(amount) for amount in amounts),
        "credit": (CreditDraw("G1", "bought", 100),),
        "taxes": (TaxLine("DE", "standard", Decimal("0.19"), ("2026-11",), net - 100, 37),),
        "net_minor": net,
        "taxable_minor": net - 100,
        "tax_minor": 37,
        "total_minor": net - 100 + 37,
    }
    return Paper(currency="EUR", timezone="UTC").made(**{**fields, **changed})


class Killed(BaseException):
    """The process is gone."""


class Mortal(stripe.RequestsClient):
    """A connection whose process is killed before or after some of its requests."""

    def __init__(self) -> None:
        super().__init__(timeout=5)
        self.deaths: dict[int, str] = {}
        self.count = 0

    def request(self, *args: Any, **kwargs: Any) -> Any:
        self.count += 1
        death = self.deaths.pop(self.count, "")
        if death == "before":
            raise Killed
        answer = super().request(*args, **kwargs)
        if death == "after":
            raise Killed
        return answer


class Desk:
    """The outbox, its client and the fake, on one clock."""

    def __init__(self, store: Store, server: FakeStripe) -> None:
        self.store, self.now_s, self.who = store, START_S, ACME
        self.api = server.api = Api(lambda: self.now_s)
        self.line = Mortal()
        client = stripe.StripeClient(
            "sk_test_1",
            base_addresses={"api": server.url},
            max_network_retries=0,
            http_client=self.line,
        )
        delivery = StripeDelivery(client, self.receipt, lambda tenant: self.who)
        self.outbox = Outbox(
            store,
            {"stripe": delivery},
            now_us=lambda: round(self.now_s * 1e6),
            random=random.Random(1).random,
        )

    def receipt(self, message_id: str) -> str | None:
        with self.store.reading() as connection:
            return box.receipt(connection, message_id)

    def put(self, made: Document) -> tuple[Message, ...]:
        messages = invoice_messages(made)
        with self.store.transaction() as connection:
            for number, message in enumerate(messages):
                box.put(connection, message, round(self.now_s * 1e6) + number)
        return messages

    def run(self, wait_s: float = 0.0) -> None:
        with suppress(Killed):
            self.outbox.deliver_due()
        self.now_s += wait_s

    def run_until_delivered(self, messages: tuple[Message, ...]) -> None:
        for _ in range(60):
            self.run(2 * HOUR_S)
            if all(self.receipt(message.id) for message in messages):
                return
        raise AssertionError([self.notes(message) for message in messages])

    def notes(self, message: Message) -> list[box.Note]:
        with self.store.reading() as connection:
            return box.notes(connection, message.id)

    def assert_one_invoice(self, messages: tuple[Message, ...], made: Document) -> None:
        self.now_s += DAY_S
        customer, invoice = messages
        self.api.answer("GET", "/v1/customers", {}, "")  # whatever is late happens
        assert [c["metadata"][MARK] for c in self.api.customers.values()] == [customer.id]
        (there,) = self.api.invoices.values()
        assert there["metadata"][MARK] == invoice.id
        assert (there["status"], there["number"]) == ("open", made.number)
        amounts = [item["amount"] for item in self.api.items.values()]
        assert sorted(amounts) == sorted([*(one.amount_minor for one in made.lines), -100, 37])
        assert sum(amounts) == made.total_minor
        assert self.receipt(invoice.id) == there["id"]


@pytest.fixture(scope="module")
def server() -> Iterator[FakeStripe]:
    running = FakeStripe()
    yield running
    running.close()


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    with Store(tmp_path_factory.mktemp("books"), write=True) as opened:
        yield opened


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    opened = World(tmp_path)
    yield opened
    opened.store.close()


@pytest.fixture
def desk(store: Store, server: FakeStripe) -> Desk:
    return Desk(store, server)


# --- amounts --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("minor", "currency", "exponent", "there"),
    [
        (12345, "EUR", 2, 12345),
        (12345, "JPY", 0, 12345),
        (12340, "KWD", 3, 12340),
        (123, "ISK", 0, 12300),
        (123, "UGX", 0, 12300),
        (12300, "MGA", 2, 123),
        (-5, "USD", 2, -5),
    ],
)
def test_amounts_are_in_stripes_units(minor: int, currency: str, exponent: int, there: int) -> None:
    assert stripe_amount(minor, currency, exponent) == there


@pytest.mark.parametrize(("minor", "currency", "exponent"), [(12345, "KWD", 3), (12345, "MGA", 2)])
def test_an_amount_that_stripe_cannot_say_is_not_rounded(
    minor: int, currency: str, exponent: int
) -> None:
    with pytest.raises(LedgerError, match="Stripe has no amount"):
        stripe_amount(minor, currency, exponent)


# --- messages -------------------------------------------------------------------------------------


def test_the_message_comes_to_the_total_of_the_document() -> None:
    made = document(1000, 250, 0)
    content = invoice_messages(made)[1].content()
    assert content["total"] == made.total_minor == sum(i["amount"] for i in content["items"])
    assert [item["amount"] for item in content["items"]] == [1000, 250, -100, 37]
    assert content["items"][0]["text"] == "house-large: Input tokens"
    assert content["items"][-1]["text"] == "Tax DE, 19 %"


def test_nobody_is_named_in_what_is_kept_for_ever() -> None:
    bodies = "".join(message.body for message in invoice_messages(document(1000)))
    assert not any(word in bodies for word in (ACME.email, "Main Street", ACME.tax_id))


@pytest.mark.parametrize(
    "changed",
    [
        {"status": "draft"},
        {"status": "void"},
        {"kind": "credit_note"},
        {"issuer": "mesa"},
        {"total_minor": 0},
        {"seller": Seller(name="Millrace Compute GmbH")},
    ],
)
def test_only_final_invoices_of_the_site_go_to_stripe(changed: dict[str, Any]) -> None:
    assert invoice_messages(document(1000, **changed)) == ()


@pytest.mark.parametrize(("models", "items"), [(150, 152), (201, 3)])
def test_more_lines_than_stripe_takes_become_one_for_each_model_or_one(
    models: int, items: int
) -> None:
    lines = tuple(
        line(7, f"model-{n % models}, meter {n}", f"model-{n % models}") for n in range(2 * models)
    )
    made = document(1, lines=lines, net_minor=14 * models, total_minor=14 * models - 63)
    content = invoice_messages(made)[1].content()
    assert len(content["items"]) == items
    assert content["total"] == made.total_minor


# --- delivering -----------------------------------------------------------------------------------


def test_an_invoice_arrives_and_is_finalised(desk: Desk) -> None:
    made = document(1000, 250)
    messages = desk.put(made)
    desk.run()
    desk.run()
    desk.assert_one_invoice(messages, made)
    (there,) = desk.api.invoices.values()
    assert datetime.fromtimestamp(int(there["due_date"]), UTC).date() == made.due
    assert desk.api.customers["cus_1"]["email"] == ACME.email


def test_a_tenant_is_one_customer_for_all_its_invoices(desk: Desk) -> None:
    first = document(1000)
    second = document(300, tenant=first.tenant)
    desk.put(first)
    desk.put(second)
    for _ in range(3):
        desk.run(1.0)
    assert len(desk.api.customers) == 1
    assert {i["customer"] for i in desk.api.invoices.values()} == {"cus_1"}


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("place", range(9))
def test_any_failure_at_any_request_still_makes_one_invoice(
    desk: Desk, fault: str, place: int
) -> None:
    made = document(1000, 250)
    messages = desk.put(made)
    desk.api.faults = ["none"] * place + [fault]
    desk.run_until_delivered(messages)
    desk.assert_one_invoice(messages, made)


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("place", range(1, 10))
@pytest.mark.parametrize("later_s", [60.0, 3 * DAY_S])
def test_killed_at_any_request_still_makes_one_invoice(
    desk: Desk, when: str, place: int, later_s: float
) -> None:
    made = document(1000, 250)
    messages = desk.put(made)
    desk.line.deaths = {place: when}
    desk.run(1.0)
    desk.run(later_s)
    desk.run_until_delivered(messages)
    desk.assert_one_invoice(messages, made)


@settings(max_examples=20)
@given(
    faults=st.lists(st.sampled_from([*FAULTS, "none", "none"]), max_size=25),
    deaths=st.dictionaries(st.integers(1, 40), st.sampled_from(["before", "after"]), max_size=5),
    waits_s=st.lists(st.sampled_from([1.0, 60.0, HOUR_S, 22.9 * HOUR_S, 25 * HOUR_S]), max_size=12),
)
def test_any_sequence_of_failures_and_kills_makes_exactly_one_invoice_with_the_right_total(
    store: Store,
    server: FakeStripe,
    faults: list[str],
    deaths: dict[int, str],
    waits_s: list[float],
) -> None:
    desk, made = Desk(store, server), document(1000, 250, 3)
    messages = desk.put(made)
    desk.api.faults, desk.line.deaths = list(faults), dict(deaths)
    for wait_s in waits_s:
        desk.run(wait_s)
    desk.api.faults, desk.line.deaths = [], {}
    desk.run_until_delivered(messages)
    desk.assert_one_invoice(messages, made)


def test_a_slow_answer_is_no_second_invoice(store: Store, server: FakeStripe) -> None:
    desk, made = Desk(store, server), document(1000)
    desk.line._timeout = 0.2
    messages = desk.put(made)
    desk.api.faults = ["none", "none", "hang"]
    desk.run(1.0)
    desk.run_until_delivered(messages)
    desk.assert_one_invoice(messages, made)


def test_after_the_window_it_looks_and_finds_what_was_made(desk: Desk) -> None:
    made = document(1000)
    messages = desk.put(made)
    desk.run()
    desk.api.faults = ["none", "reset after"]
    desk.run(5 * DAY_S)
    assert len(desk.api.invoices) == 1 and desk.receipt(messages[1].id) is None
    seen = len(desk.api.requests)
    desk.run_until_delivered(messages)
    assert desk.api.requests[seen][:2] == ("GET", "/v1/invoices")
    desk.assert_one_invoice(messages, made)


def test_what_is_still_under_way_at_the_end_of_the_window_is_waited_for(desk: Desk) -> None:
    made = document(1000)
    messages = desk.put(made)
    desk.run()
    desk.api.faults = ["503"]
    desk.run(23 * HOUR_S - 10)
    desk.api.faults = ["none", "none", "late"]
    desk.run(70.0)
    desk.run(60.0)
    assert desk.api.faults == [] and desk.api.invoices == {}
    desk.run_until_delivered(messages)
    desk.assert_one_invoice(messages, made)


def test_an_invoice_overdue_before_stripe_is_reached_is_due_the_next_day(desk: Desk) -> None:
    made = document(1000)
    messages = desk.put(made)
    desk.api.faults = ["503"]
    desk.run(40 * DAY_S)
    desk.run_until_delivered(messages)
    (there,) = desk.api.invoices.values()
    assert there["days_until_due"] == "1" and "due_date" not in there


def test_too_many_requests_waits_as_long_as_stripe_says(desk: Desk) -> None:
    (customer, _) = desk.put(document(1000))
    desk.api.faults = ["429"]
    desk.run()
    last = desk.notes(customer)[-1]
    assert last.retry_us == round((desk.now_s + 30) * 1e6)


def test_a_repeated_error_uses_the_key_up(desk: Desk) -> None:
    (customer, _) = desk.put(document(1000))
    desk.api.faults = ["500 before"]
    desk.run(60.0)
    desk.run(60.0)
    assert [note.outcome for note in desk.notes(customer)][-1] == "spent"
    desk.run(2 * HOUR_S)
    desk.run()
    assert desk.notes(customer)[-1].key == f"{customer.id}-2"


def test_a_tenant_without_a_mail_address_waits_for_a_person(desk: Desk) -> None:
    desk.who = Identity()
    made = document(1000)
    messages = desk.put(made)
    desk.run(1.0)
    desk.run(1.0)
    last = desk.notes(messages[1])[-1]
    assert last.outcome == "refused" and "no mail address" in last.detail
    desk.who = ACME
    with desk.store.transaction() as connection:
        box.requeue(connection, messages[1].id, round(desk.now_s * 1e6))
    desk.run_until_delivered(messages)
    desk.assert_one_invoice(messages, made)


def test_a_draft_that_somebody_changed_there_is_not_finalised(desk: Desk) -> None:
    messages = desk.put(document(1000))
    desk.run()
    desk.api.faults = [*["none"] * 5, "reset before"]
    desk.run()
    (there,) = desk.api.invoices.values()
    desk.api.items["ii_9"] = {
        "id": "ii_9",
        "created": 0,
        "invoice": there["id"],
        "amount": 5,
        "metadata": {},
    }
    desk.run(10.0)
    desk.run(10.0)
    last = desk.notes(messages[1])[-1]
    assert last.outcome == "refused" and "comes to 942 eur, ours to 937" in last.detail
    assert there["status"] == "draft"


def test_without_the_library_the_message_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "stripe", None)
    with pytest.raises(LedgerError) as caught:
        stripe_client("sk_test_1")
    assert "wattmill[stripe]" in caught.value.hint


# --- from the month to Stripe ---------------------------------------------------------------------


@pytest.mark.parametrize("collect_with", [None, "stripe"])
def test_an_issued_month_is_told_in_the_transaction_that_issues_it(
    tmp_path: Path, server: FakeStripe, collect_with: str | None
) -> None:
    world = World(tmp_path)
    world.seller = Seller(name="Millrace Compute GmbH", collect_with=collect_with)
    world.plan("standard", flat())
    world.tenant("acme", tax=GERMAN_VAT)
    world.serve("2026-11-10 12:00", output=2_500, input=10_000)
    world.issued()
    world.issue()
    desk = Desk(world.store, server)
    for _ in range(3):
        desk.run(1.0)
    invoices = [
        desk.api.answer("GET", f"/v1/invoices/{name}", {}, "")[1] for name in desk.api.invoices
    ]
    told = [(one["number"], one["total"], one["status"]) for one in invoices]
    assert told == ([("INV-00001", 1488, "open")] if collect_with else [])
    world.store.close()


class Credited:
    """An invoice of 14.88 at Stripe, part of it paid there, with credit notes on it that are to be delivered."""

    def __init__(self, world: World, server: FakeStripe, paid: int = 0, rounds: int = 3) -> None:
        world.seller = Seller(name="Millrace Compute GmbH", collect_with="stripe")
        world.plan("standard", flat())
        world.tenant("acme", tax=GERMAN_VAT)
        world.serve("2026-11-10 12:00", output=2_500, input=10_000)
        self.world, self.number = world, world.issued().number
        self.desk = Desk(world.store, server)
        for _ in range(rounds):
            self.desk.run(1.0)
        self.desk.api.paid = dict.fromkeys(self.desk.api.invoices, paid)

    def run_until_delivered(self) -> None:
        for _ in range(60):
            self.desk.run(2 * HOUR_S)
            with self.world.store.reading() as connection:
                if not box.open_messages(connection):
                    return
        raise AssertionError("some are not delivered")

    def credits(self) -> list[tuple[str, int, int]]:
        """Our number, what is credited, and how much of it to the customer's balance, of each at Stripe."""
        self.desk.now_s += DAY_S
        self.desk.api.answer("GET", "/v1/customers", {}, "")  # whatever is late happens
        return [
            (note["metadata"]["number"], note["amount"], note["credit_amount"])
            for note in self.desk.api.credit_notes.values()
        ]


@pytest.mark.parametrize(("paid", "to_balance"), [(0, 0), (10_00, 10_00), (14_88, 14_88)])
def test_a_void_takes_the_whole_invoice_back_at_stripe(
    world: World, server: FakeStripe, paid: int, to_balance: int
) -> None:
    made = Credited(world, server, paid)
    world.void(made.number)
    made.run_until_delivered()
    assert made.credits() == [("CN-00001", 14_88, to_balance)]


def test_credit_notes_take_back_what_they_say(world: World, server: FakeStripe) -> None:
    made = Credited(world, server, paid=14_00)
    for _ in range(2):
        world.credited(made.number, {1: 50})
        made.run_until_delivered()
    assert made.credits() == [("CN-00001", 60, 0), ("CN-00002", 59, 31)]


def test_a_credit_note_waits_for_its_invoice(world: World, server: FakeStripe) -> None:
    made = Credited(world, server, rounds=0)
    world.void(made.number)
    made.desk.run(1.0)
    assert made.desk.api.invoices == {} == made.desk.api.credit_notes
    made.run_until_delivered()
    assert made.credits() == [("CN-00001", 14_88, 0)]


@settings(max_examples=20)
@given(
    faults=st.lists(st.sampled_from([*FAULTS, "none"]), max_size=8),
    deaths=st.dictionaries(st.integers(1, 12), st.sampled_from(["before", "after"]), max_size=3),
)
def test_any_sequence_of_failures_and_kills_makes_exactly_one_credit_note(
    tmp_path_factory: pytest.TempPathFactory,
    server: FakeStripe,
    faults: list[str],
    deaths: dict[int, str],
) -> None:
    world = World(tmp_path_factory.mktemp("credited"))
    made = Credited(world, server)
    world.credited(made.number, {1: 50})
    made.desk.line.count = 0
    made.desk.api.faults, made.desk.line.deaths = list(faults), dict(deaths)
    for _ in range(6):
        made.desk.run(60.0)
    made.desk.api.faults, made.desk.line.deaths = [], {}
    made.run_until_delivered()
    assert made.credits() == [("CN-00001", 60, 0)]
    world.store.close()


def test_an_invoice_that_stripe_never_had_is_not_credited_there(
    world: World, server: FakeStripe
) -> None:
    world.plan("standard", flat())
    world.tenant("acme", tax=GERMAN_VAT)
    world.serve("2026-11-10 12:00", output=2_500)
    number = world.issued().number
    world.seller = Seller(name="Millrace Compute GmbH", collect_with="stripe")
    world.void(number)
    with world.store.reading() as connection:
        assert box.open_messages(connection) == []


# --- what stands alone ----------------------------------------------------------------------------


class Alone(Credited):
    """The same invoice; then the next month has more taken back than used: a credit note of 1.19 on no invoice."""

    def __init__(self, world: World, server: FakeStripe) -> None:
        super().__init__(world, server)
        world.now_s = datetime(2027, 1, 2, tzinfo=UTC).timestamp()
        registry: Any = world
        with world.store.transaction() as connection:
            what: Any = {"reason": "counted twice", "now_us": world.now_us}
            correct_request(connection, registry, 1, {"output_text": -1_000_000}, **what)
        self.note = world.issued(month="2026-12").number

    def balance(self) -> list[tuple[str, int]]:
        """Our number and the amount of each change of the customer's balance at Stripe."""
        self.desk.now_s += DAY_S
        self.desk.api.answer("GET", "/v1/customers", {}, "")  # whatever is late happens
        changes = self.desk.api.balance.values()
        return [(one["metadata"]["number"], one["amount"]) for one in changes]


def test_a_credit_note_on_no_invoice_lowers_what_the_customer_pays_next(
    world: World, server: FakeStripe
) -> None:
    made = Alone(world, server)
    made.run_until_delivered()
    assert made.note == "CN-00001"
    assert made.balance() == [("CN-00001", -1_19)]
    (change,) = made.desk.api.balance.values()
    assert (change["customer"], change["currency"]) == ("cus_1", "eur")
    assert len(made.desk.api.invoices) == 1 and not made.desk.api.credit_notes


def test_what_takes_such_a_credit_note_back_takes_it_back_there(
    world: World, server: FakeStripe
) -> None:
    made = Alone(world, server)
    world.void(made.note)
    made.run_until_delivered()
    assert made.balance() == [("CN-00001", -1_19), ("INV-00002", 1_19)]
    assert len(made.desk.api.invoices) == 1


def test_taking_back_what_stripe_was_never_told_of_tells_it_nothing(
    world: World, server: FakeStripe, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Books of before had credit notes that nobody sent: a charge for taking them back would be one too many."""
    monkeypatch.setattr(archive, "alone_messages", lambda note: ())
    made = Alone(world, server)
    monkeypatch.undo()
    world.void(made.note)
    with world.store.reading() as connection:
        assert box.open_messages(connection) == []
    assert made.balance() == []


@settings(max_examples=15)
@given(
    faults=st.lists(st.sampled_from([*FAULTS, "none"]), max_size=8),
    deaths=st.dictionaries(st.integers(1, 12), st.sampled_from(["before", "after"]), max_size=3),
)
def test_any_sequence_of_failures_and_kills_changes_the_balance_exactly_once(
    tmp_path_factory: pytest.TempPathFactory,
    server: FakeStripe,
    faults: list[str],
    deaths: dict[int, str],
) -> None:
    world = World(tmp_path_factory.mktemp("alone"))
    made = Alone(world, server)
    made.desk.line.count = 0
    made.desk.api.faults, made.desk.line.deaths = list(faults), dict(deaths)
    for _ in range(6):
        made.desk.run(60.0)
    made.desk.api.faults, made.desk.line.deaths = [], {}
    made.run_until_delivered()
    assert made.balance() == [("CN-00001", -1_19)]
    world.store.close()


def test_what_a_note_adds_to_a_final_invoice_is_paid_with_the_next() -> None:
    invoice = document(1000)
    more = document(50, credits=invoice.number, kind="credit_note", credit=(), total_minor=50)
    (message,) = messages_on(more, invoice)
    assert message.after == invoice_messages(invoice)[-1].id
    assert (message.content()["kind"], message.content()["amount"]) == ("balance", 50)


def test_an_issue_that_fails_tells_nobody(tmp_path: Path) -> None:
    """An amount that Stripe cannot say stops the invoice itself, with its number."""
    world = World(tmp_path)
    world.currency, world.seller = "KWD", Seller(name="Millrace", collect_with="stripe")
    world.plan("standard", flat(output_text="1.111"))
    world.tenant("acme")
    world.serve("2026-11-10 12:00", output=1_000)
    with pytest.raises(LedgerError, match="Stripe has no amount"):
        world.issue()
    with world.store.reading() as connection:
        assert box.open_messages(connection) == [] and archive.stored_documents(connection) == []
    world.store.close()


# --- a real process, really killed ----------------------------------------------------------------

DELIVER = """
import sys, time, random
from pathlib import Path
from wattmill.ledger import outbox as box
from wattmill.ledger.store import Store
from wattmill.ledger.usage import Identity
from wattmill.web.stripe_delivery import StripeDelivery, stripe_client

def receipt(name):
    with store.reading() as connection:
        return box.receipt(connection, name)

class Impatient(box.Outbox):
    def _retry_us(self, past, failure):
        return 0

box.FIRST_WAIT_S = 0.0
with Store(Path(sys.argv[1]), write=True) as store:
    who = Identity((), "", "accounts@acme.example")
    delivery = StripeDelivery(stripe_client("sk_test_1", sys.argv[2]), receipt, lambda tenant: who)
    out = Impatient(store, {"stripe": delivery}, now_us=lambda: int(time.time() * 1e6), random=random.random)
    print("ready", flush=True)
    while True:
        out.deliver_due()
        with store.reading() as connection:
            if not box.open_messages(connection):
                break
print("delivered", flush=True)
"""


def test_sigkill_again_and_again_makes_one_invoice(tmp_path: Path, server: FakeStripe) -> None:
    with Store(tmp_path, write=True) as store:
        desk, made = Desk(store, server), document(*range(1, 41))
        desk.now_s = time.time()
        messages = desk.put(made)
    command = [sys.executable, "-c", textwrap.dedent(DELIVER), str(tmp_path), server.url]
    for wait_s in (0.02, 0.05, 0.1, 0.15):
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout and process.stdout.readline() == "ready\n"
            time.sleep(wait_s)
            os.kill(process.pid, signal.SIGKILL)
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.stdout == "ready\ndelivered\n", done.stderr
    with Store(tmp_path, write=False) as desk.store:
        desk.assert_one_invoice(messages, made)
