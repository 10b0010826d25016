"""What hardware and engines reach of the data sheet: the fitted factors, apart from the model.

`calibration.toml` is written by `tools/calibration`: kernel rows hold the median of measured kernel
tables per hardware family, engine rows a few factors fitted to end-to-end measurements and drawn
towards 1. A family without measurements inherits from the nearest one and gets a wider interval.
"""

from __future__ import annotations

import math
from functools import cache
from pathlib import Path
from typing import Any, Literal

import msgspec
import rtoml

from wattmill.core.errors import PlanError

Runtime = Literal["server", "llama"]
Basis = Literal["measured", "inherited", "estimate"]

LLAMA_ENGINES = ("llama.cpp", "ollama", "lmstudio")
MICRO = 1e-6
Q90 = 1.6449


class Kernels(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Shares (0..1] that kernels of one hardware family reach, and the floor of a layer in µs.

    Lists go by width of a number: 16 bits, 8 bits, fewer. weights: of bandwidth, while weights
    stream. gemm: of the arithmetic rate, in large products. kv: of bandwidth, in decode attention;
    attention, decode_attention: of the 16-bit rate. The floors are what a layer of a kind takes
    with next to nothing to do: attention, latent attention, latent with an indexer, a recurrent
    state, an MLP, routed experts, and shared ones beside them.

    intake, kv_intake: bytes that a multiprocessor takes in per cycle, which is what its kernels keep
    on the way over the latency of memory in cycles (Little's law); infinite where other things bind.
    cycle_flop: its fp32 operations per cycle, which with the card's fp32 rate gives the cycles.
    """

    family: str
    runtime: Runtime
    weights: tuple[float, float, float]
    gemm: tuple[float, float, float]
    expert_weights: float
    expert_gemm: tuple[float, float, float]
    kv: float
    attention: float
    decode_attention: float
    attention_us: float
    latent_us: float
    sparse_us: float
    state_us: float
    mlp_us: float
    moe_us: float
    shared_us: float
    basis: Basis
    source: str
    intake: tuple[float, float, float] = (math.inf, math.inf, math.inf)
    kv_intake: float = math.inf
    cycle_flop: float = 256.0


class Engine(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Factors of one engine on top of its kernels; *_se are standard errors of the logarithm.

    floor: gaps between kernels, on all floors. reduce: of all-reduces that are not hidden.
    step_us: of every step; sequence_us: for each sequence of it, layer_sequence_us: and layer.
    prefill, expert_prefill: share of the large-product rate that prompts reach. interference: how
    much of the others' prefill a decoding sequence feels. exchange_us: of one exchange of tokens
    between experts; hop_us: from one stage to the next. request_ms: of each request before its
    prefill; first_floor, first_expert_floor: floors of a prompt's step over a decode step's, which
    runs captured; of layers without and with experts.
    """

    name: str
    runtime: Runtime
    floor: float
    reduce: float
    step_us: float
    sequence_us: float
    layer_sequence_us: float
    prefill: float
    expert_prefill: float
    interference: float
    exchange_us: float
    hop_us: float
    request_ms: float
    first_floor: float
    first_expert_floor: float
    source: str
    se: dict[str, float] = {}


class Spread(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Standard deviation of the logarithm of measured over predicted, held out by family."""

    runtime: Runtime
    basis: Basis
    tpot: float
    ttft: float
    power: float
    source: str


class Power(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Share of TDP that a card draws: base + memory · busy_m + compute · busy_c, at most 1."""

    base: float
    memory: float
    compute: float
    source: str


class Reach(msgspec.Struct, frozen=True):
    """The factors of one deployment, in shares and seconds; numbers, or arrays of them.

    *intake: bytes for each fp32 operation that the card could do meanwhile.
    """

    weights_frac: Any
    gemm_frac: Any
    expert_weights_frac: Any
    expert_gemm_frac: Any
    kv_frac: Any
    attention_frac: Any
    decode_attention_frac: Any
    prefill_frac: Any
    expert_prefill_frac: Any
    reduce_frac: Any
    exchange_s: Any
    hop_s: Any
    attention_s: Any
    latent_s: Any
    sparse_s: Any
    state_s: Any
    mlp_s: Any
    moe_s: Any
    shared_s: Any
    step_s: Any
    sequence_s: Any
    layer_sequence_s: Any
    interference_frac: Any
    request_s: Any
    first_floor: Any
    first_expert_floor: Any
    intake: Any
    expert_intake: Any
    kv_intake: Any


class Calibration(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Everything that was fitted."""

    as_of: str
    inherits: dict[str, str]
    kernels: tuple[Kernels, ...]
    engines: tuple[Engine, ...]
    power: Power
    spreads: tuple[Spread, ...] = ()

    def kernels_of(self, family: str, kind: Runtime) -> Kernels:
        """The row of a family, or of the one it inherits from; PlanError for an unknown family."""
        rows = {(row.family, row.runtime): row for row in self.kernels}
        name = family
        while (name, kind) not in rows:
            if name not in self.inherits:
                raise PlanError(
                    f"nothing is known of hardware family {family!r}",
                    hint="known are: " + ", ".join(sorted({r.family for r in self.kernels})),
                )
            name = self.inherits[name]
        row = rows[name, kind]
        if name == family or row.basis == "estimate":
            return row
        return msgspec.structs.replace(row, basis="inherited")

    def engine_of(self, engine: str) -> Engine:
        """The factors of an engine; without measurements those of the first of its kind."""
        kind = runtime(engine)
        named = [row for row in self.engines if row.name == engine]
        return (named or [row for row in self.engines if row.runtime == kind])[0]

    def reach(self, family: str, engine: str, width: int, expert_width: int) -> Reach:
        """The factors for weights of a width class (0: 16 bits, 1: 8 bits, 2: fewer)."""
        return _reach(
            self.kernels_of(family, runtime(engine)), self.engine_of(engine), width, expert_width
        )


class Interval(msgspec.Struct, frozen=True):
    """The 90 % interval about a prediction, as factors on it."""

    low_frac: float
    high_frac: float


@cache
def calibration() -> Calibration:
    """The shipped factors."""
    text = Path(__file__).with_name("calibration.toml").read_text("utf-8")
    return msgspec.convert(rtoml.loads(text), Calibration)


def runtime(engine: str) -> Runtime:
    """`llama` for llama.cpp and what is built on it, `server` for every other engine."""
    return "llama" if engine in LLAMA_ENGINES else "server"


@cache
def reach(family: str, engine: str, width: int, expert_width: int) -> Reach:
    """The shipped factors for weights of a width class (0: 16 bits, 1: 8 bits, 2: fewer)."""
    return calibration().reach(family, engine, width, expert_width)


def _reach(k: Kernels, e: Engine, width: int, expert_width: int) -> Reach:
    floor = e.floor * MICRO
    return Reach(
        weights_frac=k.weights[width],
        gemm_frac=k.gemm[width],
        expert_weights_frac=k.expert_weights,
        expert_gemm_frac=k.expert_gemm[expert_width],
        kv_frac=k.kv,
        attention_frac=k.attention,
        decode_attention_frac=k.decode_attention,
        prefill_frac=e.prefill,
        expert_prefill_frac=e.expert_prefill,
        reduce_frac=e.reduce,
        exchange_s=e.exchange_us * MICRO,
        hop_s=e.hop_us * MICRO,
        attention_s=k.attention_us * floor,
        latent_s=k.latent_us * floor,
        sparse_s=k.sparse_us * floor,
        state_s=k.state_us * floor,
        mlp_s=k.mlp_us * floor,
        moe_s=k.moe_us * floor,
        shared_s=k.shared_us * floor,
        step_s=e.step_us * MICRO,
        sequence_s=e.sequence_us * MICRO,
        layer_sequence_s=e.layer_sequence_us * MICRO,
        interference_frac=e.interference,
        request_s=e.request_ms * 1e-3,
        first_floor=e.first_floor,
        first_expert_floor=e.first_expert_floor,
        intake=k.intake[width] / k.cycle_flop,
        expert_intake=k.intake[expert_width] / k.cycle_flop,
        kv_intake=k.kv_intake / k.cycle_flop,
    )


def spread(family: str, engine: str) -> Spread:
    """How far measurements lie from predictions for this family and engine."""
    kind = runtime(engine)
    found = calibration()
    basis = found.kernels_of(family, kind).basis
    rows = {(row.runtime, row.basis): row for row in found.spreads}
    return rows[kind, basis]
