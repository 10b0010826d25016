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
from collections.abc import Callable, Iterable, Mapping
from functools import cache, cached_property
from importlib import import_module
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from wattmill.catalog.names import nearest
from wattmill.core.errors import PlanError, UsageError
from wattmill.plan.questions.answers import Answer, Found
from wattmill.plan.questions.parameters import arguments, inputs_of
from wattmill.plan.questions.spec import Bundle, Input
from wattmill.plan.questions.units import ONE, Unit, unit

__all__ = [
    "Answer", "Bundle", "Found", "Input", "Question", "ask", "find", "near", "question",
    "questions", "topics",
]  # fmt: skip

F = TypeVar("F", bound=Callable[..., Any])
MACHINERY = (
    "answers", "asking", "deployments", "dimensions", "inputs", "lists", "parameters", "registry",
    "spec", "text", "unit_table", "units",
)  # fmt: skip
"""Modules of this package that hold no questions."""

SOME, MANY = 6, 40
"""Names that a hint has of those that hold a word, and of all there are."""

PACKAGE = "wattmill.plan.questions"
HERE = Path(__file__).parent


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
        return inputs_of(self.function)

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
        """The function's answer to inputs in base units; PlanError if it is not a finite number."""
        try:
            result = self.function(**arguments(self.function, base))
        except (ZeroDivisionError, OverflowError, ValueError) as error:
            is_zero = isinstance(error, ZeroDivisionError)
            why = "it would divide by 0" if is_zero else str(error)
            raise PlanError(f"{self.name} has no answer here: {why}", hint=self.usage()) from None
        found = result if isinstance(result, Found) else Found(result)
        if isinstance(found.value, float) and not math.isfinite(found.value):
            raise PlanError(f"{self.name} has no finite answer here", hint=self.usage())
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
            raise PlanError(f"{self.name} has no finite answer here", hint=self.usage())
        return float(f"{shown:.15g}")


_QUESTIONS: dict[str, Question] = {}


def question(
    topic: str,
    *,
    gives: str = "",
    source: str = "",
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
    """The question called `name`; UsageError with what else may be meant."""
    found = _load(name.strip().lower().replace("-", "_"))
    if found is None:
        raise UsageError(f"there is no question {name!r}", hint=_meant(name.strip().lower()))
    return found


def _meant(word: str) -> str:
    """A topic of that name, else questions that have the word in their names or lines, else the nearest."""
    if word in topics():
        return f"it is a topic: wattmill ask --list {word}"
    asked = questions()
    held = [name for name in asked if word.replace("-", "_") in name]
    about = [name for name, each in asked.items() if word in each.meaning.lower()]
    if word and (held or about):
        return _some(sorted(held, key=len) or about)
    return near(word, asked, "`wattmill ask --list` lists them all")


def _some(names: list[str]) -> str:
    more = len(names) - SOME
    return "there are " + ", ".join(names[:SOME]) + (f" and {more} more" if more > 0 else "")


def near(name: str, known: Iterable[str], otherwise: str) -> str:
    """The nearest of many names, or a hint where to find them."""
    from difflib import get_close_matches  # here, because only a mistake needs it

    names = list(known)
    folded = {n.lower(): n for n in names}
    wanted = name.lower()[:100]
    found = [folded[n] for n in get_close_matches(wanted, folded, n=3, cutoff=0.5)]
    if found:
        return "did you mean " + " or ".join(map(repr, found)) + "?"
    return otherwise if len(names) > MANY else f"{otherwise}: " + ", ".join(names)


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
