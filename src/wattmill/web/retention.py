"""What details of requests a person wants to let go, with what the books know for it."""

import time

from wattmill.ledger.registry import Registry
from wattmill.ledger.retention.retiring import Wish, require_before
from wattmill.ledger.store import Store


def wish(store: Store, registry: Registry, before: str | None, after_block: int) -> Wish:
    """For the rows of before a month, from a block on; ``None`` for all that the site need not keep."""
    now_s, site = time.time(), registry.factory().site
    return Wish(
        before=require_before(before, site.keep_details_days, now_s, site.timezone),
        now_s=now_s,
        timezones={row.name: row.timezone for row in registry.tenants()},
        keys=store.accounts_state().keys,
        after_block=after_block,
    )
