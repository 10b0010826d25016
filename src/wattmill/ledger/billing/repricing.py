"""A month of a tenant at other prices, by entries beside those that are there.

For each kind of usage there are two corrections: its tokens less at the price that they had, and as many
at the new one. A month that is invoiced already gets the difference on the next invoice.
"""

from collections.abc import Iterable

from wattmill.catalog.names import nearest
from wattmill.core.errors import UsageError
from wattmill.core.records import Price
from wattmill.ledger import chain
from wattmill.ledger.billing.consumption import Prices, consumption, require_price
from wattmill.ledger.billing.corrections import CorrectionRow, enter, repriced, require_reason
from wattmill.ledger.billing.parties import require_tenant
from wattmill.ledger.periods import month_named
from wattmill.ledger.records import Correction
from wattmill.ledger.registry import Registry
from wattmill.ledger.store import Store
from wattmill.ledger.usage import UsageGroup
from wattmill.tariff.rating import PriceBook


def reprice(
    store: Store,
    registry: Registry,
    tenant: str,
    month: str,
    plan: str,
    *,
    reason: str,
    now_us: int,
) -> list[CorrectionRow]:
    """Move a month's own usage of a tenant to the prices that a plan had then, in one transaction.

    ``UsageError`` for a plan that is not there, or that had no price when something was used.
    """
    row = require_tenant(registry, tenant)
    prices = {price.version: price for price in registry.prices()}
    plans = sorted({price.plan for price in prices.values()})
    if plan not in plans:
        raise UsageError(f"there is no rate plan {plan!r}", hint=nearest(plan, plans))
    named = month_named(month, row.timezone)
    with store.transaction() as connection:
        bound = chain.tail(connection).number
        used = consumption(connection, tenant, named, bound, prices)
        own = [group for group in used.own if group.state == "charged" and any(group.meters)]
        last_s = named.end_s - 1e-6
        pairs = _pairs(own, plan, prices, require_reason(reason), last_s)
        return [enter(connection, one, now_us) for pair in pairs for one in pair]


def _pairs(
    groups: Iterable[UsageGroup], plan: str, prices: Prices, reason: str, last_s: float
) -> list[tuple[Correction, Correction]]:
    """A pair for each price and pool whose price changes; those of all sources are one."""
    book = PriceBook(tuple(prices.values()))
    tokens: dict[tuple[str, str | None, int], tuple[int, ...]] = {}
    first_us: dict[tuple[str, str | None, int], UsageGroup] = {}
    for group in groups:
        assert group.price is not None, group
        cell = (group.model, group.pool, group.price)
        before = tokens.get(cell, (0,) * len(group.meters))
        tokens[cell] = tuple(a + b for a, b in zip(before, group.meters, strict=True))
        earlier = first_us.get(cell, group)
        first_us[cell] = min(earlier, group, key=lambda one: one.first_held_us)
    pairs = []
    for cell, meters in tokens.items():
        old = require_price(prices, cell[2])
        new = _price_under(book, plan, first_us[cell], last_s)
        if new.version != old.version and any(meters):
            pairs.append(repriced(_moved(first_us[cell], meters, reason), old, new))
    return pairs


def _price_under(book: PriceBook, plan: str, group: UsageGroup, last_s: float) -> Price:
    """The plan's price for a group; it must be the same until the end of the month."""
    first, last = (
        book.price(plan, group.model, group.pool, at_s)
        for at_s in (group.first_held_us / 1e6, last_s)
    )
    if first is None:
        raise UsageError(
            f"the plan {plan!r} had no price for {group.model} when it was used",
            hint="give it a version that is valid from then on (valid_from)",
        )
    if first.band is not None or last != first:
        raise UsageError(
            f"the plan {plan!r} has more than one price for {group.model} in that month",
            hint="name a plan whose prices do not depend on the time",
        )
    return first


def _moved(group: UsageGroup, meters: tuple[int, ...], reason: str) -> Correction:
    assert group.price is not None, group
    return Correction(
        tenant=group.tenant,
        held_us=group.first_held_us,
        model=group.model,
        pool=group.pool,
        price=group.price,
        meters=meters,
        amount_pusd=0,
        request=None,
        reason=reason,
    )
