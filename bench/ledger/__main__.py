"""Measure what wattmill's ledger can carry, beside LiteLLM's spend tracking, in one interleaved run; print one table.

See bench/README.md for the figures. With a small `--requests` the month is small too.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import sys
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path

from bench import facts
from bench.gateway import CACHE, _alone
from bench.ledger import notes
from bench.ledger.contenders import CONTENDERS, lost_after_kill
from bench.ledger.plan import Contender, Plan
from bench.ledger.runs import Server, postgres
from bench.ledger.table import Row, remarks, table
from bench.ledger.tracking import Tracking
from bench.peers import ROOT
from bench.processes import NotAvailable

NAMES = tuple(contender.name for contender in CONTENDERS)
MONTH_REQUESTS = 10_000_000
KILL_RATE = 100.0


def main(words: Sequence[str] | None = None) -> int:
    """Run the bench as the command line says; 1 if wattmill failed or any figure is of wrong results."""
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


def _options(words: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.ledger", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="2 rounds, all small: does it work?")
    parser.add_argument("--only", metavar="NAME,…", type=_names, default=NAMES, help=_known())
    parser.add_argument("--rounds", type=int, metavar="N", help="default 5")
    parser.add_argument("--seconds", type=float, metavar="S", help="of durable loads, default 5")
    parser.add_argument(
        "--requests", type=int, metavar="N", help="of the month, default 10,000,000"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="every turn, and the facts")
    options = parser.parse_args(words)
    quick = options.quick
    options.rounds = options.rounds or (2 if quick else 5)
    options.seconds = options.seconds or (1.0 if quick else 5.0)
    options.requests = options.requests or (100_000 if quick else MONTH_REQUESTS)
    options.loaded, options.tracked = (20_000, 2_000) if quick else (200_000, 20_000)
    options.kill_s = 6.0 if quick else 25.0
    return options


def _known() -> str:
    return f"of {', '.join(NAMES)}"


def _names(text: str) -> tuple[str, ...]:
    names = tuple(name for name in text.split(",") if name)
    if unknown := [name for name in names if name not in NAMES]:
        raise argparse.ArgumentTypeError(f"{', '.join(unknown)}: not one {_known()}")
    return names


def _bench(options: argparse.Namespace) -> int:
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) < 2:
        raise NotAvailable("two cores are needed: one for what is measured, one for the database")
    os.sched_setaffinity(0, {cores[1]})  # PostgreSQL inherits it
    contenders = [contender for contender in CONTENDERS if contender.name in options.only]
    rows = {one.name: Row(one.name, notes.about(one), one.ours) for one in contenders}
    load_before = os.getloadavg()[0]
    with ExitStack() as stack:
        server = _server(stack)
        plan = _plan(options, cores[0], server)
        stack.callback(shutil.rmtree, plan.run, ignore_errors=True)  # the month takes gigabytes
        _install(contenders, rows, plan)
        syncs = _run_rounds(options.rounds, contenders, rows, plan)
        killed, is_lost = _kill(contenders, rows, plan, options.kill_s)
        told = notes.facts_of(options, plan, cores, syncs, load_before)
        told["commit"] = facts.commit(ROOT)
    lines = [*notes.derived(list(rows.values()), contenders, syncs), *killed]
    lines += [*remarks(list(rows.values())), *notes.of_peer(rows)]
    _print(list(rows.values()), told, lines)
    if options.json:
        options.json.write_text(json.dumps(_record(rows, told, lines), indent=1))
    return int(is_lost or any(row.failed for row in rows.values()))


def _server(stack: ExitStack) -> Server | None:
    try:
        return stack.enter_context(postgres())
    except NotAvailable as failure:
        _say(str(failure))
        return None


def _plan(options: argparse.Namespace, core: int, server: Server | None) -> Plan:
    run = CACHE / "run"
    run.mkdir()
    sizes = (options.seconds, options.loaded, options.tracked, options.requests)
    return Plan(run, core, server, *sizes)


def _install(contenders: Sequence[Contender], rows: Mapping[str, Row], plan: Plan) -> None:
    """Bring everything here before the first round; what fails keeps its row and the reason."""
    for contender in contenders:
        row = rows[contender.name]
        try:
            row.version = contender.install(plan)
        except NotAvailable as failure:
            row.problem = str(failure)


def _run_rounds(
    rounds: int, contenders: Sequence[Contender], rows: Mapping[str, Row], plan: Plan
) -> list[facts.SyncCost]:
    """Measure everything in turn, again and again; and what a sync costs each time around."""
    syncs = []
    for number in range(1, rounds + 1):
        with plan.folder() as folder:
            syncs.append(facts.sync_cost(folder))
        for contender in contenders:
            if contender.rounds is None or number <= contender.rounds:
                _say(f"round {number} of {rounds}: {contender.name}")
                _add_turn(rows[contender.name], contender, plan)
    return syncs


def _add_turn(row: Row, contender: Contender, plan: Plan) -> None:
    """One more turn, unless an earlier one failed: what fails is not tried again."""
    if row.problem:
        return
    try:
        row.turns.append(contender.turn(plan))
    except NotAvailable as failure:
        row.problem = str(failure)
        _say(f"{row.name}: {failure}")


def _kill(
    contenders: Sequence[Contender], rows: Mapping[str, Row], plan: Plan, seconds: float
) -> tuple[list[str], bool]:
    """What each loses when it is killed under load; and whether wattmill lost anything."""
    lines, is_lost = [], False
    if rows.keys() & {"durable"}:
        _say("kill -9: wattmill")
        text, is_lost = lost_after_kill(plan, min(seconds, 5.0))
        lines.append(text)
    for peer in contenders:
        if isinstance(peer, Tracking) and rows[peer.name].turns:
            _say(f"kill -9: {peer.name}")
            lines.append(peer.killed(plan, KILL_RATE, seconds))
    return lines, is_lost


def _print(rows: Sequence[Row], told: Mapping[str, str], lines: Sequence[str]) -> None:
    print(table(rows))
    print("Median over the rounds, below it the range where there were several.\n")
    width = max(map(len, told))
    for name, fact in told.items():
        print(f"{name.ljust(width)}  {fact}")
    for line in lines:
        print(f"{'note'.ljust(width)}  {line}")


def _record(
    rows: Mapping[str, Row], told: Mapping[str, str], lines: Sequence[str]
) -> dict[str, object]:
    kept = [asdict(row) for row in rows.values()]
    return {"facts": dict(told), "notes": list(lines), "rows": kept}


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
