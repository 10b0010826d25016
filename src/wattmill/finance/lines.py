"""Sums of money whose parts follow prices: a line of a statement, made without a cube of assets.

A line adds coefficients (months + 1,) that belong to the same random prices before it multiplies them with the paths
(paths, months + 1), so that twenty machines with one rent cost what one costs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Protocol

import numpy as np

from wattmill.core.errors import PlanError
from wattmill.finance.demand import growth_factors, ramp, volume_factor

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from wattmill.finance.assets import Load, Price

    Array = NDArray[np.float64]

Key = tuple[object, ...]
"""What a coefficient is multiplied with: nothing, random prices, a random load."""


class Prices(Protocol):
    """Random prices by name, each (paths, months + 1) or (months + 1,): `processes.Paths`, or a dict."""

    def __contains__(self, name: object, /) -> bool: ...

    def __getitem__(self, name: str, /) -> Array: ...

    def __iter__(self) -> Iterator[str]: ...


class Factors:
    """Random factors of one study, each made once."""

    def __init__(self, months: int, prices: Prices | None) -> None:
        self.months = months
        self._prices = prices
        self._made: dict[object, Array] = {}

    @property
    def random(self) -> bool:
        """Are there random prices? Without them, each price follows its growth."""
        return self._prices is not None

    def price(self, price: Price, first: int = 0) -> tuple[Array, Key]:
        """USD that are certain (months + 1,), and the random factor, relative to month `first`."""
        if price.path is None or self._prices is None:
            return price.usd * growth_factors(self.months, price.growth_frac_per_year), ()
        return np.full(self.months + 1, price.usd), (self.path(price.path, first),)

    def path(self, name: str, first: int = 0) -> object:
        """Key of a random price over its value in month `first`."""
        return self._key((name, first), lambda: self._relative(name, first))

    def load(self, load: Load, first_month: int) -> tuple[Array, Key]:
        """Share of the capacity that is sold, certain and random part."""
        certain = load.frac * ramp(self.months, load.ramp_months, load.start_frac, first_month)
        certain = certain * growth_factors(self.months, load.growth_frac_per_year)
        if load.price is None or load.elasticity == 0:
            return np.minimum(certain, load.most_frac), ()
        usd, key = self.price(load.price)
        if not key:
            asked = certain * volume_factor(usd / load.price.usd, load.elasticity)
            return np.minimum(asked, load.most_frac), ()
        more = self._key((key, load.elasticity), lambda: self._more(key[0], load.elasticity))
        name = ("load", load, first_month)
        sold = self._key(name, lambda: np.minimum(certain * self[more], load.most_frac))
        return np.ones(self.months + 1), (sold,)

    def __getitem__(self, key: object) -> Array:
        return self._made[key]

    def _key(self, key: object, make: Callable[[], Array]) -> object:
        if key not in self._made:
            self._made[key] = make()
        return key

    def _more(self, key: object, elasticity: float) -> Array:
        return volume_factor(self[key], elasticity)

    def _relative(self, name: str, first: int) -> Array:
        assert self._prices is not None
        if name not in self._prices:
            raise PlanError(
                f"no random price is called {name!r}",
                hint="known are: " + ", ".join(sorted(self._prices)),
            )
        path = np.asarray(self._prices[name], dtype=float)
        if path.shape[-1] != self.months + 1:
            raise PlanError(
                f"the price {name!r} has {path.shape[-1] - 1} months, the study {self.months}",
                hint="make paths of as many months as the study has",
            )
        if not (path[..., first] > 0).all():
            raise PlanError(
                f"the price {name!r} is not above 0", hint="a price that moves starts above 0"
            )
        relative: Array = path / path[..., first, None]
        return relative


class Line:
    """A sum of coefficients times factors."""

    def __init__(self, factors: Factors) -> None:
        self._factors = factors
        self._by_key: dict[Key, Array] = {}

    def add(self, usd: Array, *keys: object) -> None:
        """`usd` (months + 1,) times the factors of these keys."""
        ordered = tuple(sorted(keys, key=repr)) if len(keys) > 1 else keys
        known = self._by_key.get(ordered)
        self._by_key[ordered] = usd if known is None else known + usd

    def total(self) -> Array:
        """(months + 1,) if nothing in it is random, else (paths, months + 1)."""
        total = self._by_key.get((), np.zeros(self._factors.months + 1))
        for keys, usd in self._by_key.items():
            if keys and usd.any():
                total = added(total, self._times(usd, keys))
        return total

    def _times(self, usd: Array, keys: Key) -> Array:
        product: Array = usd * self._factors[keys[0]]
        for key in keys[1:]:
            product *= self._factors[key]
        return product


def added(total: Array, term: Array) -> Array:
    """total + term; `term` is used up where that saves an array."""
    if term.ndim >= total.ndim:
        term += total
        return term
    return total + term


def total_of(parts: dict[str, Array], months: int) -> Array:
    """Sum of parts of one or two dimensions; zeros if there is none."""
    total = np.zeros(months + 1)
    for part in parts.values():
        total = total + part
    return total
