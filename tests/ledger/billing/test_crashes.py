"""Killed or refused by the disk at any write or sync: a month is issued wholly or not at all, and no number is lost."""

import pytest
from tests.ledger.billing.world import World, flat
from tests.support.faults import Call, Faults, How, faults, faults_library

from wattmill.ledger.billing import archive

__all__ = ["faults", "faults_library"]

ISSUE = """
import pathlib
from tests.ledger.billing.test_crashes import opened
made = opened(pathlib.Path(folder))
made.issue_all()
made.store.close()
"""
IMPORTS = "import wattmill.ledger.billing.issuing, tests.ledger.billing.test_crashes, pytest"


def opened(directory: object) -> World:
    """The books of two tenants who have credit."""
    made = World(directory)  # type: ignore[arg-type]
    made.plan("standard", flat())
    for tenant in ("acme", "indus"):
        made.tenant(tenant)
    return made


def used(made: World) -> None:
    for tenant in ("acme", "indus"):
        made.grant("1", tenant=tenant, expires="2026-12-02")
        made.serve("2026-11-10 12:00", output=3_000, tenant=tenant)


@pytest.mark.parametrize(
    ("call", "how", "step"), [("write", "kill", 19), ("sync", "torn", 2), ("write", "ENOSPC", 23)]
)
def test_wherever_it_stops_the_next_run_finishes_it(
    faults: Faults, call: Call, how: How, step: int
) -> None:
    with faults.preloaded(IMPORTS) as child:

        def run(at: int) -> None:
            folder = faults.folder / str(at)
            folder.mkdir()
            made = opened(folder)
            used(made)
            made.store.close()
            child.run(f"folder = {str(folder)!r}\n{ISSUE}")
            again = opened(folder)
            again.issue_all()
            check(again)
            again.store.close()

        assert faults.at_every_call(run, call, how=how, name="ledger.db", step=step) > 3


def check(made: World) -> None:
    documents = archive.documents(made.store)
    assert sorted(one.number for one in documents) == ["INV-00001", "INV-00002"]
    assert {one.tenant: one.total_minor for one in documents} == {"acme": 2_00, "indus": 2_00}
    assert set(made.left("acme").values()) == set(made.left("indus").values()) == {"0.00"}
    assert made.balances()["receivable:acme"] == made.balances()["receivable:indus"] == "2.00"
