"""What a factory file says about money over time: how it is paid for, what it sells, what may change.

Everything here is a forecast, so numbers are floats, and money is in the site's currency. Rates are
by the year and as a share: 0.12 is 12 %. A field that is None leaves the choice to the study, which
says what it took. Nothing here is needed to serve or to bill.
"""

from __future__ import annotations

from datetime import date

import msgspec

DEPRECIATION = ("straight", "declining", "sum_of_years", "macrs3", "macrs5", "macrs7")
"""How the tax books write machines off."""

SELLS = ("tokens", "gpu_hours")
"""What earns the money: tokens by the million, or cards by the hour."""

LOAN_KINDS = ("level", "sculpted", "interest_only", "balloon", "bullet", "linear")
"""How a loan is repaid: in equal payments, by what can be paid, at the end, in part at the end, at
the end with its interest, or in equal repayments."""

CONTRACTS = ("tariff", "ppa", "spot")
"""How power is bought: at a utility's tariff, at a price agreed for years, at the market."""

SHAPES = ("pert", "triangular", "lognormal")
"""How a lead time is distributed between its low and its high."""

PROCESSES = ("rent", "token_price", "power", "resale")
"""The prices that may go their own way."""


class PowerContract(msgspec.Struct, frozen=True):
    """How power is bought. `usd_per_kwh` None is the site's `power_usd_per_kwh`.

    It is for `share_frac` of the energy up to `until`; the rest costs `then_usd_per_kwh` (None: the
    site's price). `peak_frac` is the share of the energy that costs `peak_usd_per_kwh`.
    `volatility_frac_per_year` is of a spot price.
    """

    kind: str = "tariff"
    usd_per_kwh: float | None = None
    escalation_frac_per_year: float = 0.0
    until: date | None = None
    then_usd_per_kwh: float | None = None
    share_frac: float = 1.0
    demand_usd_per_kw_month: float = 0.0
    peak_usd_per_kwh: float | None = None
    peak_frac: float = 0.0
    volatility_frac_per_year: float | None = None


class LeadTime(msgspec.Struct, frozen=True):
    """A step on the way to the first token: how many `months` (low, most likely, high), and after what.

    Of a lognormal one they are P10, P50, P90. `done_frac` is the chance that it ends at all.
    """

    name: str
    months: tuple[float, float, float]
    after: tuple[str, ...] = ()
    shape: str = "pert"
    done_frac: float = 1.0


class Process(msgspec.Struct, frozen=True):
    """How one price may move: back to an anchor that itself moves, with times of scarcity.

    `start` and `anchor` are in the unit of the price; for `resale` they are a factor on the
    expected value. None is what the study takes from the catalog's history, or its default.
    """

    start: float | None = None
    anchor: float | None = None
    anchor_frac_per_year: float | None = None
    half_life_months: float | None = None
    volatility_frac_per_year: float | None = None
    scarcity_factor: float | None = None
    scarcity_starts_per_year: float | None = None
    scarcity_months: float | None = None
    scarce_now: bool | None = None


class Finance(msgspec.Struct, frozen=True):
    """How the factory is judged: how long, at what rate, what it sells, and what else it costs.

    Month 0 is `starts`, or the day of the first purchase of the file, or today.
    `usd_per_hour` is what a card is let for, `usd_per_mtok` what a million tokens (prompt and answer
    together) are sold for. A `contracted_frac` of the capacity is sold ahead for
    `contract_months`, at today's price times `contract_price_frac`. `price_frac_per_year` is how the price moves
    otherwise; lower prices bring more sales by `elasticity`. Of their market value machines keep
    `resale_frac_per_year` each year, or `resale_curve` says what is left of the price after each.
    """

    starts: date | None = None
    horizon_months: int = 60
    discount_frac_per_year: float = 0.12
    inflation_frac_per_year: float = 0.0
    tax_frac: float = 0.0
    depreciation: str = "straight"
    bonus_frac: float = 0.0
    loss_offset_frac: float = 1.0
    interest_cap_frac: float | None = None
    resale_frac_per_year: float | None = None
    resale_curve: tuple[float, ...] | None = None
    selling_cost_frac: float = 0.0
    sells: str = "tokens"
    usd_per_hour: float | None = None
    usd_per_mtok: float | None = None
    utilisation_frac: float = 0.3
    ramp_months: int = 0
    contracted_frac: float = 0.0
    contract_months: int = 0
    contract_price_frac: float = 1.0
    take_or_pay: bool = True
    price_frac_per_year: float | None = None
    elasticity: float = 0.0
    staff_usd_per_month: float = 0.0
    maintenance_frac_per_year: float = 0.0
    insurance_frac_per_year: float = 0.0
    revenue_share_frac: float = 0.0
    other_usd_per_month: float = 0.0
    working_capital_days: float = 0.0
    vat_frac: float = 0.0
    vat_months: int = 1
    paths: int = 2560
    seed: int = 1
    rent: Process | None = None
    token_price: Process | None = None
    power: Process | None = None
    resale: Process | None = None
    correlation: dict[str, float] = msgspec.field(default_factory=dict)


class Capex(msgspec.Struct, frozen=True):
    """Something bought beside the machines: racks, switches, installation. `bought` None is today."""

    name: str
    usd: float
    bought: date | None = None
    life_months: int = 60
    resale_usd: float = 0.0


class Loan(msgspec.Struct, frozen=True):
    """A loan: of `usd`, of a share of what is bought, or (sculpted) of what a `dscr` allows.

    Its first payment is a month after `draw_months` months of equal draws, in which interest is
    added to it. The covenants are tested, and what breaks them is reported; nothing else happens.
    """

    name: str
    rate_frac_per_year: float
    months: int
    kind: str = "level"
    usd: float | None = None
    share_frac: float | None = None
    interest_only_months: int = 0
    balloon_usd: float | None = None
    balloon_frac: float | None = None
    dscr: float | None = None
    max_share_frac: float | None = None
    fee_frac: float = 0.0
    sweep_frac: float = 0.0
    starts: date | None = None
    draw_months: int = 0
    dsra_months: int = 0
    covenant_dscr: float | None = None
    covenant_ltv: float | None = None
    covenant_months: int = 12


class Lease(msgspec.Struct, frozen=True):
    """A pool that is leased and not bought: what is due each month, and at the end."""

    name: str
    pool: str
    usd_per_month: float
    months: int
    buyout_usd: float | None = None
    deposit_usd: float = 0.0
    escalation_frac_per_year: float = 0.0
