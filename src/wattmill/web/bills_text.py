"""Invoices, payments, credit and corrections for the terminal. What users wrote is shown as text."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from rich import box
from rich.table import Table
from rich.text import Text

from wattmill.core.money import format_minor, pusd_to_usd

if TYPE_CHECKING:
    from rich.console import JustifyMethod, RenderableType

    from wattmill.ledger.billing.documents import Document
    from wattmill.ledger.billing.hops import ResellerMargin
    from wattmill.ledger.billing.what_if import Comparison

OUTCOMES = {
    "issued": "issued",
    "already": "was issued before",
    "nothing": "nothing to bill",
    "refused": "REFUSED",
}
_WHOLE = {
    *("number", "invoice", "credit", "payment", "credits"),
    *("month", "issued", "due", "granted", "day"),
}
"""Columns that are not broken, however narrow the terminal."""


def documents_table(documents: Sequence["Document"]) -> Table:
    """Issued documents."""
    table = _table("number", "tenant", "month", "issued", "due", "total>", "", "status", "credits")
    for one in documents:
        table.add_row(
            *(one.number, Text(one.tenant), one.period.month, str(one.issued), str(one.due)),
            format_minor(one.total_minor, one.currency),
            *(one.currency, one.status, one.credits or ""),
        )
    return table


def issues_table(found: list[dict[str, Any]]) -> Table:
    """What became of each tenant's month."""
    table = _table("tenant", "month", "outcome", "number", "total>", "")
    for one in found:
        document = one["document"]
        number, total, currency = "", "", ""
        if document is not None:
            number, currency = document["number"], document["currency"]
            total = format_minor(document["total_minor"], currency)
        outcome = OUTCOMES[one["outcome"]]
        table.add_row(Text(one["tenant"]), one["month"], outcome, number, total, currency)
        if one["reason"]:
            table.add_row("", "", Text(one["reason"]))
    return table


def note_text(note: dict[str, Any]) -> str:
    """A credit note that was issued."""
    total = format_minor(-note["total_minor"], note["currency"])
    what = "cancels" if note["cancels"] else "is on"
    text = f"{note['number']} {what} {note['credits']}: {total} {note['currency']} back."
    if note["cancels"] and any(line["kind"] != "credit" for line in note["lines"]):
        text += " What it had billed can be issued again."
    return text


def accounts_screen(found: dict[str, Any]) -> "RenderableType":
    """Open invoices, balances, payments."""
    from rich.console import Group

    return Group(_open_table(found["accounts"]), _payments_table(found["payments"]))


def payment_text(payment: dict[str, Any]) -> str:
    """A payment that was entered."""
    words = {"received": "from", "returned": "back to", "written_off": "given up of"}
    amount = _amount(payment["amount_pusd"])
    what = f"{amount} {words[payment['kind']]} {payment['tenant']}"
    named = f", for {payment['document']}" if payment["document"] else ""
    return f"{payment['payment']}: {what}{named}."


def credit_table(found: list[dict[str, Any]]) -> Table:
    """Grants and what is left of them."""
    table = _table(
        *("credit", "tenant", "kind", "priority>", "granted", "expires"),
        *("amount>", "left>", "invoice"),
    )
    for one in found:
        table.add_row(
            *(one["grant"], Text(one["tenant"]), one["source"], str(one["priority"])),
            *(_day(one["granted_us"]), _day(one["expires_us"])),
            *(_amount(one["amount_pusd"]), _amount(one["remaining_pusd"])),
            one["document"] or "",
        )
    return table


def grant_text(found: dict[str, Any]) -> str:
    """Credit that was sold or given."""
    credit, invoice = found["credit"], found["invoice"]
    text = f"{credit['grant']}: {_amount(credit['amount_pusd'])} for {credit['tenant']}"
    if invoice is None:
        return f"{text}, given."
    total = format_minor(invoice["total_minor"], invoice["currency"])
    return f"{text}, sold with {invoice['number']} over {total} {invoice['currency']}."


def corrections_table(found: list[dict[str, Any]]) -> Table:
    """Corrections."""
    table = _table(
        "block>", "tenant", "held", "request>", "model", "price>", "tokens>", "amount>", "reason"
    )
    for one in found:
        table.add_row(
            *(str(one["block"]), Text(one["tenant"]), _day(one["held_us"])),
            "" if one["request"] is None else str(one["request"]),
            *(Text(one["model"]), str(one["price"]), f"{sum(one['meters']):+,}"),
            *(_amount(one["amount_pusd"]), Text(one["reason"])),
        )
    return table


def correction_text(one: dict[str, Any]) -> str:
    """A correction that was entered."""
    amount = _amount(one["amount_pusd"])
    return f"Request {one['request']} of {one['tenant']}: {sum(one['meters']):+,} tokens, {amount}."


def comparison_table(found: Sequence["Comparison"]) -> Table:
    """A month as it is rated and as it would be."""
    other = found[0].other_plan if found else ""
    table = _table("tenant", "plan", "tokens>", "now>", f"{other}>", "difference>", "")
    for one in found:
        amounts = (one.now_minor, one.other_minor, one.difference_minor)
        table.add_row(
            *(Text(one.tenant), Text(one.plan), f"{one.tokens:,}"),
            *(format_minor(amount, one.currency) for amount in amounts),
            one.currency,
        )
    if found:
        table.add_section()
        sums = (sum(one.now_minor for one in found), sum(one.other_minor for one in found))
        total = (*sums, sums[1] - sums[0])
        table.add_row("all", "", "", *(format_minor(each, found[0].currency) for each in total))
    return table


def resale_table(found: Sequence["ResellerMargin"]) -> Table:
    """What each client brings its reseller, and what is left."""
    table = _table("reseller", "client", "pays>", "costs>", "margin>")
    for one in found:
        for client in one.clients:
            amounts = (client.revenue_pusd, client.cost_pusd, client.margin_pusd)
            cells = (_amount(amount) for amount in amounts)
            table.add_row(Text(one.reseller), Text(client.client), *cells)
        if one.terms_pusd:
            terms = (_amount(one.terms_pusd), _amount(-one.terms_pusd))
            table.add_row(Text(one.reseller), "tiers and fees of its own plan", "", *terms)
        table.add_row(Text(one.reseller), "all", "", "", _amount(one.margin_pusd))
    return table


def _open_table(accounts: list[dict[str, Any]]) -> Table:
    table = _table("tenant", "invoice", "due", "days over>", "open>", "balance>")
    for account in accounts:
        opened = sum(item["open_pusd"] for item in account["items"])
        balance = _amount(opened - account["unallocated_pusd"])
        for item in account["items"]:
            late = str(item["overdue_days"]) if item["overdue_days"] else ""
            cells = (item["document"], item["due"], late, _amount(item["open_pusd"]))
            table.add_row(Text(account["tenant"]), *cells, balance)
            balance = ""
        if not account["items"] and not account["unallocated_pusd"]:
            table.add_row(Text(account["tenant"]), "nothing is open", "", "", "", balance)
        if account["unallocated_pusd"]:
            rest = _amount(-account["unallocated_pusd"])
            table.add_row(Text(account["tenant"]), "not allocated", "", "", rest, balance)
    return table


def _payments_table(found: list[dict[str, Any]]) -> Table:
    table = _table("payment", "tenant", "day", "kind", "amount>", "for", "reference")
    for one in found:
        table.add_row(
            *(one["payment"], Text(one["tenant"]), _day(one["at_us"])),
            *(one["kind"].replace("_", " "), _amount(one["amount_pusd"])),
            *(one["document"] or one["returns"] or "", Text(one["reference"])),
        )
    return table


def _amount(pusd: int) -> str:
    """Two places, or as many as the amount has."""
    whole, _, fraction = f"{pusd_to_usd(pusd):,f}".partition(".")
    return f"{whole}.{fraction.rstrip('0').ljust(2, '0')}"


def _day(at_us: int | None) -> str:
    return "never" if at_us is None else f"{datetime.fromtimestamp(at_us / 1e6, UTC):%Y-%m-%d}"


def _table(*headers: str) -> Table:
    """A plain table; a header that ends in ``>`` is aligned to the right."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, collapse_padding=True)
    for header in headers:
        justify: JustifyMethod = "right" if header.endswith(">") else "left"
        whole = header in _WHOLE
        table.add_column(header.rstrip(">"), justify=justify, overflow="fold", no_wrap=whole)
    return table
