"""From a question's inputs to a deployment, and from its error to an interval: in one place."""

import math

from wattmill.catalog.hardware import Hardware
from wattmill.catalog.models import ModelSpec
from wattmill.catalog.precision import KV_BITS
from wattmill.core.errors import PlanError
from wattmill.physics import memory, moe
from wattmill.physics.calibration import Q90, runtime
from wattmill.physics.deployment import Deployment, deploy
from wattmill.physics.performance import Performance, Workload, performance
from wattmill.physics.roofline import forward_flop
from wattmill.plan.questions.inputs import (
    Engine,
    Hit,
    Isl,
    KvPrecision,
    Load,
    Machines,
    Model,
    Osl,
    Precision,
    Tp,
)
from wattmill.plan.questions.registry import Bundle


class Placed(Bundle, frozen=True):
    """A model on machines under an engine, whatever its KV cache."""

    model: Model
    hardware: Machines
    precision: Precision = "bf16"
    engine: Engine = "vllm"
    tp: Tp = None

    @property
    def deployment(self) -> Deployment:
        """How it is laid out; PlanError if it cannot be."""
        return deployed(self.model, self.hardware, self.precision, self.engine, tp=self.tp)


class Laid(Placed, frozen=True):
    """A model on machines under an engine."""

    kv_precision: KvPrecision = "fp16"

    @property
    def deployment(self) -> Deployment:
        """How it is laid out; PlanError if it cannot be."""
        return deployed(
            self.model, self.hardware, self.precision, self.engine, self.kv_precision, self.tp
        )


class Served(Laid, frozen=True):
    """The same with the requests that it answers."""

    isl: Isl = 1000
    osl: Osl = 300
    hit: Hit = 0.0

    @property
    def workload(self) -> Workload:
        """The requests."""
        return Workload(isl=int(self.isl), osl=int(self.osl), hit_frac=self.hit)

    def at(self, load: Load) -> Performance:
        """What users see at a share of full load."""
        return performance(self.deployment, self.workload, load_frac=load)


def deployed(
    model: ModelSpec,
    hardware: Hardware,
    precision: str,
    engine: str = "vllm",
    kv_precision: str = "fp16",
    tp: int | None = None,
) -> Deployment:
    """A model on machines; tp None lays it out as the engine would. PlanError if it cannot be."""
    return deploy(model, hardware, precision, engine=engine, kv_precision=kv_precision, tp=tp)


def within(model: ModelSpec, context: float) -> None:
    """PlanError for a context that a model was not made for."""
    if context > model.max_context_tokens:
        raise PlanError(
            f"{model.name} is made for {model.max_context_tokens:,} tokens, not {context:,.0f}",
            hint="give a shorter context",
        )


def interval(value: float, *spreads: float) -> tuple[float, float]:
    """The 90 % interval about a value, from independent standard deviations of its logarithm."""
    factor = math.exp(Q90 * math.hypot(*spreads))
    return value / factor, value * factor


def step_weight_bytes(model: ModelSpec, precision: str, engine: str, tokens: float) -> float:
    """Bytes of weights that a step of `tokens` tokens reads, experts as far as they are touched."""
    weights = memory.weight_bytes(model, precision, "llama" if is_llama(engine) else "server")
    if model.experts == 1:
        return weights.dense + weights.experts
    touched = moe.coverage_frac(float(model.experts), float(model.experts_per_token), tokens)
    return weights.dense + weights.experts * touched


def is_llama(engine: str) -> bool:
    """Whether an engine is llama.cpp or built on it."""
    return runtime(engine) == "llama"


def kv_bytes(model: ModelSpec, kv_precision: str, context: float) -> float:
    """KV bytes of one sequence."""
    assert kv_precision in KV_BITS
    return memory.kv_bytes(model, kv_precision, context)


def flop_per_token(model: ModelSpec) -> float:
    """Operations of the weights per token; the input embedding is looked up, not multiplied."""
    looked_up = 0.0 if model.tied else model.embedding_params
    return forward_flop(model.active_params - looked_up, 1.0)
