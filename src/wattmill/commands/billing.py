"""``wattmill invoices``, ``payments``, ``credit`` and ``corrections``."""

from pathlib import Path
from typing import Annotated

import typer

from wattmill.commands.common import (
    DATA,
    Data,
    Json,
    Month,
    OneTenant,
    Reason,
    call_and_show,
    day,
    pusd,
    show,
    show_document,
)
from wattmill.core.errors import UsageError

invoices_app = typer.Typer(help="Issue, show, cancel and credit invoices.", no_args_is_help=True)
payments_app = typer.Typer(help="What came in, and what is open.", no_args_is_help=True)
credit_app = typer.Typer(help="Prepaid credit: sold or given.", no_args_is_help=True)
corrections_app = typer.Typer(
    help="What was metered or priced wrong, put right by new entries.", no_args_is_help=True
)

Number = Annotated[str, typer.Argument(metavar="NUMBER", help="For example INV-00042.")]
Amount = Annotated[str, typer.Argument(metavar="AMOUNT", help="For example 500 or 12.50.")]
Reference = Annotated[str, typer.Option("--reference", help="The bank's, different every time.")]


# --- invoices -------------------------------------------------------------------------------------


@invoices_app.command("list")
def invoices_list(
    tenant: OneTenant = None,
    month: Annotated[str | None, typer.Option("--month", help="Default: all.")] = None,
    data: Data = DATA,
    as_json: Json = False,
) -> None:
    """Invoices and credit notes that were issued."""
    from wattmill.web.bills import issued_documents
    from wattmill.web.bills_text import documents_table

    found = issued_documents(data, tenant, month)
    rows = [
        {
            "number": one.number,
            "kind": one.kind,
            "status": one.status,
            "tenant": one.tenant,
            "month": one.period.month,
            "issued": one.issued,
            "due": one.due,
            "currency": one.currency,
            "total_minor": one.total_minor,
            "credits": one.credits,
        }
        for one in found
    ]
    show(rows, as_json, lambda: documents_table(found))


@invoices_app.command("show")
def invoices_show(
    number: Number,
    pdf: Annotated[Path | None, typer.Option("--pdf", help="Write it as PDF here.")] = None,
    csv: Annotated[bool, typer.Option("--csv", help="Print it as CSV.")] = False,
    data: Data = DATA,
    as_json: Json = False,
) -> None:
    """An invoice or credit note as it was issued."""
    from wattmill.web.bills import issued_document

    show_document(issued_document(data, number), pdf, csv, as_json)


@invoices_app.command("resale")
def invoices_resale(month: Month = None, data: Data = DATA, as_json: Json = False) -> None:
    """What is left to each reseller of what its clients pay."""
    from wattmill.web.bills import resellers
    from wattmill.web.bills_text import resale_table

    found = resellers(data, month)
    show([one.as_data() for one in found], as_json, lambda: resale_table(found))


@invoices_app.command("issue")
def invoices_issue(
    tenant: OneTenant = None,
    month: Annotated[
        str | None, typer.Option("--month", help="Default: the last one that is over.")
    ] = None,
    data: Data = DATA,
    as_json: Json = False,
) -> None:
    """Make a month final: it gets a number and is closed. Status 1: one was refused."""
    from wattmill.web.bills_text import issues_table
    from wattmill.web.control import call

    found = call(data, "issue_invoices", tenant=tenant, month=month)
    show(found, as_json, lambda: issues_table(found))
    if any(one["outcome"] == "refused" for one in found):
        raise typer.Exit(1)


@invoices_app.command("void")
def invoices_void(number: Number, reason: Reason, data: Data = DATA, as_json: Json = False) -> None:
    """Cancel an invoice by a credit note; its month can be issued again."""
    from wattmill.web.bills_text import note_text

    call_and_show(data, as_json, "void_invoice", note_text, number=number, reason=reason)


@invoices_app.command("credit")
def invoices_credit(
    number: Number,
    reason: Reason,
    line: Annotated[
        list[str],
        typer.Option("--line", metavar="N[=AMOUNT]", help="A line, or a part of it; repeatable."),
    ],
    data: Data = DATA,
    as_json: Json = False,
) -> None:
    """Take lines of an invoice back by a credit note."""
    from wattmill.web.bills_text import note_text

    lines = dict(_line(text) for text in line)
    call_and_show(
        data, as_json, "credit_invoice", note_text, number=number, lines=lines, reason=reason
    )


def _line(text: str) -> tuple[str, int | None]:
    number, _, amount = text.partition("=")
    if not number.isdecimal():
        raise UsageError(f"{text!r} names no line", hint="--line 1, or --line 1=12.50")
    return number, pusd(amount) if amount else None


# --- payments -------------------------------------------------------------------------------------


@payments_app.command("list")
def payments_list(tenant: OneTenant = None, data: Data = DATA, as_json: Json = False) -> None:
    """Payments, open invoices with their age, and balances."""
    from wattmill.web.bills_text import accounts_screen
    from wattmill.web.control import call

    accounts = call(data, "list_accounts", tenant=tenant)
    found = {"accounts": accounts, "payments": call(data, "list_payments", tenant=tenant)}
    show(found, as_json, lambda: accounts_screen(found))


@payments_app.command("add")
def payments_add(
    tenant: str,
    amount: Amount,
    date: Annotated[str | None, typer.Option("--date", help="Default: today.")] = None,
    reference: Reference = "",
    invoice: Annotated[
        str | None, typer.Option("--invoice", help="Default: the oldest that are open.")
    ] = None,
    data: Data = DATA,
    as_json: Json = False,
) -> None:
    """Enter money that came in. A reference that is known is not entered twice."""
    from wattmill.web.bills_text import payment_text

    call_and_show(
        data,
        as_json,
        "add_payment",
        payment_text,
        tenant=tenant,
        amount_pusd=pusd(amount),
        day=day(date),
        reference=reference,
        document=invoice,
    )


@payments_app.command("return")
def payments_return(
    tenant: str,
    amount: Amount,
    payment: Annotated[
        str | None, typer.Option("--payment", help="The one that bounced; default: a refund.")
    ] = None,
    reference: Reference = "",
    data: Data = DATA,
    as_json: Json = False,
) -> None:
    """Enter money that went back: a payment that bounced, or a refund."""
    from wattmill.web.bills_text import payment_text

    call_and_show(
        data,
        as_json,
        "return_payment",
        payment_text,
        tenant=tenant,
        amount_pusd=pusd(amount),
        of=payment,
        reference=reference,
    )


@payments_app.command("write-off")
def payments_write_off(
    number: Number, reason: Reason, data: Data = DATA, as_json: Json = False
) -> None:
    """Give up what is open of an invoice."""
    from wattmill.web.bills_text import payment_text

    call_and_show(data, as_json, "write_off", payment_text, number=number, reason=reason)


# --- credit ---------------------------------------------------------------------------------------


@credit_app.command("list")
def credit_list(tenant: OneTenant = None, data: Data = DATA, as_json: Json = False) -> None:
    """Grants in the order in which they are used up, and what is left."""
    from wattmill.web.bills_text import credit_table

    call_and_show(data, as_json, "list_credit", credit_table, tenant=tenant)


@credit_app.command("grant")
def credit_grant(
    tenant: str,
    amount: Amount,
    gift: Annotated[
        bool, typer.Option("--gift", help="Given, not sold: no invoice is issued for it.")
    ] = False,
    priority: Annotated[int, typer.Option("--priority", help="The smaller is used up first.")] = 0,
    expires: Annotated[
        str | None, typer.Option("--expires", help="The last day on which it counts.")
    ] = None,
    reference: Reference = "",
    data: Data = DATA,
    as_json: Json = False,
) -> None:
    """Sell prepaid credit (net of tax; an invoice is issued), or give it."""
    from wattmill.web.bills_text import grant_text

    call_and_show(
        data,
        as_json,
        "grant_credit",
        grant_text,
        tenant=tenant,
        amount_pusd=pusd(amount),
        gift=gift,
        priority=priority,
        expires=day(expires),
        reference=reference,
    )


# --- corrections ----------------------------------------------------------------------------------


@corrections_app.command("list")
def corrections_list(tenant: OneTenant = None, data: Data = DATA, as_json: Json = False) -> None:
    """What was added to requests or taken off them, and why."""
    from wattmill.web.bills_text import corrections_table

    call_and_show(data, as_json, "list_corrections", corrections_table, tenant=tenant)


@corrections_app.command("add")
def corrections_add(
    request: Annotated[int, typer.Argument(metavar="REQUEST", help="The number of the request.")],
    reason: Reason,
    tokens: Annotated[
        list[str] | None,
        typer.Argument(metavar="[METER=±TOKENS]…", help="Default: all of it is taken back."),
    ] = None,
    data: Data = DATA,
    as_json: Json = False,
) -> None:
    """Correct a request: wattmill corrections add 4711 output_text=-120 --reason "counted twice"."""
    from wattmill.web.bills_text import correction_text

    call_and_show(
        data,
        as_json,
        "correct_request",
        correction_text,
        request=request,
        meters=_meters(tokens) if tokens else None,
        reason=reason,
    )


@corrections_app.command("reprice")
def corrections_reprice(
    tenant: str,
    month: Annotated[str, typer.Option("--month", help="For example 2026-10.")],
    plan: Annotated[str, typer.Option("--rate-plan", help="The plan it should have had.")],
    reason: Reason,
    data: Data = DATA,
    as_json: Json = False,
) -> None:
    """Rate a month again by another plan. The difference comes with the next invoice."""
    from wattmill.web.bills_text import corrections_table

    call_and_show(
        data,
        as_json,
        "reprice",
        corrections_table,
        tenant=tenant,
        month=month,
        plan=plan,
        reason=reason,
    )


def _meters(words: list[str]) -> dict[str, int]:
    meters: dict[str, int] = {}
    for word in words:
        name, _, tokens = word.partition("=")
        try:
            meters[name] = int(tokens.replace("−", "-").replace("_", ""))
        except ValueError:
            hint = "for example output_text=-120"
            raise UsageError(f"{word!r} is not METER=TOKENS", hint=hint) from None
    return meters
