"""A model on hardware: how the cards share it, in which number format, under which engine."""

from __future__ import annotations

import msgspec

from wattmill.catalog.factory import Pool
from wattmill.catalog.hardware import Hardware, hardware
from wattmill.catalog.models import ModelSpec, model
from wattmill.catalog.names import nearest
from wattmill.catalog.precision import KV_BITS, WEIGHT_BITS
from wattmill.core.errors import PlanError
from wattmill.physics.efficiency import Efficiency, Runtime, efficiency, runtime

NATIVE = {"fp8": "fp8", "int8": "int8", "nvfp4": "fp4", "mxfp4": "fp4"}
"""Weight formats that have an arithmetic rate of their own, where the card has it."""


class Deployment(msgspec.Struct, frozen=True):
    """tp cards share every layer, pp groups share the layers out, replicas are whole copies."""

    model: ModelSpec
    hardware: Hardware
    precision: str
    kv_precision: str
    engine: str
    tp: int
    pp: int
    replicas: int

    @property
    def runtime(self) -> Runtime:
        """Which kind of engine this is."""
        return runtime(self.engine)

    @property
    def efficiency(self) -> Efficiency:
        """What this engine reaches on this hardware."""
        return efficiency(self.hardware.accelerator.family, self.engine)

    @property
    def error_frac(self) -> float:
        """Expected median error of TPOT; sharing layers over PCIe is known to a factor of two."""
        is_pcie = self.tp > 1 and self.hardware.accelerator.link.startswith("pcie")
        return max(self.efficiency.error_frac, 0.5 if is_pcie else 0.0)

    @property
    def cards(self) -> int:
        """Cards of one replica."""
        return self.tp * self.pp

    @property
    def is_quantised(self) -> bool:
        """Whether weights take less than 16 bits."""
        return WEIGHT_BITS[self.precision] < 16

    @property
    def flops_per_s(self) -> float:
        """The arithmetic rate of one card for these weights; 16-bit where it has no other."""
        rates = self.hardware.accelerator.flops_per_s
        sixteen = rates["fp16"] if self.runtime == "llama" else rates["bf16"]
        return rates.get(NATIVE.get(self.precision, ""), sixteen)

    @property
    def kv_copies(self) -> float:
        """How often the cards of a replica hold the same KV: latent KV, or fewer heads than tp."""
        shards = 1 if self.model.latent_dim else min(self.tp, self.model.kv_heads)
        return self.tp / shards


def deploy(
    model: ModelSpec,
    hardware: Hardware,
    precision: str,
    *,
    engine: str = "vllm",
    kv_precision: str | None = None,
    tp: int | None = None,
) -> Deployment:
    """Lay a model out on hardware; PlanError if the layout cannot be.

    Without `tp`, servers share every layer between all cards and llama.cpp gives each card whole
    layers. With it, servers make replicas of the rest. `kv_precision` defaults to 16 bits.
    """
    _known("precision", precision, WEIGHT_BITS)
    _known("kv_precision", kv_precision or "fp16", KV_BITS)
    cards = hardware.count
    is_llama = runtime(engine) == "llama"
    shared = tp or (1 if is_llama else cards)
    if cards % shared or model.heads % shared:
        raise PlanError(
            f"tp = {shared} must divide {cards} cards and {model.heads} heads of {model.name}",
            hint="set tp to one of " + ", ".join(map(str, layouts(cards, model.heads))),
        )
    rest = cards // shared
    return Deployment(
        model, hardware, precision, kv_precision or "fp16", engine,
        tp=shared, pp=rest if is_llama else 1, replicas=1 if is_llama else rest,
    )  # fmt: skip


def deployment_of(pool: Pool) -> Deployment | None:
    """The deployment of a pool of the factory file; None for an API without hardware."""
    if pool.hardware is None:
        return None
    assert pool.precision is not None, "the factory file gives hardware a precision"
    return deploy(
        model(pool.model),
        hardware(pool.hardware),
        pool.precision,
        engine=pool.engine,
        kv_precision=pool.kv_precision,
        tp=pool.tp,
    )


def _known(what: str, value: str, table: dict[str, float]) -> None:
    if value not in table:
        raise PlanError(f"unknown {what} {value!r}", hint=nearest(value, table))


def layouts(cards: int, heads: int) -> list[int]:
    """Every tp that divides both."""
    return [n for n in range(1, cards + 1) if cards % n == 0 and heads % n == 0]
