"""Why a change is worth its effort, or not, in plain words."""

from __future__ import annotations

from wattmill.plan.studies.decide.flow import once_usd, upkeep_usd_per_month
from wattmill.plan.studies.decide.report import Saved, Verdict
from wattmill.plan.studies.decide.work import Work
from wattmill.plan.studies.words import percent


def because(made: Work, first: Saved, verdict: Verdict, paid_back: float | None) -> str:
    """One sentence or two, about the first month in which it works."""
    if verdict == "nothing is saved":
        return _nothing(made, first)
    upkeep = upkeep_usd_per_month(made)
    if verdict == "never":
        if made.change.kind == "second-node":
            return (
                f"what {made.pool.name} cannot serve is worth {first.waiting_usd:,.0f} a month, and the new machines"
                f" draw {-first.power_usd:,.0f} of power and space"
            )
        return f"it saves {first.usd:,.0f} a month, and keeping it up costs {upkeep:,.0f}{_parts(made, first)}"
    if verdict == "too late":
        return (
            f"{first.usd - upkeep:,.0f} a month do not bring back {once_usd(made):,.0f} within"
            f" {made.terms.months} months{_parts(made, first)}"
        )
    if not paid_back:
        return f"it costs nothing that it does not save at once{_parts(made, first)}"
    return (
        f"it has paid back after {paid_back:.1f} months, all upkeep included{_parts(made, first)}"
    )


def _nothing(made: Work, first: Saved) -> str:
    if made.before is None:
        return "the bill does not get smaller"
    if made.change.kind == "second-node":
        return (
            f"{made.pool.name} serves all that is asked for, and the new machines would cost"
            f" {-first.power_usd:,.0f} a month to stand there"
        )
    if first.idle_frac <= 0:
        return (
            f"requests take {percent(made.factor - 1)} more work than before, {round(-first.usd):,} a month"
            if first.usd < 0
            else "the work is the same as before"
        )
    return (
        "nothing is saved while the machine is idle: nobody waits for the"
        f" {percent(first.idle_frac)} of {made.pool.name} that would be free and no whole machine can go, so"
        f" {first.power_usd:,.0f} a month of electricity is all there is"
    )


def _parts(made: Work, first: Saved) -> str:
    """What the savings of a month consist of."""
    named = {
        "electricity": first.power_usd,
        "work that waits or spills today": first.waiting_usd,
        "machines that can go": first.machines_usd,
        "the bill of the API": first.api_usd,
    }
    parts = [f"{name} {usd:,.0f}" for name, usd in named.items() if round(usd)]
    return f" ({', '.join(parts)} a month)" if parts else ""
