"""What is owed: invoices less credit notes and payments, and how long they have been due.

Pure. A payment that names an invoice pays it; every other amount a tenant has with us (payments that name
none, what was paid too much, credit notes on what was paid already) pays its oldest due invoices
first. Open items less what is unallocated are the balance of the tenant's receivable account.
"""

from collections.abc import Iterable, Sequence
from datetime import date

from msgspec import Struct

from wattmill.core.money import pusd_per_minor
from wattmill.ledger.billing.documents import Document
from wattmill.ledger.billing.payments import Payment


class OpenItem(Struct, frozen=True):
    """An invoice that is not wholly paid. ``overdue_days`` is 0 until the day after it was due."""

    tenant: str
    document: str
    issued: date
    due: date
    total_pusd: int
    open_pusd: int
    overdue_days: int


class Account(Struct, frozen=True):
    """A tenant's open invoices, and ``unallocated_pusd``: what it has with us beyond them.

    ``balance_pusd`` is what it owes; below zero, what we owe it.
    """

    tenant: str
    items: tuple[OpenItem, ...]
    unallocated_pusd: int

    @property
    def balance_pusd(self) -> int:
        return sum(item.open_pusd for item in self.items) - self.unallocated_pusd


def account(
    tenant: str, documents: Iterable[Document], payments: Iterable[Payment], today: date
) -> Account:
    """Where a tenant stands, from its documents (oldest first) and payments."""
    own = [one for one in documents if one.tenant == tenant and one.issuer is None]
    paid = [one for one in payments if one.tenant == tenant]
    billed = [one for one in own if one.credits is None and one.total_minor > 0]
    remaining, over = _after_named(billed, own, paid)
    opened, unallocated = _after_oldest_first(_by_age(billed), remaining, over)
    items = (_item(one, opened[one.number], today) for one in _by_age(billed) if opened[one.number])
    return Account(tenant, tuple(items), unallocated)


def _after_named(
    billed: Sequence[Document], own: Sequence[Document], paid: Sequence[Payment]
) -> tuple[dict[str, int], int]:
    """What is left of each invoice after its own credit notes and payments; and all other money."""
    remaining = {one.number: _total_pusd(one) for one in billed}
    over = 0
    for one in own:
        if one.number not in remaining:
            over += _reduced(remaining, one.credits, -_total_pusd(one))
    for payment in paid:
        over += _reduced(remaining, payment.document, payment.pays_pusd)
    for number, left in remaining.items():
        if left < 0:
            over, remaining[number] = over - left, 0
    return remaining, over


def _reduced(remaining: dict[str, int], number: str | None, amount_pusd: int) -> int:
    """Take an amount off the invoice it names; what names none comes back."""
    if number not in remaining:
        return amount_pusd
    remaining[number] -= amount_pusd
    return 0


def _after_oldest_first(
    billed: Sequence[Document], remaining: dict[str, int], over: int
) -> tuple[dict[str, int], int]:
    opened = {}
    for one in billed:
        part = max(0, min(over, remaining[one.number]))
        opened[one.number] = remaining[one.number] - part
        over -= part
    return opened, over


def _by_age(billed: Sequence[Document]) -> list[Document]:
    return sorted(billed, key=lambda one: one.due)


def _total_pusd(document: Document) -> int:
    return document.total_minor * pusd_per_minor(document.currency)


def _item(document: Document, open_pusd: int, today: date) -> OpenItem:
    overdue = max(0, (today - document.due).days)
    dates = (document.issued, document.due)
    amounts = (_total_pusd(document), open_pusd)
    return OpenItem(document.tenant, document.number, *dates, *amounts, overdue)
