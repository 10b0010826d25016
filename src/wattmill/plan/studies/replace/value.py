"""Beside the decision: books, market and lenders by month, switching off, and new machines that stay dark."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from wattmill.catalog.factory import Factory, Pool
from wattmill.finance.break_even import crossover
from wattmill.finance.debt import schedule
from wattmill.finance.delay import DarkFleet, delay_cost
from wattmill.finance.depreciation import straight_line
from wattmill.finance.slot import Machine, Slot, Use
from wattmill.plan.studies.purchases import loan_terms
from wattmill.plan.studies.replace.report import Dark, SwitchOff, Worth
from wattmill.plan.studies.sourced import Sources
from wattmill.plan.studies.timeline import Timeline

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float64]

LOOK_AHEAD_MONTHS = 240
DELAYS_MONTHS = (1.0, 3.0, 6.0, 12.0)


def named(slot: Slot, name: str) -> Machine:
    """A machine of the slot."""
    return next(machine for machine in slot.machines if machine.name == name)


# --- books, market, lenders -----------------------------------------------------------------------


def book_usd(pool: Pool, paid_usd: float, age: int, months: int) -> Array:
    """In the books at the end of month 0 to `months`, in a straight line over the pool's life."""
    lost = straight_line(paid_usd, pool.life_months, age + months, min(pool.resale_usd, paid_usd))
    return np.asarray(paid_usd - np.cumsum(lost)[age:])


def market_usd(slot: Slot) -> Array:
    """What the incumbent sells for at the end of each month, costs of selling taken off, at the median rent."""
    old = named(slot, slot.incumbent or "")
    steps = np.arange(slot.months + 1) / 12
    each = old.usd * old.resale_frac * (1 + old.usd_frac_per_year) ** steps
    return np.asarray(slot.count(old) * each)


def owed_usd(
    factory: Factory, paid_usd: float, line: Timeline, sources: Sources, notes: list[str]
) -> Array:
    """What is owed on everything that the file bought for paid_usd, month 0 to the end."""
    owed = np.zeros(line.months + 1)
    days = [pool.bought for pool in factory.pools if pool.bought is not None]
    first = Timeline(min(days, default=line.start), line.months)
    for loan in factory.loans:
        if loan.kind == "sculpted" or (loan.usd is None and loan.share_frac is None):
            notes.append(f"{loan.name}: not counted here; what is owed on it hangs on cash flows")
            continue
        terms = loan_terms(loan, paid_usd, first, sources)
        balance = schedule(terms).balance_usd
        ages = first.month(line.start) + np.arange(line.months + 1)
        inside = (ages >= 0) & (ages < len(balance))
        owed[inside] += balance[ages[inside]]
    return owed


def worths(slot: Slot, book: Array, owed: Array, into: str | None) -> tuple[Worth, ...]:
    """By month; `into` is the machine that would come into the slot then."""
    market = market_usd(slot)
    new = None if into is None else named(slot, into)
    return tuple(
        _worth(slot, month, float(book[month]), float(market[month]), float(owed[month]), new)
        for month in range(slot.months + 1)
    )


def _worth(
    slot: Slot, month: int, book: float, market: float, owed: float, new: Machine | None
) -> Worth:
    needed = 0.0 if new is None else slot.count(new) * (price_usd(new, month) + new.install_usd)
    left = market - owed
    return Worth(month, book, market, owed, left, needed, max(0.0, needed - left) if new else 0.0)


def price_usd(machine: Machine, month: int) -> float:
    """Of a new one in a month, at the median rent."""
    return machine.usd * float((1 + machine.usd_frac_per_year) ** (month / 12))


def beside_slots(factory: Factory, slots_kw: float, sources: Sources) -> tuple[str, ...]:
    """What the cap of the site leaves beside the slots, which are what the machines take today."""
    cap, pue = factory.site.power_cap_kw, factory.site.pue
    if cap is None:
        return ()
    left = sources.told("site.power_cap_kw", cap, "kW") / pue - slots_kw
    if left < 0:
        return (f"the machines take {-left:,.1f} kW more than the cap of the site bears",)
    return (
        f"the cap of the site leaves {left:,.1f} kW beside these slots; `wattmill site --mix` fills them",
    )


# --- switching off --------------------------------------------------------------------------------


def switch_off(use: Use, space_usd_per_month: float) -> SwitchOff:
    """When running costs eat the rent of one machine, at the median rent."""
    steps = np.arange(1, LOOK_AHEAD_MONTHS + 1) / 12
    rent = use.rent_usd_per_month * (1 + use.rent_frac_per_year) ** steps
    running = use.running_usd_per_month * (1 + use.running_frac_per_year) ** steps
    first, with_space = (
        crossover(rent, running + more).first_month for more in (0.0, space_usd_per_month)
    )
    return SwitchOff(_after(first), _after(with_space), LOOK_AHEAD_MONTHS)


def _after(index: int | None) -> int | None:
    """The month of an index that begins at month 1."""
    return None if index is None else index + 1


# --- dark machines --------------------------------------------------------------------------------


def dark(
    slot: Slot, into: str, month: int, space_usd_per_month: float,
    months: Sequence[float] = DELAYS_MONTHS,
) -> tuple[Dark, ...]:  # fmt: skip
    """New machines that are paid in `month` and then wait for so many months more than planned."""
    new = named(slot, into)
    value = slot.count(new) * price_usd(new, month)
    falls = (1 + new.usd_frac_per_year) * (1 + new.resale_frac_per_year) - 1
    fleet = DarkFleet(
        value_usd=value,
        value_frac_per_year=min(0.0, falls),
        financed_usd=value + slot.count(new) * new.install_usd,
        interest_frac_per_year=slot.discount_frac_per_year,
        standing_usd_per_month=space_usd_per_month,
        margin_usd_per_month=slot.count(new) * _flow(new.use, month + new.install_months),
        margin_frac_per_year=new.use.rent_frac_per_year,
    )
    cost = delay_cost(fleet, months)
    parts = (
        cost.interest_usd,
        cost.lost_value_usd,
        cost.standing_usd,
        cost.total_usd,
        cost.lost_margin_usd,
    )
    return tuple(Dark(late, *map(float, row)) for late, *row in zip(months, *parts, strict=True))


def _flow(use: Use, month: int) -> float:
    rent = use.rent_usd_per_month * (1 + use.rent_frac_per_year) ** (month / 12)
    return float(rent - use.running_usd_per_month * (1 + use.running_frac_per_year) ** (month / 12))
