"""Books of requests that are over, a line each, and the month that is read from them."""

from __future__ import annotations

import io
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from rich.console import Console, RenderableType
from sqlalchemy import Table

from wattmill.catalog.factory import Factory, parse_factory
from wattmill.core.records import METERS, Usage
from wattmill.core.roster import Pool
from wattmill.ledger import schema
from wattmill.ledger.cost.attribution import Cost
from wattmill.ledger.cost.margin import report
from wattmill.ledger.cost.report import MarginReport
from wattmill.ledger.cost.schedule import ScheduleName
from wattmill.ledger.cost.site_month import SiteMonth, read_month
from wattmill.ledger.store import Store

BERLIN = "Europe/Berlin"
FACTORY = """
[site]
name = "cellar"
power_usd_per_kwh = 0.09
pue = 1.30
colo_usd_per_kw_month = 120
timezone = "Europe/Berlin"

[[pool]]
name = "l40s"
model = "llama-3.1-70b"
hardware = "4x L40S"
precision = "fp8"
engine = "vllm"
url = "http://10.0.0.5:8000/v1"
paid_usd = 72_000
resale_usd = 7_200
bought = 2026-06-01
idle_w = 400
busy_w = 1400

[[pool]]
name = "cloud"
model = "llama-3.1-70b"
url = "https://api.example.com/v1"
usd_per_mtok = { input = 0.59, cached_input = 0.10, output = 0.79 }

[[model]]
alias = "house-large"
route = ["l40s", "cloud"]

[[rate_plan]]
name = "msp-standard"
usd_per_mtok = { input = 0.40, cached_input = 0.0375, output = 1.60 }
"""
ROSTER = (
    Pool("l40s", "", "vllm", "m", None, 8000.0, 1250.0, 64),
    Pool("cloud", "", "openai", "m", None, 0.0, 0.0, 64),
)
NAMES = ("acme", "bosch-gym", "indus")
HOUR_OF_PREFILL = Usage(8000 * 3600)
HOUR_OF_DECODE = Usage(0, 0, 0, 1250 * 3600)
PUSD_PER_TOKEN = (400_000, 37_500, 400_000, 1_600_000, 1_600_000, 0, 0, 0)


def instant_us(text: str, zone: str = BERLIN) -> int:
    """µs since the epoch of a wall-clock time."""
    at = datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone))
    return round(at.timestamp() * 10**6)


class CostBooks:
    """Books in a folder that take requests as they are once they are over."""

    def __init__(
        self,
        directory: Path,
        text: str = FACTORY,
        begun_us: int = 0,
        url: str | None = None,
    ) -> None:
        self._store = Store(directory, write=True, url=url)
        self._waiting: list[tuple[Table, dict[str, Any]]] = []
        self.factory: Factory = parse_factory(text, "factory.toml")
        self._number = 0
        with self._store.transaction() as connection:
            for name in NAMES:
                values = {"plan": "msp-standard", "timezone": BERLIN, "active": True}
                connection.execute(schema.tenant.insert().values(name=name, **values))
            begun = {"number": 1, "loaded_us": begun_us, "path": "factory.toml", "text": text}
            connection.execute(schema.factory_version.insert().values(**begun))

    @property
    def store(self) -> Store:
        """The store, with everything in it that was served so far."""
        rows, self._waiting = self._waiting, []
        if rows:
            with self._store.transaction() as connection:
                for table, values in rows:
                    connection.execute(table.insert().values(**values))
        return self._store

    def serve(
        self,
        at: str | int,
        usage: Usage,
        *,
        tenant: str = "acme",
        took_s: float = 1.0,
        pool: str | None = "l40s",
        state: str = "charged",
        model: str = "house-large",
        upline: tuple[tuple[str, int], ...] = (),
    ) -> int:
        """One request; its charge in pUSD. ``upline`` is what resellers pay for it."""
        self._number += 1
        held_us = at if isinstance(at, int) else instant_us(at)
        rated = sum(n * price for n, price in zip(usage.meters, PUSD_PER_TOKEN, strict=True))
        amount = 0 if state == "void" else rated
        row = {"id": self._number, "block": 1, "held_us": held_us, "key": "k_1", "model": model}
        row |= {"ended_us": held_us + round(took_s * 1e6), "tenant": tenant, "pool": pool}
        row |= {"price": None if state == "void" else 1, "source": "engine", "state": state}
        row |= dict(zip(METERS, usage.meters, strict=True))
        row |= {"amount_pusd": amount, "absorbed_pusd": 0}
        self._waiting.append((schema.request, row))
        for hop, (party, paid) in enumerate(upline, start=1):
            values = {"request": self._number, "hop": hop, "block": 1, "party": party}
            self._waiting.append((schema.resale, values | {"price": 1, "amount_pusd": paid}))
        return amount

    def price(self, version: int, pusd_per_token: int) -> None:
        """A price of every meter alike."""
        values: dict[str, Any] = dict.fromkeys(METERS, pusd_per_token)
        values |= {"version": version, "plan": "msp", "valid_from_us": 0, "recorded_us": 0}
        self._waiting.append((schema.price, values))

    def correct(
        self,
        at: str,
        meters: tuple[int, ...],
        amount_pusd: int,
        request: int | None = None,
    ) -> None:
        """A correction of acme's usage."""
        values: dict[str, Any] = dict(zip(METERS, meters, strict=True))
        values |= {
            "block": 2,
            "request": request,
            "tenant": "acme",
            "held_us": instant_us(at),
            "price": 1,
        }
        values |= {"model": "house-large", "pool": "l40s", "reason": "miscounted"}
        self._waiting.append((schema.correction, values | {"amount_pusd": amount_pusd}))

    def month(self, name: str = "2026-11", until: str = "2030-01-01") -> SiteMonth:
        return self.read(name, instant_us(until) / 1e6)

    def read(self, name: str, until_s: float) -> SiteMonth:
        """A month of the site up to an instant."""
        return read_month(self.store, self.factory, ROSTER, name, until_s=until_s, names=NAMES)

    def report(
        self,
        name: str = "2026-11",
        until: str = "2030-01-01",
        schedule: ScheduleName = "book",
    ) -> MarginReport:
        return report(self.month(name, until), schedule)


def assert_whole(found: MarginReport) -> None:
    """The equations of the books: whichever way a report is cut, the parts are the cost."""
    attributed = sum((one.attributed for one in found.tenants), Cost())
    shared = sum((one.idle_share for one in found.tenants), found.unshared)
    assert attributed == found.attributed
    assert shared == found.unbilled + found.idle + found.overhead
    assert found.cost == attributed + shared
    assert found.margin_pusd == found.revenue_pusd - found.cost.total_pusd
    for rows in (found.tenants, found.models):
        assert sum((one.attributed for one in rows), Cost()) == attributed
        assert sum((one.idle_share for one in rows), found.unshared) == shared
        assert sum(one.revenue_pusd for one in rows) == found.revenue_pusd
        loaded = sum(one.margin_pusd for one in rows)
        assert found.margin_pusd == loaded - found.unshared.total_pusd
        assert all(one.views[2].margin_pusd == one.margin_pusd for one in rows)
    for parts in (found.pools, found.days):
        for name in ("attributed", "unbilled", "idle", "overhead", "cost"):
            assert sum((getattr(one, name) for one in parts), Cost()) == getattr(found, name)
    assert sum(day.revenue_pusd for day in found.days) == found.revenue_pusd
    assert found.views[2].margin_pusd == found.margin_pusd


def shown(screen: RenderableType, width: int = 80) -> str:
    """What a screen of that width shows."""
    file = io.StringIO()
    Console(file=file, width=width).print(screen)
    return file.getvalue()
