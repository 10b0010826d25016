"""Prepaid credit as the data plane sees it: what each grant may still pay for, request by request.

Invoices draw on grants to the cent, once a month; requests draw on them at once, at their own price. A request's draw
therefore counts until an invoice covers it, and from then on the invoice's own draw does. So a grant is given to the
data plane as what invoices left of it, plus what requests drew that is invoiced by now.
"""

from collections.abc import Mapping, Sequence

from sqlalchemy import Connection, func, select

from wattmill.core.roster import Grant, Tenant
from wattmill.ledger import schema
from wattmill.ledger.accounts import AccountsState
from wattmill.ledger.billing.archive import covered, live_documents
from wattmill.ledger.billing.credit import Credit, standing
from wattmill.ledger.periods import Month, month_at, month_named
from wattmill.ledger.retention.reading import amount_of
from wattmill.ledger.retention.tables import retired_usage
from wattmill.ledger.schema import LIMB, QUARTER_US

ROW = schema.request.c


def live_grants(
    connection: Connection, state: AccountsState, tenants: Mapping[str, Tenant]
) -> tuple[Grant, ...]:
    """Every grant, as far as ``state`` (the running accounts of the same moment) has drawn on it."""
    by_tenant: dict[str, list[Credit]] = {}
    for credit in standing(connection):
        by_tenant.setdefault(credit.tenant, []).append(credit)
    return tuple(
        grant
        for name, credits in by_tenant.items()
        for grant in _of_tenant(connection, state, tenants.get(name), credits)
    )


def _of_tenant(
    connection: Connection, state: AccountsState, tenant: Tenant | None, credits: Sequence[Credit]
) -> list[Grant]:
    if tenant is None:
        return []
    since_us = min(credit.granted_us for credit in credits)
    open_pusd = _not_invoiced_pusd(connection, state, tenant, since_us)
    grants = []
    for credit in sorted(credits, key=lambda credit: credit.order, reverse=True):
        drawn_pusd = state.drawn.get(credit.grant, 0)
        still_drawn_pusd = min(drawn_pusd, open_pusd)
        open_pusd -= still_drawn_pusd
        grants.append(_grant(credit, drawn_pusd - still_drawn_pusd))
    return grants


def _grant(credit: Credit, invoiced_pusd: int) -> Grant:
    return Grant(
        credit.grant,
        credit.tenant,
        credit.remaining_pusd + invoiced_pusd,
        credit.priority,
        credit.granted_us / 1e6,
        None if credit.expires_us is None else credit.expires_us / 1e6,
    )


def _not_invoiced_pusd(
    connection: Connection, state: AccountsState, tenant: Tenant, since_us: int
) -> int:
    """What requests are charged that no invoice covers yet: the latest, so they drew on the last grants."""
    bounds = covered(live_documents(connection, tenant.name))
    charged = sum(
        amount
        for quarter, amount in _charged(connection, tenant.name, since_us)
        if month_at(quarter * QUARTER_US / 1e6, tenant.timezone).name not in bounds
    )
    late = sum(_late_pusd(connection, tenant, month, bound) for month, bound in bounds.items())
    waiting = sum(one.amount_pusd for one in state.unconfirmed if one.tenant == tenant.name)
    return charged + late + waiting


def _charged(connection: Connection, tenant: str, since_us: int) -> list[tuple[int, int]]:
    """The charges of each quarter of an hour."""
    row = schema.usage_quarter.c
    found = connection.execute(
        select(row.quarter, row.amount_high, row.amount_low).where(
            row.tenant == tenant, row.state == "charged", row.quarter >= since_us // QUARTER_US
        )
    )
    return [(quarter, int(high) * LIMB + int(low)) for quarter, high, low in found]


def _late_pusd(connection: Connection, tenant: Tenant, month: str, bound: int) -> int:
    """What came into the books after the month's invoice."""
    period = month_named(month, tenant.timezone)
    high, low = func.sum(ROW.amount_pusd // LIMB), func.sum(ROW.amount_pusd % LIMB)
    found = connection.execute(
        select(func.coalesce(high, 0), func.coalesce(low, 0)).where(
            ROW.block > bound,
            ROW.tenant == tenant.name,
            ROW.state == "charged",
            ROW.held_us >= round(period.start_s * 1e6),
            ROW.held_us < round(period.end_s * 1e6),
        )
    ).one()
    retired = _late_retired_pusd(connection, tenant.name, period, bound)
    return int(found[0]) * LIMB + int(found[1]) + retired


def _late_retired_pusd(connection: Connection, tenant: str, month: Month, bound: int) -> int:
    """The same of requests whose rows are gone: the invoice that had them may have been taken back."""
    row = retired_usage.c
    start, end = (round(at_s * 1e6) // QUARTER_US for at_s in (month.start_s, month.end_s))
    found = connection.execute(
        select(retired_usage).where(
            *(row.tenant == tenant, row.state == "charged", row.covered_by > bound),
            *(row.quarter >= start, row.quarter < end),
        )
    )
    return sum(amount_of(one) for one in found)
