"""`wattmill finance` for a terminal."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from wattmill.finance.outcome import Measure, Outcome, Share
from wattmill.finance.sensitivity import Bar
from wattmill.plan.studies.finance.report import FinanceReport, Returns
from wattmill.plan.studies.lenders import Lender
from wattmill.plan.studies.words import (
    LARGE,
    NEVER,
    UNKNOWN,
    amount,
    digits,
    inputs_line,
    inputs_table,
    month,
    months,
    percent,
    ratio,
    table_of,
    whole,
)
from wattmill.plan.studies.years import Year

YEAR_ROWS: tuple[tuple[str, Callable[[Year], float]], ...] = (
    ("revenue", lambda y: y.revenue_usd),
    ("EBITDA", lambda y: y.ebitda_usd),
    ("depreciation, books", lambda y: y.depreciation_usd),
    ("wear, market", lambda y: y.wear_usd),
    ("tax", lambda y: y.tax_usd),
    ("CFADS", lambda y: y.cfads_usd),
    ("bought", lambda y: y.capex_usd),
    ("sold used", lambda y: y.resale_usd),
    ("interest", lambda y: y.interest_usd),
    ("principal", lambda y: y.principal_usd),
    ("into reserve", lambda y: y.reserved_usd),
    ("owner's flow", lambda y: y.equity_flow_usd),
    ("owed at the end", lambda y: y.balance_usd),
    ("book value", lambda y: y.book_value_usd),
    ("market value", lambda y: y.market_value_usd),
)


def render(report: FinanceReport, *, with_inputs: bool = False) -> RenderableType:
    """The whole study: worth, years, lenders, what it hangs on, what may happen, inputs."""
    parts: list[RenderableType] = [headline(report), _worth(report), Text(unit_line(report))]
    parts += [_years(report)]
    parts += [_lenders(report)] if report.lenders else []
    parts += [Text(line) for line in sentences(report)]
    parts += [_knobs(report)]
    parts += [_sobol(report)] if report.sobol else []
    parts += [_risk(report, report.risk)] if report.risk else []
    parts += [inputs_table(report.inputs)] if with_inputs else [Text(inputs_line(report.inputs))]
    return Group(*parts, *(Text(f"note: {note}") for note in report.notes))


def headline(report: FinanceReport) -> Text:
    """What, when, at which rate."""
    return Text(
        f"{report.factory}: {report.months} months from {report.start:%Y-%m},"
        f" discounted at {percent(report.discount_frac_per_year)} a year, {report.currency}",
        "bold",
    )


# --- tables ---------------------------------------------------------------------------------------


WORTH_ROWS: tuple[tuple[str, Callable[[Returns], str]], ...] = (
    ("NPV", lambda r: f"{r.npv_usd:,.0f}"),
    ("IRR", lambda r: " and ".join(map(percent, r.irr_all_frac_per_year)) or "none"),
    ("MIRR", lambda r: percent(r.mirr_frac_per_year)),
    ("invested at the most", lambda r: f"{r.invested_usd:,.0f}"),
    ("payback", lambda r: months(r.payback_months)),
    ("payback, discounted", lambda r: months(r.discounted_payback_months)),
)


def _worth(report: FinanceReport) -> Table:
    table = table_of("", "project", "owner")
    for label, show in WORTH_ROWS:
        table.add_row(label, show(report.project), show(report.equity))
    return table


def _years(report: FinanceReport) -> Table:
    scale, unit = scale_of(report)
    table = table_of(unit, *(year.ends for year in report.years))
    for label, show in YEAR_ROWS:
        values = [show(year) for year in report.years]
        if any(values):
            table.add_row(label, *(amount(value, scale) for value in values))
        if label == "revenue":
            _add_opex(table, report, scale)
    if report.lenders:
        table.add_row("DSCR", *(ratio(year.dscr) for year in report.years))
    return table


def _add_opex(table: Table, report: FinanceReport, scale: float) -> None:
    for name in report.years[0].opex_by_usd:
        values = [-year.opex_by_usd[name] for year in report.years]
        if any(values):
            table.add_row(f"  {name}", *(amount(value, scale) for value in values))


LENDER_ROWS: tuple[tuple[str, Callable[[Lender], str]], ...] = (
    ("kind", lambda loan: loan.kind),
    ("lent", lambda loan: f"{loan.principal_usd:,.0f}"),
    ("rate, all in", lambda loan: f"{_rate(loan)}, {percent(loan.all_in_frac_per_year)}"),
    ("interest in all", lambda loan: f"{loan.interest_usd:,.0f}"),
    ("least DSCR", lambda loan: _least(loan)),
    ("mean DSCR, LLCR", lambda loan: f"{ratio(loan.mean_dscr)}, {ratio(loan.llcr)}"),
    ("DSCR covenant", lambda loan: _floor(loan)),
    ("LTV covenant", lambda loan: _covenant(loan.covenant_ltv, loan.breach_ltv_month)),
    ("more owed than it would sell for", lambda loan: month(loan.underwater_month)),
    (
        "reserve, at the most",
        lambda loan: f"{loan.reserve_usd:,.0f}" if loan.reserve_usd else UNKNOWN,
    ),
)


def _lenders(report: FinanceReport) -> Table:
    table = table_of("loan", *(loan.name for loan in report.lenders))
    for label, show in LENDER_ROWS:
        table.add_row(label, *map(show, report.lenders))
    return table


def _rate(loan: Lender) -> str:
    return percent(loan.rate_frac_per_year)


def _least(loan: Lender) -> str:
    if loan.min_dscr is None:
        return UNKNOWN
    return f"{ratio(loan.min_dscr)} in month {loan.min_dscr_month}"


def _floor(loan: Lender) -> str:
    if loan.covenant_dscr is not None and loan.min_dscr is None:
        return f"{loan.covenant_dscr:g}: never tested, served for too short a time"
    return _covenant(loan.covenant_dscr, loan.breach_month)


def _covenant(limit: float | None, broken: int | None) -> str:
    if limit is None:
        return UNKNOWN
    return f"{limit:g}: {'kept' if broken is None else f'broken in month {broken}'}"


def _knobs(report: FinanceReport) -> Table:
    table = table_of("owner's NPV, if", "from", "to", "is", "or")
    for bar in report.knobs:
        ends = (turned(bar.low, bar), turned(bar.high, bar))
        table.add_row(bar.name, *ends, f"{bar.at_low:,.0f}", f"{bar.at_high:,.0f}")
    return table


def _sobol(report: FinanceReport) -> Table:
    table = table_of("share of the variance of the owner's NPV", "alone", "with others")
    for row in sobol_rows(report):
        table.add_row(*row)
    return table


def sobol_rows(report: FinanceReport) -> list[tuple[str, str, str]]:
    """Each input's share, by itself and with others, with standard errors."""
    return [
        (
            each.name,
            f"{percent(each.first)} ± {percent(each.first_error)}",
            f"{percent(each.total)} ± {percent(each.total_error)}",
        )
        for each in report.sobol
    ]


def turned(value: float, bar: Bar) -> str:
    """A knob's end as people say it: `-20 %`, `+15 points`, `+6`."""
    if bar.low > 0:
        return f"{(value - 1) * 100:+.0f} %"
    return f"{value:+.0f}" if "months" in bar.name else f"{value * 100:+.0f} points"


def _risk(report: FinanceReport, risk: Outcome) -> Table:
    table = table_of(f"{risk.count:,} futures, seed {risk.seed}", "P5", "P50", "P95", "mean")
    for label, found, show in measures(report, risk):
        if found is not None:
            shown = [show(found.percentiles[p]) for p in ("P5", "P50", "P95")]
            table.add_row(label, *shown, show(found.mean))
    for label, share in chances(report, risk):
        table.add_row(label, "", percent(share.frac), "", f"± {percent(share.error)}")
    return table


def measures(
    report: FinanceReport, risk: Outcome
) -> Iterable[tuple[str, Measure | None, Callable[[float], str]]]:
    """The distributions worth showing, each with how its values are written."""
    yield "project's NPV", risk.npv_usd, whole
    yield "owner's NPV", risk.equity_npv_usd, whole
    yield "owner's IRR", risk.equity_irr_frac_per_year, percent
    yield f"cost of a {report.unit.name}", risk.levelised_usd, digits
    if report.lenders:
        yield "least DSCR", risk.min_dscr, ratio
        yield "highest LTV", risk.max_ltv, ratio
        yield "month of the first breach, if any", risk.breach_month, whole


def chances(report: FinanceReport, risk: Outcome) -> Iterable[tuple[str, Share]]:
    """Probabilities."""
    yield "chance of a loss to the owner", risk.equity_loss
    if report.lenders:
        has_floor = any(loan.covenant_dscr is not None for loan in report.lenders)
        has_ceiling = any(loan.covenant_ltv is not None for loan in report.lenders)
        floor = "the DSCR covenant breaks" if has_floor else "debt service is not covered"
        ceiling = (
            "the LTV covenant breaks" if has_ceiling else "more is owed than it would sell for"
        )
        yield f"chance that {floor}", risk.breach
        yield f"chance that {ceiling}", risk.underwater


# --- sentences ------------------------------------------------------------------------------------


def unit_line(report: FinanceReport) -> str:
    """What a unit costs and earns, by part and by kind of token."""
    unit = report.unit
    parts = ", ".join(f"{name} {digits(usd)}" for name, usd in unit.by_part.items())
    text = (
        f"a {unit.name} costs {digits(unit.cost_usd)} and earns {digits(unit.price_usd)}"
        f" {report.currency}, levelised: {parts}"
    )
    if not unit.by_meter:
        return text
    kinds = (f"{name.removesuffix('_mtok')} {digits(usd)}" for name, usd in unit.by_meter.items())
    return f"{text}\nLCOT by kind of token: {', '.join(kinds)}"


def sentences(report: FinanceReport) -> Iterable[str]:
    """Break-even, value, and how contract, debt and machines fit."""
    found = report.break_even
    load = found.utilisation_frac
    yield (
        "breaks even at a load of "
        + ("more than all there is" if load is None else percent(load))
        + (
            ""
            if found.price_factor is None
            else f", or at {percent(found.price_factor)} of the prices"
        )
    )
    if found.switch_off_month is not None:
        yield f"from month {found.switch_off_month} on, running costs more than it earns"
    times = [f"in months {first} to {last}" for first, last in report.under_book_months]
    yield f"sold used, it brings less than its book value: {' and '.join(times) or NEVER}"
    book = report.at_book
    if book.needed_usd <= 0:
        yield f"worth its book value in month {book.month} whatever it earns"
    else:
        yield (
            f"worth its book value in month {book.month} if a {report.unit.name} earns"
            f" {digits(book.needed_usd)} by then; {digits(book.expected_usd or 0.0)} is expected"
        )
    gap = report.gap
    if gap is not None:
        yield (
            f"the contract ends in month {gap.contract_months:.0f}, debt in month"
            f" {gap.debt_months:.0f}, machines pay until month {gap.life_months:.0f};"
            f" {gap.owed_at_contract_end_usd:,.0f} is owed when the contract ends"
        )


def scale_of(report: FinanceReport) -> tuple[float, str]:
    """What amounts of the years are divided by, and how that is called."""
    most = max(abs(show(year)) for year in report.years for _, show in YEAR_ROWS)
    return (1e3, f"thousand {report.currency}") if most >= LARGE else (1.0, report.currency)
