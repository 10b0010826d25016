"""Is a change worth its effort: distil, fine-tune, cache, quantise, retrieve, a second node.

A change costs once and then every month, and saves every month; what it saves comes from `savings`. On an own machine
that has idle time it saves hardly anything, and then that is the answer.
"""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from wattmill.finance import annuity
from wattmill.finance.cashflow import monthly_rate
from wattmill.finance.checks import require
from wattmill.finance.savings import Freed, OwnWork, freed_usd

Verdict = Literal["pays", "too late", "never", "nothing is saved"]


class Effort(Struct, frozen=True):
    """What a change costs: once, and every month; it is of use for `life_months`.

    repeat_months: once_usd is due again after each so many months (retraining), as long as life goes on after that;
    all months share it evenly.
    """

    once_usd: float
    upkeep_usd_per_month: float = 0.0
    repeat_months: int | None = None
    life_months: int = 36
    discount_frac_per_year: float = 0.0

    @property
    def monthly_usd(self) -> float:
        """Upkeep and, where it is repeated, a month's share of doing it again."""
        return self.upkeep_usd_per_month + self.once_usd * self._repeats / self.life_months

    @property
    def _repeats(self) -> int:
        return 0 if self.repeat_months is None else (self.life_months - 1) // self.repeat_months


class Decision(Struct, frozen=True):
    """The answer. break_even_months: None is never; npv over the life; by whom or what it is saved is in `because`.

    freed: on own machines, what becomes of the room that is made.
    """

    name: str
    saved_usd_per_month: float
    upkeep_usd_per_month: float
    net_usd_per_month: float
    once_usd: float
    break_even_months: float | None
    npv_usd: float
    verdict: Verdict
    because: str
    freed: Freed | None = None


def decide(name: str, effort: Effort, saved_usd_per_month: float) -> Decision:
    """once / (saved - upkeep) months to break even; never if upkeep eats what is saved.

    Doing it once and keeping it up are apart: adding them up before dividing would mix USD with USD per month.
    """
    return _decided(name, effort, saved_usd_per_month, None)


def decide_on_own(name: str, effort: Effort, work: OwnWork, freed_frac: float) -> Decision:
    """The same, for a change that frees a share of own machines' capacity."""
    freed = freed_usd(work, freed_frac)
    return _decided(name, effort, freed.usd, freed)


def worth_it_usd_per_month(effort: Effort) -> float:
    """What a change must save a month to have paid at the end of its life, without discount."""
    return effort.once_usd / effort.life_months + effort.monthly_usd


def _decided(name: str, effort: Effort, saved: float, freed: Freed | None) -> Decision:
    _checked(effort)
    net = saved - effort.monthly_usd
    months = effort.once_usd / net if net > 0 else None
    verdict = _verdict(effort, saved, months, freed)
    return Decision(
        name, saved, effort.monthly_usd, net, effort.once_usd, months,
        net * _worth_of_1_a_month(effort) - effort.once_usd,
        verdict, _because(verdict, effort, saved, months, freed), freed,
    )  # fmt: skip


def _verdict(effort: Effort, saved: float, months: float | None, freed: Freed | None) -> Verdict:
    if months is not None and months <= effort.life_months:
        return "pays"
    idle = freed is not None and freed.sold_usd == 0 and freed.machines_less <= 0
    if saved <= 0 or idle:
        return "nothing is saved"
    return "never" if months is None else "too late"


def _because(
    verdict: Verdict, effort: Effort, saved: float, months: float | None, freed: Freed | None
) -> str:
    if verdict == "nothing is saved":
        return _idle(freed)
    if verdict == "never":
        return f"keeping it up costs {effort.monthly_usd:,.0f} USD a month and saves {saved:,.0f}"
    time = f"{months:,.1f} months to break even, {effort.life_months} of use"
    return time + _parts(freed)


def _idle(freed: Freed | None) -> str:
    if freed is None:
        return "it saves nothing"
    return (
        "nothing is saved while the machine is idle: nobody waits for the freed "
        f"{freed.idle_frac:.0%} of capacity and no whole machine can go, "
        f"so only {freed.energy_usd:,.0f} USD of electricity a month are left"
    )


def _parts(freed: Freed | None) -> str:
    if freed is None:
        return ""
    return (
        f"; of what is saved a month, {freed.energy_usd:,.0f} USD are electricity, {freed.sold_usd:,.0f} "
        f"work that was waiting, {freed.machines_usd:,.0f} machines that can go"
    )


def _worth_of_1_a_month(effort: Effort) -> float:
    """Present value of a USD a month over the life, at the ends of months."""
    rate = monthly_rate(effort.discount_frac_per_year)
    return float(annuity.pv(rate, effort.life_months, -1.0))


def _checked(effort: Effort) -> None:
    require(
        effort.once_usd >= 0 and effort.upkeep_usd_per_month >= 0 and effort.life_months >= 1,
        f"an effort of {effort} cannot be",
        "give USD of 0 or more, and a life of a month or more",
    )
    again = effort.repeat_months
    require(again is None or again >= 1, f"again every {again} months", "give a month or more")
