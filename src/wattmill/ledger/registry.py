"""Tenants, keys, budgets and price versions, as the factory file and the commands set them.

The factory file is the configuration; the database keeps what is in force. When the file is read again, only what
changed *in the file* is taken over, so a budget set by a command lives until somebody edits that tenant in the file.
"""

import hashlib
import json
import secrets
from typing import Any

import msgspec
from msgspec import Struct
from sqlalchemy import Connection, func, insert, select, update

from wattmill.catalog import factory as catalog_factory
from wattmill.catalog.factory import Factory, parse_factory
from wattmill.core.errors import UsageError
from wattmill.core.money import PUSD_PER_UUSD
from wattmill.core.records import Price
from wattmill.core.roster import Grant, Key, Model, Pool, Roster, Tenant
from wattmill.ledger import plans, schema
from wattmill.ledger.admission import require_limits, require_text
from wattmill.ledger.records import PlanChanged
from wattmill.ledger.store import Store
from wattmill.tariff.period import PlanVersion

KEY_PREFIX = "wm-"
_SETTABLE = {"plan", "budget_uusd", "requests_per_minute", "max_concurrency", "active", "prepaid"}


class TenantRow(Struct, frozen=True):
    """A tenant as a person sees it."""

    name: str
    plan: str
    timezone: str
    budget_uusd: int | None
    requests_per_minute: int | None
    max_concurrency: int | None
    active: bool
    parent: str | None = None
    prepaid: bool = False


class KeyRow(Struct, frozen=True):
    """A key as a person sees it: never its text."""

    id: str
    tenant: str
    label: str
    requests_per_minute: int | None
    max_concurrency: int | None
    created_us: int
    revoked_us: int | None
    budget_uusd: int | None = None


class NewKey(Struct, frozen=True):
    """A key at the only moment at which its text is known."""

    id: str
    tenant: str
    key: str


def hash_key(text: str) -> str:
    """How a key is kept: SHA-256 is enough for 256 random bits."""
    return hashlib.sha256(text.encode()).hexdigest()


class Registry:
    """Changes to who may ask for what. Every method is one transaction."""

    def __init__(self, store: Store) -> None:
        self._store = store

    # --- the factory file --------------------------------------------------------------------------------------------

    def load_factory(self, factory: Factory, text: str, now_s: float) -> None:
        """Take over a factory file: new and changed tenants, new price versions; keep its text."""
        now_us = round(now_s * 1e6)
        require_text("factory file", {"path": str(factory.path.resolve()), "text": text})
        with self._store.transaction() as connection:
            if _latest_factory_text(connection) != text:
                connection.execute(
                    insert(schema.factory_version).values(
                        loaded_us=now_us, path=str(factory.path.resolve()), text=text
                    )
                )
            for plan in factory.rate_plans:
                plans.enter_plan(connection, plan, factory.site.timezone, now_us)
            for spec in factory.tenants:
                _enter_tenant(connection, spec, factory.site.timezone, now_us)
            _retire_tenants(connection, {spec.name for spec in factory.tenants})

    def factory(self) -> Factory:
        """The factory file as it was last loaded; ``UsageError`` before the first time."""
        with self._store.reading() as connection:
            row = connection.execute(
                select(schema.factory_version)
                .order_by(schema.factory_version.c.number.desc())
                .limit(1)
            ).first()
        if row is None:
            raise UsageError(
                "no factory file has been loaded here yet", hint="wattmill reload FACTORY.toml"
            )
        return parse_factory(row.text, row.path)

    # --- tenants -----------------------------------------------------------------------------------------------------

    def tenants(self) -> list[TenantRow]:
        with self._store.reading() as connection:
            rows = connection.execute(select(schema.tenant).order_by(schema.tenant.c.name))
            return [_tenant_row(row) for row in rows]

    def every_tenant(self) -> tuple[Tenant, ...]:
        """Every tenant there ever was, as the accounts need it: with its budget and its calendar."""
        return tuple(_roster_tenant(row) for row in self.tenants())

    def create_tenant(
        self,
        name: str,
        plan: str,
        *,
        timezone: str = "UTC",
        budget_uusd: int | None = None,
        requests_per_minute: int | None = None,
        max_concurrency: int | None = None,
        parent: str | None = None,
        prepaid: bool = False,
    ) -> TenantRow:
        """A tenant that is not in the factory file. ``parent`` is the reseller who is billed for it."""
        limits = {
            "budget_uusd": budget_uusd,
            "requests_per_minute": requests_per_minute,
            "max_concurrency": max_concurrency,
        }
        require_limits(limits)
        require_text("tenant", {"name": name, "plan": plan, "parent": parent})
        with self._store.transaction() as connection:
            _require_plan(connection, plan)
            if parent is not None:
                _require_tenant(connection, parent)
            if _find_tenant(connection, name) is not None:
                raise UsageError(
                    f"the tenant {name!r} exists already", hint="wattmill tenants list"
                )
            connection.execute(
                insert(schema.tenant).values(
                    name=name,
                    plan=plan,
                    timezone=timezone,
                    active=True,
                    from_file=None,
                    parent=parent,
                    prepaid=prepaid,
                    **limits,
                )
            )
            return _require_tenant(connection, name)

    def set_tenant(self, name: str, now_s: float, **values: Any) -> TenantRow:
        """Change one of ``_SETTABLE``: plan, limits, whether it is prepaid, whether it is served.

        Another plan holds from ``now_s`` on.
        """
        require_text("tenant", {"name": name, **values})
        with self._store.transaction() as connection:
            known = _require_tenant(connection, name)
            if unknown := values.keys() - _SETTABLE:
                raise UsageError(
                    f"a tenant has no {min(unknown)!r}", hint=", ".join(sorted(_SETTABLE))
                )
            require_limits(values)
            if "plan" in values:
                _require_plan(connection, values["plan"])
                now_us = round(now_s * 1e6)
                plans.change_plan(connection, name, known.plan, values["plan"], now_us)
            connection.execute(
                update(schema.tenant).where(schema.tenant.c.name == name).values(**values)
            )
            return _require_tenant(connection, name)

    # --- keys --------------------------------------------------------------------------------------------------------

    def keys(self, tenant: str | None = None) -> list[KeyRow]:
        statement = select(schema.key).order_by(schema.key.c.created_us, schema.key.c.id)
        if tenant is not None:
            statement = statement.where(schema.key.c.tenant == tenant)
        with self._store.reading() as connection:
            return [_key_row(row) for row in connection.execute(statement)]

    def create_key(
        self,
        tenant: str,
        now_s: float,
        *,
        label: str = "",
        requests_per_minute: int | None = None,
        max_concurrency: int | None = None,
        budget_uusd: int | None = None,
    ) -> NewKey:
        """A new key. Its text is in the answer and nowhere else."""
        limits = {
            "budget_uusd": budget_uusd,
            "requests_per_minute": requests_per_minute,
            "max_concurrency": max_concurrency,
        }
        require_limits(limits)
        require_text("key", {"label": label, "tenant": tenant})
        text = KEY_PREFIX + secrets.token_urlsafe(32)
        key_id = "k_" + secrets.token_hex(6)
        with self._store.transaction() as connection:
            _require_tenant(connection, tenant)
            connection.execute(
                insert(schema.key).values(
                    id=key_id,
                    sha256=hash_key(text),
                    tenant=tenant,
                    label=label,
                    created_us=round(now_s * 1e6),
                    revoked_us=None,
                    **limits,
                )
            )
        return NewKey(key_id, tenant, text)

    def set_key_budget(self, key_id: str, budget_uusd: int | None) -> KeyRow:
        """What a key may spend in a month; ``None`` for no limit of its own."""
        require_limits({"budget_uusd": budget_uusd})
        require_text("key", key_id)
        with self._store.transaction() as connection:
            _require_key(connection, key_id)
            mine = schema.key.c.id == key_id
            connection.execute(update(schema.key).where(mine).values(budget_uusd=budget_uusd))
            return _require_key(connection, key_id)

    def revoke_key(self, key_id: str, now_s: float) -> KeyRow:
        """From now on the key is refused. A second time changes nothing."""
        require_text("key", key_id)
        with self._store.transaction() as connection:
            row = _require_key(connection, key_id)
            if row.revoked_us is None:
                connection.execute(
                    update(schema.key)
                    .where(schema.key.c.id == key_id)
                    .values(revoked_us=round(now_s * 1e6))
                )
            return _require_key(connection, key_id)

    def rotate_key(self, key_id: str, now_s: float) -> NewKey:
        """A new key with the limits of the old one, which is revoked."""
        require_text("key", key_id)
        with self._store.reading() as connection:
            old = _require_key(connection, key_id)
        if old.revoked_us is not None:
            raise UsageError(
                f"the key {key_id} is revoked already", hint=f"wattmill keys create {old.tenant}"
            )
        new = self.create_key(
            old.tenant,
            now_s,
            label=old.label,
            requests_per_minute=old.requests_per_minute,
            max_concurrency=old.max_concurrency,
            budget_uusd=old.budget_uusd,
        )
        self.revoke_key(key_id, now_s)
        return new

    # --- prices and the roster ---------------------------------------------------------------------------------------

    def prices(self) -> list[Price]:
        """Every request price of every version of every rate plan."""
        with self._store.reading() as connection:
            return plans.prices(connection)

    def plan_changes(self, tenant: str) -> tuple[PlanChanged, ...]:
        """When a tenant went from one plan to another."""
        with self._store.reading() as connection:
            return plans.plan_changes(connection, tenant)

    def plan_versions(self) -> list[PlanVersion]:
        """The terms of every version of every rate plan."""
        with self._store.reading() as connection:
            return plans.plan_versions(connection)

    def roster(
        self,
        models: tuple[Model, ...],
        pools: tuple[Pool, ...],
        version: int,
        grants: tuple[Grant, ...] = (),
        currency: str = "USD",
    ) -> Roster:
        """What is in force, for the data plane. Models and pools come from the factory file."""
        tenants = tuple(_roster_tenant(row) for row in self.tenants() if row.active)
        active = {tenant.name for tenant in tenants}
        keys = tuple(
            _roster_key(row, sha256) for row, sha256 in self._live_keys() if row.tenant in active
        )
        prices = tuple(self.prices())
        return Roster(version, tenants, keys, prices, models, pools, grants, currency)

    def _live_keys(self) -> list[tuple[KeyRow, str]]:
        statement = select(schema.key).where(schema.key.c.revoked_us.is_(None))
        with self._store.reading() as connection:
            return [(_key_row(row), row.sha256) for row in connection.execute(statement)]


def _latest_factory_text(connection: Connection) -> str | None:
    number = select(func.max(schema.factory_version.c.number)).scalar_subquery()
    return connection.execute(
        select(schema.factory_version.c.text).where(schema.factory_version.c.number == number)
    ).scalar()


def _enter_tenant(
    connection: Connection, spec: catalog_factory.Tenant, site_timezone: str, now_us: int
) -> None:
    """Take over a tenant whose table in the file is new or was edited."""
    in_file = json.dumps(msgspec.to_builtins(spec), sort_keys=True)
    identity = {
        "address": "\n".join(spec.address),
        "tax_id": spec.tax_id,
        "email": spec.email,
    }
    values = {
        "plan": spec.rate_plan,
        "timezone": spec.timezone or site_timezone,
        "budget_uusd": spec.budget_uusd_per_month,
        "requests_per_minute": spec.requests_per_minute,
        "max_concurrency": spec.max_concurrency,
        "active": True,
        "from_file": in_file,
        "parent": spec.reseller,
        "prepaid": spec.prepaid,
    }
    known = connection.execute(
        select(schema.tenant.c.from_file, schema.tenant.c.plan).where(
            schema.tenant.c.name == spec.name
        )
    ).first()
    if known is None:
        connection.execute(insert(schema.tenant).values(name=spec.name, **values))
        connection.execute(insert(schema.tenant_identity).values(tenant=spec.name, **identity))
    elif known.from_file != in_file:
        plans.change_plan(connection, spec.name, known.plan, spec.rate_plan, now_us)
        where = schema.tenant.c.name == spec.name
        connection.execute(update(schema.tenant).where(where).values(**values))
        is_theirs = schema.tenant_identity.c.tenant == spec.name
        connection.execute(update(schema.tenant_identity).where(is_theirs).values(**identity))


def _retire_tenants(connection: Connection, in_file: set[str]) -> None:
    """A tenant that was taken out of the file is no longer served; its books stay."""
    gone = (
        schema.tenant.c.from_file.is_not(None)
        & schema.tenant.c.name.not_in(in_file)
        & schema.tenant.c.active
    )
    connection.execute(update(schema.tenant).where(gone).values(active=False, from_file=""))


def _find_tenant(connection: Connection, name: str) -> TenantRow | None:
    row = connection.execute(select(schema.tenant).where(schema.tenant.c.name == name)).first()
    return None if row is None else _tenant_row(row)


def _require_tenant(connection: Connection, name: str) -> TenantRow:
    found = _find_tenant(connection, name)
    if found is None:
        names = connection.execute(select(schema.tenant.c.name)).scalars()
        known = ", ".join(sorted(names)) or "none"
        raise UsageError(f"there is no tenant {name!r}", hint=f"tenants here: {known}")
    return found


def _require_plan(connection: Connection, plan: str) -> None:
    names = set(connection.execute(select(schema.rate_plan_version.c.plan)).scalars())
    if plan not in names:
        known = ", ".join(sorted(names)) or "none"
        raise UsageError(f"there is no rate plan {plan!r}", hint=f"rate plans here: {known}")


def _require_key(connection: Connection, key_id: str) -> KeyRow:
    row = connection.execute(select(schema.key).where(schema.key.c.id == key_id)).first()
    if row is None:
        raise UsageError(f"there is no key {key_id!r}", hint="wattmill keys list")
    return _key_row(row)


def _tenant_row(row: Any) -> TenantRow:
    return TenantRow(
        row.name,
        row.plan,
        row.timezone,
        row.budget_uusd,
        row.requests_per_minute,
        row.max_concurrency,
        row.active,
        row.parent,
        row.prepaid,
    )


def _roster_tenant(row: TenantRow) -> Tenant:
    return Tenant(
        row.name,
        row.plan,
        row.timezone,
        _pusd(row.budget_uusd),
        row.requests_per_minute,
        row.max_concurrency,
        row.parent,
        row.prepaid,
    )


def _roster_key(row: KeyRow, sha256: str) -> Key:
    limits = (row.requests_per_minute, row.max_concurrency, _pusd(row.budget_uusd))
    return Key(row.id, sha256, row.tenant, *limits)


def _pusd(uusd: int | None) -> int | None:
    return None if uusd is None else uusd * PUSD_PER_UUSD


def _key_row(row: Any) -> KeyRow:
    return KeyRow(
        row.id,
        row.tenant,
        row.label,
        row.requests_per_minute,
        row.max_concurrency,
        row.created_us,
        row.revoked_us,
        row.budget_uusd,
    )
