"""What would make a refuted claim true: one input at a time, within its range."""

from __future__ import annotations

import math
from collections.abc import Iterator

from wattmill.core.errors import WattmillError
from wattmill.plan.audit.computation import Asked, Computation, Remedy, Variable, numbers
from wattmill.plan.audit.stated import Statement, distance

DOUBLINGS = 24
"""How far a solution is looked for: a factor of 16 million either way."""

CLOSING_STEPS = 60
"""Bisections alone reach the last digit with so many."""


def remedies_of(computation: Computation, statement: Statement) -> tuple[Remedy, ...]:
    """Every single change that makes the claim true, the smallest first; words come last."""
    found = []
    for variable in computation.variables():
        x = _solution(_Search(computation, variable, statement))
        if x is not None:
            found.append(variable.remedy(x))
    found.sort(key=_size)
    return (*found, *_other_words(computation, statement))


def _size(remedy: Remedy) -> float:
    factor = remedy.factor
    return abs(math.log(factor)) if factor is not None and factor > 0 else math.inf


def _other_words(computation: Computation, statement: Statement) -> Iterator[Remedy]:
    if not isinstance(computation, Asked):
        return  # an expression does not say which words it would take
    for name, given, other in computation.words():
        try:
            values = numbers(computation.with_word(name, other))
        except WattmillError:
            continue
        if statement.holds([v.value for v in values]):
            yield Remedy(name, other, given, None)


class _Search:
    """How far the claim is from true as one input moves."""

    def __init__(self, computation: Computation, variable: Variable, statement: Statement) -> None:
        self._computation, self.variable, self._statement = computation, variable, statement
        values = self._values(variable.start)
        self._index, self._goal = statement.target(values) if values else (0, math.nan)

    def miss(self, x: float) -> float | None:
        """Computed less wanted; None where there is no answer."""
        values = self._values(x)
        if values is None or len(values) <= self._index:
            return None
        return values[self._index] - self._goal

    def holds(self, x: float) -> bool:
        """Whether the whole claim is true at `x`."""
        values = self._values(x)
        return values is not None and self._statement.holds(values)

    def _values(self, x: float) -> list[float] | None:
        try:
            found = self._computation.varied(self.variable.name, self.variable.at(x))
        except WattmillError:
            return None
        values = [q.value for q in numbers(found)]
        return values if all(math.isfinite(v) for v in values) else None


def _solution(search: _Search) -> float | None:
    """The nearest value of the input at which the claim holds; None if there is none."""
    start = search.variable.start
    here = search.miss(start)
    if here is None or here == 0:
        return None
    found = [_along(search, start, here, up) for up in (True, False)]
    solved = [x for x in found if x is not None]
    return min(solved, key=lambda x: distance(x, start), default=None)


def _along(search: _Search, start: float, here: float, up: bool) -> float | None:
    """Doubles or halves the input until the sign changes, then closes in."""
    last, last_miss = start, here
    for x in _ladder(search.variable, start, up):
        end = _last_answer(search, last, x)
        if end is None:
            return None
        end_x, miss = end
        if miss == 0 or (miss > 0) != (last_miss > 0):
            return _close_in(search, last, last_miss, end_x, miss)
        if end_x != x or _leads_away(miss, last_miss, here):
            return None
        last, last_miss = x, miss
    return None


def _leads_away(miss: float, before: float, here: float) -> bool:
    return abs(miss) > 1.5 * abs(before) and abs(miss) > abs(here)


def _last_answer(search: _Search, known: float, x: float) -> tuple[float, float] | None:
    """`x` and its miss, or the farthest point before it that has an answer (to a millionth of the way)."""
    miss = search.miss(x)
    if miss is not None:
        return x, miss
    best: tuple[float, float] | None = None
    low, high = known, x
    for _ in range(20):
        middle = (low + high) / 2
        miss = search.miss(middle)
        if miss is None:
            high = middle
        else:
            low, best = middle, (middle, miss)
    return best


def _ladder(variable: Variable, start: float, up: bool) -> Iterator[float]:
    """Doublings of the input (or halvings) up to the end of its range, which comes last."""
    if start == 0:
        yield from _from_zero(variable, up)
        return
    end = variable.high if up == (start > 0) else variable.low
    for k in range(1, DOUBLINGS):
        x = start * 2.0 ** (k if up else -k)
        if (x >= end) if up == (start > 0) else (x <= end):
            if end not in (start, 0.0) and math.isfinite(end):
                yield end
            return
        yield x


def _from_zero(variable: Variable, up: bool) -> Iterator[float]:
    if not up:
        return
    high = variable.high if math.isfinite(variable.high) else 1e9
    for k in range(-10, DOUBLINGS):
        x = min(1.0, high) * 2.0**k
        if x >= high:
            yield high
            return
        yield x


def _close_in(search: _Search, a: float, fa: float, b: float, fb: float) -> float | None:
    """Between `a` and `b`, which miss to either side: false position, and every third a bisection."""
    is_whole = search.variable.is_whole
    for k in range(CLOSING_STEPS):
        if fb == 0 or abs(b - a) <= (1.0 if is_whole else 1e-9 * abs(b)):
            break
        x = (a * fb - b * fa) / (fb - fa) if k % 3 else (a + b) / 2
        fx = search.miss(x)
        if fx is None:
            return None
        if (fx > 0) == (fb > 0):
            a, fa, b, fb = a, fa / 2, x, fx
        else:
            a, fa, b, fb = b, fb, x, fx
    ends = [float(round(x)) if is_whole else x for x in (b, a)]
    return next((x for x in ends if search.holds(x)), None)
