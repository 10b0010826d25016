"""A small Llama decoder, its weights under the names that llama.cpp knows."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional


@dataclass(frozen=True)
class ModelShape:
    """The sizes of the network; rows are multiples of 32, as Q8_0 demands."""

    vocabulary: int = 1536
    width: int = 192
    layers: int = 4
    heads: int = 6
    key_value_heads: int = 2
    hidden: int = 512
    context: int = 4096
    rope_base: float = 10000.0
    norm_epsilon: float = 1e-5

    @property
    def head_width(self) -> int:
        """Numbers per attention head."""
        return self.width // self.heads


class Layer(nn.Module):
    """Attention and a gated feed-forward, each behind its own norm.

    The weights carry the names that llama.cpp knows them by, so that they can be
    written to the file under their own names.
    """

    def __init__(self, shape: ModelShape) -> None:
        super().__init__()
        self.shape = shape
        shared_width = shape.key_value_heads * shape.head_width
        self.attn_norm = nn.RMSNorm(shape.width, eps=shape.norm_epsilon)
        self.attn_q = nn.Linear(shape.width, shape.width, bias=False)
        self.attn_k = nn.Linear(shape.width, shared_width, bias=False)
        self.attn_v = nn.Linear(shape.width, shared_width, bias=False)
        self.attn_output = nn.Linear(shape.width, shape.width, bias=False)
        self.ffn_norm = nn.RMSNorm(shape.width, eps=shape.norm_epsilon)
        self.ffn_gate = nn.Linear(shape.width, shape.hidden, bias=False)
        self.ffn_up = nn.Linear(shape.width, shape.hidden, bias=False)
        self.ffn_down = nn.Linear(shape.hidden, shape.width, bias=False)

    def forward(self, x: Tensor, cosine: Tensor, sine: Tensor) -> Tensor:
        """Add what both halves have to say."""
        x = x + self.attend(self.attn_norm(x), cosine, sine)
        gated: Tensor = self.ffn_norm(x)
        gated = functional.silu(self.ffn_gate(gated)) * self.ffn_up(gated)
        narrowed: Tensor = self.ffn_down(gated)
        return x + narrowed

    def attend(self, x: Tensor, cosine: Tensor, sine: Tensor) -> Tensor:
        """Let every position look back; several query heads share one key/value head."""
        group = self.shape.heads // self.shape.key_value_heads
        query = rotate(self.split(self.attn_q(x)), cosine, sine)
        key = rotate(self.split(self.attn_k(x)), cosine, sine).repeat_interleave(group, dim=1)
        value = self.split(self.attn_v(x)).repeat_interleave(group, dim=1)
        seen = functional.scaled_dot_product_attention(query, key, value, is_causal=True)
        mixed: Tensor = self.attn_output(seen.transpose(1, 2).flatten(2))
        return mixed

    def split(self, x: Tensor) -> Tensor:
        """Cut the last axis into heads and move them to the front."""
        return x.view(*x.shape[:2], -1, self.shape.head_width).transpose(1, 2)


class Llama(nn.Module):
    """A small decoder whose embedding also serves as its output matrix."""

    def __init__(self, shape: ModelShape) -> None:
        super().__init__()
        self.shape = shape
        self.token_embd = nn.Embedding(shape.vocabulary, shape.width)
        self.blk = nn.ModuleList(Layer(shape) for _ in range(shape.layers))
        self.output_norm = nn.RMSNorm(shape.width, eps=shape.norm_epsilon)
        for weights in self.parameters():
            if weights.dim() == 2:
                nn.init.normal_(weights, std=0.02)

    def forward(self, tokens: Tensor) -> Tensor:
        """Score every token as the one that follows each position."""
        cosine, sine = rope_tables(self.shape, tokens.shape[1])
        x: Tensor = self.token_embd(tokens)
        for layer in self.blk:
            x = layer(x, cosine, sine)
        return functional.linear(self.output_norm(x), self.token_embd.weight)


def rotate(x: Tensor, cosine: Tensor, sine: Tensor) -> Tensor:
    """Turn neighbouring pairs by their position, in the order that llama.cpp expects."""
    even, odd = x[..., 0::2], x[..., 1::2]
    turned = torch.stack((even * cosine - odd * sine, even * sine + odd * cosine), dim=-1)
    return turned.flatten(-2)


def rope_tables(shape: ModelShape, length: int) -> tuple[Tensor, Tensor]:
    """Tabulate cosines and sines of the rotary angles, one row per position."""
    exponents = torch.arange(0, shape.head_width, 2) / shape.head_width
    angles = torch.outer(torch.arange(length), shape.rope_base**-exponents)
    return angles.cos(), angles.sin()
