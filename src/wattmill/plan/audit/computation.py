"""What a claim computes: one question, or arithmetic, and the numbers that went in."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from wattmill.core.errors import UsageError
from wattmill.plan.audit.claims import MISSING, Row
from wattmill.plan.audit.expressions import Expression, Value, reserved
from wattmill.plan.questions.registry import Input, Question, find, near, questions
from wattmill.plan.questions.units import ONE, Quantity, is_unit, quantity, short, unit, unit_text


@dataclass(frozen=True)
class Remedy:
    """One input which alone would make the claim true: `needed` instead of `given`."""

    input: str
    needed: str
    given: str
    factor: float | None

    def __str__(self) -> str:
        return f"{self.input} were {self.needed} instead of {self.given}"


@dataclass(frozen=True)
class Variable:
    """A number that went in and may be varied: `quantities` times a factor, within a range."""

    name: str
    values: tuple[Quantity, ...]
    low: float
    high: float
    unit: str
    is_whole: bool = False
    is_default: bool = False
    is_list: bool = False

    def at(self, x: float) -> Value:
        """Its value at `x`: base units, or a factor for a list."""
        if self.is_list:
            return [Quantity(v.value * x, v.dims) for v in self.values]
        return Quantity(x, self.values[0].dims)

    @property
    def start(self) -> float:
        """Where it is now."""
        return 1.0 if self.is_list else self.values[0].value

    def remedy(self, x: float) -> Remedy:
        """What to say if `x` makes the claim true."""
        factor = x / self.start if self.start else None
        if self.is_list:
            return Remedy(self.name, f"{short(x)} times as large", "as given", factor)
        default = " (the default)" if self.is_default else ""
        return Remedy(self.name, self._text(x), self._text(self.start) + default, factor)

    def _text(self, x: float) -> str:
        scale = unit(self.unit) if self.unit else ONE
        return f"{short(x / scale.factor)} {self.unit}".strip()


class Asked:
    """A claim that is one question."""

    def __init__(self, row: Row) -> None:
        self.question: Question = find(str(row.ask))
        self.given: dict[str, Any] = {k: v for k, v in row.inputs.items() if v != MISSING}
        self._row = row
        for name in row.inputs:
            if name not in self.question.inputs:
                hint = near(name, self.question.inputs, "its inputs are")
                raise UsageError(f"{row.ask} has no input {name!r}", hint=hint)

    @property
    def how(self) -> str:
        """The command that asks the same."""
        words = [f"{k}={_quoted(v)}" for k, v in self.given.items()]
        return " ".join(["wattmill ask", self.question.name, *words])

    @property
    def unit(self) -> str | None:
        """Of the answer."""
        return self.question.gives

    def missing(self) -> list[str]:
        """Inputs that nobody gave."""
        required = [n for n, i in self.question.inputs.items() if i.is_required]
        asked = [n for n, v in self._row.inputs.items() if v == MISSING]
        return [n for n in dict.fromkeys(asked + required) if n not in self.given]

    def value(self, given: Mapping[str, Any]) -> Value:
        """The answer to the inputs given."""
        lists = {k: v for k, v in given.items() if isinstance(v, list)}
        lengths = {len(v) for v in lists.values()}
        if len(lengths) > 1:
            raise UsageError("lists of several lengths do not go together")
        if not lists:
            return self._one(self.question.base_inputs(given))
        picks = ({k: v[i] for k, v in lists.items()} for i in range(lengths.pop()))
        return [self._one(self.question.base_inputs({**given, **pick})) for pick in picks]

    def _one(self, base: Mapping[str, Any]) -> Quantity:
        found = self.question.found(base).value
        if isinstance(found, str):
            raise UsageError(f"{self.question.name} answers a word", hint="state a number")
        return Quantity(float(found), self.question.scale.dims)

    @cached_property
    def _base(self) -> dict[str, Any]:
        return self.question.base_inputs(self.given)

    def variables(self) -> Iterator[Variable]:
        """Every number that went in, given or by default; none where an input is a list."""
        if any(isinstance(v, list) for v in self.given.values()):
            return
        for name, spec in self.question.inputs.items():
            value = self._base[name]
            if spec.is_numeric and isinstance(value, int | float):
                yield self._variable(name, spec, float(value))

    def _variable(self, name: str, spec: Input, value: float) -> Variable:
        low, high = spec.base_range()
        return Variable(
            name, (Quantity(value, spec.scale.dims),), low, high, spec.unit,
            is_whole=spec.kind == "whole", is_default=name not in self.given,
        )  # fmt: skip

    def varied(self, name: str, value: Value) -> Value:
        """The answer with one input changed."""
        assert isinstance(value, Quantity)
        number: float = value.value
        if self.question.inputs[name].kind == "whole":
            number = round(number)
        return self._one({**self._base, name: number})

    def words(self) -> Iterator[tuple[str, str, str]]:
        """Other words that could have been chosen: input, what was given, the other."""
        if any(isinstance(v, list) for v in self.given.values()):
            return
        for name, spec in self.question.inputs.items():
            for other in spec.choices:
                if other != self._base[name]:
                    yield name, str(self._base[name]), other

    def with_word(self, name: str, word: str) -> Value:
        """The answer with another word."""
        return self._one({**self._base, name: word})

    def sources(self) -> tuple[str, ...]:
        """Where the answer is from."""
        return (self.question.source,)


class Computed:
    """A claim that is arithmetic over inputs and questions."""

    def __init__(self, row: Row) -> None:
        for name in row.inputs:
            if not name.isidentifier() or reserved(name):
                hint = "choose another name for the input"
                raise UsageError(f"{name!r} is a unit, a function or a question", hint=hint)
        self.expression = Expression(str(row.compute), row.inputs)
        self._row = row
        self.given = {k: _value_of(v) for k, v in row.inputs.items() if v != MISSING}
        self.unit = row.unit

    @property
    def how(self) -> str:
        """The expression and its inputs."""
        words = [f"{k} = {_quoted(v)}" for k, v in self._row.inputs.items()]
        return self.expression.text + (" with " + ", ".join(words) if words else "")

    def missing(self) -> list[str]:
        """Inputs that nobody gave."""
        return [n for n in self.expression.names() if n not in self.given]

    def value(self, given: Mapping[str, Value]) -> Value:
        """The value of the expression."""
        return self.expression.value(given)

    def variables(self) -> Iterator[Variable]:
        """Every number among the inputs that the expression uses."""
        for name in self.expression.names():
            value = self.given[name]
            if isinstance(value, Quantity):
                yield _named(name, (value,), self._row.inputs[name], is_list=False)
            elif isinstance(value, list):
                numbers = tuple(v for v in value if isinstance(v, Quantity))
                if len(numbers) == len(value):
                    yield _named(name, numbers, "", is_list=True)

    def varied(self, name: str, value: Value) -> Value:
        """The value with one input changed."""
        return self.expression.value({**self.given, name: value})

    def sources(self) -> tuple[str, ...]:
        """Sources of the questions that it asks."""
        asked = (questions()[name].source for name in self.expression.asked())
        return tuple(dict.fromkeys(asked))


Computation = Asked | Computed


def computation_of(row: Row) -> Computation:
    if (row.ask is None) == (row.compute is None):
        raise UsageError("a claim has either ask or compute", hint="give one of them")
    return Asked(row) if row.ask is not None else Computed(row)


def _named(name: str, values: tuple[Quantity, ...], written: Any, *, is_list: bool) -> Variable:
    start = 1.0 if is_list else values[0].value
    written_unit = unit_text(written)
    high = math.inf if start >= 0 else 0.0
    if written_unit == "%" and 0 <= start <= 1:
        high = 1.0  # a share that was written in per cent stays one
    low = 0.0 if start >= 0 else -math.inf
    return Variable(name, values, low, high, written_unit, is_list=is_list)


def _value_of(written: Any) -> Value:
    """An input of an expression: a number, a value with a unit, a name, or a list of these."""
    if isinstance(written, list):
        return [_value_of(part) for part in written]
    if isinstance(written, bool):
        raise UsageError("true and false are no inputs", hint="write 1 or 0")
    if isinstance(written, int | float):
        return Quantity(float(written))
    if unit_text(written) and not is_unit(unit_text(written)):
        return str(written)  # `4x L40S`, `8b-instruct`
    found = quantity(written)
    return found if found is not None else str(written)


def _quoted(value: Any) -> str:
    if isinstance(value, list):
        return "[" + ", ".join(map(str, value)) + "]"
    return f'"{value}"' if " " in str(value) else str(value)


def numbers(value: Value) -> list[Quantity]:
    if isinstance(value, Quantity):
        return [value]
    if isinstance(value, str):
        raise UsageError(f"the claim computes {value!r}, which is no number")
    return [q for part in value for q in numbers(part)]
