"""The answer of `wattmill buy` in plain words, from its figures."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from wattmill.plan.studies.buy.case import AS_IS
from wattmill.plan.studies.buy.report import BuyReport, Knob, OptionReport, Turn
from wattmill.plan.studies.words import digits, percent

IDLE = 0.1
"""Machines that are used less than this share of full load stand idle most of the time."""
SHOWN_TURNS = 6
MORE_AT_HOME = 0.01
"""The least share of tokens that machines must serve more, to be worth a word."""


def verdict(report: BuyReport) -> BuyReport:
    """The same report with its words."""
    return msgspec.structs.replace(report, verdict=tuple(_sentences(report)))


def _sentences(report: BuyReport) -> Iterator[str]:
    best, base = report.by_name[report.cheapest], report.options[0]
    yield _first(report, best, base)
    yield from _machines(report, best)
    yield from _in_house(report, best)
    yield _turns(report)
    yield _knobs(report.knobs, report)
    if report.risk is not None:
        chance = report.risk.cheapest[best.name]
        yield (
            f"Of {report.risk.count:,} futures of prices, {best.name} is the cheapest in"
            f" {percent(chance.frac)} (± {percent(chance.error)})."
        )


def _first(report: BuyReport, best: OptionReport, base: OptionReport) -> str:
    money = report.currency
    if len(report.options) == 1:
        return (
            f"There is only {best.name}: {best.cost_usd:,.0f} {money} over {report.months} months."
        )
    if best is base:
        other = report.by_name[report.next]
        more = other.cost_usd - best.cost_usd
        return (
            f"{_stay(best)}: {best.cost_usd:,.0f} {money} over {report.months} months, in today's"
            f" money; the next, {other.name}, costs {more:,.0f} more{_never(other)}."
        )
    return (
        f"Take {best.name}: {best.cost_usd:,.0f} {money} over {report.months} months, in today's money;"
        f" {best.saved_usd:,.0f} less than {base.name}{_paid(best)}."
    )


def _stay(best: OptionReport) -> str:
    return "Stay as it is" if best.name == AS_IS else f"Stay with {best.name}"


def _never(option: OptionReport) -> str:
    if option.payback_months is None:
        return " and never pays back"
    return f", though it has paid back after {option.payback_months:.0f} months"


def _paid(option: OptionReport) -> str:
    if option.payback_months is None:
        return ", though it has not paid back at the end: it is what is spared later that counts"
    if not option.payback_months:
        return ", and never dearer on the way"
    return f", paid back after {option.payback_months:.0f} months ({option.break_even})"


def _machines(report: BuyReport, best: OptionReport) -> Iterator[str]:
    """How far machines carry: of the best, and of the best that has any."""
    with_machines = [o for o in report.options if any(p.load_frac is not None for p in o.parts)]
    if not with_machines:
        return
    shown = best if best in with_machines else min(with_machines, key=lambda o: o.cost_usd)
    for part in shown.parts:
        if part.load_frac is not None and part.kind != "own":
            yield (
                f"{part.name} serves {percent(part.served_frac)} of the tokens at a mean load of"
                f" {percent(part.load_frac)}{_idle(part.load_frac)}{_limit(report, shown)}."
            )


def _in_house(report: BuyReport, best: OptionReport) -> Iterator[str]:
    """What it costs to keep tokens on machines of one's own, where that is not the cheapest."""
    at_home = [option for option in report.options if _is_at_home(option)]
    if not at_home or best in at_home:
        return
    least = min(at_home, key=lambda option: option.cost_usd)
    if least.served_frac - best.served_frac < MORE_AT_HOME:
        return
    more = (least.cost_usd - best.cost_usd) / report.months
    yield (
        f"{least.name}, with {percent(least.served_frac)} of it on machines of one's own, costs {more:,.0f}"
        f" {report.currency} a month more than {best.name}: that is what it must be worth for other reasons,"
        f" such as data that stays in the house{_against(least)}."
    )


def _is_at_home(option: OptionReport) -> bool:
    return any(part.kind in ("buy", "lease") for part in option.parts)


def _against(option: OptionReport) -> str:
    """Of the APIs that it has paid back against, each with its months."""
    paid = {name: at for name, at in option.payback_against.items() if at is not None}
    if not paid:
        return ""
    return "; it pays back against " + ", ".join(
        f"{name} after {at:.0f} months" for name, at in paid.items()
    )


def _idle(load_frac: float) -> str:
    return ": it is paid for and idle most of the time" if load_frac < IDLE else ""


def _limit(report: BuyReport, option: OptionReport) -> str:
    left = 1 - min(option.served_frac, option.last_served_frac)
    if left < 0.005:
        return ""
    apis = ", ".join(p.name for p in option.parts if p.kind == "api" and p.name != "rest")
    return f"; what is above its capacity goes to {apis or report.reference}"


def _turns(report: BuyReport) -> str:
    if not report.turns:
        return "The answer is the same from a hundredth to a hundred times this demand."
    told = [
        f"{turn.above} from {digits(turn.output_mtok)} Mtok of output a month"
        f" ({digits(turn.factor)} times the demand{_reached(turn)}) on"
        for turn in report.turns[:SHOWN_TURNS]
    ]
    return (
        f"With the load, the answer changes: {report.turns[0].below} at first, "
        + ", ".join(told)
        + "."
    )


def _reached(turn: Turn) -> str:
    return "" if turn.reached is None else f"; it grows to that by {turn.reached}"


def _knobs(knobs: tuple[Knob, ...], report: BuyReport) -> str:
    best = report.cheapest
    ends = [
        f"{knob.bar.name} {turned(value, knob)} ({winner})"
        for knob in knobs
        for value, winner in (
            (knob.bar.low, knob.cheapest_at_low), (knob.bar.high, knob.cheapest_at_high),
        )
        if winner != best
    ]  # fmt: skip
    if not ends:
        return f"No single input, turned as far as below, makes another one cheaper than {best}."
    return "It would be another one at: " + "; ".join(ends) + "."


def turned(value: float, knob: Knob) -> str:
    """A knob's end as people say it: `-20 %`, `+15 points`, `+6 months`."""
    if knob.unit == "months":
        return f"{value:+.0f} months"
    if knob.unit == "points":
        return f"{value * 100:+.0f} points"
    if knob.unit.endswith("error"):
        return f"{value:+.0f} error"
    return f"{(value - 1) * 100:+.0f} %"
