"""What the parts of an option cost by month: once, to run, and what a sale brings back.

Costs are above 0 for what is paid. Arrays are (months + 1,), or (paths, months + 1) under random prices.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import msgspec
import numpy as np

from wattmill.catalog.units import HOURS_PER_MONTH
from wattmill.finance.assets import Power, Price
from wattmill.finance.demand import growth_factors
from wattmill.finance.depreciation import economic_value, schedule_usd
from wattmill.plan.studies.buy.racks_and_apis import Api, Part, Purchase, Rack, Terms, present
from wattmill.plan.studies.demand import Asked

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from wattmill.finance.lines import Prices

    Array = NDArray[np.float64]


class Served(msgspec.Struct, frozen=True):
    """Mtok of output that a part serves, and what it costs by line, before tax; `book_usd` is written down."""

    mtok: Array
    costs: dict[str, Array]
    deductible: dict[str, Array]

    @property
    def cost_usd(self) -> Array:
        """All lines together."""
        return sum(self.costs.values(), np.zeros(self.mtok.shape[-1]))


# --- prices ---------------------------------------------------------------------------------------


def price_of(price: Price, months: int, prices: Prices | None, binds: int = 0) -> Array:
    """USD by month: it grows, or follows its random path; unchanged while it binds."""
    if price.path is not None and prices is not None and price.path in prices:
        path = prices[price.path]
        usd = price.usd * path / path[..., :1]
    else:
        usd = price.usd * growth_factors(months, price.growth_frac_per_year)
    return np.where(np.arange(months + 1) <= binds, price.usd, usd) if binds else usd


def per_kwh(power: Power, months: int, prices: Prices | None) -> Array:
    """USD per kWh at the meter: what is agreed for a share of it and for some months, and the rest."""
    usd = price_of(power.price, months, prices)
    if power.locked is None:
        return usd
    until = months if power.locked_months is None else power.locked_months
    share = np.where(np.arange(months + 1) <= until, power.locked_frac, 0.0)
    return share * price_of(power.locked, months, None) + (1 - share) * usd


# --- what it costs --------------------------------------------------------------------------------


def costs(part: Part, mtok: Array, asked: Asked, terms: Terms, prices: Prices | None) -> Served:
    """What a part costs that serves so many Mtok of output."""
    running = _once_and_other(part, terms)
    if isinstance(part, Api):
        running["API"] = api_usd(part, mtok, asked, terms.months, prices)
        return _served(mtok, running, {}, {})
    running |= _machine_usd(part, mtok, terms, prices)
    if part.purchase is None:
        return _served(mtok, running, _deposit(part, terms), {})
    bought, written = _bought(part.purchase, terms, prices)
    return _served(mtok, running, bought | _deposit(part, terms), written)


def api_usd(api: Api, mtok: Array, asked: Asked, months: int, prices: Prices | None) -> Array:
    """The bill of an API for the mix of tokens that comes with so much output."""
    each = asked.by_meter
    per_output = sum(
        (
            each[kind] * price_of(price, months, prices, api.binds)
            for kind, price in api.prices.items()
        ),
        np.zeros(months + 1),
    )
    return mtok * per_output


def _served(
    mtok: Array, running: Mapping[str, Array], capital: Mapping[str, Array],
    written: Mapping[str, Array],
) -> Served:  # fmt: skip
    """Running costs are deductible as they are paid, what is bought as it is written down."""
    kept = {name: usd for name, usd in {**running, **capital}.items() if usd.any()}
    return Served(mtok, kept, {**running, **written})


def _once_and_other(part: Part, terms: Terms) -> dict[str, Array]:
    here = present(part, terms.months)
    other = (
        part.other_usd_per_month
        * here
        * growth_factors(terms.months, terms.inflation_frac_per_year)
    )
    setup = np.zeros(terms.months + 1)
    if part.first <= terms.months:
        setup[part.first] = part.setup_usd
    return {"setup": setup, "other": other}


def _machine_usd(part: Rack, mtok: Array, terms: Terms, prices: Prices | None) -> dict[str, Array]:
    here, found = present(part, terms.months), part.capacity
    if part.kind == "rent":
        assert part.rent is not None
        return {"rent": here * price_of(part.rent, terms.months, prices, part.rent_binds)}
    kw = here * found.idle_kw + (found.busy_kw - found.idle_kw) * mtok / found.full_output_mtok
    rises = growth_factors(terms.months, terms.inflation_frac_per_year)
    peak_kw = found.peak_kw * here
    power = kw * terms.power.pue * HOURS_PER_MONTH * per_kwh(terms.power, terms.months, prices)
    t = np.arange(terms.months + 1)
    leased = ((t > part.first) & (t <= part.first + part.lease_months)).astype(float)
    paid = part.purchase.usd if part.purchase is not None else 0.0
    return {
        "power": power + terms.power.demand_usd_per_kw_month * terms.power.pue * peak_kw * rises,
        "space": terms.colo_usd_per_kw_month * peak_kw * rises,
        "upkeep": part.upkeep_frac_per_year / 12 * paid * here * rises,
        "lease": part.lease_usd_per_month * leased,
    }


def _deposit(part: Rack, terms: Terms) -> dict[str, Array]:
    flow = np.zeros(terms.months + 1)
    if part.deposit_usd and part.first < terms.months:
        flow[part.first] += part.deposit_usd
        flow[min(part.first + part.lease_months, terms.months)] -= part.deposit_usd
    return {"deposit": flow}


def _bought(
    bought: Purchase, terms: Terms, prices: Prices | None
) -> tuple[dict[str, Array], dict[str, Array]]:
    """What is paid and what the sale brings; and what is written down, gains on the sale taxed with it."""
    months = terms.months
    paid, sale = np.zeros(months + 1), np.zeros(months + 1)
    if bought.month >= months:
        return {}, {}
    sold = min(bought.sold_month, months)
    paid[bought.month] = bought.usd
    worth = economic_value(bought.usd, months, bought.kept_frac_per_year, bought.curve)
    sale[sold] = worth[sold - bought.month] * (1 - terms.selling_cost_frac)
    lost = np.zeros(months + 1)
    by_age = schedule_usd(
        terms.depreciation, bought.usd, bought.life_months, months, 0.0, terms.bonus_frac
    )
    lost[bought.month : sold + 1] = by_age[: sold + 1 - bought.month]
    lost[sold] += bought.usd - lost.sum()
    brought = sale if prices is None or "resale" not in prices else sale * prices["resale"]
    return {"machines": paid, "resale": -brought}, {"machines": lost, "resale": -brought}
