"""The rows of the big month: written, invoiced, recounted, examined."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

from bench.ledger.month import MONTH
from bench.ledger.plan import BIN, LIMIT_S, Contender, Plan, module
from bench.ledger.runs import Ended, run
from bench.ledger.table import Turn
from bench.peers import ROOT
from bench.processes import NotAvailable


class Written(Contender):
    """The month, through ``Store.load``. It stays where the others find it."""

    rounds = 1

    def turn(self, plan: Plan) -> Turn:
        books = prepared(plan)
        shutil.rmtree(books, ignore_errors=True)
        books.mkdir(parents=True)
        log = books.with_suffix(".log")
        command = module("month", books, plan.month)
        env = {"PYTHONPATH": str(ROOT)}
        ended = run(command, core=plan.core, log=log, limit_s=LIMIT_S, env=env)
        (books / "expected.json").write_text(json.dumps(ended.said))
        return _of_month(plan, ended.said["seconds"], ended)


class Invoiced(Contender):
    """`wattmill invoices issue` for every tenant, on a copy of the month."""

    def turn(self, plan: Plan) -> Turn:
        issued = prepared(plan).with_name("issued")
        shutil.rmtree(issued, ignore_errors=True)
        shutil.copytree(_require(prepared(plan)), issued)
        words = ("invoices", "issue", "--month", MONTH, "--data", str(issued), "--json")
        log = issued.with_suffix(".log")
        ended = run([BIN / "wattmill", *words], core=plan.core, log=log, limit_s=LIMIT_S)
        expected = json.loads((issued / "expected.json").read_text())["charged"]
        return _of_month(
            plan, ended.wall_s, ended, wrong=difference(json.loads(ended.text), expected)
        )


class Recounted(Contender):
    """What the invoices are about, from the requests themselves."""

    rounds = 1

    def turn(self, plan: Plan) -> Turn:
        issued = _require(prepared(plan).with_name("issued"))
        command, log = module("recount", issued), issued.with_suffix(".log")
        env = {"PYTHONPATH": str(ROOT)}
        ended = run(command, core=plan.core, log=log, limit_s=LIMIT_S, env=env)
        expected = json.loads((issued / "expected.json").read_text())["charged"]
        wrong = None if ended.said["charged"] == expected else f"{ended.said}, used {expected}"
        return _of_month(plan, ended.wall_s, ended, wrong)


class Examined(Contender):
    """`wattmill doctor` on the month and its invoices."""

    rounds = 1

    def turn(self, plan: Plan) -> Turn:
        issued = _require(prepared(plan).with_name("issued"))
        command = (BIN / "wattmill", "doctor", "--data", issued, "--json")
        log = issued.with_suffix(".log")
        ended = run(command, core=plan.core, log=log, limit_s=LIMIT_S)
        return _of_month(plan, ended.wall_s, ended)


def prepared(plan: Plan) -> Path:
    """Where the month is."""
    return plan.run / "month" / "books"


def _require(folder: Path) -> Path:
    if not folder.exists():
        raise NotAvailable(
            f"{folder.name}: not made before, because that row failed or was left out"
        )
    return folder


def _of_month(plan: Plan, seconds: float, ended: Ended, wrong: str | None = None) -> Turn:
    requests = plan.month
    figures = (requests, requests / seconds, 1e6 * ended.cpu_s / requests, ended.peak_mb)
    return Turn(*figures, seconds=seconds, wrong=wrong)


def difference(issues: list[dict[str, Any]], expected: dict[str, list[int]]) -> str | None:
    """Whether every tenant has a final invoice about its requests and amounts, and no other."""
    invoiced = {
        issue["tenant"]: [charged["requests"], charged["amount_pusd"]]
        for issue in issues
        if issue["outcome"] == "issued" and (charged := issue["document"]["facts"]["charged"])
    }
    return None if invoiced == expected else f"invoiced {invoiced}, used {expected}"
