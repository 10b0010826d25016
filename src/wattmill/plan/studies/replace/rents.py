"""Random rents of a slot: relative to what is expected, and as what people pay."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import numpy as np

from wattmill.catalog.factory import Factory
from wattmill.core.errors import PlanError
from wattmill.finance.assets import Asset, Price, Sale
from wattmill.finance.processes import PriceProcess
from wattmill.finance.project import Project
from wattmill.finance.slot import Slot
from wattmill.plan.studies.replace.earning import Terms
from wattmill.plan.studies.replace.machines import Unit
from wattmill.plan.studies.sourced import Sources
from wattmill.plan.studies.uncertainty import processes

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float64]

LEAST_VOLATILITY = 0.01
"""A year; below it the grid of prices has thousands of levels."""

LEAST = 1e-12
"""Levels less likely than this are no part of a percentile."""

Line = tuple[float, ...]


def random_rents(
    factory: Factory, terms: Terms, sources: Sources
) -> tuple[PriceProcess | None, float]:
    """The rent level, 1 where it is expected, and how far prices of machines follow it."""
    name = "rent" if factory.finance.sells == "gpu_hours" else "token_price"
    drift = terms.drift_frac_per_year
    price = Price(1.0, drift, name)
    asset = Asset(
        name="any", paid_usd_per_unit=1.0, resale_frac_per_year=1.0, resale_path="resale",
        sales=(Sale(name, 1.0, price),),
    )  # fmt: skip
    found, correlation = processes(
        factory, Project(months=terms.line.months, assets=(asset,)), sources
    )
    rent, used = found.get(name), found.get("resale")
    if rent is None:
        return None, 0.0
    _drawable(factory, name, rent)
    pair = correlation.get(f"{name}:resale", correlation.get(f"resale:{name}", 0.0))
    swing = 0.0 if used is None else used.volatility_frac_per_year
    wild = rent.volatility_frac_per_year
    follows = max(0.0, pair) * swing / wild if wild else 0.0
    said = "computed by the correlation and the volatilities of rents and used prices"
    sources.add("machines.follow_rents", follows, "exponent", said)
    level = _level(factory, name, rent, drift)
    for key in ("start", "anchor", "anchor_frac_per_year"):
        unit = "1/year" if key == "anchor_frac_per_year" else "of what is expected"
        if not factory.says("finance", name, key):
            said = "computed by today's price and its drift"
            sources.add(f"finance.{name}.{key}", getattr(level, key), unit, said)
    return level, follows


def _drawable(factory: Factory, name: str, rent: PriceProcess) -> None:
    """PlanError where scarcity jumps over so many steps of the volatility that no grid holds them."""
    if rent.regimes and rent.volatility_frac_per_year < LEAST_VOLATILITY:
        raise PlanError(
            f"a volatility of {rent.volatility_frac_per_year:g} is too little beside scarcity",
            hint=f"give volatility_frac_per_year of {LEAST_VOLATILITY:g} or more,"
            " or 0 with scarcity_factor = 1",
            place=f"{factory.path}: [finance.{name}]",
        )


def _level(factory: Factory, name: str, rent: PriceProcess, drift: float) -> PriceProcess:
    """Relative to the price of today and its drift; a `start` or `anchor` of the file is a price."""
    given = getattr(factory.finance, name)
    today = factory.finance.usd_per_hour if name == "rent" else factory.finance.usd_per_mtok
    start, anchor = rent.start, rent.anchor
    if given is not None and (given.start is not None or given.anchor is not None):
        if today is None:
            raise PlanError(
                f"start and anchor of [finance.{name}] are prices of one card, and no price is given",
                hint="give [finance] usd_per_hour or usd_per_mtok, or leave them out",
                place=str(factory.path),
            )
        start = start / today if given.start is not None else 1.0
        anchor = anchor / today if given.anchor is not None else 1.0
    falls = (1 + rent.anchor_frac_per_year) / (1 + drift) - 1
    return msgspec.structs.replace(rent, start=start, anchor=anchor, anchor_frac_per_year=falls)


def percentiles(slot: Slot, here: Unit, terms: Terms) -> tuple[Line, Line, Line]:
    """P5, P50 and P95 by month of the rent of a card, or of the level of token prices."""
    grid = slot.grid()
    chance = np.zeros(grid.prices.shape[1])
    chance[grid.start] = 1.0
    usd = here.usd_per_card_hour or 1.0
    rows = []
    for month in range(slot.months + 1):
        scale = usd * (1 + terms.drift_frac_per_year) ** (month / 12)
        rows.append([scale * p for p in _percentiles(grid.prices[month], chance)])
        chance = chance @ grid.transition
    low, middle, high = (tuple(map(float, column)) for column in zip(*rows, strict=True))
    return low, middle, high


def _percentiles(prices: Array, chance: Array) -> list[float]:
    """P5, P50 and P95 between the levels of the grid, by the logarithm."""
    order = np.argsort(prices)
    order = order[chance[order] > LEAST]
    middles = np.cumsum(chance[order]) - chance[order] / 2
    found = np.exp(np.interp((0.05, 0.5, 0.95), middles, np.log(prices[order])))
    return [float(price) for price in found]
