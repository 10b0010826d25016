"""A whole config.json: which part describes the text model, and who understands it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from wattmill.catalog.formats.architectures import ARCHITECTURES, SAME_AS, Architecture
from wattmill.catalog.formats.config import Config, Fields, short
from wattmill.catalog.formats.decoders import decoder
from wattmill.catalog.formats.encoders import add_towers, bert, whisper
from wattmill.catalog.formats.hybrids import (
    deepseek_v4,
    falcon_h1,
    jamba,
    mamba,
    mamba_and_attention,
    nemotron_h,
    nemotron_nas,
    rwkv7,
)
from wattmill.catalog.formats.precision import published_precision
from wattmill.catalog.names import nearest

TEXT_PARTS = ("text_config", "llm_config", "language_config")
BERTS = ("bert", "roberta", "xlm-roberta", "camembert", "nomic_bert", "new", "modernbert")
READERS: dict[str, Callable[[Config, Architecture], Fields]] = {
    "nemotron_h": nemotron_h,
    "nemotron-nas": nemotron_nas,
    "granitemoehybrid": mamba_and_attention,
    "bamba": mamba_and_attention,
    "falcon_h1": falcon_h1,
    "jamba": jamba,
    "mamba": mamba,
    "mamba2": mamba,
    "rwkv7": rwkv7,
    "deepseek_v4": deepseek_v4,
    "whisper": whisper,
    **dict.fromkeys(BERTS, bert),
}
"""Who reads a `model_type`; `decoder` reads the others."""


class Read(msgspec.Struct, frozen=True):
    """Fields of a ModelSpec that a file gave, and what had to be assumed or left out."""

    fields: Fields
    notes: tuple[str, ...]


def read_config(values: Mapping[str, Any], place: str) -> Read:
    """The shape that a parsed config.json describes; CatalogError if it describes none.

    `place` names the file in errors.
    """
    top = Config(values, place)
    text = _text_part(top)
    kind = _kind(text) or _kind(top)
    arch = _architecture(text, kind)
    fields = READERS.get(kind, decoder)(text, arch)
    if "tie_word_embeddings" not in text.values:
        fields["tied"] = top.flag("tie_word_embeddings", default=fields["tied"])
    fields["family"] = arch.family
    fields["modality"] = arch.modality
    fields["default_precision"], note = published_precision(top, text)
    notes = add_towers(top, fields)
    return Read(fields, (*dict.fromkeys(text.assumed), *([note] if note else []), *notes))


def _text_part(top: Config) -> Config:
    """The object that describes the text model; its class's defaults fill what it leaves out."""
    for key in TEXT_PARTS:
        part = top.part(key)
        if part is not None:
            known = ARCHITECTURES.get(_kind(part) or _kind(top))
            return Config(part.values, top.place, part.path, known.defaults if known else None)
    return top


def _kind(config: Config) -> str:
    named = config.word("model_type")
    return SAME_AS.get(named, named)


def _architecture(config: Config, kind: str) -> Architecture:
    if not kind:
        config.fail("model_type", "is missing", "a model's own config.json says it: 'llama', …")
    if kind not in ARCHITECTURES:
        config.fail(
            "model_type",
            f"{short(kind)} is an architecture that wattmill does not know",
            nearest(kind, ARCHITECTURES) + "; or write the [[model]] table by hand",
        )
    return ARCHITECTURES[kind]
