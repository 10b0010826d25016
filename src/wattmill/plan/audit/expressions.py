"""Arithmetic with units, as an audit file writes it; no `eval`.

    kv_bytes_per_token(model="llama-3.1-70b") * 131072 / 1 GB

Numbers with units, named inputs, calls of questions and of a few functions, + - * / **, comparisons
and lists, over which arithmetic goes element by element. What is not in this list is refused.
"""

import ast
import math
import re
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from itertools import pairwise

from wattmill.catalog.names import nearest
from wattmill.core.errors import PlanError, UsageError
from wattmill.plan.questions.registry import find, questions
from wattmill.plan.questions.units import (
    BASE,
    NONE,
    Dims,
    Quantity,
    compatible,
    describe,
    is_unit,
    minus,
    plus,
    raised,
    unit,
)

Value = Quantity | str | list["Value"]
"""A number with its dimensions, a name, or a list of either."""

MOST_EXPONENT = 1000.0
_UNIT_CALL = "__unit__"
_TOKENS = re.compile(
    r"""(?P<text>"[^"]*"|'[^']*')
      | (?P<name>[A-Za-z_]\w*)
      | (?P<number>(?:\d[\d_]*\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)
        (?:\s*(?P<unit>[A-Za-zµ%$][\wµ²³^]*(?:[/·-][A-Za-zµ$][\wµ²³^]*)*))?
      | (?P<other>.)""",
    re.VERBOSE | re.DOTALL,
)


class Expression:
    """A parsed expression: what it names, and its value for given inputs."""

    def __init__(self, text: str, inputs: Iterable[str] = ()) -> None:
        """`inputs` are the names that may occur; UsageError for what is not arithmetic."""
        self.text = text
        self._names = frozenset(inputs)
        self._tree = self._parsed(text)
        self.uses = [n.id for n in ast.walk(self._tree) if isinstance(n, ast.Name)]

    def value(self, inputs: Mapping[str, Value]) -> Value:
        """The value; PlanError where physics refuses, UsageError where dimensions do not fit."""
        try:
            return _value(self._tree, inputs)
        except RecursionError:
            raise UsageError(f"{self.text[:60]!r} … is too deep", hint="split it") from None
        except (ZeroDivisionError, OverflowError, ValueError) as error:
            raise PlanError(f"{self.text!r} has no value: {error}") from None

    def names(self) -> list[str]:
        """Inputs that it uses, in order, each once."""
        return [n for n in dict.fromkeys(self.uses) if n in self._names]

    def asked(self) -> list[str]:
        """Questions that it asks, in order, each once."""
        called = [n for n in dict.fromkeys(self.uses) if n not in self._names]
        return [n for n in called if n not in _FUNCTIONS and n != _UNIT_CALL]

    def _parsed(self, text: str) -> ast.expr:
        try:
            tree = ast.parse(_with_units(text, self._names), mode="eval").body
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            raise UsageError(
                f"{text[:80]!r} is no arithmetic", hint='write it like 2 * layers * 80 GB / "…"'
            ) from None
        for node in ast.walk(tree):
            self._allow(node)
        return tree

    def _allow(self, node: ast.AST) -> None:
        if not isinstance(node, _ALLOWED):
            word = type(node).__name__
            raise UsageError(f"{self.text!r}: {word} is no arithmetic", hint=_ALLOWED_TEXT)
        if isinstance(node, ast.Call) and not isinstance(node.func, ast.Name):
            raise UsageError(f"{self.text!r} calls what is no question", hint=_ALLOWED_TEXT)
        if isinstance(node, ast.Name):
            self._known(node.id)

    def _known(self, name: str) -> None:
        if name in self._names or name in _FUNCTIONS or name == _UNIT_CALL or name in questions():
            return
        known = (*self._names, *_FUNCTIONS, *questions())
        raise UsageError(f"{self.text!r}: nothing is called {name!r}", hint=nearest(name, known))


_ALLOWED = (
    ast.BinOp, ast.UnaryOp, ast.Compare, ast.Call, ast.keyword, ast.Constant, ast.Name, ast.Load,
    ast.List, ast.Tuple, ast.Subscript, ast.Add, ast.Sub, ast.Mult, ast.Div, ast.Pow, ast.USub,
    ast.UAdd, ast.Lt, ast.LtE, ast.Gt, ast.GtE,
)  # fmt: skip
_ALLOWED_TEXT = "numbers with units, inputs, questions, lists, + - * / **, < <= > >=, " + (
    "min max sum mean len abs sqrt exp log log2 log10 floor ceil round"
)


@lru_cache(maxsize=4096)
def _with_units(text: str, names: frozenset[str]) -> str:
    """Python's own syntax: `80 GB` becomes a call."""
    return "".join(_token(found, names) for found in _TOKENS.finditer(text.strip()))


def _token(found: re.Match[str], names: frozenset[str]) -> str:
    if found["unit"] is None:
        return found[0]
    number, written = found["number"], found["unit"]
    pieces = re.split(r"([/·-])", written)
    for end in range(len(pieces), 0, -2):
        candidate = "".join(pieces[:end])
        if is_unit(candidate) and not names.intersection(pieces[2:end:2]):
            return f"{_UNIT_CALL}({number}, {candidate!r})" + "".join(pieces[end:])
    unit(pieces[0])  # says which names are near
    return f"{_UNIT_CALL}({number}, {pieces[0]!r})" + "".join(pieces[1:])


def reserved(name: str) -> bool:
    """Whether an input may not be called so, because `3 TB/s` would be ambiguous."""
    return name in questions() or name in _FUNCTIONS or (is_unit(name) and unit(name).dims != NONE)


def _value(node: ast.AST, names: Mapping[str, Value]) -> Value:
    match node:
        case ast.Constant(value=bool()):
            raise UsageError("True and False are no numbers")
        case ast.Constant(value=str() as text):
            return text
        case ast.Constant(value=int() | float() as number):
            return Quantity(float(number))
        case ast.Name(id=name):
            return _named(name, names)
        case ast.List(elts=parts) | ast.Tuple(elts=parts):
            return [_value(part, names) for part in parts]
        case ast.UnaryOp(op=operator, operand=operand):
            sign = -1.0 if isinstance(operator, ast.USub) else 1.0
            return _each(lambda q: Quantity(sign * q.value, q.dims), _value(operand, names))
        case ast.BinOp(left=left, op=operator, right=right):
            return _each(_OPERATIONS[type(operator)], _value(left, names), _value(right, names))
        case ast.Compare():
            return _compared(node, names)
        case ast.Subscript(value=inner, slice=place):
            return _picked(_value(inner, names), _value(place, names))
        case ast.Call(func=ast.Name(id=name)):
            return _called(name, node, names)
    raise UsageError(f"{type(node).__name__} is no arithmetic", hint=_ALLOWED_TEXT)


def _named(name: str, names: Mapping[str, Value]) -> Value:
    if name not in names:
        raise UsageError(f"{name!r} has no value here", hint="give it among the inputs")
    return names[name]


def _each(operation: Callable[..., Quantity], *values: Value) -> Value:
    """Element by element where there are lists; they must be of one length."""
    lengths = {len(v) for v in values if isinstance(v, list)}
    if not lengths:
        return operation(*(_number(v) for v in values))
    if len(lengths) > 1:
        raise UsageError(f"lists of {' and '.join(map(str, sorted(lengths)))} do not go together")
    (length,) = lengths
    return [
        _each(operation, *(v[i] if isinstance(v, list) else v for v in values))
        for i in range(length)
    ]


def _number(value: Value) -> Quantity:
    if isinstance(value, Quantity):
        return value
    raise UsageError(f"{value!r} is no number", hint="write a number with its unit, like 80 GB")


def _add(a: Quantity, b: Quantity) -> Quantity:
    return Quantity(a.value + b.value, _common(a, b))


def _subtract(a: Quantity, b: Quantity) -> Quantity:
    return Quantity(a.value - b.value, _common(a, b))


def _multiply(a: Quantity, b: Quantity) -> Quantity:
    return Quantity(a.value * b.value, plus(a.dims, b.dims))


def _divide(a: Quantity, b: Quantity) -> Quantity:
    return Quantity(a.value / b.value, minus(a.dims, b.dims))


def _raise(a: Quantity, b: Quantity) -> Quantity:
    if any(b.dims):
        raise UsageError(f"an exponent in {describe(b.dims)} makes no sense")
    if abs(b.value) > MOST_EXPONENT:
        raise UsageError(f"an exponent of {b.value:g} is too large")
    power = a.value**b.value
    if isinstance(power, complex):
        raise ValueError("root of a negative number")
    return Quantity(power, raised(a.dims, b.value))


_OPERATIONS: dict[type[ast.operator], Callable[[Quantity, Quantity], Quantity]] = {
    ast.Add: _add,
    ast.Sub: _subtract,
    ast.Mult: _multiply,
    ast.Div: _divide,
    ast.Pow: _raise,
}


def _common(a: Quantity, b: Quantity) -> Dims:
    if not compatible(a.dims, b.dims):
        raise UsageError(
            f"{describe(a.dims)} and {describe(b.dims)} do not go together", hint="check the units"
        )
    return a.dims if any(a.dims[len(BASE) :]) else b.dims


def _compared(node: ast.Compare, names: Mapping[str, Value]) -> Quantity:
    values = [_number(_value(n, names)) for n in (node.left, *node.comparators)]
    for a, b in pairwise(values):
        _common(a, b)
    holds = [
        _COMPARISONS[type(operator)](a.value, b.value)
        for operator, (a, b) in zip(node.ops, pairwise(values), strict=True)
    ]
    return Quantity(float(all(holds)))


_COMPARISONS: dict[type[ast.cmpop], Callable[[float, float], bool]] = {
    ast.Lt: lambda a, b: a < b,
    ast.LtE: lambda a, b: a <= b,
    ast.Gt: lambda a, b: a > b,
    ast.GtE: lambda a, b: a >= b,
}


def _picked(value: Value, place: Value) -> Value:
    index = int(_number(place).value)
    if not isinstance(value, list) or not -len(value) <= index < len(value):
        raise UsageError(f"there is no element {index}", hint="lists count from 0")
    return value[index]


def _called(name: str, node: ast.Call, names: Mapping[str, Value]) -> Value:
    positional = [_value(a, names) for a in node.args]
    given = {str(k.arg): _value(k.value, names) for k in node.keywords}
    if name == _UNIT_CALL:
        meant = unit(str(positional[1]))
        return Quantity(_number(positional[0]).value * meant.factor, meant.dims)
    if name in _FUNCTIONS:
        if given:
            raise UsageError(f"{name} takes no names")
        return _FUNCTIONS[name](*positional)
    asked = find(name)
    if len(positional) > len(asked.inputs):
        raise UsageError(f"{name} has {len(asked.inputs)} inputs", hint=asked.usage())
    given |= dict(zip(asked.inputs, positional, strict=False))
    return _asked(name, given)


def _asked(name: str, given: Mapping[str, Value]) -> Value:
    """The answer; a list of answers where an input is a list."""
    lengths = {len(v) for v in given.values() if isinstance(v, list)}
    if len(lengths) > 1:
        raise UsageError(f"{name}: lists of several lengths do not go together")
    for length in lengths:
        return [
            _asked(name, {k: v[i] if isinstance(v, list) else v for k, v in given.items()})
            for i in range(length)
        ]
    question = find(name)
    value = question.found(question.base_inputs(given)).value
    if isinstance(value, str):
        return value
    return Quantity(float(value), question.scale.dims)


def _flat(values: tuple[Value, ...]) -> list[Quantity]:
    first = values[0] if len(values) == 1 else None
    found = first if isinstance(first, list) else values
    numbers = [_number(v) for v in found]
    if not numbers:
        raise UsageError("an empty list has no value")
    for other in numbers[1:]:
        _common(numbers[0], other)
    return numbers


def _least(*values: Value) -> Quantity:
    return min(_flat(values), key=lambda q: q.value)


def _most(*values: Value) -> Quantity:
    return max(_flat(values), key=lambda q: q.value)


def _sum(*values: Value) -> Quantity:
    numbers = _flat(values)
    return Quantity(math.fsum(q.value for q in numbers), numbers[0].dims)


def _mean(*values: Value) -> Quantity:
    total = _sum(*values)
    return Quantity(total.value / len(_flat(values)), total.dims)


def _length(*values: Value) -> Quantity:
    return Quantity(float(len(_flat(values))))


def _plain(function: Callable[[float], float]) -> Callable[[Value], Value]:
    """A function of numbers without a unit."""

    def apply(quantity: Quantity) -> Quantity:
        if any(quantity.dims[: len(BASE)]):
            raise UsageError(f"no logarithm or rounding of {describe(quantity.dims)}")
        return Quantity(float(function(quantity.value)), quantity.dims)

    return lambda value: _each(apply, value)


def _absolute(value: Value) -> Value:
    return _each(lambda q: Quantity(abs(q.value), q.dims), value)


def _root(value: Value) -> Value:
    return _each(lambda q: Quantity(math.sqrt(q.value), raised(q.dims, 0.5)), value)


_FUNCTIONS: dict[str, Callable[..., Value]] = {
    "min": _least, "max": _most, "sum": _sum, "mean": _mean, "len": _length,
    "abs": _absolute, "sqrt": _root,
    "exp": _plain(math.exp), "log": _plain(math.log), "log2": _plain(math.log2),
    "log10": _plain(math.log10), "floor": _plain(math.floor), "ceil": _plain(math.ceil),
    "round": _plain(round),
}  # fmt: skip
