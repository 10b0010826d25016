"""A month of a tenant as an invoice: usage × price, exact to the pUSD, rounded once on each line.

A request belongs to the month of its hold in the tenant's time zone. It is charged when its
delivery is confirmed in the books, and not before; what is waived or pending is shown, not charged.
"""

from collections.abc import Iterable, Sequence
from datetime import date, datetime, timedelta
from itertools import groupby
from zoneinfo import ZoneInfo

from msgspec import Struct

from wattmill.catalog.factory import Seller
from wattmill.core.errors import LedgerError, UsageError
from wattmill.core.money import round_to_cents
from wattmill.core.records import METERS, Price, UsageSource
from wattmill.ledger.periods import Month, month_named
from wattmill.ledger.registry import Registry, TenantRow
from wattmill.ledger.store import Store
from wattmill.ledger.usage import Identity, State, UsageGroup, identity, usage

ROUNDING = "half_up"
CURRENCY = "USD"


class InvoiceLine(Struct, frozen=True):
    """Tokens of one meter of one model at one version of its price.

    ``uusd_per_mtok`` × ``quantity`` is ``amount_pusd``, exactly; ``amount_cents`` is that, rounded.
    """

    model: str
    plan: str
    price_version: int
    meter: str
    quantity: int
    uusd_per_mtok: int
    amount_pusd: int
    amount_cents: int


class Tally(Struct, frozen=True):
    """How many requests, their tokens, and what their settlements said."""

    requests: int = 0
    tokens: int = 0
    amount_pusd: int = 0


class Period(Struct, frozen=True):
    """A month of a calendar: from ``start`` on, up to and without ``end``, on the zone's clock."""

    month: str
    timezone: str
    start: datetime
    end: datetime

    @property
    def last_day(self) -> date:
        """The last day that is in it."""
        return self.end.date() - timedelta(days=1)


class Invoice(Struct, frozen=True):
    """What a tenant owes for a month. A draft: the number is not yet one of an unbroken series."""

    number: str
    status: str
    seller: Seller
    tenant: str
    buyer: Identity
    period: Period
    issued: date
    due: date
    currency: str
    rounding: str
    lines: tuple[InvoiceLine, ...]
    total_cents: int
    exact_pusd: int
    charged: Tally
    waived: Tally
    pending: Tally
    voided: Tally
    sources: dict[UsageSource, Tally]

    @property
    def is_preview(self) -> bool:
        """Whether it was made before the month was over."""
        return self.issued <= self.period.last_day


def invoice(
    store: Store, registry: Registry, tenant: str, month_name: str, *, issued: date
) -> Invoice:
    """The invoice of a tenant for a month (``2026-11``), as the books stand.

    ``UsageError`` for an unknown tenant or month; ``LedgerError`` when quantities × prices and the
    amounts of the entries disagree.
    """
    row = _require_tenant(registry, tenant)
    month = month_named(month_name, row.timezone)
    groups = usage(store, month.start_s, month.end_s, tenant)
    charged = [group for group in groups if group.state == "charged"]
    lines = _lines(charged, registry.prices())
    seller = registry.factory().seller
    return Invoice(
        number=f"{tenant}-{month.name}",
        status="draft",
        seller=seller,
        tenant=tenant,
        buyer=identity(store, tenant),
        period=_period(month, row.timezone),
        issued=issued,
        due=issued + timedelta(days=seller.payment_terms_days),
        currency=CURRENCY,
        rounding=ROUNDING,
        lines=lines,
        total_cents=sum(line.amount_cents for line in lines),
        exact_pusd=sum(line.amount_pusd for line in lines),
        charged=_tally(charged),
        waived=_tally_of(groups, "waived"),
        pending=_tally_of(groups, "pending"),
        voided=_tally_of(groups, "void"),
        sources=_by_source(charged),
    )


def _period(month: Month, timezone: str) -> Period:
    start, end = (
        datetime.fromtimestamp(at_s, ZoneInfo(timezone)) for at_s in (month.start_s, month.end_s)
    )
    return Period(month.name, timezone, start, end)


def _require_tenant(registry: Registry, name: str) -> TenantRow:
    tenants = {row.name: row for row in registry.tenants()}
    if name not in tenants:
        known = ", ".join(tenants) or "none"
        raise UsageError(f"there is no tenant {name!r}", hint=f"tenants here: {known}")
    return tenants[name]


def _lines(charged: Iterable[UsageGroup], prices: Iterable[Price]) -> tuple[InvoiceLine, ...]:
    """Lines by model, then version of the price, then meter."""
    versions: dict[int | None, Price] = {price.version: price for price in prices}
    by_price = sorted(charged, key=_model_and_price)
    return tuple(
        line
        for (model, version), alike in groupby(by_price, key=_model_and_price)
        for line in _lines_at(model, _require_price(versions, version), list(alike))
    )


def _model_and_price(group: UsageGroup) -> tuple[str, int]:
    return group.model, group.price or 0


def _require_price(versions: dict[int | None, Price], version: int) -> Price:
    if version not in versions:
        raise LedgerError(
            f"the books charge at price version {version}, which they do not hold",
            hint="restore the books from a backup; do not send this invoice",
        )
    return versions[version]


def _lines_at(model: str, price: Price, alike: Sequence[UsageGroup]) -> list[InvoiceLine]:
    """A line for each meter that was used; their sum is what the entries say."""
    quantities = [sum(counts) for counts in zip(*(group.meters for group in alike), strict=True)]
    lines = [
        _line(model, price, meter, quantity, uusd_per_mtok)
        for meter, quantity, uusd_per_mtok in zip(METERS, quantities, price.meters, strict=True)
        if quantity
    ]
    rated_pusd = sum(line.amount_pusd for line in lines)
    booked_pusd = sum(group.amount_pusd for group in alike)
    if rated_pusd != booked_pusd:
        raise LedgerError(
            f"{model} at price version {price.version}: its tokens come to {rated_pusd} pUSD, "
            f"its entries to {booked_pusd} pUSD",
            hint="the books were changed from outside; do not send this invoice",
        )
    return lines


def _line(model: str, price: Price, meter: str, quantity: int, uusd_per_mtok: int) -> InvoiceLine:
    amount_pusd = quantity * uusd_per_mtok
    return InvoiceLine(
        model=model,
        plan=price.plan,
        price_version=price.version,
        meter=meter,
        quantity=quantity,
        uusd_per_mtok=uusd_per_mtok,
        amount_pusd=amount_pusd,
        amount_cents=round_to_cents(amount_pusd, ROUNDING),
    )


def _tally(groups: Iterable[UsageGroup]) -> Tally:
    total = Tally()
    for group in groups:
        total = Tally(
            total.requests + group.requests,
            total.tokens + group.tokens,
            total.amount_pusd + group.amount_pusd,
        )
    return total


def _tally_of(groups: Iterable[UsageGroup], state: State) -> Tally:
    return _tally(group for group in groups if group.state == state)


def _by_source(groups: Sequence[UsageGroup]) -> dict[UsageSource, Tally]:
    """Who counted the tokens that are charged; only sources that occur."""
    found: dict[UsageSource, Tally] = {}
    for source in ("engine", "counted", "estimated"):
        members = [group for group in groups if group.source == source]
        if members:
            found[source] = _tally(members)
    return found
