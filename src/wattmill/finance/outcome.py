"""Distributions over many paths, each with its standard error."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from msgspec import Struct

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[Any]

PERCENTILES = (5, 10, 50, 90, 95)
NAMES = tuple(f"P{p}" for p in PERCENTILES)
BINS = 40


class Share(Struct, frozen=True):
    """Probability of something, and its standard error."""

    frac: float
    error: float


class Histogram(Struct, frozen=True):
    """Counts between neighbouring edges; what lies beyond the outer edges is in no bin."""

    edges: tuple[float, ...]
    counts: tuple[int, ...]


class Measure(Struct, frozen=True):
    """One figure over the paths that have it; `has_frac` is their share of all.

    error and percentile_errors are standard errors, from replicates that are independent of each other; None and
    nothing where fewer than two replicates have the figure. histogram: from the 1st to the 99th percentile.
    """

    mean: float
    error: float | None
    percentiles: dict[str, float]
    percentile_errors: dict[str, float]
    has_frac: float
    histogram: Histogram


class Fan(Struct, frozen=True):
    """A monthly line over all paths: percentiles by name, month 0, 1, …; inf where a ratio is over nothing owed."""

    percentiles: dict[str, tuple[float, ...]]


class Outcome(Struct, frozen=True, kw_only=True):
    """What random prices make of a project. None for a figure that no path has.

    npv_usd, irr_frac_per_year, loss (NPV below 0): of the project without debt; equity_*: of its owner.
    several_irr_frac: share of paths with more than one rate of return, which count as having none.
    levelised_usd: present value of costs and tax (without debt) less resale / present value of what is
    sold (LCOT in USD per Mtok where Mtok are sold). min_dscr, breach: of the covenant test, where there
    is debt service. max_ltv, underwater: balance against market value, where there is any; months are
    the first ones, of the paths in which it happens.
    """

    count: int
    replicates: int
    seed: int
    npv_usd: Measure
    equity_npv_usd: Measure
    loss: Share
    equity_loss: Share
    irr_frac_per_year: Measure | None
    equity_irr_frac_per_year: Measure | None
    several_irr_frac: float
    equity_several_irr_frac: float
    levelised_usd: Measure | None
    min_dscr: Measure | None
    breach: Share
    breach_month: Measure | None
    max_ltv: Measure | None
    underwater: Share
    underwater_month: Measure | None
    fans: dict[str, Fan]


def measure(replicates: Sequence[Array], count: int) -> Measure | None:
    """Of the figure of those of `count` paths that have it, replicate by replicate."""
    filled = [each for each in replicates if len(each)]
    if not filled:
        return None
    pooled = np.concatenate(filled)
    several = len(filled) > 1
    rows = np.array([np.percentile(each, PERCENTILES) for each in filled])
    return Measure(
        mean=float(pooled.mean()),
        error=_error([each.mean() for each in filled]) if several else None,
        percentiles=_named(np.percentile(pooled, PERCENTILES)),
        percentile_errors=_named([_error(column) for column in rows.T]) if several else {},
        has_frac=len(pooled) / count,
        histogram=_histogram(pooled),
    )


def share(replicates: Sequence[Array]) -> Share:
    """Of truths by path, replicate by replicate."""
    means = [float(each.mean()) for each in replicates]
    return Share(float(np.concatenate(replicates).mean()), _error(means))


def bands(line: Array) -> Array:
    """(percentiles, months + 1) of a line (paths, months + 1); values that occur, so that inf may be among them."""
    return np.asarray(np.percentile(line, PERCENTILES, axis=0, method="nearest"))


def fan(replicates: Sequence[Array], sizes: Sequence[int]) -> Fan:
    """From the `bands` of each replicate, weighted by its paths."""
    mean = np.average(np.array(replicates), axis=0, weights=sizes)
    return Fan({name: tuple(row.tolist()) for name, row in zip(NAMES, mean, strict=True)})


def _named(values: Sequence[float] | Array) -> dict[str, float]:
    return {name: float(value) for name, value in zip(NAMES, values, strict=True)}


def _histogram(values: Array) -> Histogram:
    low, high = np.percentile(values, (1, 99))
    counts, edges = np.histogram(values, BINS, (low, high))
    return Histogram(tuple(edges.tolist()), tuple(counts.tolist()))


def _error(estimates: Sequence[float] | Array) -> float:
    """Standard error of the mean of independent estimates."""
    return float(np.std(estimates, ddof=1) / np.sqrt(len(estimates)))
