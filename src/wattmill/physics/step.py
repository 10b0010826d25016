"""Seconds of one engine iteration by class of operator: a roofline for each, and what rooflines omit.

    decode(B, K)  = dense(B/c) + experts(B) + kv(B/c, K/c) + link(B/c) + floors + step + (B/c-1) seq
    dense(m)      = √(read² + (m · flop)²)
    experts(m)    = √((read · (1 - (1 - k/E)^m))² + (m · flop)²)    m tokens choose k of E experts
    prefill(n, p) = max(reading, n · flop) + n (p + n/2) · pair + link(n) + first · floors + step

B sequences in decode, K tokens of KV resident, c attention copies, n prompt tokens after p cached
ones. Arguments are numbers or NumPy arrays, which broadcast; so may be the constants.
The root of squares passes smoothly from memory-bound to compute-bound, as measured kernels do.
Reasons, sources and errors: docs/physics.md.
"""

from __future__ import annotations

from typing import Any

import msgspec

from wattmill.physics.calibration import Reach, reach
from wattmill.physics.demand import Demand, demand
from wattmill.physics.deployment import Deployment
from wattmill.physics.numbers import N, larger, require, smaller


class StepCost(msgspec.Struct, frozen=True):
    """The constants of one replica's iteration; seconds, per what their name says.

    Numbers for one deployment, arrays for many (`wattmill.physics.sweep.stack`).
    """

    dense_read_s: Any
    dense_token_s: Any
    expert_read_s: Any
    expert_token_s: Any
    expert_miss_frac: Any
    kv_read_s_per_token: Any
    window_kv_read_s_per_token: Any
    window_tokens: Any
    sparse_kv_read_s_per_token: Any
    sparse_tokens: Any
    prefill_dense_token_s: Any
    prefill_expert_token_s: Any
    attention_s_per_token2: Any
    window_attention_s_per_token2: Any
    link_s: Any
    link_token_s: Any
    layers_s: Any
    first_layers_s: Any
    step_s: Any
    sequence_s: Any
    state_s: Any
    interference_frac: Any
    request_s: Any
    copies: Any

    def dense_s(self, tokens: N) -> N:
        """The dense weights: read once, multiplied with every token."""
        seconds: N = root_of_squares(self.dense_read_s, tokens * self.dense_token_s)
        return seconds

    def experts_s(self, tokens: N) -> N:
        """The routed experts, as far as `tokens` tokens of one step choose them."""
        missed: N = self.expert_miss_frac**tokens
        seconds: N = root_of_squares(
            self.expert_read_s * (1.0 - missed), tokens * self.expert_token_s
        )
        return seconds

    def weights_s(self, tokens: N) -> N:
        """Reading the weights that `tokens` tokens of one step touch; no arithmetic."""
        missed: N = self.expert_miss_frac**tokens
        seconds: N = self.dense_read_s + self.expert_read_s * (1.0 - missed)
        return seconds

    def kv_s(self, batch: N, kv_tokens: N) -> N:
        """Attention over `kv_tokens` resident tokens of `batch` sequences of like length."""
        windowed = smaller(kv_tokens, batch * self.window_tokens)
        chosen = smaller(kv_tokens, batch * self.sparse_tokens)
        seconds: N = (
            kv_tokens * self.kv_read_s_per_token
            + windowed * self.window_kv_read_s_per_token
            + chosen * self.sparse_kv_read_s_per_token
        )
        return seconds

    def transfer_s(self, tokens: N) -> N:
        """The collectives of a step of `tokens` tokens."""
        seconds: N = self.link_s + tokens * self.link_token_s
        return seconds

    def overhead_s(self, batch: N) -> N:
        """What a step of `batch` sequences takes beside bytes, operations and messages."""
        seconds: N = self.layers_s + self.step_s + (batch - 1.0) * self.sequence_s
        return seconds

    def decode_step_s(self, batch: N, kv_tokens: N) -> N:
        """One token for each of `batch` sequences (1 or more) that hold `kv_tokens` in all."""
        _possible((batch >= 1) & (kv_tokens >= 0), f"a step of batch {batch} with {kv_tokens} KV")
        seconds: N = self._decode_s(batch, kv_tokens)
        return seconds

    def _decode_s(self, batch: N, kv_tokens: N) -> N:
        each = larger(batch / self.copies, 1.0 + 0.0 * batch)
        seconds: N = (
            self.dense_s(each)
            + self.experts_s(batch)
            + self.kv_s(each, kv_tokens / self.copies)
            + each * self.state_s
            + self.transfer_s(each)
            + self.overhead_s(each)
        )
        return seconds

    def prefill_s(self, tokens: N, prior_tokens: N | float = 0.0) -> N:
        """`tokens` prompt tokens (1 or more) that follow `prior_tokens` already in the cache."""
        _possible((tokens >= 1) & (prior_tokens >= 0), f"a prefill of {tokens} tokens")
        seconds: N = self._prefill_s(tokens, prior_tokens)
        return seconds

    def _prefill_s(self, tokens: N, prior_tokens: N | float) -> N:
        computed = tokens * (self.prefill_dense_token_s + self.prefill_expert_token_s)
        seconds: N = (
            larger(self.weights_s(tokens), computed)
            + self.pairs_s(tokens, prior_tokens)
            + self.transfer_s(tokens)
            + self.first_layers_s
            + self.step_s
        )
        return seconds

    def pairs_s(self, tokens: N, prior_tokens: N | float) -> N:
        """Attention of a prompt: every token with those before it, or in its window."""
        before = prior_tokens + tokens / 2
        seen = smaller(before + 0.0 * tokens, self.window_tokens + 0.0 * tokens)
        seconds: N = (
            tokens * before * self.attention_s_per_token2
            + tokens * seen * self.window_attention_s_per_token2
        )
        return seconds

    def shared_prefill_s(self, tokens: N, prior_tokens: N | float) -> N:
        """What a prompt of that length costs a busy replica: no floors, which steps pay anyway."""
        seconds: N = (
            tokens * (self.prefill_dense_token_s + self.link_token_s) / self.copies
            + tokens * self.prefill_expert_token_s
            + self.pairs_s(tokens, prior_tokens) / self.copies
        )
        return seconds


def step_cost(deployment: Deployment) -> StepCost:
    """The constants of a deployment, per replica (equations: this module; errors: docs/physics.md)."""
    return combine(demand(deployment), reach_of(deployment))


def reach_of(deployment: Deployment) -> Reach:
    """What the hardware and engine of a deployment reach."""
    d = deployment
    return reach(d.hardware.accelerator.family, d.engine, d.dense_width, d.expert_width)


def combine(need: Demand, got: Reach) -> StepCost:
    """Counts over rates: numbers or arrays alike."""
    bandwidth, vector = need.bandwidth_bytes_per_s, need.vector_flops_per_s
    dense_rate = need.dense_flops_per_s * got.gemm_frac
    expert_rate = need.expert_flops_per_s * got.expert_gemm_frac
    weights_rate = arriving(bandwidth * got.weights_frac, vector * got.intake)
    expert_weights_rate = arriving(bandwidth * got.expert_weights_frac, vector * got.expert_intake)
    kv_rate = arriving(bandwidth * got.kv_frac, vector * got.kv_intake)
    decode_rate = need.wide_flops_per_s * got.decode_attention_frac
    pair_rate = need.wide_flops_per_s * got.attention_frac
    floors, expert_floors = _mixer_floors_s(need, got), _expert_floors_s(need, got)
    return StepCost(
        dense_read_s=need.dense_bytes / weights_rate,
        dense_token_s=need.dense_token_flop / dense_rate,
        expert_read_s=need.expert_bytes / expert_weights_rate,
        expert_token_s=need.expert_token_flop / expert_rate,
        expert_miss_frac=need.expert_miss_frac,
        kv_read_s_per_token=root_of_squares(need.kv_bytes / kv_rate, need.kv_flop / decode_rate),
        window_kv_read_s_per_token=root_of_squares(
            need.window_kv_bytes / kv_rate, need.window_kv_flop / decode_rate
        ),
        window_tokens=need.window_tokens,
        sparse_kv_read_s_per_token=root_of_squares(
            need.sparse_kv_bytes / kv_rate, need.sparse_kv_flop / decode_rate
        ),
        sparse_tokens=need.sparse_tokens,
        prefill_dense_token_s=need.dense_token_flop / (dense_rate * got.prefill_frac),
        prefill_expert_token_s=need.expert_token_flop / (expert_rate * got.expert_prefill_frac),
        attention_s_per_token2=need.pair_flop / pair_rate,
        window_attention_s_per_token2=need.window_pair_flop / pair_rate,
        link_s=need.reduces * need.reduce_latency_s * got.reduce_frac
        + need.exchanges * got.exchange_s,
        link_token_s=need.reduces * need.reduce_token_bytes * need.reduce_s_per_byte * got.reduce_frac
        + need.exchanges * need.exchange_token_bytes * need.exchange_s_per_byte,
        layers_s=floors + expert_floors,
        first_layers_s=floors * got.first_floor + expert_floors * got.first_expert_floor,
        step_s=got.step_s,
        sequence_s=got.sequence_s + need.layers * got.layer_sequence_s,
        state_s=need.state_bytes / kv_rate,
        interference_frac=got.interference_frac,
        request_s=got.request_s,
        copies=need.copies,
    )  # fmt: skip


def _mixer_floors_s(need: Demand, got: Reach) -> Any:
    """Seconds that all but routed experts take with next to nothing to do."""
    return (
        need.attention_layers * got.attention_s
        + need.latent_layers * got.latent_s
        + need.sparse_layers * got.sparse_s
        + need.state_layers * got.state_s
        + need.mlp_layers * got.mlp_s
        + need.hops * got.hop_s
    )


def _expert_floors_s(need: Demand, got: Reach) -> Any:
    return need.moe_layers * got.moe_s + need.shared_layers * got.shared_s


def root_of_squares(a: Any, b: Any) -> Any:
    """√(a² + b²): near the larger of two times, and above it where they meet."""
    return (a * a + b * b) ** 0.5


def arriving(offered: Any, taken: Any) -> Any:
    """Bytes per second of a stream: what memory offers, or what the cores keep on the way.

    Both are hard bounds, so the bend between them is sharp (a fourth power); `taken` may be infinite.
    """
    return offered / (1.0 + (offered / taken) ** 4) ** 0.25


def _possible(holds: Any, what: str) -> None:
    require(holds, f"{what} cannot be", "batch and tokens are 1 or more, KV 0 or more")
