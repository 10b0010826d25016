"""What the books say was used: read-only queries.

Sums are exact. A column of 64-bit integers can add up to more than 64 bits hold, so the database
adds quotients and remainders by ``LIMB`` apart and Python puts them together; no figure passes
through NUMERIC or a float.
"""

from collections.abc import Sequence
from typing import Any, Literal

from msgspec import Struct
from sqlalchemy import ColumnElement, Select, case, exists, func, literal_column, select

from wattmill.core.records import METERS, UsageSource
from wattmill.ledger import schema
from wattmill.ledger.schema import KIND_DELIVER, KIND_SETTLE, KIND_VOID, KIND_WAIVE
from wattmill.ledger.store import Store

State = Literal["charged", "pending", "waived", "void"]
"""How a request ended. ``charged``: settled and its delivery confirmed. ``pending``: settled,
delivery neither confirmed nor given up. ``waived``: settled, its charge dropped. ``void``: never
settled."""

LIMB = 10**9


class UsageGroup(Struct, frozen=True):
    """Requests of one tenant that are alike: their tokens, in the order of ``METERS``, and charge.

    ``pool`` is ``None`` for what never reached an engine, ``price`` for what was voided.
    ``amount_pusd`` is what the settlements said, whether or not it is charged.
    """

    tenant: str
    model: str
    pool: str | None
    price: int | None
    source: UsageSource
    state: State
    requests: int
    first_held_us: int
    meters: tuple[int, ...]
    amount_pusd: int

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
    store: Store, start_s: float, end_s: float, tenant: str | None = None
) -> list[UsageGroup]:
    """Ended requests whose hold lies in ``[start_s, end_s)``, grouped; of one tenant, or of all.

    One statement, so one consistent view of the books.
    """
    statement = _usage_statement(round(start_s * 1e6), round(end_s * 1e6), tenant)
    with store.reading() as connection:
        return [_group(row) for row in connection.execute(statement)]


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


def _usage_statement(start_us: int, end_us: int, tenant: str | None) -> Select[Any]:
    ended = schema.entry.alias("ended")
    alike = (
        ended.c.tenant,
        ended.c.model,
        ended.c.pool,
        ended.c.price,
        ended.c.usage_source,
        _state(ended).label("state"),
    )
    sums = [part for name in (*METERS, "amount_pusd") for part in _limbs(ended.c[name])]
    whose = (
        ended.c.tenant.in_(select(schema.tenant.c.name))
        if tenant is None
        else ended.c.tenant == tenant
    )
    return (
        select(*alike, *_count_and_first(ended), *sums)
        .where(
            ended.c.kind != literal_column(str(schema.KIND_HOLD)),  # so that its index serves
            ended.c.kind.in_((KIND_SETTLE, KIND_VOID)),
            ended.c.held_us >= start_us,
            ended.c.held_us < end_us,
            whose,
        )
        .group_by(*alike)
        .order_by(*alike)
    )


def _count_and_first(ended: Any) -> tuple[ColumnElement[Any], ...]:
    return func.count().label("requests"), func.min(ended.c.held_us).label("first_held_us")


def _state(ended: Any) -> ColumnElement[str]:
    """Delivered or not. Were both in the books, the tenant would have the benefit."""
    return case(
        (ended.c.kind == KIND_VOID, "void"),
        (_has(ended, KIND_WAIVE), "waived"),
        (_has(ended, KIND_DELIVER), "charged"),
        else_="pending",
    )


def _has(ended: Any, kind: int) -> ColumnElement[bool]:
    other = schema.entry.alias(schema.KIND_NAMES[kind])
    return exists().where(other.c.request == ended.c.request, other.c.kind == kind)


def _limbs(column: Any) -> tuple[ColumnElement[int], ColumnElement[int]]:
    return func.sum(column // LIMB), func.sum(column % LIMB)


def _group(row: Any) -> UsageGroup:
    *meters, amount_pusd = _joined(row[8:])
    return UsageGroup(
        tenant=row.tenant,
        model=row.model,
        pool=row.pool,
        price=row.price,
        source=row.usage_source,
        state=row.state,
        requests=row.requests,
        first_held_us=row.first_held_us,
        meters=tuple(meters),
        amount_pusd=amount_pusd,
    )


def _joined(limbs: Sequence[int]) -> list[int]:
    pairs = zip(limbs[::2], limbs[1::2], strict=True)
    return [high * LIMB + low for high, low in pairs]
