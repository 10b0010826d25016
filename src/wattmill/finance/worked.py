"""What the machines of a project sell, and the electricity and space that they take."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

import numpy as np

from wattmill.finance.assets import HOURS_PER_MONTH, Asset, Power, Sale
from wattmill.finance.demand import contracted_frac, growth_factors
from wattmill.finance.lines import Factors, Key, Line
from wattmill.finance.owned import working

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float64]
    Shares = list[tuple[Array, Key]]  # of the capacity: sold from day to day, and sold ahead


class Worked:
    """Sums over assets."""

    def __init__(
        self, assets: tuple[Asset, ...], power: Power | None, factors: Factors, sells_at_end: bool
    ) -> None:
        self._power_terms, self._factors, self._months = power, factors, factors.months
        self._pue = power.pue if power else 1.0
        self.sold: dict[str, Line] = defaultdict(lambda: Line(factors))
        self.revenue: dict[str, Line] = defaultdict(lambda: Line(factors))
        self.kwh, self.power = Line(factors), Line(factors)
        self.peak_kw = np.zeros(self._months + 1)
        for asset in assets:
            on = working(asset, self._months, sells_at_end)
            busy = self._busy(asset, on)
            for sale in asset.sales:
                self._sell(asset, sale, busy)
            self._draw(asset, on, busy)

    def _busy(self, asset: Asset, on: Array) -> Shares:
        load, keys = self._factors.load(asset.load, asset.first_month)
        c = asset.contract
        if c is None:
            return [(on * load, keys)]
        ahead = on * contracted_frac(self._months, c.frac, asset.first_month, c.months)
        paid: tuple[Array, Key] = (ahead, ()) if c.take_or_pay else (ahead * load, keys)
        return [((on - ahead) * load, keys), paid]

    def _sell(self, asset: Asset, sale: Sale, busy: Shares) -> None:
        per_month = asset.units * sale.per_unit_month
        for usd, price_keys, (share, keys) in zip(*self._prices(asset, sale), busy, strict=False):
            self.sold[sale.name].add(per_month * share, *keys)
            self.revenue[sale.name].add(per_month * share * usd, *keys, *price_keys)

    def _prices(self, asset: Asset, sale: Sale) -> tuple[tuple[Array, Array], tuple[Key, Key]]:
        """Of what is sold from day to day, and of what is sold ahead."""
        usd, keys = self._factors.price(sale.price)
        c = asset.contract
        if c is None:
            return (usd, usd), (keys, keys)
        agreed = (
            sale.price.usd * c.price_frac * growth_factors(self._months, c.growth_frac_per_year)
        )
        return (usd, agreed), (keys, ())

    def _draw(self, asset: Asset, on: Array, busy: Shares) -> None:
        idle = asset.units * asset.idle_kw_per_unit * self._pue
        above = asset.units * asset.busy_kw_per_unit * self._pue - idle
        peak = asset.peak_kw_per_unit
        kw = asset.busy_kw_per_unit if peak is None else peak
        self.peak_kw = self.peak_kw + asset.units * kw * on
        self._supply(idle * on * HOURS_PER_MONTH, ())
        for share, keys in busy:
            self._supply(above * share * HOURS_PER_MONTH, keys)

    def _supply(self, kwh: Array, keys: Key) -> None:
        self.kwh.add(kwh, *keys)
        terms = self._power_terms
        if terms is None:
            return
        locked = _locked_frac(terms, self._months)
        usd, price_keys = self._factors.price(terms.price)
        self.power.add(kwh * (1 - locked) * usd, *keys, *price_keys)
        if terms.locked is not None:
            agreed, agreed_keys = self._factors.price(terms.locked)
            self.power.add(kwh * locked * agreed, *keys, *agreed_keys)


def _locked_frac(power: Power, months: int) -> Array:
    until = months if power.locked_months is None else power.locked_months
    return np.where(np.arange(months + 1) <= until, power.locked_frac, 0.0)
