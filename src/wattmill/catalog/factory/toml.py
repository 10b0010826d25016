"""TOML with exact decimals, errors that name the line, and the line of every key."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Iterator
from decimal import Decimal
from typing import Any

from wattmill.core.errors import FactoryError

Key = tuple[str | int, ...]
"""Where something is written: names of tables and keys, and numbers from 0 in lists."""


def parse_toml(text: str, place: str) -> dict[str, Any]:
    """The tables of a text, floats as Decimal; FactoryError with the line if it is not TOML."""
    try:
        return tomllib.loads(text, parse_float=_decimal)
    except RecursionError:
        raise FactoryError(
            "tables are nested too deep", hint="a factory file has two levels", place=f"{place}:1"
        ) from None
    except ValueError as error:
        message = str(error)
        found = re.search(r" \(at line (\d+), column \d+\)$", message)
        last = text.count("\n") + 1
        line = int(found[1]) if found else last
        raise FactoryError(
            "not TOML: " + re.sub(r" \(at [^)]*\)$", "", message),
            hint="a factory file is TOML: [site], [[pool]], key = value",
            place=f"{place}:{line}",
        ) from None


def _decimal(text: str) -> Decimal:
    try:
        return Decimal(text)
    except ArithmeticError:
        return Decimal("Infinity")  # an exponent beyond all bounds; refused where it is read


TOKEN = re.compile(
    r'''"""(?:\\.|[^\\])*?"""(?:"{0,2})|\'\'\'.*?\'\'\'(?:'{0,2})|"(?:\\.|[^"\\\n])*"|'[^'\n]*\''''
    r"""|\#[^\n]*|[\[\]{}=,\n]|[^\s\[\]{}=,"'\#]+""",
    re.DOTALL,
)


def lines_of(text: str) -> dict[Key, int]:
    """The line of every table and key of a valid TOML text; keys inside a value have none."""
    line_of: dict[Key, int] = {}
    last_of: dict[Key, int] = {}
    table: Key = ()
    for line, tokens in _statements(text):
        if tokens[0] != "[":
            key = _key_parts(tokens[: tokens.index("=")])
            for n in range(1, len(key) + 1):
                line_of.setdefault((*table, *key[:n]), line)
            continue
        parts = _key_parts(t for t in tokens if t not in "[]")
        table = (*_resolve(parts[:-1], last_of), parts[-1])
        if tokens[1] == "[":
            line_of.setdefault(table, line)
            last_of[table] = last_of.get(table, -1) + 1
        table = _resolve(parts, last_of)
        line_of.setdefault(table, line)
    return line_of


def _statements(text: str) -> Iterator[tuple[int, list[str]]]:
    """The logical lines: a header, or a key with its value however many lines that takes."""
    line, start, depth = 1, 1, 0
    tokens: list[str] = []
    for match in TOKEN.finditer(text.replace("\r\n", "\n") + "\n"):
        token = match[0]
        if token == "\n" and depth == 0:
            if tokens:
                yield start, tokens
            tokens = []
        elif token != "\n" and token[0] != "#":
            start = start if tokens else line
            tokens.append(token)
            depth += (token in "[{") - (token in "]}")
        line += token.count("\n")


def _key_parts(tokens: Iterable[str]) -> Key:
    """`a . "b c".d` as its parts."""
    parts: list[str] = []
    for token in tokens:
        parts += [token[1:-1]] if token[0] in "\"'" else [p for p in token.split(".") if p]
    return tuple(parts)


def _resolve(parts: Key, last_of: dict[Key, int]) -> Key:
    """A header's path with the running index of every list of tables on its way."""
    path: Key = ()
    for part in parts:
        path = (*path, part)
        if path in last_of:
            path = (*path, last_of[path])
    return path
