"""Ways to serve a demand on thousands of price paths: what each may cost, and how often it is the cheapest."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from wattmill.core.errors import PlanError
from wattmill.finance.montecarlo import REPLICATES
from wattmill.finance.outcome import Measure, measure, share
from wattmill.finance.processes import PriceProcess, paths
from wattmill.plan.studies.buy.case import Case, run
from wattmill.plan.studies.buy.report import Risk

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float64]


def simulate(
    case: Case,
    processes: Mapping[str, PriceProcess],
    correlation: Mapping[str, float],
    count: int,
    seed: int,
) -> Risk | None:
    """`count` futures in replicates of scrambled sequences, which give the errors; None where nothing is random."""
    if not processes or count == 0:
        return None
    if count < 2 * REPLICATES:
        raise PlanError(f"{count} futures are too few", hint=f"give {2 * REPLICATES} or more, or 0")
    sizes = [len(part) for part in np.array_split(np.arange(count), REPLICATES)]
    seeds = np.random.SeedSequence(seed).generate_state(REPLICATES, np.uint64)
    costs = [
        _costs(case, processes, correlation, size, int(own))
        for size, own in zip(sizes, seeds, strict=True)
    ]
    names = list(costs[0])
    best = [np.argmin(np.array(list(each.values())), axis=0) for each in costs]
    return Risk(
        count=count,
        seed=seed,
        cost_usd={name: _measured([each[name] for each in costs], count) for name in names},
        saved_usd={
            name: _measured([each[names[0]] - each[name] for each in costs], count)
            for name in names[1:]
        },
        cheapest={
            name: share([winners == index for winners in best]) for index, name in enumerate(names)
        },
    )


def _costs(
    case: Case,
    processes: Mapping[str, PriceProcess],
    correlation: Mapping[str, float],
    count: int,
    seed: int,
) -> dict[str, Array]:
    """Present cost of each option on each path, the baseline first."""
    drawn = paths(processes, correlation, case.terms.months, count, seed)
    return {
        option.name: np.broadcast_to(run(case, option, drawn).npv_usd(case.terms), (count,))
        for option in case.all_options
    }


def _measured(replicates: list[Array], count: int) -> Measure:
    found = measure(replicates, count)
    assert found is not None, "every path has a cost"
    return found
