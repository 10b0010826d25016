"""What a factory file says, as frozen records.

Money of a year or a month is a float where it only forecasts, and an exact integer of micro-units of the site's
currency where it is charged; `usd` in a name means that currency.
"""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import TypeVar

import msgspec

from wattmill.catalog.factory.choices import Candidate, Change, Demand, Offer
from wattmill.catalog.factory.meter_prices import Prices as Prices
from wattmill.catalog.factory.money import Capex, Finance, LeadTime, Lease, Loan, PowerContract
from wattmill.catalog.names import nearest
from wattmill.core.errors import FactoryError
from wattmill.core.terms import Terms

T = TypeVar("T")

ENGINES = {
    "llama.cpp": "q4_k_m",
    "ollama": "q4_k_m",
    "lmstudio": "q4_k_m",
    "vllm": "bf16",
    "sglang": "bf16",
    "trtllm": "bf16",
    "openai": None,
}
"""Engines by name, with the precision each one serves when the file names none. `openai` is any
server that speaks the OpenAI API, a cloud among them."""

DEMO = "demo"
"""The `path` that means the GGUF shipped inside the package."""


class Site(msgspec.Struct, frozen=True):
    """Where the machines stand: power, its price, and what the place may draw.

    `feed_v` is between phases. A rack draws `rack_kw` and weighs `rack_kg` at the most. `delivery` and
    `cooling` are names of the catalog. None is for the study to choose, which says what it took.
    `energised` is the day from which there is power. Rows of requests may go `keep_details_days` after
    their month; None: never.
    """

    name: str = "factory"
    power_usd_per_kwh: float = 0.12
    pue: float = 1.30
    power_cap_kw: float | None = None
    colo_usd_per_kw_month: float = 0.0
    timezone: str = "UTC"
    currency: str = "USD"
    region: str | None = None
    feed_v: float = 208.0
    feed_phases: int = 3
    power_factor: float = 0.95
    rack_kw: float | None = None
    rack_kg: float | None = None
    floor_kg_per_m2: float | None = None
    delivery: str | None = None
    cooling: str | None = None
    water_delta_k: float = 10.0
    air_delta_k: float = 12.0
    altitude_m: float = 0.0
    carbon_g_per_kwh: float | None = None
    facility_usd_per_mw: float | None = None
    facility_life_months: int = 240
    energised: date | None = None
    power_contract: PowerContract | None = None
    lead_time: tuple[LeadTime, ...] = ()
    keep_details_days: int | None = None


class Tax(msgspec.Struct, frozen=True):
    """A tax that is not the one of the table: its rate, what it is called, and what the invoice says."""

    rate_percent: Decimal
    name: str = "VAT"
    note: str = ""


class Seller(msgspec.Struct, frozen=True):
    """Who writes the invoices. `country` is by ISO 3166-1; `tax` None is by the table of taxes."""

    name: str = ""
    address: tuple[str, ...] = ()
    tax_id: str = ""
    email: str = ""
    payment_terms_days: int = 14
    bank: tuple[str, ...] = ()
    collect_with: str | None = None
    country: str | None = None
    tax: Tax | None = None


class Alerts(msgspec.Struct, frozen=True):
    """When somebody is told, and where. Without this table nobody is; without `webhook_url` only
    the log.

    `at_percent` are shares of a budget, for tenants that name none of their own. An hour is a spike
    when it costs `spike_factor` times the same hour of other weeks, and `spike_least_usd` or more.
    """

    webhook_url: str | None = None
    at_percent: tuple[int, ...] = (80, 100)
    spike_factor: int = 3
    spike_least_uusd: int = 1_000_000


class Serve(msgspec.Struct, frozen=True):
    """What the gateway listens on and the bounds it holds clients to."""

    listen: str = "127.0.0.1:8600"
    control: str = "127.0.0.1:8601"
    max_body_mb: float = 16.0
    max_header_kb: float = 32.0
    header_timeout_s: float = 10.0
    body_timeout_s: float = 60.0
    drain_timeout_s: float = 30.0
    max_connections: int = 4096
    max_waiting: int = 1024
    gateways: int = 1
    database_url: str | None = None


class Pool(msgspec.Struct, frozen=True):
    """Machines, or a cloud API, that serve one model.

    `hardware` None is an API without physics. `url` None with engine `llama.cpp` is the embedded
    engine. `uusd_per_mtok` is what a cloud charges us. `idle_w` and `busy_w` are measured at the
    wall, for the whole pool. `tp` cards share each layer; the rest of the cards are replicas.
    """

    name: str
    model: str
    hardware: str | None = None
    precision: str | None = None
    kv_precision: str | None = None
    engine: str = "llama.cpp"
    url: str | None = None
    path: str | None = None
    served_model: str | None = None
    api_key_env: str | None = None
    context: int | None = None
    slots: int | None = None
    threads: int | None = None
    tp: int | None = None
    paid_usd: float | None = None
    bought: date | None = None
    life_months: int = 36
    resale_usd: float = 0.0
    uusd_per_mtok: Prices | None = None
    idle_w: float | None = None
    busy_w: float | None = None

    @property
    def embedded(self) -> bool:
        """Whether this process itself runs the engine of the pool."""
        return self.engine == "llama.cpp" and self.url is None


class Model(msgspec.Struct, frozen=True):
    """A name that clients ask for, and the pools that answer it, first choice first."""

    alias: str
    route: tuple[str, ...]
    max_output_tokens: int | None = None


class RatePlan(msgspec.Struct, frozen=True):
    """What tenants pay. `valid_from` None is from the moment the file is read.

    A plan of one `tenant` is that of others with what this tenant has of its own: `standard@acme`.
    """

    name: str
    terms: Terms
    valid_from: date | None = None
    tenant: str | None = None


class Tenant(msgspec.Struct, frozen=True):
    """Who pays. `timezone` None is the site's; a limit of None is no limit.

    `reseller` is the tenant who is billed for it. One that is `prepaid` is served as far as its
    credit goes. Where it has rates of its own, `rate_plan` is its own plan.
    """

    name: str
    rate_plan: str
    budget_uusd_per_month: int | None = None
    timezone: str | None = None
    requests_per_minute: int | None = None
    max_concurrency: int | None = None
    address: tuple[str, ...] = ()
    tax_id: str = ""
    email: str = ""
    alert_at_percent: tuple[int, ...] | None = None
    reseller: str | None = None
    prepaid: bool = False
    country: str | None = None
    tax: Tax | None = None


class Factory(msgspec.Struct, frozen=True):
    """The whole file, checked: names are unique and every reference leads somewhere.

    `given` are the keys that the file itself has, so that a study can tell them from defaults.
    """

    path: Path
    site: Site
    seller: Seller
    serve: Serve
    pools: tuple[Pool, ...]
    models: tuple[Model, ...]
    rate_plans: tuple[RatePlan, ...] = ()
    tenants: tuple[Tenant, ...] = ()
    alerts: Alerts | None = None
    finance: Finance = Finance()
    capexes: tuple[Capex, ...] = ()
    loans: tuple[Loan, ...] = ()
    leases: tuple[Lease, ...] = ()
    demand: Demand = Demand()
    offers: tuple[Offer, ...] = ()
    candidates: tuple[Candidate, ...] = ()
    changes: tuple[Change, ...] = ()
    given: frozenset[str] = frozenset()

    def says(self, *path: str) -> bool:
        """Whether the file itself says this: `says("finance", "tax_frac")`, `says("loan", "bank", "usd")`."""
        return ".".join(path) in self.given

    def pool(self, name: str) -> Pool:
        """The pool of that name, or a FactoryError with the nearest names."""
        return self._find("pool", {p.name: p for p in self.pools}, name)

    def model(self, alias: str) -> Model:
        """The model of that alias, or a FactoryError with the nearest aliases."""
        return self._find("model", {m.alias: m for m in self.models}, alias)

    def rate_plan(self, name: str) -> RatePlan:
        """The rate plan of that name, or a FactoryError with the nearest names."""
        return self._find("rate plan", {r.name: r for r in self.rate_plans}, name)

    def tenant(self, name: str) -> Tenant:
        """The tenant of that name, or a FactoryError with the nearest names."""
        return self._find("tenant", {t.name: t for t in self.tenants}, name)

    def _find(self, what: str, known: dict[str, T], name: str) -> T:
        if name in known:
            return known[name]
        raise FactoryError(
            f"there is no {what} {name!r}", hint=nearest(name, known), place=str(self.path)
        )
