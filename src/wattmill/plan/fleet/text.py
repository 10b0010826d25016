"""A fleet for the eyes of a person."""

from __future__ import annotations

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from wattmill.plan.fleet.records import Mix, Shadow

NAMES = {"kw": "power, kW", "capital_usd": "capital, USD", "racks": "space, racks"}
GOALS = {"tokens": "most tokens", "margin": "most margin", "cost": "least cost"}


def fleet_screen(mix: Mix) -> RenderableType:
    """The machines, what they use, what more of each limit would bring, and how sure it is."""
    if not mix.chosen:
        return Group(_headline(mix), Text("no machine is worth having"), _proof(mix))
    parts: list[RenderableType] = [_headline(mix), _machines(mix)]
    if mix.shadows:
        parts.append(_limits(mix))
    parts.append(_proof(mix))
    return Group(*parts, *map(Text, _left_out(mix)))


def _left_out(mix: Mix) -> list[str]:
    """A note for each reason for which machine types were not considered."""
    by_reason: dict[str, list[str]] = {}
    for name, why in mix.refused:
        by_reason.setdefault(why, []).append(name)
    return [
        f"note: {names[0]} is left out: it {why}"
        if len(names) == 1
        else f"note: {names[0]} and {len(names) - 1} more are left out: each {why}"
        for why, names in by_reason.items()
    ]


def _headline(mix: Mix) -> Text:
    goal = f"{GOALS[mix.objective]}: {_amount(mix.value)} {mix.unit}"
    money = (
        f"; revenue {_amount(mix.revenue_usd_per_month)}, cost"
        f" {_amount(mix.cost_usd_per_month)} USD/month"
    )
    return Text(goal + money, "bold")


def _machines(mix: Mix) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for heading in ("machines", "of", "for", "Mtok/month", "kW", "capital USD", "racks"):
        is_word = heading in ("of", "for")
        table.add_column(heading, justify="left" if is_word else "right", overflow="fold")
    for each in mix.chosen:
        figures = (each.mtok_per_month, each.kw, each.capital_usd, each.racks)
        table.add_row(f"{each.count:,}", each.name, each.model, *map(_amount, figures))
    return table


def _limits(mix: Mix) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for heading in ("limit", "used", "of", "one more brings", "in whole machines"):
        table.add_column(heading, justify="left" if heading == "limit" else "right")
    for shadow in mix.shadows:
        table.add_row(
            NAMES.get(shadow.what, shadow.what),
            _amount(shadow.used),
            _amount(shadow.limit),
            f"{_amount(shadow.relaxed)} {shadow.unit}" if shadow.is_scarce else "nothing",
            _whole(shadow),
        )
    return table


def _whole(shadow: Shadow) -> str:
    if shadow.whole is None or shadow.step is None:
        return "-"
    return f"{_amount(shadow.whole)} for {_amount(shadow.step)} more"


def _proof(mix: Mix) -> Text:
    words = "no fleet is better by more than" if mix.is_proven else "stopped by the clock; within"
    return Text(
        f"{words} {mix.gap_frac:.3%}; with machines in parts it would be"
        f" {_amount(mix.relaxed_value)} {mix.unit}"
    )


def _amount(value: float) -> str:
    """Four digits that count, none after the point from a thousand on."""
    return f"{value:,.0f}" if abs(value) >= 1000 or value == 0 else f"{value:.4g}"
