"""How cards share a model."""

from __future__ import annotations

import pytest

from wattmill.catalog.factory import Pool
from wattmill.catalog.hardware import hardware
from wattmill.catalog.models import model
from wattmill.core.errors import CatalogError, PlanError
from wattmill.physics.calibration import calibration
from wattmill.physics.deployment import deploy, deployment_of, layouts


@pytest.mark.parametrize(
    ("engine", "tp", "layout"),
    [
        ("vllm", None, (4, 1, 1)),
        ("vllm", 2, (2, 1, 2)),
        ("llama.cpp", None, (1, 4, 1)),
        ("llama.cpp", 2, (2, 2, 1)),
    ],
)
def test_cards_share_layers_or_take_turns(
    engine: str, tp: int | None, layout: tuple[int, int, int]
) -> None:
    d = deploy(model("llama-3.1-70b"), hardware("4x L40S"), "fp8", engine=engine, tp=tp)
    assert (d.tp, d.pp, d.replicas) == layout


def test_the_arithmetic_is_that_of_the_format_where_the_card_has_it() -> None:
    def rate(where: str, precision: str, engine: str = "vllm") -> float:
        return deploy(model("llama-3.1-8b"), hardware(where), precision, engine=engine).flops_per_s

    assert rate("H100", "fp8") == pytest.approx(2 * rate("H100", "bf16"), rel=1e-3)
    assert rate("A100", "fp8") == rate("A100", "bf16")
    assert rate("B200", "nvfp4") == pytest.approx(4 * rate("B200", "bf16"))
    assert rate("RTX 4090", "q4_k_m", "llama.cpp") == pytest.approx(330.3e12)


@pytest.mark.parametrize(("cards", "tp"), [(4, 3), (4, 8), (3, 3)])
def test_a_layout_that_does_not_divide_is_refused_with_those_that_do(cards: int, tp: int) -> None:
    with pytest.raises(PlanError, match=f"tp = {tp} must divide {cards} cards") as caught:
        deploy(model("llama-3.1-70b"), hardware(f"{cards}x L40S"), "fp8", tp=tp)
    assert "set tp to one of 1" in caught.value.hint
    assert layouts(4, 64) == [1, 2, 4]


def test_unknown_names_are_refused() -> None:
    with pytest.raises(PlanError, match="unknown precision 'fp7'") as caught:
        deploy(model("phi-4"), hardware("H100"), "fp7")
    assert "fp8" in caught.value.hint
    with pytest.raises(PlanError, match="family 'abacus'"):
        calibration().kernels_of("abacus", "server")


def test_a_pool_of_the_factory_file() -> None:
    box = Pool("box", "llama 3.1 8b", hardware="2x RTX 4090", precision="q8_0", tp=2)
    d = deployment_of(box)
    assert d is not None
    assert (d.model.name, d.tp, d.precision, d.engine) == ("llama-3.1-8b", 2, "q8_0", "llama.cpp")
    assert deployment_of(Pool("cloud", "anything at all")) is None
    with pytest.raises(CatalogError):
        deployment_of(Pool("box", "my-own", hardware="H100", precision="bf16"))
