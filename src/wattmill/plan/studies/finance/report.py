"""What `wattmill finance` answers, as frozen records.

Amounts are in the currency of the factory file, flows at the ends of months, rates by the year.
"""

from __future__ import annotations

from datetime import date

import msgspec

from wattmill.finance import covenants
from wattmill.finance.outcome import Outcome
from wattmill.finance.sensitivity import Bar, Index
from wattmill.plan.studies.lenders import Lender
from wattmill.plan.studies.sourced import Sourced
from wattmill.plan.studies.years import Year


class Returns(msgspec.Struct, frozen=True):
    """Of one party's flows. irr: None where there is none, or where there are several, all in `irr_all`.

    payback: months until what was paid has come back for good; discounted: with what it should earn.
    """

    npv_usd: float
    irr_frac_per_year: float | None
    irr_all_frac_per_year: tuple[float, ...]
    mirr_frac_per_year: float | None
    payback_months: float | None
    discounted_payback_months: float | None
    invested_usd: float


class Unit(msgspec.Struct, frozen=True):
    """What one sold unit costs and earns over the study, levelised: present values divided.

    name: `Mtok`, tokens of all kinds, or `GPU-hour`. by_part adds up to cost_usd; by_meter lays the
    same cost on kinds of token by the seconds of the pool that each takes.
    """

    name: str
    sold: float
    cost_usd: float
    price_usd: float
    by_part: dict[str, float]
    by_meter: dict[str, float]


class BreakEven(msgspec.Struct, frozen=True):
    """Where the project is worth nothing: None is never, within a hundredth to a hundred times.

    utilisation_frac: of full load, day and night (None as well where more than all would be needed).
    price_factor: of every price. switch_off_month: from which running costs eat what is earned.
    """

    utilisation_frac: float | None
    price_factor: float | None
    switch_off_month: int | None


class AtBook(msgspec.Struct, frozen=True):
    """The price of a unit in `month` from which machines are worth what the books say, and the expected one."""

    month: int
    needed_usd: float
    expected_usd: float | None


class FinanceReport(msgspec.Struct, frozen=True):
    """The whole study; `monthly` are lines of the statement, from month 0 on.

    knobs: the owner's NPV with one input turned; sobol: shares of its variance when all are, each as
    likely anywhere between its ends (empty if not asked for). dscr: None where it is not tested.
    """

    factory: str
    currency: str
    start: date
    months: int
    discount_frac_per_year: float
    project: Returns
    equity: Returns
    unit: Unit
    break_even: BreakEven
    years: tuple[Year, ...]
    lenders: tuple[Lender, ...]
    gap: covenants.DurationGap | None
    under_book_months: tuple[tuple[int, int], ...]
    at_book: AtBook
    monthly: dict[str, tuple[float, ...]]
    dscr: tuple[float | None, ...]
    ltv: tuple[float, ...]
    knobs: tuple[Bar, ...]
    sobol: tuple[Index, ...]
    risk: Outcome | None
    inputs: tuple[Sourced, ...]
    notes: tuple[str, ...]
