"""The factors that ship: plausible, complete, and found for whatever the catalog has."""

from __future__ import annotations

import math

import pytest

from wattmill.catalog.hardware import Accelerator, accelerators, hardware
from wattmill.catalog.models import model
from wattmill.physics.calibration import Kernels, calibration, spread
from wattmill.physics.deployment import deploy


@pytest.mark.parametrize("row", calibration().kernels, ids=lambda r: f"{r.family}-{r.runtime}")
def test_shares_are_shares_and_floors_are_microseconds(row: Kernels) -> None:
    shares = (*row.weights, *row.gemm, *row.expert_gemm, row.expert_weights, row.kv)
    assert all(0 < share <= 1 for share in (*shares, row.attention, row.decode_attention))
    floors = [getattr(row, name) for name in row.__struct_fields__ if name.endswith("_us")]
    assert all(0 <= floor < 1000 for floor in floors)
    assert row.attention_us > 0
    assert min(*row.intake, row.kv_intake) > 0.5
    assert row.cycle_flop in (128, 256)


@pytest.mark.parametrize("accelerator", accelerators(), ids=lambda a: a.name)
@pytest.mark.parametrize("engine", ["vllm", "llama.cpp"])
def test_every_accelerator_has_factors_and_a_width(accelerator: Accelerator, engine: str) -> None:
    found = spread(accelerator.family, engine)
    assert 0.05 < found.tpot < 1
    assert found.tpot <= found.ttft


def test_the_unmeasured_is_less_certain() -> None:
    measured, inherited, estimate = (
        deploy(model("llama-3.1-8b"), hardware(h), "bf16").spread.tpot
        for h in ("H100", "L40S", "MI300X")
    )
    assert measured < inherited < estimate


def test_pcie_is_less_certain_than_one_card() -> None:
    one, two = (deploy(model("llama-3.1-8b"), hardware(h), "bf16") for h in ("L40S", "2x L40S"))
    assert two.error_frac > one.error_frac
    interval = two.tpot_interval
    assert interval.low_frac < 1 < interval.high_frac
    assert interval.low_frac * interval.high_frac == pytest.approx(1)


def test_an_unknown_engine_is_served_like_the_first_of_its_kind() -> None:
    assert calibration().engine_of("somebody-elses") == calibration().engine_of("vllm")
    assert calibration().engine_of("ollama").name == "llama.cpp"


def test_end_to_end_rows_move_few_factors_and_not_far() -> None:
    servers = [e for e in calibration().engines if e.runtime == "server"]
    assert {e.name for e in servers} == {"vllm", "sglang", "trtllm"}
    for engine in servers:
        assert 0.6 < engine.floor < 1.6
        assert all(0 < error < 1.5 for error in engine.se.values())


def test_llama_cpp_has_the_same_streams_on_gddr_and_hbm() -> None:
    families = ("ada", "ampere-gddr", "ampere-hbm", "hopper", "blackwell", "turing")
    rows = [calibration().kernels_of(family, "llama") for family in families]
    assert len({(row.weights, row.intake, row.kv_intake) for row in rows}) == 1
    assert {row.family: row.cycle_flop for row in rows if row.cycle_flop == 128}.keys() == {
        "ampere-hbm", "turing",
    }  # fmt: skip


def test_every_card_with_a_bound_of_loads_states_what_it_needs() -> None:
    for card in accelerators():
        row = calibration().kernels_of(card.family, "llama")
        if math.isfinite(row.kv_intake) and card.status == "sold":
            assert "fp32" in card.flops_per_s, card.name
