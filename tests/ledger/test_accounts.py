"""Accounts: the first transition wins, a month rolls over, and a fold is a fold."""

from datetime import datetime
from zoneinfo import ZoneInfo

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wattmill.core.errors import LedgerError
from wattmill.core.records import Usage
from wattmill.core.roster import Tenant
from wattmill.ledger.accounts import Accounts, AccountsState
from wattmill.ledger.entries import Deliver, Entry, Hold, Settle, Void, Waive

STEADY = settings(derandomize=True, deadline=None, max_examples=300)
TENANTS = (
    Tenant("acme", "plan", "UTC", 1000),
    Tenant("bolt", "plan", "America/New_York", 1000),
    Tenant("free", "plan", "UTC"),
)


def at(text: str, zone: str = "UTC") -> float:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).timestamp()


NOW_S = at("2026-11-15T12:00")


def new_accounts() -> Accounts:
    accounts = Accounts()
    accounts.set_parties(TENANTS)
    return accounts


def hold(request: int, amount: int, tenant: str = "acme", at_s: float = NOW_S) -> Hold:
    return Hold(request, at_s, tenant, "k", "house", 1, amount)


def settle(request: int, amount: int, tenant: str = "acme", held_at_s: float = NOW_S) -> Settle:
    usage = Usage(output_text=amount)
    return Settle(
        request, held_at_s + 9, held_at_s, tenant, "k", "house", "a", 1, usage, amount, ""
    )


def void(request: int, tenant: str = "acme") -> Void:
    return Void(request, NOW_S, NOW_S, tenant, "k", "house", None, "x")


def waive(request: int, amount: int, tenant: str = "acme", held_at_s: float = NOW_S) -> Waive:
    return Waive(request, held_at_s + 10, held_at_s, tenant, amount, "x")


def money(accounts: Accounts, tenant: str = "acme", at_s: float = NOW_S) -> tuple[int, int]:
    balance = accounts.balance(tenant, at_s)
    return balance.spent_pusd, balance.held_pusd


# --- one request ------------------------------------------------------------------------------


def test_a_hold_reserves_and_its_settlement_spends() -> None:
    accounts = new_accounts()
    accounts.apply(hold(1, 300))
    assert (money(accounts), accounts.remaining_pusd("acme", NOW_S)) == ((0, 300), 700)
    accounts.apply(settle(1, 120))
    assert (money(accounts), accounts.remaining_pusd("acme", NOW_S)) == ((120, 0), 880)
    assert accounts.unconfirmed_settle(1) == settle(1, 120)
    accounts.apply(Deliver(1, NOW_S))
    assert money(accounts) == (120, 0)
    assert accounts.unconfirmed == []


def test_void_and_waive_give_back() -> None:
    accounts = new_accounts()
    accounts.apply(hold(1, 300))
    accounts.apply(void(1))
    assert money(accounts) == (0, 0)
    accounts.apply(hold(2, 300))
    accounts.apply(settle(2, 400))
    assert money(accounts) == (400, 0)
    accounts.apply(waive(2, 400))
    assert money(accounts) == (0, 0)


def test_usage_above_the_hold_is_spent_and_the_next_hold_feels_it() -> None:
    accounts = new_accounts()
    accounts.apply(hold(1, 10))
    accounts.apply(settle(1, 1500))
    assert accounts.remaining_pusd("acme", NOW_S) == -500


ENDS: list[Entry] = [settle(1, 50), void(1)]
CLOSES: list[Entry] = [Deliver(1, NOW_S), waive(1, 50)]


@pytest.mark.parametrize("second", ENDS)
@pytest.mark.parametrize("first", ENDS)
def test_the_first_end_wins(first: Entry, second: Entry) -> None:
    accounts = new_accounts()
    accounts.apply(hold(1, 300))
    assert accounts.apply(first)
    before = accounts.state()
    assert not accounts.apply(second)
    assert accounts.state() == before


@pytest.mark.parametrize("second", CLOSES)
@pytest.mark.parametrize("first", CLOSES)
def test_a_delivery_is_confirmed_or_waived_once(first: Entry, second: Entry) -> None:
    accounts = new_accounts()
    accounts.apply(hold(1, 300))
    accounts.apply(settle(1, 50))
    assert accounts.apply(first)
    before = accounts.state()
    assert not accounts.apply(second)
    assert accounts.state() == before


@pytest.mark.parametrize("entry", [*ENDS, *CLOSES])
def test_without_a_hold_nothing_ends(entry: Entry) -> None:
    accounts = new_accounts()
    assert not accounts.apply(entry)
    assert accounts.state() == AccountsState()


def test_a_hold_is_taken_once_while_it_is_open() -> None:
    accounts = new_accounts()
    assert accounts.apply(hold(1, 300))
    assert not accounts.apply(hold(1, 300))
    assert (money(accounts), accounts.open_holds) == ((0, 300), [hold(1, 300)])


def test_what_is_no_entry_is_refused() -> None:
    with pytest.raises(LedgerError):
        new_accounts().apply("hold")  # type: ignore[arg-type]


def test_without_a_budget_there_is_no_remainder() -> None:
    accounts = new_accounts()
    assert accounts.remaining_pusd("free", NOW_S) is None
    assert accounts.remaining_pusd("stranger", NOW_S) is None


# --- the month --------------------------------------------------------------------------------


def test_a_new_month_starts_with_nothing_spent_and_keeps_what_is_held() -> None:
    accounts = new_accounts()
    for request in (1, 2):
        accounts.apply(hold(request, 300))
    accounts.apply(settle(1, 250))
    december = at("2026-12-01T00:00")
    assert money(accounts, at_s=december - 1) == (250, 300)
    assert money(accounts, at_s=december) == (0, 300)
    assert accounts.balance("acme", december).month.name == "2026-12"


def test_a_month_ends_where_the_tenant_lives() -> None:
    accounts = new_accounts()
    midnight = at("2026-12-01T00:00", "America/New_York")
    accounts.apply(hold(1, 300, "bolt", midnight - 3600))
    accounts.apply(settle(1, 250, "bolt", midnight - 3600))
    assert at("2026-12-01T00:00") < midnight - 3600
    assert money(accounts, "bolt", midnight - 1) == (250, 0)
    assert money(accounts, "bolt", midnight) == (0, 0)


def test_a_request_belongs_to_the_month_of_its_hold() -> None:
    accounts = new_accounts()
    november, december = at("2026-11-30T23:59"), at("2026-12-01T00:01")
    accounts.apply(hold(1, 300, at_s=november))
    accounts.apply(hold(2, 100, at_s=december))
    accounts.apply(settle(1, 250, held_at_s=november))
    assert money(accounts, at_s=december) == (0, 100)
    accounts.apply(settle(2, 70, held_at_s=december))
    accounts.apply(waive(1, 250, held_at_s=november))
    assert money(accounts, at_s=december) == (70, 0)


def test_a_charge_of_last_month_is_waived_there_and_not_here() -> None:
    accounts = new_accounts()
    november, december = at("2026-11-30T23:59"), at("2026-12-01T00:01")
    accounts.apply(hold(1, 300, at_s=november))
    accounts.apply(settle(1, 250, held_at_s=november))
    accounts.apply(hold(2, 100, at_s=december))
    accounts.apply(waive(1, 250, held_at_s=november))
    assert money(accounts, at_s=december) == (0, 100)


# --- as a fold --------------------------------------------------------------------------------

REQUESTS = st.integers(1, 6)
TENANT_OF = {request: ("acme", "bolt", "free")[request % 3] for request in range(1, 7)}
entries = st.lists(
    st.one_of(
        st.builds(lambda r, a: hold(r, a, TENANT_OF[r]), REQUESTS, st.integers(0, 500)),
        st.builds(lambda r, a: settle(r, a, TENANT_OF[r]), REQUESTS, st.integers(0, 500)),
        st.builds(lambda r: void(r, TENANT_OF[r]), REQUESTS),
        st.builds(lambda r: Deliver(r, NOW_S), REQUESTS),
        st.builds(lambda r: waive(r, 0, TENANT_OF[r]), REQUESTS),
    ),
    max_size=40,
)


@STEADY
@given(entries)
def test_the_balance_is_the_sum_of_what_took_effect(entries: list[Entry]) -> None:
    accounts = new_accounts()
    spent = dict.fromkeys(("acme", "bolt", "free"), 0)
    for entry in entries:
        settled = accounts.unconfirmed_settle(entry.request)
        if not accounts.apply(entry):
            continue
        if isinstance(entry, Settle):
            spent[entry.tenant] += entry.amount_pusd
        if isinstance(entry, Waive) and settled is not None:
            spent[settled.tenant] -= settled.amount_pusd
    for tenant, amount in spent.items():
        held = sum(h.amount_pusd for h in accounts.open_holds if h.tenant == tenant)
        assert money(accounts, tenant) == (amount, held)


@STEADY
@given(entries)
def test_entries_in_order_give_the_same_accounts_again(entries: list[Entry]) -> None:
    live, again = new_accounts(), new_accounts()
    effective = [entry for entry in entries if live.apply(entry)]
    for entry in effective:
        assert again.apply(entry)
    assert again.state() == live.state()


@STEADY
@given(entries, entries)
def test_a_snapshot_goes_on_where_it_was_taken(before: list[Entry], after: list[Entry]) -> None:
    live = new_accounts()
    for entry in before:
        live.apply(entry)
    written = msgspec.msgpack.encode(live.state())
    restored = Accounts(msgspec.msgpack.decode(written, type=AccountsState))
    restored.set_parties(TENANTS)
    for entry in after:
        assert restored.apply(entry) is live.apply(entry)
    assert restored.state() == live.state()


def test_a_snapshot_does_not_move_with_the_accounts() -> None:
    accounts = new_accounts()
    accounts.apply(hold(1, 300))
    snapshot = accounts.state()
    twin = Accounts(snapshot)
    accounts.apply(settle(1, 250))
    assert money(accounts) == (250, 0)
    assert money(twin) == money(Accounts(snapshot)) == (0, 300)
