"""Reads a factory file, from the tables that stand alone to those that refer to others."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TypeVar

from msgspec.structs import replace

from wattmill.catalog.factory import choice_tables, money_tables, tables
from wattmill.catalog.factory.choices import Offer
from wattmill.catalog.factory.rate_plans import (
    PLAN_KEYS,
    Draft,
    Names,
    own_plan,
    rate_plan,
    read_plan,
)
from wattmill.catalog.factory.records import (
    Alerts,
    Factory,
    Model,
    Pool,
    RatePlan,
    Seller,
    Serve,
    Site,
    Tenant,
)
from wattmill.catalog.factory.source import Source, keys_given
from wattmill.catalog.factory.table import Table
from wattmill.core.errors import FactoryError

T = TypeVar("T")

KINDS = (
    *("site", "seller", "serve", "alerts", "pool", "model", "rate_plan", "tenant"),
    *("finance", "capex", "loan", "lease", "demand", "offer", "candidate", "change"),
)


def load_factory(path: Path) -> Factory:
    """Read the factory file at `path`; FactoryError if it cannot be read or does not hold."""
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise FactoryError(
            f"cannot read the factory file: {error.strerror or error}",
            hint="give the path of a factory file; `wattmill init` writes one",
            place=str(path),
        ) from None
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise FactoryError(
            "the file is not UTF-8 text", hint="save it as UTF-8", place=f"{path}:{line}"
        ) from None
    return parse_factory(text, str(path))


def parse_factory(text: str, place: str) -> Factory:
    """Read the text of a factory file; `place` names the file in errors and roots its paths."""
    return _Reader(Source(text, place)).factory()


class _Reader:
    """The tables of one text, in the order in which they refer to each other."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.path = Path(source.place)
        Table(source, (), source.values, KINDS)

    def factory(self) -> Factory:
        site = tables.site(self.one("site", tables.keys_of(Site)))
        seller = tables.seller(self.one("seller", tables.keys_of(Seller)))
        serve = tables.serve(self.one("serve", tables.keys_of(Serve)))
        pools = self.some_pools()
        models = self.some_models({pool.name for pool in pools})
        names = Names({model.alias for model in models}, {pool.name for pool in pools})
        drafts = self.each("rate_plan", PLAN_KEYS, lambda t: read_plan(t, site.timezone, names))
        plans = [rate_plan(draft, pools) for draft in drafts]
        tenants, own = self.tenants({draft.name: draft for draft in drafts}, names, pools)
        alerts = self.alerts()
        rate_plans = (*plans, *own)
        served = Factory(self.path, site, seller, serve, pools, models, rate_plans, tenants, alerts)
        return self.with_money(served)

    def with_money(self, served: Factory) -> Factory:
        """The same with what the file says about money over time."""
        pools = {pool.name for pool in served.pools}
        keys = tables.KEYS
        return replace(
            served,
            finance=money_tables.finance(self.one("finance", keys["[finance]"])),
            capexes=self.each("capex", keys["[[capex]]"], money_tables.capex),
            loans=self.each("loan", keys["[[loan]]"], money_tables.loan),
            leases=self.each("lease", keys["[[lease]]"], lambda t: money_tables.lease(t, pools)),
            demand=choice_tables.demand(self.one("demand", keys["[demand]"])),
            offers=self.offers(),
            candidates=self.each("candidate", keys["[[candidate]]"], choice_tables.candidate),
            changes=self.each(
                "change", keys["[[change]]"], lambda t: choice_tables.change(t, pools)
            ),
            given=frozenset(keys_given(self.source)),
        )

    def offers(self) -> tuple[Offer, ...]:
        rows: list[tuple[Table, Offer]] = []

        def read(t: Table) -> Offer:
            rows.append((t, choice_tables.offer(t)))
            return rows[-1][1]

        found = self.each("offer", tables.KEYS["[[offer]]"], read)
        choice_tables.check_parts(rows)
        return found

    def some_pools(self) -> tuple[Pool, ...]:
        folder = self.path.parent
        pools = self.each("pool", tables.keys_of(Pool), lambda t: tables.pool(t, folder))
        if not pools:
            hint = "a pool is what serves: name, model, hardware"
            self.source.fail((), "there is no [[pool]]", hint)
        return pools

    def some_models(self, pools: set[str]) -> tuple[Model, ...]:
        models = self.each("model", tables.keys_of(Model), lambda t: tables.model(t, pools))
        if not models:
            hint = "a model is what clients ask for: alias, route"
            self.source.fail((), "there is no [[model]]", hint)
        return models

    def alerts(self) -> Alerts | None:
        if "alerts" not in self.source.values:
            return None
        return tables.alerts(self.one("alerts", tables.keys_of(Alerts)))

    def tenants(
        self, drafts: dict[str, Draft], names: Names, pools: Iterable[Pool]
    ) -> tuple[tuple[Tenant, ...], list[RatePlan]]:
        """Tenants, and the plans of those that have rates of their own."""
        own: list[RatePlan] = []

        def read(t: Table) -> Tenant:
            tenant = tables.tenant(t, drafts)
            draft = own_plan(t, drafts[tenant.rate_plan], tenant.name, names)
            if draft is None:
                return tenant
            own.append(rate_plan(draft, pools, tenant.name))
            return replace(tenant, rate_plan=draft.name)

        tenants = self.each("tenant", tables.TENANT_KEYS, read)
        self.check_resellers(tenants)
        return tenants, own

    def check_resellers(self, tenants: Sequence[Tenant]) -> None:
        """Each reseller is a tenant of this file, and nobody is above itself."""
        above = {tenant.name: tenant.reseller for tenant in tenants}
        for i, tenant in enumerate(tenants):
            if tenant.reseller is None:
                continue
            t = Table(self.source, ("tenant", i), {}, ())
            t.refers("reseller", tenant.reseller, set(above))
            on_the_way: list[str] = []
            at: str | None = tenant.name
            while at is not None and at not in on_the_way:
                on_the_way.append(at)
                at = above.get(at)
            if at == tenant.name:
                t.fail(
                    "reseller", f"{tenant.name} is above itself", "let the chain of resellers end"
                )

    def one(self, kind: str, keys: Iterable[str]) -> Table:
        return Table(self.source, (kind,), self.source.values.get(kind, {}), list(keys))

    def each(self, kind: str, keys: Sequence[str], read: Callable[[Table], T]) -> tuple[T, ...]:
        """Every `[[kind]]`, read and with a name of its own."""
        rows = self.source.values.get(kind, [])
        if not isinstance(rows, list):
            self.source.fail((kind,), f"[{kind}] must be a list of tables", f"write [[{kind}]]")
        found: dict[str, T] = {}
        for i, row in enumerate(rows):
            table = Table(self.source, (kind, i), row, keys)
            name_key = "alias" if kind == "model" else "name"
            name = table.name(name_key)
            if name in found:
                table.fail(
                    name_key, f"a second {kind} is called {name!r}", "give each its own name"
                )
            found[name] = read(table)
        return tuple(found.values())
