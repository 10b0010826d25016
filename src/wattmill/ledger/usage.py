"""What the books say was used: read-only queries.

Sums are exact. A column of 64-bit integers can add up to more than 64 bits hold, so the database
adds quotients and remainders by ``LIMB`` apart and Python puts them together; nothing is a float.
What the books know now is added up from the sums of each quarter of an hour, which do not grow with
the number of requests; what they knew at an earlier block, from the requests themselves.
"""

from collections.abc import Iterable, Sequence
from typing import Any, Literal

import msgspec
from msgspec import Struct
from sqlalchemy import ColumnElement, Connection, Select, func, literal, select

from wattmill.core.records import METERS, UsageSource
from wattmill.ledger import schema
from wattmill.ledger.accounts import State
from wattmill.ledger.entries import Settle
from wattmill.ledger.retention.reading import (
    absorbed_of,
    amount_of,
    meters_of,
    retired_usage_rows,
)
from wattmill.ledger.schema import LIMB, MONEY_LIMBS, QUARTER_US
from wattmill.ledger.store import Store


class UsageGroup(Struct, frozen=True):
    """Requests of one tenant that are alike: their tokens, in the order of ``METERS``, and charge.

    ``pool`` is ``None`` for what never reached an engine, ``price`` for what was voided.
    ``amount_pusd`` is what the settlements said, whether or not it is charged; what was rated beyond
    it, because credit does not go below zero, is ``absorbed_pusd``. Corrections are groups too, of
    the source *corrected*, with signed figures and no requests.
    """

    tenant: str
    model: str
    pool: str | None
    price: int | None
    source: UsageSource | Literal["corrected"]
    state: State
    requests: int
    first_held_us: int
    meters: tuple[int, ...]
    amount_pusd: int
    absorbed_pusd: int = 0

    @property
    def tokens(self) -> int:
        """Tokens of all meters."""
        return sum(self.meters)


class Identity(Struct, frozen=True):
    """Who a tenant is, kept beside the books so that it can be erased without touching them."""

    address: tuple[str, ...] = ()
    tax_id: str = ""
    email: str = ""


def usage(
    store: Store,
    start_s: float,
    end_s: float,
    tenant: str | None = None,
    up_to_block: int | None = None,
) -> list[UsageGroup]:
    """Requests that are over and whose hold lies in ``[start_s, end_s)``, grouped; of one tenant, or of all.

    With ``up_to_block`` as the books knew it then. One transaction, so one consistent view of the books.
    ``LedgerError`` for an instant or a block that cuts through requests whose details are retired.
    """
    with store.reading() as connection:
        return usage_seen(connection, start_s, end_s, tenant, up_to_block)


def usage_seen(
    connection: Connection,
    start_s: float,
    end_s: float,
    tenant: str | None = None,
    up_to_block: int | None = None,
) -> list[UsageGroup]:
    """The same within a transaction that is open."""
    bounds = round(start_s * 1e6), round(end_s * 1e6), tenant, up_to_block
    by_quarter = up_to_block is None and not any(bound % QUARTER_US for bound in bounds[:2])
    statement = _quarters(*bounds[:3]) if by_quarter else _requests(*bounds)
    requests = [_group(row) for row in connection.execute(statement)]
    if not by_quarter:
        retired = retired_usage_rows(connection, *bounds)
        requests = merged([*requests, *map(_retired_group, retired)])
    corrections = connection.execute(_corrections(*bounds))
    return sorted([*requests, *map(_group, corrections)], key=_order)


def pending(store: Store, start_s: float, end_s: float, tenant: str | None = None) -> list[Settle]:
    """Settlements of the time whose delivery is neither confirmed nor given up: not in the books yet."""
    waiting = store.accounts_state().unconfirmed
    return [
        settle
        for settle in waiting
        if start_s <= settle.held_at_s < end_s and tenant in (None, settle.tenant)
    ]


def identity(store: Store, tenant: str) -> Identity:
    """Who a tenant is; empty where nothing is known or it was erased."""
    table = schema.tenant_identity
    with store.reading() as connection:
        row = connection.execute(select(table).where(table.c.tenant == tenant)).first()
    return Identity(tuple(row.address.splitlines()), row.tax_id, row.email) if row else Identity()


def books_begin_s(store: Store) -> float | None:
    """When a factory file was first loaded: nothing was metered before. ``None`` before that."""
    with store.reading() as connection:
        first_us = connection.execute(select(func.min(schema.factory_version.c.loaded_us))).scalar()
    return None if first_us is None else first_us / 1e6


def limbs(column: Any) -> tuple[ColumnElement[int], ColumnElement[int]]:
    """Two sums that no number of rows can make too long for 64 bits; ``joined`` makes one of them."""
    return func.sum(column // LIMB), func.sum(column % LIMB)


def joined(parts: Sequence[int]) -> list[int]:
    """The sums that pairs of ``limbs`` stand for."""
    pairs = zip(parts[::2], parts[1::2], strict=True)
    return [int(high) * LIMB + int(low) for high, low in pairs]


def _quarters(start_us: int, end_us: int, tenant: str | None) -> Select[Any]:
    row = schema.usage_quarter.c
    pool, price = func.nullif(row.pool, "").label("pool"), func.nullif(row.price, 0).label("price")
    alike = (row.tenant, row.model, pool, price, row.source, row.state)
    figures = [part for meter in METERS for part in limbs(row[meter])]
    wanted = [row.quarter >= start_us // QUARTER_US, row.quarter < end_us // QUARTER_US]
    if tenant is not None:
        wanted.append(row.tenant == tenant)
    requests = func.sum(row.requests).label("requests")
    first = func.min(row.first_held_us).label("first_held_us")
    money = (func.sum(row[limb]) for limb in MONEY_LIMBS)
    return select(*alike, requests, first, *figures, *money).where(*wanted).group_by(*alike)


def _requests(
    start_us: int, end_us: int, tenant: str | None, up_to_block: int | None
) -> Select[Any]:
    row = schema.request.c
    alike = (row.tenant, row.model, row.pool, row.price, row.source, row.state)
    figures = (*(row[meter] for meter in METERS), row.amount_pusd, row.absorbed_pusd)
    wanted = _wanted(row, start_us, end_us, tenant, up_to_block)
    count, first = func.count().label("requests"), func.min(row.held_us).label("first_held_us")
    return select(*alike, count, first, *_sums(figures)).where(*wanted).group_by(*alike)


def _corrections(
    start_us: int, end_us: int, tenant: str | None, up_to_block: int | None
) -> Select[Any]:
    row = schema.correction.c
    alike = (row.tenant, row.model, row.pool, row.price)
    named = (literal("corrected").label("source"), literal("charged").label("state"))
    figures = (*(row[meter] for meter in METERS), row.amount_pusd, literal(0))
    wanted = _wanted(row, start_us, end_us, tenant, up_to_block)
    count, first = literal(0).label("requests"), func.min(row.held_us).label("first_held_us")
    return select(*alike, *named, count, first, *_sums(figures)).where(*wanted).group_by(*alike)


def _sums(figures: Iterable[Any]) -> list[ColumnElement[int]]:
    return [part for figure in figures for part in limbs(figure)]


def _wanted(
    row: Any, start_us: int, end_us: int, tenant: str | None, up_to_block: int | None
) -> list[ColumnElement[bool]]:
    wanted = [row.held_us >= start_us, row.held_us < end_us]
    if tenant is not None:
        wanted.append(row.tenant == tenant)
    if up_to_block is not None:
        wanted.append(row.block <= up_to_block)
    return wanted


def merged(groups: Iterable[UsageGroup]) -> list[UsageGroup]:
    """Groups of requests that are alike as one."""
    found: dict[tuple[str, str, str, int, str, str], UsageGroup] = {}
    for group in groups:
        key = _order(group)
        found[key] = _added(found[key], group) if key in found else group
    return list(found.values())


def _added(one: UsageGroup, other: UsageGroup) -> UsageGroup:
    return msgspec.structs.replace(
        one,
        requests=one.requests + other.requests,
        first_held_us=min(one.first_held_us, other.first_held_us),
        meters=tuple(map(sum, zip(one.meters, other.meters, strict=True))),
        amount_pusd=one.amount_pusd + other.amount_pusd,
        absorbed_pusd=one.absorbed_pusd + other.absorbed_pusd,
    )


def _retired_group(row: Any) -> UsageGroup:
    return UsageGroup(
        tenant=row.tenant,
        model=row.model,
        pool=row.pool or None,
        price=row.price or None,
        source=row.source,
        state=row.state,
        requests=int(row.requests),
        first_held_us=row.first_held_us,
        meters=meters_of(row),
        amount_pusd=amount_of(row),
        absorbed_pusd=absorbed_of(row),
    )


def _order(group: UsageGroup) -> tuple[str, str, str, int, str, str]:
    """Databases disagree on the order of texts and of nothing."""
    pool, price = group.pool or "", group.price or 0
    return group.tenant, group.model, pool, price, group.source, group.state


def _group(row: Any) -> UsageGroup:
    *meters, amount_pusd, absorbed_pusd = joined(row[8:])
    return UsageGroup(
        tenant=row.tenant,
        model=row.model,
        pool=row.pool,
        price=row.price,
        source=row.source,
        state=row.state,
        requests=int(row.requests),
        first_held_us=row.first_held_us,
        meters=tuple(meters),
        amount_pusd=amount_pusd,
        absorbed_pusd=absorbed_pusd,
    )
