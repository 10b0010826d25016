"""Killed, or refused by the disk, at any write or sync: details are retired wholly, or nothing of it happened."""

from pathlib import Path

import pytest
from tests.ledger.test_retention import built, count, retired, two_months
from tests.ledger.test_retention import faults as chain_faults
from tests.support.faults import Call, Faults, How, faults, faults_library

__all__ = ["faults", "faults_library"]

RETIRE = """
import pathlib
from tests.ledger.test_retention import built, retired
made = built(pathlib.Path(folder))
retired(made)
made.store.clean()
made.store.close()
"""
IMPORTS = "import tests.ledger.test_retention, pytest, wattmill.ledger.billing.issuing"


@pytest.mark.parametrize(
    ("call", "how", "step"), [("write", "kill", 7), ("sync", "torn", 1), ("write", "ENOSPC", 9)]
)
def test_wherever_it_stops_all_or_nothing_has_gone(
    faults: Faults, call: Call, how: How, step: int
) -> None:
    found = set()
    with faults.preloaded(IMPORTS) as child:

        def run(at: int) -> None:
            folder = faults.folder / str(at)
            folder.mkdir()
            made = built(folder)
            two_months(made)
            made.store.close()
            child.run(f"folder = {str(folder)!r}\n{RETIRE}")
            found.add(left(folder))

        assert faults.at_every_call(run, call, how=how, name="ledger.db", step=step) >= 1
    assert found <= {(6, 0), (2, 1)} and (2, 1) in found


def left(folder: Path) -> tuple[int, int]:
    """How many requests are there, and how many records say that some are not."""
    again = built(folder)
    there = count(again), count(again, "retired_block")
    assert chain_faults(again) == []
    retired(again)
    assert count(again) == 2
    again.store.close()
    return there
