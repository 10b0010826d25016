"""Reports read from the books for a command: everything durable is in them, and nothing is changed."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from wattmill.ledger.cost.margin import margin
from wattmill.ledger.cost.report import MarginReport
from wattmill.ledger.cost.request import request_margin
from wattmill.ledger.cost.request_report import RequestMargin
from wattmill.ledger.cost.schedule import ScheduleName
from wattmill.ledger.periods import month_at
from wattmill.ledger.registry import Registry
from wattmill.ledger.store import Store
from wattmill.web.control import call
from wattmill.web.pools import roster_pools


@contextmanager
def reading(data: Path) -> Iterator[tuple[Store, Registry]]:
    """The books with everything durable in them, to be read."""
    call(data, "catch_up")
    with Store(data, write=False) as store:
        yield store, Registry(store)


def site_currency(data: Path) -> str:
    """What the books are in."""
    with Store(data, write=False) as store:
        return Registry(store).factory().site.currency


def site_margin(data: Path, month: str | None, schedule: ScheduleName = "book") -> MarginReport:
    """The margin of a month of the site's calendar, up to now."""
    now_s = time.time()
    with reading(data) as (store, registry):
        factory = registry.factory()
        name = month or month_at(now_s, factory.site.timezone).name
        pools = roster_pools(factory, {})
        return margin(store, registry, factory, pools, name, until_s=now_s, schedule=schedule)


def one_request(data: Path, request: str, schedule: ScheduleName = "book") -> RequestMargin:
    """The margin of one request, by its ``x-request-id``."""
    with reading(data) as (store, registry):
        factory = registry.factory()
        return request_margin(
            store,
            factory,
            roster_pools(factory, {}),
            registry.prices(),
            request,
            until_s=time.time(),
            schedule=schedule,
        )
