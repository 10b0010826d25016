"""What a claim states, and how it is held against what is computed."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from wattmill.core.errors import UsageError
from wattmill.plan.audit.claims import Check, Plain, Row
from wattmill.plan.questions.units import (
    MULTIPLIERS,
    NONE,
    ONE,
    Dims,
    Quantity,
    Unit,
    compatible,
    describe,
    quantity,
    short,
    unit,
    unit_text,
)

_AT_MOST = re.compile(r"(?:at most|no more than|under|below|up to|<=|≤|<)\s*", re.IGNORECASE)
_AT_LEAST = re.compile(r"(?:at least|no less than|over|above|more than|>=|≥|>)\s*", re.IGNORECASE)
_ABOUT = re.compile(r"(?:about|around|roughly|~|≈|=)\s*", re.IGNORECASE)
_SPAN = re.compile(r"(.*?[\d%a-zA-Z])(?<!\d[eE])\s*(?:–|—|-|\bto\b)\s*(\d.*)")
_DIGITS = re.compile(r"\d[\d,_]*(?:\.(\d+))?(?:[eE]([+-]?\d+))?")
YES_NO = {"yes": True, "no": False}
ROUNDED = "rounded"
"""A tolerance: half a unit of the last digit that is stated."""


@dataclass(frozen=True)
class Statement:
    """What is stated, in base units. tolerance: a share of it; slack: added to that."""

    check: Check
    values: tuple[float, ...]
    tolerance: float
    text: str
    slack: float = 0.0
    unit_text: str = ""
    dims: Dims = field(default=NONE)

    @property
    def is_stated(self) -> bool:
        """Whether there is anything to hold against."""
        return bool(self.values)

    def unit_of(self, computed: list[Quantity] | None) -> tuple[str, Unit]:
        """The unit in which both are shown: as stated, else base units."""
        if self.unit_text == "yes/no":
            return self.unit_text, ONE
        if self.unit_text or not computed:
            return self.unit_text, unit(self.unit_text) if self.unit_text else ONE
        dims = computed[0].dims
        return ("" if dims == NONE else describe(dims)), ONE

    def require_fit(self, computed: list[Quantity]) -> None:
        """UsageError if both cannot be compared."""
        for value in computed:
            if self.is_stated and not compatible(value.dims, self.dims):
                raise UsageError(
                    f"{self.text!r} is stated in {describe(self.dims)},"
                    f" but {describe(value.dims)} is computed",
                    hint="check the units of both",
                )
        if self.check == "equal" and len(self.values) > 1 and len(computed) != len(self.values):
            raise UsageError(
                f"{len(self.values)} values are stated and {len(computed)} computed",
                hint="state a range as one text, or use as many",
            )

    def holds(self, computed: list[float]) -> bool:
        """Whether the claim stands."""
        low, high = min(self.values), max(self.values)
        least, most = min(computed), max(computed)
        match self.check:
            case "equal":
                return all(self._is_near(a, b) for a, b in self._pairs(computed))
            case "within":
                return least >= self._down(low) and most <= self._up(high)
            case "contains":
                return self._down(least) <= low and self._up(most) >= high
            case "overlaps":
                return most >= self._down(low) and least <= self._up(high)
            case "at-most":
                return most <= self._up(high)
            case "at-least":
                return least >= self._down(low)
            case "bound":
                return high <= self._up(least)
            case "floor":
                return low >= self._down(most)

    def target(self, computed: list[float]) -> tuple[int, float]:
        """Which computed value is furthest off, and where it would have to be."""
        goals = self._goals(computed)
        i = max(range(len(computed)), key=lambda k: distance(computed[k], goals[k]))
        return i, goals[i]

    def _goals(self, computed: list[float]) -> list[float]:
        low, high = min(self.values), max(self.values)
        match self.check:
            case "equal":
                return [goal for _, goal in self._pairs(computed)]
            case "at-most" | "floor":
                bound = high if self.check == "at-most" else low
                return [min(c, bound) for c in computed]
            case "at-least" | "bound":
                bound = low if self.check == "at-least" else high
                return [max(c, bound) for c in computed]
        return [min(max(c, low), high) for c in computed]

    def _pairs(self, computed: list[float]) -> list[tuple[float, float]]:
        if len(self.values) == 1:
            return [(c, self.values[0]) for c in computed]
        return list(zip(computed, self.values, strict=True))

    def _is_near(self, value: float, stated: float) -> bool:
        return self._down(stated) <= value <= self._up(stated)

    def _up(self, value: float) -> float:
        return value + self._allowed(value)

    def _down(self, value: float) -> float:
        return value - self._allowed(value)

    def _allowed(self, value: float) -> float:
        return (self.tolerance + 1e-9) * abs(value) + self.slack * (1 + 1e-9)


def distance(a: float, b: float) -> float:
    """How far two numbers are apart, over their size."""
    return abs(a - b) / (abs(a) + abs(b) or 1.0)


def statement_of(row: Row, computed_unit: str | None) -> Statement:
    """What a claim states; a number alone is in the unit of what is computed, if that is known."""
    default = row.unit or computed_unit or ""
    counts = computed_unit is not None and (default == "" or unit(default).dims == NONE)
    if row.stated is None:
        return Statement("equal", (), 0.0, "not stated", unit_text=default)
    parts = row.stated if isinstance(row.stated, list) else [row.stated]
    found = [_stated(_counted(part) if counts else part, default) for part in parts]
    first = found[0]
    if any(not compatible(f.values[0].dims, first.values[0].dims) for f in found):
        raise UsageError(f"{row.stated} mixes units", hint="state values of one kind")
    values = tuple(q.value for f in found for q in f.values)
    is_span = len(parts) == 1 and len(values) > 1
    said = next((f.check for f in found if f.check), None)
    tolerance, slack = _tolerance(row.tolerance, first.unit_text, parts)
    return Statement(
        check=row.check or said or ("within" if is_span else "equal"),
        values=values,
        tolerance=tolerance,
        slack=slack,
        text=", ".join(f.text for f in found),
        unit_text=first.unit_text,
        dims=first.values[0].dims,
    )


def _tolerance(written: float | str, shown_unit: str, parts: list[Plain]) -> tuple[float, float]:
    """A share (`0.05`, `5 %`), and a slack in base units (`± 2 GB`, `rounded`)."""
    scale = unit(shown_unit) if shown_unit and shown_unit != "yes/no" else ONE
    if written == ROUNDED:
        return 0.0, max(_half_digit(part) for part in parts) * scale.factor
    is_slack = isinstance(written, str) and written.lstrip()[:1] == "±"
    text = written.lstrip(" ±") if isinstance(written, str) else written
    found = quantity(text) if isinstance(text, str) else Quantity(float(text))
    if found is None or found.value < 0:
        hint = 'write it like 0.05, "5 %", "± 2 GB" or "rounded"'
        raise UsageError(f"{written!r} is no tolerance", hint=hint)
    if not is_slack:
        return _share(found, written), 0.0
    if any(found.dims) and not compatible(found.dims, scale.dims):
        raise UsageError(f"{written!r} is not in the unit of what is stated")
    has_own = any(found.dims) or bool(unit_text(text))
    return 0.0, found.value if has_own else found.value * scale.factor


def _share(found: Quantity, written: float | str) -> float:
    if any(found.dims) or found.value >= 10:
        raise UsageError(f"{written!r} is no share", hint='write 0.05, "5 %" or "± 2 GB"')
    return found.value


def _half_digit(part: Plain) -> float:
    """Half a unit of the last digit: 0.05 of `1.2`, 0.5 of `42`."""
    found = _DIGITS.search(str(part))
    if found is None:
        return 0.0
    return 0.5 * 10.0 ** (int(found[2] or 0) - len(found[1] or ""))


@dataclass(frozen=True)
class _Stated:
    values: tuple[Quantity, ...]
    check: Check | None
    unit_text: str
    text: str


def _stated(written: Plain, default: str) -> _Stated:
    """One value, bound or range; a number alone is in the unit of what is computed."""
    word = YES_NO.get(written.strip().lower()) if isinstance(written, str) else written
    if isinstance(word, bool):
        return _Stated((Quantity(float(word)),), None, "yes/no", "yes" if word else "no")
    if not isinstance(written, str):
        scale = unit(default) if default else ONE
        text = f"{short(float(written))} {default}".strip()
        return _Stated((Quantity(float(written) * scale.factor, scale.dims),), None, default, text)
    check, rest = _qualified(written.strip())
    rest, dollar = rest.replace("$", ""), "USD" if "$" in rest else ""
    span = _SPAN.fullmatch(rest)
    shown_unit = dollar + unit_text(span[2] if span else rest) or default
    ends = (span[1], span[2]) if span else (rest,)
    values = tuple(_end(end, shown_unit, written) for end in ends)
    return _Stated(values, check, shown_unit, written)


def _counted(part: Plain) -> Plain:
    """`70B` of something that is counted is 70 billion, not bytes."""
    if isinstance(part, str) and unit_text(part) in MULTIPLIERS:
        found = quantity(part, NONE)
        return part if found is None else found.value
    return part


def _qualified(text: str) -> tuple[Check | None, str]:
    checks: tuple[tuple[re.Pattern[str], Check | None], ...] = (
        (_AT_MOST, "at-most"),
        (_AT_LEAST, "at-least"),
        (_ABOUT, None),
    )
    for pattern, check in checks:
        found = pattern.match(text)
        if found:
            return check, text[found.end() :]
    return None, text


def _end(text: str, shown_unit: str, written: str) -> Quantity:
    """One end of a range, in its own unit (`500 MB to 2 GB`) or in that of the whole."""
    own = unit_text(text)
    has_own = bool(own) and not shown_unit.endswith(own)
    scale = unit(shown_unit) if shown_unit else ONE
    found = quantity(text if has_own else text[: len(text) - len(own)], scale.dims)
    if found is None:
        raise UsageError(f"{written!r} states no value", hint='write it like "40 GB" or "40-80 GB"')
    return found if has_own else Quantity(found.value * scale.factor, scale.dims)
