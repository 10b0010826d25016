"""Bills read from the books for a command: nothing is changed."""

import time
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from wattmill.ledger.billing import archive
from wattmill.ledger.billing.documents import Document
from wattmill.ledger.billing.drafts import draft
from wattmill.ledger.billing.hops import ResellerMargin, hop_margins
from wattmill.ledger.billing.parties import require_tenant
from wattmill.ledger.billing.what_if import Comparison, what_if
from wattmill.ledger.periods import month_at
from wattmill.web.reports import reading


def tenant_draft(data: Path, tenant: str, month: str | None) -> Document:
    """A tenant's invoice for a month of its own calendar, as if it were issued today."""
    now_s = time.time()
    with reading(data) as (store, registry):
        zone = require_tenant(registry, tenant).timezone
        today = datetime.fromtimestamp(now_s, ZoneInfo(zone)).date()
        return draft(store, registry, tenant, month or month_at(now_s, zone).name, issued=today)


def issued_document(data: Path, number: str) -> Document:
    """An invoice or credit note as it was issued."""
    with reading(data) as (store, _registry):
        return archive.document(store, number)


def issued_documents(data: Path, tenant: str | None, month: str | None) -> list[Document]:
    """All of them, of a tenant, of a month."""
    with reading(data) as (store, registry):
        if tenant is not None:
            require_tenant(registry, tenant)
        return archive.documents(store, tenant, month)


def under_plan(data: Path, plan: str, month: str | None, tenant: str | None) -> list[Comparison]:
    """A recorded month under another rate plan; default: the site's current month."""
    now_s = time.time()
    with reading(data) as (store, registry):
        name = month or month_at(now_s, registry.factory().site.timezone).name
        return what_if(store, registry, plan, name, tenant)


def resellers(data: Path, month: str | None) -> list[ResellerMargin]:
    """What is left at each hop of a resale."""
    now_s = time.time()
    with reading(data) as (store, registry):
        name = month or month_at(now_s, registry.factory().site.timezone).name
        return hop_margins(store, registry, name)
