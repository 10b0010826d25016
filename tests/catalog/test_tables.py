"""The tables hold together: names lead to rows, figures are possible, sources are stated."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wattmill.catalog.apis import api_prices, api_prices_of
from wattmill.catalog.hardware import Accelerator, accelerator, accelerators, hardware
from wattmill.catalog.models import ModelSpec, model, models
from wattmill.catalog.precision import KV_BITS, WEIGHT_BITS
from wattmill.core.errors import CatalogError


@pytest.mark.parametrize("row", accelerators(), ids=lambda row: row.name)
def test_an_accelerator_is_possible(row: Accelerator) -> None:
    assert 1e9 < row.memory_bytes < 1e12
    assert 1e10 < row.bandwidth_bytes_per_s < 1e13
    assert {"bf16", "fp16"} <= set(row.flops_per_s) <= {"bf16", "fp16", "fp8", "fp4", "int8"}
    assert 0 < row.idle_w < row.tdp_w < 2000
    assert row.flops_per_s.get("fp8", 9e99) >= row.flops_per_s["bf16"]
    assert row.source
    assert row.as_of
    assert row.confidence in ("high", "low")
    assert accelerator(row.name) is row


@pytest.mark.parametrize("row", models(), ids=lambda row: row.name)
def test_a_model_is_possible(row: ModelSpec) -> None:
    attention = row.layers * row.hidden * row.head_dim * 2 * (row.heads + row.kv_heads)
    outside = row.params - row.expert_params - row.embedding_params * (1 if row.tied else 2)
    assert row.active_params <= row.params
    assert row.heads % row.kv_heads == 0
    assert row.window_layers < row.layers
    # What is neither expert nor embedding holds at least the attention (latent attention less).
    assert outside >= attention * (0.2 if row.latent_dim else 0.99)
    assert row.source
    assert row.as_of
    assert model(row.name) is row


@pytest.mark.parametrize(
    ("name", "active"),
    [("qwen3-30b-a3b", 3.3e9), ("mixtral-8x7b", 12.9e9), ("deepseek-v3", 37e9), ("phi-4", 14.7e9)],
)
def test_active_weights_are_those_the_makers_state(name: str, active: float) -> None:
    assert model(name).active_params == pytest.approx(active, rel=0.02)


def test_api_prices_are_possible_and_name_models_of_the_catalog() -> None:
    for price in api_prices():
        assert 0 < price.input_usd_per_mtok <= price.output_usd_per_mtok < 100
        assert (price.cached_input_usd_per_mtok or 0) <= price.input_usd_per_mtok
        assert price.open_model is None or model(price.open_model)
    assert {p.provider for p in api_prices_of("Llama-3.3-70B")} == {"Together", "Groq"}
    assert api_prices_of("phi-4") == ()


def test_bits_are_bits() -> None:
    assert all(2 < bits <= 32 for bits in (*WEIGHT_BITS.values(), *KV_BITS.values()))
    assert WEIGHT_BITS["q8_0"] == 34 * 8 / 32


@pytest.mark.parametrize(
    ("written", "count", "name"),
    [
        ("4x L40S", 4, "L40S"),
        ("4 × l40s", 4, "L40S"),
        ("NVIDIA GeForce RTX 4090", 1, "RTX-4090"),
        ("NVIDIA H100 80GB HBM3", 1, "H100-SXM"),
        ("8x NVIDIA A100-SXM4-80GB", 8, "A100-80GB"),
        ("AMD Instinct MI300X", 1, "MI300X"),
        ("Apple M2 Ultra", 1, "M2-Ultra"),
        ("cpu", 1, "cpu"),
    ],
)
def test_hardware_as_people_and_drivers_write_it(written: str, count: int, name: str) -> None:
    found = hardware(written)
    assert (found.count, found.accelerator.name) == (count, name)
    assert str(found) == f"{count}x {name}"


@pytest.mark.parametrize("written", ["", "0x L40S", "4x", "L40Z", "  "])
def test_unknown_hardware_is_refused(written: str) -> None:
    with pytest.raises(CatalogError) as caught:
        hardware(written)
    assert caught.value.hint


def test_an_unknown_name_gets_the_nearest() -> None:
    with pytest.raises(CatalogError, match="no model 'lama-") as caught:
        model("lama-3.1-70b")
    assert "'llama-3.1-70b'" in caught.value.hint


@given(st.sampled_from(models()), st.sampled_from(["-", "_", " ", ""]))
def test_spelling_does_not_matter(row: ModelSpec, joint: str) -> None:
    assert model(row.name.upper().replace("-", joint)) is row


@given(st.text())
def test_any_text_is_hardware_or_refused(text: str) -> None:
    try:
        assert hardware(text).count >= 1
    except CatalogError as error:
        assert error.hint
