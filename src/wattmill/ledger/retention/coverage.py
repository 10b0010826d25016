"""Which requests may go: those of months that are over, and invoiced to everybody who pays for them."""

from collections import Counter
from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any, NamedTuple

from sqlalchemy import Connection

from wattmill.ledger.billing.archive import Stored, live_documents
from wattmill.ledger.periods import Month, month_at, month_named
from wattmill.ledger.retention.sums import Block, Group, first_bound
from wattmill.ledger.schema import QUARTER_US


class Invoiced(NamedTuple):
    """A month that a document has, on the calendar of its time, with all that blocks up to one know."""

    tenant: str
    month: Month
    up_to_block: int

    def has(self, at_s: float) -> bool:
        """Whether an instant is in the month."""
        return self.month.start_s <= at_s < self.month.end_s


def invoiced(documents: Iterable[Stored]) -> list[Invoiced]:
    """Every month of every document."""
    return [
        Invoiced(
            stored.document.tenant,
            month_named(part.month, stored.document.period.timezone),
            part.up_to_block,
        )
        for stored in documents
        for part in stored.document.coverage
    ]


class Coverage:
    """The invoices that stand, by party and month of its calendar.

    A request is old when its tenant's month is before ``before`` and over at ``now_s``. It is covered when an invoice
    of its tenant, and one of each reseller above it, was made with its block in the books. What was not charged needs
    none.
    """

    def __init__(
        self, connection: Connection, timezones: Mapping[str, str], before: str, now_s: float
    ) -> None:
        self._connection = connection
        self._timezones = timezones
        self._before = before
        self._now_s = now_s
        self.not_invoiced: Counter[tuple[str, str]] = Counter()
        """How many blocks stay because of a party's month without an invoice."""
        self._month_of = cache(self._find_month)
        self._invoiced = cache(self._find_invoiced)
        self._bounds_of = cache(self._find_bounds)
        self._end_of = cache(self._find_end)

    def of(self, block: Block) -> dict[Any, int] | None:
        """The block of the first invoice that has each group of a block, 0 where none is needed; ``None``: it stays."""
        if any(not self._is_old(key[0], key[1]) for key in block.usage):
            return None
        found: dict[Any, int] = {}
        missing: set[tuple[str, str]] = set()
        for key, group in block.usage.items():
            found[key] = 0
            if key[6] == "charged" and _pays(group):
                found[key] = self._bound(key[0], key[1], block.number, missing)
        for bought, group in block.bought.items():
            needs = _pays(group)
            party, quarter = bought.party, bought.quarter
            found[bought] = self._bound(party, quarter, block.number, missing) if needs else 0
        self.not_invoiced.update(missing)
        return None if missing else found

    def _is_old(self, tenant: str, quarter: int) -> bool:
        return tenant in self._timezones and self._month_of(tenant, quarter) < self._end_of(tenant)

    def _find_end(self, tenant: str) -> str:
        """The first month that stays."""
        return min(self._before, month_at(self._now_s, self._timezones[tenant]).name)

    def _bound(self, party: str, quarter: int, block: int, missing: set[tuple[str, str]]) -> int:
        bound = first_bound(self._bounds_of(party, quarter), block)
        if bound is None:
            month = self._month_of(party, quarter) if party in self._timezones else "?"
            missing.add((party, month))
            return 0
        return bound

    def _find_month(self, party: str, quarter: int) -> str:
        return month_at(quarter * QUARTER_US / 1e6, self._timezones[party]).name

    def _find_bounds(self, party: str, quarter: int) -> list[int]:
        """Of the invoices that have a quarter of an hour, rising."""
        at_s = quarter * QUARTER_US / 1e6
        found = {one.up_to_block for one in self._invoiced(party) if one.has(at_s)}
        return sorted(found)

    def _find_invoiced(self, party: str) -> list[Invoiced]:
        return invoiced(live_documents(self._connection, party))


def _pays(group: Group) -> bool:
    """An invoice has a line of it."""
    return any(group.meters) or any(group.money)
