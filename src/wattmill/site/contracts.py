"""Electricity contracts over years: tariff, PPA and spot, month by month.

Months are 730 hours. Prices escalate once a year, on the anniversary of the contract: month t (from
0) is of year t // 12, at price · (1 + escalation)^year. Every bill is due at the end of its month.
Arrays have months on the last axis; leading axes are paths.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import msgspec
import numpy as np
from numpy.typing import ArrayLike, NDArray

from wattmill.catalog.units import HOURS_PER_MONTH
from wattmill.catalog.units import MONTHS_PER_YEAR as MONTHS
from wattmill.core.errors import PlanError
from wattmill.site.checks import at_least_0, share
from wattmill.site.time_of_use import Band as Band
from wattmill.site.time_of_use import tou_usd_per_kwh as tou_usd_per_kwh

Array = NDArray[np.float64]
Kind = Literal["tariff", "ppa", "spot"]
LOWEST, HIGHEST = -0.5, 1.0
"""Escalations per year that are looked at for a break-even."""


class Contract(msgspec.Struct, frozen=True):
    """What power costs at the meter.

    usd_per_kwh: in the first year, all volumetric charges in it. months: how long the price holds;
    None is for ever. then: what follows; its own first year is the month after. demand_usd_per_kw_month:
    for the highest kW billed. ratchet_frac: share of the highest kW of the last 12 months that is
    billed at the least. take_frac: share of contract_kw that is paid for, taken or not.
    """

    kind: Kind
    usd_per_kwh: float
    escalation_frac_per_year: float = 0.0
    months: int | None = None
    demand_usd_per_kw_month: float = 0.0
    ratchet_frac: float = 0.0
    fixed_usd_per_month: float = 0.0
    contract_kw: float | None = None
    take_frac: float = 0.0
    then: Contract | None = None


class Bill(msgspec.Struct, frozen=True):
    """USD of each month, by what it is for."""

    energy_usd: Array
    demand_usd: Array
    fixed_usd: Array

    @property
    def total_usd(self) -> Array:
        """Sum of the parts."""
        return self.energy_usd + self.demand_usd + self.fixed_usd


def prices_usd_per_kwh(contract: Contract, months: int) -> Array:
    """The price of a kWh in each month, shape (months,)."""
    _checked(contract)
    held = months if contract.months is None else min(months, contract.months)
    years = np.arange(held) // MONTHS
    own = contract.usd_per_kwh * (1 + contract.escalation_frac_per_year) ** years
    if held == months:
        return np.asarray(own, dtype=float)
    if contract.then is None:
        raise PlanError(
            f"the contract ends after {held} of {months} months",
            hint="say what follows with `then`",
        )
    return np.concatenate((own, prices_usd_per_kwh(contract.then, months - held)))


def bill(
    contract: Contract,
    months: int,
    mean_kw: ArrayLike,
    peak_kw: ArrayLike | None = None,
    spot_usd_per_kwh: ArrayLike | None = None,
) -> Bill:
    """The bill of each month for a load at the meter.

    mean_kw, peak_kw: shapes that broadcast to (..., months); a peak of None is the mean.
    spot_usd_per_kwh: paths of prices (..., months) in place of the contract's own, for kind `spot`.
    """
    load = np.broadcast_to(np.asarray(mean_kw, float), _shape(mean_kw, months))
    peak = load if peak_kw is None else np.asarray(peak_kw, float) + np.zeros(months)
    if not (np.all(load >= 0) and np.all(peak >= load - 1e-9)):
        raise PlanError(
            "a load cannot be", hint="mean_kw is 0 or more, and peak_kw is not below it"
        )
    price = prices_usd_per_kwh(contract, months)
    if spot_usd_per_kwh is not None:
        price = _spot(contract, np.asarray(spot_usd_per_kwh, float), price)
    parts = [_part(each, start, end, load, peak) for each, start, end in _terms(contract, months)]
    kwh, demand, fixed = (np.concatenate(part, axis=-1) for part in zip(*parts, strict=True))
    return Bill(price * kwh, demand, fixed)


def _shape(load: ArrayLike, months: int) -> tuple[int, ...]:
    return np.broadcast_shapes(np.shape(load), (months,))


def _spot(contract: Contract, paths: Array, own: Array) -> Array:
    """Path prices in the months that are spot, the contract's own in the others."""
    months = own.shape[-1]
    is_spot = np.zeros(months, dtype=bool)
    for each, start, end in _terms(contract, months):
        is_spot[start:end] = each.kind == "spot"
    return np.where(is_spot, paths, own)


def _terms(contract: Contract, months: int) -> list[tuple[Contract, int, int]]:
    """The contracts that follow one another, each with its months from and to."""
    found: list[tuple[Contract, int, int]] = []
    start, now = 0, contract
    while start < months:
        end = months if now.months is None else min(months, start + now.months)
        found.append((now, start, end))
        if end == months or now.then is None:
            break
        start, now = end, now.then
    return found


def _part(
    contract: Contract, start: int, end: int, load: Array, peak: Array
) -> tuple[Array, Array, Array]:
    """kWh billed, demand and fixed charges of the months of one contract."""
    kwh = load[..., start:end] * HOURS_PER_MONTH
    if contract.take_frac:
        least = contract.take_frac * (contract.contract_kw or 0.0) * HOURS_PER_MONTH
        kwh = np.maximum(kwh, least)
    billed = billed_kw(peak[..., :end], contract.ratchet_frac)[..., start:end]
    fixed = np.full(end - start, contract.fixed_usd_per_month) + 0 * kwh
    return kwh, contract.demand_usd_per_kw_month * billed + 0 * kwh, fixed


def billed_kw(peak_kw: Array, ratchet_frac: float) -> Array:
    """kW that demand is billed for: the month's peak, or a share of the highest of the 12 months
    before, whichever is more. Shape (..., months)."""
    if not 0 <= ratchet_frac <= 1:
        raise PlanError(f"a ratchet of {ratchet_frac:g} cannot be", hint="give 0 to 1")
    billed = np.array(peak_kw, dtype=float)
    for month in range(1, billed.shape[-1]) if ratchet_frac else ():
        before = np.asarray(peak_kw)[..., max(0, month - MONTHS) : month].max(axis=-1)
        billed[..., month] = np.maximum(billed[..., month], ratchet_frac * before)
    return billed


def present_value_usd(monthly_usd: ArrayLike, discount_frac_per_year: float) -> Array:
    """Σ usd_t / (1 + r)^((t + 1) / 12), bills at the end of their months; the last axis goes."""
    if not discount_frac_per_year > -1:
        raise PlanError(
            f"a rate of {discount_frac_per_year:g} is not above -1", hint="0.12 is 12 %"
        )
    flows = np.asarray(monthly_usd, float)
    ends = np.arange(1, flows.shape[-1] + 1) / MONTHS
    return np.asarray((flows * (1 + discount_frac_per_year) ** -ends).sum(axis=-1))


def break_even_escalation(
    locked: Contract, open_: Contract, months: int, mean_kw: float, discount_frac_per_year: float
) -> float | None:
    """Escalation per year of `open_` at which both contracts have one present value.

    Above it, locking is cheaper. None: there is none between -50 % and 100 % a year.
    """

    def gap_usd(escalation: float) -> float:
        moved = msgspec.structs.replace(open_, escalation_frac_per_year=escalation)
        worth = [
            present_value_usd(bill(each, months, mean_kw).total_usd, discount_frac_per_year)
            for each in (moved, locked)
        ]
        return float(worth[0] - worth[1])

    return _root(gap_usd, LOWEST, HIGHEST)


def _root(rising: Callable[[float], float], low: float, high: float) -> float | None:
    """Where a rising function is zero; None outside."""
    if rising(low) > 0 or rising(high) < 0:
        return None
    for _ in range(100):
        middle = (low + high) / 2
        low, high = (middle, high) if rising(middle) < 0 else (low, middle)
    return (low + high) / 2


def _checked(contract: Contract) -> None:
    for name in ("usd_per_kwh", "demand_usd_per_kw_month", "fixed_usd_per_month"):
        at_least_0(name, getattr(contract, name))
    share("take_frac", contract.take_frac)
    at_least_0("contract_kw", contract.contract_kw or 0.0)
    if not -1 < contract.escalation_frac_per_year < float("inf"):
        raise PlanError("an escalation is above -1", hint="0.03 is 3 % a year")
    if contract.months is not None and contract.months < 1:
        raise PlanError(f"a contract of {contract.months} months cannot be", hint="give 1 or more")
    if contract.take_frac and contract.contract_kw is None:
        raise PlanError("take_frac needs contract_kw", hint="say how many kW the contract is for")
