"""Encoders of text, and the towers that turn images and sound into tokens."""

from __future__ import annotations

import math

from wattmill.catalog.formats.architectures import Architecture
from wattmill.catalog.formats.config import MOST_LAYERS, Config, Fields
from wattmill.catalog.formats.decoders import DENSE_HIDDEN, attention, outline, share
from wattmill.core.errors import CatalogError

TOWERS = ("vision_config", "audio_config")
IMAGE_PIXELS = 1024
"""Side of the image by which `encoder_tokens` are counted where a tower takes any size."""


def bert(c: Config, arch: Architecture) -> Fields:
    """An encoder: one vector per text, no KV."""
    fields = outline(c, arch) | {"kind": "encoder"}
    fields |= attention(c, arch, fields)
    fields["mlp_hidden"] = c.count(*DENSE_HIDDEN)
    if arch.family == "bert":
        kinds = c.count("type_vocab_size", default=2, low=0)
        fields["position_rows"] = fields["max_context_tokens"] + kinds
    if arch.family == "modernbert":
        every = c.count("global_attn_every_n_layers", default=arch.window_every)
        fields["window_tokens"] = c.count("local_attention", default=128)
        fields["window_layers"] = fields["layers"] - math.ceil(fields["layers"] / every)
    return fields


def whisper(c: Config, arch: Architecture) -> Fields:
    """A decoder that also attends to the sound, 1500 states for 30 s."""
    hidden, heads = c.count("d_model"), c.count("decoder_attention_heads")
    states = c.count("max_source_positions", default=1500)
    context = c.count("max_target_positions", default=448)
    layers = c.count("decoder_layers", high=MOST_LAYERS)
    return {
        "kind": "encoder-decoder",
        "layers": layers,
        "hidden": hidden,
        "heads": heads,
        "kv_heads": heads,
        "head_dim": share(c, hidden, heads),
        "vocab": c.count("vocab_size"),
        "max_context_tokens": context,
        "position_rows": context,
        "tied": c.flag("tie_word_embeddings", default=arch.tied),
        "bias": arch.bias,
        "mlp_matrices": arch.mlp_matrices,
        "mlp_hidden": c.count("decoder_ffn_dim"),
        "cross_layers": layers,
        "cross_tokens": states,
        "encoder_tokens": states,
        "encoder_params": _sound_tower(c, hidden, states),
    }


def _sound_tower(c: Config, hidden: int, states: int) -> float:
    layers = c.count("encoder_layers", high=MOST_LAYERS)
    each = 4 * hidden**2 + 2 * hidden * c.count("encoder_ffn_dim") + 13 * hidden
    convolutions = 3 * hidden * (c.count("num_mel_bins", default=80) + hidden)
    return float(layers * each + convolutions + states * hidden)


def add_towers(top: Config, fields: Fields) -> list[str]:
    """Add to `fields` the towers for images and sound; the notes say how they were counted."""
    notes = []
    for key in TOWERS:
        tower = top.part(key)
        if tower is not None:
            notes.append(_add_tower(key, top, tower, fields))
    if fields.get("cross_layers") and fields["modality"] == "vision":
        fields["cross_tokens"] = fields.pop("encoder_tokens", 0)
    return notes


def _add_tower(key: str, top: Config, tower: Config, fields: Fields) -> str:
    try:
        weights = _tower_params(tower, fields["hidden"])
    except CatalogError as error:
        return f"the weights of {key} are not counted: {error.message}"
    fields["encoder_params"] = fields.get("encoder_params", 0.0) + weights
    if key == "vision_config":
        fields["modality"] = "vision"
        fields["encoder_tokens"] = _image_tokens(top, tower)
    return f"the weights of {key} are counted from its shape, to 20 %"


def _tower_params(c: Config, width: int) -> float:
    """A vision transformer: its layers, its patches and the projector to the model's `width`."""
    hidden = c.count("hidden_size", "embed_dim", "vt_hidden_size", "width", "d_model")
    layers = c.count("depth", "num_hidden_layers", "vt_num_hidden_layers", high=MOST_LAYERS)
    layers += c.count("num_global_layers", default=0, low=0)
    wide = c.count("intermediate_size", "vt_intermediate_size", default=4 * hidden)
    gated = c.word("model_type") in ("pixtral", "qwen2_5_vl")
    each = 4 * hidden**2 + (3 if gated else 2) * hidden * wide
    patches = 3 * _side(c, 14, "patch_size") ** 2 * hidden
    return float(layers * each + patches + _projector_params(c, hidden, width))


def _projector_params(c: Config, hidden: int, width: int) -> int:
    """Two matrices from the tower's width, of all patches that become one token, to the model's."""
    merge = _merge(c)
    if merge == 1:
        return width * (hidden + width)
    merged = hidden * merge**2
    return (1 + len(c.items("deepstack_visual_indexes") or [])) * merged * (merged + width)


def _image_tokens(top: Config, tower: Config) -> int:
    """Tokens of one image: a fixed number, or its patches of 1024 x 1024 pixels; 0 if unknown."""
    merge = _merge(tower, top)
    takes_any_size = merge > 1 or tower.word("model_type") == "pixtral"
    fixed = top.get("mm_tokens_per_image", "vision_soft_tokens_per_image", "image_seq_length")
    if fixed is not None and not takes_any_size:
        return top.whole(("mm_tokens_per_image",), fixed)
    if takes_any_size:
        side = IMAGE_PIXELS
    elif tower.get("image_size") is not None:
        side = _side(tower, IMAGE_PIXELS, "image_size")
    else:
        return 0
    tiles = tower.count("max_num_tiles", default=1)
    return tiles * math.ceil(side / (_side(tower, 14, "patch_size") * merge)) ** 2


def _merge(*configs: Config) -> int:
    """Patches along a side that become one token."""
    for config in configs:
        inner = config.part("img_token_compression_config") or config
        for key in ("spatial_merge_size", "merge_kernel_size"):
            if inner.get(key) is not None:
                return _side(inner, 1, key)
    return 1


def _side(c: Config, default: int, key: str) -> int:
    """A length of a square, which some write as a pair."""
    value = c.get(key)
    if isinstance(value, list) and value:
        return c.whole((key,), value[0], high=10**5)
    return c.count(key, default=default, high=10**5)
