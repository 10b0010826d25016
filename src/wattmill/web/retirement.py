"""Retirement of request details for a command: through the running factory, a portion at a time, or only looked at."""

from collections.abc import Iterator
from pathlib import Path

import msgspec

from wattmill.ledger.retention.retiring import Retired, survey, together
from wattmill.web.control import call
from wattmill.web.reports import reading
from wattmill.web.retention import wish


def retired(data: Path, before: str | None, by: str) -> Retired:
    """Let the details of before a month go; default: what the site need not keep any more."""
    return together(list(_portions(data, before, by)))


def _portions(data: Path, before: str | None, by: str) -> Iterator[Retired]:
    after_block: int | None = 0
    while after_block is not None:
        found = call(data, "retire_details", before=before, by=by, after_block=after_block)
        part = msgspec.convert(found, Retired)
        yield part
        before, after_block = part.before, part.next_block


def would_retire(data: Path, before: str | None) -> Retired:
    """What would go. Nothing is changed."""
    with reading(data) as (store, registry):
        wanted = wish(store, registry, before, 0)
        with store.reading() as connection:
            parts = [survey(connection, wanted)]
            while (after_block := parts[-1].next_block) is not None:
                wanted = msgspec.structs.replace(wanted, after_block=after_block)
                parts.append(survey(connection, wanted))
    return together(parts)
