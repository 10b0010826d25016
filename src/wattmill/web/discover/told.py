"""What tools and engines told, taken with care: whatever has another form was not told."""

from typing import Any


def value_of(table: Any, key: str) -> Any:
    """What a table has under a key, if it is a table."""
    return table.get(key) if isinstance(table, dict) else None


def rows_of(table: Any, key: str = "data") -> list[dict[str, Any]]:
    """The tables in a list that a table has under a key."""
    rows = value_of(table, key)
    return [row for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []


def count_of(value: Any) -> int | None:
    """A whole number above zero, if it is one that can be a count."""
    is_count = isinstance(value, int) and not isinstance(value, bool) and 0 < value < 10**9
    return value if is_count else None


def is_word(text: str) -> bool:
    """Whether a text can stand in a file and on a screen as a name."""
    return bool(text) and text.isprintable() and text.strip() == text and len(text) <= 200


def number_of(text: str, factor: float) -> float | None:
    """The number in a text times a factor, if it is one."""
    try:
        return float(text) * factor
    except ValueError:
        return None


def printable(text: str) -> str:
    """A text without what would steer a terminal."""
    return "".join(char for char in text if char.isprintable()).strip()[:200]
