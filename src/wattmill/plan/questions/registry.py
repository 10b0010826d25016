"""The register of questions: what can be asked, of which inputs, in which units, and the asking itself.

A question is a plain function in base units (bytes, seconds, joules, USD, tokens), registered with
the unit that people expect. `ask` reads values as people write them, checks them, converts, calls
and converts back; conversions happen nowhere else.

    @question("memory", gives="GB")
    def kv_cache_gb(model: Model, context: Context = 8192) -> float: ...

    ask("kv_cache_gb", model="llama-3.1-70b", context="128Ki").value

What a cold `wattmill ask` imports is a part of every answer, so this room goes without the standard
library's `dataclasses` and `inspect`.
"""

import math
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from functools import cache, cached_property
from importlib import import_module
from pathlib import Path
from typing import Any, TypeVar

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

F = TypeVar("F", bound=Callable[..., Any])
Given = float | int | bool | str | Quantity
REQUIRED: Any = type("Required", (), {})
MACHINERY = ("registry", "units", "inputs", "lists", "asking", "text", "deployments")
"""Modules of this package that hold no questions."""

PACKAGE = "wattmill.plan.questions"
HERE = Path(__file__).parent


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
                hint = f"write it like {short(self._example())}{self.unit}"
                raise self._refusal(f"{value!r} is no number", hint)
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

    def _example(self) -> float:
        return self.low if self.low else 1.0

    def _checked(self, value: float) -> float:
        low, high = self.base_range()
        is_low = value < low or (self.is_above and value <= low)
        if not math.isfinite(value) or is_low or value > high:
            text = short(value / self.scale.factor) if math.isfinite(value) else str(value)
            given = f"{text} {self.unit}".strip()
            raise self._refusal(f"{given} is out of range", f"{self.meaning}: {self.range_text()}")
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


class Question(msgspec.Struct, frozen=True, dict=True):
    """A registered function: `name` as it is asked, `gives` its unit for people."""

    name: str
    topic: str
    gives: str
    source: str
    error_frac: float | None
    function: Callable[..., Any]

    @cached_property
    def meaning(self) -> str:
        """One line."""
        return (self.function.__doc__ or "").strip().partition("\n")[0]

    @cached_property
    def details(self) -> str:
        """The rest of what its author wrote: equation, limits."""
        from inspect import getdoc  # here, because an answer does without

        return (getdoc(self.function) or "").partition("\n")[2].strip()

    @cached_property
    def inputs(self) -> dict[str, Input]:
        """Its inputs in order, those of bundles among them."""
        return {name: _input(name, *rest) for name, *rest in _flat(_parameters(self.function))}

    @cached_property
    def scale(self) -> Unit:
        """The unit of the answer."""
        return unit(self.gives) if self.gives else ONE

    def base_inputs(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """Every input as the function takes it; UsageError for a wrong or a missing one."""
        for name in given:
            if name not in self.inputs:
                hint = nearest(name, self.inputs)
                raise UsageError(f"{self.name} has no input {name!r}", hint=hint)
        missing = [n for n, i in self.inputs.items() if i.is_required and given.get(n) is None]
        if missing:
            raise UsageError(f"{self.name} needs {', '.join(missing)}", hint=self.usage())
        return {
            name: spec.default if given.get(name) is None else spec.base(given[name])
            for name, spec in self.inputs.items()
        }

    def found(self, base: Mapping[str, Any]) -> Found:
        """The function's answer to inputs in base units; UsageError if it is not a finite number."""
        try:
            with _without_warnings():
                result = self.function(**_arguments(self.function, base))
        except (ZeroDivisionError, OverflowError, ValueError) as error:
            raise UsageError(
                f"{self.name} has no answer here: {error}", hint=self.usage()
            ) from None
        found = result if isinstance(result, Found) else Found(result)
        if isinstance(found.value, float) and not math.isfinite(found.value):
            raise UsageError(f"{self.name} has no finite answer here", hint=self.usage())
        return self._with_interval(found)

    def answer(self, base: Mapping[str, Any]) -> Answer:
        """The answer to inputs in base units."""
        found = self.found(base)
        return Answer(
            name=self.name,
            value=self._out(found.value),
            unit=self.gives,
            inputs={name: spec.shown(base[name]) for name, spec in self.inputs.items()},
            source=self.source,
            low=None if found.low is None else self._out(found.low),
            high=None if found.high is None else self._out(found.high),
            binds=found.binds,
            note=found.note,
        )

    def usage(self) -> str:
        """How it is asked."""
        words = [f"{i.name}=…" if i.is_required else f"[{i.name}=…]" for i in self.inputs.values()]
        return f"wattmill ask {self.name} " + " ".join(words)

    def _with_interval(self, found: Found) -> Found:
        if self.error_frac is None or found.low is not None or not isinstance(found.value, float):
            return found
        factor = 1 + self.error_frac
        low, high = found.value / factor, found.value * factor
        return msgspec.structs.replace(found, low=low, high=high)

    def _out(self, value: Any) -> Any:
        """In the question's unit, without the last bits that the conversion made."""
        if isinstance(value, bool | str):
            return value
        shown = float(value) / self.scale.factor
        if not math.isfinite(shown):
            raise UsageError(f"{self.name} has no finite answer here", hint=self.usage())
        return float(f"{shown:.15g}")


def _without_warnings() -> AbstractContextManager[object]:
    """NumPy's words on infinite results are not for people; such an answer is refused. Without NumPy: nothing."""
    numpy = sys.modules.get("numpy")
    return nullcontext() if numpy is None else numpy.errstate(all="ignore")


_QUESTIONS: dict[str, Question] = {}


def question(
    topic: str,
    *,
    gives: str = "",
    source: str = "",
    name: str = "",
    error_frac: float | None = None,
) -> Callable[[F], F]:
    """Register a function under its own name. Its docstring's first line is the meaning; its inputs
    are `Annotated` with an `Input`.

    gives: unit of the answer. error_frac: half width of the 90 % interval, where one is known.
    """

    def register(function: F) -> F:
        called = function.__name__
        assert called not in _QUESTIONS, f"{called} is asked twice"
        _QUESTIONS[called] = Question(called, topic, gives, source, error_frac, function)
        return function

    return register


Parameter = tuple[str, Any, Any]
"""Name, annotation and default, which may be REQUIRED."""


def _parameters(function: Any) -> list[Parameter]:
    code, notes = function.__code__, function.__annotations__
    names, defaults = code.co_varnames[: code.co_argcount], function.__defaults__ or ()
    given = (*[REQUIRED] * (len(names) - len(defaults)), *defaults)
    return [(name, notes[name], default) for name, default in zip(names, given, strict=True)]


def _fields(bundle: type[Bundle]) -> list[Parameter]:
    notes: dict[str, Any] = {}
    for parent in reversed(bundle.__mro__):
        notes |= getattr(parent, "__annotations__", {})
    names, defaults = bundle.__struct_fields__, bundle.__struct_defaults__
    given = (*[REQUIRED] * (len(names) - len(defaults)), *defaults)
    return [(name, notes[name], default) for name, default in zip(names, given, strict=True)]


def _flat(parameters: Iterable[Parameter]) -> Iterator[Parameter]:
    for name, annotation, default in parameters:
        if _is_bundle(annotation):
            yield from _fields(annotation)
        else:
            yield name, annotation, default


def _is_bundle(annotation: Any) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, Bundle)


def _arguments(function: Callable[..., Any], base: Mapping[str, Any]) -> dict[str, Any]:
    """What the function is called with: bundles made of their fields, the rest as it is."""
    return {
        name: kind(**{field: base[field] for field in kind.__struct_fields__})
        if _is_bundle(kind)
        else base[name]
        for name, kind, _ in _parameters(function)
    }


def _input(name: str, annotation: Any, default: Any) -> Input:
    found = [m for m in getattr(annotation, "__metadata__", ()) if isinstance(m, Input)]
    assert found, f"{name} has no Input"
    return msgspec.structs.replace(found[-1], name=name, default=default)


@cache
def questions() -> dict[str, Question]:
    """Every question by name, in the order of files and within a file."""
    modules = [f"{PACKAGE}.{name}" for name in _modules()]
    for module in modules:
        import_module(module)
    by_module = sorted(_QUESTIONS.values(), key=lambda q: modules.index(q.function.__module__))
    return {question.name: question for question in by_module}


@cache
def _modules() -> list[str]:
    stems = sorted(file.stem for file in HERE.glob("*.py"))
    return [stem for stem in stems if stem not in ("__init__", *MACHINERY)]


def _load(name: str) -> Question | None:
    """One question without importing all of them, which takes longer than most answers."""
    if name.isidentifier() and name not in _QUESTIONS:
        for module in _modules():
            if f"\ndef {name}(" in (HERE / f"{module}.py").read_text("utf-8"):
                import_module(f"{PACKAGE}.{module}")
    return _QUESTIONS.get(name)


def find(name: str) -> Question:
    """The question called `name`; UsageError with the nearest names."""
    found = _load(name.replace("-", "_"))
    if found is None:
        hint = near(name, questions(), "`wattmill ask --list` lists them all")
        raise UsageError(f"there is no question {name!r}", hint=hint)
    return found


def near(name: str, known: Iterable[str], otherwise: str) -> str:
    """The nearest of many names, or a hint where to find them."""
    from difflib import get_close_matches  # here, because only a mistake needs it

    names = list(known)
    folded = {n.lower(): n for n in names}
    wanted = name.lower()[:100]
    found = [folded[n] for n in get_close_matches(wanted, folded, n=3, cutoff=0.5)]
    if found:
        return "did you mean " + " or ".join(map(repr, found)) + "?"
    return otherwise if len(names) > 20 else f"{otherwise}: " + ", ".join(names)


def ask(name: str, **inputs: Any) -> Answer:
    """Answer a question. Values are numbers in the input's unit, or text with any unit that fits."""
    asked = find(name)
    return asked.answer(asked.base_inputs(inputs))


def topics() -> dict[str, list[Question]]:
    """Every question by topic."""
    found: dict[str, list[Question]] = {}
    for one in questions().values():
        found.setdefault(one.topic, []).append(one)
    return found
