"""What a question answers: a value with its interval, what binds, and where it is from."""

from typing import Any

import msgspec

from wattmill.core.errors import UsageError
from wattmill.plan.questions.units import ONE, Quantity, unit


class Found(msgspec.Struct, frozen=True):
    """What a question's function may return instead of a bare value: all in base units.

    low, high: the 90 % interval. binds: what limits it. note: what one must know to read it.
    """

    value: Any
    low: float | None = None
    high: float | None = None
    binds: str | None = None
    note: str | None = None


class Answer(msgspec.Struct, frozen=True):
    """An answer in the question's unit, with what was asked.

    value: a number, a yes or no, or a word. low, high: 90 % interval, None where the answer is
    exact or its error is not known. inputs: every input as used, written with its unit.
    """

    name: str
    value: float | bool | str
    unit: str
    inputs: dict[str, str]
    source: str
    low: float | None = None
    high: float | None = None
    binds: str | None = None
    note: str | None = None

    @property
    def quantity(self) -> Quantity:
        """The value in base units with its dimensions; UsageError for a word."""
        if isinstance(self.value, str):
            raise UsageError(f"{self.name} answers {self.value!r}, which is no number")
        scale = unit(self.unit) if self.unit else ONE
        return Quantity(float(self.value) * scale.factor, scale.dims)
