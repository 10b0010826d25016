"""Bits that one weight or one KV element truly takes in memory, by the engines' own names.

Formats with scales carry them: a GGUF block holds 32 or 256 weights and their scales, so `q8_0`
is 34 bytes for 32 weights = 8.5 bits. K-quants of a whole file mix two types (llama.cpp keeps some
tensors wider), so their figure is the mean over a Llama-3.1-8B file, good to 3 % for other models.
Source: llama.cpp ggml-common.h block layouts and the quantize README table; OCP Microscaling
Formats specification 1.0 (mxfp4: 32 weights share 8 bits); NVIDIA NVFP4 (16 share 8 bits).
"""

from __future__ import annotations

WEIGHT_BITS: dict[str, float] = {
    "fp32": 32.0,
    "bf16": 16.0,
    "fp16": 16.0,
    "f16": 16.0,
    "fp8": 8.0,
    "int8": 8.0,
    "int4": 4.16,  # as AWQ and GPTQ: 128 weights share a 16-bit scale and a 4-bit zero point
    "awq": 4.16,
    "gptq": 4.16,
    "nvfp4": 4.5,
    "mxfp4": 4.25,
    "q8_0": 8.5,
    "q6_k": 6.56,
    "q5_k_m": 5.70,
    "q5_k_s": 5.57,
    "q5_0": 5.5,
    "q4_k_m": 4.89,
    "q4_k_s": 4.67,
    "q4_1": 5.0,
    "q4_0": 4.5,
    "iq4_xs": 4.25,
    "q3_k_m": 4.00,
    "q2_k": 3.16,
}
"""Bits per weight of the tensors that the format covers."""

KV_BITS: dict[str, float] = {
    "fp32": 32.0,
    "bf16": 16.0,
    "fp16": 16.0,
    "f16": 16.0,
    "fp8": 8.0,
    "int8": 8.0,
    "nvfp4": 4.5,
    "q8_0": 8.5,
    "q5_0": 5.5,
    "q4_0": 4.5,
}
"""Bits per element of the KV cache."""
