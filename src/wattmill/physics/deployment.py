"""A model on hardware: how the cards share it, in which number format, under which engine."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import msgspec

from wattmill.catalog.hardware import Hardware, NumberFormat, hardware
from wattmill.catalog.models import ModelSpec, model
from wattmill.catalog.names import nearest
from wattmill.catalog.precision import KV_BITS, WEIGHT_BITS
from wattmill.core.errors import PlanError
from wattmill.physics.calibration import Q90, Interval, Runtime, Spread, runtime, spread

if TYPE_CHECKING:  # reading factory files takes longer than all of physics
    from wattmill.catalog.factory import Pool

NATIVE = {"fp8": "fp8", "int8": "int8", "nvfp4": "fp4", "mxfp4": "fp4"}
"""Weight formats that have an arithmetic rate of their own, where the card has it."""

EXPERTS_ONLY = ("mxfp4", "nvfp4")
"""Formats that cover the experts of a mixture alone; the rest keeps 16 bits."""

MEDIAN_SIGMA = 0.6745
PCIE_SPREAD = 0.5
"""Logarithmic spread where layers are shared over PCIe: the mainboard's topology decides."""


class Deployment(msgspec.Struct, frozen=True):
    """tp cards share every layer, pp groups share the layers out, replicas are whole copies.

    dp copies of attention within one replica split its sequences; experts lie on all tp · dp cards.
    """

    model: ModelSpec
    hardware: Hardware
    precision: str
    kv_precision: str
    engine: str
    tp: int
    pp: int
    replicas: int
    dp: int = 1

    @property
    def runtime(self) -> Runtime:
        """Which kind of engine this is."""
        return runtime(self.engine)

    @property
    def spread(self) -> Spread:
        """How far measurements lie from predictions here, as logarithmic standard deviations."""
        found = spread(self.hardware.accelerator.family, self.engine)
        if self.tp == 1 or not self.hardware.accelerator.link.startswith("pcie"):
            return found
        wider = max(found.tpot, PCIE_SPREAD)
        return msgspec.structs.replace(found, tpot=wider, ttft=max(found.ttft, PCIE_SPREAD))

    @property
    def error_frac(self) -> float:
        """Expected median error of TPOT."""
        return math.expm1(MEDIAN_SIGMA * self.spread.tpot)

    @property
    def tpot_interval(self) -> Interval:
        """The 90 % interval of TPOT, as factors on the prediction."""
        factor = math.exp(Q90 * self.spread.tpot)
        return Interval(1 / factor, factor)

    @property
    def cards(self) -> int:
        """Cards of one replica."""
        return self.tp * self.pp * self.dp

    @property
    def is_experts_only(self) -> bool:
        """Whether the format covers routed experts alone."""
        return self.precision in EXPERTS_ONLY and self.model.experts > 1

    @property
    def expert_width(self) -> int:
        """Width class of the format: 0 for 16 bits and more, 1 for about 8, 2 for fewer."""
        bits = WEIGHT_BITS[self.precision]
        return 0 if bits >= 16 else 1 if bits >= 8 else 2

    @property
    def dense_width(self) -> int:
        """Width class of the weights that are no experts."""
        return 0 if self.is_experts_only else self.expert_width

    @property
    def wide_flops_per_s(self) -> float:
        """The 16-bit rate of one card, or of what it has instead."""
        wide: NumberFormat = "fp16" if self.runtime == "llama" else "bf16"
        return self.hardware.accelerator.rate_flops_per_s(wide)

    @property
    def flops_per_s(self) -> float:
        """The arithmetic rate of one card for these weights; 16-bit where it has no other."""
        rates = self.hardware.accelerator.flops_per_s
        return rates.get(NATIVE.get(self.precision, ""), self.wide_flops_per_s)

    @property
    def dense_flops_per_s(self) -> float:
        """The same for the weights that are no experts."""
        return self.wide_flops_per_s if self.is_experts_only else self.flops_per_s

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
    dp: int = 1,
) -> Deployment:
    """Lay a model out on hardware; PlanError if the layout cannot be.

    Without `tp`, servers share every layer between all cards and llama.cpp gives each card whole
    layers. With it, servers make replicas of the rest. `kv_precision` defaults to 16 bits. `dp`
    copies of attention share the sequences of one replica (mixtures of experts alone).
    """
    _known("precision", precision, WEIGHT_BITS)
    _known("kv_precision", kv_precision or "fp16", KV_BITS)
    cards = hardware.count
    is_llama = runtime(engine) == "llama"
    shared = tp or (1 if is_llama else cards // max(1, dp))
    _copies(model, hardware, shared, dp, is_llama)
    if shared < 1 or cards % shared or model.heads % shared:
        raise PlanError(
            f"tp = {shared} must divide {cards} cards and {model.heads} heads of {model.name}",
            hint="set tp to one of " + ", ".join(map(str, layouts(cards, model.heads))),
        )
    rest = cards // shared // dp
    return Deployment(
        model, hardware, precision, kv_precision or "fp16", engine,
        tp=shared, pp=rest if is_llama else 1, replicas=1 if is_llama else rest, dp=dp,
    )  # fmt: skip


def try_deploy(
    model: ModelSpec, hardware: Hardware, precision: str, *, engine: str = "vllm",
    kv_precision: str | None = None, tp: int | None = None, dp: int = 1,
) -> Deployment | None:  # fmt: skip
    """The same for sweeps: None where the layout cannot be."""
    try:
        return deploy(
            model, hardware, precision, engine=engine, kv_precision=kv_precision, tp=tp, dp=dp
        )
    except PlanError:
        return None


def _copies(model: ModelSpec, hardware: Hardware, tp: int, dp: int, is_llama: bool) -> None:
    """PlanError unless so many copies of attention can be."""
    if dp == 1:
        return
    if dp < 1 or is_llama or not model.moe_layers or hardware.count % (max(1, tp) * dp):
        raise PlanError(
            f"dp = {dp} beside tp = {tp} cannot be on {hardware} for {model.name}",
            hint="dp is for mixtures of experts on servers, and tp · dp divides the cards",
        )


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
