"""What a question needs to know: one input, its unit and range; and inputs that questions share."""

import math
from collections.abc import Callable
from functools import cached_property
from typing import Any

import msgspec

from wattmill.catalog.names import nearest, plain
from wattmill.core.errors import UsageError, WattmillError
from wattmill.plan.questions.units import (
    ONE,
    Quantity,
    Unit,
    compatible,
    describe,
    quantity,
    short,
    unit,
)

Given = float | int | bool | str | Quantity
REQUIRED: Any = type("Required", (), {})
LEAST, MOST = 1e-30, 1e15
"""In base units the least that counts as other than 0; and a bound for what has none of its own, beyond
which somebody mixed up units."""


class Input(msgspec.Struct, frozen=True, dict=True):
    """What a question needs to know.

    unit: of a plain number ("" is a count or a share); low, high: the range in that unit.
    kind: "number", "whole" (a whole number), "choice", or a sort of name that `find` looks up in
    the catalog. A default is in base units, as the function takes it.
    """

    meaning: str
    unit: str = ""
    low: float | None = None
    high: float | None = None
    kind: str = "number"
    choices: tuple[str, ...] = ()
    find: Callable[[str], Any] | None = None
    written: Callable[[Any], str] = str
    is_above: bool = False
    name: str = ""
    default: Any = REQUIRED

    @property
    def is_numeric(self) -> bool:
        """Whether it is a number, which an audit may vary."""
        return self.kind in ("number", "whole")

    @property
    def is_required(self) -> bool:
        """Whether it must be given."""
        return self.default is REQUIRED

    @cached_property
    def scale(self) -> Unit:
        """The unit of a plain number."""
        return unit(self.unit) if self.unit else ONE

    def base(self, value: Given) -> Any:
        """`value` as the function takes it; UsageError if it is not one of those that may be."""
        if self.is_numeric:
            return self._checked(self._number(value))
        if not isinstance(value, str):
            raise self._refusal(f"{value!r} is no name", self._hint())
        if self.kind == "choice":
            return self._choice(value)
        assert self.find is not None, self.name
        try:
            return self.find(value)
        except WattmillError as error:
            raise self._refusal(error.message, error.hint) from None

    def shown(self, value: Any) -> str:
        """A value in base units as people write it."""
        if value is None:
            return "not given"
        if not self.is_numeric:
            return self.written(value)
        return f"{short(value / self.scale.factor)} {self.unit}".strip()

    def range_text(self) -> str:
        """The range or the choices, for people."""
        if not self.is_numeric:
            return ", ".join(self.choices)
        parts = (
            [f"{'above' if self.is_above else 'from'} {short(self.low)}"]
            if self.low is not None
            else []
        )
        parts += [f"to {short(self.high)}"] if self.high is not None else []
        return " ".join(parts)

    def base_range(self) -> tuple[float, float]:
        """The range in base units."""
        low, high = self.low, self.high
        factor = self.scale.factor
        return (
            -math.inf if low is None else low * factor,
            math.inf if high is None else high * factor,
        )

    def _number(self, value: Given) -> float:
        if isinstance(value, str):
            found = quantity(value, self.scale.dims)
            if found is None:
                raise self._refusal(f"{value!r} is no number", self._example())
            has_unit = any(found.dims) or not value.strip()[-1:].isdigit()
            value = found if has_unit else found.value
        if isinstance(value, Quantity):
            return self._converted(value)
        if isinstance(value, bool):
            raise self._refusal(f"{value} is no number", self.meaning)
        try:
            return float(value) * self.scale.factor
        except OverflowError:
            raise self._refusal("the number is too large", self._hint()) from None

    def _converted(self, value: Quantity) -> float:
        if not any(value.dims) and any(self.scale.dims):
            return value.value * self.scale.factor  # `12k` of something that has a unit
        if not compatible(value.dims, self.scale.dims):
            wanted = self.unit or "a plain number"
            raise self._refusal(
                f"a value in {describe(value.dims)} does not fit", f"give it in {wanted}"
            )
        return value.value

    def _example(self) -> str:
        low, high = self.low or 0.0, self.high or 1.0
        number = short(1.0 if low <= 1.0 <= high else low)
        return (
            f'write a number, alone or as in "{number} {self.unit}"'
            if self.unit
            else (f"write a number, like {number}")
        )

    def _checked(self, value: float) -> float:
        low, high = self.base_range()
        is_low = value < low or (self.is_above and value <= low)
        if not math.isfinite(value) or is_low or value > high:
            text = short(value / self.scale.factor) if math.isfinite(value) else str(value)
            given = f"{text} {self.unit}".strip()
            raise self._refusal(f"{given} is out of range", f"{self.meaning}: {self.range_text()}")
        if 0 < abs(value) < LEAST:  # a quotient with it could be beyond every number
            if self.is_above:
                raise self._refusal(f"{value:g} is hardly more than 0", self.meaning)
            value = 0.0
        if self.kind == "whole" and value != int(value):
            raise self._refusal(f"{short(value)} is no whole number", "give 1, 2, 3 …")
        return int(value) if self.kind == "whole" else value

    def _choice(self, value: str) -> str:
        by_plain = {plain(choice): choice for choice in self.choices}
        found = by_plain.get(plain(value))
        if found is None:
            raise self._refusal(f"unknown {value!r}", nearest(value, self.choices))
        return found

    def _hint(self) -> str:
        return self.meaning

    def _refusal(self, message: str, hint: str) -> UsageError:
        return UsageError(message, place=self.name, hint=hint)


class Bundle(msgspec.Struct, frozen=True):
    """Inputs that several questions share: a question takes a subclass, whose fields are `Annotated`
    with an `Input` each, and is asked for the fields."""
