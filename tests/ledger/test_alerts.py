"""Shares of budgets and hours that cost too much: told once each, and never by guessing."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from fractions import Fraction
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wattmill.catalog.factory import Alerts
from wattmill.core.records import Usage
from wattmill.core.roster import Key, Roster, Tenant
from wattmill.ledger.accounts import Accounts, AccountsState, Finished
from wattmill.ledger.alerts import (
    LOG,
    WEBHOOK,
    BudgetAlert,
    SpikeAlert,
    Standing,
    alert_message,
    budget_alerts,
    forecast_pusd,
    hour_at,
    is_spike,
    same_hours,
)
from wattmill.ledger.entries import Hold, Hop, Settle
from wattmill.ledger.store import Store
from wattmill.ledger.watch import SpikeWatch, standings

USD = 10**12
HOUR_S = 3600
WEEK_S = 7 * 24 * HOUR_S
NOW_S = datetime(2026, 11, 18, 14, 20, tzinfo=ZoneInfo("UTC")).timestamp()


def standing(
    spent_pusd: int, budget_pusd: int = 500 * USD, at: tuple[int, ...] = (50, 80, 100)
) -> Standing:
    return Standing("tenant", "acme", "2026-11", spent_pusd, budget_pusd, at)


def reached(spent_pusd: int, budget_pusd: int = 500 * USD) -> list[int]:
    return [alert.percent for alert in budget_alerts([standing(spent_pusd, budget_pusd)])]


# --- budgets --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("spent_pusd", "percents"),
    [
        (0, []),
        (250 * USD - 1, []),
        (250 * USD, [50]),
        (400 * USD - 1, [50]),
        (400 * USD, [50, 80]),
        (500 * USD, [50, 80, 100]),
        (900 * USD, [50, 80, 100]),
    ],
)
def test_a_share_is_reached_to_the_last_pusd(spent_pusd: int, percents: list[int]) -> None:
    assert reached(spent_pusd) == percents


def test_a_budget_of_nothing_has_no_shares() -> None:
    assert reached(0, 0) == []


@given(budget=st.integers(1, 10**30), percent=st.integers(1, 1000))
def test_a_share_is_exact_beyond_64_bits_and_floats(budget: int, percent: int) -> None:
    least = -(-percent * budget // 100)
    at = (percent,)
    assert budget_alerts([standing(least, budget, at)])
    assert not budget_alerts([standing(least - 1, budget, at)])


@given(st.lists(st.integers(0, 600 * USD), min_size=1, max_size=20))
def test_however_often_it_is_looked_at_a_crossing_is_one_message(steps: list[int]) -> None:
    """What is spent may fall, too, when a charge is waived."""
    seen = {
        alert_message(alert, WEBHOOK, "USD", NOW_S + number).id
        for number, spent_pusd in enumerate(steps)
        for alert in budget_alerts([standing(spent_pusd)])
    }
    assert len(seen) == len(reached(max(steps)))


@pytest.mark.parametrize(
    "other",
    [
        BudgetAlert("tenant", "other", "2026-11", 80, 400 * USD, 500 * USD),
        BudgetAlert("key", "acme", "2026-11", 80, 400 * USD, 500 * USD),
        BudgetAlert("tenant", "acme", "2026-12", 80, 400 * USD, 500 * USD),
        BudgetAlert("tenant", "acme", "2026-11", 100, 400 * USD, 500 * USD),
        BudgetAlert("tenant", "acme", "2026-11", 80, 400 * USD, 501 * USD),
    ],
)
def test_another_crossing_is_another_message(other: BudgetAlert) -> None:
    one = BudgetAlert("tenant", "acme", "2026-11", 80, 400 * USD, 500 * USD)
    assert (
        alert_message(one, WEBHOOK, "USD", 0.0).id != alert_message(other, WEBHOOK, "USD", 0.0).id
    )


def test_the_log_and_the_webhook_are_two_messages() -> None:
    one = BudgetAlert("tenant", "acme", "2026-11", 80, 400 * USD, 500 * USD)
    assert alert_message(one, LOG, "USD", 0.0).id != alert_message(one, WEBHOOK, "USD", 0.0).id


def test_what_a_receiver_reads() -> None:
    one = BudgetAlert("tenant", "acme", "2026-11", 80, 412_500_000_000_001, 500 * USD)
    assert alert_message(one, WEBHOOK, "EUR", NOW_S).content() == {
        "type": "budget.reached",
        "timestamp": "2026-11-18T14:20:00+00:00",
        "text": "tenant acme has spent 412.500000000001 of 500 EUR in 2026-11: 80 % are reached",
        "data": {
            "tenant": "acme",
            "month": "2026-11",
            "percent": 80,
            "spent": "412.500000000001",
            "budget": "500",
            "currency": "EUR",
        },
    }


# --- standings ------------------------------------------------------------------------------------


def test_tenants_resellers_and_keys_stand_each_by_their_own_budget() -> None:
    roster = Roster(
        1,
        tenants=(
            Tenant("acme", "plan", "UTC", 500 * USD, parent="mesa"),
            Tenant("mesa", "plan", "UTC", 900 * USD),
            Tenant("free", "plan", "UTC"),
        ),
        keys=(Key("k_1", "", "acme", budget_pusd=50 * USD), Key("k_2", "", "acme")),
    )
    accounts = Accounts()
    accounts.set_parties(roster.tenants, roster.keys)
    accounts.apply(Hold(1, NOW_S, "acme", "k_1", "m", 1, USD, (Hop("mesa", 2, USD),)))
    usage, upline = Usage(1), (Hop("mesa", 2, 7 * USD),)
    accounts.apply(
        Settle(1, NOW_S, NOW_S, "acme", "k_1", "m", "p", 1, usage, 10 * USD, "finished", upline)
    )
    percents = {"acme": (50,)}
    found = standings(accounts, roster, lambda name: percents.get(name, (80,)), NOW_S)
    assert found == [
        Standing("tenant", "acme", "2026-11", 10 * USD, 500 * USD, (50,)),
        Standing("reseller", "mesa", "2026-11", 7 * USD, 900 * USD, (80,)),
        Standing("key", "k_1", "2026-11", 10 * USD, 50 * USD, (50,)),
    ]


# --- spikes ---------------------------------------------------------------------------------------


def test_with_fewer_than_four_weeks_nothing_is_foreseen() -> None:
    assert forecast_pusd([USD] * 3) is None
    assert is_spike(10**20, None, factor=3, least_pusd=0) is None


@pytest.mark.parametrize(
    ("past", "median"),
    [([4, 1, 3, 2], Fraction(5, 2)), ([1, 1, 1, 1, 10**18], Fraction(1)), ([0] * 8, Fraction(0))],
)
def test_the_forecast_is_the_median_and_exact(past: list[int], median: Fraction) -> None:
    assert forecast_pusd(past) == median


@pytest.mark.parametrize(("spent", "spikes"), [(29, False), (30, True), (31, True), (0, False)])
def test_a_spike_is_the_factor_and_no_less(spent: int, spikes: bool) -> None:
    assert is_spike(spent, Fraction(10), factor=3, least_pusd=1) is spikes


def test_three_times_nothing_is_nothing() -> None:
    assert is_spike(USD - 1, Fraction(0), factor=3, least_pusd=USD) is False
    assert is_spike(USD, Fraction(0), factor=3, least_pusd=USD) is True


@given(st.lists(st.integers(0, 10**18), min_size=4, max_size=8), st.integers(0, 10**20))
def test_one_bad_week_does_not_hide_a_spike(past: list[int], outlier: int) -> None:
    """However high one past hour was, the forecast stays between two that were there."""
    worst = forecast_pusd([*past[:-1], 10**30])
    assert worst is not None and worst <= max(*past[:-1], outlier, *past)


@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin", "Asia/Kolkata", "Asia/Kathmandu"])
def test_hours_begin_on_the_zones_clock(zone: str) -> None:
    start = datetime.fromtimestamp(hour_at(NOW_S, zone), ZoneInfo(zone))
    assert (start.minute, start.second) == (0, 0)
    assert 0 <= NOW_S - start.timestamp() < HOUR_S


def test_the_same_hour_is_the_same_on_the_clock_over_a_change_of_it() -> None:
    """Berlin set its clocks back on 25 October 2026."""
    zone = ZoneInfo("Europe/Berlin")
    hour_s = hour_at(NOW_S, "Europe/Berlin")
    earlier = [datetime.fromtimestamp(s, zone) for s in same_hours(hour_s, "Europe/Berlin", 0.0)]
    assert {(when.hour, when.weekday()) for when in earlier} == {(15, 2)}
    assert len({when.utcoffset() for when in earlier}) == 2 and len(earlier) == 8
    steps_s = [late.timestamp() - early.timestamp() for late, early in pairwise(earlier)]
    assert sorted(set(steps_s)) == [WEEK_S, WEEK_S + HOUR_S]


def test_hours_before_the_tenant_began_are_no_history() -> None:
    hour_s = hour_at(NOW_S, "UTC")
    assert same_hours(hour_s, "UTC", NOW_S - 3 * WEEK_S - HOUR_S) == [
        hour_s - n * WEEK_S for n in (1, 2, 3)
    ]


class Spending:
    """Books in which a tenant spends at certain hours."""

    def __init__(self, store: Store) -> None:
        self.store, self.number = store, 0

    def spend(self, at_s: float, amount_pusd: int, tenant: str = "acme") -> None:
        self.number += 1
        who = (tenant, "k_1", "m", "p", 1)
        settle = Settle(self.number, at_s + 1, at_s, *who, Usage(5), amount_pusd, "finished")
        finished = Finished(settle, "charged", at_s + 2)
        self.store.load([finished], {}, AccountsState(), round(at_s * 1e6))

    def spikes(self, now_s: float = NOW_S, least_uusd: int = 1_000_000) -> list[SpikeAlert]:
        config = Alerts(spike_least_uusd=least_uusd)
        return list(SpikeWatch(self.store).spikes({"acme": "UTC"}, config, now_s))


@pytest.fixture
def spending(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Spending]:
    with Store(tmp_path_factory.mktemp("books"), write=True) as store:
        yield Spending(store)


def test_an_hour_far_above_the_same_hours_of_other_weeks_is_told(spending: Spending) -> None:
    for week in range(1, 6):
        spending.spend(NOW_S - week * WEEK_S, 2 * USD)
        spending.spend(NOW_S - week * WEEK_S - 5 * HOUR_S, 90 * USD)
    spending.spend(NOW_S - 60, 5 * USD)
    assert spending.spikes() == []
    spending.spend(NOW_S - 30, USD)
    (alert,) = spending.spikes()
    assert alert.spent_pusd == 6 * USD and alert.forecast_pusd == 2 * USD
    assert "6 USD in the hour from 2026-11-18T14:00:00+00:00: 3 times the forecast of 2" in (
        alert.sentence("USD")
    )


def test_the_same_spike_is_one_message_while_it_grows(spending: Spending) -> None:
    for week in range(1, 6):
        spending.spend(NOW_S - week * WEEK_S, USD)
    ids = set()
    for step in range(5):
        spending.spend(NOW_S + step, 10 * USD)
        (alert,) = spending.spikes(NOW_S + step + 5)
        ids.add(alert_message(alert, WEBHOOK, "USD", NOW_S + step).id)
    assert len(ids) == 1


def test_a_new_tenant_has_no_spikes(spending: Spending) -> None:
    for week in range(1, 4):
        spending.spend(NOW_S - week * WEEK_S, USD)
    spending.spend(NOW_S, 1000 * USD)
    assert spending.spikes() == []


def test_hours_without_requests_count_as_nothing_spent(spending: Spending) -> None:
    spending.spend(NOW_S - 7 * WEEK_S, USD)
    spending.spend(NOW_S, 2 * USD)
    (alert,) = spending.spikes()
    assert alert.forecast_pusd == 0


def test_small_sums_are_no_spikes(spending: Spending) -> None:
    spending.spend(NOW_S - 7 * WEEK_S, 1)
    spending.spend(NOW_S, USD - 1)
    assert spending.spikes() == []
    assert len(spending.spikes(least_uusd=1)) == 1
