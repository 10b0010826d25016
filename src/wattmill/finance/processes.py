"""Prices that nobody knows yet: random monthly paths that fall with the market and may recover.

The logarithm of a price reverts to an anchor that falls as new machines make work cheaper; in times of
scarcity it reverts to a multiple of that anchor, so that rents can rise again. Several prices move together.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

import numpy as np
from msgspec import Struct

from wattmill.core.errors import PlanError
from wattmill.finance.copula import Normals, correlation_matrix, known, mixing, slow_modes
from wattmill.finance.price_process import PriceProcess as PriceProcess
from wattmill.finance.regimes import scarce_frac, scarce_months

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float64]


class Paths(Struct, frozen=True):
    """Prices by name, each (count, months + 1); column 0 is today, column t the end of month t."""

    by_name: Mapping[str, Array]

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self.by_name)

    @property
    def months(self) -> int:
        return int(next(iter(self.by_name.values())).shape[-1]) - 1

    @property
    def count(self) -> int:
        return int(next(iter(self.by_name.values())).shape[0])

    def __getitem__(self, name: str) -> Array:
        try:
            return self.by_name[name]
        except KeyError:
            raise PlanError(f"no price is called {name!r}", hint=known(self.by_name)) from None

    def __contains__(self, name: object) -> bool:
        return name in self.by_name

    def __iter__(self) -> Iterator[str]:
        return iter(self.by_name)

    def get(self, name: str) -> Array | None:
        """The paths of a price, or None if it is not uncertain."""
        return self.by_name.get(name)

    def rows(self, first: int, last: int) -> Paths:
        """Some of the paths: first included, last not."""
        return Paths({name: path[first:last] for name, path in self.by_name.items()})


def paths(
    processes: Mapping[str, PriceProcess],
    correlation: Mapping[str, float] | None,
    months: int,
    count: int,
    seed: int,
    *,
    quasi: bool = True,
) -> Paths:
    """`count` paths of each price over `months`; the same seed gives the same numbers.

    correlation: of the monthly shocks, and of the times when scarcity starts and ends, by "rent:power"
    (Gaussian copula); what is left out is 0. quasi: the slow moves are drawn by a scrambled Sobol sequence,
    so that means converge faster; False draws all by a pseudo-random generator.
    PlanError for a process or a correlation that cannot be.
    """
    if not (processes and months >= 1 and count >= 1):
        raise PlanError(
            f"{count} paths of {len(processes)} prices over {months} months cannot be",
            hint="give a price, a month and a path at least",
        )
    for name, process in processes.items():
        check(name, process)
    names = tuple(processes)
    normals = Normals(count, len(names), seed, even=quasi)
    mix = mixing(correlation_matrix(names, correlation or {}))
    shocks = np.tensordot(mix, normals.modes(months), axes=1)
    drivers = (mix @ spell for spell in normals.spells())
    scarce = scarce_months(tuple(processes.values()), drivers, count, months)
    each = zip(processes.items(), shocks, scarce, strict=True)
    return Paths({name: _path(process, shock, s) for (name, process), shock, s in each})


def log_moments(process: PriceProcess, months: int) -> tuple[Array, Array]:
    """Mean and variance of ln(price) at the end of month 0 to `months`, without simulation. Exact.

    Shocks: σ²/2κ (1 - φ^2t), φ = exp(-κ) per month. Regimes: y gathers (1 - φ) φ^(t-j) ln F s_j, and a
    two-state chain has cov(s_i, s_j) = var(s_i) r^(j-i), r = 1 - the sum of its turn probabilities.
    """
    check("price", process)
    t = np.arange(months + 1)
    kept = process.kept_frac
    start = np.log(process.start / process.anchor)
    mean = np.log(process.anchors(months)) + start * kept**t
    variance = process.step_std**2 * np.concatenate([[0.0], np.cumsum(kept ** (2 * t[:-1]))])
    if not process.regimes:
        return mean, variance
    turn, back = process.turn_probabilities
    scarce = scarce_frac(process, months)[1:]
    lag = t[1:, None] - t[None, 1:]
    weights = np.where(lag >= 0, kept ** np.maximum(lag, 0), 0.0) * (1 - kept)
    weights *= np.log(process.scarcity_factor)
    spread = scarce * (1 - scarce)
    earlier = np.minimum(t[1:, None], t[None, 1:]) - 1
    covariance = spread[earlier] * (1 - turn - back) ** np.abs(lag)
    mean[1:] += weights @ scarce
    variance[1:] += np.einsum("ti,ij,tj->t", weights, covariance, weights, optimize=True)
    return mean, variance


def recovered_frac(prices: Array, rise_frac: float) -> float:
    """Share of paths in which the price once stands `rise_frac` or more above its lowest before."""
    lowest = np.minimum.accumulate(prices, axis=-1)
    return float((prices >= lowest * (1 + rise_frac)).any(axis=-1).mean())


def check(name: str, process: PriceProcess) -> None:
    """PlanError, naming the price, if its parameters cannot be."""
    p = process
    sound = {
        "start": 0 < p.start < np.inf,
        "anchor": 0 < p.anchor < np.inf,
        "anchor_frac_per_year": -1 < p.anchor_frac_per_year < np.inf,
        "half_life_months": p.half_life_months > 0,
        "volatility_frac_per_year": 0 <= p.volatility_frac_per_year < np.inf,
        "scarcity_factor": 0 < p.scarcity_factor < np.inf,
        "scarcity_starts_per_year": 0 <= p.scarcity_starts_per_year < np.inf,
        "scarcity_months": 0 < p.scarcity_months < np.inf,
    }
    for field, holds in sound.items():
        if not holds:
            value = getattr(p, field)
            raise PlanError(
                f"{field} = {value} of the price {name!r} cannot be", hint=_HINTS[field]
            )
    if p.regimes and np.isinf(p.half_life_months):
        raise PlanError(
            f"the price {name!r} never moves towards scarcity",
            hint="give a finite half_life_months, or scarcity_factor = 1",
        )


_HINTS = {
    "start": "give a price above 0",
    "anchor": "give a price above 0",
    "anchor_frac_per_year": "give -0.27 for a fall of 27 % a year",
    "half_life_months": "give months above 0; inf for a price that never reverts",
    "volatility_frac_per_year": "give 0.3 for 30 % a year; 0 for none",
    "scarcity_factor": "give a factor above 0: 1.5 for half as much again",
    "scarcity_starts_per_year": "give 0.2 for a start every five years of calm",
    "scarcity_months": "give the months that scarcity lasts in the mean",
}


def _path(process: PriceProcess, shock: Array, scarce: Array | None) -> Array:
    """One price from its normals (modes, count) and its scarce months (count, months)."""
    months = len(shock)
    kept = process.kept_frac
    gathered = _gathering(kept, months)
    logs = shock.T @ (process.step_std * slow_modes(months) @ gathered)
    if scarce is not None:
        logs += scarce @ ((1 - kept) * np.log(process.scarcity_factor) * gathered)
    logs += np.log(process.start / process.anchor) * kept ** np.arange(1, months + 1)
    anchors = process.anchors(months)
    prices = np.empty((len(logs), months + 1))
    prices[:, 0] = process.start
    np.multiply(np.exp(logs, out=logs), anchors[1:], out=prices[:, 1:])
    return prices


def _gathering(kept: float, months: int) -> Array:
    """[j, t]: what is left at the end of month t + 1 of a move in month j + 1."""
    age = np.arange(months)[None, :] - np.arange(months)[:, None]
    gathered: Array = np.where(age >= 0, kept ** np.maximum(age, 0), 0.0)
    return gathered
