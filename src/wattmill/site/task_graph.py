"""Tasks that wait for one another: their order, and their earliest and latest finish."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property

import numpy as np

from wattmill.catalog.names import nearest
from wattmill.core.errors import PlanError
from wattmill.site.durations import Array, Task, possible


class Graph:
    """Tasks in an order in which everything comes after what it needs. PlanError for what cannot be:
    two of one name, unknown names, a circle, months that are none."""

    def __init__(self, tasks: Sequence[Task], finish: str | None = None) -> None:
        _checked(tasks)
        named = {task.name: task for task in tasks}
        if finish is not None and finish not in named:
            raise PlanError(f"no task {finish!r}", hint=nearest(finish, named))
        self.finish = finish
        needed = _needed(named, finish)
        kept = {name: task for name, task in named.items() if name in needed}
        self.tasks = tuple(named[name] for name in _ordered(kept))
        self.row = {task.name: row for row, task in enumerate(self.tasks)}

    @cached_property
    def before(self) -> tuple[tuple[int, ...], ...]:
        """Rows of the tasks that each one comes after."""
        return tuple(tuple(self.row[name] for name in task.after) for task in self.tasks)

    def finishes(self, months: Array) -> Array:
        """Earliest finish of each task; months of shape (tasks, ...)."""
        finish = np.array(months, dtype=float)
        for row, needed in enumerate(self.before):
            if needed:
                finish[row] = finish[list(needed)].max(axis=0) + months[row]
        return finish

    def latest(self, months: Array, end: Array) -> Array:
        """Latest finish of each task that leaves the end where it is; the same shape."""
        latest = np.broadcast_to(end, months.shape).copy()
        for row in reversed(range(len(self.tasks))):
            for needed in self.before[row]:
                latest[needed] = np.minimum(latest[needed], latest[row] - months[row])
        return latest


def _needed(named: Mapping[str, Task], finish: str | None) -> set[str]:
    """All tasks, or `finish` with everything that it waits for."""
    if finish is None:
        return set(named)
    found, open_ = set[str](), [finish]
    while open_:
        name = open_.pop()
        if name not in found:
            found.add(name)
            open_ += named[name].after
    return found


def _ordered(named: Mapping[str, Task]) -> list[str]:
    from graphlib import CycleError, TopologicalSorter

    try:
        return list(TopologicalSorter({t.name: t.after for t in named.values()}).static_order())
    except CycleError as error:
        circle = " after ".join(map(repr, reversed(error.args[1])))
        raise PlanError(f"tasks wait for one another: {circle}", hint="cut the circle") from None


def _checked(tasks: Sequence[Task]) -> None:
    if not tasks:
        raise PlanError(
            "a calendar needs a task", hint="give [[site.lead_time]] with name and months"
        )
    names = [task.name for task in tasks]
    for task in tasks:
        if names.count(task.name) > 1:
            raise PlanError(f"two tasks are called {task.name!r}", hint="rename one of them")
        for name in task.after:
            if name not in names:
                raise PlanError(
                    f"{task.name!r} comes after unknown {name!r}", hint=nearest(name, names)
                )
        possible(task)
