"""Prepaid credit on its whole way: bought, drawn request by request, invoiced, and never below zero."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from wattmill.core.records import Usage
from wattmill.ledger.accounts import Accounts
from wattmill.ledger.billing import issuing
from wattmill.ledger.book import Book, Held, HoldRefused
from wattmill.ledger.entries import Entry
from wattmill.ledger.journal import encode_frame, segment_path
from wattmill.ledger.snapshot import JOURNAL, read_snapshot, replay_journal
from wattmill.web.books import Books

FACTORY = """
[site]
name = "cellar"

[seller]
name = "Millrace Compute"

[[pool]]
name = "here"
model = "llama-3.1-8b"
url = "http://127.0.0.1:9/v1"

[[model]]
alias = "house"
route = ["here"]

[[rate_plan]]
name = "standard"
usd_per_mtok = { input = 1, output = 2 }

[[tenant]]
name = "acme"
rate_plan = "standard"
prepaid = true
"""
USD = 10**12
MONTH_S = 45 * 86400


class Sink:
    """The journal of a gateway, an entry a frame."""

    def __init__(self, data: Path) -> None:
        self._path = segment_path(data / JOURNAL, 1)
        self._path.parent.mkdir(exist_ok=True)
        self._place = 0

    def append(self, entry: Entry) -> int:
        with self._path.open("ab") as file:
            file.write(encode_frame([entry]))
        self._place += 1
        return self._place


class Desk:
    """Books, and a gateway that takes over every roster they publish."""

    def __init__(self, data: Path) -> None:
        self.data = data
        self.books = Books(data)
        self.books.load_factory("factory.toml", FACTORY)
        self.key = self.books.create_key("acme").id
        self.book = Book(Accounts(), Sink(data), read_snapshot(data).roster)
        self.request = 1 << 40
        self.now_s = time.time() + 60

    def grant(self, usd: int) -> None:
        self.books.grant_credit("acme", usd * USD, gift=True, reference="welcome")
        self.take_over()

    def publish(self) -> None:
        self.books.publish()
        self.take_over()

    def take_over(self) -> None:
        self.book.set_roster(read_snapshot(self.data).roster)

    def hold(self, usd: int) -> Held | HoldRefused:
        self.request += 1
        self.now_s += 1
        return self.book.hold(
            self.request,
            self.now_s,
            tenant="acme",
            key=self.key,
            model="house",
            price=1,
            amount_pusd=usd * USD,
        )

    def serve(self, held_usd: int, tokens: int) -> bool:
        """Whether it was served: an answer of so many output tokens, two dollars a million."""
        if isinstance(self.hold(held_usd), HoldRefused):
            return False
        self.book.settle(self.request, self.now_s, "here", Usage(output_text=tokens), "finished")
        self.book.deliver(self.request, self.now_s)
        return True

    @property
    def left_pusd(self) -> int | None:
        return self.book.accounts.credit_pusd("acme", self.now_s)


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    desk = Desk(tmp_path)
    yield desk
    desk.books.close()


def test_without_credit_nothing_is_served(desk: Desk) -> None:
    answer = desk.hold(1)
    assert isinstance(answer, HoldRefused)
    assert (answer.shortage.kind, answer.shortage.remaining_pusd) == ("credit", 0)


def test_requests_draw_on_credit_until_it_does_not_cover_the_next(desk: Desk) -> None:
    desk.grant(5)
    served = [desk.serve(held_usd=2, tokens=1_000_000) for _ in range(4)]
    assert served == [True, True, False, False]
    assert desk.left_pusd == 1 * USD
    assert desk.serve(held_usd=1, tokens=400_000)


def test_what_is_used_beyond_credit_is_our_own_cost(desk: Desk) -> None:
    desk.grant(1)
    assert desk.serve(held_usd=1, tokens=700_000)  # 1.40
    assert desk.left_pusd == 0
    desk.books.catch_up()
    with desk.books.store.reading() as connection:
        row = connection.exec_driver_sql("SELECT amount_pusd, absorbed_pusd FROM request").one()
    assert tuple(row) == (1 * USD, 4 * USD // 10)


def test_an_invoice_takes_the_place_of_the_draws_of_its_requests(desk: Desk) -> None:
    """The credit that is left before and after it is the same, and what was drawn is not drawn again."""
    desk.grant(10)
    assert desk.serve(held_usd=3, tokens=1_500_000)
    before = desk.left_pusd
    desk.publish()
    assert desk.left_pusd == before == 7 * USD
    month = desk.book.accounts.balance("acme", desk.now_s).month.name
    issue = issuing.issue(
        desk.books.store, desk.books.registry, "acme", month, desk.now_s + MONTH_S
    )
    assert issue.document is not None
    assert issue.document.credit_minor == 300
    desk.publish()
    assert desk.left_pusd == before
    assert desk.serve(held_usd=7, tokens=3_500_000)
    assert isinstance(desk.hold(1), HoldRefused)


def test_a_new_gateway_knows_what_was_drawn(desk: Desk) -> None:
    desk.grant(5)
    assert desk.serve(held_usd=2, tokens=1_000_000)
    desk.publish()
    assert desk.serve(held_usd=2, tokens=500_000)
    accounts = replay_journal(desk.data, read_snapshot(desk.data))
    assert accounts.credit_pusd("acme", desk.now_s) == desk.left_pusd == 2 * USD
