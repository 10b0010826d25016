"""LiteLLM's spend tracking: how it is brought here, measured, and killed."""

from __future__ import annotations

import json
from pathlib import Path

from bench.install import INSTALL_LIMIT_S, Installed
from bench.ledger.plan import Contender, Plan
from bench.ledger.runs import Server, kill_after
from bench.ledger.table import Turn
from bench.peers import ROOT, LiteLLM
from bench.processes import Command, NotAvailable, output_of


class Tracking(Contender):
    """LiteLLM's own spend tracking, to PostgreSQL."""

    ours = False
    _MODEL = "LiteLLM_SpendLogs"

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self._installed: Installed | None = None
        self._template = ""

    def install(self, plan: Plan) -> str:
        server = plan.postgres()
        self._installed = installed = LiteLLM().install(plan.run.parent)
        _require_psycopg(installed.path)
        self._template = server.new_database()
        for path in _migrations(installed):
            server.script(self._template, path.read_text(encoding="utf-8"))
        server.script(self._template, PARTIES)
        return installed.version

    def turn(self, plan: Plan) -> Turn:
        server, name = plan.postgres(), plan.postgres().new_database(self._template)
        try:
            with plan.folder() as folder:
                before_s = server.cpu_s()
                command = self._command(plan, server.dsn(name), None, 0)
                said = plan.start(folder, *command, PYTHONPATH=str(ROOT)).said
                server_us = 1e6 * (server.cpu_s() - before_s) / said["requests"]
            found = (self.rows(server, name), _spent_share(server, name))
        finally:
            server.drop(name)
        due = said["requests"] + 1  # one more was tracked before the clock ran
        wrong = None if found == (due, due) else f"rows and spending of {found} requests, not {due}"
        figures = (said["requests"], said["per_s"], 1e6 / said["per_cpu_s"], said["peak_mb"])
        return Turn(*figures, server_us=server_us, wrong=wrong)

    def rows(self, server: Server, name: str) -> int:
        """How many requests are in the database."""
        found: int = server.execute(name, f'SELECT count(*) FROM "{self._MODEL}"')[0][0]
        return found

    def killed(self, plan: Plan, rate: float, seconds: float) -> str:
        """On the proxy's own timers, killed in the middle: what is then missing."""
        server, name = plan.postgres(), plan.postgres().new_database(self._template)
        try:
            with plan.folder() as folder:
                told = folder / "told"
                command = self._command(plan, server.dsn(name), told, rate)
                log, env = folder / "log", {"PYTHONPATH": str(ROOT)}
                tracked = kill_after(command, seconds, core=plan.core, log=log, told=told, env=env)
            rows, spent = self.rows(server, name), _spent_share(server, name)
        finally:
            server.drop(name)
        lost = max(0, tracked - rows)
        return (
            f"{self.name}: killed (SIGKILL) after {seconds:g} s at {rate:g} requests/s: of {tracked:,} "
            f"requests tracked {rows:,} are in SpendLogs, {lost:,} are lost; what keys have spent "
            f"counts {spent:,} of them"
        )

    def _command(self, plan: Plan, dsn: str, told: Path | None, rate: float) -> Command:
        assert self._installed is not None
        asked = {
            "dsn": dsn,
            "core": plan.core,
            "requests": plan.tracked,
            "told": None if told is None else str(told),
            "rate": rate,
        }
        return [self._installed.path / "python", "-m", "bench.ledger.spend", json.dumps(asked)]


PARTIES = """
INSERT INTO "LiteLLM_UserTable" (user_id) SELECT 'user-' || to_char(n, 'FM00') FROM generate_series(0, 11) n;
INSERT INTO "LiteLLM_TeamTable" (team_id) SELECT 'team-' || to_char(n, 'FM00') FROM generate_series(0, 11) n;
INSERT INTO "LiteLLM_VerificationToken" (token)
SELECT 'hashed-key-' || to_char(n, 'FM00') FROM generate_series(0, 11) n;
"""
COST_USD = 0.000724
"""Of each tracked request (`bench.ledger.spend`)."""


def _spent_share(server: Server, name: str) -> int:
    """How many requests what keys have spent stands for."""
    spent = server.execute(name, 'SELECT sum(spend) FROM "LiteLLM_VerificationToken"')[0][0]
    return int(spent / COST_USD + 0.5)


def _require_psycopg(path: Path) -> None:
    """The stand-in for its Prisma client needs it in LiteLLM's own environment."""
    try:
        output_of([path / "python", "-c", "import psycopg"])
    except NotAvailable:
        quiet = ("-q", "--no-input", "--disable-pip-version-check")
        output_of([path / "pip", "install", *quiet, "psycopg[binary]>=3.2,<4"], INSTALL_LIMIT_S)


def _migrations(installed: Installed) -> list[Path]:
    """LiteLLM's own schema, as its migrations make it."""
    found = installed.path.parent.glob(
        "lib/python*/site-packages/litellm_proxy_extras/migrations/*/migration.sql"
    )
    if not (paths := sorted(found)):
        raise NotAvailable("this LiteLLM has no migrations")
    return paths
