"""No hold is too large to be written down: without a budget, too, there is an end to it."""

from hypothesis import given
from hypothesis import strategies as st

from wattmill.core.roster import Roster, Tenant
from wattmill.ledger.accounts import Accounts
from wattmill.ledger.book import Book, Held
from wattmill.ledger.entries import MAX_AMOUNT_PUSD, Entry
from wattmill.ledger.journal import encode_frame

ROSTER = Roster(1, (Tenant("acme", "standard", "UTC"),))


class Sink(list[Entry]):
    """A journal on paper."""

    def append(self, entry: Entry) -> int:  # type: ignore[override]
        super().append(entry)
        return len(self)


@given(st.integers(0, 2**80) | st.sampled_from([MAX_AMOUNT_PUSD, MAX_AMOUNT_PUSD + 1]))
def test_what_is_held_can_be_written(amount_pusd: int) -> None:
    sink = Sink()
    book = Book(Accounts(), sink, ROSTER)
    answer = book.hold(
        1, 0.0, tenant="acme", key="k", model="house", price=1, amount_pusd=amount_pusd
    )
    assert isinstance(answer, Held) == (amount_pusd <= MAX_AMOUNT_PUSD) == bool(sink)
    assert encode_frame(sink)
