"""Worlds for a test."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.ledger.billing.world import World, flat


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """One tenant, acme, at 1 EUR per Mtok of everything; it is 1 December 2026."""
    made = World(tmp_path)
    made.plan("standard", flat())
    made.tenant("acme")
    yield made
    made.store.close()
