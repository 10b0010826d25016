"""What serves a demand: machines that are bought, rented or leased, and APIs; and which of them serves how much.

Arrays are (months + 1,); month 0 is today. A part of month `first` serves from the month after it to `last`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import numpy as np

from wattmill.finance.assets import Power, Price
from wattmill.finance.demand import growth_factors, served_at_peaks
from wattmill.finance.depreciation import Method
from wattmill.plan.studies.buy.capacity import Capacity
from wattmill.plan.studies.demand import Asked

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float64]


class Purchase(msgspec.Struct, frozen=True):
    """Something bought at the end of a month, worth less from then on, sold at the end of another.

    Value: `kept_frac_per_year` of it each year, or `curve`, shares of the price after 1, 2, 3… years.
    """

    month: int
    usd: float
    life_months: int
    sold_month: int
    kept_frac_per_year: float | None = None
    curve: tuple[float, ...] | None = None


class Rack(msgspec.Struct, frozen=True, kw_only=True):
    """Machines: those of the factory (`own`), or of an offer to buy, rent or lease.

    rent: for all of them a month, at today's price until `rent_binds` months are over, then at the
    market's. lease: payments from the first month on. `deposit_usd` comes back. upkeep: share of
    their price a year. `billed_frac`: of the hours in which they are there, the busiest ones.
    """

    name: str
    kind: str
    capacity: Capacity
    first: int
    last: int
    purchase: Purchase | None = None
    setup_usd: float = 0.0
    other_usd_per_month: float = 0.0
    rent: Price | None = None
    rent_binds: int = 0
    billed_frac: float = 1.0
    lease_usd_per_month: float = 0.0
    lease_months: int = 0
    deposit_usd: float = 0.0
    upkeep_frac_per_year: float = 0.0


class Api(msgspec.Struct, frozen=True, kw_only=True):
    """USD per Mtok of uncached input, cached input and output; at today's price for `binds` months."""

    name: str
    provider: str
    as_of: str | None
    basis: str
    prices: dict[str, Price]
    binds: int = 0
    first: int = 0
    last: int = 10**6
    setup_usd: float = 0.0
    other_usd_per_month: float = 0.0


Part = Rack | Api


class Terms(msgspec.Struct, frozen=True):
    """What holds for every option: how long, at which rate, what power and space cost, and taxes.

    Tax is saved at once, by a firm that earns enough elsewhere.
    """

    months: int
    discount_frac_per_year: float
    inflation_frac_per_year: float
    power: Power
    colo_usd_per_kw_month: float
    selling_cost_frac: float = 0.0
    tax_frac: float = 0.0
    depreciation: Method = "straight"
    bonus_frac: float = 0.0


# --- who serves what ------------------------------------------------------------------------------


def present(part: Part, months: int) -> Array:
    """1.0 in the months in which it serves."""
    t = np.arange(months + 1)
    return ((t > part.first) & (t <= part.last)).astype(float)


def busy_served(asked: Array, limit: Array, peak_to_mean: float, hours_frac: float) -> Array:
    """What `limit` serves within the busiest share of the hours; see `finance.demand.served_at_peaks`."""
    everything: Array = served_at_peaks(asked, limit, peak_to_mean)
    quiet = 1 - hours_frac
    if quiet == 0:
        return everything
    if peak_to_mean - 1 < 1e-9:
        return everything * hours_frac
    peak = np.where(asked > 0, asked * peak_to_mean, 1.0)
    below = np.minimum(np.minimum(limit / peak, 1.0) ** (1 / (peak_to_mean - 1)), quiet)
    lost = peak * below**peak_to_mean / peak_to_mean + limit * (quiet - below)
    return everything - lost


def shares_out(parts: tuple[Part, ...], asked: Asked, months: int) -> list[Array]:
    """Mtok of output that each part serves, the first one first; what is left is above all capacity."""
    wanted = asked.output_mtok * growth_factors(months, asked.growth_frac_per_year)
    wanted[0] = 0.0
    limit, left = np.zeros(months + 1), wanted
    made = []
    for part in parts:
        here = present(part, months)
        if isinstance(part, Api):
            mtok = left * here
        else:
            hours, p = part.billed_frac, asked.peak_to_mean
            more = limit + part.capacity.output_mtok * here
            mtok = busy_served(wanted, more, p, hours) - busy_served(wanted, limit, p, hours)
            mtok, limit = np.clip(mtok, 0.0, left), more
        made.append(mtok)
        left = left - mtok
    return [*made, left]
