"""What a change saves month by month, on what an own machine or an API really costs."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import msgspec
import numpy as np

from wattmill.catalog.units import HOURS_PER_MONTH
from wattmill.finance.demand import growth_factors, served_at_peaks
from wattmill.finance.depreciation import economic_value
from wattmill.finance.savings import OwnWork, freed_usd
from wattmill.plan.studies.buy.capacity import Capacity
from wattmill.plan.studies.buy.costs import per_kwh, price_of
from wattmill.plan.studies.buy.racks_and_apis import Terms
from wattmill.plan.studies.decide.report import Saved
from wattmill.plan.studies.decide.work import Work

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float64]


class Month:
    """Prices of one month: a Mtok of output with its prompts, a kWh, a kW of space."""

    def __init__(self, work: Work, t: int, usd_per_output_mtok: float, usd_per_kwh: float) -> None:
        self.work, self.t = work, t
        self.usd_per_output_mtok = usd_per_output_mtok
        self.usd_per_kwh = usd_per_kwh
        self.rises = (1 + work.terms.inflation_frac_per_year) ** (t / 12)

    def busy_usd(self, made: Capacity) -> float:
        """Electricity above idle of a month at full load."""
        kw = (made.busy_kw - made.idle_kw) * self.work.terms.power.pue
        return float(kw * HOURS_PER_MONTH * self.usd_per_kwh)

    def standing_usd(self, made: Capacity) -> float:
        """Idle electricity and space of a month."""
        terms = self.work.terms
        idle = made.idle_kw * terms.power.pue * HOURS_PER_MONTH * self.usd_per_kwh
        per_kw = terms.colo_usd_per_kw_month + terms.power.demand_usd_per_kw_month * terms.power.pue
        return float(idle + per_kw * made.peak_kw * self.rises)


def months_of(work: Work) -> list[Month]:
    """Months 1 to the end of the study."""
    terms: Terms = work.terms
    each = work.asked.by_meter
    usd = sum(
        (each[kind] * price_of(price, terms.months, None) for kind, price in work.prices.items()),
        np.zeros(terms.months + 1),
    )
    kwh = per_kwh(terms.power, terms.months, None)
    return [Month(work, t, float(usd[t]), float(kwh[t])) for t in range(1, terms.months + 1)]


def saved_by_month(work: Work, factor: float = 1.0) -> list[Saved]:
    """What each month saves once the change works, at `factor` times the demand."""
    rising = growth_factors(work.terms.months, work.asked.growth_frac_per_year)
    return [
        saved(work, month, work.asked.output_mtok * factor * float(rising[month.t]))
        for month in months_of(work)
    ]


def saved(work: Work, month: Month, asked_mtok: float) -> Saved:
    """Of one month: on an API its bill; on an own machine what becomes of the room that is made."""
    if work.before is None:
        return Saved(api_usd=asked_mtok * month.usd_per_output_mtok * (1 - work.factor))
    if work.change.kind == "second-node":
        return _second_node(work, month, asked_mtok)
    if work.node is None:
        return _freed(work, month, asked_mtok, work.before)
    moved = served_at_peaks(
        asked_mtok * (1 - work.factor), work.node.output_mtok, work.asked.peak_to_mean
    )
    left = msgspec.structs.replace(work, factor=1 - moved / asked_mtok)
    room = _freed(left, month, asked_mtok, work.before)
    load = moved / work.node.full_output_mtok
    runs = load * month.busy_usd(work.node) + month.standing_usd(work.node)
    return msgspec.structs.replace(room, power_usd=room.power_usd - runs)


def _freed(work: Work, month: Month, asked_mtok: float, made: Capacity) -> Saved:
    """Waiting work takes the freed room, at the speed that there is after the change."""
    peak, limit = work.asked.peak_to_mean, made.output_mtok
    more = limit / work.factor if work.factor > 0 else math.inf
    now = served_at_peaks(asked_mtok, limit, peak)
    then = served_at_peaks(asked_mtok, min(more, 1e12), peak)
    load = now / made.full_output_mtok
    later = made.full_output_mtok / work.factor if work.factor > 0 else math.inf
    freed = load * (1 - work.factor)
    own = OwnWork(
        load_frac=load,
        busy_usd_per_month=month.busy_usd(made),
        waiting_frac=min(max(freed, 0.0), max(then - now, 0.0) / later),
        earned_usd_per_month=month.usd_per_output_mtok * later if later < math.inf else 0.0,
        machines=made.copies,
        machine_usd_per_month=_copy_usd(work, month, made),
        peak_to_mean=peak / made.in_time_frac if made.in_time_frac else peak,
    )
    found = freed_usd(own, freed)
    lost = min(then - now, 0.0) * month.usd_per_output_mtok
    return Saved(
        found.energy_usd, found.sold_usd + lost, found.machines_usd, 0.0,
        found.machines_less, found.idle_frac,
    )  # fmt: skip


def _copy_usd(work: Work, month: Month, made: Capacity) -> float:
    """What ends when the machines of one copy of the model go: wear, idle power, space."""
    value = work.value_usd
    wear = value[month.t - 1] - value[month.t] if value else 0.0
    return (wear + month.standing_usd(made)) / made.copies


def _second_node(work: Work, month: Month, asked_mtok: float) -> Saved:
    """What it lets one serve, less the electricity of that and what it costs to stand there."""
    assert work.before is not None and work.node is not None
    peak, one, two = work.asked.peak_to_mean, work.before, work.node
    now = served_at_peaks(asked_mtok, one.output_mtok, peak)
    then = served_at_peaks(asked_mtok, one.output_mtok + two.output_mtok, peak)
    more = then - now
    busy = more / two.full_output_mtok * month.busy_usd(two)
    idle = 1 - more / two.full_output_mtok
    return Saved(
        power_usd=-(busy + month.standing_usd(two)),
        waiting_usd=more * month.usd_per_output_mtok,
        idle_frac=idle,
    )


def flow(work: Work, saved: list[Saved]) -> Array:
    """Paid once, again, and to keep; saved from the month after it works; a bought node is sold at the end."""
    change, months = work.change, work.terms.months
    usd = np.zeros(months + 1)
    once = once_usd(work)
    usd[0] = -once
    for t in range(change.months + 1, months + 1):
        usd[t] += saved[t - 1].usd - keep_usd_per_month(work)
    if change.repeat_months is not None:
        again = change.usd if change.repeat_usd is None else change.repeat_usd
        usd[change.months + change.repeat_months :: change.repeat_months] -= again
    if work.node is not None:
        worth = economic_value(work.node_usd, months, work.node_kept_frac_per_year, work.node_curve)
        usd[-1] += worth[-1] * (1 - work.terms.selling_cost_frac)
    return usd


def once_usd(work: Work) -> float:
    """What is paid at the start."""
    return max(work.change.usd, work.node_usd)


def upkeep_usd_per_month(work: Work) -> float:
    """To keep it, with a month's share of doing it again."""
    change = work.change
    if change.repeat_months is None:
        return keep_usd_per_month(work)
    again = change.usd if change.repeat_usd is None else change.repeat_usd
    return keep_usd_per_month(work) + again / change.repeat_months


def keep_usd_per_month(work: Work) -> float:
    """To keep it: what the change says, and upkeep of machines that are bought for it."""
    return work.change.usd_per_month + work.node_usd * work.node_upkeep_frac_per_year / 12
