"""One object of a config.json: what is read from it is there and possible, or an error says where."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NoReturn

from wattmill.core.errors import CatalogError

Fields = dict[str, Any]
MOST = 10**9
MOST_LAYERS = 10_000


class Config:
    """One object of a config.json, the place where it stands, and what was assumed about it."""

    def __init__(
        self,
        values: Mapping[str, Any],
        place: str,
        path: str = "",
        defaults: Mapping[str, Any] | None = None,
    ) -> None:
        self.values = values
        self.place = place
        self.path = path
        self.defaults = defaults or {}
        self.assumed: list[str] = []

    def get(self, *keys: str) -> Any:
        """The first of the keys that is there and not null; a default of the class else."""
        for key in keys:
            if self.values.get(key) is not None:
                return self.values[key]
        for key in keys:
            if key in self.defaults:
                self.assumed.append(f"{self.path}{key} = {self.defaults[key]}, its class's default")
                return self.defaults[key]
        return None

    def count(self, *keys: str, default: int | None = None, low: int = 1, high: int = MOST) -> int:
        """A whole number, `default` if no key is there; CatalogError if it is none or not within."""
        value = self.get(*keys)
        if value is None:
            if default is None:
                self.fail(keys[0], "is missing", f"add {' or '.join(map(repr, keys))} to the file")
            return default
        return self.whole(keys, value, low, high)

    def whole(self, keys: tuple[str, ...], value: Any, low: int = 1, high: int = MOST) -> int:
        """`value` as a whole number between `low` and `high`."""
        key = next((k for k in keys if self.values.get(k) is not None), keys[0])
        if value is None:
            self.fail(key, "is missing", f"add {' or '.join(map(repr, keys))} to the file")
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        if isinstance(value, bool) or not isinstance(value, int):
            self.fail(key, f"is {short(value)}, not a whole number", "check the file")
        if not low <= value <= high:
            self.fail(key, f"is {short(value)}, not within {low} to {high}", "check the file")
        return value

    def flag(self, *keys: str, default: bool) -> bool:
        """True or false."""
        value = self.get(*keys)
        if value is None:
            return default
        if not isinstance(value, bool):
            self.fail(keys[0], f"is {short(value)}, not true or false", "check the file")
        return value

    def word(self, *keys: str) -> str:
        """A text, empty if no key is there."""
        value = self.get(*keys)
        return value if isinstance(value, str) else ""

    def items(self, *keys: str, of: int | None = None) -> list[Any] | None:
        """A list, None if no key is there; CatalogError if it must have `of` items and has not."""
        value = self.get(*keys)
        if value is None:
            return None
        if not isinstance(value, list):
            self.fail(keys[0], f"is {short(value)}, not a list", "check the file")
        if of is not None and len(value) < of:
            self.fail(keys[0], f"has {len(value)} items for {of} layers", "check the file")
        return value if of is None else value[:of]

    def part(self, key: str, defaults: Mapping[str, Any] | None = None) -> Config | None:
        """An object inside this one, None if it is not there."""
        value = self.values.get(key)
        if value is None:
            return None
        if not isinstance(value, dict):
            self.fail(key, f"is {short(value)}, not an object", "check the file")
        return Config(value, self.place, f"{self.path}{key}.", defaults)

    def fail(self, key: str, message: str, hint: str) -> NoReturn:
        """A CatalogError that names the file and the key."""
        raise CatalogError(f"{self.path}{key} {message}", hint=hint, place=self.place)


def short(value: Any) -> str:
    try:
        text = repr(value)
    except ValueError:  # an int of more digits than Python prints
        return "a number without end"
    return text if len(text) <= 40 else text[:37] + "..."
