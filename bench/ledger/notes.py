"""What a reader of the table must know beside it."""

from __future__ import annotations

import argparse
import statistics
from collections.abc import Mapping, Sequence

from bench import facts
from bench.ledger.contenders import Durable
from bench.ledger.plan import Contender, Plan
from bench.ledger.table import Row, Turn, median

SYNCS_IN_A_ROW = 2
"""A request waits for the sync of its hold, and for that of its settlement."""

TARGET_REQUESTS, TARGET_S, TARGET_MB = 10_000_000, 60.0, 500.0
"""What invoices may take at the most, for a month of so many requests."""

_ABOUT = {
    "to-sqlite": "journal to books, SQLite",
    "to-postgresql": "journal to books, PostgreSQL",
    "litellm": "its own spend tracking, PostgreSQL",
    "month-written": "a month's requests through Store.load",
    "month-invoiced": "wattmill invoices issue, 12 tenants",
    "month-recounted": "their usage from the requests, not from sums",
    "month-examined": "wattmill doctor",
}


def about(contender: Contender) -> str:
    """What a row is, in a few words."""
    if isinstance(contender, Durable):
        later = f", syncs {contender.sync_delay_ms} ms slower" if contender.sync_delay_ms else ""
        return f"hold, settle, deliver; {contender.in_flight:,} in flight{later}"
    return _ABOUT[contender.name]


def facts_of(
    options: argparse.Namespace,
    plan: Plan,
    cores: Sequence[int],
    syncs: Sequence[facts.SyncCost],
    load_before: float,
) -> dict[str, str]:
    server = f"{plan.server.version}, fsync and synchronous_commit on" if plan.server else "none"
    return {
        "machine": facts.machine(),
        "cores": f"what is measured on {cores[0]}; PostgreSQL and this harness on {cores[1]}",
        "run": f"{options.rounds} interleaved rounds; durable loads {options.seconds:g} s each; "
        f"the month is written and examined once",
        "sync": facts.describe(syncs),
        "postgresql": server,
        "noise": f"load average before {load_before:.2f}",
    }


def derived(
    rows: Sequence[Row], contenders: Sequence[Contender], syncs: Sequence[facts.SyncCost]
) -> list[str]:
    """What follows from the figures: Little's law, both steps together, and the targets."""
    found = {row.name: row for row in rows if row.turns}
    sync_ms = statistics.median(sync.median_ms for sync in syncs)
    lines = [
        _little(one, found[one.name], sync_ms)
        for one in contenders
        if isinstance(one, Durable) and one.name in found
    ]
    return lines + _together(found) + _targets(found)


def _little(contender: Durable, row: Row, sync_ms: float) -> str:
    """In flight = rate x time: with two syncs in a row for each request there can be no more."""
    wait_ms = SYNCS_IN_A_ROW * (sync_ms + contender.sync_delay_ms)
    most = 1000 * contender.in_flight / wait_ms
    rate = median(row, lambda turn: turn.per_s) or 0.0
    return (
        f"{row.name}: {contender.in_flight:,} in flight / {SYNCS_IN_A_ROW} syncs of "
        f"{sync_ms + contender.sync_delay_ms:.2f} ms in a row: Little's law allows {most:,.0f} requests/s, "
        f"{rate:,.0f} were done ({100 * rate / most:.0f} %), "
        f"{1000 * contender.in_flight / rate:.1f} ms each"
    )


def _together(found: Mapping[str, Row]) -> list[str]:
    """A request's whole way into the same PostgreSQL: CPU time of all that takes part."""
    ways = {"wattmill": ("durable", "to-postgresql"), "litellm": ("litellm",)}
    sums = {
        name: sum(_all_us(found[step]) for step in steps)
        for name, steps in ways.items()
        if found.keys() >= set(steps)
    }
    if len(sums) < 2:
        return []
    mine, theirs = sums["wattmill"], sums["litellm"]
    return [
        f"into PostgreSQL all in all: wattmill {mine:,.0f} µs of CPU a request, durable before the answer; "
        f"litellm {theirs:,.0f} µs ({theirs / mine:.1f} times), not durable when the client has its answer"
    ]


def _all_us(row: Row) -> float:
    return sum(
        median(row, figure) or 0.0
        for figure in (lambda turn: turn.cpu_us, lambda turn: turn.server_us)
    )


def _targets(found: Mapping[str, Row]) -> list[str]:
    row = found.get("month-invoiced")
    if row is None:
        return []
    return [f"{row.name}: {_met(row.turns)}"]


def _met(turns: Sequence[Turn]) -> str:
    seconds = statistics.median(turn.seconds for turn in turns if turn.seconds is not None)
    peak_mb = max(turn.peak_mb for turn in turns)
    is_met = seconds < TARGET_S and peak_mb < TARGET_MB
    word = "met" if is_met else "MISSED"
    if turns[0].requests < TARGET_REQUESTS:
        word = f"not tested with {turns[0].requests:,}"
    return (
        f"the target (a month of {TARGET_REQUESTS:,} requests in < {TARGET_S:.0f} s and "
        f"< {TARGET_MB:.0f} MB) is {word}: "
        f"{seconds:.1f} s, {peak_mb:.0f} MB. Invoices are rated from sums by quarter of an hour, kept as requests come "
        "in; doctor proves that these are the sums of the requests"
    )


def of_peer(rows: Mapping[str, Row]) -> list[str]:
    """How LiteLLM was measured, and whom that favours."""
    if "litellm" not in rows or not rows["litellm"].turns:
        return []
    return [
        "litellm: what runs is its own code (DBSpendUpdateWriter.update_database and update_spend, on its own "
        "schema). Its proxy needs Prisma's query engine, a program that Prisma fetches from the internet, and "
        "this bench does not; a stand-in sends statements to the same effect by psycopg. That favours "
        "LiteLLM: there is no hop to another process. So does that its flush is called as soon as 1,000 "
        "requests wait, and that its counters for budgets do not run, while wattmill checks every hold "
        "against one. Against it: its row is wider, 36 columns with JSON about the request",
    ]
