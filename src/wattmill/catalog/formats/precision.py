"""How a publisher stores the weights, by the engines' names for precisions."""

from __future__ import annotations

from wattmill.catalog.formats.config import Config, short

DTYPES = {"bfloat16": "bf16", "float16": "fp16", "float32": "fp32"}
METHODS = {"fp8": "fp8", "fbgemm_fp8": "fp8", "mxfp4": "mxfp4", "awq": "awq", "gptq": "gptq"}
WORDS = (("nvfp4", "nvfp4"), ("mxfp4", "mxfp4"), ("int-quantized", "int8"), ("fp8", "fp8"))


def published_precision(*configs: Config) -> tuple[str, str]:
    """The precision of the weights, outermost object first, and a note if it was assumed."""
    for config in configs:
        quantised = config.part("quantization_config")
        if quantised is not None:
            if config.word("expert_dtype") == "fp4" and not _groups(quantised):
                return "mxfp4", ""
            return _quantised(quantised)
    for config in reversed(configs):
        named = config.word("dtype", "torch_dtype")
        if named in DTYPES:
            return DTYPES[named], ""
    return "bf16", "precision assumed bf16: the file names no dtype"


def quantised_by_modelopt(values: Config) -> str | None:
    """The precision in the `hf_quant_config.json` that NVIDIA's tool writes beside a model."""
    part = values.part("quantization")
    return None if part is None else _quantised(part)[0]


def _quantised(c: Config) -> tuple[str, str]:
    """The narrowest format of the weights: in mixed checkpoints it is that of most of them."""
    told = f"{c.word('format')} {c.word('quant_algo')}".lower()
    if "mixed_precision" in told:
        told += " " + _layers(c)
    for word, precision in WORDS:
        if word in told:
            return precision, ""
    method = c.word("quant_method").lower()
    if method in ("awq", "gptq") and c.count("bits", "w_bit", default=4) == 8:
        return "int8", ""
    if method in METHODS:
        return METHODS[method], ""
    return _by_bits(c)


def _layers(c: Config) -> str:
    layers = c.values.get("quantized_layers")
    return str(list(layers.values())).lower() if isinstance(layers, dict) else ""


def _by_bits(c: Config) -> tuple[str, str]:
    """From the groups that compressed-tensors and modelopt write, or the flags of bitsandbytes."""
    if c.get("load_in_8bit") is True:
        return "int8", ""
    if c.get("load_in_4bit") is True:
        return "int4", ""
    found = sorted(_group(g) for g in _groups(c))
    if found and found[0]:
        return found[0], ""
    method = short(c.word("quant_method"))
    return "bf16", f"precision assumed bf16: quantisation {method} is not known"


def _groups(c: Config) -> list[Config]:
    groups = c.part("config_groups")
    if groups is None:
        return []
    parts = [groups.part(key) for key, value in groups.values.items() if isinstance(value, dict)]
    weights = [part.part("weights") for part in parts if part is not None]
    return [w for w in weights if w is not None]


def _group(weights: Config) -> str:
    bits, kind = weights.get("num_bits"), weights.word("type")
    if bits == 4 and kind == "float":
        return "mxfp4" if weights.get("group_size") == 32 else "nvfp4"
    return {(4, "int"): "int4", (8, "int"): "int8", (8, "float"): "fp8"}.get((bits, kind), "")
