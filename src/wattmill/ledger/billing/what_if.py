"""A recorded month under another rate plan: what each tenant would have paid, and nothing is touched."""

from collections.abc import Iterator, Sequence
from typing import Any

import msgspec
from msgspec import Struct
from sqlalchemy import Connection

from wattmill.catalog.names import nearest
from wattmill.core.errors import UsageError
from wattmill.core.records import Band
from wattmill.ledger import chain
from wattmill.ledger.billing import rerating
from wattmill.ledger.billing.consumption import Consumption, consumption
from wattmill.ledger.billing.drafts import terms_of
from wattmill.ledger.billing.parties import parties_of
from wattmill.ledger.billing.rerating import Terms
from wattmill.ledger.periods import Month, month_named
from wattmill.ledger.registry import Registry
from wattmill.ledger.store import Store
from wattmill.tariff.bands import stretches
from wattmill.tariff.charges import Rating


class Comparison(Struct, frozen=True):
    """A tenant's month as it is rated and as it would be: net of tax and before prepaid credit."""

    tenant: str
    month: str
    plan: str
    other_plan: str
    tokens: int
    now_minor: int
    other_minor: int
    currency: str

    @property
    def difference_minor(self) -> int:
        """How much more the other plan would bring."""
        return self.other_minor - self.now_minor

    def as_data(self) -> dict[str, Any]:
        """For JSON: its fields and what follows from them."""
        return {**msgspec.structs.asdict(self), "difference_minor": self.difference_minor}


def what_if(
    store: Store, registry: Registry, plan: str, month: str, tenant: str | None = None
) -> list[Comparison]:
    """Every tenant, or one, under another plan. ``UsageError`` for a plan that is not there.

    A tenant that used nothing and would pay nothing is left out.
    """
    _require_plan(registry, plan)
    names = [row.name for row in registry.tenants()] if tenant is None else [tenant]
    found = [_compared(store, registry, plan, month, name) for name in names]
    return [one for one in found if tenant or one.tokens or one.now_minor]


def _compared(
    store: Store, registry: Registry, plan: str, month_name: str, tenant: str
) -> Comparison:
    parties = parties_of(store, registry, tenant)
    terms = terms_of(registry, parties)
    month = month_named(month_name, parties.timezone)
    version = rerating.version_at_end(plan, terms, month)
    with store.reading() as connection:
        bound = chain.tail(connection).number
        used = consumption(connection, tenant, month, bound, terms.prices)
        bands = version.terms.bands
        parts = list(_by_band(connection, tenant, month, terms, bands)) if bands else [(None, used)]
    now = rerating.rate_month(terms, month, used)
    other = rerating.rate_under(version, terms, month, parts)
    return Comparison(
        tenant=tenant,
        month=month_name,
        plan=parties.plan,
        other_plan=plan,
        tokens=sum(group.tokens for group in used.charged),
        now_minor=_net_minor(now, month, used, terms),
        other_minor=_net_minor(other, month, used, terms),
        currency=terms.currency,
    )


def _by_band(
    connection: Connection, tenant: str, month: Month, terms: Terms, bands: Sequence[Band]
) -> Iterator[tuple[str | None, Consumption]]:
    """What was used in each stretch of the month in which one band holds, or none."""
    bound = chain.tail(connection).number
    for start_s, end_s, band in stretches(bands, month.start_s, month.end_s):
        part = Month(month.name, start_s, end_s)
        used = consumption(connection, tenant, part, bound, terms.prices)
        yield band.name if band else None, used


def _net_minor(rating: Rating, month: Month, used: Consumption, terms: Terms) -> int:
    """What the lines of an invoice would add up to."""
    rated = rerating.lines_of(rating, month, used.absorbed_pusd)
    return sum(line.amount_minor for line in rerating.rounded(rated, terms))


def _require_plan(registry: Registry, plan: str) -> None:
    names = sorted({version.plan for version in registry.plan_versions()})
    if plan not in names:
        raise UsageError(f"there is no rate plan {plan!r}", hint=nearest(plan, names))
