"""The two C programs, built once for all the tests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from bench.measure import Plan, compile_tools, stub, write_bodies


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bench")
    compile_tools(folder)
    write_bodies(folder)
    return folder


@pytest.fixture
def plan(cache: Path) -> Plan:
    return Plan(cache, gateway_core=0, load_core=0, connections=4, seconds=0.2, burst=64)


@pytest.fixture
def stub_port(plan: Plan, tmp_path: Path) -> Iterator[int]:
    with stub(plan, tmp_path) as (_program, port):
        yield port
