"""A project on thousands of price paths: what it may be worth, and how often its debt is in trouble."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from wattmill.finance.checks import require
from wattmill.finance.outcome import Outcome, bands, fan, measure, share
from wattmill.finance.path_figures import FAN, Yardsticks, figures
from wattmill.finance.processes import Paths, PriceProcess, paths
from wattmill.finance.statement import loan_schedules

if TYPE_CHECKING:
    from wattmill.finance.path_figures import Figures
    from wattmill.finance.project import Project

REPLICATES = 10
CHUNK_CELLS = 250_000
"""Paths x months that a statement is made of at once, so that memory stays small."""


def simulate(
    project: Project,
    processes: Mapping[str, PriceProcess],
    correlation: Mapping[str, float] | None,
    count: int,
    seed: int,
    yardsticks: Yardsticks | None = None,
    *,
    replicates: int = REPLICATES,
) -> Outcome:
    """`count` paths in `replicates` scrambled sequences, which give the standard errors.

    The same seed gives the same numbers. Loans are sized on the case without random prices.
    PlanError for a project, a price or a yardstick that cannot be.
    """
    yard = yardsticks or Yardsticks()
    _check(count, replicates)
    schedules = loan_schedules(project)
    sizes = [len(part) for part in np.array_split(np.arange(count), replicates)]
    seeds = np.random.SeedSequence(seed).generate_state(replicates, np.uint64)
    found = []
    for size, own_seed in zip(sizes, seeds, strict=True):
        drawn = paths(processes, correlation, project.months, size, int(own_seed))
        chunks = [figures(project, part, schedules, yard) for part in _chunks(drawn)]
        found.append(_replicate(chunks))
    return _outcome(found, sizes, seed)


def _chunks(drawn: Paths) -> Iterator[Paths]:
    step = max(1, CHUNK_CELLS // (drawn.months + 1))
    for first in range(0, drawn.count, step):
        yield drawn.rows(first, first + step)


def _replicate(chunks: list[Figures]) -> Figures:
    """Figures of all its paths; of lines for a fan, only their percentiles."""
    joined = {name: np.concatenate([chunk[name] for chunk in chunks]) for name in chunks[0]}
    return {name: bands(a) if name.startswith(FAN) else a for name, a in joined.items()}


def _outcome(found: list[Figures], sizes: list[int], seed: int) -> Outcome:
    count = sum(sizes)
    by_name = {name: [each[name] for each in found] for name in found[0]}
    measured = {field: measure(by_name.get(name, []), count) for field, name in MEASURES.items()}
    shares = {name: share(by_name[name]) for name in SHARES}
    lines = {name: parts for name, parts in by_name.items() if name.startswith(FAN)}
    known: dict[str, Any] = {**measured, **shares}
    return Outcome(
        count=count,
        replicates=len(sizes),
        seed=seed,
        several_irr_frac=share(by_name["several"]).frac,
        equity_several_irr_frac=share(by_name["equity_several"]).frac,
        fans={name.removeprefix(FAN): fan(parts, sizes) for name, parts in lines.items()},
        **known,
    )


MEASURES = {
    "npv_usd": "npv",
    "equity_npv_usd": "equity_npv",
    "irr_frac_per_year": "irr",
    "equity_irr_frac_per_year": "equity_irr",
    "levelised_usd": "levelised",
    "min_dscr": "min_dscr",
    "breach_month": "breach_month",
    "max_ltv": "max_ltv",
    "underwater_month": "underwater_month",
}
"""Fields of `Outcome`, and the figures that they are of."""
SHARES = ("loss", "equity_loss", "breach", "underwater")


def _check(count: int, replicates: int) -> None:
    require(
        replicates >= 2 and count >= 2 * replicates,
        f"{count} paths in {replicates} replicates cannot be",
        "give two replicates or more, of two paths or more each",
    )
