"""The tables hold together: names lead to rows, figures are possible, sources are stated."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wattmill.catalog.apis import api_prices, api_prices_of
from wattmill.catalog.hardware import hardware
from wattmill.catalog.models import ModelSpec, model, models
from wattmill.catalog.precision import KV_BITS, WEIGHT_BITS
from wattmill.core.errors import CatalogError


def test_api_prices_are_possible_and_name_models_of_the_catalog() -> None:
    for price in api_prices():
        assert 0 < price.input_usd_per_mtok <= price.output_usd_per_mtok < 100
        assert (price.cached_input_usd_per_mtok or 0) <= price.input_usd_per_mtok
        assert price.open_model is None or model(price.open_model)
    assert {p.provider for p in api_prices_of("Llama-3.3-70B")} >= {"Together", "Groq"}
    assert api_prices_of("wattmill-demo") == ()


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
    assert model(row.name.upper().replace("-", joint)) == row


@given(st.text())
def test_any_text_is_hardware_or_refused(text: str) -> None:
    try:
        assert hardware(text).count >= 1
    except CatalogError as error:
        assert error.hint
