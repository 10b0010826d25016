"""Who may ask for what: the factory file, the commands, and which of them wins."""

import hashlib
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from wattmill.catalog.factory import parse_factory
from wattmill.core.errors import UsageError
from wattmill.ledger.registry import Registry, TenantRow
from wattmill.ledger.store import Store
from wattmill.tariff.rating import PriceBook

TOML = """
[site]
timezone = "Europe/Berlin"

[[pool]]
name = "here"
model = "wattmill-demo"
path = "demo"

[[model]]
alias = "house"
route = ["here"]

[[rate_plan]]
name = "standard"
usd_per_mtok = { input = 0.40, cached_input = 0.04, output = 1.60 }

[[rate_plan]]
name = "friends"
usd_per_mtok = { input = 0.10, output = 0.40 }

[[tenant]]
name = "acme"
rate_plan = "standard"
budget_usd_per_month = 50

[[tenant]]
name = "globex"
rate_plan = "friends"
timezone = "Asia/Kolkata"
"""
DEARER = TOML.replace("input = 0.40", "input = 0.80")
DAY_S = 86_400.0


class Desk:
    """A registry with a clock that moves a day with each reading of the file."""

    def __init__(self, store: Store) -> None:
        self.registry = Registry(store)
        self.now_s = datetime(2026, 11, 1, tzinfo=UTC).timestamp()

    def read(self, toml: str) -> float:
        """Read a factory file and tell when."""
        self.now_s += DAY_S
        self.registry.load_factory(parse_factory(toml, "factory.toml"), toml, self.now_s)
        return self.now_s

    def tenant(self, name: str = "acme") -> TenantRow:
        return {row.name: row for row in self.registry.tenants()}[name]

    def input_price(self, at_s: float, plan: str = "standard") -> int | None:
        """µUSD per million tokens in force at a time."""
        price = PriceBook(self.registry.prices()).price(plan, "any", None, at_s)
        return None if price is None else price.input_uncached

    @property
    def live_keys(self) -> set[str]:
        return {key.id for key in self.registry.roster((), (), 1).keys}


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    with Store(tmp_path, write=True) as store:
        desk = Desk(store)
        desk.read(TOML)
        yield desk


# --- tenants ---------------------------------------------------------------------------------------


def test_the_file_makes_tenants(desk: Desk) -> None:
    assert desk.tenant() == TenantRow(
        "acme", "standard", "Europe/Berlin", 50_000_000, None, None, True
    )
    assert desk.tenant("globex").timezone == "Asia/Kolkata"


def test_a_budget_set_by_a_command_outlives_a_reading_of_the_same_file(desk: Desk) -> None:
    desk.registry.set_tenant("acme", 0.0, budget_uusd=7)
    desk.read(TOML)
    desk.read(DEARER)
    assert desk.tenant().budget_uusd == 7


def test_an_edit_of_that_tenant_in_the_file_takes_over_again(desk: Desk) -> None:
    desk.registry.set_tenant("acme", 0.0, budget_uusd=7)
    desk.read(TOML.replace("budget_usd_per_month = 50", "budget_usd_per_month = 60"))
    assert desk.tenant().budget_uusd == 60_000_000


def test_another_plan_is_recorded_with_its_time(desk: Desk) -> None:
    desk.registry.set_tenant("acme", 7.0, plan="friends")
    desk.registry.set_tenant("acme", 8.0, plan="friends", budget_uusd=7)
    edited = TOML.replace("budget_usd_per_month = 50", "budget_usd_per_month = 60")
    read_s = desk.read(edited)
    desk.read(edited)
    there, back = desk.registry.plan_changes("acme")
    assert (there.was, there.plan, there.from_us) == ("standard", "friends", 7_000_000)
    assert (back.was, back.plan, back.from_us) == ("friends", "standard", round(read_s * 1e6))
    assert desk.registry.plan_changes("globex") == ()


def test_a_tenant_taken_out_of_the_file_is_no_longer_served(desk: Desk) -> None:
    key = desk.registry.create_key("globex", 1.0)
    desk.read(TOML[: TOML.rindex("[[tenant]]")])
    assert not desk.tenant("globex").active
    assert key.id not in desk.live_keys
    desk.read(TOML)
    assert desk.tenant("globex").active
    assert key.id in desk.live_keys


def test_a_tenant_made_by_a_command_is_not_the_file_s_to_retire(desk: Desk) -> None:
    desk.registry.create_tenant("walkin", "friends", budget_uusd=5)
    desk.read(DEARER)
    assert desk.tenant("walkin").active


def test_a_tenant_stopped_by_a_command_stays_stopped(desk: Desk) -> None:
    desk.registry.set_tenant("acme", 0.0, active=False)
    desk.read(DEARER)
    assert not desk.tenant().active


def test_what_does_not_exist_is_refused_with_what_does(desk: Desk) -> None:
    with pytest.raises(UsageError) as refused:
        desk.registry.set_tenant("acne", 0.0, budget_uusd=1)
    assert "acme, globex" in refused.value.hint
    with pytest.raises(UsageError) as refused:
        desk.registry.create_tenant("new", "gold")
    assert "friends, standard" in refused.value.hint
    with pytest.raises(UsageError):
        desk.registry.create_tenant("acme", "standard")
    with pytest.raises(UsageError):
        desk.registry.create_key("acne", 1.0)
    with pytest.raises(UsageError):
        desk.registry.revoke_key("k_0", 1.0)


# --- keys ------------------------------------------------------------------------------------------


def test_a_key_is_kept_only_as_its_hash(desk: Desk, tmp_path: Path) -> None:
    key = desk.registry.create_key("acme", 1.0, label="ci", max_concurrency=3)
    roster = desk.registry.roster((), (), 1)
    assert [k.sha256 for k in roster.keys] == [hashlib.sha256(key.key.encode()).hexdigest()]
    assert key.key.startswith("wm-") and len(key.key) > 40
    on_disk = b"".join(path.read_bytes() for path in tmp_path.glob("ledger.db*"))
    assert key.key.encode() not in on_disk


def test_a_revoked_key_is_gone_from_the_roster_and_stays_in_the_list(desk: Desk) -> None:
    key = desk.registry.create_key("acme", 1.0)
    assert desk.registry.revoke_key(key.id, 2.0).revoked_us == 2_000_000
    assert desk.registry.revoke_key(key.id, 3.0).revoked_us == 2_000_000, "only once"
    assert desk.live_keys == set()
    assert [row.id for row in desk.registry.keys("acme")] == [key.id]


def test_rotating_keeps_the_limits_and_ends_the_old_key(desk: Desk) -> None:
    old = desk.registry.create_key("acme", 1.0, label="ci", requests_per_minute=9)
    new = desk.registry.rotate_key(old.id, 2.0)
    assert desk.live_keys == {new.id} != {old.id}
    row = next(row for row in desk.registry.keys("acme") if row.id == new.id)
    assert (row.tenant, row.label, row.requests_per_minute) == ("acme", "ci", 9)
    with pytest.raises(UsageError):
        desk.registry.rotate_key(old.id, 3.0)


# --- prices ----------------------------------------------------------------------------------------


def test_the_first_price_holds_from_the_beginning_of_time(desk: Desk) -> None:
    assert desk.input_price(0.0) == 400_000


def test_the_same_file_makes_no_new_version(desk: Desk) -> None:
    before = desk.registry.prices()
    desk.read(TOML)
    assert desk.registry.prices() == before


def test_an_edited_price_is_a_new_version_from_the_reading_on(desk: Desk) -> None:
    edited_s = desk.read(DEARER)
    assert desk.input_price(edited_s - 0.001) == 400_000
    assert desk.input_price(edited_s) == 800_000
    back_s = desk.read(TOML)
    assert desk.input_price(back_s - 0.001) == 800_000
    assert desk.input_price(back_s) == 400_000
    assert len({price.version for price in desk.registry.prices()}) == 4


def test_a_price_with_a_date_holds_from_that_midnight_of_the_site(desk: Desk) -> None:
    dated = DEARER.replace('name = "standard"', 'name = "standard"\nvalid_from = 2026-12-01', 1)
    desk.read(dated)
    midnight_s = datetime.fromisoformat("2026-12-01T00:00:00+01:00").timestamp()
    assert desk.input_price(desk.now_s) == 400_000
    assert desk.input_price(midnight_s - 0.001) == 400_000
    assert desk.input_price(midnight_s) == 800_000


def test_a_dated_price_read_again_later_is_still_one_version(desk: Desk) -> None:
    dated = DEARER.replace('name = "standard"', 'name = "standard"\nvalid_from = 2026-12-01', 1)
    desk.read(dated)
    count = len(desk.registry.prices())
    desk.read(dated)
    assert len(desk.registry.prices()) == count


def test_the_last_file_that_was_read_is_kept(desk: Desk) -> None:
    desk.read(DEARER)
    terms = desk.registry.factory().rate_plan("standard").terms
    assert desk.registry.plan_versions()[-1].terms == terms


def test_a_tenant_has_only_the_columns_it_has(desk: Desk) -> None:
    with pytest.raises(UsageError) as refused:
        desk.registry.set_tenant("acme", 0.0, colour="red")
    assert "budget_uusd" in refused.value.hint
