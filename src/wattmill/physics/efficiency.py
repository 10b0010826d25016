"""What engines reach of the data sheet, by hardware family and kind of engine: one table.

Sources, by the letters in the table:
K  kernel tables of aiconfigurator-core 0.12.0 (PyPI, Apache-2.0): medians over engines of the share
   of memory bandwidth at m <= 16 and of the arithmetic rate at m >= 4096 and m = 256.
S  end-to-end TPOT of the same wheel (systems/silicon_sample.csv), Llama rows, for layer_s.
X  llama.cpp on GPUs and Macs, XiongjieDai/GPU-Benchmarks-on-LLM-Inference: least squares of
   bytes / (bandwidth x share) + layers x layer_s over its decode rows.
D  llama.cpp on DGX Spark, ggml-org/llama.cpp benches/dgx-spark.md.
G  gpt-oss-20b on RTX 4090, 280 tok/s in late 2025, geerlingguy/ai-benchmarks: newer builds of
   llama.cpp take less per layer than the 100 µs that X of May 2024 gives; 60 lies between.
E  estimate from a like family; nothing was fitted.
`error_frac` is the median error of TPOT that we expect on a model that was not fitted.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from wattmill.core.errors import PlanError

Runtime = Literal["server", "llama"]

LLAMA_ENGINES = ("llama.cpp", "ollama", "lmstudio")

MICRO = 1e-6
SEQUENCE_LAYER_S = {"server": 0.49 * MICRO, "llama": 16 * MICRO}
"""Seconds that each sequence after the first costs per layer and step (source S; D)."""

MOE_LAYER_S = {"server": 20 * MICRO, "llama": 0.0}
"""Seconds that routing and gathering add to a layer with experts (source S; G)."""

USABLE_FRAC = {"server": 0.90, "llama": 0.95}
"""Share of the memory that the engine takes: vLLM's gpu_memory_utilization; room for a desktop."""

UNIFIED_USABLE_FRAC = {"apple": 0.75, "unified": 0.85, "cpu": 0.80}
"""Where the system lives in the same memory: macOS' default limit; estimates for the others."""

CONTEXT_BYTES = {"server": 1.0 * 2**30, "llama": 0.3 * 2**30}
"""Driver context, graphs and workspaces per card."""

ACTIVATION_TOKENS = {"server": 8192, "llama": 512}
"""Tokens of the largest step (max_num_batched_tokens; n_ubatch)."""

ACTIVATION_WIDTHS = 8
"""Live activations per token in units of the hidden width, two bytes each (checked on two logs)."""

MAX_BATCH = {"server": 256, "llama": 4}
"""Sequences that an engine runs at once unless told (max_num_seqs; parallel slots)."""

DECODE_POWER_FRAC = 0.62
COMPUTE_POWER_FRAC = 0.95
"""Share of TDP that a card draws in a memory-bound and in a compute-bound step. ML.ENERGY's 565
readings on H100 and B200 lie at 0.6 to 0.95; a constant TDP is 40 % too high."""

HOST_IDLE_FRAC = 0.5
"""Share of the host's busy power that it draws while no step runs (estimate)."""


class Efficiency(msgspec.Struct, frozen=True):
    """Shares (0..1] of data-sheet rates, and seconds per layer that no rate explains."""

    weights_frac: float
    quant_weights_frac: float
    kv_frac: float
    prefill_frac: float
    quant_prefill_frac: float
    decode_gemm_frac: float
    attention_frac: float
    layer_s: float
    error_frac: float
    source: str


def _row(
    weights: float, quant: float, kv: float, prefill: float, quant_prefill: float,
    decode_gemm: float, attention: float, layer_us: float, error: float, source: str,
) -> Efficiency:  # fmt: skip
    return Efficiency(
        weights, quant, kv, prefill, quant_prefill, decode_gemm, attention,
        layer_us * MICRO, error, source,
    )  # fmt: skip


# family: weights, quantised weights, KV | prefill, quantised, decode GEMM, attention | µs/layer
SERVER = {
    "hopper": _row(0.83, 0.75, 0.75, 0.76, 0.56, 0.50, 0.45, 24, 0.20, "K S"),
    "blackwell": _row(0.77, 0.62, 0.75, 0.67, 0.46, 0.36, 0.40, 24, 0.20, "K S"),
    "blackwell-gddr": _row(0.82, 0.77, 0.79, 0.84, 0.74, 0.50, 0.45, 24, 0.25, "K"),
    "ada": _row(0.82, 0.74, 0.78, 0.57, 0.45, 0.34, 0.35, 24, 0.25, "K"),
    "ampere-hbm": _row(0.74, 0.70, 0.69, 0.83, 0.70, 0.70, 0.45, 24, 0.25, "K"),
    "ampere-gddr": _row(0.82, 0.74, 0.78, 0.60, 0.50, 0.40, 0.35, 24, 0.30, "E ada"),
    "cdna": _row(0.70, 0.60, 0.60, 0.45, 0.40, 0.30, 0.30, 35, 0.40, "E"),
    "xe": _row(0.90, 0.85, 0.80, 0.60, 0.60, 0.50, 0.30, 40, 0.40, "K halved towards ada"),
}
LLAMA = {
    "hopper": _row(0.73, 0.72, 0.60, 0.21, 0.17, 0.17, 0.08, 142, 0.12, "X"),
    "blackwell": _row(0.60, 0.55, 0.55, 0.20, 0.15, 0.15, 0.08, 140, 0.30, "E hopper"),
    "blackwell-gddr": _row(0.92, 0.85, 0.80, 0.40, 0.33, 0.33, 0.10, 60, 0.20, "E ada"),
    "ada": _row(0.92, 0.93, 0.80, 0.40, 0.33, 0.33, 0.10, 60, 0.15, "X G"),
    "ampere-hbm": _row(0.52, 0.58, 0.50, 0.30, 0.30, 0.30, 0.10, 150, 0.15, "X"),
    "ampere-gddr": _row(0.92, 0.95, 0.80, 0.45, 0.42, 0.40, 0.10, 130, 0.15, "X"),
    "cdna": _row(0.50, 0.45, 0.45, 0.15, 0.12, 0.12, 0.08, 150, 0.40, "E"),
    "rdna": _row(0.80, 0.70, 0.65, 0.30, 0.25, 0.25, 0.08, 120, 0.35, "E"),
    "xe": _row(0.70, 0.55, 0.55, 0.30, 0.20, 0.20, 0.08, 150, 0.45, "E"),
    "unified": _row(0.82, 0.80, 0.75, 0.45, 0.35, 0.35, 0.10, 60, 0.20, "D"),
    "apple": _row(0.86, 0.80, 0.70, 0.68, 0.58, 0.50, 0.40, 215, 0.16, "X"),
    "cpu": _row(0.80, 0.75, 0.60, 0.50, 0.40, 0.40, 0.20, 20, 0.35, "E"),
}


def runtime(engine: str) -> Runtime:
    """`llama` for llama.cpp and what is built on it, `server` for every other engine."""
    return "llama" if engine in LLAMA_ENGINES else "server"


def efficiency(family: str, engine: str) -> Efficiency:
    """The row of a family under an engine; PlanError if no server is known to run there."""
    table = LLAMA if runtime(engine) == "llama" else SERVER
    # A server on a desk machine reaches about what llama.cpp does: memory decides there.
    row = table.get(family) or LLAMA.get(family)
    if row is None:
        raise PlanError(
            f"nothing is known of hardware family {family!r}",
            hint="known are: " + ", ".join(sorted(LLAMA)),
        )
    return row
