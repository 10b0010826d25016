"""Models that mix recurrent states with attention, and others with words of their own."""

from __future__ import annotations

import math
from typing import Any

from wattmill.catalog.formats import mixers
from wattmill.catalog.formats.architectures import Architecture
from wattmill.catalog.formats.config import MOST_LAYERS, Config, Fields, short
from wattmill.catalog.formats.decoders import (
    DENSE_HIDDEN,
    attention,
    decoder,
    dense,
    experts,
    extras,
    outline,
    share,
    sparse,
    state,
    state_bits,
)


def _mamba2(c: Config, hidden: int, layers: int) -> Fields:
    """Mamba-2 layers by the words of Nemotron-H, Granite, Bamba and Falcon-H1."""
    heads = c.count("mamba_num_heads", "mamba_n_heads", "num_heads")
    head_dim = c.get("mamba_head_dim", "mamba_d_head", "head_dim")
    inner = c.get("mamba_d_ssm")
    if inner is None:
        each = c.whole(("mamba_head_dim", "mamba_d_head"), _number_or(head_dim, 64))
        inner = heads * each
    mixer = mixers.mamba2(
        hidden,
        c.whole(("mamba_d_ssm",), inner),
        c.count("ssm_state_size", "mamba_d_state", "state_size"),
        c.count("n_groups", "mamba_n_groups", default=1),
        heads,
        c.count("conv_kernel", "mamba_d_conv", default=4),
    )
    return state(mixer, layers, state_bits(c))


def _number_or(value: Any, default: int) -> Any:
    return default if value in (None, "auto") else value


def nemotron_h(c: Config, arch: Architecture) -> Fields:
    """Blocks of one part each, written as a pattern: M state, * attention, E experts, - MLP."""
    pattern = c.word("hybrid_override_pattern")
    letters = {"mamba": "M", "attention": "*", "moe": "E", "mlp": "-"}
    if not pattern:
        kinds = c.items("layers_block_type") or []
        pattern = "".join(letters.get(str(kind), "?") for kind in kinds)
    if not pattern or set(pattern) - set("M*E-"):
        c.fail("hybrid_override_pattern", f"is {short(pattern)}", "it is made of M, *, E and -")
    values = {**c.values, "num_hidden_layers": len(pattern)}
    whole = Config(values, c.place, c.path, c.defaults)
    fields = outline(whole, arch)
    fields |= attention(whole, arch, fields)
    if "E" in pattern:
        fields |= experts(whole, arch, len(pattern)) | {"moe_layers": pattern.count("E")}
    if "-" in pattern:
        fields["mlp_hidden"] = whole.count(*DENSE_HIDDEN)
    fields |= _mamba2(whole, fields["hidden"], pattern.count("M"))
    fields |= {"attention_layers": pattern.count("*"), "mlp_layers": pattern.count("-")}
    return fields | extras(whole, fields)


def mamba_and_attention(c: Config, arch: Architecture) -> Fields:
    """Granite 4 and Bamba: layers of either kind, each followed by an MLP or experts."""
    fields = outline(c, arch)
    fields |= attention(c, arch, fields)
    fields |= experts(c, arch, fields["layers"])
    fields |= dense(c, arch, fields)
    kinds = c.items("layer_types", "layers_block_type", of=fields["layers"])
    if kinds is None:
        attending = c.items("attn_layer_indices") or []
        states = fields["layers"] - len(attending)
    else:
        states = kinds.count("mamba")
    if states <= 0:
        return fields
    return fields | _mamba2(c, fields["hidden"], states)


def falcon_h1(c: Config, arch: Architecture) -> Fields:
    """Attention and a state side by side in every layer."""
    fields = decoder(c, arch)
    fields |= _mamba2(c, fields["hidden"], fields["layers"])
    return fields | {"attention_layers": fields["layers"]}


def jamba(c: Config, arch: Architecture) -> Fields:
    """One attention layer in every few, the rest Mamba; experts in every other layer."""
    fields = decoder(c, arch)
    layers, period = fields["layers"], c.count("attn_layer_period", default=8)
    offset = c.count("attn_layer_offset", default=4, low=0)
    attending = sum(1 for i in range(layers) if i % period == offset % period)
    inner = c.count("mamba_expand", default=2) * fields["hidden"]
    rank = _number_or(c.get("mamba_dt_rank"), math.ceil(fields["hidden"] / 16))
    mixer = mixers.mamba1(
        fields["hidden"],
        inner,
        c.count("mamba_d_state", default=16),
        c.count("mamba_d_conv", default=4),
        c.whole(("mamba_dt_rank",), rank),
    )
    return fields | state(mixer, layers - attending)


def mamba(c: Config, arch: Architecture) -> Fields:
    """States in every layer, and nothing else: no attention, no MLP, any context."""
    hidden = c.count("hidden_size", "d_model")
    kernel = c.count("conv_kernel", default=4)
    inner = c.count("intermediate_size", default=c.count("expand", default=2) * hidden)
    if arch.family == "mamba":
        heads, head_dim = 1, inner
        mixer = mixers.mamba1(hidden, inner, c.count("state_size", default=16), kernel)
    else:
        head_dim = c.count("head_dim", default=64)
        heads = c.count("num_heads", default=max(1, inner // head_dim))
        width = c.count("state_size", default=128)
        groups = c.count("n_groups", default=1)
        mixer = mixers.mamba2(hidden, heads * head_dim, width, groups, heads, kernel)
    layers = c.count("num_hidden_layers", "n_layer", high=MOST_LAYERS)
    return _attention_free(c, arch, layers, hidden, heads, head_dim) | state(mixer, layers)


def rwkv7(c: Config, arch: Architecture) -> Fields:
    """Time mixing and channel mixing in every layer."""
    hidden = c.count("hidden_size")
    head_dim = c.count("head_dim", default=64)
    ranks = ("decay", "gate", "a", "v")
    low_ranks = sum(c.count(f"{name}_low_rank_dim", default=64) for name in ranks)
    layers = c.count("num_hidden_layers", high=MOST_LAYERS)
    heads = share(c, hidden, max(1, hidden // head_dim))
    fields = _attention_free(c, arch, layers, hidden, hidden // heads, heads)
    fields["mlp_layers"] = layers
    fields["mlp_hidden"] = c.count("intermediate_size", default=4 * hidden)
    return fields | state(mixers.rwkv7(hidden, head_dim, low_ranks), layers, 32)


def _attention_free(
    c: Config, arch: Architecture, layers: int, hidden: int, heads: int, head_dim: int
) -> Fields:
    context = c.count("max_position_embeddings", "max_sequence_length", default=2**20)
    return {
        "layers": layers,
        "hidden": hidden,
        "heads": heads,
        "kv_heads": heads,
        "head_dim": head_dim,
        "vocab": c.count("vocab_size"),
        "max_context_tokens": context,
        "tied": c.flag("tie_word_embeddings", "tie_embeddings", default=arch.tied),
        "mlp_matrices": arch.mlp_matrices,
        "mlp_layers": 0,
    }


# --- others ---------------------------------------------------------------------------------------


def nemotron_nas(c: Config, arch: Architecture) -> Fields:
    """Blocks that a search thinned out: some have no attention, each has an MLP of its own width."""
    layers = c.count("num_hidden_layers", high=MOST_LAYERS)
    blocks = c.items("block_configs", of=layers)
    if blocks is None or not all(isinstance(block, dict) for block in blocks):
        c.fail("block_configs", "is missing or no list of objects", "take the model's own file")
    parts = [
        Config(block, c.place, f"{c.path}block_configs[{i}].") for i, block in enumerate(blocks)
    ]
    attending = [a for a in (_running(p.part("attention")) for p in parts) if a is not None]
    heads = c.count("num_attention_heads")
    shared = attending[0].count("n_heads_in_group") if attending else heads
    if heads % shared:
        c.fail("num_attention_heads", f"is {heads}, not a multiple of {shared}", "check the file")
    hidden = c.count("hidden_size")
    widths = [_nas_width(p, hidden) for p in parts]
    mlps = [width for width in widths if width]
    values = {**c.values, "num_key_value_heads": heads // shared}
    fields = outline(c, arch) | attention(Config(values, c.place, c.path), arch, {"hidden": hidden})
    fields |= {"attention_layers": len(attending), "mlp_layers": len(mlps)}
    return fields | {"mlp_hidden": round(sum(mlps) / len(mlps)) if mlps else 0}


def _running(part: Config | None) -> Config | None:
    """A part of a block, unless it was searched away."""
    if part is None or part.get("no_op") or part.get("replace_with_linear"):
        return None
    return part


def _nas_width(block: Config, hidden: int) -> int:
    """Inner width of a block's MLP, a multiple of 256 as in Llama; 0 if there is none."""
    ffn = _running(block.part("ffn"))
    if ffn is None:
        return 0
    factor = ffn.get("ffn_mult")
    if isinstance(factor, bool) or not isinstance(factor, int | float) or not 0 < factor < 1000:
        ffn.fail("ffn_mult", f"is {short(factor)}, not a factor above 0", "check the file")
    return math.ceil(2 * factor * hidden / 3 / 256) * 256


def deepseek_v4(c: Config, arch: Architecture) -> Fields:
    """One shared key-value head, compressed by a ratio of its own in each layer.

    Low ratios choose among their entries with an indexer, high ones read all of theirs; outputs go
    through grouped low-rank products. The window of 128 plain tokens that every layer also sees is
    left out.
    """
    fields = outline(c, arch)
    head_dim = c.count("head_dim")
    fields |= {"heads": c.count("num_attention_heads"), "kv_heads": 1, "head_dim": head_dim}
    fields |= {"latent_dim": head_dim, "attention_weights": _v4_weights(c, fields)}
    fields |= experts(c, arch, fields["layers"])
    fields |= dense(c, arch, fields)
    fields |= sparse(c, fields) | _v4_ratios(c, fields["layers"])
    fields["q_lora"] = c.count("q_lora_rank")
    return fields | extras(c, fields)


def _v4_ratios(c: Config, layers: int) -> Fields:
    given = c.items("compress_ratios", of=layers)
    if given is None:
        c.fail("compress_ratios", "is missing", "take the model's own file")
    ratios = [c.whole(("compress_ratios",), r, low=0) for r in given]
    choosing = [ratio for ratio in ratios if 1 < ratio < 32]
    kept = sum(1 / ratio for ratio in ratios if ratio)
    return {
        "kv_kept_frac": kept / layers,
        "index_layers": len(choosing),
        "index_kept_frac": sum(1 / r for r in choosing) / len(choosing) if choosing else 1.0,
    }


def _v4_weights(c: Config, fields: Fields) -> float:
    """Queries, the shared key-value with its compressor, and outputs in groups."""
    hidden, width = fields["hidden"], fields["heads"] * fields["head_dim"]
    q_lora, o_lora, groups = c.count("q_lora_rank"), c.count("o_lora_rank"), c.count("o_groups")
    queries = q_lora * (hidden + width)
    outputs = width * o_lora + groups * o_lora * hidden
    return float(queries + 3 * hidden * fields["head_dim"] + outputs)
