"""The general ledger in Beancount's own hands, and once more in plain Decimal."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pytest
from beancount import loader
from beancount.core import data
from beancount.core.amount import Amount
from beancount.core.realization import compute_balance, get, realize
from hypothesis import given
from hypothesis import strategies as st
from tests.support.documents import Paper, rich_paper

from wattmill.ledger.billing import archive, payments
from wattmill.ledger.billing.booking import book
from wattmill.ledger.billing.documents import CreditDraw, Document
from wattmill.ledger.export.beancount import beancount_account, beancount_lines
from wattmill.ledger.records import CreditExpired
from wattmill.ledger.store import Store

BERLIN = ZoneInfo("Europe/Berlin")
NEW_YEAR_US = round(datetime(2027, 1, 1, tzinfo=BERLIN).timestamp() * 1e6)
DAY_US = 86_400 * 10**6


class Books:
    """Documents and payments of a site, a day apart."""

    def __init__(self, store: Store) -> None:
        self.store, self.now_us = store, NEW_YEAR_US

    def issue(self, made: Document) -> str:
        draft = msgspec.structs.replace(made, status="draft", number="draft")
        self.now_us += DAY_US
        with self.store.transaction() as connection:
            return archive.enter(connection, draft, self.now_us).document.number

    def pay(
        self, tenant: str, amount_pusd: int, reference: str = "", document: str | None = None
    ) -> None:
        self.now_us += DAY_US
        about: Any = {"reference": reference or str(self.now_us), "document": document}
        with self.store.transaction() as connection:
            payments.receive(
                connection, tenant, amount_pusd, at_us=self.now_us, now_us=self.now_us, **about
            )

    def expire(self, tenant: str, amount_pusd: int) -> None:
        record = CreditExpired(
            grant="CR-1", tenant=tenant, amount_pusd=amount_pusd, source="bought"
        )
        with self.store.transaction() as connection:
            book(connection, record, self.now_us)

    def text(self, title: str = "cellar", currency: str = "EUR") -> str:
        lines = beancount_lines(
            self.store, title=title, currency=currency, timezone="Europe/Berlin"
        )
        return "\n".join(lines) + "\n"


@pytest.fixture
def books(tmp_path: Path) -> Iterator[Books]:
    with Store(tmp_path, write=True) as store:
        yield Books(store)


def loaded(text: str) -> data.Entries:
    """As Beancount reads it: without a complaint."""
    entries, errors, _ = loader.load_string(text)
    assert not errors, [error.message for error in errors]
    return entries


def number(amount: Amount | None) -> Decimal:
    assert amount is not None and amount.number is not None
    return amount.number


def a_month(books: Books) -> Document:
    """A rich invoice, its payment, another tenant's in fractions of cents, and credit that expired."""
    made = rich_paper().made()
    number = books.issue(made)
    books.pay("acme", made.total_minor * 10**10, "SEPA 1", number)
    other = Paper(currency="EUR").tokens("output_text", 1_234_567, "0.123457")
    books.issue(other.made(tenant="globex"))
    bought = Paper(currency="EUR").add("credit", "500", "USD", "1", text="Prepaid credit")
    books.issue(bought.made(tenant="globex"))
    books.expire("globex", 123 * 10**12)
    return made


def test_beancount_finds_nothing_wrong(books: Books) -> None:
    a_month(books)
    entries = loaded(books.text())
    kinds = [type(entry).__name__ for entry in entries]
    assert kinds.count("Transaction") == 5
    assert kinds.count("Balance") == kinds.count("Open") > 6


def test_beancount_would_find_a_wrong_amount(books: Books) -> None:
    """So that the test before means something: one pico-unit is too much."""
    a_month(books)
    text = books.text()
    wrong = re.sub(r"(Income:Usage  -0\.\d{11})9 ", r"\g<1>8 ", text)
    assert wrong != text
    _, errors, _ = loader.load_string(wrong)
    assert errors


def test_what_tenants_owe_is_what_documents_and_payments_say(books: Books) -> None:
    made = a_month(books)
    real = realize(loaded(books.text()))
    assert compute_balance(get(real, "Assets:Receivable:Acme")).is_empty()
    cash = compute_balance(get(real, "Assets:Cash")).get_currency_units("EUR").number
    assert cash == Decimal(made.total_minor) / 100
    owed = compute_balance(get(real, "Assets:Receivable:Globex")).get_currency_units("EUR").number
    assert owed == Decimal("500.15")
    prepaid = compute_balance(get(real, "Liabilities:Prepaid:Globex"))
    assert prepaid.get_currency_units("EUR").number == Decimal(-377)


def test_plain_decimal_agrees_with_every_balance(books: Books) -> None:
    a_month(books)
    sums: dict[str, Decimal] = {}
    entries = loaded(books.text())
    for entry in entries:
        if isinstance(entry, data.Transaction):
            legs = [(leg.account, number(leg.units)) for leg in entry.postings]
            assert sum(amount for _, amount in legs) == 0
            for account, amount in legs:
                sums[account] = sums.get(account, Decimal(0)) + amount
    asserted = {
        entry.account: entry.amount.number for entry in entries if isinstance(entry, data.Balance)
    }
    assert asserted == sums


def test_a_transaction_says_what_it_is(books: Books) -> None:
    a_month(books)
    first, paid, *_ = [e for e in loaded(books.text()) if isinstance(e, data.Transaction)]
    assert (first.payee, first.narration) == ("acme", "Invoice INV-00001 for 2026-11")
    assert (first.date, first.meta["block"], first.meta["document"]) == (
        *(date(2027, 1, 2), "1", "INV-00001"),
    )
    assert len(first.meta["sha256"]) == 64
    assert (paid.meta["reference"], paid.meta["document"]) == ("SEPA 1", "INV-00001")


def test_a_payment_dated_before_its_entry_is_no_error(books: Books) -> None:
    books.issue(Paper(currency="EUR").tokens("output_text", 1_000_000, "5").made())
    with books.store.transaction() as connection:
        early_us = NEW_YEAR_US - 30 * DAY_US
        about: Any = {"reference": "r", "document": None, "now_us": books.now_us}
        payments.receive(connection, "acme", 10**12, at_us=early_us, **about)
    assert sum(isinstance(entry, data.Transaction) for entry in loaded(books.text())) == 2


def test_books_without_postings_are_an_empty_file(books: Books) -> None:
    assert loaded(books.text()) == []


@pytest.mark.parametrize("word", ['"quoted"', "back\\slash", "two\nlines", "* ; | #tag ^link"])
def test_nobodys_words_break_the_file(books: Books, word: str) -> None:
    books.pay("acme", 10**12, reference=word)
    (entry,) = [e for e in loaded(books.text(word)) if isinstance(e, data.Transaction)]
    assert entry.meta["reference"] == word.replace("\n", " ")


def test_a_yen_book_has_no_decimals_that_say_something(books: Books) -> None:
    paper = Paper(currency="JPY").tokens("output_text", 3_000_000, "41")
    books.issue(paper.made())
    real = realize(loaded(books.text(currency="JPY")))
    owed = compute_balance(get(real, "Assets:Receivable:Acme")).get_currency_units("JPY")
    assert owed.number == 123


@pytest.mark.parametrize(
    ("account", "name"),
    [
        ("receivable:acme", "Assets:Receivable:Acme"),
        ("cash", "Assets:Cash"),
        ("prepaid:bosch-gym", "Liabilities:Prepaid:Bosch-gym"),
        ("tax:DE", "Liabilities:Tax:DE"),
        ("income:usage", "Income:Usage"),
        ("bad_debt", "Expenses:BadDebt"),
    ],
)
def test_accounts_by_their_names(account: str, name: str) -> None:
    assert beancount_account(account) == name


@given(
    st.lists(st.text(st.characters(codec="utf-8", exclude_characters=":"), min_size=1), unique=True)
)
def test_no_two_tenants_share_an_account(tenants: list[str]) -> None:
    names = {beancount_account(f"receivable:{tenant}") for tenant in tenants}
    assert len(names) == len(tenants)


@given(st.text(st.characters(codec="utf-8", exclude_characters=":"), min_size=1))
def test_every_name_is_one_that_beancount_takes(tenant: str) -> None:
    name = beancount_account(f"receivable:{tenant}")
    (opened,) = loaded(f"2026-01-01 open {name}\n")
    assert isinstance(opened, data.Open) and opened.account == name


def test_a_credit_note_is_the_reverse(books: Books) -> None:
    credit = (CreditDraw("CR-1", "promotional", 100),)
    books.issue(Paper(currency="EUR", credit=credit).tokens("output_text", 1_000_000, "5").made())
    back = Paper(currency="EUR", credit=(CreditDraw("CR-1", "promotional", -100),))
    back.tokens("output_text", -1_000_000, "5")
    books.issue(back.made(kind="credit_note", credits="INV-00001"))
    real = realize(loaded(books.text()))
    for account in ("Assets:Receivable:Acme", "Income:Usage", "Income:Promotion"):
        assert compute_balance(get(real, account)).is_empty(), account
