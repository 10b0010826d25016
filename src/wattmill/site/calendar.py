"""When first power, machines and revenue come: lead times as distributions on a graph of tasks.

A task begins when all that it comes after are done. The plan is finished with its last task, or with
the one that is asked for. Uncertainty is simulated by a Latin hypercube: every margin is covered
evenly (less so where durations have a common cause), so percentiles settle with few samples; the seed
makes it repeatable.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, timedelta

import msgspec
import numpy as np

from wattmill.catalog.names import nearest
from wattmill.catalog.staleness import DAYS_PER_MONTH
from wattmill.core.errors import PlanError
from wattmill.site.checks import at_least_0
from wattmill.site.durations import Array, quantile
from wattmill.site.durations import Task as Task
from wattmill.site.durations import mean_months as mean_months
from wattmill.site.task_graph import Graph

SAMPLES = 10_000
MOST_SAMPLES = 1_000_000
CLOSE = 1e-9
"""Months within which two finishes are the same."""


class Step(msgspec.Struct, frozen=True):
    """A task in a plan with fixed durations, in months from the start. slack: by how much it may
    slip without moving the end; 0 is critical."""

    name: str
    start: float
    finish: float
    slack: float

    @property
    def is_critical(self) -> bool:
        """Whether the end moves with it."""
        return self.slack <= CLOSE


class Timetable(msgspec.Struct, frozen=True):
    """A plan with fixed durations; critical_path: one chain of tasks that makes the end."""

    finish_months: float
    steps: tuple[Step, ...]
    critical_path: tuple[str, ...]


class TaskOutlook(msgspec.Struct, frozen=True):
    """A task over all samples. criticality_frac: how often the end moved with it, of the samples
    that ended. Percentiles are of its finish; None is never."""

    name: str
    p10_months: float | None
    p50_months: float | None
    p90_months: float | None
    criticality_frac: float


class Outlook(msgspec.Struct, frozen=True):
    """When the plan is finished. never_frac: chance that it is not. Percentiles count those that
    never end as infinitely late, so None is never; the mean is of those that end.

    error_months: standard error of the mean as if samples were independent, which is the wide side.
    """

    samples: int
    seed: int
    mean_months: float | None
    error_months: float | None
    p10_months: float | None
    p50_months: float | None
    p90_months: float | None
    never_frac: float
    tasks: tuple[TaskOutlook, ...]
    finishes: tuple[float, ...] = ()


def timetable(
    tasks: Sequence[Task], months: Mapping[str, float] | None = None, finish: str | None = None
) -> Timetable:
    """The plan with fixed durations: the given, else the likeliest (median of a lognormal).

    The critical path method: earliest dates forwards, latest backwards, slack between them. The sum
    of likeliest durations is earlier than the mean where paths join: `simulate` says by how much.
    """
    graph = Graph(tasks, finish)
    fixed = months or {}
    for name, lasts_months in fixed.items():
        if name not in {task.name for task in tasks}:
            raise PlanError(f"no task {name!r}", hint=nearest(name, [t.name for t in tasks]))
        at_least_0(f"months of {name!r}", lasts_months)
    lasts = np.array([fixed.get(task.name, task.months[1]) for task in graph.tasks], dtype=float)
    early = graph.finishes(lasts)
    end = early.max()
    slack = graph.latest(lasts, end) - early
    steps = tuple(
        Step(task.name, float(early[i] - lasts[i]), float(early[i]), float(max(0.0, slack[i])))
        for i, task in enumerate(graph.tasks)
    )
    return Timetable(float(end), steps, _path(graph, early))


def _path(graph: Graph, early: Array) -> tuple[str, ...]:
    """Back from the last task to what it waited for, again and again."""
    row: int | None = int(np.argmax(early))
    path: list[str] = []
    while row is not None:
        path.append(graph.tasks[row].name)
        row = max(graph.before[row], key=lambda needed: early[needed], default=None)
    return tuple(reversed(path))


def simulate(
    tasks: Sequence[Task],
    seed: int,
    samples: int = SAMPLES,
    correlation_frac: float = 0.0,
    finish: str | None = None,
    keep: bool = False,
) -> Outlook:
    """Percentiles of the end, and how often each task decided it.

    correlation_frac: share of the (normal) variance of every duration that is common to all, as in a
    shortage; 0 is independent. keep: give all finishes back, sorted; those that never end are left out.
    """
    if not 2 <= samples <= MOST_SAMPLES:
        raise PlanError(f"{samples:,} samples cannot be", hint=f"give 2 to {MOST_SAMPLES:,}")
    graph = Graph(tasks, finish)
    months = _durations(graph, np.random.default_rng(seed), samples, correlation_frac)
    finishes = graph.finishes(months)
    ends = finishes.max(axis=0)
    is_done = np.isfinite(ends)
    critical = _critical(graph, months[:, is_done], finishes[:, is_done], ends[is_done])
    outlooks = tuple(
        TaskOutlook(task.name, *_percentiles(finishes[row]), float(critical[row]))
        for row, task in enumerate(graph.tasks)
    )
    done = ends[is_done]
    return Outlook(
        samples,
        seed,
        float(done.mean()) if len(done) else None,
        float(done.std(ddof=1) / len(done) ** 0.5) if len(done) > 1 else None,
        *_percentiles(ends),
        float(1 - is_done.mean()),
        outlooks,
        tuple(np.sort(done).tolist()) if keep else (),
    )


def _durations(
    graph: Graph, random: np.random.Generator, samples: int, correlation_frac: float
) -> Array:
    """Months of shape (tasks, samples); infinite where a task never ends."""
    if not 0 <= correlation_frac <= 1:
        raise PlanError(f"a correlation of {correlation_frac:g} cannot be", hint="give 0 to 1")
    shares = np.stack([_stratified(random, samples) for _ in graph.tasks])
    if correlation_frac:
        shares = _joined(shares, _stratified(random, samples), correlation_frac)
    months = np.stack([quantile(t, share) for t, share in zip(graph.tasks, shares, strict=True)])
    for row, task in enumerate(graph.tasks):
        if task.done_frac < 1:
            months[row, _stratified(random, samples) >= task.done_frac] = np.inf
    return months


def _stratified(random: np.random.Generator, samples: int) -> Array:
    """One value in each of `samples` equal parts of (0, 1), in any order."""
    inside = np.clip(random.random(samples), 1e-12, 1 - 1e-12)
    return np.asarray((random.permutation(samples) + inside) / samples)


def _joined(shares: Array, common: Array, correlation_frac: float) -> Array:
    """Shares with one common factor: Phi(sqrt(c) z0 + sqrt(1 - c) z)."""
    from scipy.special import ndtr, ndtri

    own = np.sqrt(1 - correlation_frac) * ndtri(shares)
    joined = ndtr(np.sqrt(correlation_frac) * ndtri(common) + own)
    return np.asarray(np.clip(joined, 1e-12, 1 - 1e-12))


def _critical(graph: Graph, months: Array, finishes: Array, ends: Array) -> Array:
    """How often each task decided the end, shape (tasks,)."""
    if not ends.size:
        return np.zeros(len(graph.tasks))
    slack = graph.latest(months, ends) - finishes
    return np.asarray((slack <= CLOSE).mean(axis=1))


def _percentiles(months: Array) -> tuple[float | None, float | None, float | None]:
    """P10, P50, P90; the value that so many samples do not exceed."""
    found = np.quantile(months, (0.1, 0.5, 0.9), method="inverted_cdf")
    first, middle, last = (float(value) if np.isfinite(value) else None for value in found)
    return first, middle, last


def on_date(start: date, months: float) -> date:
    """The day that is so many months (of 30.4 days) after another, rounded up to a whole day."""
    return start + timedelta(days=-int(-months * DAYS_PER_MONTH // 1))
