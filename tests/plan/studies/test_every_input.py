"""Every key of the factory file moves what it should, and leaves alone what it should not."""

import re
from io import StringIO

import pytest
from rich.console import Console

from tests.plan.studies.every_key.elsewhere import INERT, TABLES, TESTED
from tests.plan.studies.every_key.files import FILES, turned
from tests.plan.studies.every_key.turns import TURNS, Turn
from tests.plan.studies.every_key.views import seen
from tests.support.documents import SELLER, Paper
from tests.support.factory import ROOT
from wattmill.catalog.factory import KEYS
from wattmill.ledger.export import invoice_screen


def part(found: dict[str, object], path: str) -> dict[str, object]:
    """What is at a path, or below it."""
    return {key: found[key] for key in found if f"{key}.".startswith(f"{path}.")}


def named(turn: Turn) -> str:
    return "-".join((turn.study, *turn.counts_for))


@pytest.mark.parametrize("turn", TURNS, ids=named)
def test_a_key_moves_what_it_should_and_nothing_else(turn: Turn) -> None:
    before = FILES[turn.file]
    for edit in turn.also:
        before = turned(before, *edit)
    after = turned(before, turn.place, turn.key, turn.new)
    assert after != before
    was, now = seen(turn.study, before), seen(turn.study, after)
    assert part(was, turn.moves) != part(now, turn.moves)
    assert part(was, turn.stays) == part(now, turn.stays) != {}


# --- no key is left out ---------------------------------------------------------------------------

EVERY = {(title, key) for title, keys in KEYS.items() for key in keys}
TURNED = {turn.counts_for for turn in TURNS}


def test_every_key_of_the_file_is_walked_or_accounted_for() -> None:
    """A new key fails here until a turn shows what it moves, or a table says why it moves nothing."""
    accounted = TURNED | TABLES.keys() | TESTED.keys() | INERT.keys()
    assert EVERY - accounted == set()
    assert accounted - EVERY == set(), "a key that is gone"


def test_no_key_is_excused_that_is_turned() -> None:
    assert TURNED & (TABLES.keys() | TESTED.keys() | INERT.keys()) == set()


def test_keys_that_hold_a_table_are_walked_under_its_title() -> None:
    assert set(TABLES.values()) <= set(KEYS)


@pytest.mark.parametrize("test", sorted(set(TESTED.values())))
def test_the_tests_that_are_named_exist(test: str) -> None:
    path, _, name = test.partition("::")
    assert re.search(rf"^def {name}\(", (ROOT / path).read_text(), re.M), test


@pytest.mark.parametrize(("title", "key"), sorted(INERT))
def test_a_name_moves_no_figure(title: str, key: str) -> None:
    text = FILES["books"]
    found = re.search(rf"^{re.escape(title)}\n{key} = (\"\w+\")", text, re.M)
    assert found is not None
    was, now = seen("books", text), seen("books", text.replace(found[1], '"another"'))
    old = found[1].strip('"')
    back = {name.replace("another", old): value for name, value in now.items()}
    assert {name: old if value == "another" else value for name, value in back.items()} == was


def test_an_invoice_says_how_to_write_to_the_seller() -> None:
    console = Console(width=140, file=StringIO())
    console.print(invoice_screen(Paper().made()))
    assert SELLER.email in console.file.getvalue()  # type: ignore[attr-defined]


def test_money_in_another_currency_is_the_same_number() -> None:
    """`[site] currency` renames keys; of figures it moves only how money is called."""
    euros = FILES["books"].replace("usd", "eur")
    euros = turned(euros, "[site]", "currency", '"EUR"')
    assert seen("books", euros) == seen("books", FILES["books"])
    assert seen("finance", euros)["currency"] == "EUR"
