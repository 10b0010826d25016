"""Seconds of a step: against measurements, and as a function."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wattmill.catalog.hardware import hardware
from wattmill.catalog.models import model, models
from wattmill.core.errors import PlanError
from wattmill.physics.deployment import Deployment, deploy
from wattmill.physics.links import LINKS, all_reduce
from wattmill.physics.performance import Workload, shares
from wattmill.physics.step import StepCost, step_cost


def cost(name: str, where: str, precision: str, engine: str = "vllm") -> StepCost:
    return step_cost(on(name, where, precision, engine))


def on(name: str, where: str, precision: str, engine: str = "vllm") -> Deployment:
    return deploy(model(name), hardware(where), precision, engine=engine)


@pytest.mark.parametrize(
    ("name", "where", "precision", "engine", "tok_per_s", "error"),
    [
        # vLLM, one user, 16 bits on H100: 130 to 160 in public reports.
        ("llama-3.1-8b", "H100-SXM", "bf16", "vllm", 145, 0.15),
        # XiongjieDai/GPU-Benchmarks-on-LLM-Inference, llama.cpp of May 2024, 512 tokens.
        ("llama-3.1-8b", "RTX 4090", "bf16", "llama.cpp", 54.3, 0.15),
        ("llama-3.1-8b", "RTX 4090", "q4_k_m", "llama.cpp", 127.7, 0.15),
        ("llama-3.1-70b", "2x RTX 4090", "q4_k_m", "llama.cpp", 19.1, 0.15),
        ("llama-3.1-8b", "M2 Ultra", "q4_k_m", "llama.cpp", 76, 0.15),
        # geerlingguy/ai-benchmarks, late 2025.
        ("llama-3.1-70b", "M3 Ultra", "q4_k_m", "ollama", 14.1, 0.20),
        ("llama-3.1-70b", "DGX Spark", "q4_k_m", "ollama", 4.71, 0.10),
        ("llama-3.1-70b", "Strix Halo", "q4_k_m", "ollama", 4.97, 0.10),
        ("gpt-oss-20b", "RTX 4090", "mxfp4", "ollama", 279.7, 0.20),
        ("gpt-oss-20b", "M3 Ultra", "mxfp4", "ollama", 115.3, 0.20),
        ("gpt-oss-20b", "DGX Spark", "mxfp4", "ollama", 88.0, 0.20),
    ],
)
def test_one_user_is_as_fast_as_measured(
    name: str, where: str, precision: str, engine: str, tok_per_s: float, error: float
) -> None:
    step_s = cost(name, where, precision, engine).decode_step_s(1.0, 256.0)
    assert 1 / step_s == pytest.approx(tok_per_s, rel=error)


@pytest.mark.parametrize(
    ("where", "batch", "isl", "osl", "tpot_ms"),
    [
        # silicon_sample.csv of aiconfigurator-core 0.12.0: Llama-3.1-70B fp8, vLLM, closed loop.
        ("H200", 4, 1024, 1024, 21.5),
        ("H200", 64, 1024, 1024, 37.4),
        ("H200", 16, 8192, 1024, 47.5),
        ("8x H100", 4, 1024, 1024, 9.11),
        ("8x H100", 64, 8192, 1024, 34.5),
        ("8x H200", 64, 1024, 8192, 13.6),
        ("B200", 4, 1024, 1024, 16.3),
        ("B200", 64, 1024, 1024, 23.1),
    ],
)
def test_tpot_under_load_is_as_measured(
    where: str, batch: int, isl: int, osl: int, tpot_ms: float
) -> None:
    tpot_s = shares(cost("llama-3.1-70b", where, "fp8"), Workload(isl, osl), float(batch)).total_s
    assert tpot_s * 1e3 == pytest.approx(tpot_ms, rel=0.25)


def test_a_prompt_takes_its_arithmetic() -> None:
    # 8B, 1,000 tokens: 15 TFLOP at 0.76 of 989 TFLOP/s are 20 ms, and a little attention.
    assert cost("llama-3.1-8b", "H100", "bf16").prefill_s(1000.0) == pytest.approx(0.021, rel=0.1)


def test_the_ridge_is_where_arithmetic_takes_over() -> None:
    c = cost("llama-3.1-8b", "H100", "bf16")
    ridge = c.dense_read_s / c.decode_token_s
    assert 100 < ridge < 300
    below, above = c.decode_step_s(ridge / 2, 0.0), c.decode_step_s(ridge * 2, 0.0)
    assert above > 1.5 * below


def test_experts_are_read_as_far_as_tokens_choose_them() -> None:
    c = cost("mixtral-8x7b", "2x H100", "bf16")
    one, all_of_them = c.weights_s(1.0), c.dense_read_s + c.expert_read_s
    assert one == pytest.approx(c.dense_read_s + c.expert_read_s * 2 / 8)
    assert c.weights_s(64.0) == pytest.approx(all_of_them, rel=1e-6)


def test_windowed_layers_stop_reading_at_their_window() -> None:
    c = cost("gemma-3-27b", "H100", "bf16")
    full = cost("gemma-3-27b", "H100", "bf16").kv_read_s_per_token
    grown = c.kv_s(1.0, 20_000.0) - c.kv_s(1.0, 10_000.0)
    assert grown == pytest.approx(10_000 * full)
    assert c.kv_s(1.0, 1000.0) > 6 * 1000 * full  # 52 of 62 layers have a window


def test_arrays_broadcast() -> None:
    c = cost("qwen3-30b-a3b", "H100", "bf16")
    batch = np.array([[1.0], [8.0], [64.0]])
    kv_tokens = np.array([0.0, 1e3, 1e5])
    table = c.decode_step_s(batch, kv_tokens)
    assert table.shape == (3, 3)
    assert table[1, 2] == pytest.approx(c.decode_step_s(8.0, 1e5), rel=1e-12)
    assert c.prefill_s(np.array([1.0, 10.0])).shape == (2,)


@pytest.mark.parametrize(("batch", "kv_tokens"), [(0.0, 1.0), (-1.0, 1.0), (1.0, -1.0)])
def test_impossible_steps_are_refused(batch: float, kv_tokens: float) -> None:
    c = cost("phi-4", "H100", "bf16")
    with pytest.raises(PlanError, match="cannot be"):
        c.decode_step_s(batch, kv_tokens)
    with pytest.raises(PlanError, match="cannot be"):
        c.decode_step_s(np.array([1.0, batch]), np.array([0.0, kv_tokens]))
    with pytest.raises(PlanError, match="cannot be"):
        c.prefill_s(0.0)
    with pytest.raises(PlanError, match="cannot be"):
        c.decode_step_s(float("nan"), 1.0)


COSTS = st.sampled_from(models()).map(lambda m: step_cost(deploy(m, hardware("2x H200"), "fp8")))
BATCHES = st.floats(1, 1000)
TOKENS = st.floats(1, 1e5)


@given(COSTS, BATCHES, TOKENS, st.floats(1, 10))
def test_more_takes_longer_but_less_for_each(
    c: StepCost, batch: float, kv_tokens: float, factor: float
) -> None:
    now, then = c.decode_step_s(batch, kv_tokens), c.decode_step_s(batch * factor, kv_tokens)
    assert now <= then * (1 + 1e-12)
    assert c.decode_step_s(batch, kv_tokens * factor) >= now * (1 - 1e-12)
    # A window makes more users of fewer tokens each read more, so compare without one.
    if c.window_tokens == 0:
        assert then / (batch * factor) <= now / batch * (1 + 1e-12)


@given(COSTS, TOKENS, TOKENS)
def test_a_cached_prefix_saves_its_own_prefill(c: StepCost, prior: float, tokens: float) -> None:
    assert c.prefill_s(tokens) <= c.prefill_s(tokens, prior)
    assert c.prefill_s(tokens, prior) <= c.prefill_s(prior + tokens) * (1 + 1e-12)


@pytest.mark.parametrize("link", sorted(LINKS))
def test_an_all_reduce_waits_longer_among_more(link: str) -> None:
    waits_s = [all_reduce(link, cards)[0] for cards in range(1, 9)]
    assert waits_s == sorted(waits_s)
    assert waits_s[0] == 0.0
    assert all(all_reduce(link, cards)[1] > 0 for cards in range(2, 9))


@pytest.mark.parametrize(
    ("link", "cards", "size_bytes", "us"),
    [
        # NCCL, same tables.
        ("nvlink4", 8, 16_384, 18.4),
        ("nvlink4", 8, 268_435_456, 1379),
        ("nvlink4", 2, 16_777_216, 144),
        ("nvlink5", 4, 268_435_456, 683),
        ("pcie5", 4, 16_777_216, 2022),
    ],
)
def test_an_all_reduce_is_as_measured(link: str, cards: int, size_bytes: int, us: float) -> None:
    latency_s, s_per_byte = all_reduce(link, cards)
    assert (latency_s + size_bytes * s_per_byte) * 1e6 == pytest.approx(us, rel=0.8)


def test_an_all_reduce_without_a_link_is_refused() -> None:
    with pytest.raises(PlanError, match="16 cards"):
        all_reduce("nvlink4", 16)
    with pytest.raises(PlanError, match="'none'"):
        all_reduce("none", 2)
