"""Transformers: their shape by the words that are there, whatever the publisher's class is called."""

from __future__ import annotations

from typing import Any

from wattmill.catalog.formats import mixers
from wattmill.catalog.formats.architectures import Architecture
from wattmill.catalog.formats.config import MOST_LAYERS, Config, Fields
from wattmill.catalog.models import Bias


def decoder(c: Config, arch: Architecture) -> Fields:
    """A transformer of any of the kinds that share their words."""
    fields = outline(c, arch)
    fields |= attention(c, arch, fields)
    fields |= experts(c, arch, fields["layers"])
    fields |= dense(c, arch, fields)
    fields |= _recurrence(c, arch, fields)
    fields |= _windows(c, arch, fields)
    fields |= sparse(c, fields)
    fields |= extras(c, fields)
    return fields


def outline(c: Config, arch: Architecture) -> Fields:
    """What every model has: layers, width, vocabulary, context."""
    layers = c.get("num_hidden_layers", "n_layer", "n_layers", "num_layers")
    if layers is None:
        layers = len(c.items("layers_block_type", "hybrid_override_pattern") or []) or None
    if layers is None:
        c.fail("num_hidden_layers", "is missing", "add it to the file")
    return {
        "layers": c.whole(("num_hidden_layers", "n_layer", "n_layers"), layers, high=MOST_LAYERS),
        "hidden": c.count("hidden_size", "n_embd", "d_model"),
        "vocab": c.count("vocab_size"),
        "max_context_tokens": c.count(
            "max_position_embeddings", "n_positions", "max_sequence_length", "seq_length"
        ),
        "tied": c.flag("tie_word_embeddings", default=arch.tied),
        "bias": _bias(c, arch),
        "mlp_matrices": arch.mlp_matrices,
    }


def _bias(c: Config, arch: Architecture) -> Bias:
    """Whether attention's inputs, or all matrices, add a vector."""
    if c.flag("mlp_bias", "use_bias", default=arch.bias == "all"):
        return "all"
    told = c.get("attention_bias", "qkv_bias", "add_qkv_bias")
    return arch.bias if told is None else ("qkv" if told is True else "none")


def attention(c: Config, arch: Architecture, fields: Fields) -> Fields:
    """Heads of attention, which share the width `hidden` of the `fields` unless the file says more."""
    heads = c.count("num_attention_heads", "n_head", "n_heads", "num_heads")
    if c.get("kv_lora_rank"):
        return {"heads": heads, "kv_heads": heads, **_latent(c, arch)}
    kv_heads = c.count("num_key_value_heads", "n_head_kv", "num_kv_heads", default=heads)
    if heads % kv_heads:
        hint = "every KV head serves the same number of heads; check both"
        c.fail("num_key_value_heads", f"is {kv_heads}, which does not divide {heads} heads", hint)
    head_dim = c.get("head_dim", "attention_head_dim", "kv_channels")
    if head_dim is None:
        head_dim = share(c, fields["hidden"], heads)
    found: Fields = {
        "heads": heads,
        "kv_heads": kv_heads,
        "head_dim": c.whole(("head_dim", "attention_head_dim"), head_dim),
        "gated_attention": c.flag("attn_output_gate", default=arch.gated_attention),
    }
    if c.get("v_head_dim") is not None:
        found["value_dim"] = c.count("v_head_dim")
    return found


def share(c: Config, hidden: int, heads: int) -> int:
    """The width of one of `heads` heads that share a width evenly."""
    if hidden % heads:
        hint = "the heads share the width evenly, or the file names a head_dim"
        c.fail("num_attention_heads", f"is {heads}, which does not divide hidden {hidden}", hint)
    return hidden // heads


def _latent(c: Config, arch: Architecture) -> Fields:
    """Multi-head latent attention: what is cached is one latent and one rotary key."""
    lora = c.count("kv_lora_rank")
    head_dim = c.count("qk_nope_head_dim")
    return {
        "head_dim": head_dim,
        "value_dim": c.count("v_head_dim", default=head_dim),
        "kv_lora": lora,
        "latent_dim": lora + c.count("qk_rope_head_dim", low=0),
        "q_lora": c.count("q_lora_rank", default=0, low=0),
        "gated_attention": c.flag("mla_use_output_gate", default=arch.gated_attention),
    }


# --- what widens ----------------------------------------------------------------------------------

EXPERTS = ("num_local_experts", "num_experts", "n_routed_experts", "moe_num_experts")
CHOSEN = (
    "num_experts_per_tok",
    "num_experts_per_token",
    "experts_per_token",
    "top_k_experts",
    "moe_topk",
    "moe_top_k",
    "moe_k",
)
EXPERT_HIDDEN = ("moe_intermediate_size", "expert_intermediate_size", "expert_ffn_hidden_size")
SHARED_HIDDEN = ("shared_expert_intermediate_size", "share_expert_dim")
SHARED = ("n_shared_experts", "num_shared_experts", "num_shared_expert", "moe_num_shared_experts")
ONLY_DENSE: tuple[tuple[str, ...], ...] = (("intermediate_size_mlp",), ("dense_intermediate_size",))
"""Words of those for whom `intermediate_size` is the width of an expert."""
DENSE_HIDDEN: tuple[str, ...] = (
    "intermediate_size",
    "n_inner",
    "ffn_dim",
    "encoder_ffn_dim",
    "intermediate_dim",
)


def experts(c: Config, arch: Architecture, layers: int) -> Fields:
    """Routed experts, if there is more than one."""
    experts = c.count(*EXPERTS, default=1, low=0)
    if experts <= 1:
        return {}
    chosen = c.whole(CHOSEN, _first(c.get(*CHOSEN)), high=experts)
    if arch.intermediate_is_expert:
        hidden = c.count("moe_intermediate_size", "intermediate_size")
    else:
        hidden = c.whole(EXPERT_HIDDEN, _first(c.get(*EXPERT_HIDDEN, "intermediate_size")))
    fields: Fields = {
        "experts": experts,
        "experts_per_token": chosen,
        "expert_hidden": hidden,
        "moe_layers": _moe_layers(c, layers),
        "shared_expert_hidden": _shared(c, arch, hidden),
    }
    width = c.get("moe_latent_size", "routed_expert_hidden_size")
    if width is not None:
        fields["expert_width"] = c.whole(("moe_latent_size", "routed_expert_hidden_size"), width)
    return fields


def _first(value: Any) -> Any:
    """Some publishers write a list with one value for each layer."""
    return value[0] if isinstance(value, list) and value else value


def _shared(c: Config, arch: Architecture, expert_hidden: int) -> int:
    if arch.family == "llama4":
        return expert_hidden
    width = c.get(*SHARED_HIDDEN)
    if width is not None:
        return c.whole(SHARED_HIDDEN, width, low=0)
    shared = c.whole(SHARED, _first(c.get(*SHARED)) or 0, low=0)
    each = c.get("moe_shared_expert_intermediate_size")
    if each is None and not shared:
        return c.count("shared_intermediate_size", default=0, low=0)
    return shared * c.count("moe_shared_expert_intermediate_size", default=expert_hidden)


def _moe_layers(c: Config, layers: int) -> int:
    """How many layers have experts, in the many ways in which publishers say it."""
    kinds = c.items("mlp_layer_types", of=layers)
    if kinds is not None:
        return kinds.count("sparse")
    named = c.items("moe_layers") or _numbers(c.word("moe_layers_enum"))
    if named:
        return len(set(map(str, named)))
    each = c.get("moe_layer_freq")
    if isinstance(each, list):
        return sum(1 for x in each[:layers] if x == 1)
    return sum(1 for i in range(layers) if _has_experts(c, i, layers))


def _numbers(text: str) -> list[str]:
    return [part for part in text.split(",") if part.strip().isdigit()]


def _has_experts(c: Config, i: int, layers: int) -> bool:
    if c.get("expert_layer_period") is not None:
        period = c.count("expert_layer_period")
        return i % period == c.count("expert_layer_offset", default=0, low=0) % period
    if c.get("moe_layer_start_index") is not None:
        return _within_ernie(c, i, layers)
    dense = c.items("mlp_only_layers") or []
    step = c.count("decoder_sparse_step", "interleave_moe_layer_step", default=1)
    first = c.count("first_k_dense_replace", default=0, low=0)
    every = c.count("moe_layer_freq", default=1)
    return i not in dense and (i + 1) % step == 0 and i >= first and i % every == 0


def _within_ernie(c: Config, i: int, layers: int) -> bool:
    start = c.whole(("moe_layer_start_index",), _first(c.get("moe_layer_start_index")), low=0)
    end = c.whole(("moe_layer_end_index",), _first(c.get("moe_layer_end_index") or -1), low=-1)
    step = c.count("moe_layer_interval", default=1)
    return start <= i <= (layers - 1 if end < 0 else end) and (i + 1) % step == 0


def dense(c: Config, arch: Architecture, fields: Fields) -> Fields:
    """The dense MLPs of the layers that have no experts."""
    moe_layers = fields.get("moe_layers", 0)
    if c.flag("enable_moe_block", default=False):
        return {"mlp_hidden": c.count("intermediate_size"), "mlp_layers": fields["layers"]}
    if moe_layers == fields["layers"]:
        return {}
    keys = next((k for k in ONLY_DENSE if c.get(*k) is not None), DENSE_HIDDEN)
    if arch.family == "granite-hybrid":
        keys = ("shared_intermediate_size",)
    return {"mlp_hidden": _mean_width(c, keys)}


def _mean_width(c: Config, keys: tuple[str, ...]) -> int:
    value = c.get(*keys)
    if isinstance(value, list) and value:
        return round(sum(c.whole(keys, v) for v in value) / len(value))
    return c.count(*keys)


# --- what a layer sees ----------------------------------------------------------------------------

WINDOW = ("sliding_window", "sliding_window_size", "attention_chunk_size")
WINDOWED = ("sliding_attention", "chunked_attention", "local")


def _windows(c: Config, arch: Architecture, fields: Fields) -> Fields:
    """Layers whose attention sees a window alone."""
    if c.get(*WINDOW) is None or not c.flag("use_sliding_window", default=True):
        return {}
    window = c.whole(WINDOW, c.get(*WINDOW), low=0)
    attending = fields.get("attention_layers") or fields["layers"] - fields.get("state_layers", 0)
    layers = min(_window_layers(c, arch, fields["layers"]), attending)
    if not window or not layers or window >= fields["max_context_tokens"]:
        return {}
    return {"window_tokens": window, "window_layers": layers, **_window_heads(c, fields)}


def _window_layers(c: Config, arch: Architecture, layers: int) -> int:
    kinds = c.items("layer_types", of=layers)
    if kinds is not None:
        return sum(1 for kind in kinds if kind in WINDOWED)
    pattern = c.items("hybrid_layer_pattern", of=layers)
    if pattern is not None:
        return sum(1 for x in pattern if x == 1)
    if c.get("use_sliding_window") and c.get("max_window_layers") is not None:
        return max(0, layers - c.count("max_window_layers", low=0))
    every = c.get("sliding_window_pattern", "no_rope_layer_interval")
    if isinstance(every, int) and not isinstance(every, bool) and every > 0:
        return layers - layers // every
    return layers if arch.window_every == 0 else layers - layers // arch.window_every


def _window_heads(c: Config, fields: Fields) -> Fields:
    """Heads of windowed layers, where a publisher gives them other heads than the rest."""
    if c.get("global_head_dim") is not None:  # here the plain words are those of the windows
        found = {"window_head_dim": fields["head_dim"], "window_kv_heads": fields["kv_heads"]}
        found["head_dim"] = c.count("global_head_dim")
        found["kv_heads"] = c.count("num_global_key_value_heads", default=fields["kv_heads"])
        return found
    found = {}
    other = c.part("attention_other_setting")
    if other is not None:
        found["window_heads"] = other.count("num_attention_heads")
        found["window_kv_heads"] = other.count("num_attention_groups", default=fields["kv_heads"])
    elif c.get("swa_num_key_value_heads") is not None:
        found["window_kv_heads"] = c.count("swa_num_key_value_heads")
    return found


def sparse(c: Config, fields: Fields) -> Fields:
    """An indexer that chooses the tokens which attention reads, one by one or in blocks."""
    blocks = c.part("sparse_attention_config")
    if blocks is not None:
        return _sparse_blocks(blocks, fields["layers"])
    if c.get("index_topk") is None:
        return {}
    kinds = c.items("indexer_types", of=fields["layers"])
    return {
        "sparse_tokens": c.count("index_topk"),
        "index_layers": fields["layers"] if kinds is None else kinds.count("full"),
        "index_heads": c.count("index_n_heads"),
        "index_dim": c.count("index_head_dim"),
    }


def _sparse_blocks(c: Config, layers: int) -> Fields:
    if not c.flag("use_sparse_attention", default=True):
        return {}
    where = c.items("sparse_attention_freq", of=layers)
    return {
        "sparse_tokens": c.count("sparse_topk_blocks") * c.count("sparse_block_size"),
        "index_layers": layers if where is None else sum(1 for x in where if x == 1),
        "index_heads": c.count("sparse_num_index_heads"),
        "index_dim": c.count("sparse_index_dim"),
    }


def extras(c: Config, fields: Fields) -> Fields:
    """Prediction heads, shared KV, per-layer tables, attention to images."""
    found: Fields = {}
    heads = c.count("num_nextn_predict_layers", "mtp_num_hidden_layers", default=0, low=0)
    found["mtp_layers"] = heads or c.count("num_mtp_modules", default=0, low=0)
    shared = c.count("num_kv_shared_layers", default=0, low=0)
    if shared:
        found["kv_layers"] = max(1, fields["layers"] - shared)
    per_layer = c.count("hidden_size_per_layer_input", default=0, low=0)
    if per_layer:
        rows = c.count("vocab_size_per_layer_input", default=fields["vocab"])
        found["lookup_params"] = float(rows * per_layer * fields["layers"])
    crossed = c.items("cross_attention_layers")
    if crossed:
        found["cross_layers"] = len(crossed)
        found["attention_layers"] = fields["layers"] - len(crossed)
    return found


# --- recurrent states -----------------------------------------------------------------------------


def _recurrence(c: Config, arch: Architecture, fields: Fields) -> Fields:
    """Layers with a recurrent state, by the words of the mixer that makes them."""
    if c.get("linear_num_value_heads") is not None:
        return _gated_delta(c, fields)
    linear = c.part("linear_attn_config")
    if linear is not None:
        return _kimi_delta(linear, fields)
    if arch.family == "minimax-m1":
        return _lightning(c, fields)
    return {}


def state(mixer: mixers.Mixer, layers: int, bits: int = 16) -> Fields:
    return {
        "state_layers": layers,
        "state_elements": mixer.elements,
        "state_params": mixer.params,
        "state_bits": bits,
    }


def state_bits(c: Config) -> int:
    named = c.word("mamba_ssm_cache_dtype", "mamba_ssm_dtype")
    return 32 if named == "float32" else 16


def _gated_delta(c: Config, fields: Fields) -> Fields:
    layers = fields["layers"]
    kinds = c.items("layer_types", of=layers)
    every = c.count("full_attention_interval", default=4)
    linear = layers - layers // every if kinds is None else kinds.count("linear_attention")
    mixer = mixers.gated_delta(
        fields["hidden"],
        c.count("linear_num_key_heads"),
        c.count("linear_key_head_dim"),
        c.count("linear_num_value_heads"),
        c.count("linear_value_head_dim"),
        c.count("linear_conv_kernel_dim", default=4),
    )
    return state(mixer, linear, state_bits(c))


def _kimi_delta(linear: Config, fields: Fields) -> Fields:
    layers = linear.items("kda_layers")
    if layers is None:
        linear.fail("kda_layers", "is missing", "the file names the layers with linear attention")
    mixer = mixers.kimi_delta(
        fields["hidden"],
        linear.count("num_heads"),
        linear.count("head_dim"),
        linear.count("short_conv_kernel_size", default=4),
        linear.flag("use_full_rank_gate", default=False),
    )
    return state(mixer, _at_most(linear, "kda_layers", len(layers), fields["layers"]), 32)


def _at_most(c: Config, key: str, count: int, layers: int) -> int:
    if count > layers:
        c.fail(key, f"names {count} of {layers} layers", "check the file")
    return count


def _lightning(c: Config, fields: Fields) -> Fields:
    layers = fields["layers"]
    kinds = c.items("attn_type_list", of=layers)
    if kinds is not None:
        linear = sum(1 for kind in kinds if kind == 0)
    else:
        linear = (c.items("layer_types", of=layers) or []).count("linear_attention")
    mixer = mixers.lightning(fields["hidden"], fields["heads"], fields["head_dim"])
    return state(mixer, linear, 32)
