"""Drops the rows of old, invoiced requests, a whole block of the chain at a time, and keeps what they add up to.

Every block is held against its digest before its rows go. All of a retirement is one transaction: the sums, the record
that says so, and the rows that are gone.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from msgspec import Struct
from sqlalchemy import Connection, delete, func, insert, select

from wattmill.core.errors import LedgerError, UsageError
from wattmill.ledger import chain, schema
from wattmill.ledger.accounts import Balance
from wattmill.ledger.billing.booking import book
from wattmill.ledger.engines import readings
from wattmill.ledger.periods import month_at, month_named
from wattmill.ledger.records import BlockRange, DetailsRetired, TenantSum
from wattmill.ledger.retention import tables
from wattmill.ledger.retention.coverage import Coverage
from wattmill.ledger.retention.proof import sums_digest
from wattmill.ledger.retention.reading import Range, retired_blocks
from wattmill.ledger.retention.sums import Block, Sums, added
from wattmill.ledger.schema import QUARTER_US
from wattmill.ledger.store import Store

MOST_ROWS = 200_000
"""How many rows are looked at in one transaction, about: others wait for the books meanwhile."""
DAY_S = 86_400


class NotInvoiced(Struct, frozen=True):
    """Blocks that stay, because a party's month has no invoice that knows them."""

    party: str
    month: str
    blocks: int


class Retired(Struct, frozen=True):
    """What went, or would go. ``records`` are the blocks that say so; none where nothing was done.

    ``next_block``: look on behind this block; ``None`` when there is no more.
    """

    before: str
    records: tuple[int, ...]
    blocks: int
    requests: int
    resales: int
    sums: tuple[TenantSum, ...]
    not_invoiced: tuple[NotInvoiced, ...]
    next_block: int | None


class Wish(Struct, frozen=True, kw_only=True):
    """Which details are wanted gone: those before a month, as seen at ``now_s``, behind a block.

    ``timezones`` has the calendar of every tenant, ``keys`` the balances of keys as they are.
    """

    before: str
    now_s: float
    timezones: Mapping[str, str]
    keys: Mapping[str, Balance]
    after_block: int = 0
    most_rows: int = MOST_ROWS


def last_kept_month(keep_days: int, now_s: float, timezone: str) -> str:
    """The first month that is still kept when details are kept for so many days after their month."""
    return month_at(now_s - keep_days * DAY_S, timezone).name


def require_before(before: str | None, keep_days: int | None, now_s: float, timezone: str) -> str:
    """The month before which details go. ``UsageError`` without one, and for one that the site keeps."""
    kept = None if keep_days is None else last_kept_month(keep_days, now_s, timezone)
    if before is None:
        if kept is None:
            hint = "--before 2026-01, or keep_details_days in [site]"
            raise UsageError("this site keeps its details for ever", hint=hint)
        return kept
    month_named(before, timezone)
    if before > (limit := kept or month_at(now_s, timezone).name):
        why = "not over yet" if kept is None else f"kept for {keep_days} days"
        raise UsageError(f"some months before {before} are {why}", hint=f"--before {limit}")
    return before


def survey(connection: Connection, wish: Wish) -> Retired:
    """What would go. Nothing is changed."""
    return _Found(connection, wish).told()


def retire(store: Store, wish: Wish, by: str) -> Retired:
    """Let it go, as far as ``most_rows`` reach; ``LedgerError`` when a block is not what was written."""
    with store.transaction() as connection:
        store.overwrite_deleted(connection)
        found = _Found(connection, wish)
        if not found.sums.blocks:
            return found.told()
        number = chain.tail(connection).number + 1
        _keep(connection, found.sums, number)
        record = _record(connection, found, number, wish, by)
        entered = book(connection, record, record.retired_us)
        assert entered == number, (entered, number)
        _delete(connection, found.sums)
        return found.told(number)


def together(parts: Sequence[Retired]) -> Retired:
    """Several portions as one."""
    missing: Counter[tuple[str, str]] = Counter()
    for part in parts:
        missing.update({(one.party, one.month): one.blocks for one in part.not_invoiced})
    return Retired(
        before=parts[0].before,
        records=tuple(record for part in parts for record in part.records),
        blocks=sum(part.blocks for part in parts),
        requests=sum(part.requests for part in parts),
        resales=sum(part.resales for part in parts),
        sums=added([one for part in parts for one in part.sums]),
        not_invoiced=_not_invoiced(missing),
        next_block=parts[-1].next_block,
    )


def _not_invoiced(missing: Mapping[tuple[str, str], int]) -> tuple[NotInvoiced, ...]:
    return tuple(NotInvoiced(*who, blocks) for who, blocks in sorted(missing.items()))


# --- what may go ------------------------------------------------------------------------------------------------------


class _Found:
    """A look at the blocks behind ``after_block``, in their order."""

    def __init__(self, connection: Connection, wish: Wish) -> None:
        self.before = wish.before
        self.sums = Sums(wish.keys, readings(connection))
        self.blocks = 0
        self._coverage = Coverage(connection, wish.timezones, wish.before, wish.now_s)
        blocks, self.next_block = _portion(connection, wish)
        if blocks:
            self._look(connection, blocks)

    def _look(self, connection: Connection, blocks: Sequence[Any]) -> None:
        bounds = blocks[0].number, blocks[-1].number
        requests = chain.Rows.of_requests(connection, *bounds)
        resales = chain.Rows.of_resales(connection, *bounds)
        follows = False
        for row in blocks:
            block = Block(row.number, requests.of(row.number), resales.of(row.number))
            covered = self._coverage.of(block)
            if covered is not None:
                _require_sound(row, block)
                self.sums.add(block, covered, follows=follows)
                self.blocks += 1
            follows = covered is not None

    def told(self, *records: int) -> Retired:
        return Retired(
            before=self.before,
            records=records,
            blocks=self.blocks,
            requests=self.sums.requests,
            resales=self.sums.resales,
            sums=self.sums.of_tenants(),
            not_invoiced=_not_invoiced(self._coverage.not_invoiced),
            next_block=self.next_block,
        )


def _portion(connection: Connection, wish: Wish) -> tuple[list[Any], int | None]:
    """The next blocks of requests that have rows, and the last of them if there are more behind it."""
    block, request = schema.block.c, schema.request.c
    oldest = connection.execute(select(func.min(request.block))).scalar()
    newest = connection.execute(_newest_old(wish)).scalar()
    if oldest is None or newest is None:
        return [], None
    gone = retired_blocks(connection)
    wanted = select(block.number, block.rows, block.digest).where(
        block.kind == chain.REQUESTS,
        block.number > max(wish.after_block, oldest - 1),
        block.number <= newest,
    )
    found: list[Any] = []
    rows = 0
    with connection.execute(
        wanted.order_by(block.number).execution_options(yield_per=1000)
    ) as all_:
        for row in all_:
            if row.number in gone:
                continue
            if rows >= wish.most_rows:
                return found, found[-1].number
            found.append(row)
            rows += row.rows
    return found, None


def _newest_old(wish: Wish) -> Any:
    """The last block that has requests of before the month, on anybody's calendar."""
    row = schema.usage_quarter.c
    zones = set(wish.timezones.values()) or {"UTC"}
    end_s = max(month_named(wish.before, zone).start_s for zone in zones)
    return select(func.max(row.last_block)).where(row.quarter < round(end_s * 1e6) // QUARTER_US)


def _require_sound(row: Any, block: Block) -> None:
    digest = chain.digest_of_requests(block.requests, block.resales)
    if len(block.requests) != row.rows or digest != row.digest:
        raise LedgerError(
            "its rows are not those that were written",
            place=f"block {row.number}",
            hint="nothing was retired: wattmill doctor",
        )


# --- keeping and deleting ---------------------------------------------------------------------------------------------


def _keep(connection: Connection, sums: Sums, number: int) -> None:
    rows: tuple[tuple[Any, Iterable[dict[str, Any]]], ...] = (
        (tables.retired_block, map(_range, sums.blocks)),
        (tables.retired_request, map(_range, sums.ids)),
        (tables.retired_usage, sums.usage_rows()),
        (tables.retired_resale, sums.resale_rows()),
        (tables.retired_key, sums.key_rows()),
        (tables.retired_work, sums.work_rows()),
    )
    for table, values in rows:
        entered = [{"retirement": number, **value} for value in values]
        if entered:
            connection.execute(insert(table), entered)


def _range(numbers: Range) -> dict[str, int]:
    return {"first": numbers.first, "last": numbers.last}


def _record(
    connection: Connection, found: _Found, number: int, wish: Wish, by: str
) -> DetailsRetired:
    return DetailsRetired(
        before=wish.before,
        blocks=tuple(_with_hash(connection, one) for one in found.sums.blocks),
        requests=found.sums.requests,
        resales=found.sums.resales,
        sums=found.sums.of_tenants(),
        sums_sha256=sums_digest(connection, number),
        retired_us=round(wish.now_s * 1e6),
        by=by,
    )


def _with_hash(connection: Connection, numbers: Range) -> BlockRange:
    found = chain.hash_of(connection, numbers.last)
    assert found is not None, numbers
    return BlockRange(first=numbers.first, last=numbers.last, hash=found.hex())


def _delete(connection: Connection, sums: Sums) -> None:
    """What stays of ``resale`` is what corrections need (``proof.kept_resales``)."""
    request, hop, correction = schema.request.c, schema.resale.c, schema.correction.c
    corrected = select(correction.request).where(correction.request.is_not(None))
    deleted = 0
    for one in sums.blocks:
        is_its = hop.block.between(one.first, one.last)
        connection.execute(delete(schema.resale).where(is_its, hop.request.not_in(corrected)))
        its = request.block.between(one.first, one.last)
        deleted += connection.execute(delete(schema.request).where(its)).rowcount
    if deleted != sums.requests:
        raise LedgerError(
            f"{deleted} rows were to go, {sums.requests} are kept as sums",
            hint="this is a fault of wattmill; nothing was retired",
        )
