"""What users see, and what it draws."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wattmill.catalog.hardware import hardware
from wattmill.catalog.models import model
from wattmill.core.errors import PlanError
from wattmill.physics.deployment import Deployment, deploy
from wattmill.physics.performance import (
    Workload,
    full_batch,
    performance,
    shares,
    step_rates,
    tpot_s,
)
from wattmill.physics.power import peak_power_w, power_w
from wattmill.physics.step import step_cost

CHAT = Workload(1000, 300)


def on(name: str, where: str, precision: str, tp: int | None = None) -> Deployment:
    return deploy(model(name), hardware(where), precision, tp=tp)


BIG = on("llama-3.1-70b", "4x H100", "fp8")


def test_parts_of_the_work_add_up() -> None:
    cost, batch = step_cost(BIG), 32.0
    parts = shares(cost, CHAT, batch)
    prefill_s = cost.shared_prefill_s(1000.0, 0.0) * batch / 300
    assert parts.total_s == pytest.approx(cost.decode_step_s(batch, batch * 1150.0) + prefill_s)
    assert min(parts.bandwidth_s, parts.compute_s, parts.link_s, parts.overhead_s) > 0


def test_tpot_feels_the_prefills_of_others_alone() -> None:
    cost = step_cost(BIG)
    assert tpot_s(cost, CHAT, 1.0) == pytest.approx(cost.decode_step_s(1.0, 1150.0))
    busy_s = cost.interference_frac * 31 / 300 * cost.shared_prefill_s(1000.0, 0.0)
    decode_s = cost.decode_step_s(32.0, 32 * 1150.0)
    assert tpot_s(cost, CHAT, 32.0) == pytest.approx(decode_s + busy_s)


def test_full_load_is_the_full_batch() -> None:
    seen = performance(BIG, CHAT, load_frac=1.0)
    assert seen.batch == pytest.approx(seen.full_batch)
    assert seen.tok_per_s == seen.full_tok_per_s
    assert seen.tpot_s == pytest.approx(seen.tpot_full_s)
    # Little's law: sequences decode for tpot each token, and wait for their first one besides
    assert seen.tok_per_s <= seen.batch / seen.tpot_s
    total_s = shares(step_cost(BIG), CHAT, seen.batch).total_s
    assert seen.tok_per_s == pytest.approx(seen.batch / total_s)


@given(st.floats(0.01, 0.99))
def test_less_load_is_faster_for_each(load_frac: float) -> None:
    seen, full = (performance(BIG, CHAT, load_frac=load) for load in (load_frac, 1.0))
    assert seen.tpot_s <= full.tpot_s
    assert seen.ttft_s <= full.ttft_s
    assert seen.power_w <= full.power_w * (1 + 1e-9)
    assert max(1.0, seen.batch) / seen.tpot_s >= seen.tok_per_s * (1 - 1e-9)


def test_an_idle_engine_waits() -> None:
    seen = performance(BIG, CHAT, load_frac=1e-4)
    assert seen.batch < 1
    assert seen.power_w < performance(BIG, CHAT, load_frac=0.1).power_w


def test_a_cached_prefix_helps() -> None:
    cold, warm = (performance(BIG, Workload(1000, 300, hit), load_frac=0.5) for hit in (0.0, 0.9))
    assert warm.ttft_s < cold.ttft_s / 2
    assert warm.full_tok_per_s > cold.full_tok_per_s


def test_replicas_multiply() -> None:
    one = performance(on("llama-3.1-8b", "1x H100", "fp8"), CHAT, load_frac=0.5)
    two = performance(on("llama-3.1-8b", "2x H100", "fp8", tp=1), CHAT, load_frac=0.5)
    assert two.full_tok_per_s == pytest.approx(2 * one.full_tok_per_s)
    assert two.tpot_s == pytest.approx(one.tpot_s)
    assert two.power_w == pytest.approx(2 * one.power_w)


@pytest.mark.parametrize(
    ("deployment", "workload", "slots", "binds"),
    [
        (BIG, CHAT, 4, "slots"),
        (BIG, Workload(8000, 100), None, "compute"),
        (on("llama-3.1-8b", "H100", "bf16"), Workload(10, 8000), None, "memory bandwidth"),
        (on("llama-3.1-70b", "H100", "fp8"), CHAT, None, "memory capacity"),
        (on("llama-3.1-70b", "4x L40S", "fp8"), CHAT, None, "link"),
    ],
)
def test_what_binds(
    deployment: Deployment, workload: Workload, slots: int | None, binds: str
) -> None:
    assert performance(deployment, workload, load_frac=0.5, slots=slots).binds == binds


def test_the_full_batch_is_bounded() -> None:
    assert full_batch(BIG, CHAT) == 256  # the engine's own bound
    assert full_batch(BIG, CHAT, slots=3) == 3
    assert full_batch(BIG, Workload(100_000, 1000)) < 20  # memory
    assert full_batch(on("llama-3.1-70b", "1x L40S", "fp8"), CHAT) == 0


def test_impossible_questions_are_refused() -> None:
    for load in (0.0, -1.0, 1.1, float("nan")):
        with pytest.raises(PlanError, match="is not within 0 to 1"):
            performance(BIG, CHAT, load_frac=load)
    with pytest.raises(PlanError, match="holds not one request"):
        performance(on("llama-3.1-70b", "1x L40S", "fp8"), CHAT, load_frac=0.5)
    for isl, osl, hit in ((0, 1, 0.0), (1, 0, 0.0), (1, 1, 1.0), (1, 1, -0.1)):
        with pytest.raises(PlanError, match="is no workload"):
            Workload(isl, osl, hit)


def test_watts_lie_between_idle_and_provisioned() -> None:
    idle = power_w(BIG, 0.0, 0.0)
    assert idle == 4 * (75 + 575 / 2)
    assert idle < power_w(BIG, 1.0, 0.0) < power_w(BIG, 1.0, 0.2) < peak_power_w(BIG)
    assert power_w(BIG, 1.0, 0.1, 0.1) < power_w(BIG, 1.0, 0.1, 0.5)
    assert power_w(BIG, 1.0, 1.0, 1.0) == peak_power_w(BIG)
    with pytest.raises(PlanError, match="active_frac"):
        power_w(BIG, 1.1, 0.0)


def test_rates_for_a_router() -> None:
    rates = step_rates(BIG, slots=32)
    cost = step_cost(BIG)
    assert rates.slots == 32
    assert rates.prefill_s(500.0) == cost.prefill_s(500.0)
    assert rates.decode_step_s(8.0, 8000.0) == cost.decode_step_s(8.0, 8000.0)
    assert rates.prefill_tok_per_s == pytest.approx(1024 / cost.prefill_s(1024.0))
    assert rates.decode_tok_per_s == pytest.approx(32 / cost.decode_step_s(32.0, 32 * 1536.0))
    with pytest.raises(PlanError, match="holds no sequence"):
        step_rates(on("llama-3.1-70b", "1x L40S", "fp8"))


def test_rates_of_replicas_spread_the_batch() -> None:
    one = step_rates(on("llama-3.1-8b", "1x H100", "fp8"))
    two = step_rates(on("llama-3.1-8b", "2x H100", "fp8", tp=1))
    assert two.decode_step_s(16.0, 16_000.0) == pytest.approx(one.decode_step_s(8.0, 8_000.0))
    assert two.decode_step_s(1.0, 1000.0) == pytest.approx(one.decode_step_s(1.0, 1000.0))
    assert two.decode_tok_per_s == pytest.approx(2 * one.decode_tok_per_s)
