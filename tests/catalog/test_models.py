"""The models: each row's shape adds up to its published total, and says what a sequence keeps."""

from __future__ import annotations

import re
from collections import defaultdict
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wattmill.catalog.models import ModelSpec, model, models, possible
from wattmill.catalog.names import plain
from wattmill.catalog.precision import WEIGHT_BITS
from wattmill.catalog.table import clear_caches
from wattmill.core.errors import CatalogError

ROWS = pytest.mark.parametrize("row", models(), ids=lambda row: row.name)
ANY = st.sampled_from(models())


def changed(name: str, **fields: Any) -> ModelSpec:
    return msgspec.structs.replace(model(name), **fields)


@ROWS
def test_a_row_is_possible_and_says_where_it_is_from(row: ModelSpec) -> None:
    assert possible(row) is row
    assert model(row.name) == row
    assert re.fullmatch(r"[a-z0-9][a-z0-9._-]*", row.name)
    assert row.family and len(row.source) > 20
    assert re.fullmatch(r"20\d\d-(0\d|1[0-2])(-[0-3]\d)?", row.as_of)
    assert row.confidence in ("high", "medium", "low")
    assert row.default_precision in WEIGHT_BITS


def is_plain_decoder(row: ModelSpec) -> bool:
    return row.kind == "decoder" and not (row.state_layers or row.lookup_params)


@ROWS
def test_the_shape_adds_up_to_the_published_total(row: ModelSpec) -> None:
    allowed = 0.002 if is_plain_decoder(row) else 0.016
    assert row.shape_params == pytest.approx(row.params, rel=allowed)


def test_there_are_many_and_of_every_kind() -> None:
    rows = models()
    assert len(rows) >= 150
    assert {row.kind for row in rows} == {"decoder", "encoder", "encoder-decoder"}
    assert {row.modality for row in rows} == {"text", "vision", "speech", "embedding"}
    for has in (
        "experts",
        "kv_lora",
        "window_layers",
        "state_layers",
        "sparse_tokens",
        "mtp_layers",
    ):
        assert sum(1 for row in rows if getattr(row, has) > 1 or has == "mtp_layers") >= 4, has


def test_no_two_rows_answer_to_one_name() -> None:
    names = [plain(name) for row in models() for name in (row.name, *row.aliases)]
    assert len(names) == len(set(names))


def test_models_of_one_shape_are_of_one_family() -> None:
    families: dict[tuple[float, ...], set[str]] = defaultdict(set)
    for row in models():
        if row.modality == "text":
            shape = (row.layers, row.hidden, row.heads, row.kv_heads, row.mlp_hidden, row.experts)
            families[*shape, row.vocab].add(row.family)
    # V3.2 is V3 with an indexer, M2.5 a retrained M2: only the former attends differently.
    assert [f for f in families.values() if len(f) > 1] == [{"deepseek-v3", "deepseek-v3.2"}]


@pytest.mark.parametrize(
    ("name", "billions"),
    [
        ("mixtral-8x7b", 12.9),
        ("mixtral-8x22b", 39.1),
        ("qwen3-30b-a3b", 3.3),
        ("qwen3-235b-a22b", 22),
        ("qwen3.5-397b-a17b", 17),
        ("deepseek-v2", 21),
        ("deepseek-v3", 37),
        ("deepseek-v4-pro", 49),
        ("kimi-k2", 32.6),
        ("glm-4.5", 32.8),
        ("minimax-m1", 47.2),
        ("llama-4-scout-17b-16e", 17),
        ("jamba-1.5-mini", 12),
        ("jamba-1.5-large", 94),
        ("granite-4.0-h-small", 9),
        ("nemotron-3-super-120b-a12b", 12.4),
        ("hunyuan-a13b", 13),
        ("dots.llm1", 14),
        ("phi-4", 14.7),
    ],
)
def test_active_weights_are_those_the_makers_state(name: str, billions: float) -> None:
    """Makers count the head or not, so the figure may differ by one embedding, and by rounding."""
    active = model(name).active_params
    assert active - model(name).embedding_params < billions * 1.03e9
    assert active > billions * 0.97e9


@pytest.mark.parametrize(
    ("name", "elements"),
    [
        ("llama-3.1-70b", 2 * 80 * 8 * 128),
        ("llama-2-7b", 2 * 32 * 32 * 128),
        ("deepseek-v3", 61 * 576),
        ("qwen3-next-80b-a3b", 2 * 12 * 2 * 256),
        ("nemotron-nano-9b-v2", 2 * 4 * 8 * 128),
        ("jamba-1.5-mini", 2 * 4 * 8 * 128),
        ("falcon-h1-34b", 2 * 72 * 4 * 128),
        ("kimi-linear-48b-a3b", 7 * 576),
        ("mamba-2-2.7b", 0),
        ("bge-m3", 0),
        ("llama-3.2-11b-vision", 2 * 32 * 8 * 128),
        ("gpt-oss-120b", 2 * 18 * 8 * 64),
        ("deepseek-v4-flash", 512 * (21 / 4 + 20 / 128)),
    ],
)
def test_kv_of_a_long_context_by_hand(name: str, elements: float) -> None:
    assert model(name).full_kv_elements_per_token == pytest.approx(elements)


def test_windows_shared_kv_and_unlike_heads() -> None:
    gemma = model("gemma-3n-e4b")  # 35 layers, 15 of them reuse KV, every fifth sees everything
    assert (gemma.full_kv_layer_count, gemma.window_kv_layer_count) == (4, 16)
    mimo = model("mimo-v2-flash")  # 39 windowed layers with 8 KV heads, 9 full ones with 4
    assert mimo.window_kv_elements_per_token == 39 * 8 * (192 + 128)
    assert mimo.full_kv_elements_per_token == 9 * 4 * (192 + 128)
    four = model("gemma-4-31b")
    assert four.window_kv_elements_per_layer == 2 * 16 * 256
    assert four.kv_elements_per_layer == 2 * 4 * 512


def test_what_is_kept_whatever_the_length() -> None:
    whisper = model("whisper-large-v3")
    assert whisper.cross_kv_elements == 32 * 1500 * 2 * 1280
    mamba = model("mamba-2-2.7b")
    assert mamba.state_elements_per_sequence == 64 * (5120 * 128 + (5120 + 2 * 128) * 3)
    assert model("deepseek-v3.2").index_elements_per_token == 61 * 128


def test_latent_attention_is_wider_in_decode_than_in_prefill() -> None:
    deepseek = model("deepseek-v3")
    assert deepseek.pair_elements == 128 * (192 + 128)
    assert deepseek.latent_pair_elements == 128 * (576 + 512)
    llama = model("llama-3.1-8b")
    assert llama.pair_elements == llama.latent_pair_elements == 32 * 256


def test_weights_by_part() -> None:
    llama = model("llama-3.1-8b")
    assert llama.attention_params == 4096 * (2 * 4096 + 2 * 1024)
    assert llama.mlp_params == 3 * 4096 * 14336
    oss = model("gpt-oss-20b")
    assert oss.params_per_expert == 3 * 2880 * 2880
    assert model("bge-m3").head_params == 0
    # The prediction head of DeepSeek-V3: 11.5 billion beside embedding and head (its report).
    assert model("deepseek-v3").mtp_params == pytest.approx(11.5e9, rel=0.02)


@given(ANY)
def test_parts_are_never_more_than_the_whole(row: ModelSpec) -> None:
    assert 0 < row.active_params <= row.params
    assert 0 <= row.expert_params < row.params
    assert row.full_kv_layer_count + row.window_kv_layer_count == row.kv_layer_count
    assert 0 <= row.full_layer_count <= row.attention_layer_count <= row.layers
    held = row.full_kv_elements_per_token + row.window_kv_elements_per_token
    assert (held == 0) == (row.kv_layer_count == 0)
    # A model with neither KV nor state would remember nothing.
    assert row.kind == "encoder" or held + row.state_elements_per_sequence > 0


@given(ANY, st.integers(2, 5))
def test_more_layers_of_the_same_weigh_more(row: ModelSpec, factor: int) -> None:
    taller = msgspec.structs.replace(
        row,
        layers=row.layers * factor,
        attention_layers=row.attention_layer_count * factor,
        mlp_layers=row.mlp_layer_count * factor,
        state_layers=row.state_layers * factor,
        moe_layers=row.moe_layers * factor,
        window_layers=row.window_layers * factor,
        cross_layers=row.cross_layers * factor,
    )
    matrices = 1 if row.tied or row.kind == "encoder" else 2
    apart = matrices * row.embedding_params + row.lookup_params + row.encoder_params
    apart += row.position_rows * row.hidden
    inner = row.shape_params - apart
    assert taller.shape_params - apart <= factor * inner
    assert taller.shape_params - apart > 0.98 * factor * (
        inner - row.index_layers * row.index_params
    )


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"kv_heads": 7}, "7 KV heads for 32 heads"),
        ({"kv_heads": 0}, "kv_heads = 0"),
        ({"hidden": -1}, "hidden = -1"),
        ({"layers": 0}, "layers = 0"),
        ({"params": 0.0}, "params = 0.0"),
        ({"params": float("nan")}, "params = nan"),
        ({"max_context_tokens": 0}, "max_context_tokens = 0"),
        ({"experts": 8, "experts_per_token": 9}, "9 of 8 experts"),
        ({"moe_layers": 3}, "3 layers of 1 experts"),
        ({"moe_layers": 33, "experts": 8}, "33 of 32 layers"),
        ({"window_layers": 33, "window_tokens": 9}, "window_layers = 33"),
        ({"window_layers": 3}, "window_tokens = 0"),
        ({"kv_layers": 40}, "kv_layers = 40"),
        ({"state_layers": 40}, "= -8 of 32 layers"),
        ({"kv_kept_frac": 0.0}, "kept fractions"),
        ({"encoder_params": 9e9}, "encoder_params"),
        ({"mlp_hidden": -5}, "mlp_hidden = -5"),
        ({"default_precision": "fp7"}, "default_precision = 'fp7'"),
    ],
)
def test_what_no_model_can_have_is_refused(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(CatalogError, match=re.escape(message)) as caught:
        possible(changed("llama-3.1-8b", **fields), "mine.toml")
    assert caught.value.place == "mine.toml"
    assert caught.value.hint


def test_an_impossible_row_of_the_user_is_refused_where_models_are_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine = tmp_path / "catalog.toml"
    mine.write_text(
        '[[model]]\nname = "odd"\nparams = 1e9\nlayers = 2\nhidden = 8\nheads = 5\nkv_heads = 2\n'
        'head_dim = 4\nvocab = 9\nmax_context_tokens = 9\nsource = "me"\nas_of = "2026-11"\n'
    )
    monkeypatch.setenv("WATTMILL_CATALOG", str(mine))
    clear_caches()
    try:
        with pytest.raises(CatalogError, match="odd: 2 KV heads for 5 heads") as caught:
            model("odd")
        assert caught.value.place == str(mine)
    finally:
        monkeypatch.undo()
        clear_caches()
