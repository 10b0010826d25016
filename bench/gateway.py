"""Measure wattmill's gateway beside its peers, in one interleaved run, and print one table.

Every round starts each contender afresh, in the same order, measures it and stops it, so that
whatever drifts on the machine drifts for all of them. See bench/README.md for the figures.
"""

from __future__ import annotations

import argparse
import fcntl
import json
import os
import shutil
import signal
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

from bench import facts
from bench.install import Installed
from bench.measure import Plan, Turn, compile_tools, measure, measure_direct, scratch, write_bodies
from bench.peers import GATEWAYS, ROOT, Gateway, Wattmill
from bench.processes import NotAvailable
from bench.table import Row, figures, remarks, table

CACHE = Path(__file__).resolve().parent / ".cache"
DIRECT = "direct"
NAMES = (*(gateway.name for gateway in GATEWAYS), DIRECT)


def main(words: Sequence[str] | None = None) -> int:
    """Run the bench as the command line says; 1 if wattmill or any answer failed."""
    options = _options(words)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # let every `finally` run
    try:
        with _alone():
            return _bench(options)
    except NotAvailable as failure:
        print(f"error: {failure}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130


@contextmanager
def _alone() -> Iterator[None]:
    """Two runs would measure each other; what a killed run left behind is cleared away."""
    CACHE.mkdir(exist_ok=True)
    with (CACHE / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as taken:
            raise NotAvailable("another run of the bench is under way") from taken
        shutil.rmtree(CACHE / "run", ignore_errors=True)
        yield


def _options(words: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.gateway", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="2 rounds of 1 s: does it work?")
    parser.add_argument("--only", metavar="NAME,…", type=_names, default=NAMES, help=_known())
    parser.add_argument("--rounds", type=int, metavar="N", help="default 5")
    parser.add_argument("--seconds", type=float, metavar="S", help="of each load, default 3")
    parser.add_argument("--connections", type=int, default=256, metavar="N", help="default 256")
    parser.add_argument("--burst", type=int, default=1, metavar="N", help=_burst())
    parser.add_argument("--json", type=Path, metavar="FILE", help="every turn, and the facts")
    options = parser.parse_args(words)
    options.rounds = options.rounds or (2 if options.quick else 5)
    options.seconds = options.seconds or (1.0 if options.quick else 3.0)
    return options


def _known() -> str:
    return f"of {', '.join(NAMES)}"


def _burst() -> str:
    return "chunks of a stream that the upstream writes at a time, default 1: as an engine does"


def _names(text: str) -> tuple[str, ...]:
    names = tuple(name for name in text.split(",") if name)
    if unknown := [name for name in names if name not in NAMES]:
        raise argparse.ArgumentTypeError(f"{', '.join(unknown)}: not one {_known()}")
    return names


def _bench(options: argparse.Namespace) -> int:
    plan = _plan(options)
    compile_tools(CACHE)
    write_bodies(CACHE)
    contenders = [gateway for gateway in GATEWAYS if gateway.name in options.only]
    rows = {
        gateway.name: Row(gateway.name, ours=isinstance(gateway, Wattmill))
        for gateway in contenders
    }
    installed = _install(contenders, rows)
    os.sched_setaffinity(0, {plan.load_core})  # the load generator inherits it
    if DIRECT in options.only:
        rows[DIRECT] = Row(DIRECT, "(no gateway)")
    load_before = os.getloadavg()[0]
    syncs = _run_rounds(options.rounds, plan, installed, rows)
    told = _facts(options, plan, syncs, load_before, rows)
    _print(list(rows.values()), told)
    if options.json:
        options.json.write_text(json.dumps(_record(rows, told), indent=1))
    return int(any(row.failed for row in rows.values()))


def _plan(options: argparse.Namespace) -> Plan:
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) < 2:
        raise NotAvailable("two cores are needed: one for the gateway, one for the load")
    return Plan(CACHE, cores[0], cores[1], options.connections, options.seconds, options.burst)


def _install(contenders: Sequence[Gateway], rows: dict[str, Row]) -> dict[Gateway, Installed]:
    """Bring everything here before the first round; what fails keeps its row and the reason."""
    ready: dict[Gateway, Installed] = {}
    for gateway in contenders:
        _say(f"installing {gateway.name}")
        row = rows[gateway.name]
        try:
            ready[gateway] = gateway.install(CACHE)
        except NotAvailable as failure:
            row.problem = str(failure)
        else:
            row.version, row.remark = ready[gateway].version, ready[gateway].remark
    return ready


def _run_rounds(
    rounds: int, plan: Plan, installed: Mapping[Gateway, Installed], rows: Mapping[str, Row]
) -> list[facts.SyncCost]:
    """Measure everybody in turn, again and again; and what a sync costs each time around."""
    syncs = []
    for number in range(1, rounds + 1):
        with scratch(plan) as folder:
            syncs.append(facts.sync_cost(folder))
        for gateway, where in installed.items():
            _say(f"round {number} of {rounds}: {gateway.name}")
            _add_turn(rows[gateway.name], gateway, where, plan)
        if DIRECT in rows:
            _say(f"round {number} of {rounds}: {DIRECT}")
            rows[DIRECT].turns.append(measure_direct(plan))
    return syncs


def _add_turn(row: Row, gateway: Gateway, where: Installed, plan: Plan) -> None:
    """One more turn, unless an earlier one failed: a contender that fails is not tried again."""
    if row.problem:
        return
    try:
        row.turns.append(measure(gateway, where, plan))
    except NotAvailable as failure:
        row.problem = str(failure)
        _say(f"{gateway.name}: {failure}")


def _facts(
    options: argparse.Namespace,
    plan: Plan,
    syncs: Sequence[facts.SyncCost],
    load_before: float,
    rows: Mapping[str, Row],
) -> dict[str, str]:
    others = [value for row in rows.values() for value in figures(row, _others_busy)]
    noise = f"{100 * max(others):.0f} %" if others else "unknown"
    return {
        "machine": facts.machine(),
        "cores": f"gateway with all its processes on {plan.gateway_core}, "
        f"load generator and stub upstream on {plan.load_core}",
        "run": f"{options.rounds} interleaved rounds, {options.seconds:g} s each load",
        "connections": f"{plan.connections} in flight; 1 for the added latency",
        "streams": f"64 SSE chunks each, the upstream writes {plan.burst} at a time",
        "sync": f"{facts.describe(syncs)}; wattmill-sync5 adds 5 ms to each",
        "noise": f"load average before {load_before:.2f}; others took at most {noise} "
        "of the gateway's core",
        "commit": facts.commit(ROOT),
    }


def _others_busy(turn: Turn) -> float | None:
    return turn.others_busy


def _print(rows: Sequence[Row], told: Mapping[str, str]) -> None:
    print(table(rows))
    print(
        "Median over the rounds, below it the range; `of nginx` is the median of the "
        "ratios round by round.\n"
    )
    width = max(map(len, told))
    for name, fact in told.items():
        print(f"{name.ljust(width)}  {fact}")
    for line in remarks(rows):
        print(f"{'note'.ljust(width)}  {line}")


def _record(rows: Mapping[str, Row], told: Mapping[str, str]) -> dict[str, object]:
    return {"facts": dict(told), "rows": [asdict(row) for row in rows.values()]}


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
