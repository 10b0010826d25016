"""Constants of memory and power that are no fitted factors; those are in calibration.toml."""

from __future__ import annotations

from wattmill.physics.calibration import LLAMA_ENGINES, Runtime, runtime

__all__ = ["LLAMA_ENGINES", "Runtime", "runtime"]

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
