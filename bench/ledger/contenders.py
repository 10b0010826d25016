"""What is measured, one class each: a `turn` is one measurement of it, in a fresh folder or database."""

from __future__ import annotations

from pathlib import Path

from bench.ledger.month_rows import Examined, Invoiced, Recounted, Written
from bench.ledger.plan import Contender, Plan, module
from bench.ledger.runs import Server, kill_after
from bench.ledger.table import Turn
from bench.ledger.tracking import Tracking
from bench.peers import ROOT
from bench.processes import Command
from wattmill.ledger.entries import Settle
from wattmill.ledger.journal import read_frames, segment_numbers, segment_path


class Durable(Contender):
    """Hold, settle, deliver, each durable before the next."""

    def __init__(self, name: str, in_flight: int, sync_delay_ms: int) -> None:
        super().__init__(name)
        self.in_flight, self.sync_delay_ms = in_flight, sync_delay_ms

    def turn(self, plan: Plan) -> Turn:
        with plan.folder() as folder:
            words = (self.in_flight, plan.seconds, self.sync_delay_ms)
            command = module("durable", folder / "data", plan.core, *words)
            said = plan.start(folder, *command, PYTHONPATH=str(ROOT)).said
        return Turn(said["requests"], said["per_s"], 1e6 / said["per_cpu_s"], said["peak_mb"])


class Loading(Contender):
    """Journal to books."""

    def __init__(self, name: str, *, to_server: bool) -> None:
        super().__init__(name)
        self._to_server = to_server

    def turn(self, plan: Plan) -> Turn:
        with plan.folder() as folder:
            data = folder / "data"
            data.mkdir()
            command = module("loading", data, plan.core, plan.loaded)
            if not self._to_server:
                return self._turn(plan, folder, command, None)
            server = plan.postgres()
            name = server.new_database()
            try:
                return self._turn(plan, folder, [*command, server.url(name)], server)
            finally:
                server.drop(name)

    def _turn(self, plan: Plan, folder: Path, command: Command, server: Server | None) -> Turn:
        before_s = server.cpu_s() if server else 0.0
        said = plan.start(folder, *command, PYTHONPATH=str(ROOT)).said
        return Turn(
            said["requests"],
            said["per_s"],
            1e6 / said["per_cpu_s"],
            said["peak_mb"],
            server_us=1e6 * (server.cpu_s() - before_s) / said["requests"] if server else None,
            wrong="the books differ from the journal" if said["differs"] else None,
        )


def lost_after_kill(plan: Plan, seconds: float) -> tuple[str, bool]:
    """wattmill's own ledger under load, killed: what was answered and is not in the journal, and whether any."""
    with plan.folder() as folder:
        data, told = folder / "data", folder / "told"
        command = module("durable", data, plan.core, 512, 10**6, 0, told)
        env = {"PYTHONPATH": str(ROOT)}
        log = folder / "log"
        answered = kill_after(command, seconds, core=plan.core, log=log, told=told, env=env)
        settled = settled_in(data)
    lost = max(0, answered - settled)
    text = (
        f"wattmill: killed (SIGKILL) after {seconds:g} s with 512 in flight: {answered:,} requests were "
        f"answered, {settled:,} are settled in the journal, {lost:,} are lost"
    )
    return text, bool(lost)


def settled_in(journal: Path) -> int:
    """How many requests are settled in what a kill left behind."""
    paths = (segment_path(journal, number) for number in segment_numbers(journal))
    frames = (entries for path in paths for entries, _end in read_frames(path))
    return sum(isinstance(entry, Settle) for entries in frames for entry in entries)


CONTENDERS = (
    Durable("durable", 512, 0),
    Durable("durable-sync5", 512, 5),
    Durable("durable-sync5-4096", 4096, 5),
    Loading("to-sqlite", to_server=False),
    Loading("to-postgresql", to_server=True),
    Tracking("litellm"),
    Written("month-written"),
    Invoiced("month-invoiced"),
    Recounted("month-recounted"),
    Examined("month-examined"),
)
