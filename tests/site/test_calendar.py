"""Dates of a plan: the critical path, and percentiles that are known in closed form."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import date

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from wattmill.core.errors import PlanError
from wattmill.site.calendar import Outlook, on_date, simulate, timetable
from wattmill.site.durations import Shape, Task, mean_months, quantile

NO_SPREAD = 1e-12


@st.composite
def plans(draw: st.DrawFn) -> list[Task]:
    """Up to seven tasks, each after some of those before it."""
    tasks: list[Task] = []
    for i in range(draw(st.integers(1, 7))):
        after = draw(st.sets(st.sampled_from([t.name for t in tasks]))) if tasks else set()
        month = float(draw(st.integers(0, 20)))
        tasks.append(Task(f"t{i}", (month, month, month), tuple(sorted(after))))
    return draw(st.permutations(tasks))


def paths(tasks: list[Task], name: str) -> list[tuple[str, ...]]:
    """Every chain of tasks that ends with one."""
    task = next(t for t in tasks if t.name == name)
    before = [path for needed in task.after for path in paths(tasks, needed)]
    return [(*path, name) for path in before or [()]]


@settings(max_examples=60)
@given(plans())
def test_the_end_is_the_longest_of_all_paths(tasks: list[Task]) -> None:
    months = {task.name: task.months[1] for task in tasks}
    every = [path for task in tasks for path in paths(tasks, task.name)]
    lengths = {path: sum(months[name] for name in path) for path in every}
    found = timetable(tasks)
    assert found.finish_months == max(lengths.values())
    assert lengths[found.critical_path] == found.finish_months
    longest = {n: max(v for p, v in lengths.items() if n in p) for n in months}
    for step in found.steps:
        assert step.slack == pytest.approx(found.finish_months - longest[step.name])


@settings(max_examples=30)
@given(plans(), st.data())
def test_slack_is_how_much_a_task_may_slip(tasks: list[Task], data: st.DataObject) -> None:
    found = timetable(tasks)
    step = data.draw(st.sampled_from(found.steps))
    months = {s.name: s.finish - s.start for s in found.steps}
    slipped = timetable(tasks, months | {step.name: months[step.name] + step.slack})
    later = timetable(tasks, months | {step.name: months[step.name] + step.slack + 1})
    assert slipped.finish_months == pytest.approx(found.finish_months)
    assert later.finish_months == pytest.approx(found.finish_months + 1)


def test_only_what_is_waited_for_counts() -> None:
    tasks = [Task("power", (5, 5, 5)), Task("rack", (1, 1, 1), ("power",)), Task("art", (9, 9, 9))]
    assert timetable(tasks).finish_months == 9
    assert timetable(tasks, finish="rack").critical_path == ("power", "rack")


# --- distributions --------------------------------------------------------------------------------

SHAPES: list[tuple[Task, stats.rv_continuous]] = [
    (Task("p", (2, 4, 9)), stats.beta(1 + 8 / 7, 1 + 20 / 7, 2, 7)),
    (Task("t", (2, 4, 9), shape="triangular"), stats.triang(2 / 7, 2, 7)),
    (
        Task("l", (2, 4, 9), shape="lognormal"),
        stats.lognorm(np.log(2.5) / stats.norm.ppf(0.9), 4 - 5 / 1.5, 5 / 1.5),
    ),
]


@pytest.mark.parametrize(("task", "known"), SHAPES)
def test_a_duration_is_its_distribution(task: Task, known: stats.rv_continuous) -> None:
    shares = np.linspace(0.001, 0.999, 101)
    assert quantile(task, shares) == pytest.approx(known.ppf(shares), rel=1e-9)
    assert mean_months(task) == pytest.approx(known.mean())


def test_a_lognormal_has_the_percentiles_that_are_given() -> None:
    task = Task("l", (24, 48, 120), shape="lognormal")
    assert quantile(task, np.array([0.1, 0.5, 0.9])) == pytest.approx([24, 48, 120])


@pytest.mark.parametrize("shape", ["pert", "triangular", "lognormal"])
@pytest.mark.parametrize("share", [0.01, 0.5, 0.99])
def test_a_task_without_spread_takes_what_it_takes(shape: Shape, share: float) -> None:
    task = Task("x", (3, 3, 3), shape=shape)
    assert quantile(task, np.array([share])) == [3.0]
    assert mean_months(task) == 3.0


def all_shapes(after: bool) -> list[Task]:
    """One task of each shape, in a chain or side by side."""
    return [
        Task(f"{i}", t.months, (f"{i - 1}",) if after and i else (), t.shape)
        for i, (t, _) in enumerate(SHAPES)
    ]


def test_a_chain_has_the_mean_and_variance_of_its_sum() -> None:
    found = simulate(all_shapes(after=True), seed=1, keep=True)
    means = [known.mean() for _, known in SHAPES]
    variance = sum(known.var() for _, known in SHAPES)
    assert found.mean_months == pytest.approx(sum(means), rel=2e-3)
    assert np.var(found.finishes) == pytest.approx(variance, rel=0.05)
    assert {task.criticality_frac for task in found.tasks} == {1.0}


def test_a_single_pert_task_has_the_percentiles_of_its_beta() -> None:
    task, known = SHAPES[0]
    found = simulate([task], seed=3)
    p10, p50, p90 = known.ppf([0.1, 0.5, 0.9])
    assert found.mean_months == pytest.approx((2 + 4 * 4 + 9) / 6, rel=1e-4)
    assert (found.p10_months, found.p50_months, found.p90_months) == pytest.approx(
        (p10, p50, p90), rel=1e-3
    )


def test_side_by_side_the_end_has_the_product_of_the_distributions() -> None:
    found = simulate(all_shapes(after=False), seed=2)
    for share, months in (
        (0.1, found.p10_months),
        (0.5, found.p50_months),
        (0.9, found.p90_months),
    ):
        assert months is not None
        assert np.prod([known.cdf(months) for _, known in SHAPES]) == pytest.approx(share, abs=0.01)
    assert sum(task.criticality_frac for task in found.tasks) == pytest.approx(1.0)


def test_of_two_equal_tasks_each_decides_half_of_the_time() -> None:
    tasks = [Task("a", (1, 2, 4)), Task("b", (1, 2, 4)), Task("c", (0, 0.1, 0.5))]
    critical = {task.name: task.criticality_frac for task in simulate(tasks, seed=5).tasks}
    assert critical == pytest.approx({"a": 0.5, "b": 0.5, "c": 0.0}, abs=0.02)


def test_joined_paths_end_later_than_the_likeliest_durations_say() -> None:
    tasks = [Task(f"t{i}", (8, 10, 12)) for i in range(6)]
    mean = simulate(tasks, seed=1).mean_months
    assert timetable(tasks).finish_months == 10
    assert mean is not None
    assert mean > 10.7


# --- chance ---------------------------------------------------------------------------------------


def ends(found: Outlook) -> tuple[float | None, ...]:
    return found.p10_months, found.p50_months, found.p90_months


def test_what_may_never_end_is_never_at_the_late_percentiles() -> None:
    tasks = [Task("queue", (40, 50, 90), done_frac=0.8), Task("rack", (1, 1, 1), ("queue",))]
    found = simulate(tasks, seed=1)
    sure = simulate([Task("queue", (40, 50, 90)), tasks[1]], seed=1)
    assert found.never_frac == pytest.approx(0.2, abs=1e-3)
    assert found.p90_months is None
    assert found.p50_months is not None
    assert sure.p50_months is not None
    assert found.p50_months > sure.p50_months
    assert found.mean_months == pytest.approx(sure.mean_months, rel=0.01)


def test_two_chances_multiply() -> None:
    tasks = [Task("a", (1, 1, 1), done_frac=0.5), Task("b", (1, 1, 1), done_frac=0.4)]
    assert simulate(tasks, seed=4).never_frac == pytest.approx(0.8, abs=0.01)


def test_a_shortage_of_all_widens_the_sum_and_keeps_each() -> None:
    tasks = all_shapes(after=True)
    alone = simulate(tasks, seed=1, keep=True)
    joined = simulate(tasks, seed=1, correlation_frac=1.0, keep=True)
    deviations = sum(known.std() for _, known in SHAPES)
    assert np.std(joined.finishes) == pytest.approx(deviations, rel=0.04)
    assert np.std(joined.finishes) > 1.4 * np.std(alone.finishes)
    assert joined.mean_months == pytest.approx(alone.mean_months, rel=5e-3)
    assert joined.tasks[0].p90_months == pytest.approx(alone.tasks[0].p90_months, rel=5e-3)


def test_the_same_seed_is_the_same_in_another_process() -> None:
    code = (
        "from wattmill.site.calendar import Task, simulate\n"
        "tasks = [Task(n, (1, 2, 9)) for n in 'abcdef'] + [Task('end', (1, 2, 3), ('a', 'b'))]\n"
        "print(simulate(tasks, 1, 50))"
    )
    printed = {
        subprocess.run(
            [sys.executable, "-c", code],
            env=os.environ | {"PYTHONHASHSEED": seed},
            capture_output=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(printed) == 1


def test_a_seed_repeats_and_another_does_not() -> None:
    tasks = all_shapes(after=True)
    assert simulate(tasks, 7, 100) == simulate(tasks, 7, 100)
    assert ends(simulate(tasks, 7, 100)) != ends(simulate(tasks, 8, 100))


# --- what cannot be -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("tasks", "message"),
    [
        ([], "needs a task"),
        ([Task("a", (1, 2, 3)), Task("a", (1, 2, 3))], "two tasks are called 'a'"),
        ([Task("grid", (1, 2, 3)), Task("rack", (1, 2, 3), ("gird",))], "after unknown 'gird'"),
        ([Task("a", (1, 2, 3), ("b",)), Task("b", (1, 2, 3), ("a",))], "wait for one another"),
        ([Task("a", (3, 2, 1))], "months of 3, 2, 1"),
        ([Task("a", (1, 2, float("nan")))], "cannot be"),
        ([Task("a", (1, 2, 3), done_frac=0.0)], "a chance of 0"),
        ([Task("a", (1, 2, 3), shape="lognormal")], "no lognormal"),
        ([Task("a", (1, 3, 6), shape="lognormal")], "no lognormal"),
    ],
)
def test_an_impossible_plan_is_refused(tasks: list[Task], message: str) -> None:
    with pytest.raises(PlanError, match=message) as caught:
        timetable(tasks)
    assert caught.value.hint


def test_fixed_months_are_of_tasks_that_are_there() -> None:
    tasks = [Task("grid", (1, 2, 3)), Task("hall", (4, 5, 6))]
    assert timetable(tasks, {"grid": 9}).finish_months == 9
    with pytest.raises(PlanError, match="no task 'gird'") as caught:
        timetable(tasks, {"gird": 9})
    assert "'grid'" in caught.value.hint
    with pytest.raises(PlanError, match="months of 'grid' = -1"):
        timetable(tasks, {"grid": -1})


def test_an_unknown_end_gets_the_nearest_name() -> None:
    with pytest.raises(PlanError) as caught:
        timetable([Task("revenue", (1, 2, 3))], finish="revenues")
    assert "'revenue'" in caught.value.hint


@pytest.mark.parametrize(("samples", "correlation"), [(1, 0.0), (10**7, 0.0), (100, 1.5)])
def test_impossible_samples_are_refused(samples: int, correlation: float) -> None:
    with pytest.raises(PlanError, match="cannot be"):
        simulate([Task("a", (1, 2, 3))], 1, samples, correlation)


@pytest.mark.parametrize(
    ("months", "day"), [(0, date(2026, 1, 1)), (12, date(2027, 1, 2)), (0.5, date(2026, 1, 17))]
)
def test_months_are_days_rounded_up(months: float, day: date) -> None:
    assert on_date(date(2026, 1, 1), months) == day
