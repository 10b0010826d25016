"""Do the books agree with the engine's own counters? Every difference gets a name.

    what the engine counted = what was settled + what was measured as own cost + differences

An engine counts what it computes; the books keep what was delivered. They agree to the token for
every answer that ended as it should, cached tokens included. They part only where a request ended
early, and how an engine counts such a request is its own affair. llama.cpp (October 2026):

- a prompt counts, cached and uncached apart, once it is evaluated, whoever still waits for it;
- generated tokens count when a request ends or is cancelled, all of them;
- a stream is cancelled when writing to it fails: a token or a few are generated after its client
  left; one that waits for a slot may first be started, and its prompt evaluated;
- an answer that is not streamed is cancelled only once the engine has had no result for anybody for
  a second; with other traffic, or our own questions, it is worked on to the end, for nobody;
- tokenizing, templates, health and metrics count nothing.
"""

from collections.abc import Iterable, Sequence

from msgspec import Struct
from sqlalchemy import Connection, func, or_, select

from wattmill.ledger import schema
from wattmill.ledger.retention.reading import has_retired, retired_error
from wattmill.ledger.retention.tables import retired_work


class Tokens(Struct, frozen=True):
    """Tokens as engines count them."""

    input_uncached: int = 0
    input_cached: int = 0
    output: int = 0

    def __add__(self, other: "Tokens") -> "Tokens":
        return Tokens(
            self.input_uncached + other.input_uncached,
            self.input_cached + other.input_cached,
            self.output + other.output,
        )

    def __sub__(self, other: "Tokens") -> "Tokens":
        return self + Tokens(-other.input_uncached, -other.input_cached, -other.output)

    @property
    def total(self) -> int:
        return self.input_uncached + self.input_cached + self.output


class Work(Struct, frozen=True):
    """Requests of one pool that ended alike: ``note`` is the outcome of a settlement or the reason of a void."""

    settled: bool
    note: str
    source: str
    requests: int
    tokens: Tokens


class Difference(Struct, frozen=True):
    """Tokens that the engine counted and no settlement did."""

    name: str
    requests: int
    tokens: Tokens


class Reconciliation(Struct, frozen=True):
    """``counted`` = ``settled`` + the sum of ``differences``, always."""

    counted: Tokens
    settled: Tokens
    differences: tuple[Difference, ...]

    @property
    def unexplained(self) -> Tokens:
        """Tokens that no request accounts for: the alarm."""
        return next((d.tokens for d in self.differences if d.name == UNEXPLAINED), Tokens())


OWN_COST = "own cost: measured for requests that were voided"
BEYOND = "ended early: computed beyond what was delivered or measured"
UNEXPLAINED = "unexplained"

_NO_WORK = frozenset({"engine_refused"})
"""Reasons of a void for which an engine computes nothing."""


def reconcile(work: Sequence[Work], counted: Tokens) -> Reconciliation:
    """Name every token between the books and an engine's counters over the same time."""
    settled = _sum(item for item in work if item.settled)
    own = [item for item in work if not item.settled and item.source == "counted"]
    left = counted - settled - _sum(own)
    early = sum(item.requests for item in work if _ended_early(item))
    differences = [Difference(OWN_COST, _requests(own), _sum(own))] if own else []
    if left.total or min(left.input_uncached, left.input_cached, left.output) < 0:
        name = BEYOND if early and _only_more(left) else UNEXPLAINED
        differences.append(Difference(name, early if name == BEYOND else 0, left))
    return Reconciliation(counted, settled, tuple(differences))


def _ended_early(item: Work) -> bool:
    return item.note != "finished" if item.settled else item.note not in _NO_WORK


def _only_more(tokens: Tokens) -> bool:
    return min(tokens.input_uncached, tokens.input_cached, tokens.output) >= 0


def _sum(work: Iterable[Work]) -> Tokens:
    return sum((item.tokens for item in work), Tokens())


def _requests(work: Iterable[Work]) -> int:
    return sum(item.requests for item in work)


def work_seen(connection: Connection, pool: str, start_us: int, end_us: int) -> list[Work]:
    """What a pool's engine was asked for by requests held in ``[start_us, end_us)``, by how it ended.

    Where a gateway died with a request, nobody knows which pool had it: it counts for each.
    ``LedgerError`` when some of them are retired and no reading of the engine was at these instants.
    """
    found = [
        *_kept(connection, pool, start_us, end_us),
        *_retired(connection, pool, start_us, end_us),
    ]
    return _merged(found)


def _merged(found: Iterable[Work]) -> list[Work]:
    alike: dict[tuple[bool, str, str], Work] = {}
    for one in found:
        key = (one.settled, one.note, one.source)
        before = alike.get(key, Work(*key, 0, Tokens()))
        alike[key] = Work(*key, before.requests + one.requests, before.tokens + one.tokens)
    return [work for _, work in sorted(alike.items())]


def _retired(connection: Connection, pool: str, start_us: int, end_us: int) -> list[Work]:
    row, reading = retired_work.c, schema.engine_reading.c
    if not has_retired(connection, start_us, end_us):
        return []
    readings = select(reading.at_us).where(reading.pool == pool)
    if not {start_us, end_us} <= set(connection.execute(readings).scalars()):
        raise retired_error(f"pool {pool}, between two instants of which one has no reading")
    wanted = (row.pool == pool, row.after_us >= start_us, row.after_us < end_us)
    return [
        Work(
            bool(one.settled),
            *(one.note, one.source, int(one.requests)),
            Tokens(int(one.input_uncached), int(one.input_cached), int(one.output)),
        )
        for one in connection.execute(select(retired_work).where(*wanted))
    ]


def _kept(connection: Connection, pool: str, start_us: int, end_us: int) -> list[Work]:
    row = schema.request.c
    settled = (row.state != "void").label("settled")
    note = func.coalesce(row.outcome, row.reason).label("note")
    output = row.output_text + row.output_reasoning + row.audio_out
    uncached = row.input_uncached + row.cache_write + row.audio_in + row.image_in
    figures = (func.count(), func.sum(uncached), func.sum(row.input_cached), func.sum(output))
    statement = (
        select(settled, note, row.source, *figures)
        .where(
            or_(row.pool == pool, row.pool.is_(None) & (row.reason == "crash")),
            row.held_us >= start_us,
            row.held_us < end_us,
        )
        .group_by(settled, note, row.source)
    )
    return [
        Work(bool(is_settled), note, source, requests, Tokens(*map(int, tokens)))
        for is_settled, note, source, requests, *tokens in connection.execute(statement)
    ]
