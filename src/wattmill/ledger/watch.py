"""Looks into the books for what is to be told: how much of each budget is spent, and what an hour costs."""

from collections.abc import Callable, Iterator, Mapping

import msgspec
from sqlalchemy import func, select

from wattmill.catalog.factory import Alerts
from wattmill.core.money import PUSD_PER_UUSD
from wattmill.core.roster import Roster
from wattmill.ledger import alerts, schema
from wattmill.ledger.accounts import Accounts
from wattmill.ledger.alerts import SpikeAlert, Standing
from wattmill.ledger.store import Store
from wattmill.ledger.usage import usage

Percents = Callable[[str], tuple[int, ...]]
"""The shares of its budgets at which a tenant wants to be told of."""


def standings(
    accounts: Accounts, roster: Roster, at_percent: Percents, at_s: float
) -> list[Standing]:
    """Every tenant, reseller and key that has a budget, in its current month."""
    return [
        *_of_tenants(accounts, roster, at_percent, at_s),
        *_of_keys(accounts, roster, at_percent, at_s),
    ]


def _of_tenants(
    accounts: Accounts, roster: Roster, at_percent: Percents, at_s: float
) -> Iterator[Standing]:
    resellers = {tenant.parent for tenant in roster.tenants}
    for tenant in roster.tenants:
        if tenant.budget_pusd is None:
            continue
        balance = accounts.balance(tenant.name, at_s)
        yield Standing(
            scope="reseller" if tenant.name in resellers else "tenant",
            name=tenant.name,
            month=balance.month.name,
            spent_pusd=balance.spent_pusd,
            budget_pusd=tenant.budget_pusd,
            at_percent=at_percent(tenant.name),
        )


def _of_keys(
    accounts: Accounts, roster: Roster, at_percent: Percents, at_s: float
) -> Iterator[Standing]:
    for key in roster.keys:
        if key.budget_pusd is None:
            continue
        balance = accounts.key_balance(key.id, key.tenant, at_s)
        yield Standing(
            scope="key",
            name=key.id,
            month=balance.month.name,
            spent_pusd=balance.spent_pusd,
            budget_pusd=key.budget_pusd,
            at_percent=at_percent(key.tenant),
        )


class SpikeWatch:
    """Compares the running hour of every tenant with its forecast, which is made once an hour."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._forecasts: dict[str, tuple[int, SpikeAlert | None]] = {}

    def spikes(
        self, zones: Mapping[str, str], config: Alerts, now_s: float
    ) -> Iterator[SpikeAlert]:
        """Tenants (with their time zones) whose running hour is a spike by now."""
        least_pusd = config.spike_least_uusd * PUSD_PER_UUSD
        for tenant, zone in zones.items():
            expected = self._expected(tenant, zone, config.spike_factor, now_s)
            if expected is None:
                continue
            spent_pusd = self._spent_pusd(tenant, expected.hour_s)
            if alerts.is_spike(
                spent_pusd, expected.forecast_pusd, factor=expected.factor, least_pusd=least_pusd
            ):
                yield msgspec.structs.replace(expected, spent_pusd=spent_pusd)

    def _expected(self, tenant: str, zone: str, factor: int, now_s: float) -> SpikeAlert | None:
        """The running hour with its forecast; ``None`` while nothing can be foreseen."""
        hour_s = alerts.hour_at(now_s, zone)
        hour, expected = self._forecasts.get(tenant, (None, None))
        if hour != hour_s:
            expected = self._foresee(tenant, zone, factor, hour_s)
            self._forecasts[tenant] = (hour_s, expected)
        return expected

    def _foresee(self, tenant: str, zone: str, factor: int, hour_s: int) -> SpikeAlert | None:
        begins_s = self._begins_s(tenant)
        if begins_s is None:
            return None
        past = alerts.same_hours(hour_s, zone, begins_s)
        forecast = alerts.forecast_pusd([self._spent_pusd(tenant, start_s) for start_s in past])
        if forecast is None:
            return None
        return SpikeAlert(tenant, hour_s, 0, forecast, factor, zone)

    def _spent_pusd(self, tenant: str, hour_s: int) -> int:
        groups = usage(self._store, hour_s, hour_s + alerts.HOUR_S, tenant)
        return sum(group.amount_pusd for group in groups if group.state == "charged")

    def _begins_s(self, tenant: str) -> float | None:
        row = schema.usage_quarter.c
        first = select(func.min(row.first_held_us)).where(row.tenant == tenant)
        with self._store.reading() as connection:
            first_us = connection.execute(first).scalar()
        return None if first_us is None else first_us / 1e6
