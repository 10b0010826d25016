"""What no database keeps is refused with its place before it reaches one."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.ledger.conftest import Books

from wattmill.core.errors import UsageError
from wattmill.ledger.admission import MOST_BUDGET_UUSD, MOST_COUNT, require_limits, require_text
from wattmill.ledger.billing.booking import book
from wattmill.ledger.identities import enter_identity
from wattmill.ledger.records import PaymentReceived
from wattmill.ledger.usage import Identity

BAD = ("a\0b", "a\ud800b")
Change = Callable[[Books, str], object]


def _identify(books: Books, text: str) -> None:
    with books.store.transaction() as connection:
        enter_identity(connection, "acme", Identity(("1 Main Street", text)), None)


def _pay(books: Books, text: str) -> None:
    paid = PaymentReceived(
        payment="P-1", tenant="acme", amount_pusd=1, received_us=1, reference=text
    )
    with books.store.transaction() as connection:
        book(connection, paid, 1)


CHANGES: dict[str, Change] = {
    "tenant name": lambda books, text: books.registry.create_tenant(text, "msp-standard"),
    "tenant parent": lambda books, text: books.registry.create_tenant(
        "x", "msp-standard", parent=text
    ),
    "tenant plan": lambda books, text: books.registry.set_tenant("acme", 0.0, plan=text),
    "key label": lambda books, text: books.registry.create_key("acme", 0.0, label=text),
    "key": lambda books, text: books.registry.revoke_key(text, 0.0),
    "tenant address": _identify,
    "payment_received reference": _pay,
}


@pytest.mark.parametrize("text", BAD)
@pytest.mark.parametrize("place", CHANGES)
def test_text_that_no_database_keeps_is_refused_with_its_place(
    books: Books, place: str, text: str
) -> None:
    with pytest.raises(UsageError, match=r"a.*b' (has a NUL character|is no text in UTF-8)") as it:
        CHANGES[place](books, text)
    assert it.value.place == place
    assert it.value.hint
    assert ascii(text)[1:-1] in it.value.message


@given(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])))
def test_all_other_text_may_come_in(text: str) -> None:
    refused = None
    try:
        require_text("label", {"label": text, text: [text, None, 1]})
    except UsageError as error:
        refused = error
    assert refused is None


@given(st.text(), st.sampled_from("\0\ud800\udfff"), st.text())
def test_one_such_character_is_enough_wherever_it_is(head: str, bad: str, tail: str) -> None:
    with pytest.raises(UsageError):
        require_text("terms", ({"lines": [("", head + bad + tail)]},))


def test_the_whole_of_a_long_text_is_not_said() -> None:
    with pytest.raises(UsageError) as it:
        require_text("factory file", "x" * 10_000 + "\0")
    assert len(it.value.message) < 120


def test_a_name_of_a_mapping_is_text_too() -> None:
    with pytest.raises(UsageError) as it:
        require_text("lines", {"1\0": 5})
    assert it.value.place == "lines, a name"


@pytest.mark.parametrize(
    ("name", "most"),
    [
        ("budget_uusd", MOST_BUDGET_UUSD),
        ("requests_per_minute", MOST_COUNT),
        ("max_concurrency", MOST_COUNT),
    ],
)
def test_a_limit_ends_where_the_books_do(books: Books, name: str, most: int) -> None:
    require_limits({name: most})
    books.registry.set_tenant("acme", 0.0, **{name: most})
    for beyond in (most + 1, 10**30):
        with pytest.raises(UsageError, match="is more than") as it:
            books.registry.set_tenant("acme", 0.0, **{name: beyond})
        assert it.value.place == name
    with pytest.raises(UsageError, match="negative"):
        require_limits({name: -1})
