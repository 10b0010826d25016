"""What a project owns: bought, written down, worth on the market, sold; asset by asset into sums."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from wattmill.finance.assets import Asset
from wattmill.finance.depreciation import Method, economic_value, schedule_usd
from wattmill.finance.lines import Factors, Key, Line

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float64]


class Owned:
    """Sums over assets. Only market values are random; the rest is (months + 1,)."""

    def __init__(self, assets: tuple[Asset, ...], factors: Factors, sells_at_end: bool) -> None:
        self.factors, self.months, self.sells_at_end = factors, factors.months, sells_at_end
        self.capex: dict[str, Array] = {}
        zeros = np.zeros(self.months + 1)
        self.price_usd = zeros
        self.lost, self.tax_lost, self.book_sold, self.tax_book_sold = (zeros,) * 4
        self.value, self.sold, self.selling_cost = (Line(factors) for _ in range(3))
        for asset in assets:
            self._buy(asset)
            self._write_down(asset)
            self._worth(asset)

    def _buy(self, asset: Asset) -> None:
        parts = {asset.name: asset.units * asset.paid_usd_per_unit, **asset.also_paid_usd}
        for name, usd in parts.items():
            flow = self._at(asset.bought_month, usd)
            self.capex[name] = self.capex[name] + flow if name in self.capex else flow
        self.price_usd = self.price_usd + asset.paid_usd * self._held(asset)

    def _write_down(self, asset: Asset) -> None:
        resale = asset.units * asset.book_resale_usd_per_unit
        lost, rest = self._schedule(asset, asset.depreciation, resale, 0.0)
        self.lost, self.book_sold = self.lost + lost, self.book_sold + rest
        if asset.tax_depreciation is not None or asset.tax_bonus_frac > 0:
            method = asset.tax_depreciation or asset.depreciation
            resale = 0.0 if asset.tax_depreciation else resale
            lost, rest = self._schedule(asset, method, resale, asset.tax_bonus_frac)
        self.tax_lost, self.tax_book_sold = self.tax_lost + lost, self.tax_book_sold + rest

    def _schedule(
        self, asset: Asset, method: Method, resale: float, bonus: float
    ) -> tuple[Array, Array]:
        """What each month of work takes away, and what is left in the month of sale."""
        paid, months = asset.paid_usd, self.months
        by_age = schedule_usd(method, paid, asset.life_months, months, resale, bonus)
        lost = _later(by_age, asset.first_month) * working(asset, months, self.sells_at_end)
        return lost, self._at(self._last(asset), paid - lost.sum())

    def _worth(self, asset: Asset) -> None:
        paid = asset.units * asset.paid_usd_per_unit
        by_age = economic_value(paid, self.months, asset.resale_frac_per_year, asset.resale_curve)
        value = _later(by_age, asset.bought_month)
        keys: Key = ()
        if asset.resale_path is not None and self.factors.random:
            keys = (self.factors.path(asset.resale_path, asset.bought_month),)
        last = self._last(asset)
        sold = self._at(last, value[min(last, self.months)])
        self.value.add(value * self._held(asset), *keys)
        self.sold.add(sold, *keys)
        self.selling_cost.add(sold * asset.selling_cost_frac, *keys)

    def _held(self, asset: Asset) -> Array:
        """1.0 in the months at whose end they are owned: bought included, sold not."""
        t = np.arange(self.months + 1)
        return ((t >= asset.bought_month) & (t < self._last(asset))).astype(float)

    def _last(self, asset: Asset) -> int:
        return asset.last_month(self.months, self.sells_at_end)

    def _at(self, month: int, usd: float) -> Array:
        """`usd` in one month, 0 in the others and beyond the study."""
        flow = np.zeros(self.months + 1)
        if month <= self.months:
            flow[month] = usd
        return flow


def working(asset: Asset, months: int, sells_at_end: bool) -> Array:
    """1.0 in the months in which they work: after the start, up to the month of sale."""
    t = np.arange(months + 1)
    last = asset.last_month(months, sells_at_end)
    return ((t > asset.first_month) & (t <= last)).astype(float)


def _later(by_age: Array, month: int) -> Array:
    """The same numbers, `month` months later, cut at the end of the study."""
    return np.concatenate([np.zeros(month), by_age])[: len(by_age)]
