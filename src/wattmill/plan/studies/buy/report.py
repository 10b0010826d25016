"""What `wattmill buy` answers, as frozen records.

Amounts are in the currency of the factory file, flows at the ends of months, rates by the year; present values are
after tax. Every option serves the same tokens: what its own parts do not, the reference API does.
"""

from __future__ import annotations

from datetime import date

import msgspec

from wattmill.finance.outcome import Measure, Share
from wattmill.finance.sensitivity import Bar
from wattmill.plan.studies.demand import Asked
from wattmill.plan.studies.sourced import Sourced


class PartReport(msgspec.Struct, frozen=True):
    """A part of an option: its share of all tokens of the study, and what that costs.

    Machines: Mtok of output a month at full load, and as far as users wait no longer than they
    will; `load_frac`: the mean of what is used, of full load, while they are there. None for an API.
    """

    name: str
    kind: str
    served_frac: float
    cost_usd: float
    usd_per_mtok: float | None
    full_output_mtok: float | None
    in_time_output_mtok: float | None
    load_frac: float | None
    error_frac: float | None


class OptionReport(msgspec.Struct, frozen=True):
    """One option. cost: present value of what is to be paid; saved: against the baseline.

    usd_per_mtok: levelised over the study, before tax, of input, cached input and output. payback:
    months until it has cost less than the baseline for good; 0 if it never costs more, None never;
    payback_against: the same for each API that is offered.
    flow_usd: what is paid (below 0) and received, before tax; after_tax_flow_usd: with tax.
    """

    name: str
    kind: str
    cost_usd: float
    saved_usd: float
    first_usd: float
    usd_per_month: float
    usd_per_mtok: dict[str, float]
    payback_months: float | None
    discounted_payback_months: float | None
    break_even: str | None
    payback_against: dict[str, float | None]
    served_frac: float
    last_served_frac: float
    parts: tuple[PartReport, ...]
    by_line_usd: dict[str, float]
    flow_usd: tuple[float, ...]
    after_tax_flow_usd: tuple[float, ...]


class Turn(msgspec.Struct, frozen=True):
    """A load, in Mtok of output a month of today and as a multiple of the demand, at which the answer changes.

    reached: the month in which the demand has grown to that; None for never, or today.
    """

    output_mtok: float
    factor: float
    below: str
    above: str
    reached: str | None


class Curve(msgspec.Struct, frozen=True):
    """Present cost over present tokens of all kinds, by option, at loads in Mtok of output a month."""

    output_mtok: tuple[float, ...]
    usd_per_mtok: dict[str, tuple[float, ...]]


class Knob(msgspec.Struct, frozen=True):
    """One input at its ends: by how much the cheapest option beats the next, and which is the cheapest there."""

    bar: Bar
    unit: str
    cheapest_at_low: str
    cheapest_at_high: str


class Risk(msgspec.Struct, frozen=True):
    """Over random prices: each option's cost, what it saves against the baseline, and how often it is the cheapest."""

    count: int
    seed: int
    cost_usd: dict[str, Measure]
    saved_usd: dict[str, Measure]
    cheapest: dict[str, Share]


class BuyReport(msgspec.Struct, frozen=True):
    """The whole study; the first option is the baseline. `cheapest` and `next` are names of options."""

    factory: str
    currency: str
    start: date
    months: int
    discount_frac_per_year: float
    demand: Asked
    reference: str
    cheapest: str
    next: str
    verdict: tuple[str, ...]
    options: tuple[OptionReport, ...]
    turns: tuple[Turn, ...]
    curve: Curve
    knobs: tuple[Knob, ...]
    risk: Risk | None
    inputs: tuple[Sourced, ...]
    notes: tuple[str, ...]

    @property
    def by_name(self) -> dict[str, OptionReport]:
        """The options."""
        return {option.name: option for option in self.options}
