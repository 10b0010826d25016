"""Refuses a model that its memory cannot hold, with the figures and what would fit."""

from __future__ import annotations

from typing import NoReturn

import msgspec

from wattmill.catalog.precision import WEIGHT_BITS
from wattmill.catalog.units import GIGA
from wattmill.core.errors import PlanError
from wattmill.physics.deployment import Deployment, deploy
from wattmill.physics.memory import Fit, fit

SMALLER = {
    "server": ("fp8", "int4"),
    "llama": ("q8_0", "q6_k", "q5_k_m", "q4_k_m", "q3_k_m", "q2_k"),
}
"""Formats to propose, best first."""

MOST_CARDS = 64


def refuse(deployment: Deployment, memory: Fit) -> NoReturn:
    """Raise the PlanError that says what is missing and what would fit."""
    d = deployment
    raise PlanError(
        f"{d.model.name} in {d.precision} does not fit: weights {_gb(memory.weights_bytes)}"
        f" + reserve {_gb(memory.reserve_bytes)} + {_gb(memory.kv_bytes_per_user)} KV for one user"
        f" at {memory.context_tokens:,} tokens, but {d.cards}x {d.hardware.accelerator.name} give"
        f" {_gb(memory.usable_bytes)} of {_gb(memory.memory_bytes)}",
        hint=_what_fits(d, memory.context_tokens),
    )


def _what_fits(deployment: Deployment, context_tokens: int) -> str:
    ways = [
        way
        for way in (
            _smaller_precision(deployment, context_tokens),
            _more_cards(deployment, context_tokens),
        )
        if way
    ]
    return " or ".join(ways) if ways else "take a smaller model or cards with more memory"


def _smaller_precision(deployment: Deployment, context_tokens: int) -> str | None:
    now = WEIGHT_BITS[deployment.precision]
    for precision in SMALLER[deployment.runtime]:
        smaller = msgspec.structs.replace(deployment, precision=precision)
        if WEIGHT_BITS[precision] < now and fit(smaller, context_tokens).users:
            return f'precision = "{precision}" would fit'
    return None


def _more_cards(deployment: Deployment, context_tokens: int) -> str | None:
    card = deployment.hardware.accelerator.name
    cards = deployment.hardware.count
    while (cards := cards * 2) <= MOST_CARDS:
        hardware = msgspec.structs.replace(deployment.hardware, count=cards)
        try:
            more = deploy(
                deployment.model, hardware, deployment.precision,
                engine=deployment.engine, kv_precision=deployment.kv_precision,
            )  # fmt: skip
        except PlanError:
            return None
        if fit(more, context_tokens).users:
            return f"{cards}x {card} would"
    return None


def _gb(size_bytes: float) -> str:
    return f"{size_bytes / GIGA:.1f} GB"
