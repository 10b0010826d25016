"""Which hardware a study looks at, and in which number formats its engines run a model."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from wattmill.catalog.hardware import Accelerator, accelerators, hardware
from wattmill.catalog.models import ModelSpec, model
from wattmill.catalog.names import nearest, plain
from wattmill.catalog.precision import KV_BITS, WEIGHT_BITS
from wattmill.catalog.systems import System, system, systems
from wattmill.core.errors import CatalogError, PlanError

SERVED = (
    "hopper", "blackwell", "rubin", "ampere-hbm", "ada", "ampere-gddr", "blackwell-gddr", "cdna",
    "gaudi", "tpu", "trainium",
)  # fmt: skip
"""Families that vLLM or SGLang serve models on."""

VENDOR_ONLY = ("lpu", "wafer", "tensix", "hexagon")
"""Families that need their maker's own software; studied only when they are named."""

FLOAT4 = ("blackwell", "blackwell-gddr", "rubin")
"""Families whose engines have products in NVFP4."""

MOST_CARDS = {
    "": 8,
    "nvlink5": 72,
    "nvlink6": 72,
    "ualink": 72,
    "neuronlink3": 16,
    "neuronlink4": 64,
}
"""Cards of one replica that a study tries, by link; a domain may be larger, a layout is not."""

LLAMA_FILES = ("bf16", "fp16", "f16", "mxfp4")
"""Formats that are no GGUF quants and that llama.cpp nevertheless reads."""


class Candidate(msgspec.Struct, frozen=True):
    """An accelerator to lay a model out on.

    domain: cards that share a link, so the most that may share a layer. most_cards: how many there
    are; None is as many as one likes. system: where it is bought as whole systems.
    """

    accelerator: Accelerator
    domain: int
    most_cards: int | None = None
    system: System | None = None


def generator(name: str) -> ModelSpec:
    """The model called `name`, if it writes tokens one by one; PlanError for an encoder."""
    spec = model(name)
    if spec.kind == "encoder":
        raise PlanError(
            f"{spec.name} makes embeddings, so it has no users in decode and no TPOT",
            hint="`wattmill ask --list` has questions about embeddings",
        )
    return spec


def candidates(words: Sequence[str]) -> tuple[Candidate, ...]:
    """Hardware by family, vendor, name, system, or `4x NAME` for at most 4; else all that is sold.

    CatalogError with the nearest names for a word that is none of these.
    """
    if not words:
        return tuple(_candidate(a) for a in accelerators() if _is_common(a))
    found = [candidate for word in words for candidate in _of_word(word)]
    return tuple(dict(zip(map(repr, found), found, strict=True)).values())


def split_words(words: Iterable[str] | None) -> tuple[str, ...]:
    """Options that may be repeated and may hold several words between commas."""
    return tuple(w for word in words or () for w in map(str.strip, word.split(",")) if w)


def _is_common(accelerator: Accelerator) -> bool:
    is_sold = accelerator.status == "sold" and accelerator.family not in VENDOR_ONLY
    return is_sold and _is_computable(accelerator)


def _is_computable(accelerator: Accelerator) -> bool:
    try:
        return accelerator.rate_flops_per_s("bf16") > 0
    except CatalogError:
        return False


def _candidate(accelerator: Accelerator, most_cards: int | None = None) -> Candidate:
    joined = accelerator.link_devices or 8
    tried = MOST_CARDS.get(accelerator.link, MOST_CARDS[""])
    domain = min(joined, tried)
    return Candidate(accelerator, min(domain, most_cards or domain), most_cards)


def _of_word(word: str) -> tuple[Candidate, ...]:
    kin = tuple(a for a in accelerators() if plain(word) in (plain(a.family), plain(a.vendor)))
    if kin:
        return tuple(_candidate(a) for a in kin if _is_computable(a))
    try:
        bought = system(word)
    except CatalogError:
        return (_counted(word),)
    each = bought.hardware
    return (Candidate(each.accelerator, each.count, None, bought),)


def _counted(word: str) -> Candidate:
    try:
        asked = hardware(word)
    except CatalogError as error:
        raise CatalogError(
            error.message, hint=_hint(word, error.hint), place="--hardware"
        ) from None
    card = asked.accelerator
    if not _is_computable(card):
        raise PlanError(
            f"no 16-bit rate of {card.name} is known", hint="add its row to your catalog file",
            place="--hardware",
        )  # fmt: skip
    is_limit = word.strip()[0].isdigit() and plain(word) != plain(card.name)
    return _candidate(card, asked.count if is_limit else None)


def _hint(word: str, otherwise: str) -> str:
    known = {a.family for a in accelerators()} | {a.vendor for a in accelerators()}
    names = [a.name for a in accelerators()] + [s.name for s in systems()]
    found = nearest(word, [*sorted(known), *names])
    return otherwise if found.startswith("known are") else found


# --- number formats -------------------------------------------------------------------------------


def checked(precisions: Sequence[str], kv_precision: str) -> None:
    """CatalogError for a format that nobody knows."""
    for option, words, known in (
        ("--precision", precisions, WEIGHT_BITS),
        ("--kv", (kv_precision,), KV_BITS),
    ):
        for word in words:
            if word not in known:
                raise CatalogError(
                    f"unknown precision {word!r}", hint=nearest(word, known), place=option
                )


def is_gguf(precision: str) -> bool:
    """Whether the format is one of llama.cpp's own."""
    return precision.startswith(("q", "iq"))


def engine_for(accelerator: Accelerator, precision: str) -> str | None:
    """The engine that runs this format there: llama.cpp for its own, else a server; or None."""
    if is_gguf(precision):
        return "llama.cpp" if accelerator.family not in VENDOR_ONLY else None
    if accelerator.family in (*SERVED, *VENDOR_ONLY):
        return "vllm"
    return "llama.cpp" if precision in LLAMA_FILES else None


def lossless(spec: ModelSpec, accelerator: Accelerator) -> tuple[str, ...]:
    """The shipped format and 8 bits, widest first: what changes answers by next to nothing."""
    shipped, is_server = spec.default_precision, accelerator.family in (*SERVED, *VENDOR_ONLY)
    eight = "fp8" if is_server else "q8_0"
    first = shipped if is_server or shipped in LLAMA_FILES else eight
    return tuple(dict.fromkeys((first, eight) if WEIGHT_BITS[first] > 8.5 else (first,)))


def narrow(spec: ModelSpec, accelerator: Accelerator) -> tuple[str, ...]:
    """The usual format of about 4 bits there, if the model is not shipped in one."""
    if WEIGHT_BITS[spec.default_precision] < 6:
        is_readable = engine_for(accelerator, spec.default_precision) is not None
        return () if is_readable else ("q4_k_m",)
    if accelerator.family in FLOAT4 and "fp4" in accelerator.flops_per_s:
        return ("nvfp4",)
    return ("int4",) if accelerator.family in (*SERVED, *VENDOR_ONLY) else ("q4_k_m",)


def ladder(spec: ModelSpec, accelerator: Accelerator) -> tuple[str, ...]:
    """All of them, widest first."""
    return (*lossless(spec, accelerator), *narrow(spec, accelerator))
