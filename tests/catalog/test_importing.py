"""`wattmill import model`: what files say becomes a row, and what is wrong with them is said."""

from __future__ import annotations

import json
import re
import struct
import tomllib
from copy import deepcopy
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.catalog.configs import CONFIGS, FP8, llama_like
from typer.testing import CliRunner

import wattmill
from wattmill.catalog.formats import mixers
from wattmill.catalog.formats.hf import Read, read_config
from wattmill.catalog.importing import append_model, imported_text, read_model, row_text
from wattmill.catalog.models import ModelSpec, model, models
from wattmill.catalog.table import clear_caches
from wattmill.cli import app
from wattmill.core.errors import CatalogError

DEMO = Path(wattmill.__file__).parent / "demo" / "model.gguf"
TODAY = "2026-11-21"
FEW = settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])


def folder(tmp_path: Path, config: Any, name: str = "mine") -> Path:
    """A folder with that config.json."""
    made = tmp_path / name
    made.mkdir(exist_ok=True)
    (made / "config.json").write_text(config if isinstance(config, str) else json.dumps(config))
    return made


def imported(tmp_path: Path, config: Any) -> ModelSpec:
    return read_model(folder(tmp_path, config), TODAY).model


def changed(name: str, **keys: Any) -> dict[str, Any]:
    return {**deepcopy(CONFIGS[name]), **keys}


# --- Hugging Face ---------------------------------------------------------------------------------

APART = ("name", "source", "as_of", "aliases", "confidence", "family", "params", "encoder_params")
"""What a config.json does not say, or not exactly."""
HELD_ELSEWHERE = {
    "llama-4-maverick-17b-128e": ("modality", "encoder_tokens"),  # the tower is not in our copy
    "qwen3-next-80b-a3b": ("mtp_layers",),  # its file does not name the head that it carries
}


@pytest.mark.parametrize("name", CONFIGS)
def test_a_published_configuration_gives_the_row_of_the_catalog(name: str, tmp_path: Path) -> None:
    found, known = imported(tmp_path, CONFIGS[name]), model(name)
    for field in msgspec.structs.fields(ModelSpec):
        if field.name not in (*APART, *HELD_ELSEWHERE.get(name, ())):
            assert getattr(found, field.name) == getattr(known, field.name), field.name
    assert found.params == pytest.approx(known.params, rel=0.01)
    assert found.name == "mine" and found.confidence == "medium"
    if known.encoder_params and found.encoder_params:
        assert found.encoder_params == pytest.approx(known.encoder_params, rel=0.2)


def test_a_derivative_gets_the_family_of_its_shape(tmp_path: Path) -> None:
    assert imported(tmp_path, CONFIGS["llama-3.1-8b"]).family == "llama3"
    other = changed("llama-3.1-8b", num_hidden_layers=33)
    assert imported(tmp_path, other).family == "llama"


def test_the_file_itself_may_be_named(tmp_path: Path) -> None:
    path = folder(tmp_path, CONFIGS["phi-4"], "models--microsoft--Phi 4") / "config.json"
    assert read_model(path, TODAY).model.name == "phi-4"
    assert read_model(path, TODAY, "other").model.name == "other"
    assert read_model(path, TODAY).model.as_of == TODAY


@pytest.mark.parametrize(
    ("quantisation", "precision"),
    [
        ({"quant_method": "awq", "bits": 4}, "awq"),
        ({"quant_method": "gptq", "bits": 4}, "gptq"),
        ({"quant_method": "gptq", "bits": 8}, "int8"),
        ({"quant_method": "mxfp4"}, "mxfp4"),
        ({"quant_method": "modelopt", "quant_algo": "NVFP4"}, "nvfp4"),
        ({"quant_method": "modelopt", "quant_algo": "FP8"}, "fp8"),
        ({"quant_method": "bitsandbytes", "load_in_4bit": True}, "int4"),
        ({"quant_method": "bitsandbytes", "load_in_8bit": True}, "int8"),
        (
            {
                "quant_method": "compressed-tensors",
                "format": "pack-quantized",
                "config_groups": {"group_0": {"weights": {"num_bits": 4, "type": "int"}}},
            },
            "int4",
        ),
        (
            {
                "quant_method": "compressed-tensors",
                "config_groups": {"group_0": {"weights": {"num_bits": 8, "type": "float"}}},
            },
            "fp8",
        ),
        (FP8, "fp8"),
    ],
)
def test_the_published_precision(
    quantisation: dict[str, Any], precision: str, tmp_path: Path
) -> None:
    config = changed("llama-3.1-8b", quantization_config=quantisation)
    assert imported(tmp_path, config).default_precision == precision


def test_a_precision_that_is_not_known_is_assumed_and_said(tmp_path: Path) -> None:
    config = changed("llama-3.1-8b", quantization_config={"quant_method": "marvellous"})
    found = read_model(folder(tmp_path, config), TODAY)
    assert found.model.default_precision == "bf16"
    assert any("'marvellous' is not known" in note for note in found.notes)


def test_a_precision_beside_the_configuration(tmp_path: Path) -> None:
    made = folder(tmp_path, CONFIGS["llama-3.1-8b"])
    (made / "hf_quant_config.json").write_text('{"quantization": {"quant_algo": "NVFP4"}}')
    assert read_model(made, TODAY).model.default_precision == "nvfp4"


def test_what_a_class_leaves_out_is_said(tmp_path: Path) -> None:
    notes = read_model(folder(tmp_path, CONFIGS["gemma-3-4b"]), TODAY).notes
    assert "text_config.num_attention_heads = 8, its class's default" in notes
    assert len(notes) == len(set(notes))


def test_a_searched_model_with_layers_of_its_own(tmp_path: Path) -> None:
    """Two whole blocks, one without attention, one without anything."""
    blocks = [
        {"attention": {"n_heads_in_group": 8}, "ffn": {"ffn_mult": 5.25}},
        {"attention": {"n_heads_in_group": 8}, "ffn": {"ffn_mult": 2.625}},
        {"attention": {"no_op": True}, "ffn": {"ffn_mult": 2.625}},
        {"attention": {"no_op": True}, "ffn": {"no_op": True}},
    ]
    config = llama_like("nemotron-nas", 4, 8192, 64, 8, 0, 128256, 131072)
    found = imported(tmp_path, {**config, "num_key_value_heads": None, "block_configs": blocks})
    assert (found.attention_layer_count, found.mlp_layer_count, found.kv_heads) == (2, 3, 8)
    assert found.mlp_hidden == round((28672 + 2 * 14336) / 3)


def test_old_mistral_sees_a_window_and_qwen_only_if_told(tmp_path: Path) -> None:
    mistral = llama_like("mistral", 32, 4096, 32, 8, 14336, 32000, 32768)
    found = imported(tmp_path, {**mistral, "sliding_window": 4096})
    assert (found.window_layers, found.window_tokens) == (32, 4096)
    qwen = changed(
        "qwen2.5-72b", use_sliding_window=True, max_window_layers=70, sliding_window=4096
    )
    assert imported(tmp_path, qwen).window_layers == 10


BROKEN: list[tuple[dict[str, Any], str]] = [
    ({"num_key_value_heads": 7}, "num_key_value_heads is 7, which does not divide 32 heads"),
    ({"num_key_value_heads": 64}, "num_key_value_heads is 64, which does not divide 32 heads"),
    (
        {"num_attention_heads": 33, "num_key_value_heads": None},
        "num_attention_heads is 33, which does not divide hidden 4096",
    ),
    ({"num_attention_heads": -32}, "num_attention_heads is -32, not within 1 to"),
    ({"hidden_size": 0}, "hidden_size is 0"),
    ({"hidden_size": "4096"}, "hidden_size is '4096', not a whole number"),
    ({"hidden_size": 4096.5}, "hidden_size is 4096.5"),
    ({"hidden_size": True}, "hidden_size is True"),
    ({"hidden_size": None}, "hidden_size is missing"),
    ({"num_hidden_layers": 10**6}, "num_hidden_layers is 1000000"),
    ({"vocab_size": []}, "vocab_size is []"),
    ({"max_position_embeddings": None}, "max_position_embeddings is missing"),
    ({"intermediate_size": None}, "intermediate_size is missing"),
    ({"tie_word_embeddings": "yes"}, "tie_word_embeddings is 'yes', not true or false"),
    ({"model_type": None}, "model_type is missing"),
    (
        {"model_type": "llamma"},
        "model_type 'llamma' is an architecture that wattmill does not know",
    ),
    ({"text_config": 3}, "text_config is 3, not an object"),
    ({"num_experts": 8}, "num_experts_per_tok is missing"),
    ({"num_experts": 8, "num_experts_per_tok": 9}, "num_experts_per_tok is 9, not within 1 to 8"),
    ({"kv_lora_rank": 512}, "qk_nope_head_dim is missing"),
    ({"index_topk": 9, "index_n_heads": None}, "index_n_heads is missing"),
]


@pytest.mark.parametrize(("keys", "message"), BROKEN)
def test_what_is_wrong_is_named_with_file_key_and_value(
    keys: dict[str, Any], message: str, tmp_path: Path
) -> None:
    made = folder(tmp_path, changed("llama-3.1-8b", **keys))
    with pytest.raises(CatalogError, match=re.escape(message)) as caught:
        read_model(made, TODAY)
    assert caught.value.place == str(made / "config.json")
    assert caught.value.hint


def test_an_unknown_architecture_gets_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(CatalogError) as caught:
        imported(tmp_path, changed("llama-3.1-8b", model_type="qwen3_mo"))
    assert "'qwen3_moe'" in caught.value.hint


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is not JSON"),
        ("[]", "is JSON, but no object"),
        ("{", "is not JSON"),
        ("[" * 100_000, "is not JSON"),
        ('{"model_type": "llama", "hidden_size": ' + "9" * 5000 + "}", "config.json"),
        ("\udcff", "is not JSON"),
    ],
)
def test_a_file_that_is_no_configuration(text: str, message: str, tmp_path: Path) -> None:
    made = folder(tmp_path, "{}")
    (made / "config.json").write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(CatalogError, match=message):
        read_model(made, TODAY)


def test_nothing_there(tmp_path: Path) -> None:
    with pytest.raises(CatalogError, match="no such file"):
        read_model(tmp_path / "none", TODAY)
    with pytest.raises(CatalogError, match="neither a config"):
        read_model(tmp_path, TODAY)
    with pytest.raises(CatalogError, match="is no name for a model"):
        read_model(folder(tmp_path, CONFIGS["phi-4"], "???"), TODAY)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=9), inner, max_size=4)
    ),
    max_leaves=6,
)


def inner_objects(config: dict[str, Any]) -> list[dict[str, Any]]:
    """The object and all objects in it."""
    found = [config]
    for value in config.values():
        if isinstance(value, dict):
            found += inner_objects(value)
    return found


@given(st.data())
def test_any_value_anywhere_is_read_or_refused(data: st.DataObject) -> None:
    config = deepcopy(CONFIGS[data.draw(st.sampled_from(sorted(CONFIGS)))])
    for _ in range(data.draw(st.integers(1, 3))):
        part = data.draw(st.sampled_from(inner_objects(config)))
        if part:
            key = data.draw(st.sampled_from(sorted(part)))
            part[key] = data.draw(JSON | st.integers(-2, 10) | st.lists(st.integers(0, 9)))
    assert read_or_refused(config)


@given(st.data())
def test_any_missing_key_is_read_or_refused(data: st.DataObject) -> None:
    config = deepcopy(CONFIGS[data.draw(st.sampled_from(sorted(CONFIGS)))])
    part = data.draw(st.sampled_from(inner_objects(config)))
    del part[data.draw(st.sampled_from(sorted(part)))]
    assert read_or_refused(config)


@given(st.dictionaries(st.text(max_size=9), JSON, max_size=4), st.sampled_from(sorted(CONFIGS)))
def test_any_object_is_read_or_refused(rubbish: dict[str, Any], kind: str) -> None:
    assert read_or_refused({"model_type": CONFIGS[kind]["model_type"], **rubbish})


def read_or_refused(config: dict[str, Any]) -> bool:
    """Never another error than a CatalogError with a hint; what is read is possible."""
    import tempfile

    with tempfile.TemporaryDirectory() as name:
        made = folder(Path(name), config)
        try:
            found = read_model(made, TODAY)
        except CatalogError as error:
            return bool(error.hint and error.place)
        is_possible = 0 < found.model.params < 1e15
        return (
            is_possible
            and found.model.heads % found.model.kv_heads == 0
            and bool(imported_text(found))
        )


# --- safetensors ----------------------------------------------------------------------------------

SMALL = llama_like("llama", 2, 8, 2, 1, 16, 10, 32)
SMALL_TENSORS: dict[str, tuple[str, list[int]]] = {
    "model.embed_tokens.weight": ("BF16", [10, 8]),
    "lm_head.weight": ("BF16", [10, 8]),
    "model.norm.weight": ("BF16", [8]),
    **{
        f"model.layers.{i}.{name}.weight": ("BF16", shape)
        for i in range(2)
        for name, shape in {
            "input_layernorm": [8],
            "post_attention_layernorm": [8],
            "self_attn.q_proj": [8, 8],
            "self_attn.k_proj": [4, 8],
            "self_attn.v_proj": [4, 8],
            "self_attn.o_proj": [8, 8],
            "mlp.gate_proj": [16, 8],
            "mlp.up_proj": [16, 8],
            "mlp.down_proj": [8, 16],
        }.items()
    },
}


def safetensors(path: Path, tensors: dict[str, tuple[str, list[int]]]) -> None:
    """The head of a safetensors file; no data follows."""
    head = {
        name: {"dtype": d, "shape": s, "data_offsets": [0, 0]} for name, (d, s) in tensors.items()
    }
    raw = json.dumps({"__metadata__": {"format": "pt"}, **head}).encode()
    path.write_bytes(struct.pack("<Q", len(raw)) + raw)


def test_weights_are_counted_where_they_are(tmp_path: Path) -> None:
    made = folder(tmp_path, SMALL)
    extra = {
        "model.layers.2.mlp.up_proj.weight": (
            "BF16",
            [16, 8],
        ),  # behind the last: a prediction head
        "model.layers.0.mlp.up_proj.weight_scale_inv": ("F32", [1, 1]),
    }
    safetensors(made / "model.safetensors", {**SMALL_TENSORS, **extra})
    found = read_model(made, TODAY)
    assert found.model.params == found.model.shape_params == 168 + 2 * (16 + 192 + 384)
    assert found.model.confidence == "high"
    assert found.notes == ()


def test_files_that_disagree_with_the_shape_win_and_it_is_said(tmp_path: Path) -> None:
    made = folder(tmp_path, {**SMALL, "num_hidden_layers": 4})
    safetensors(made / "model.safetensors", SMALL_TENSORS)
    found = read_model(made, TODAY)
    assert found.model.params == 1352
    assert any("the shape has" in note for note in found.notes)


@pytest.mark.parametrize(
    "tensors", [{"w": ("I32", [4, 4])}, {"model.layers.0.scales": ("F16", [0])}, {}]
)
def test_packed_or_empty_files_do_not_count(
    tensors: dict[str, tuple[str, list[int]]], tmp_path: Path
) -> None:
    made = folder(tmp_path, SMALL)
    safetensors(made / "model.safetensors", tensors)
    assert read_model(made, TODAY).model.confidence == "medium"


def test_a_part_that_is_missing_does_not_count(tmp_path: Path) -> None:
    made = folder(tmp_path, SMALL)
    safetensors(made / "model-00001-of-00002.safetensors", SMALL_TENSORS)
    assert read_model(made, TODAY).model.confidence == "medium"


def test_a_tower_is_counted_from_its_tensors(tmp_path: Path) -> None:
    tower = {"hidden_size": 8, "num_hidden_layers": 1, "image_size": 28, "patch_size": 14}
    config = {"model_type": "llava", "text_config": SMALL, "vision_config": tower}
    made = folder(tmp_path, config)
    safetensors(made / "a.safetensors", {**SMALL_TENSORS, "vision_tower.x": ("F32", [77])})
    found = read_model(made, TODAY).model
    assert (found.encoder_params, found.params) == (77, 1352 + 77)
    assert (found.modality, found.encoder_tokens) == ("vision", 4)


@FEW
@given(data=st.binary(max_size=200), framed=st.booleans())
def test_any_bytes_as_safetensors_are_refused(data: bytes, framed: bool, tmp_path: Path) -> None:
    made = folder(tmp_path, SMALL)
    (made / "x.safetensors").write_bytes(struct.pack("<Q", len(data)) * framed + data)
    with pytest.raises(CatalogError, match="no safetensors file"):
        read_model(made, TODAY)


# --- GGUF -----------------------------------------------------------------------------------------


def packed(value: Any) -> bytes:
    """A key-value of a GGUF file: its kind and its bytes."""
    match value:
        case bool():
            return struct.pack("<I?", 7, value)
        case int():
            return struct.pack("<II", 4, value)
        case float():
            return struct.pack("<If", 6, value)
        case str():
            return struct.pack("<I", 8) + text(value)
        case [str(), *_]:
            return struct.pack("<IIQ", 9, 8, len(value)) + b"".join(map(text, value))
        case list():
            return struct.pack(f"<IIQ{len(value)}I", 9, 4, len(value), *value)
    raise AssertionError(value)


def text(value: str) -> bytes:
    return struct.pack("<Q", len(value.encode())) + value.encode()


def gguf(values: dict[str, Any], tensors: dict[str, list[int]], kind: int = 8) -> bytes:
    """The head of a GGUF file whose tensors all have one type, 8-bit if not told."""
    head = b"GGUF" + struct.pack("<IQQ", 3, len(tensors), len(values))
    pairs = b"".join(text(key) + packed(value) for key, value in values.items())
    infos = b"".join(
        text(name) + struct.pack(f"<I{len(s)}QIQ", len(s), *s, kind, 0)
        for name, s in tensors.items()
    )
    return head + pairs + infos


def small(arch: str, **keys: Any) -> dict[str, Any]:
    """Key-values of a model of two layers, 64 wide, with four heads on two."""
    given = {
        "block_count": 2,
        "context_length": 4096,
        "embedding_length": 64,
        "attention.head_count": 4,
        "attention.head_count_kv": 2,
        **{key.replace("__", "."): value for key, value in keys.items()},
    }
    return {"general.architecture": arch, **{f"{arch}.{k}": v for k, v in given.items()}}


ATTENTION = {
    "attn_q.weight": [64, 64],
    "attn_k.weight": [64, 32],
    "attn_v.weight": [64, 32],
    "attn_output.weight": [64, 64],
}
MLP = {"ffn_gate.weight": [64, 96], "ffn_up.weight": [64, 96], "ffn_down.weight": [96, 64]}
EXPERTS = {
    "ffn_gate_inp.weight": [64, 4],
    "ffn_gate_exps.weight": [64, 32, 4],
    "ffn_up_exps.weight": [64, 32, 4],
    "ffn_down_exps.weight": [32, 64, 4],
    "ffn_down_shexp.weight": [48, 64],
}
STATE = {"ssm_in.weight": [64, 300], "ssm_conv1d.weight": [4, 160], "ssm_out.weight": [128, 64]}
TABLE = {"token_embd.weight": [64, 100], "output.weight": [64, 100], "rope_freqs.weight": [8]}


def blocks(*layers: dict[str, list[int]]) -> dict[str, list[int]]:
    """Tensors of a model with those layers."""
    named = {f"blk.{i}.{k}": v for i, layer in enumerate(layers) for k, v in layer.items()}
    return TABLE | named


def from_gguf(tmp_path: Path, data: bytes, name: str = "small.gguf") -> ModelSpec:
    path = tmp_path / name
    path.write_bytes(data)
    return read_model(path, TODAY).model


def test_the_demo_model_is_what_the_catalog_says() -> None:
    found, known = read_model(DEMO, TODAY), model("wattmill-demo")
    skipped = (*APART[:5],)
    for field in msgspec.structs.fields(ModelSpec):
        if field.name not in skipped:
            assert getattr(found.model, field.name) == getattr(known, field.name), field.name
    assert found.model.params == found.model.shape_params
    assert any("8.5" in note for note in found.notes)


def test_a_gguf_of_two_layers(tmp_path: Path) -> None:
    values = small("llama", x=["a", "b"], feed=[1, 2], scale=0.5, flag=True)
    found = from_gguf(tmp_path, gguf(values, blocks(ATTENTION | MLP, ATTENTION | MLP)))
    assert found.params == 2 * (12288 + 18432) + 2 * 6400
    assert (found.head_dim, found.mlp_hidden, found.tied, found.vocab) == (16, 96, False, 100)
    assert found.default_precision == "q8_0" and found.confidence == "high"


def test_experts_and_a_dense_first_layer(tmp_path: Path) -> None:
    values = small("qwen3moe", expert_used_count=2, attention__key_length=32)
    found = from_gguf(tmp_path, gguf(values, blocks(ATTENTION | MLP, ATTENTION | EXPERTS)))
    assert (found.experts, found.experts_per_token, found.expert_hidden) == (4, 2, 32)
    assert (found.moe_layers, found.mlp_layer_count, found.shared_expert_hidden) == (1, 1, 48)
    assert found.head_dim == 32


def test_a_hybrid_keeps_kv_in_one_layer_and_a_state_in_the_other(tmp_path: Path) -> None:
    ssm = {
        "ssm__conv_kernel": 4,
        "ssm__inner_size": 128,
        "ssm__state_size": 16,
        "ssm__group_count": 1,
    }
    values = small("granitehybrid", **ssm) | {"granitehybrid.attention.head_count_kv": [0, 2]}
    found = from_gguf(tmp_path, gguf(values, blocks(STATE | MLP, ATTENTION | MLP)))
    assert (found.attention_layer_count, found.state_layers, found.kv_heads) == (1, 1, 2)
    assert found.state_elements == 128 * 16 + (128 + 2 * 16) * 3
    assert found.state_params == 64 * 300 + 4 * 160 + 128 * 64


def test_attention_beside_a_state(tmp_path: Path) -> None:
    ssm = {
        "ssm__conv_kernel": 4,
        "ssm__inner_size": 128,
        "ssm__state_size": 16,
        "ssm__group_count": 1,
    }
    layer = ATTENTION | STATE | MLP
    found = from_gguf(tmp_path, gguf(small("falcon-h1", **ssm), blocks(layer, layer)))
    assert (found.attention_layer_count, found.state_layers) == (2, 2)
    assert found.state_params == 64 * 300 + 4 * 160 + 128 * 64


def test_windows_in_a_gguf(tmp_path: Path) -> None:
    layers = [ATTENTION | MLP] * 6
    values = small("gemma3", block_count=6, attention__sliding_window=512)
    found = from_gguf(tmp_path, gguf(values, blocks(*layers)))
    assert (found.window_layers, found.window_tokens) == (5, 512)
    wide = small("gemma3", block_count=6, attention__sliding_window=4096)
    assert from_gguf(tmp_path, gguf(wide, blocks(*layers))).window_layers == 0


def test_a_prediction_head_behind_the_layers_is_left_out(tmp_path: Path) -> None:
    values = small("glm4moe", block_count=3, nextn_predict_layers=1)
    found = from_gguf(tmp_path, gguf(values, blocks(*[ATTENTION | MLP] * 3)))
    assert (found.layers, found.mtp_layers) == (2, 1)
    assert found.params == 2 * (12288 + 18432) + 2 * 6400


def test_parts_of_a_split_file_are_read_together(tmp_path: Path) -> None:
    tensors = blocks(ATTENTION | MLP, ATTENTION | MLP)
    one, two = dict(list(tensors.items())[:5]), dict(list(tensors.items())[5:])
    first = gguf(small("llama") | {"split.count": 2}, one)
    second = gguf({"split.count": 2}, two)
    (tmp_path / "m-00002-of-00002.gguf").write_bytes(second)
    found = from_gguf(tmp_path, first, "m-00001-of-00002.gguf")
    assert found.params == 2 * (12288 + 18432) + 2 * 6400
    assert found.name == "m"
    (tmp_path / "m-00002-of-00002.gguf").unlink()
    with pytest.raises(CatalogError, match="No such file") as caught:
        read_model(tmp_path / "m-00001-of-00002.gguf", TODAY)
    assert "all parts" in caught.value.hint
    with pytest.raises(CatalogError, match="one of 2 parts"):
        from_gguf(tmp_path, first, "other.gguf")


WRONG: list[tuple[dict[str, Any], dict[str, list[int]], str]] = [
    (small("blama"), blocks(ATTENTION), "general.architecture 'blama' is not understood"),
    (small("clip"), blocks(ATTENTION), "general.architecture 'clip' is not understood"),
    (small("llama"), blocks(ATTENTION), "llama.block_count names layers that are not there"),
    (small("llama", block_count=0), TABLE, "llama.block_count is 0"),
    (small("llama"), {"x": [4]}, "token_embd.weight is no table"),
    (small("llama", embedding_length=32), blocks(ATTENTION, MLP), "the table of tokens is 64 wide"),
    (small("llama", attention__head_count_kv=3), blocks(ATTENTION, MLP), "does not divide 4 heads"),
    (small("llama", attention__head_count=[]), blocks(ATTENTION, MLP), "head_count is 0"),
    (small("llama", context_length=0), blocks(ATTENTION, MLP), "llama.context_length is 0"),
    (small("qwen3moe"), blocks(ATTENTION, EXPERTS), "qwen3moe.expert_used_count is missing"),
    (small("mamba2"), blocks(STATE, STATE), "mamba2.ssm.conv_kernel is missing"),
]


@pytest.mark.parametrize(("values", "tensors", "message"), WRONG)
def test_a_gguf_that_is_no_model_is_refused(
    values: dict[str, Any], tensors: dict[str, list[int]], message: str, tmp_path: Path
) -> None:
    with pytest.raises(CatalogError, match=re.escape(message)) as caught:
        from_gguf(tmp_path, gguf(values, tensors))
    assert caught.value.place.endswith("small.gguf")
    assert caught.value.hint


WHOLE = gguf(
    small("qwen3moe", expert_used_count=2, x=["a", "b"], y=[1, 2]),
    blocks(ATTENTION | MLP, ATTENTION | EXPERTS),
)


@FEW
@given(at=st.integers(4, len(WHOLE) - 1), damage=st.binary(min_size=1, max_size=8))
def test_any_damage_to_a_gguf_is_read_or_refused(at: int, damage: bytes, tmp_path: Path) -> None:
    for data in (WHOLE[:at] + damage + WHOLE[at + len(damage) :], WHOLE[:at]):
        try:
            found = from_gguf(tmp_path, data)
        except CatalogError as error:
            assert error.hint and error.place
        else:
            assert 0 < found.params < 1e15


def test_an_endless_count_in_a_gguf_ends_at_once(tmp_path: Path) -> None:
    with pytest.raises(CatalogError, match="things where"):
        from_gguf(tmp_path, b"GGUF" + struct.pack("<IQQ", 3, 2**60, 2**60) + bytes(40))
    with pytest.raises(CatalogError, match="GGUF of version 1"):
        from_gguf(tmp_path, b"GGUF" + struct.pack("<IQQ", 1, 0, 0))


# --- mixers ---------------------------------------------------------------------------------------


def test_a_state_is_a_matrix_for_every_head() -> None:
    assert mixers.gated_delta(2048, 16, 128, 32, 128, 1).elements == 32 * 128 * 128
    assert mixers.kimi_delta(2304, 32, 128, 1).elements == 32 * 128 * 128
    assert mixers.lightning(6144, 64, 128).elements == 64 * 128 * 128
    assert mixers.mamba2(4096, 8192, 128, 8, 128, 1).elements == 8192 * 128
    assert mixers.mamba1(4096, 8192, 16, 1).elements == 8192 * 16


# --- the user's catalog file ----------------------------------------------------------------------


@given(st.sampled_from(models()))
def test_a_row_survives_being_written(row: ModelSpec) -> None:
    (read,) = tomllib.loads(row_text(row))["model"]
    assert msgspec.convert(read, ModelSpec) == row


def demo(name: str, **fields: Any) -> ModelSpec:
    return msgspec.structs.replace(read_model(DEMO, TODAY, name).model, **fields)


def test_rows_are_added_and_nothing_else_is_touched(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "catalog.toml"
    append_model(path, demo("one"))
    path.write_text("# mine\n" + path.read_text() + '\n[[quote]]\nof = "x"  # last\n')
    append_model(path, demo("two"))
    written = path.read_text()
    assert written.startswith("# mine\n") and "# last" in written
    assert [row["name"] for row in tomllib.loads(written)["model"]] == ["one", "two"]


def test_a_row_is_replaced_only_if_told(tmp_path: Path) -> None:
    path = tmp_path / "catalog.toml"
    for name in ("one", "two", "three"):
        append_model(path, demo(name))
    before = path.read_text()
    with pytest.raises(CatalogError, match="there is a model 'two' already") as caught:
        append_model(path, demo("two", layers=7))
    assert "--replace" in caught.value.hint and path.read_text() == before
    append_model(path, demo("two", layers=7), replace=True)
    rows = tomllib.loads(path.read_text())["model"]
    assert {row["name"]: row["layers"] for row in rows} == {"one": 4, "three": 4, "two": 7}
    assert [p.name for p in tmp_path.iterdir()] == ["catalog.toml"]


def test_a_name_of_the_package_is_taken_only_if_told(tmp_path: Path) -> None:
    path = tmp_path / "catalog.toml"
    with pytest.raises(CatalogError, match="own catalog has a model"):
        append_model(path, msgspec.structs.replace(demo("one"), name="LLaMA_3.1 8B"))
    assert not path.exists()
    append_model(path, demo("llama-3.1-8b"), replace=True)
    assert tomllib.loads(path.read_text())["model"][0]["layers"] == 4


@pytest.mark.parametrize("text", ["[[model", "model = 3", "model = [1]", "x = 1\nx = 2", "\udcff"])
def test_a_catalog_file_that_is_broken_stays_as_it_is(text: str, tmp_path: Path) -> None:
    path = tmp_path / "catalog.toml"
    path.write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(CatalogError) as caught:
        append_model(path, demo("one"))
    assert caught.value.place == str(path)
    assert path.read_bytes() == text.encode("utf-8", "surrogateescape")


def test_an_old_row_that_cannot_be_cut_out_is_left(tmp_path: Path) -> None:
    path = tmp_path / "catalog.toml"
    path.write_text('model = [{ name = "one" }]\n')
    with pytest.raises(CatalogError, match="cannot tell where the old row ends"):
        append_model(path, demo("one"), replace=True)


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(CatalogError) as caught:
        append_model(tmp_path / "file" / "catalog.toml", demo("one"))
    assert caught.value.hint


# --- the command ----------------------------------------------------------------------------------


def test_import_then_ask_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = folder(tmp_path, CONFIGS["qwen3-30b-a3b"], "My-MoE")
    monkeypatch.setenv("WATTMILL_CATALOG", str(tmp_path / "catalog.toml"))
    clear_caches()
    try:
        done = CliRunner().invoke(app, ["import", "model", str(made), "--json"])
        assert done.exit_code == 0, done.output
        found = json.loads(done.stdout)
        assert found["model"]["name"] == "my-moe"
        assert found["catalog"] == str(tmp_path / "catalog.toml")
        clear_caches()
        assert model("My MoE").experts == 128
        again = CliRunner().invoke(app, ["import", "model", str(made)])
        assert isinstance(again.exception, CatalogError)
    finally:
        monkeypatch.undo()
        clear_caches()


def test_the_screen_says_what_was_read_and_what_was_not(tmp_path: Path) -> None:
    target = tmp_path / "c.toml"
    made = folder(tmp_path, CONFIGS["qwen3-next-80b-a3b"], "next")
    done = CliRunner().invoke(app, ["import", "model", str(made), "--catalog", str(target)])
    for said in ("79.7 billion", "36 keep a state", "12 attend", "24 KiB", "not here", str(target)):
        assert said in done.output, said


def test_a_configuration_is_read_without_its_file() -> None:
    assert isinstance(read_config(CONFIGS["phi-4"], "here"), Read)
