"""A factory file while it is written."""

import json
import re
from typing import Any


class Draft:
    """A factory file while it is written, and what had to be left open in it."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.unknown: dict[str, list[str]] = {}
        self.names: set[str] = set()

    def add(self, *lines: str) -> None:
        """Lines as they stand."""
        self.lines += lines

    def set(self, **values: Any) -> None:
        """``key = value`` for each value that is not ``None``."""
        self.add(*(f"{key} = {_toml(value)}" for key, value in values.items() if value is not None))

    def open(self, sentence: str, *examples: str, of: str = "") -> None:
        """Something not known: a comment, with lines that would tell."""
        self.add(f"# not known: {sentence}", *(f"# {example}" for example in examples))
        self.unknown.setdefault(sentence, []).extend([of] if of else [])

    @property
    def open_questions(self) -> tuple[str, ...]:
        """What is not known, each with the pools that it concerns."""
        return tuple(
            f"{sentence} ({', '.join(pools)})" if pools else sentence
            for sentence, pools in self.unknown.items()
        )

    def name(self, wanted: str) -> str:
        """A name as the factory file takes it, used once."""
        name, number = as_name(wanted), 1
        while name in self.names:
            number += 1
            name = f"{as_name(wanted)}-{number}"
        self.names.add(name)
        return name


def as_name(text: str) -> str:
    """Text as the factory file takes a name."""
    return re.sub(r"[^a-z0-9._-]+", "-", text.lower()).strip("._-")[:60] or "model"


def _toml(value: Any) -> str:
    """A value of the file; JSON's texts, lists and whole numbers are TOML's."""
    return json.dumps(value, ensure_ascii=False)
