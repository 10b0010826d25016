"""The book: accounts and journal move together, and a quantity is never apart from its price."""

from datetime import UTC, datetime

from hypothesis import given, settings
from hypothesis import strategies as st

from wattmill.core.records import Price, Usage
from wattmill.core.roster import Roster, Tenant
from wattmill.ledger.accounts import Accounts, Shortage
from wattmill.ledger.book import Book, Held, HoldRefused
from wattmill.ledger.entries import Deliver, Entry, Hold, Settle, Void, Waive

STEADY = settings(derandomize=True, deadline=None, max_examples=200)
NOW_S = datetime(2026, 11, 15, tzinfo=UTC).timestamp()
DECEMBER_S = datetime(2026, 12, 1, tzinfo=UTC).timestamp()
USAGE = Usage(input_uncached=5, input_cached=7, output_text=3)


def price(version: int, output: int) -> Price:
    return Price(version, "plan", 0.0, 10, 1, 10, output, output, 10, output, 10)


def roster(*prices: Price, budget: int | None = 1000) -> Roster:
    return Roster(1, tenants=(Tenant("acme", "plan", "UTC", budget),), prices=prices)


class Sink:
    """A journal in memory."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []

    def append(self, entry: Entry) -> int:
        self.entries.append(entry)
        return len(self.entries)


def new_book() -> tuple[Book, Sink]:
    sink = Sink()
    return Book(Accounts(), sink, roster(price(1, 100))), sink


def hold(book: Book, request: int, amount: int, version: int = 1) -> Held | HoldRefused:
    return book.hold(
        request,
        NOW_S,
        tenant="acme",
        key="k",
        model="house",
        price=version,
        amount_pusd=amount,
    )


def refused(kind: str, left: int, account: str = "acme") -> HoldRefused:
    return HoldRefused(Shortage(account, kind, left, DECEMBER_S))  # type: ignore[arg-type]


def test_the_whole_life_of_a_request() -> None:
    book, sink = new_book()
    assert hold(book, 1, 400) == Held(1)
    assert book.settle(1, NOW_S + 1, "a", USAGE, "finished") == 2
    assert book.deliver(1, NOW_S + 2) == 3
    charge = 5 * 10 + 7 * 1 + 3 * 100
    assert sink.entries == [
        Hold(1, NOW_S, "acme", "k", "house", 1, 400),
        Settle(1, NOW_S + 1, NOW_S, "acme", "k", "house", "a", 1, USAGE, charge, "finished"),
        Deliver(1, NOW_S + 2),
    ]
    assert book.accounts.remaining_pusd("acme", NOW_S) == 1000 - charge


def test_a_budget_is_refused_with_what_is_left_and_until_when() -> None:
    book, sink = new_book()
    hold(book, 1, 400)
    assert hold(book, 2, 601) == refused("budget", 600)
    assert hold(book, 3, 600) == Held(2)
    assert len(sink.entries) == 2
    assert book.settle(2, NOW_S, "a", USAGE, "finished") is None


def test_without_a_budget_every_hold_is_taken() -> None:
    book = Book(Accounts(), Sink(), roster(price(1, 100), budget=None))
    assert hold(book, 1, 10**18) == Held(1)


def test_an_open_hold_keeps_its_price_when_the_roster_changes() -> None:
    book, sink = new_book()
    hold(book, 1, 400)
    book.set_roster(roster(price(2, 900)))
    hold(book, 2, 400, version=2)
    for request in (1, 2):
        book.settle(request, NOW_S, "a", Usage(output_text=1), "finished")
    amounts = [entry.amount_pusd for entry in sink.entries if isinstance(entry, Settle)]
    assert amounts == [100, 900]


def test_a_new_budget_counts_at_once() -> None:
    book, _ = new_book()
    hold(book, 1, 400)
    book.set_roster(roster(price(1, 100), budget=300))
    assert hold(book, 2, 1) == refused("budget", -100)


def test_a_void_keeps_the_work_that_is_our_own_cost() -> None:
    book, sink = new_book()
    hold(book, 1, 400)
    assert book.void(1, NOW_S + 1, "a", "client_gone", USAGE) == 2
    assert sink.entries[1] == Void(
        1, NOW_S + 1, NOW_S, "acme", "k", "house", "a", "client_gone", USAGE
    )
    assert book.accounts.remaining_pusd("acme", NOW_S) == 1000


def test_a_waiver_names_what_it_gives_back() -> None:
    book, sink = new_book()
    hold(book, 1, 400)
    book.settle(1, NOW_S + 1, "a", Usage(output_text=2), "finished")
    assert book.waive(1, NOW_S + 2, "client_gone") == 3
    assert sink.entries[2] == Waive(1, NOW_S + 2, NOW_S, "acme", 200, "client_gone")
    assert book.accounts.remaining_pusd("acme", NOW_S) == 1000


def test_what_has_ended_is_not_entered_again() -> None:
    book, sink = new_book()
    hold(book, 1, 400)
    book.settle(1, NOW_S, "a", USAGE, "finished")
    assert book.settle(1, NOW_S, "a", USAGE, "finished") is None
    assert book.void(1, NOW_S, "a", "x") is None
    book.deliver(1, NOW_S)
    assert book.deliver(1, NOW_S) is None
    assert book.waive(1, NOW_S, "x") is None
    assert len(sink.entries) == 3


def test_recovery_voids_what_was_open_and_waives_what_was_not_confirmed() -> None:
    book, sink = new_book()
    for request in (1, 2, 3):
        hold(book, request, 200)
    book.settle(1, NOW_S, "a", USAGE, "finished")
    book.deliver(1, NOW_S)
    book.settle(2, NOW_S, "a", USAGE, "finished")
    written = len(sink.entries)
    assert book.recover(NOW_S + 9) == (1, 1)
    recovered = [(type(entry), entry.request) for entry in sink.entries[written:]]
    assert recovered == [(Void, 3), (Waive, 2)]
    assert book.recover(NOW_S + 9) == (0, 0)
    assert book.accounts.remaining_pusd("acme", NOW_S) == 1000 - 357


deeds = st.lists(
    st.tuples(
        st.sampled_from(["hold", "settle", "void", "deliver", "waive"]),
        st.integers(1, 5),
        st.integers(0, 400),
    ),
    max_size=50,
)


@STEADY
@given(deeds)
def test_the_journal_alone_rebuilds_the_accounts(deeds: list[tuple[str, int, int]]) -> None:
    """Request ids are given out once, so a second hold of one is left out."""
    book, sink = new_book()
    asked: set[int] = set()
    for deed, request, amount in deeds:
        if deed == "hold" and request not in asked:
            asked.add(request)
            balance = book.accounts.balance("acme", NOW_S)
            fits = balance.spent_pusd + balance.held_pusd + amount <= 1000
            assert isinstance(hold(book, request, amount), Held) is fits
        elif deed == "settle":
            book.settle(request, NOW_S, "a", Usage(output_text=amount // 100), "finished")
        elif deed == "void":
            book.void(request, NOW_S, None, "x")
        elif deed == "deliver":
            book.deliver(request, NOW_S)
        elif deed == "waive":
            book.waive(request, NOW_S, "x")
    rebuilt = Accounts()
    assert all(rebuilt.apply(entry) for entry in sink.entries)
    assert rebuilt.state().open_holds == book.accounts.state().open_holds
    assert rebuilt.state().unconfirmed == book.accounts.state().unconfirmed
    assert rebuilt.balance("acme", NOW_S) == book.accounts.balance("acme", NOW_S)
