"""The inputs of a question's function, read off its signature; and what it is called with.

Without the standard library's `inspect`, whose import takes longer than most answers.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import msgspec

from wattmill.plan.questions.spec import REQUIRED, Bundle, Input

Parameter = tuple[str, Any, Any]
"""Name, annotation and default, which may be REQUIRED."""


def inputs_of(function: Callable[..., Any]) -> dict[str, Input]:
    """Its inputs in order, those of bundles among them."""
    return {name: _input(name, *rest) for name, *rest in _flat(_parameters(function))}


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


def arguments(function: Callable[..., Any], base: Mapping[str, Any]) -> dict[str, Any]:
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
