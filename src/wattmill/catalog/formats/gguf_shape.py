"""The shape of a model from the head of its GGUF file: mostly from the tensors themselves.

A tensor's name says what a layer does (`blk.7.ffn_down_exps.weight`) and its shape how wide it is,
the same in every architecture; key-values give what no shape shows: heads, windows, the context.
"""

from __future__ import annotations

import re
from collections import defaultdict
from typing import Any, NoReturn

import msgspec

from wattmill.catalog.formats.config import MOST, MOST_LAYERS, Fields, short
from wattmill.catalog.formats.gguf import Gguf, Tensor
from wattmill.catalog.formats.hf import Read
from wattmill.catalog.models import Modality
from wattmill.catalog.names import nearest
from wattmill.catalog.precision import WEIGHT_BITS
from wattmill.core.errors import CatalogError


class GgufArchitecture(msgspec.Struct, frozen=True):
    """What neither keys nor tensors say of a `general.architecture`.

    window_every: every n-th layer sees the whole context where a window is named; 0 is none does.
    """

    family: str
    window_every: int = 0
    encoder: bool = False
    modality: Modality = "text"


def _bert(family: str, window_every: int = 0) -> GgufArchitecture:
    return GgufArchitecture(family, window_every, encoder=True, modality="embedding")


ARCHITECTURES: dict[str, GgufArchitecture] = {
    "bert": _bert("bert"),
    "nomic-bert": _bert("nomic-bert"),
    "modern-bert": _bert("modernbert", 3),
    "llama": GgufArchitecture("llama"),
    "llama4": GgufArchitecture("llama4", 4),
    "mistral3": GgufArchitecture("mistral"),
    "mistral4": GgufArchitecture("deepseek-v3"),
    "deci": GgufArchitecture("nemotron-nas"),
    "qwen2": GgufArchitecture("qwen2"),
    "qwen2vl": GgufArchitecture("qwen2", modality="vision"),
    "qwen2moe": GgufArchitecture("qwen2-moe"),
    "qwen3": GgufArchitecture("qwen3"),
    "qwen3vl": GgufArchitecture("qwen3", modality="vision"),
    "qwen3moe": GgufArchitecture("qwen3-moe"),
    "qwen3vlmoe": GgufArchitecture("qwen3-moe", modality="vision"),
    "qwen3next": GgufArchitecture("qwen3-next"),
    "qwen35": GgufArchitecture("qwen3.5"),
    "qwen35moe": GgufArchitecture("qwen3.5-moe"),
    "deepseek": GgufArchitecture("deepseek"),
    "deepseek2": GgufArchitecture("deepseek-v3"),
    "kimi-linear": GgufArchitecture("kimi-linear"),
    "glm4": GgufArchitecture("glm4"),
    "glm4moe": GgufArchitecture("glm4-moe"),
    "gpt-oss": GgufArchitecture("gpt-oss", 2),
    "gemma": GgufArchitecture("gemma"),
    "gemma2": GgufArchitecture("gemma2", 2),
    "gemma3": GgufArchitecture("gemma3", 6),
    "gemma3n": GgufArchitecture("gemma3n", 5),
    "gemma4": GgufArchitecture("gemma4", 6),
    "phi2": GgufArchitecture("phi2"),
    "phi3": GgufArchitecture("phi3"),
    "phimoe": GgufArchitecture("phimoe"),
    "minimax-m2": GgufArchitecture("minimax-m2"),
    "command-r": GgufArchitecture("cohere"),
    "cohere2": GgufArchitecture("cohere2", 4),
    "granite": GgufArchitecture("granite"),
    "granitemoe": GgufArchitecture("granite-moe"),
    "granitehybrid": GgufArchitecture("granite-hybrid"),
    "nemotron": GgufArchitecture("nemotron"),
    "nemotron_h": GgufArchitecture("nemotron-h"),
    "nemotron_h_moe": GgufArchitecture("nemotron-h"),
    "falcon-h1": GgufArchitecture("falcon-h1"),
    "jamba": GgufArchitecture("jamba"),
    "mamba": GgufArchitecture("mamba"),
    "mamba2": GgufArchitecture("mamba2"),
    "rwkv7": GgufArchitecture("rwkv7"),
    "olmo": GgufArchitecture("olmo"),
    "olmo2": GgufArchitecture("olmo2", 4),
    "olmoe": GgufArchitecture("olmoe"),
    "starcoder2": GgufArchitecture("starcoder2"),
    "smollm3": GgufArchitecture("smollm3"),
    "hunyuan-moe": GgufArchitecture("hunyuan-moe"),
    "hunyuan-dense": GgufArchitecture("hunyuan"),
    "ernie4_5": GgufArchitecture("ernie4.5"),
    "ernie4_5-moe": GgufArchitecture("ernie4.5-moe"),
    "dots1": GgufArchitecture("dots1"),
    "seed_oss": GgufArchitecture("seed-oss"),
    "exaone4": GgufArchitecture("exaone4", 4),
    "internlm2": GgufArchitecture("internlm2"),
}
"""What is understood, by `general.architecture`."""


def read_shape(gguf: Gguf) -> Read:
    """The shape of the model in a GGUF file; CatalogError if it is none that is understood."""
    return _Shape(gguf).read()


class _Shape:
    """One file: its keys under the name of its architecture, its tensors by layer."""

    def __init__(self, gguf: Gguf) -> None:
        self.gguf = gguf
        named = gguf.values.get("general.architecture")
        if not isinstance(named, str) or named not in ARCHITECTURES:
            hint = nearest(named if isinstance(named, str) else "", ARCHITECTURES)
            if named == "clip":
                hint = "this is a tower for images alone; name the file of the model"
            self.fail("general.architecture", f"{short(named)} is not understood", hint)
        self.name, self.arch = named, ARCHITECTURES[named]
        self.tensors = {tensor.name: tensor for tensor in gguf.tensors}
        self.layers = self.count("block_count", high=MOST_LAYERS)
        self.mtp = self.count("nextn_predict_layers", default=0, low=0, high=self.layers)
        self.layers -= self.mtp
        self.blocks: dict[int, dict[str, Tensor]] = defaultdict(dict)
        for tensor in gguf.tensors:
            found = re.fullmatch(r"blk\.(\d{1,5})\.(.+)", tensor.name)
            if found:
                self.blocks[int(found[1])][found[2]] = tensor

    def read(self) -> Read:
        fields = self.outline()
        fields |= self.attention(fields)
        fields |= self.widening(fields["hidden"])
        fields |= self.states(fields)
        fields |= self.windows(fields)
        fields["params"] = float(sum(t.elements for t in self.gguf.tensors if self.counted(t)))
        fields["default_precision"], notes = self.precision()
        return Read(fields, tuple(notes))

    # --- what the file says -----------------------------------------------------------------------

    def outline(self) -> Fields:
        table = self.tensors.get("token_embd.weight")
        if table is None or len(table.shape) != 2:
            self.fail("token_embd.weight", "is no table of tokens", "this is no language model")
        if self.layers < 1 or not all(i in self.blocks for i in range(self.layers)):
            self.fail(
                self.key("block_count"), "names layers that are not there", "is a part missing?"
            )
        fields: Fields = {
            "family": self.arch.family,
            "kind": "encoder" if self.arch.encoder else "decoder",
            "modality": self.arch.modality,
            "layers": self.layers,
            "hidden": self.count("embedding_length"),
            "vocab": table.shape[1],
            "max_context_tokens": self.count("context_length"),
            "tied": "output.weight" not in self.tensors,
            "mtp_layers": self.mtp,
        }
        if table.shape[0] != fields["hidden"]:
            message = f"is {fields['hidden']}, but the table of tokens is {table.shape[0]} wide"
            self.fail(self.key("embedding_length"), message, "take the file again")
        positions = self.tensors.get("position_embd.weight")
        tables = self.tensors.get("per_layer_token_embd.weight")
        fields["position_rows"] = positions.shape[-1] if positions else 0
        fields["lookup_params"] = float(tables.elements if tables else 0)
        return fields

    def attention(self, fields: Fields) -> Fields:
        layers = [b for b in self.each() if _attends(b)]
        found: Fields = {"attention_layers": len(layers)}
        if not layers:
            heads = max(1, fields["hidden"] // 64)
            return found | {"heads": heads, "kv_heads": heads, "head_dim": 64}
        heads = self.most("attention.head_count")
        found |= {"heads": heads, "bias": _bias(self.each())}
        if self.value("attention.kv_lora_rank"):
            return found | {"kv_heads": heads} | self.latent()
        kv_heads = self.most("attention.head_count_kv", default=heads)
        if heads % kv_heads:
            message = f"is {kv_heads}, which does not divide {heads} heads"
            self.fail(self.key("attention.head_count_kv"), message, "take the file again")
        found["kv_heads"] = kv_heads
        default = fields["hidden"] // heads if fields["hidden"] % heads == 0 else None
        head_dim = self.count("attention.key_length", default=default)
        value_dim = self.count("attention.value_length", default=head_dim)
        shared = self.count("attention.shared_kv_layers", default=0, low=0, high=self.layers - 1)
        if shared:
            found["kv_layers"] = len(layers) - min(shared, len(layers) - 1)
        queries = [b["attn_q.weight"].elements for b in layers if "attn_q.weight" in b]
        gated = bool(queries) and queries[0] == 2 * fields["hidden"] * heads * head_dim
        return found | {"head_dim": head_dim, "value_dim": value_dim, "gated_attention": gated}

    def latent(self) -> Fields:
        lora, rotary = self.count("attention.kv_lora_rank"), self.count("rope.dimension_count")
        width = self.count("attention.key_length_mla", "attention.key_length", low=rotary + 1)
        return {
            "head_dim": width - rotary,
            "value_dim": self.count("attention.value_length_mla", "attention.value_length"),
            "kv_lora": lora,
            "latent_dim": lora + rotary,
            "q_lora": self.count("attention.q_lora_rank", default=0, low=0),
        }

    def widening(self, hidden: int) -> Fields:
        dense = [b["ffn_down.weight"] for b in self.each() if "ffn_down.weight" in b]
        dense += [
            b["channel_mix_value.weight"] for b in self.each() if "channel_mix_value.weight" in b
        ]
        routed = [b for b in self.each() if "ffn_down_exps.weight" in b]
        widths = [tensor.shape[0] for tensor in dense]
        fields: Fields = {
            "mlp_layers": len(dense),
            "mlp_hidden": round(sum(widths) / len(widths)) if widths else 0,
            "mlp_matrices": 3 if any(_gated(b) for b in self.each()) else 2,
            "moe_layers": len(routed),
        }
        return fields | (self.experts(routed[0], hidden) if routed else {})

    def experts(self, block: dict[str, Tensor], hidden: int) -> Fields:
        down = block["ffn_down_exps.weight"]
        if len(down.shape) != 3:
            self.fail(down.name, f"has the shape {down.shape}", "take the file again")
        shared = block.get("ffn_down_shexp.weight")
        chosen = self.count("expert_used_count", high=down.shape[2])
        return {
            "expert_hidden": down.shape[0],
            "expert_width": None if down.shape[1] == hidden else down.shape[1],
            "experts": down.shape[2],
            "experts_per_token": chosen,
            "shared_expert_hidden": shared.shape[0] if shared else 0,
        }

    def states(self, fields: Fields) -> Fields:
        layers = [b for b in self.each() if _recurs(b)]
        if not layers:
            return {}
        weights = sum(t.elements for b in layers for name, t in b.items() if _mixes(name, b))
        return {
            "state_layers": len(layers),
            "state_params": weights / len(layers),
            "state_elements": self.state_elements(fields),
            "state_bits": 32,
        }

    def state_elements(self, fields: Fields) -> int:
        """Elements of one state and its convolution: the same sum in every kind of mixer."""
        head_size = self.count("wkv.head_size", default=0, low=0)
        if head_size:
            return int(fields["hidden"]) * (head_size + 2)
        delta = self.count("kda.head_dim", default=0, low=0)
        kernel = self.count("ssm.conv_kernel")
        if delta:
            width = fields["heads"] * delta
            return int(width) * (delta + 3 * (kernel - 1))
        inner, state = self.count("ssm.inner_size"), self.count("ssm.state_size")
        groups = 0 if self.name in ("mamba", "jamba") else self.count("ssm.group_count", default=1)
        return inner * state + (inner + 2 * groups * state) * (kernel - 1)

    def windows(self, fields: Fields) -> Fields:
        window = self.count("attention.sliding_window", "attention.chunk_size", default=0, low=0)
        if not window or window >= fields["max_context_tokens"]:
            return {}
        pattern = self.value("attention.sliding_window_pattern")
        attending = fields["attention_layers"]
        if isinstance(pattern, list):
            windowed = sum(1 for flag in pattern[: self.layers] if flag)
        else:
            full_every = (
                pattern if isinstance(pattern, int) and pattern > 1 else self.arch.window_every
            )
            windowed = attending - (attending // full_every if full_every else 0)
        return {"window_tokens": window, "window_layers": min(windowed, attending)}

    def precision(self) -> tuple[str, list[str]]:
        """The precision by its usual name, and the bits per weight that the file really has."""
        weights = sum(tensor.elements for tensor in self.gguf.tensors)
        bits = sum(tensor.bytes for tensor in self.gguf.tensors) * 8 / weights
        notes = [f"weights take {bits:.2f} bits each in this file"]
        named = self.gguf.precision
        if named in WEIGHT_BITS:
            return str(named), notes
        close = min(WEIGHT_BITS, key=lambda name: abs(WEIGHT_BITS[name] - bits))
        return close, [
            *notes,
            f"precision assumed {close}, the nearest that wattmill has a size for",
        ]

    # --- how it is read ---------------------------------------------------------------------------

    def each(self) -> list[dict[str, Tensor]]:
        return [self.blocks[i] for i in range(self.layers)]

    def counted(self, tensor: Tensor) -> bool:
        """Whether a tensor is weight of the model: tables of angles and prediction heads are not."""
        found = re.match(r"blk\.(\d{1,5})\.", tensor.name)
        return not tensor.name.startswith("rope_") and (not found or int(found[1]) < self.layers)

    def key(self, name: str) -> str:
        return f"{self.name}.{name}"

    def value(self, name: str) -> Any:
        return self.gguf.values.get(self.key(name))

    def most(self, name: str, default: int | None = None) -> int:
        """The largest of a list with one number per layer, or the one number."""
        value = self.value(name)
        if isinstance(value, list):
            return self.whole(name, max(value, default=0))
        return self.count(name, default=default)

    def count(self, *names: str, default: int | None = None, low: int = 1, high: int = MOST) -> int:
        for name in names:
            if self.value(name) is not None:
                return self.whole(name, self.value(name), low, high)
        if default is None:
            self.fail(self.key(names[0]), "is missing", "take the file from its publisher again")
        return default

    def whole(self, name: str, value: Any, low: int = 1, high: int = MOST) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            message = f"is {short(value)}, not a whole number from {low} to {high}"
            self.fail(self.key(name), message, "take the file from its publisher again")
        return value

    def fail(self, key: str, message: str, hint: str) -> NoReturn:
        raise CatalogError(f"{key} {message}", hint=hint, place=self.gguf.place)


def _attends(block: dict[str, Tensor]) -> bool:
    if any(f"attn_{part}.weight" in block for part in ("k", "kv_a_mqa", "kv_b")):
        return True
    return "attn_qkv.weight" in block and not _recurs(block)


def _recurs(block: dict[str, Tensor]) -> bool:
    return any(name.startswith(("ssm_", "time_mix_")) for name in block)


def _mixes(name: str, block: dict[str, Tensor]) -> bool:
    """Whether a tensor of a recurrent layer belongs to its mixer, not to attention beside it."""
    if name.startswith(("ffn_", "channel_mix_", "post_")) or "norm" in name:
        return False
    return not (name.startswith("attn_") and _attends(block))


def _gated(block: dict[str, Tensor]) -> bool:
    """Gated MLPs have a third matrix, or one that is twice as wide."""
    if "ffn_gate.weight" in block or "ffn_gate_exps.weight" in block:
        return True
    up, down = block.get("ffn_up.weight"), block.get("ffn_down.weight")
    return bool(up and down and up.elements == 2 * down.elements)


def _bias(blocks: list[dict[str, Tensor]]) -> str:
    if any("ffn_up.bias" in b or "ffn_down_exps.bias" in b for b in blocks):
        return "all"
    return "qkv" if any("attn_q.bias" in b or "attn_qkv.bias" in b for b in blocks) else "none"
