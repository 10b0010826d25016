"""A model in a GGUF file, by its name and the head of the file."""

import os
import re
import struct
from pathlib import Path
from typing import Any, BinaryIO

from wattmill.core.errors import UsageError
from wattmill.web.discover.naming import catalog_name, precision_of
from wattmill.web.discover.records import Served
from wattmill.web.discover.told import count_of

EMBEDDED_CONTEXT = 4096
EMBEDDED_SLOTS = 4
MAX_TEXT_BYTES = 2**20

GGUF_FILE_TYPES = {
    0: "fp32", 1: "f16", 2: "q4_0", 3: "q4_1", 7: "q8_0", 8: "q5_0", 10: "q2_k", 12: "q3_k_m",
    14: "q4_k_s", 15: "q4_k_m", 16: "q5_k_s", 17: "q5_k_m", 18: "q6_k", 30: "iq4_xs", 32: "bf16",
}  # fmt: skip
"""``general.file_type`` of a GGUF file as a precision."""


def read_gguf(path: Path) -> Served:
    """A GGUF file by its name and its own header; ``UsageError`` when it is none."""
    try:
        with path.open("rb") as file:
            facts = _gguf_facts(file)
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}", hint="name a GGUF file") from None
    except (ValueError, KeyError, struct.error):
        hint = "name a GGUF file of version 2 or 3"
        raise UsageError(f"{path} is no GGUF file", hint=hint) from None
    context = next((facts[key] for key in facts if key.endswith(".context_length")), None)
    model, known = catalog_name(path.name)
    if not known and catalog_name(str(facts.get("general.name", "")))[1]:
        model, known = catalog_name(facts["general.name"])
    named = precision_of(re.sub(r".*[-.]", "", path.stem))
    return Served(
        name=model,
        model=model,
        known=known,
        precision=GGUF_FILE_TYPES.get(facts.get("general.file_type", -1)) or named,
        context=min(count_of(context) or EMBEDDED_CONTEXT, EMBEDDED_CONTEXT),
        slots=EMBEDDED_SLOTS,
        path=str(path.resolve()),
    )


GGUF_NUMBERS = {
    0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"
}  # fmt: skip
GGUF_TEXT, GGUF_LIST = 8, 9


def _gguf_facts(file: BinaryIO) -> dict[str, Any]:
    """The single values at the head of a GGUF file; lists (the tokenizer's words) are skipped."""
    if file.read(4) != b"GGUF" or _unpack(file, "I") not in (2, 3):
        raise ValueError("no GGUF")
    _tensors, values = _unpack(file, "Q"), _unpack(file, "Q")
    facts: dict[str, Any] = {}
    for _ in range(values):
        key, kind = _gguf_text(file), _unpack(file, "I")
        if kind == GGUF_LIST:
            _skip_list(file)
        else:
            facts[key] = _gguf_value(file, kind)
    return facts


def _skip_list(file: BinaryIO) -> None:
    kind, length = _unpack(file, "I"), _unpack(file, "Q")
    if kind in GGUF_NUMBERS:
        file.seek(length * struct.calcsize("<" + GGUF_NUMBERS[kind]), os.SEEK_CUR)
        return
    for _ in range(length):
        _gguf_value(file, kind)


def _gguf_value(file: BinaryIO, kind: int) -> Any:
    return _gguf_text(file) if kind == GGUF_TEXT else _unpack(file, GGUF_NUMBERS[kind])


def _gguf_text(file: BinaryIO) -> str:
    length = _unpack(file, "Q")
    if length > MAX_TEXT_BYTES:
        raise ValueError("no GGUF")
    return file.read(length).decode("utf-8", "replace")


def _unpack(file: BinaryIO, code: str) -> Any:
    return struct.unpack("<" + code, file.read(struct.calcsize("<" + code)))[0]
