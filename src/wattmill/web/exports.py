"""What a command writes out of the books: usage, FOCUS rows, the general ledger. Nothing is changed."""

import time
from collections.abc import Iterator
from pathlib import Path

from wattmill.core.errors import UsageError
from wattmill.ledger.billing import archive
from wattmill.ledger.billing.documents import Document
from wattmill.ledger.export.beancount import beancount_lines
from wattmill.ledger.export.usage_rows import usage_lines
from wattmill.ledger.periods import month_at, month_named
from wattmill.ledger.registry import Registry
from wattmill.web.reports import reading


def usage_export(data: Path, tenant: str, month: str | None) -> Iterator[str]:
    """A tenant's requests of a month of its own calendar as CSV, line by line."""
    with reading(data) as (store, registry):
        zone = _timezone(registry, tenant)
        of = month_named(month, zone) if month else month_at(time.time(), zone)
        prices = {price.version: price for price in registry.prices()}
        yield from usage_lines(store, tenant, of, prices)


def ledger_export(data: Path) -> Iterator[str]:
    """The general ledger as a Beancount file, line by line."""
    with reading(data) as (store, registry):
        site = registry.factory().site
        yield from beancount_lines(
            store, title=site.name, currency=site.currency, timezone=site.timezone
        )


def one_document(data: Path, number: str) -> Document:
    """The issued document of that number."""
    with reading(data) as (store, _):
        return archive.document(store, number)


def site_documents(data: Path, tenant: str | None, month: str | None) -> list[Document]:
    """Issued documents of the site itself: what resellers send their clients is in none of its sums."""
    with reading(data) as (store, _):
        found = archive.documents(store, tenant, month)
        return [document for document in found if document.issuer is None]


def _timezone(registry: Registry, tenant: str) -> str:
    zones = {row.name: row.timezone for row in registry.tenants()}
    if tenant not in zones:
        known = ", ".join(sorted(zones)) or "none"
        raise UsageError(f"there is no tenant {tenant!r}", hint=f"tenants here: {known}")
    return zones[tenant]
