"""Who a tenant that a command made is: on its invoices, in its taxes, under its reseller; and erased."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select

from tests.support.factory import EXAMPLE
from wattmill.core.errors import UsageError
from wattmill.ledger import schema
from wattmill.ledger.billing.parties import Parties, parties_of, resellers_of
from wattmill.ledger.billing.tables import document_buyer
from wattmill.ledger.usage import Identity
from wattmill.web.books import Books

GERMAN_SELLER = EXAMPLE.replace("[seller]", '[seller]\ncountry = "DE"')
PLAN = "standard"
HUDSON: dict[str, Any] = {
    "address": ["Hudson Ltd", "1 Quay"],
    "tax_id": "",
    "email": "pay@hudson.example",
    "country": "DE",
}


@pytest.fixture
def books(tmp_path: Path) -> Iterator[Books]:
    opened = Books(tmp_path)
    opened.load_factory(str(tmp_path / "factory.toml"), GERMAN_SELLER)
    opened.create_tenant("hudson", PLAN)
    yield opened
    opened.close()


def parties(books: Books, tenant: str) -> Parties:
    return parties_of(books.store, books.registry, tenant)


def test_its_invoices_say_who_it_is_and_are_taxed_where_it_is(books: Books) -> None:
    books.identify("hudson", **HUDSON)
    found = parties(books, "hudson")
    assert found.buyer == Identity(("Hudson Ltd", "1 Quay"), "", "pay@hudson.example")
    assert found.tax_on(date(2026, 11, 30)).rate == Decimal("0.19")


def test_without_a_country_the_tax_is_asked_for(books: Books) -> None:
    with pytest.raises(UsageError, match="country"):
        parties(books, "hudson").tax_on(date(2026, 11, 30))


def test_under_a_reseller_it_is_the_reseller_that_bills(books: Books) -> None:
    books.create_tenant("harbour", PLAN, parent="hudson")
    books.identify("hudson", **HUDSON)
    found = parties(books, "harbour")
    assert (found.issuer, found.seller.name, found.seller.country) == ("hudson", "hudson", "DE")
    assert found.seller.address == ("Hudson Ltd", "1 Quay")
    assert resellers_of(books.store, books.registry)["harbour"] == "hudson"


def test_a_tenant_of_the_file_is_described_there(books: Books) -> None:
    name = books.registry.factory().tenants[0].name
    with pytest.raises(UsageError, match="is in the factory file") as caught:
        books.identify(name, **HUDSON)
    assert "wattmill reload" in caught.value.hint


def test_what_is_erased_is_in_no_table(books: Books) -> None:
    books.identify("hudson", **HUDSON)
    _issue_something(books)
    assert books.erase_identity("hudson") == 0
    assert parties(books, "hudson").buyer == Identity()
    assert _buyers(books) == 1
    assert books.erase_identity("hudson", documents=True) == 1
    assert _buyers(books) == 0


DESCRIBED = GERMAN_SELLER.replace(
    'name = "globex"',
    'name = "globex"\naddress = ["Globex", "Hidden Lane 7"]\nemail = "pay@globex.example"\ntax_id = "14-7654321"',
    1,
)
SECRETS = ("Hidden Lane 7", "pay@globex.example", "14-7654321")


def _load(books: Books, text: str) -> None:
    books.load_factory(str(books.data / "factory.toml"), text)


def test_who_is_in_the_factory_file_is_not_erased_behind_its_back(books: Books) -> None:
    _load(books, DESCRIBED)
    with pytest.raises(UsageError, match="is in the factory file: globex") as caught:
        books.erase_identity("globex")
    assert "wattmill reload" in caught.value.hint
    assert parties(books, "globex").buyer.email == "pay@globex.example"


@pytest.mark.parametrize("address", ["Hidden Lane 7", "\\u0048idden Lane 7"])
def test_what_is_erased_is_in_no_older_file_either_nor_in_a_byte_of_the_folder(
    books: Books, address: str
) -> None:
    _load(books, DESCRIBED.replace("Hidden Lane 7", address))
    _load(books, GERMAN_SELLER)
    books.erase_identity("globex", documents=True)
    for path in books.data.rglob("*"):
        kept = path.read_bytes() if path.is_file() else b""
        assert not [word for word in (*SECRETS, address) if word.encode() in kept], path
    assert parties(books, "globex").buyer == Identity()


def test_a_file_of_before_that_nobody_can_read_any_more_is_forgotten(books: Books) -> None:
    with books.store.transaction() as connection:
        broken = {"loaded_us": 0, "path": "old.toml", "text": "globex = 'Hidden Lane 7"}
        connection.execute(schema.factory_version.insert().values(number=0, **broken))
    books.erase_identity("globex")
    with books.store.reading() as connection:
        text = schema.factory_version.c.text
        assert "Hidden" not in "".join(connection.execute(select(text)).scalars())


@pytest.mark.parametrize("operation", ["identify", "erase_identity"])
def test_nobody_is_not_a_tenant(books: Books, operation: str) -> None:
    given: dict[str, Any] = HUDSON if operation == "identify" else {}
    with pytest.raises(UsageError, match="no tenant 'hadson'"):
        getattr(books, operation)("hadson", **given)


def _issue_something(books: Books) -> None:
    """Credit that is bought is an invoice at once."""
    books.grant_credit("hudson", 10**13)


def _buyers(books: Books) -> int:
    with books.store.reading() as connection:
        assert connection.execute(select(func.count()).select_from(schema.document)).scalar() == 1
        return int(
            connection.execute(select(func.count()).select_from(document_buyer)).scalar_one()
        )
