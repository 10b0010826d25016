"""What the memory holds, against checkpoints and logs of engines."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wattmill.catalog.hardware import hardware
from wattmill.catalog.models import ModelSpec, model, models
from wattmill.catalog.precision import WEIGHT_BITS
from wattmill.core.errors import PlanError
from wattmill.physics.deployment import Deployment, deploy
from wattmill.physics.efficiency import Runtime
from wattmill.physics.memory import fit, kv_bytes, kv_bytes_per_token, weight_bytes


def on(name: str, where: str, precision: str, kv: str | None = None) -> Deployment:
    return deploy(model(name), hardware(where), precision, kv_precision=kv)


@pytest.mark.parametrize(
    ("name", "precision", "kind", "gb"),
    [
        ("llama-3.1-8b", "bf16", "server", 16.06),  # safetensors of the repository
        ("llama-3.1-70b", "bf16", "server", 141.1),
        ("llama-3.1-8b", "q4_k_m", "llama", 4.92),  # GGUF files
        ("llama-3.1-8b", "q8_0", "llama", 8.54),
        ("llama-3.1-70b", "q4_k_m", "llama", 42.5),
        ("gpt-oss-20b", "mxfp4", "server", 13.8),
        ("gpt-oss-20b", "mxfp4", "llama", 12.1),
        ("gpt-oss-120b", "mxfp4", "server", 65.2),
        ("wattmill-demo", "q8_0", "llama", 0.00199),  # the file of this package less its metadata
    ],
)
def test_weights_are_as_large_as_the_published_files(
    name: str, precision: str, kind: Runtime, gb: float
) -> None:
    assert weight_bytes(model(name), precision, kind).total / 1e9 == pytest.approx(gb, rel=0.02)


def test_kv_bytes_by_hand() -> None:
    assert kv_bytes_per_token(model("llama-3.1-70b"), "fp16") == 2 * 80 * 8 * 128 * 2
    assert kv_bytes_per_token(model("deepseek-v3"), "fp16") == 61 * 576 * 2
    gemma = model("gemma-3-27b")
    one = kv_bytes_per_token(gemma, "fp16") / 62
    assert kv_bytes(gemma, "fp16", 8192) == one * (10 * 8192 + 52 * 1024)


@pytest.mark.parametrize(
    ("name", "where", "precision", "kv", "tokens", "error"),
    [
        ("llama-3.1-8b", "RTX 4090", "bf16", None, 2_588 * 16, 0.02),  # vLLM 0.19 log
        ("llama-3.3-70b", "B200", "nvfp4", "fp8", 773_312, 0.02),  # InferenceX multi-turn, TP1
        ("deepseek-r1", "4x B200", "nvfp4", "fp8", 1_900_000, 0.10),  # InferenceX agentic, TP4
    ],
)
def test_kv_space_is_what_engines_log(
    name: str, where: str, precision: str, kv: str | None, tokens: int, error: float
) -> None:
    deployment = on(name, where, precision, kv)
    per_token = kv_bytes_per_token(deployment.model, deployment.kv_precision)
    held = fit(deployment, 1000).free_bytes / (per_token * deployment.kv_copies)
    assert held == pytest.approx(tokens, rel=error)


def test_latent_kv_is_copied_to_every_card_and_heads_are_not() -> None:
    assert on("deepseek-r1", "8x H200", "fp8").kv_copies == 8
    assert on("llama-3.1-70b", "8x H200", "fp8").kv_copies == 1
    assert on("qwen3-235b-a22b", "8x H200", "fp8").kv_copies == 2  # four heads on eight cards


def test_states_indexes_and_copies_by_hand() -> None:
    mamba = model("mamba-2-2.7b")
    assert kv_bytes(mamba, "fp16", 100_000) == mamba.state_layers * mamba.state_elements * 2
    glm = model("glm-5")
    assert kv_bytes_per_token(glm, "fp8") == glm.layers * 576 + glm.index_layers * 128
    apart = deploy(model("deepseek-r1"), hardware("8x H200"), "fp8", dp=8)
    one, eight = fit(on("deepseek-r1", "8x H200", "fp8"), 4096), fit(apart, 4096)
    dense = weight_bytes(model("deepseek-r1"), "fp8")
    extra = 7 * (dense.dense + dense.lookup)
    assert eight.weights_bytes - one.weights_bytes == pytest.approx(extra)
    assert eight.kv_bytes_per_user == one.kv_bytes_per_user / 8


def test_an_encoder_keeps_no_kv() -> None:
    assert kv_bytes(model("bge-m3"), "fp16", 512) == 0
    assert fit(on("bge-m3", "L40S", "bf16"), 512).users > 0


def test_a_model_that_is_too_large_has_no_users() -> None:
    memory = fit(on("llama-3.1-70b", "L40S", "bf16"), 8192)
    assert memory.free_bytes < 0
    assert memory.users == 0


@pytest.mark.parametrize("context", [0, -1, 131_073])
def test_a_context_that_the_model_does_not_take_is_refused(context: int) -> None:
    with pytest.raises(PlanError, match="is not within 1 to 131072"):
        fit(on("llama-3.1-8b", "H100", "bf16"), context)


@given(st.sampled_from(models()), st.sampled_from(sorted(WEIGHT_BITS)))
def test_weights_lie_between_all_narrow_and_all_wide(spec: ModelSpec, precision: str) -> None:
    bits = WEIGHT_BITS[precision]
    total = weight_bytes(spec, precision).total * 8 / spec.params
    assert min(bits, 16) * 0.999 <= total <= max(bits, 16) * 1.001


@given(st.sampled_from(models()), st.integers(1, 1_000), st.integers(1, 1_000))
def test_kv_grows_with_context_and_never_faster(spec: ModelSpec, a: int, b: int) -> None:
    both = kv_bytes(spec, "fp16", a + b)
    assert both >= kv_bytes(spec, "fp16", a)
    assert (both > kv_bytes(spec, "fp16", a)) or not spec.full_kv_elements_per_token
    assert both <= (kv_bytes(spec, "fp16", a) + kv_bytes(spec, "fp16", b)) * (1 + 1e-12)


@given(st.integers(1, 131_072), st.integers(0, 2))
def test_more_cards_hold_more_users(context: int, power: int) -> None:
    few, many = (
        fit(on("llama-3.1-70b", f"{2**n}x H200", "fp8"), context).users for n in (power, power + 1)
    )
    assert many >= 2 * few
