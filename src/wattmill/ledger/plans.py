"""Versions of rate plans and their request prices, as the books keep them: entered once, never changed.

And who went from which plan to which, and when.
"""

from datetime import UTC, date, datetime
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
from sqlalchemy import Connection, insert, select

from wattmill.catalog.factory import RatePlan
from wattmill.core.records import METERS, Band, Price
from wattmill.core.terms import Terms, decode_terms, encode_terms
from wattmill.ledger import chain, schema
from wattmill.ledger.records import PlanChanged, decode_record
from wattmill.tariff.period import PlanVersion
from wattmill.tariff.prices import request_prices


def enter_plan(connection: Connection, plan: RatePlan, timezone: str, now_us: int) -> None:
    """A new version where the file's terms differ from the plan's latest ones, with its request prices."""
    known = _latest(connection, plan.name)
    dated_us = None if plan.valid_from is None else _midnight_us(plan.valid_from, timezone)
    if plan.tenant is not None and dated_us is not None and dated_us <= now_us:
        # The date is that of the plan it is made of; what a tenant has of its own holds from now on.
        dated_us = None
    if known and known.terms == plan.terms and dated_us in (None, known.valid_from_us):
        return
    from_us = dated_us if dated_us is not None else now_us if known else 0
    enter_version(connection, plan.name, from_us, now_us, plan.terms)


def enter_version(
    connection: Connection, plan: str, valid_from_us: int, recorded_us: int, terms: Terms
) -> int:
    """The number of a new version of a plan."""
    entered = connection.execute(
        insert(schema.rate_plan_version).values(
            plan=plan,
            valid_from_us=valid_from_us,
            recorded_us=recorded_us,
            terms=encode_terms(terms),
        )
    )
    assert entered.inserted_primary_key is not None
    number = int(entered.inserted_primary_key[0])
    for price in request_prices(plan, number, valid_from_us / 1e6, terms):
        connection.execute(insert(schema.price).values(**_row(price, valid_from_us, recorded_us)))
    return number


def plan_versions(connection: Connection, plan: str | None = None) -> list[PlanVersion]:
    """Every version of every plan, or of one, in the order of their numbers."""
    table = schema.rate_plan_version
    statement = select(table).order_by(table.c.version)
    if plan is not None:
        statement = statement.where(table.c.plan == plan)
    return [_plan_version(row) for row in connection.execute(statement)]


def change_plan(connection: Connection, tenant: str, was: str, plan: str, now_us: int) -> None:
    """Record that a tenant is on another plan from now on; nothing where it is the same one."""
    if plan != was:
        change = PlanChanged(tenant=tenant, was=was, plan=plan, from_us=now_us)
        chain.append_record(connection, change, now_us)


def plan_changes(connection: Connection, tenant: str) -> tuple[PlanChanged, ...]:
    """A tenant's changes of plan in the order of time."""
    table = schema.record
    kind = PlanChanged.__struct_config__.tag
    bodies = select(table.c.body).where(table.c.kind == kind).order_by(table.c.block)
    records = [decode_record(body) for body in connection.execute(bodies).scalars()]
    found = [one for one in records if isinstance(one, PlanChanged) and one.tenant == tenant]
    return tuple(sorted(found, key=lambda change: change.from_us))


def prices(connection: Connection) -> list[Price]:
    """Every request price, in the order of their numbers."""
    rows = connection.execute(select(schema.price).order_by(schema.price.c.version))
    return [_price(row) for row in rows]


def _latest(connection: Connection, plan: str) -> PlanVersion | None:
    table = schema.rate_plan_version
    row = connection.execute(
        select(table).where(table.c.plan == plan).order_by(table.c.version.desc()).limit(1)
    ).first()
    return None if row is None else _plan_version(row)


def _plan_version(row: Any) -> PlanVersion:
    return PlanVersion(row.version, row.plan, row.valid_from_us, decode_terms(row.terms))


def _row(price: Price, valid_from_us: int, recorded_us: int) -> dict[str, Any]:
    return {
        "plan": price.plan,
        "plan_version": price.plan_version,
        "valid_from_us": valid_from_us,
        "recorded_us": recorded_us,
        "model": price.model,
        "pool": price.pool,
        "band": None if price.band is None else msgspec.json.encode(price.band).decode(),
        "denominator": price.denominator,
        **dict(zip(METERS, price.meters, strict=True)),
    }


def _price(row: Any) -> Price:
    meters = (getattr(row, meter) for meter in METERS)
    return Price(
        row.version,
        row.plan,
        row.valid_from_us / 1e6,
        *meters,
        model=row.model,
        pool=row.pool,
        band=None if row.band is None else msgspec.json.decode(row.band, type=Band),
        denominator=row.denominator,
        # A price of schema 1 has no such number: its plan's version was given its own.
        plan_version=row.version if row.plan_version is None else row.plan_version,
    )


def _midnight_us(day: date, timezone: str) -> int:
    midnight = datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(timezone))
    return round(midnight.astimezone(UTC).timestamp() * 1e6)
