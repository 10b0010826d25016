"""What users of other gateways and billing systems met with money: lost on the way, doubled, misplaced, unfixable."""

from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest
from sqlalchemy import delete, update
from sqlalchemy.exc import DatabaseError

from tests.complaints.factory import INPUT_PUSD, OUTPUT_PUSD, new_tenant, wait_for_rows
from tests.gateway.mill import Mill
from tests.gateway.test_loader import LIVES, journal
from tests.gateway.wire import ask, chat, post
from tests.ledger.billing.world import World, instant, only_output
from tests.ledger.conftest import FACTORY, Books, NewBooks
from tests.ledger.test_outbox import Post
from tests.support.books import NOON_S, charged, load
from wattmill.catalog.factory import parse_factory
from wattmill.core.clock import ManualClock
from wattmill.core.errors import FactoryError, LedgerError, UsageError
from wattmill.core.money import format_minor, round_to_minor
from wattmill.core.records import Usage
from wattmill.ledger import schema
from wattmill.ledger.billing.drafts import draft
from wattmill.ledger.entries import MAX_AMOUNT_PUSD
from wattmill.ledger.export.focus import focus_rows
from wattmill.ledger.loader import Loader
from wattmill.ledger.store import Store
from wattmill.ledger.usage import usage

DAY_S = 86_400.0


def states(store: Store) -> list[str]:
    """How each request in the books ended."""
    with store.reading() as connection:
        return sorted(row.state for row in connection.execute(schema.request.select()))


# --- on the way to the books ----------------------------------------------------------------------


def test_what_is_read_for_the_database_is_not_gone_when_the_database_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """litellm #33872, #34820: spending was taken out of the buffer, then the commit failed, and it was nowhere."""
    journal(tmp_path, 1, LIVES)
    with Store(tmp_path, write=True) as store:
        loader = Loader(store, ManualClock(NOON_S))
        with monkeypatch.context() as broken:
            broken.setattr(Store, "_add_to_quarters", fails)
            with pytest.raises(LedgerError):
                loader.catch_up()
        assert states(store) == []
        loader.catch_up()
        assert states(store) == ["charged"] * 10 + ["void"] * 10 + ["waived"] * 10


def fails(*_: object) -> None:
    raise LedgerError("the database is locked")


def test_one_load_takes_everything_however_much_came_together(tmp_path: Path) -> None:
    """litellm #29292: of what had gathered, the first hundred rows were summed and the rest was dropped."""
    with Store(tmp_path, write=True) as store:
        load(store, *(charged(n, tenant=f"t{n}", amount_pusd=n) for n in range(1, 1501)))
        groups = usage(store, NOON_S - DAY_S, NOON_S + DAY_S)
    assert sum(group.amount_pusd for group in groups) == sum(range(1, 1501))
    assert len(groups) == 1500


def test_a_request_that_comes_twice_is_refused_at_the_door(
    tmp_path: Path,
) -> None:
    """lago-api PR #4725, flexprice #2763: duplicates came in, and were to be cleaned up afterwards."""
    with Store(tmp_path, write=True) as store:
        load(store, charged(1), charged(2))
        with pytest.raises(LedgerError, match="in the books already"):
            load(store, charged(3), charged(2))
        (group,) = usage(store, NOON_S - DAY_S, NOON_S + DAY_S)
        assert (group.requests, group.amount_pusd) == (2, 2)


def test_a_journal_that_is_read_again_changes_nothing(tmp_path: Path) -> None:
    """flexprice #2763: the same events were delivered again and counted again."""
    journal(tmp_path, 1, LIVES)
    with Store(tmp_path, write=True) as store:
        assert Loader(store, ManualClock(NOON_S)).catch_up() == len(LIVES)
        assert Loader(store, ManualClock(NOON_S)).catch_up() == 0
        assert len(states(store)) == 30


def test_a_delivery_that_timed_out_is_not_made_a_second_time(tmp_path: Path) -> None:
    """langfuse PR #15917, #16292: a meter event whose answer was lost was sent anew, and billed anew."""
    with Store(tmp_path, write=True) as store:
        post = Post(store)
        message = post.fresh()
        post.put(message)
        post.receiver.faults = ["after", "killed after", "before"]
        post.run_to_the_end()
    assert post.receiver.has == [message.id]
    assert (
        len({attempt.key for attempt in post.receiver.attempts}) == 1 < len(post.receiver.attempts)
    )


@pytest.mark.parametrize("url", ["mysql://somewhere/books", "postgresql://me:secret@host/books"])
def test_a_factory_that_is_set_up_wrongly_does_not_start(url: str) -> None:
    """litellm #19163: with the cache switched off the buffer for spending was off as well, and nobody was told."""
    with pytest.raises(FactoryError, match="database_url"):
        parse_factory(f'[serve]\ndatabase_url = "{url}"\n{FACTORY}', "factory.toml")


# --- prices ---------------------------------------------------------------------------------------


def test_a_wrong_price_is_put_right_and_nothing_is_deleted(mill: Mill) -> None:
    """litellm #20615, #22726: what had been priced wrongly could only be deleted from the table of spending."""
    tenant = new_tenant(mill)
    request = mill.chat(tenant=tenant).request
    before = mill.wait_for(request)
    mill.do("correct_request", request=request, meters={"output_text": -5}, reason="never said")
    mill.do("correct_request", request=request, meters=None, reason="a test of ours")
    assert mill.rows()[request] == before
    undone = [row["amount_pusd"] for row in mill.do("list_corrections", tenant=tenant)]
    assert undone == [-5 * OUTPUT_PUSD, -7 * INPUT_PUSD]
    assert sum(undone) == -before["amount_pusd"]


def test_a_month_at_a_wrong_price_is_rated_again_and_nothing_is_deleted(mill: Mill) -> None:
    """litellm #22726: the same for a whole month, which was billed at a price that should never have been."""
    tenant = new_tenant(mill)
    rows = [mill.wait_for(mill.chat(tenant=tenant).request) for _ in range(2)]
    month = next(one["month"] for one in mill.do("balances") if one["tenant"] == tenant)
    mill.do("reprice", tenant=tenant, month=month, plan="gift", reason="it was promised for free")
    moved = [row["amount_pusd"] for row in mill.do("list_corrections", tenant=tenant)]
    assert sum(moved) == -sum(row["amount_pusd"] for row in rows)
    assert wait_for_rows(mill, tenant, 2) == rows


@pytest.mark.parametrize(
    "statement", [update(schema.request).values(amount_pusd=1), delete(schema.request)]
)
def test_history_is_not_rewritten(tmp_path: Path, statement: object) -> None:
    """HomeLab PR #686: a job went back over what had been spent and wrote another price over it."""
    with Store(tmp_path, write=True) as store:
        load(store, charged(1))
        with pytest.raises(DatabaseError), store.transaction() as connection:
            connection.execute(statement)  # type: ignore[call-overload]
        assert states(store) == ["charged"]


def test_an_unknown_price_is_a_refusal_and_not_a_number(mill: Mill) -> None:
    """archestra PR #6906: a model without a price cost $50 per Mtok by default, and at others nothing."""
    tenant = new_tenant(mill, plan="clouds")
    answer = mill.chat(tenant=tenant)
    assert (answer.status, answer.code) == (503, "no_price") or answer.code == "no_price"
    assert not [row for row in mill.rows().values() if row["tenant"] == tenant]


def test_each_key_has_a_meter_of_its_own(mill: Mill) -> None:
    """bifrost #428: what each key of a customer had used was for sale, and not in what one could run."""
    tenant = new_tenant(mill)
    keys = [mill.do("create_key", tenant=tenant) for _ in range(2)]
    for key, times in zip(keys, (1, 2), strict=True):
        for _ in range(times):
            ask(mill.url, post(chat(), key["key"]))
    rows = wait_for_rows(mill, tenant, 3)
    assert [row["key"] for row in rows] == [keys[0]["id"], keys[1]["id"], keys[1]["id"]]


# --- currencies and sizes -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("currency", "billed", "shown"),
    [
        ("JPY", 1_235, "1,235"),
        ("EUR", 1_234_50, "1,234.50"),
        ("HUF", 1_234_50, "1,234.50"),
        ("KWD", 1_234_500, "1,234.500"),
    ],
)
def test_a_currency_has_its_own_decimals(
    world: World, currency: str, billed: int, shown: str
) -> None:
    """lago #325: books and screen did not agree on how many decimals a forint has."""
    world.currency = currency
    world.serve("2026-11-10 12:00", output=1_234_500)
    made = world.issued()
    assert (made.total_minor, format_minor(made.total_minor, currency)) == (billed, shown)
    assert made.total_minor == round_to_minor(1_234_500_000 * 10**6, currency)


def test_an_invoice_of_millions_does_not_overflow(world: World) -> None:
    """killbill #1081: a line of numeric(15,9) ended below a million of the currency."""
    world.plan("dear", only_output("1000"))
    world.tenant("acme", "dear")
    for minute in range(4):
        world.serve(f"2026-11-10 12:0{minute}", output=8_000_000)
    made = world.issued()
    assert made.total_minor * 10**10 > MAX_AMOUNT_PUSD, "more than 64 bits of pUSD"
    assert made.total_minor == 4 * 8_000_000_00
    assert world.balances() == {"receivable:acme": "32000000.00", "income:usage": "-32000000.00"}


# --- months ---------------------------------------------------------------------------------------

BEFORE, AFTER = "2026-10-31T23:59:59", "2026-11-01T00:00:00"


@pytest.mark.parametrize("zone", ["America/Los_Angeles", "Asia/Kolkata", "Pacific/Kiritimati"])
def test_a_new_price_and_a_new_month_begin_on_the_tenants_clock(
    new_books: NewBooks, zone: str
) -> None:
    """killbill #1987, #1966: at the end of a day in Los Angeles some dates were already those of UTC's next."""
    text = FACTORY.replace('timezone = "America/New_York"', f'timezone = "{zone}"')
    books: Books = new_books(text)
    books.serve(books.at(BEFORE, zone), Usage(1000))
    books.serve(books.at(AFTER, zone), Usage(3000))
    books.enter()
    now_s = instant("2027-01-01")
    for month, tokens in (("2026-10", 1000), ("2026-11", 3000)):
        made = draft(books.store, books.registry, "acme", month, issued=date(2027, 1, 1))
        assert sum(line.tokens for line in made.lines) == tokens
    dated = text.replace(
        'name = "msp-standard"\n', 'name = "msp-standard"\nvalid_from = 2026-11-01\n'
    )
    books.reload(dated.replace("input = 0.40", "input = 0.80"), now_s - 90 * DAY_S)
    newest = max(books.registry.prices(), key=lambda price: price.version)
    assert newest.valid_from_s == books.at(AFTER, "Europe/Berlin"), (
        "the site's day, as the file says"
    )


# --- what auditors ask for ------------------------------------------------------------------------


def test_an_export_names_model_and_meter_of_every_line(world: World) -> None:
    """FOCUS_Spec #2018, #2099, #2488: bills of tokens came without a column for the model or the kind of token."""
    world.serve("2026-11-10 12:00", input=3, output=2)
    world.serve("2026-11-10 12:00", output=1, model="house-small")
    rows = focus_rows(world.issued())
    named = {(row["x_ModelId"], row["SkuMeter"]) for row in rows}
    assert named >= {("house-large", "Input Tokens"), ("house-small", "Output Tokens")}
    assert sum(Decimal(row["ConsumedQuantity"]) for row in rows) == 6_000


@pytest.mark.parametrize("tokens", [-(10**9), -1_001])
def test_a_correction_takes_no_more_than_there_is(mill: Mill, tokens: int) -> None:
    """LibreChat #2359: a balance went on from a negative number as if it were one."""
    request = mill.chat().request
    mill.wait_for(request)
    with pytest.raises(UsageError, match="cannot be taken off"):
        mill.do("correct_request", request=request, meters={"output_text": tokens}, reason="x")
