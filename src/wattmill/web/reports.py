"""Reports read from the books for a command: everything durable is in them, and nothing is changed."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from wattmill.ledger.invoice import Invoice, invoice
from wattmill.ledger.margin import MarginReport, margin
from wattmill.ledger.periods import month_at
from wattmill.ledger.registry import Registry
from wattmill.ledger.store import Store
from wattmill.web.control import call
from wattmill.web.pools import roster_pools


@contextmanager
def _reading(data: Path) -> Iterator[tuple[Store, Registry]]:
    call(data, "catch_up")
    with Store(data, write=False) as store:
        yield store, Registry(store)


def tenant_invoice(data: Path, tenant: str, month: str | None) -> Invoice:
    """A tenant's invoice for a month of its own calendar, issued today."""
    now_s = time.time()
    with _reading(data) as (store, registry):
        zones = {row.name: row.timezone for row in registry.tenants()}
        zone = zones.get(tenant, "UTC")
        today = datetime.fromtimestamp(now_s, ZoneInfo(zone)).date()
        name = month or month_at(now_s, zone).name
        return invoice(store, registry, tenant, name, issued=today)


def site_margin(data: Path, month: str | None) -> MarginReport:
    """The margin of a month of the site's calendar, up to now."""
    now_s = time.time()
    with _reading(data) as (store, registry):
        factory = registry.factory()
        name = month or month_at(now_s, factory.site.timezone).name
        pools = roster_pools(factory, {})
        return margin(store, registry, factory, pools, name, until_s=now_s)
