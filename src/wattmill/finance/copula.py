"""Normal numbers that are correlated as asked and spread evenly where it counts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from wattmill.core.errors import PlanError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float64]

EVEN_MODES = 16
"""Slow moves of each price that are drawn evenly; faster ones hardly change a sum over months."""
EVEN_SPELLS = 6
"""Spells of calm and scarcity of each price that are drawn evenly."""
SOBOL_BITS = 30


def correlation_matrix(names: Sequence[str], pairs: Mapping[str, float]) -> Array:
    """From shares by "rent:power", pairs left out being 0. PlanError for a name that is not there."""
    matrix = np.eye(len(names))
    for pair, share in pairs.items():
        a, _, b = pair.partition(":")
        if a == b or a not in names or b not in names:
            raise PlanError(f"{pair!r} is not two of the prices", hint=known(names))
        if not -1 <= share <= 1:
            raise PlanError(f"a correlation of {share} cannot be", hint="give -1 to 1")
        i, j = names.index(a), names.index(b)
        if matrix[i, j] not in (0, share):
            raise PlanError(f"{pair!r} is given twice, unlike", hint="give each pair once")
        matrix[i, j] = matrix[j, i] = share
    return matrix


def mixing(matrix: Array) -> Array:
    """A with A A' = matrix, for independent normals z: A z is correlated so.

    PlanError if the matrix is not positive semi-definite: no random numbers can be correlated like
    that. It is not repaired; the hint says by how much the shares must shrink.
    """
    values, vectors = np.linalg.eigh(matrix)
    if values[0] < -1e-10:
        share = np.floor(1000 / (1 - values[0])) / 1000
        raise PlanError(
            f"these correlations cannot hold together (smallest eigenvalue {values[0]:.3g})",
            hint=f"multiply all of them by {share:.3f}, or lower the one you trust least",
        )
    factor: Array = vectors[:, ::-1] * np.sqrt(np.maximum(values[::-1], 0))
    return factor


@lru_cache(maxsize=4)
def slow_modes(months: int) -> Array:
    """Orthonormal rows, the slowest move first: monthly shocks = one normal per mode @ these.

    Increments of the principal components of a random walk, 2/√(2n+1) cos((2k-1)(2t-1)π/(4n+2)). Any
    orthonormal rows keep the shocks independent; these put what moves a sum most at the front.
    """
    odd = 2 * np.arange(1, months + 1) - 1
    modes: Array = np.cos(np.outer(odd, odd) * (np.pi / (4 * months + 2)))
    modes *= 2 / np.sqrt(2 * months + 1)
    modes.flags.writeable = False
    return modes


class Normals:
    """Independent standard normals for `count` paths of `prices` prices; a seed fixes all of them.

    With `even`, the first modes and spells are points of a scrambled Sobol sequence turned into
    normals by the inverse distribution (Owen 1998); all others come from PCG64.
    """

    def __init__(self, count: int, prices: int, seed: int, *, even: bool = True) -> None:
        self._count, self._prices = count, prices
        sobol_seed, self._random = _generators(seed)
        blocks = EVEN_MODES + EVEN_SPELLS
        self._even = _sobol_normals(count, blocks * prices, sobol_seed) if even else None

    def modes(self, months: int) -> Array:
        """(prices, months, count): one normal for each mode."""
        first = self._blocks(0, min(months, EVEN_MODES))
        rest = (self._prices, months - first.shape[1], self._count)
        return np.concatenate([first, self._random.standard_normal(rest)], axis=1)

    def spells(self) -> Iterator[Array]:
        """(prices, count) for each spell, without end."""
        yield from self._blocks(EVEN_MODES, EVEN_MODES + EVEN_SPELLS).transpose(1, 0, 2)
        while True:
            yield self._random.standard_normal((self._prices, self._count))

    def _blocks(self, first: int, last: int) -> Array:
        """(prices, blocks, count); the columns of a block are one for each price."""
        if self._even is None:
            return np.empty((self._prices, 0, self._count))
        columns = self._even[:, first * self._prices : last * self._prices]
        return columns.T.reshape(-1, self._prices, self._count).transpose(1, 0, 2)


def _generators(seed: int) -> tuple[np.random.Generator, np.random.Generator]:
    children = np.random.SeedSequence(seed).spawn(2)
    return np.random.default_rng(children[0]), np.random.default_rng(children[1])


def sobol_uniforms(count: int, dimensions: int, rng: np.random.Generator) -> Array:
    """(count, dimensions) of a scrambled Sobol sequence, in the middle of their cells: never 0 or 1."""
    from scipy.stats import qmc

    engine = qmc.Sobol(dimensions, scramble=True, bits=SOBOL_BITS, rng=rng)
    points: Array = engine.random_base2(int(np.ceil(np.log2(count))))[:count]
    points += 0.5 ** (SOBOL_BITS + 1)
    return points


def _sobol_normals(count: int, dimensions: int, rng: np.random.Generator) -> Array:
    from scipy.special import ndtri

    points: Array = ndtri(sobol_uniforms(count, dimensions, rng))
    return points


def known(names: Iterable[str]) -> str:
    """A hint: the names that there are."""
    return "known are: " + ", ".join(names)
