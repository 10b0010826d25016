"""The margin of one request on a screen, with how each part of it comes about."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wattmill.core.money import format_usd
from wattmill.ledger.cost.request_report import RequestHour, RequestMargin
from wattmill.ledger.export.tables import table, text
from wattmill.ledger.export.words import exact_usd

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.table import Table

UNKNOWN = "unknown"


def request_screen(request: RequestMargin, currency: str = "USD") -> RenderableType:
    """What a request paid, what it cost, and why; ``currency`` is the site's."""
    from rich.console import Group

    held = f"{request.held:%Y-%m-%d %H:%M:%S %Z}, {request.state}"
    took = f"{(request.ended - request.held).total_seconds():.2f} s"
    where = f"{request.model} on {request.pool or 'no pool'} for {request.tenant}"
    return Group(
        text(f"Request {request.request}", "bold"),
        text(f"{where}; held {held} after {took}", "dim"),
        *([_charges(request, currency)] if request.charges else []),
        text(_work(request, currency)),
        *([_hours(request)] if request.hours else []),
        _margin(request, currency),
    )


def _charges(request: RequestMargin, currency: str) -> Table:
    """Tokens times price, and what resellers leave of it."""
    charges = table("charged", right=("tokens", f"{currency} per Mtok", currency))
    for one in request.charges:
        amount = exact_usd(one.amount_pusd)
        charges.add_row(one.meter, f"{one.tokens:,}", one.usd_per_mtok, amount)
    for hop in request.resale:
        charges.add_row(text(f"{hop.party} pays"), "", "", exact_usd(hop.bought_pusd))
    return charges


def _work(request: RequestMargin, currency: str) -> str:
    if request.prefill_tok_s is None or request.decode_tok_s is None:
        charged = f"{exact_usd(request.charged_to_us_pusd)} {currency}"
        return f"It was served by somebody else, for {charged}."
    return (
        f"{request.prefilled_tokens:,} tokens at {request.prefill_tok_s:,.0f}/s of prefill and"
        f" {request.decoded_tokens:,} at {request.decode_tok_s:,.0f}/s of decode are"
        f" {request.busy_s:.6f} s of the full pool; its other seconds others had."
    )


def _hours(request: RequestMargin) -> Table:
    """What the pool cost in each hour of the request, and the request's part."""
    hours = table("hour", right=("its s", "all s", "wear", "idle watts", "work", "its part"))
    for hour in request.hours:
        costs = (hour.amortisation_pusd, hour.standing_pusd, hour.working_pusd)
        known = (UNKNOWN if cost is None else format_usd(cost, 6) for cost in costs)
        seconds = (f"{hour.request_busy_s:.3f}", f"{hour.pool_busy_s:.1f}")
        part = format_usd(hour.attributed.total_pusd, 9)
        hours.add_row(_shown(hour), *seconds, *known, part)
    return hours


def _shown(hour: RequestHour) -> str:
    metered = f", {100 * hour.measured_frac:.0f} % metered" if hour.measured_frac else ""
    return f"{hour.start:%Y-%m-%d %H:%M}{metered}"


def _margin(request: RequestMargin, currency: str) -> Table:
    sums = table("", right=(currency,))
    cost = request.attributed
    rows = (
        ("Revenue", request.revenue_pusd),
        ("Energy", -cost.energy_pusd),
        (f"Wear ({request.schedule})", -cost.amortisation_pusd),
        ("Cloud", -cost.charges_pusd),
        ("Margin before idle", request.margin_before_idle_pusd),
        ("Share of idle, unbilled, overhead", -request.idle_share.total_pusd),
    )
    for name, amount in rows:
        sums.add_row(name, exact_usd(amount))
    sums.add_section()
    sums.add_row(text("Margin", "bold"), text(exact_usd(request.margin_pusd), "bold"))
    return sums
