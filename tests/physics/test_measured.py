"""How rows of measurements become layouts, and that published points are met."""

from __future__ import annotations

from pathlib import Path

import pytest
from tools.calibration.local import Local, read_local
from tools.calibration.measured import FAMILIES, MODELS, datacenter_serving, family_of, layout_of

from wattmill.catalog.hardware import hardware
from wattmill.catalog.models import model
from wattmill.physics.deployment import deploy
from wattmill.physics.performance import Workload, tpot_s
from wattmill.physics.step import step_cost

MEASURED = Path(__file__).parents[3] / "shared/measured"


@pytest.mark.parametrize(
    ("recorded", "layout"),
    [
        ("tp8pp1dp1moetp8ep1", (8, 1, 1)),
        ("tp4pp1dp1moetp1ep4", (4, 1, 4)),
        ("tp64pp1dp1moetp8ep8", (8, 1, 8)),  # products of what eight cards do
        ("tp1pp1dp64moetp8ep8", (1, 8, 8)),
        ("tp4pp1dp4moetp1ep16", (1, 4, 4)),
        ("tp1pp1dp8moetp1ep8", (1, 8, 8)),
    ],
)
def test_layouts_are_read_as_they_ran(recorded: str, layout: tuple[int, int, int]) -> None:
    assert layout_of(f"mode=agg;{recorded};batch_size=4") == layout


def test_names_of_one_architecture_are_held_out_together() -> None:
    assert family_of("deepseek-r1") == family_of("deepseek-v3.1") == "deepseek"
    assert family_of("llama-2-7b") == family_of("codellama-34b") == family_of("llama-3.1-405b")
    assert family_of("qwen3-8b") != family_of("qwen3-235b-a22b") != family_of("qwen3.5-397b-a17b")
    assert {family_of(name) for name in MODELS.values()} == set(FAMILIES)
    assert all(model(name).name == name for name in MODELS.values())


@pytest.mark.skipif(
    not MEASURED.is_dir(), reason="runs where the measured tables are beside the checkout"
)
def test_the_shipped_factors_meet_the_rows_they_come_from() -> None:
    rows = datacenter_serving(MEASURED)[::20]
    errors = []
    for row in rows:
        d = deploy(
            model(row.model), hardware(f"{row.cards}x {row.hardware}"), row.precision,
            engine=row.engine, kv_precision="fp16" if row.precision == "bf16" else "fp8",
            tp=row.tp, dp=row.dp,
        )  # fmt: skip
        seconds = tpot_s(step_cost(d), Workload(row.isl, row.osl), float(row.batch))
        errors.append(abs(seconds / row.tpot_s - 1))
        assert 0.2 < seconds / row.tpot_s < 5
    assert sorted(errors)[len(errors) // 2] < 0.14


@pytest.mark.skipif(
    not MEASURED.is_dir(), reason="runs where the measured tables are beside the checkout"
)
@pytest.mark.parametrize(("kind", "most"), [("gddr", 0.04), ("hbm", 0.08), ("apple", 0.10)])
def test_llama_cpp_at_one_user_is_as_fast_as_measured(kind: str, most: float) -> None:
    errors = sorted(map(_error, (row for row in read_local(MEASURED) if row.kind == kind)))
    assert errors[len(errors) // 2] < most


def _error(row: Local) -> float:
    seconds = step_cost(row.deployment).decode_step_s(1.0, row.context)
    return abs(seconds / row.step_s - 1)
