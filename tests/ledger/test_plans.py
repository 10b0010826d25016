"""Versions of plans in the books: entered when they differ, never changed, each with its request prices."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from wattmill.catalog.factory import parse_factory
from wattmill.ledger.registry import Registry
from wattmill.ledger.store import Store

DAY_S = 86400.0
PLAN = """
[site]
timezone = "Europe/Berlin"
[[pool]]
name = "box"
model = "m"
[[pool]]
name = "cloud"
model = "m"
url = "http://h/v1"
usd_per_mtok = { input = 1, output = 2 }
[[model]]
alias = "house"
route = ["box", "cloud"]
[[rate_plan]]
name = "standard"
usd_per_mtok = { input = 0.40, output = 1.60 }
seat_usd_per_month = 5
markup_percent = 10
[[rate_plan.band]]
name = "night"
hours = "22:00-06:00"
discount_percent = 50
[[tenant]]
name = "acme"
rate_plan = "standard"
"""
SEATS = PLAN + "seats = 3\n"


class Books:
    def __init__(self, store: Store) -> None:
        self.store = store
        self.registry = Registry(store)
        self.now_s = datetime(2026, 11, 1, tzinfo=UTC).timestamp()

    def read(self, toml: str) -> float:
        """Read a factory file and tell when."""
        self.now_s += DAY_S
        self.registry.load_factory(parse_factory(toml, "factory.toml"), toml, self.now_s)
        return self.now_s

    def versions(self) -> list[tuple[str, float]]:
        """Plan and beginning of each version."""
        return [(each.plan, each.valid_from_us / 1e6) for each in self.registry.plan_versions()]


@pytest.fixture
def books(tmp_path: Path) -> Iterator[Books]:
    store = Store(tmp_path, write=True)
    yield Books(store)
    store.close()


def test_a_version_has_a_price_for_each_pool_and_band(books: Books) -> None:
    books.read(PLAN)
    found = books.registry.prices()
    assert [(p.pool, p.band.name if p.band else None, p.input_uncached) for p in found] == [
        (None, None, 400_000),
        (None, "night", 200_000),
        ("cloud", None, 1_100_000),
    ]
    (version,) = books.registry.plan_versions()
    assert {price.plan_version for price in found} == {version.version}
    assert version.terms == books.registry.factory().rate_plan("standard").terms


def test_the_same_file_again_enters_nothing(books: Books) -> None:
    books.read(PLAN)
    books.read(PLAN.replace("0.40", "0.4000"))
    assert books.versions() == [("standard", 0.0)]


def test_a_cloud_that_asks_more_is_a_new_version_of_a_plan_with_a_markup(books: Books) -> None:
    books.read(PLAN)
    dearer_s = books.read(PLAN.replace("output = 2 }", "output = 3 }"))
    assert books.versions() == [("standard", 0.0), ("standard", dearer_s)]
    assert books.registry.prices()[-1].output_text == 3_300_000


def test_a_fee_alone_is_a_new_version(books: Books) -> None:
    books.read(PLAN)
    edited_s = books.read(PLAN.replace("seat_usd_per_month = 5", "seat_usd_per_month = 6"))
    assert books.versions()[1:] == [("standard", edited_s)]


def test_seats_of_a_tenant_count_from_the_reading_on_whatever_the_date_of_the_plan(
    books: Books,
) -> None:
    dated = SEATS.replace('name = "standard"\n', 'name = "standard"\nvalid_from = 2026-01-01\n')
    january_s = datetime.fromisoformat("2026-01-01T00:00:00+01:00").timestamp()
    books.read(dated)
    more_s = books.read(dated.replace("seats = 3", "seats = 4"))
    assert books.versions() == [
        ("standard", january_s),
        ("standard@acme", 0.0),
        ("standard@acme", more_s),
    ]
    assert books.registry.plan_versions()[-1].terms.seats == 4


def test_a_future_price_of_a_plan_is_one_of_the_tenants_own_plan_as_well(books: Books) -> None:
    books.read(SEATS)
    later = 'name = "standard"\nvalid_from = 2026-12-01\n'
    books.read(SEATS.replace('name = "standard"\n', later).replace("0.40", "0.80"))
    december_s = datetime.fromisoformat("2026-12-01T00:00:00+01:00").timestamp()
    assert books.versions()[2:] == [("standard", december_s), ("standard@acme", december_s)]


def test_versions_are_never_changed(books: Books) -> None:
    books.read(PLAN)
    for statement in ("UPDATE rate_plan_version SET plan = 'x'", "DELETE FROM rate_plan_version"):
        with pytest.raises(IntegrityError, match="append-only"), books.store.transaction() as open_:
            open_.execute(text(statement))
