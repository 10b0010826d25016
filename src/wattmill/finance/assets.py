"""What a project consists of: machines that earn and wear, prices, contracts, running costs.

Plain numbers; USD, kW, months. Month 0 is today, and a flow of month t comes at its end: something bought in month 0
works from month 1 on.
"""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct, field

from wattmill.core.errors import PlanError
from wattmill.finance.depreciation import Method

HOURS_PER_MONTH = 730.0


class Price(Struct, frozen=True):
    """USD for one of something today, and how that moves.

    Without random prices, or without `path`: usd · (1 + growth)^(t/12); growth is -0.27 for a fall of 27 % a year.
    With a `path` among the random prices: usd · path_t / path_0, which replaces the growth.
    """

    usd: float
    growth_frac_per_year: float = 0.0
    path: str | None = None


class Load(Struct, frozen=True):
    """Share of the capacity of machines that is sold, month by month.

    frac · ramp · growth · (price today / price then)^elasticity, and never above `most_frac`: what is asked beyond
    that is not served. The ramp is a straight line from `start_frac` (of the full load) over `ramp_months`.
    """

    frac: float = 1.0
    ramp_months: int = 0
    start_frac: float = 0.0
    growth_frac_per_year: float = 0.0
    elasticity: float = 0.0
    price: Price | None = None
    most_frac: float = 1.0


class Contract(Struct, frozen=True):
    """A share of the capacity that is sold ahead, from the machines' first month for `months` (None: to the end).

    Its price is `price_frac` of today's, with its own growth, and follows no random path. take_or_pay: it is paid, and
    draws power, whether asked for or not; otherwise it is paid for the load that there is.
    """

    frac: float
    months: int | None = None
    price_frac: float = 1.0
    growth_frac_per_year: float = 0.0
    take_or_pay: bool = True


class Sale(Struct, frozen=True):
    """What one unit sells in a month at full load: hours, or Mtok of one kind of token, at a price for each."""

    name: str
    per_unit_month: float
    price: Price


class Asset(Struct, frozen=True, kw_only=True):
    """Machines of one kind that are bought together.

    also_paid_usd: for all units together, by part (network, installation, building): written down with the machines,
    but nobody buys it used. starts_month: from its end they earn, draw power and are written down; until then they
    are dark (None: the month of purchase). sold_month: None for the end of the study.
    resale_frac_per_year: 0.7 if each year leaves 70 % of the market value; or resale_curve: share of the price that
    is left after 1, 2, 3… years. resale_path: a random factor on it, relative to the month of purchase.
    busy_kw, idle_kw and peak_kw (the most that they may draw; None: busy) at the machine, without cooling.
    """

    name: str
    paid_usd_per_unit: float
    units: float = 1.0
    also_paid_usd: Mapping[str, float] = field(default_factory=dict)
    bought_month: int = 0
    starts_month: int | None = None
    sold_month: int | None = None
    life_months: int = 36
    book_resale_usd_per_unit: float = 0.0
    depreciation: Method = "straight"
    tax_depreciation: Method | None = None
    tax_bonus_frac: float = 0.0
    resale_frac_per_year: float | None = None
    resale_curve: tuple[float, ...] | None = None
    resale_path: str | None = None
    selling_cost_frac: float = 0.0
    busy_kw_per_unit: float = 0.0
    idle_kw_per_unit: float = 0.0
    peak_kw_per_unit: float | None = None
    sales: tuple[Sale, ...] = ()
    load: Load = Load()
    contract: Contract | None = None

    @property
    def paid_usd(self) -> float:
        """For all units, with what was paid along with them."""
        return self.units * self.paid_usd_per_unit + sum(self.also_paid_usd.values())

    @property
    def first_month(self) -> int:
        """The month at whose end they start."""
        return self.bought_month if self.starts_month is None else self.starts_month

    def last_month(self, months: int, sells_at_end: bool) -> int:
        """The month at whose end they are sold; beyond the study if they are kept."""
        if self.sold_month is not None:
            return self.sold_month
        return months if sells_at_end else months + 1


class Cost(Struct, frozen=True):
    """A running cost: so much a month, of the price of what is owned (dark machines too), and of revenue; they add up.

    growth: of all but the share of revenue. Months are counted in the study, both included.
    """

    name: str
    usd_per_month: float = 0.0
    paid_frac_per_year: float = 0.0
    revenue_frac: float = 0.0
    growth_frac_per_year: float = 0.0
    path: str | None = None
    first_month: int = 1
    last_month: int | None = None
    with_vat: bool = True


class Power(Struct, frozen=True):
    """Electricity by the kWh at the meter; a share of it may be locked at another price for some months (PPA).

    demand_usd_per_kw_month is paid on committed kW; it grows as the price of a kWh does without random prices.
    """

    price: Price
    pue: float = 1.0
    locked: Price | None = None
    locked_frac: float = 0.0
    locked_months: int | None = None
    demand_usd_per_kw_month: float = 0.0


class Vat(Struct, frozen=True):
    """VAT on what is sold and bought, and months until it is settled with the tax office."""

    sales_frac: float
    purchases_frac: float
    lag_months: int = 1


def check(asset: Asset, months: int) -> None:
    """PlanError, naming the asset, if its months or sums cannot be."""
    a = asset
    last = a.last_month(months, sells_at_end=True)
    sound = {
        "0 <= bought_month <= starts_month": 0 <= a.bought_month <= a.first_month,
        "bought_month < sold_month <= months": a.bought_month < last <= months,
        "units >= 0": a.units >= 0,
        "paid_usd_per_unit >= 0": 0 <= a.paid_usd_per_unit < float("inf"),
        "0 <= idle_kw <= busy_kw": 0 <= a.idle_kw_per_unit <= a.busy_kw_per_unit,
        "0 <= load.frac <= load.most_frac <= 1": 0 <= a.load.frac <= a.load.most_frac <= 1,
        "0 <= contract.frac <= 1": a.contract is None or 0 <= a.contract.frac <= 1,
        "0 <= selling_cost_frac <= 1": 0 <= a.selling_cost_frac <= 1,
    }
    for rule, holds in sound.items():
        if not holds:
            raise PlanError(f"the asset {a.name!r} breaks {rule}", hint=f"see its fields: {rule}")
    if (a.resale_frac_per_year is None) == (a.resale_curve is None):
        raise PlanError(
            f"what is {a.name!r} worth when used?",
            hint="give resale_frac_per_year (0 for nothing) or resale_curve, one of them",
        )
