"""`wattmill buy` for a terminal."""

from __future__ import annotations

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from wattmill.plan.studies.buy.report import BuyReport, OptionReport, PartReport
from wattmill.plan.studies.buy.verdict import turned
from wattmill.plan.studies.words import (
    UNKNOWN,
    digits,
    inputs_line,
    inputs_table,
    months,
    percent,
    table_of,
)

SHOWN_KNOBS = 8


def render(report: BuyReport, *, with_inputs: bool = False) -> RenderableType:
    """The whole study: verdict, options, parts, what it hangs on, what may happen, inputs."""
    parts: list[RenderableType] = [headline(report), *(Text(line) for line in report.verdict)]
    parts += [_options(report), _kinds(report)]
    parts += [_parts(report)] if machine_parts(report) else []
    parts += [_paybacks(report)] if payback_rows(report) else []
    parts += [_knobs(report)]
    parts += [_risk(report)] if report.risk else []
    parts += [inputs_table(report.inputs)] if with_inputs else [Text(inputs_line(report.inputs))]
    return Group(*parts, *(Text(f"note: {note}") for note in report.notes))


def headline(report: BuyReport) -> Text:
    """What, when, at which rate."""
    return Text("\n".join(head_lines(report)) + "\n", "bold")


def head_lines(report: BuyReport) -> tuple[str, str]:
    """The demand, and what amounts mean."""
    asked = report.demand
    return (
        f"{report.factory}: {digits(asked.input_mtok)} Mtok in ({percent(asked.cached_frac)} cached) and"
        f" {digits(asked.output_mtok)} out a month, peaks {digits(asked.peak_to_mean)} times the mean,"
        f" {asked.growth_frac_per_year * 100:+.0f} % a year",
        f"{report.months} months from {report.start:%Y-%m}, discounted at"
        f" {percent(report.discount_frac_per_year)} a year, {report.currency}, after tax",
    )


def option_heads(report: BuyReport) -> tuple[str, ...]:
    """Heads of `option_cells`; what is saved and paid back is against the first option."""
    base = report.options[0].name
    return (f"against {base}", "cost", "saved", "at once", "a month", "payback", "own share")


def option_cells(option: OptionReport, report: BuyReport) -> tuple[str, ...]:
    """A row of the options; `saved` is against the first."""
    base = report.options[0]
    paid = UNKNOWN if option is base else _when(option.payback_months)
    return (
        option.name,
        f"{option.cost_usd:,.0f}",
        UNKNOWN if option is base else f"{option.saved_usd:,.0f}",
        f"{option.first_usd:,.0f}" if option.first_usd else UNKNOWN,
        f"{option.usd_per_month:,.0f}",
        paid.removesuffix(" months"),
        percent(option.served_frac) if option.served_frac else UNKNOWN,
    )


KIND_HEADS = ("USD a Mtok", "input", "cached", "output")


def kind_cells(option: OptionReport) -> tuple[str, ...]:
    """What a million tokens of each kind cost, levelised."""
    each = option.usd_per_mtok
    found = (each.get(kind) for kind in ("input", "cached", "output"))
    return (option.name, *(UNKNOWN if usd is None else digits(usd) for usd in found))


def _kinds(report: BuyReport) -> Table:
    table = table_of(*KIND_HEADS)
    for option in sorted(report.options, key=lambda o: o.cost_usd):
        table.add_row(*kind_cells(option))
    return table


def _options(report: BuyReport) -> Table:
    table = table_of(*option_heads(report))
    for option in sorted(report.options, key=lambda o: o.cost_usd):
        table.add_row(*option_cells(option, report))
    return table


PART_HEADS = ("machines", "kind", "could make", "in time", "mean load", "±")


def machine_parts(report: BuyReport) -> list[PartReport]:
    """Each rack of machines once, where it serves alone before it serves in a hybrid."""
    found: dict[str, PartReport] = {}
    for option in report.options:
        for part in option.parts:
            if part.full_output_mtok is not None:
                found.setdefault(part.name, part)
    return list(found.values())


def part_cells(part: PartReport) -> tuple[str, ...]:
    """Mtok of output a month, and how much of that is used."""
    assert part.full_output_mtok is not None and part.in_time_output_mtok is not None
    return (
        part.name,
        part.kind,
        f"{digits(part.full_output_mtok)} Mtok out a month",
        digits(part.in_time_output_mtok),
        percent(part.load_frac),
        percent(part.error_frac),
    )


def _parts(report: BuyReport) -> Table:
    table = table_of(*PART_HEADS, left=(0, 1))
    for part in machine_parts(report):
        table.add_row(*part_cells(part))
    return table


def payback_rows(report: BuyReport) -> list[tuple[str, ...]]:
    """Months in which machines have paid back, against each API; nothing without two APIs."""
    apis = [option.name for option in report.options if option.kind == "api"]
    if len(apis) < 2:
        return []
    return [
        (option.name, *(_when(option.payback_against[api]) for api in apis))
        for option in report.options
        if option.kind != "api"
    ]


def _when(paid_back: float | None) -> str:
    return "at once" if paid_back == 0 else months(paid_back)


def payback_heads(report: BuyReport) -> tuple[str, ...]:
    """The APIs, as heads of `payback_rows`."""
    apis = (option.name for option in report.options if option.kind == "api")
    return ("pays back against", *apis)


def _paybacks(report: BuyReport) -> Table:
    table = table_of(*payback_heads(report))
    for row in payback_rows(report):
        table.add_row(*row)
    return table


def _knobs(report: BuyReport) -> Table:
    table = table_of(f"{report.cheapest} before {report.next}, if", "from", "to", "is", "or")
    for knob in report.knobs[:SHOWN_KNOBS]:
        bar = knob.bar
        table.add_row(
            bar.name, turned(bar.low, knob), turned(bar.high, knob),
            f"{bar.at_low:,.0f}", f"{bar.at_high:,.0f}",
        )  # fmt: skip
    return table


RISK_HEADS = ("option", "cost P5", "P50", "P95", "saved P5", "P50", "P95", "cheapest in")


def risk_rows(report: BuyReport) -> list[tuple[str, ...]]:
    """Costs and savings over the futures, and how often each option is the cheapest."""
    risk = report.risk
    assert risk is not None
    rows = []
    for name, cost in risk.cost_usd.items():
        saved = risk.saved_usd.get(name)
        chance = risk.cheapest[name]
        rows.append((
            name,
            *(f"{cost.percentiles[p]:,.0f}" for p in ("P5", "P50", "P95")),
            *(f"{saved.percentiles[p]:,.0f}" if saved else UNKNOWN for p in ("P5", "P50", "P95")),
            f"{percent(chance.frac)} ± {percent(chance.error)}",
        ))  # fmt: skip
    return rows


def _risk(report: BuyReport) -> Table:
    """The terminal's columns of `risk_rows`: the spread of what is saved is on the page."""
    assert report.risk is not None
    heads = (*RISK_HEADS[1:4], "saved P50", RISK_HEADS[-1])
    table = table_of(f"{report.risk.count:,} futures, seed {report.risk.seed}", *heads)
    for row in risk_rows(report):
        table.add_row(*row[:4], row[5], row[7])
    return table
