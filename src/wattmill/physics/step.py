"""Seconds of one engine iteration as a roofline plus what rooflines leave out.

    decode(B, K)  = max(weights(B), B · compute) + K · kv + link(B) + layers · layer_s + (B-1) · seq
    prefill(n, p) = max(weights(n), n · compute) + n (p + n/2) · attention + link(n)
                    + layers · layer_s
    weights(m)    = dense + experts · (1 - (1 - k/E)^m)        m tokens choose k of E experts each

B sequences in decode, K tokens of KV resident, n prompt tokens after p cached ones. Arguments are
numbers or NumPy arrays, which broadcast. Error of TPOT: 15 % median and 22 % mean over 1,074
measured rows (Llama 8B and 70B, Qwen3-235B, DeepSeek-R1 on H100, H200, B200 with vLLM, SGLang and
TensorRT-LLM at tp = cards; the two constants per layer were chosen on some of them, and 8B under
SGLang is 50 % too slow); expect 20 to 30 % elsewhere and `Efficiency.error_frac` by family;
llama.cpp at batch 1 5 to 20 %; prefill 30 %, over PCIe a factor of two.
Left out: hot experts, attention arithmetic in decode, host-bound steps at large batch, and
dequantisation of 4-bit kernels beyond what the shares hold.
Source of the form: rooflines (Williams et al., CACM 2009) with the terms that an ablation on
3,450 measured points found to matter: fixed costs, expert coverage, prefill interference, links.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from wattmill.core.errors import PlanError
from wattmill.physics.deployment import Deployment
from wattmill.physics.efficiency import MOE_LAYER_S, SEQUENCE_LAYER_S
from wattmill.physics.links import all_reduce
from wattmill.physics.memory import kv_bytes_per_token, weight_bytes

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

N = TypeVar("N", float, "NDArray[np.float64]")
"""A number or an array of them. Operators alone are used, so a router needs no NumPy here."""


class StepCost(msgspec.Struct, frozen=True):
    """The constants of one replica's iteration; all in seconds, per what their name says."""

    dense_read_s: float
    expert_read_s: float
    expert_miss_frac: float
    decode_token_s: float
    prefill_token_s: float
    attention_s_per_token2: float
    kv_read_s_per_token: float
    window_kv_read_s_per_token: float
    window_tokens: int
    link_s: float
    link_token_s: float
    layers_s: float
    sequence_s: float

    def weights_s(self, tokens: N) -> N:
        """Reading the weights that `tokens` tokens of one step touch."""
        missed: N = self.expert_miss_frac**tokens
        return self.dense_read_s + self.expert_read_s * (1.0 - missed)

    def kv_s(self, batch: N, kv_tokens: N) -> N:
        """Reading `kv_tokens` resident tokens of `batch` sequences of like length."""
        windowed = _smaller(kv_tokens, batch * self.window_tokens)
        return kv_tokens * self.kv_read_s_per_token + windowed * self.window_kv_read_s_per_token

    def transfer_s(self, tokens: N) -> N:
        """The all-reduces of a step of `tokens` tokens."""
        return self.link_s + tokens * self.link_token_s

    def decode_step_s(self, batch: N, kv_tokens: N) -> N:
        """One token for each of `batch` sequences (1 or more) that hold `kv_tokens` in all."""
        _require((batch >= 1) & (kv_tokens >= 0), f"a step of batch {batch} with {kv_tokens} KV")
        work = _larger(self.weights_s(batch), batch * self.decode_token_s)
        return (
            work
            + self.kv_s(batch, kv_tokens)
            + self.transfer_s(batch)
            + self.layers_s
            + (batch - 1) * self.sequence_s
        )

    def prefill_s(self, tokens: N, prior_tokens: N | float = 0.0) -> N:
        """`tokens` prompt tokens (1 or more) that follow `prior_tokens` already in the cache."""
        _require((tokens >= 1) & (prior_tokens >= 0), f"a prefill of {tokens} tokens")
        work = _larger(self.weights_s(tokens), tokens * self.prefill_token_s)
        attention = tokens * (prior_tokens + tokens / 2) * self.attention_s_per_token2
        return work + attention + self.transfer_s(tokens) + self.layers_s


def step_cost(deployment: Deployment) -> StepCost:
    """The constants of a deployment, per replica (equations and errors: this module)."""
    d, m, e = deployment, deployment.model, deployment.efficiency
    accelerator = d.hardware.accelerator
    bandwidth = accelerator.bandwidth_bytes_per_s * d.tp
    flops = d.flops_per_s * d.tp
    weights = weight_bytes(m, d.precision, d.runtime)
    read_s = 1.0 / (bandwidth * (e.quant_weights_frac if d.is_quantised else e.weights_frac))
    operations = 2.0 * (m.active_params - (0.0 if m.tied else m.embedding_params))
    kv_s = kv_bytes_per_token(m, d.kv_precision) * d.kv_copies / (bandwidth * e.kv_frac)
    windowed = m.window_layers / m.layers
    latency_s, s_per_byte = all_reduce(accelerator.link, d.tp)
    return StepCost(
        dense_read_s=weights.dense * read_s,
        expert_read_s=weights.experts * read_s,
        expert_miss_frac=1.0 - m.experts_per_token / m.experts,
        decode_token_s=operations / (flops * e.decode_gemm_frac),
        prefill_token_s=operations
        / (flops * (e.quant_prefill_frac if d.is_quantised else e.prefill_frac)),
        attention_s_per_token2=_attention_operations(m.layers, m.heads, m.head_dim)
        / (accelerator.flops_per_s["bf16"] * d.tp * e.attention_frac),
        kv_read_s_per_token=kv_s * (1 - windowed),
        window_kv_read_s_per_token=kv_s * windowed,
        window_tokens=m.window_tokens,
        link_s=2 * m.layers * latency_s,
        link_token_s=2 * m.layers * 2 * m.hidden * s_per_byte,
        layers_s=m.layers * e.layer_s + m.moe_layers * MOE_LAYER_S[d.runtime],
        sequence_s=m.layers * SEQUENCE_LAYER_S[d.runtime],
    )


def _attention_operations(layers: int, heads: int, head_dim: int) -> float:
    """Operations per pair of tokens: one product for the score, one for the value."""
    return 4.0 * layers * heads * head_dim


def _larger(a: N, b: N) -> N:
    """max(a, b) of numbers and of arrays alike, exact to rounding."""
    return (a + b + abs(a - b)) / 2


def _smaller(a: N, b: N) -> N:
    return (a + b - abs(a - b)) / 2


def _require(holds: Any, what: str) -> None:
    if not (holds if isinstance(holds, bool) else holds.all()):
        raise PlanError(f"{what} cannot be", hint="batch and tokens are 1 or more, KV 0 or more")
