"""``wattmill bill`` and ``margin``: a month as the books stand."""

from pathlib import Path
from typing import Annotated

import typer

from wattmill.commands.common import DATA, Data, Json, Month, OneTenant, show, show_document
from wattmill.core.errors import UsageError


def bill(
    tenant: OneTenant = None,
    month: Month = None,
    rate_plan: Annotated[
        str | None,
        typer.Option("--rate-plan", help="What it would be under this plan, per tenant."),
    ] = None,
    pdf: Annotated[
        Path | None, typer.Option("--pdf", help="Write the invoice as PDF here.")
    ] = None,
    csv: Annotated[bool, typer.Option("--csv", help="Print the invoice as CSV.")] = False,
    data: Data = DATA,
    as_json: Json = False,
) -> None:
    """A tenant's invoice for a month as the books stand; `invoices issue` makes it final."""
    from wattmill.web import bills

    if rate_plan is not None:
        from wattmill.web.bills_text import comparison_table

        found = bills.under_plan(data, rate_plan, month, tenant)
        show([one.as_data() for one in found], as_json, lambda: comparison_table(found))
        return
    if tenant is None:
        raise UsageError("whose invoice?", hint="wattmill bill TENANT, or --rate-plan PLAN for all")
    show_document(bills.tenant_draft(data, tenant, month), pdf, csv, as_json)


def margin(
    month: Month = None,
    by: Annotated[str, typer.Option("--by", help="Rows by tenant, model or day.")] = "tenant",
    schedule: Annotated[
        str,
        typer.Option(
            "--schedule",
            help="Wear of machines: book (straight line) or economic (market value).",
        ),
    ] = "book",
    request: Annotated[
        str | None,
        typer.Option("--request", help="Explain one request instead, by its x-request-id."),
    ] = None,
    csv: Annotated[bool, typer.Option("--csv", help="Print all rows as CSV.")] = False,
    data: Data = DATA,
    as_json: Json = False,
) -> None:
    """Revenue less energy, amortisation and idle: per tenant, model, pool, day or request."""
    from wattmill.web import margins

    margins.show(data, month, by, schedule, request, csv=csv, as_json=as_json, screen=show)
