"""What would help most is what binds."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wattmill.catalog.hardware import hardware
from wattmill.catalog.models import model
from wattmill.core.errors import PlanError
from wattmill.physics.deployment import deploy
from wattmill.physics.performance import Workload, performance
from wattmill.physics.sensitivity import PARTS, effects

CHAT = Workload(1000, 300)


@pytest.mark.parametrize(
    ("name", "where", "precision", "best"),
    [
        ("llama-3.1-70b", "4x L40S", "fp8", "link"),
        ("llama-3.1-70b", "H100", "fp8", "memory capacity"),
        ("llama-3.1-8b", "H100", "bf16", "compute"),
    ],
)
def test_what_binds_is_what_helps_most(name: str, where: str, precision: str, best: str) -> None:
    deployment = deploy(model(name), hardware(where), precision)
    first, *others = effects(deployment, CHAT)
    assert first.part == best
    assert performance(deployment, CHAT, load_frac=1.0).binds == best
    assert {first.part, *(effect.part for effect in others)} == set(PARTS)


@given(st.floats(1.01, 8), st.sampled_from(["H100", "4x L40S", "2x RTX 4090", "8x B200"]))
def test_a_better_part_never_hurts(factor: float, where: str) -> None:
    deployment = deploy(model("qwen3-30b-a3b"), hardware(where), "fp8")
    for effect in effects(deployment, CHAT, factor):
        assert effect.tok_per_s >= 1 - 1e-9
        assert effect.tpot <= 1 + 1e-9
        assert effect.ttft <= 1 + 1e-9


def test_one_card_needs_no_link() -> None:
    (link,) = (
        e
        for e in effects(deploy(model("phi-4"), hardware("H100"), "fp8"), CHAT)
        if e.part == "link"
    )
    assert (link.tok_per_s, link.tpot, link.ttft) == (1.0, 1.0, 1.0)


@pytest.mark.parametrize("factor", [1.0, 0.5, float("nan")])
def test_a_worse_part_is_refused(factor: float) -> None:
    with pytest.raises(PlanError, match="no better part"):
        effects(deploy(model("phi-4"), hardware("H100"), "fp8"), CHAT, factor)


def test_a_model_that_does_not_fit_is_refused() -> None:
    with pytest.raises(PlanError, match="holds not one"):
        effects(deploy(model("llama-3.1-70b"), hardware("L40S"), "fp8"), CHAT)
