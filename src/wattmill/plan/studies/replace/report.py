"""What `wattmill replace` answers, as frozen records.

Amounts are in the currency of the factory file, for all machines of a pool, before tax; month 0 is today.
"""

from __future__ import annotations

from datetime import date

import msgspec

from wattmill.finance.replacement import Replacement
from wattmill.plan.studies.replace.machines import Unit
from wattmill.plan.studies.sourced import Sourced


class Worth(msgspec.Struct, frozen=True):
    """A pool in one month: what the books say, what it sells for after costs of selling, what is owed on it.

    left_usd: of a sale after the loan is repaid; below 0 the loan is under water. needed_usd: for what comes
    into the slot, installed (0 where nothing does); to_pay_usd: of it, what a sale does not bring.
    """

    month: int
    book_usd: float
    market_usd: float
    owed_usd: float
    left_usd: float
    needed_usd: float
    to_pay_usd: float


class SwitchOff(msgspec.Struct, frozen=True):
    """First months in which a machine earns less than it costs to run; None is not within the look-ahead.

    with_space_month: the same if the kW that it takes are given back and no longer paid for.
    """

    month: int | None
    with_space_month: int | None
    looked_ahead_months: int


class Dark(msgspec.Struct, frozen=True):
    """What new machines cost that stand dark for `months` more than planned; rents lost are beside it."""

    months: float
    interest_usd: float
    lost_value_usd: float
    space_usd: float
    total_usd: float
    rent_usd: float


class Moved(msgspec.Struct, frozen=True):
    """An input at both ends: what is done then, in which month (None: never), and what the slot is worth."""

    name: str
    low: str
    high: str
    month_at_low: int | None
    month_at_high: int | None
    action_at_low: str
    action_at_high: str
    usd_at_low: float
    usd_at_high: float

    @property
    def swing_usd(self) -> float:
        """How much of the value it moves."""
        return abs(self.usd_at_high - self.usd_at_low)


class PoolReplacement(msgspec.Struct, frozen=True):
    """One pool: what to do with its slot.

    action and month are of the first step at the median rent; None: keep to the end. The price is the rent of a card
    by the hour, or the level of token prices (1 today): price_today moves by price_drift_factor a year times a random
    level; price_by_month is its median, price_low and price_high are P5 and P95. without_new_usd: what the best policy
    is worth if no new machines could be had. swaps_from_factor: rents of new machines, over those assumed, from which
    one of them comes into the slot at the median rent (None: not within half and twice).
    """

    pool: str
    hardware: str
    machines: int
    age_months: int
    slot_kw: float
    space_usd_per_kw_month: float
    units: tuple[Unit, ...]
    best: Replacement
    without_new_usd: float
    swaps_from_factor: float | None
    do_today: str
    action: str | None
    month: int | None
    at_move: Worth
    worth: tuple[Worth, ...]
    switch_off: SwitchOff
    dark: tuple[Dark, ...]
    moved: tuple[Moved, ...]
    price_of: str
    price_today: float
    price_drift_factor: float
    price_by_month: tuple[float, ...]
    price_low: tuple[float, ...]
    price_high: tuple[float, ...]


class ReplaceReport(msgspec.Struct, frozen=True):
    """The whole study."""

    factory: str
    currency: str
    start: date
    months: int
    discount_frac_per_year: float
    is_random: bool
    pools: tuple[PoolReplacement, ...]
    inputs: tuple[Sourced, ...]
    notes: tuple[str, ...]
