"""The sums by quarter of an hour, held against the requests they are of, there or retired, a tenant at a time."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from itertools import zip_longest
from typing import Any

from sqlalchemy import Select, func, select, union, union_all

from wattmill.core.records import METERS
from wattmill.ledger import schema
from wattmill.ledger.chain import Fault
from wattmill.ledger.doctor.case import Case
from wattmill.ledger.retention.tables import retired_usage
from wattmill.ledger.rows import QUARTER_FIELDS
from wattmill.ledger.schema import LIMB, MONEY_LIMBS, QUARTER_US
from wattmill.ledger.usage import joined, limbs

_KEY = ("quarter", "model", "pool", "price", "source", "state")


def faults(case: Case) -> Iterator[Fault]:
    request, quarter = schema.request.c, schema.usage_quarter.c
    tenants = union(select(request.tenant), select(quarter.tenant), select(retired_usage.c.tenant))
    for (tenant,) in case.connection.execute(tenants).all():
        kept, found = _kept(case, tenant), _found(case, tenant)
        for left, right in zip_longest(kept, found):
            if left != right:
                yield _fault(tenant, left, right)
                break


def _fault(tenant: str, kept: Sequence[Any] | None, found: Sequence[Any] | None) -> Fault:
    quarter = min(row[0] for row in (kept, found) if row is not None)
    at = datetime.fromtimestamp(quarter * QUARTER_US / 1e6, UTC)
    place = f"{tenant}, quarter of an hour from {at:%Y-%m-%d %H:%M} UTC on"
    return Fault(place, "its sums are not those of its requests")


def _kept(case: Case, tenant: str) -> Iterator[tuple[Any, ...]]:
    row = schema.usage_quarter.c
    columns = [row[name] for name in QUARTER_FIELDS if name not in ("tenant", *_KEY)]
    key = [row[name] for name in _KEY]
    rows = case.connection.execute(
        select(*key, *columns)
        .where(row.tenant == tenant)
        .order_by(*key)
        .execution_options(yield_per=2000)
    )
    for (
        *named,
        requests,
        first_us,
        last_block,
        u1,
        u2,
        u3,
        u4,
        u5,
        u6,
        u7,
        u8,
        ah,
        al,
        bh,
        bl,
    ) in rows:
        meters = (u1, u2, u3, u4, u5, u6, u7, u8)
        yield (*named, requests, first_us, last_block, *meters, ah * LIMB + al, bh * LIMB + bl)


def _found(case: Case, tenant: str) -> Iterator[tuple[Any, ...]]:
    """What is there and what is retired, together."""
    both = union_all(_there(tenant), _retired(tenant)).subquery()
    key = [both.c[name] for name in _KEY]
    columns = list(both.c)[len(_KEY) :]
    requests, first_us, last_block, *parts = columns
    sums = (func.sum(part) for part in parts)
    rows = case.connection.execute(
        select(*key, func.sum(requests), func.min(first_us), func.max(last_block), *sums)
        .group_by(*key)
        .order_by(*key)
        .execution_options(yield_per=2000)
    )
    for one in rows:
        yield (*one[:6], int(one[6]), *one[7:9], *joined(one[9:]))


def _there(tenant: str) -> Select[Any]:
    row = schema.request.c
    quarter = row.held_us // QUARTER_US
    pool, price = func.coalesce(row.pool, ""), func.coalesce(row.price, 0)
    key = (quarter, row.model, pool, price, row.source, row.state)
    named = [column.label(name) for column, name in zip(key, _KEY, strict=True)]
    figures = (*(row[meter] for meter in METERS), row.amount_pusd, row.absorbed_pusd)
    sums = [part for figure in figures for part in limbs(figure)]
    counts = func.count(), func.min(row.held_us), func.max(row.block)
    return select(*named, *_numbered((*counts, *sums))).where(row.tenant == tenant).group_by(*key)


def _retired(tenant: str) -> Select[Any]:
    row = retired_usage.c
    key = [row[name] for name in _KEY]
    figures = [part for meter in METERS for part in (row[meter] // LIMB, row[meter] % LIMB)]
    counts = row.requests, row.first_held_us, row.last_block
    money = (row[limb] for limb in MONEY_LIMBS)
    return select(*key, *_numbered((*counts, *figures, *money))).where(row.tenant == tenant)


def _numbered(columns: Sequence[Any]) -> list[Any]:
    return [column.label(f"column_{number}") for number, column in enumerate(columns)]
