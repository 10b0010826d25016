"""Seconds of a step: against measurements, and as a function."""

from __future__ import annotations

import math
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wattmill.catalog.hardware import hardware
from wattmill.catalog.links import Link, links
from wattmill.catalog.models import ModelSpec, model, models
from wattmill.core.errors import PlanError
from wattmill.physics.calibration import calibration
from wattmill.physics.demand import demand
from wattmill.physics.deployment import Deployment, deploy
from wattmill.physics.links import LINKS, all_reduce
from wattmill.physics.performance import Workload, tpot_s
from wattmill.physics.step import StepCost, arriving, combine, reach_of, step_cost


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
        ("llama-3.1-8b", "A100-80GB", "bf16", "llama.cpp", 53.2, 0.10),
        ("llama-3.1-8b", "H100-PCIe", "bf16", "llama.cpp", 67.8, 0.10),
        ("llama-3.1-70b", "H100-PCIe", "q4_k_m", "llama.cpp", 25.0, 0.10),
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
    c = cost("llama-3.1-70b", where, "fp8")
    assert tpot_s(c, Workload(isl, osl), float(batch)) * 1e3 == pytest.approx(tpot_ms, rel=0.25)


def test_a_step_is_the_sum_of_what_it_does_by_hand() -> None:
    """Recomputed from the configuration of Llama-3.1-70B and the data sheet of H200, nothing else."""
    d = on("llama-3.1-70b", "4x H200", "fp8")
    k, e = calibration().kernels_of("hopper", "server"), calibration().engine_of("vllm")
    dense = 70.55e9 - 128256 * 8192  # the input embedding is looked up
    read = ((dense - 128256 * 8192) * 1 + 128256 * 8192 * 2) / 4 / (4.8e12 * k.weights[1])
    done = 2 * dense / 4 / (1979e12 * k.gemm[1])
    kv = 2 * 80 * 8 * 128 * 2 / 4 / (4.8e12 * k.kv)
    scores = 4 * 80 * 64 * 128 / 4 / (989e12 * k.decode_attention)
    latency_s, s_per_byte = all_reduce("nvlink4", 4)
    floors = 80 * (k.attention_us + k.mlp_us) * 1e-6 * e.floor
    for batch, context in ((1, 500), (16, 3000), (200, 1000)):
        by_hand = (
            math.hypot(read, batch * done)
            + batch * context * math.hypot(kv, scores)
            + 160 * (latency_s + batch * 8192 * 2 * s_per_byte) * e.reduce
            + floors + e.step_us * 1e-6
            + (batch - 1) * (e.sequence_us + 80 * e.layer_sequence_us) * 1e-6
        )  # fmt: skip
        ours = step_cost(d).decode_step_s(float(batch), float(batch * context))
        assert ours == pytest.approx(by_hand, rel=2e-3)


def test_experts_by_hand() -> None:
    k = calibration().kernels_of("hopper", "server")
    c = cost("mixtral-8x7b", "2x H100", "bf16")
    experts = 32 * 8 * 3 * 4096 * 14336 * 2 / 2 / (3.35e12 * k.expert_weights)
    assert c.expert_read_s == pytest.approx(experts, rel=1e-3)
    read, done = c.weights_s(4.0) - c.dense_read_s, 4 * c.expert_token_s
    assert read == pytest.approx(experts * (1 - 0.75**4), rel=1e-3)
    assert c.experts_s(4.0) == pytest.approx(math.hypot(read, done))


def test_a_prompt_takes_its_arithmetic() -> None:
    # 8B, 4,000 tokens: 60 TFLOP at 0.76 · 0.86 of 989 TFLOP/s are 93 ms, attention 8, floors.
    assert cost("llama-3.1-8b", "H100", "bf16").prefill_s(4000.0) == pytest.approx(0.105, rel=0.15)


def test_the_ridge_is_where_arithmetic_takes_over() -> None:
    c = cost("llama-3.1-8b", "H100", "bf16")
    ridge = c.dense_read_s / c.dense_token_s
    assert 100 < ridge < 400
    assert c.dense_s(ridge / 8) < 1.02 * c.dense_read_s
    assert c.dense_s(ridge) == pytest.approx(2**0.5 * c.dense_read_s)
    assert c.dense_s(ridge * 8) < 1.02 * 8 * c.dense_read_s


def test_windowed_layers_stop_reading_at_their_window() -> None:
    c = cost("gemma-3-27b", "H100", "bf16")
    grown = c.kv_s(1.0, 20_000.0) - c.kv_s(1.0, 10_000.0)
    assert grown == pytest.approx(10_000 * c.kv_read_s_per_token)
    assert c.kv_s(1.0, 1000.0) > 6 * 1000 * c.kv_read_s_per_token  # 52 of 62 layers have a window


def test_sparse_attention_reads_what_its_indexer_chose() -> None:
    c = cost("glm-5", "8x H200", "fp8")
    dense, chosen = c.kv_s(1.0, 2048.0), c.kv_s(1.0, 65_536.0)
    assert chosen - dense == pytest.approx((65_536 - 2048) * c.kv_read_s_per_token)
    assert c.kv_read_s_per_token < c.sparse_kv_read_s_per_token / 2


def test_recurrent_states_do_not_grow() -> None:
    c = cost("mamba-2-2.7b", "H100", "bf16")
    assert c.decode_step_s(8.0, 1e6) == c.decode_step_s(8.0, 10.0)
    assert c.state_s > 0


def test_copies_of_attention_split_sequences_and_share_experts() -> None:
    m, h = model("deepseek-r1"), hardware("8x H200")
    apart, together = (step_cost(deploy(m, h, "fp8", dp=dp)) for dp in (8, 1))
    assert apart.expert_read_s == pytest.approx(together.expert_read_s)
    assert apart.dense_read_s == pytest.approx(8 * together.dense_read_s)
    # latent KV is copied to every card of a tensor-parallel replica, so apart reads an eighth
    ratio = apart.kv_s(32.0, 32e3) / together.kv_s(256.0, 256e3)
    assert 0.1 < ratio < 0.7


def test_arrays_broadcast_and_agree_with_numbers() -> None:
    c = cost("qwen3-30b-a3b", "H100", "bf16")
    batch, kv_tokens = np.array([[1.0], [8.0], [64.0]]), np.array([0.0, 1e3, 1e5])
    table = c.decode_step_s(batch, kv_tokens)
    one_by_one = [[c.decode_step_s(b, k) for k in kv_tokens.tolist()] for b in (1.0, 8.0, 64.0)]
    np.testing.assert_allclose(table, one_by_one, rtol=1e-14)
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


SPECS = st.sampled_from([m for m in models() if m.kind == "decoder"])
BATCHES = st.floats(1, 1000)
TOKENS = st.floats(1, 1e5)


def laid_out(spec: ModelSpec, cards: int = 2, **changes: Any) -> StepCost:
    h = hardware(f"{cards}x H200")
    h = msgspec.structs.replace(h, accelerator=msgspec.structs.replace(h.accelerator, **changes))
    return step_cost(deploy(spec, h, "fp8", tp=1 if spec.heads % cards else None))


@given(SPECS, BATCHES, TOKENS, st.floats(1, 10))
def test_more_work_never_takes_less(
    spec: ModelSpec, batch: float, kv_tokens: float, factor: float
) -> None:
    c = laid_out(spec)
    now, then = c.decode_step_s(batch, kv_tokens), c.decode_step_s(batch * factor, kv_tokens)
    assert now <= then * (1 + 1e-12)
    assert c.decode_step_s(batch, kv_tokens * factor) >= now * (1 - 1e-12)
    if c.window_tokens == 0 and c.sparse_tokens == 0:  # they let more users read more of the same
        assert then / (batch * factor) <= now / batch * (1 + 1e-12)


@given(SPECS, BATCHES, TOKENS, st.floats(1, 10), st.sampled_from(["bandwidth", "flops", "link"]))
def test_better_hardware_is_never_slower(
    spec: ModelSpec, batch: float, kv_tokens: float, factor: float, part: str
) -> None:
    base = hardware("H200").accelerator
    better: dict[str, dict[str, Any]] = {
        "bandwidth": {"bandwidth_bytes_per_s": base.bandwidth_bytes_per_s * factor},
        "flops": {"flops_per_s": {k: v * factor for k, v in base.flops_per_s.items()}},
        "link": {"link": "nvlink5"},
    }
    now, then = laid_out(spec, 4), laid_out(spec, 4, **better[part])
    if part == "link":  # a newer fabric moves large messages faster; its latency is not lower
        assert then.link_token_s <= now.link_token_s
        return
    assert then.decode_step_s(batch, kv_tokens) <= now.decode_step_s(batch, kv_tokens) * (1 + 1e-12)
    assert then.prefill_s(kv_tokens) <= now.prefill_s(kv_tokens) * (1 + 1e-12)


@given(st.sampled_from(["llama-3.1-70b", "qwen3-235b-a22b", "gpt-oss-120b"]))
def test_sharing_layers_divides_the_bytes(name: str) -> None:
    one, four = (step_cost(deploy(model(name), hardware(f"{n}x H200"), "fp8")) for n in (1, 4))
    assert four.dense_read_s == pytest.approx(one.dense_read_s / 4)
    assert four.expert_read_s == pytest.approx(one.expert_read_s / 4)
    assert four.kv_read_s_per_token == pytest.approx(one.kv_read_s_per_token / 4)
    assert one.link_s == 0 < four.link_s


@given(SPECS, BATCHES, TOKENS, st.floats(0.1, 10))
def test_seconds_are_seconds(spec: ModelSpec, batch: float, tokens: float, unit: float) -> None:
    """Dimensions: in another unit of time every rate and duration changes alike, and so the step."""
    d = deploy(spec, hardware("H200"), "fp8")
    need, got = demand(d), reach_of(d)
    rates = ("bandwidth_bytes_per_s", "dense_flops_per_s", "expert_flops_per_s", "wide_flops_per_s")
    durations = [f for f in got.__struct_fields__ if f.endswith("_s")]
    scaled = combine(
        msgspec.structs.replace(need, **{f: getattr(need, f) / unit for f in rates}),
        msgspec.structs.replace(got, **{f: getattr(got, f) * unit for f in durations}),
    )
    plain = combine(need, got)
    assert scaled.decode_step_s(batch, tokens) == pytest.approx(
        unit * plain.decode_step_s(batch, tokens)
    )
    assert scaled.prefill_s(tokens) == pytest.approx(unit * plain.prefill_s(tokens))


@given(SPECS, TOKENS, TOKENS)
def test_a_cached_prefix_saves_its_own_prefill(
    spec: ModelSpec, prior: float, tokens: float
) -> None:
    c = laid_out(spec)
    assert c.prefill_s(tokens) <= c.prefill_s(tokens, prior) * (1 + 1e-12)
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
        # and the engines' own, in a captured graph
        ("nvlink4", 8, 16_384, 5.7),
        ("nvlink5", 4, 16_384, 7.4),
        ("nvlink4", 8, 268_435_456, 1379),
        ("nvlink4", 2, 16_777_216, 144),
        ("nvlink5", 4, 268_435_456, 683),
        ("pcie5", 4, 16_777_216, 2022),
    ],
)
def test_an_all_reduce_is_as_measured(link: str, cards: int, size_bytes: int, us: float) -> None:
    latency_s, s_per_byte = all_reduce(link, cards)
    assert (latency_s + size_bytes * s_per_byte) * 1e6 == pytest.approx(us, rel=0.8)


def test_a_rack_joins_more_cards_than_a_board() -> None:
    eight, sixty_four = (all_reduce("nvlink5", cards, 72) for cards in (8, 64))
    assert eight == all_reduce("nvlink5", 8)
    assert eight[0] < sixty_four[0] < 4 * eight[0]
    step_s = cost("llama-3.1-405b", "8x GB200", "fp8").decode_step_s(1.0, 1000.0)
    wide_s = step_cost(
        deploy(model("llama-3.1-405b"), hardware("64x GB200"), "fp8", tp=64)
    ).decode_step_s(1.0, 1000.0)
    assert wide_s < step_s
    with pytest.raises(PlanError, match="64 cards"):
        step_cost(deploy(model("llama-3.1-405b"), hardware("64x B200"), "fp8", tp=64))
    with pytest.raises(PlanError) as refused:
        all_reduce("nvlink5", 128, 72)
    assert "72 or less" in refused.value.hint


def test_an_all_reduce_without_a_link_is_refused() -> None:
    with pytest.raises(PlanError, match="16 cards"):
        all_reduce("nvlink4", 16)
    with pytest.raises(PlanError, match="'none'"):
        all_reduce("none", 2)


@pytest.mark.parametrize("wire", links(), ids=lambda wire: wire.name)
def test_every_link_of_the_catalog_has_an_all_reduce(wire: Link) -> None:
    latency_s, s_per_byte = all_reduce(wire.name, 2)
    assert 1e-6 < latency_s < 1e-3
    assert 1 / wire.bytes_per_s <= s_per_byte * 2 < 100 / wire.bytes_per_s


@given(st.floats(1e9, 1e13), st.floats(1e9, 1e13))
def test_a_stream_is_no_faster_than_memory_or_the_loads_on_their_way(
    offered: float, taken: float
) -> None:
    rate = arriving(offered, taken)
    assert 0.84 * min(offered, taken) <= rate <= min(offered, taken) * (1 + 1e-12)
    assert arriving(offered, math.inf) == offered
    assert arriving(2 * offered, taken) >= rate * (1 - 1e-12)


def test_more_bandwidth_hardly_helps_kernels_that_wait_for_latency() -> None:
    card = hardware("H100-PCIe").accelerator
    twice = msgspec.structs.replace(card, bandwidth_bytes_per_s=2 * card.bandwidth_bytes_per_s)

    def gain(engine: str) -> float:
        seconds = [
            step_cost(
                deploy(
                    model("llama-3.1-8b"), msgspec.structs.replace(hardware("H100"), accelerator=c),
                    "bf16", engine=engine,
                )
            ).dense_s(1.0)
            for c in (card, twice)
        ]  # fmt: skip
        return seconds[0] / seconds[1]

    assert gain("llama.cpp") < 1.1
    assert gain("vllm") > 1.9


def test_a_card_without_an_fp32_rate_is_bound_by_its_bandwidth() -> None:
    found = hardware("A100-80GB")
    rates = {k: v for k, v in found.accelerator.flops_per_s.items() if k != "fp32"}
    bare = msgspec.structs.replace(found.accelerator, flops_per_s=rates)
    unbound = msgspec.structs.replace(found, accelerator=bare)
    some, more = (
        step_cost(deploy(model("llama-3.1-8b"), where, "bf16", engine="llama.cpp"))
        for where in (found, unbound)
    )
    assert math.isfinite(more.dense_read_s) and more.dense_read_s < some.dense_read_s
