"""The head of a GGUF file: its key-values, and the shapes and types of its tensors.

Layout: the GGUF specification of ggml (ggml-org/ggml docs/gguf.md): magic, version 2 or 3, counts,
key-values, tensor infos; little-endian. Nothing behind the head is read, so a file of 400 GB takes
as long as a small one. Every length is held against the bytes that are left in the file.
"""

from __future__ import annotations

import re
import struct
from pathlib import Path
from typing import Any, BinaryIO

import msgspec

from wattmill.core.errors import CatalogError

MAGIC = b"GGUF"
NUMBERS = {
    0: "B",
    1: "b",
    2: "H",
    3: "h",
    4: "I",
    5: "i",
    6: "f",
    7: "?",
    10: "Q",
    11: "q",
    12: "d",
}
STRING, ARRAY = 8, 9
LONGEST_KEPT = 65_536
"""Lists of more numbers, and all lists of texts (a tokenizer's words), are skipped."""

TENSOR_TYPES: dict[int, tuple[str, int, int]] = {
    0: ("fp32", 1, 4),
    1: ("fp16", 1, 2),
    2: ("q4_0", 32, 18),
    3: ("q4_1", 32, 20),
    6: ("q5_0", 32, 22),
    7: ("q5_1", 32, 24),
    8: ("q8_0", 32, 34),
    9: ("q8_1", 32, 36),
    10: ("q2_k", 256, 84),
    11: ("q3_k", 256, 110),
    12: ("q4_k", 256, 144),
    13: ("q5_k", 256, 176),
    14: ("q6_k", 256, 210),
    15: ("q8_k", 256, 292),
    16: ("iq2_xxs", 256, 66),
    17: ("iq2_xs", 256, 74),
    18: ("iq3_xxs", 256, 98),
    19: ("iq1_s", 256, 50),
    20: ("iq4_nl", 32, 18),
    21: ("iq3_s", 256, 110),
    22: ("iq2_s", 256, 82),
    23: ("iq4_xs", 256, 136),
    24: ("int8", 1, 1),
    25: ("int16", 1, 2),
    26: ("int32", 1, 4),
    27: ("int64", 1, 8),
    28: ("fp64", 1, 8),
    29: ("iq1_m", 256, 56),
    30: ("bf16", 1, 2),
    34: ("tq1_0", 256, 54),
    35: ("tq2_0", 256, 66),
    39: ("mxfp4", 32, 17),
    40: ("nvfp4", 64, 36),
}
"""Name, weights per block and bytes per block of a tensor type (ggml.h, ggml-common.h)."""

FILE_TYPES = {
    0: "fp32",
    1: "fp16",
    2: "q4_0",
    3: "q4_1",
    7: "q8_0",
    8: "q5_0",
    10: "q2_k",
    12: "q3_k_m",
    14: "q4_k_s",
    15: "q4_k_m",
    16: "q5_k_s",
    17: "q5_k_m",
    18: "q6_k",
    30: "iq4_xs",
    32: "bf16",
    38: "mxfp4",
}
"""`general.file_type` of the mixes that the table of precisions has a size for (llama.h)."""


class Tensor(msgspec.Struct, frozen=True):
    """One tensor: its shape with the innermost width first, its type, and what it takes."""

    name: str
    shape: tuple[int, ...]
    kind: str
    elements: int
    bytes: float


class Gguf(msgspec.Struct, frozen=True):
    """The head of a GGUF model, all parts of a split file together."""

    place: str
    values: dict[str, Any]
    tensors: tuple[Tensor, ...]

    @property
    def precision(self) -> str | None:
        """The mix of formats by its usual name, None if the file does not say a known one."""
        kind = self.values.get("general.file_type")
        return FILE_TYPES.get(kind) if isinstance(kind, int) else None


def is_gguf(path: Path) -> bool:
    """Whether the file begins as GGUF files do."""
    try:
        with path.open("rb") as file:
            return file.read(4) == MAGIC
    except OSError:
        return False


def read_gguf(path: Path) -> Gguf:
    """The head of the file at `path` and of its other parts; CatalogError if it is no GGUF file."""
    first = read_head(path)
    parts = first.values.get("split.count", 1)
    if not isinstance(parts, int) or parts <= 1:
        return first
    heads = [read_head(part) for part in _parts(path, parts)]
    tensors = tuple(tensor for head in heads for tensor in head.tensors)
    return Gguf(str(path), heads[0].values, tensors)


def _parts(path: Path, count: int) -> list[Path]:
    found = re.fullmatch(r"(.*)-\d{5}-of-(\d{5})\.gguf", path.name)
    if found is None or int(found[2]) != count:
        raise CatalogError(
            f"is one of {count} parts, but its name does not say which",
            hint="keep the names as published: name-00001-of-00003.gguf",
            place=str(path),
        )
    return [path.with_name(f"{found[1]}-{i:05}-of-{count:05}.gguf") for i in range(1, count + 1)]


def read_head(path: Path) -> Gguf:
    """The head of one file."""
    try:
        with path.open("rb") as file:
            return _Head(file, path).read()
    except OSError as error:
        hint = "name a GGUF file; all parts of a split one belong into one folder"
        raise CatalogError(str(error.strerror or error), hint=hint, place=str(path)) from None


class _Head:
    """Reads one head; a length beyond the end of the file is a broken file."""

    def __init__(self, file: BinaryIO, path: Path) -> None:
        self.file = file
        self.place = str(path)
        self.size = path.stat().st_size

    def read(self) -> Gguf:
        if self.take(4) != MAGIC:
            self.fail("is no GGUF file")
        version = self.number("I")
        if version not in (2, 3):
            self.fail(f"is GGUF of version {version}, not 2 or 3")
        tensors, pairs = self.number("Q"), self.number("Q")
        values = dict(self.pair() for _ in range(self.fitting(pairs, 12)))
        infos = tuple(self.tensor() for _ in range(self.fitting(tensors, 24)))
        return Gguf(self.place, values, infos)

    def pair(self) -> tuple[str, Any]:
        key = self.text()
        return key, self.value(self.number("I"))

    def value(self, kind: int) -> Any:
        """A number or a text; a list of numbers, or None for a list that nobody needs."""
        if kind == STRING:
            return self.text()
        if kind == ARRAY:
            return self.items(self.number("I"), self.number("Q"))
        if kind not in NUMBERS:
            self.fail(f"has a value of the unknown kind {kind}")
        return self.number(NUMBERS[kind])

    def items(self, kind: int, length: int) -> list[Any] | None:
        if kind in NUMBERS:
            width = struct.calcsize(NUMBERS[kind])
            self.fitting(length, width)
            if length <= LONGEST_KEPT:
                return list(struct.unpack(f"<{length}{NUMBERS[kind]}", self.take(length * width)))
            self.file.seek(length * width, 1)
        elif kind == STRING:
            for _ in range(self.fitting(length, 8)):
                self.take(self.fitting(self.number("Q"), 1))
        else:
            self.fail(f"has a list of the unknown kind {kind}")
        return None

    def tensor(self) -> Tensor:
        name, dimensions = self.text(), self.number("I")
        if not 1 <= dimensions <= 8:
            self.fail(f"tensor {name!r} has {dimensions} dimensions")
        shape = tuple(self.number("Q") for _ in range(dimensions))
        code = self.number("I")
        self.number("Q")
        if code not in TENSOR_TYPES:
            self.fail(f"tensor {name!r} has the unknown type {code}")
        kind, weights, size = TENSOR_TYPES[code]
        elements = 1
        for width in shape:
            elements *= width
        if not 0 < elements < 2**50:
            self.fail(f"tensor {name!r} has the impossible shape {shape}")
        return Tensor(name, shape, kind, elements, elements / weights * size)

    def text(self) -> str:
        return self.take(self.fitting(self.number("Q"), 1)).decode("utf-8", "replace")

    def number(self, form: str) -> Any:
        return struct.unpack("<" + form, self.take(struct.calcsize(form)))[0]

    def take(self, length: int) -> bytes:
        data = self.file.read(length)
        if len(data) != length:
            self.fail("ends within its head")
        return data

    def fitting(self, count: int, width: int) -> int:
        """`count` things of at least `width` bytes, which must fit into the file."""
        if count * width > self.size:
            self.fail(f"names {count} things where {self.size} bytes are")
        return int(count)

    def fail(self, message: str) -> None:
        raise CatalogError(message, hint="take the file from its publisher again", place=self.place)
