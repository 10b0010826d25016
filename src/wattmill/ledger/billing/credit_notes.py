"""What takes an invoice back: wholly (it is void then, and its months are open again), or line by line.

Pure. Amounts are cumulative: after each credit note, what is left of the lines, of the tax and of the
total is what an invoice over the rest would have said, so nothing is lost to rounding and an invoice
that was credited bit by bit ends at zero.
"""

from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from fractions import Fraction

import msgspec

from wattmill.core.errors import UsageError
from wattmill.core.money import pusd_per_minor, round_to_minor, split
from wattmill.ledger.billing.credit import give_back
from wattmill.ledger.billing.documents import CreditDraw, Document, Facts, Line, TaxLine


def credit_note(
    invoice: Document,
    notes: Sequence[Document],
    amounts: Mapping[int, int | None] | None,
    *,
    reason: str,
    issued: date,
    up_to_block: int,
    chain_hash: str,
) -> Document:
    """A draft that takes lines of an issued invoice back; ``notes`` are its earlier credit notes.

    ``amounts``: by index of the line, so many minor units of it, or ``None`` for all that is left.
    Without them it takes back everything that is left and makes the invoice void. ``UsageError`` for
    a line that is not there, and for more than is left of one.
    """
    _require_final(invoice)
    wanted = dict.fromkeys(range(len(invoice.lines))) if amounts is None else amounts
    lines = tuple(
        line
        for index, amount in sorted(wanted.items())
        if (line := _credited(invoice, notes, index, amount)) is not None
    )
    net = sum(line.amount_minor for line in lines)
    credit = _given_back(invoice, notes, -net)
    taxes = _taxes(invoice, notes, lines, credit)
    taxable = net - sum(draw.amount_minor for draw in credit)
    tax = sum(line.amount_minor for line in taxes)
    return msgspec.structs.replace(
        invoice,
        kind="credit_note" if invoice.kind == "invoice" else "invoice",
        number=f"credit of {invoice.number}",
        status="draft",
        issued=issued,
        due=issued,
        lines=lines,
        credit=credit,
        taxes=taxes,
        net_minor=net,
        taxable_minor=taxable,
        tax_minor=tax,
        total_minor=taxable + tax,
        exact_pusd=sum(line.amount_pusd for line in lines),
        coverage=(),
        up_to_block=up_to_block,
        chain_hash=chain_hash,
        facts=Facts(),
        clients=(),
        credits=invoice.number,
        cancels=amounts is None,
        reason=reason,
        notes=(),
    )


def _require_final(invoice: Document) -> None:
    if invoice.status == "void":
        raise UsageError(f"{invoice.number} is void already", hint="wattmill invoices list")
    if invoice.credits is not None:
        raise UsageError(
            f"{invoice.number} is itself a credit note, on {invoice.credits}",
            hint="issue the month again, or a new invoice",
        )


# --- lines ----------------------------------------------------------------------------------------


def _credited(
    invoice: Document, notes: Sequence[Document], index: int, amount_minor: int | None
) -> Line | None:
    """The line of the credit note; ``None`` where nothing is left to take back."""
    if not 0 <= index < len(invoice.lines):
        raise UsageError(
            f"{invoice.number} has no line {index + 1}",
            hint=f"wattmill invoices show {invoice.number}",
        )
    line = invoice.lines[index]
    before = [one for note in notes for one in note.lines if one.credits_line == index]
    left_minor = line.amount_minor + sum(one.amount_minor for one in before)
    left_pusd = line.amount_pusd + sum(one.amount_pusd for one in before)
    left_tokens = line.tokens + sum(one.tokens for one in before)
    left_quantity = line.quantity + sum(one.quantity for one in before)
    if amount_minor is None or amount_minor == left_minor:
        if not (left_minor or left_pusd):
            return None
        figures = {
            "amount_minor": -left_minor,
            "amount_pusd": -left_pusd,
            "quantity": -left_quantity,
        }
        figures["tokens"] = -left_tokens
    else:
        _require_less(invoice, index, amount_minor, left_minor)
        pusd = amount_minor * pusd_per_minor(invoice.currency)
        figures = {
            "amount_minor": -amount_minor,
            "amount_pusd": -pusd,
            "quantity": Decimal(0),
            "tokens": 0,
        }
    return msgspec.structs.replace(line, credits_line=index, **figures)


def _require_less(invoice: Document, index: int, amount_minor: int, left_minor: int) -> None:
    low, high = sorted((0, left_minor))
    if not low <= amount_minor <= high or not amount_minor:
        raise UsageError(
            f"line {index + 1} of {invoice.number} has {left_minor} left to credit (in the smallest "
            f"units of {invoice.currency}), not {amount_minor}",
            hint=f"wattmill invoices show {invoice.number}",
        )


# --- prepaid credit -------------------------------------------------------------------------------


def _given_back(
    invoice: Document, notes: Sequence[Document], credited_minor: int
) -> tuple[CreditDraw, ...]:
    """What goes back to grants: first is credited what was to be paid, then what credit had paid."""
    before_minor = -sum(note.net_minor for note in notes)
    returned: dict[str, int] = {}
    for draw in (draw for note in notes for draw in note.credit):
        returned[draw.grant] = returned.get(draw.grant, 0) - draw.amount_minor
    owed = max(0, before_minor + credited_minor - invoice.taxable_minor)
    return give_back(invoice.credit, returned, owed - sum(returned.values()))


# --- tax ------------------------------------------------------------------------------------------


def _taxes(
    invoice: Document,
    notes: Sequence[Document],
    lines: Sequence[Line],
    credit: Sequence[CreditDraw],
) -> tuple[TaxLine, ...]:
    bases = _bases(invoice.taxes, lines, -sum(draw.amount_minor for draw in credit))
    is_rest = _is_rest(invoice, notes, lines)
    return tuple(
        taken
        for place, tax in enumerate(invoice.taxes)
        if (taken := _tax_back(invoice, notes, tax, None if is_rest else bases[place]))
    )


def _bases(taxes: Sequence[TaxLine], lines: Sequence[Line], returned_minor: int) -> list[int]:
    """What these lines take off the base of each tax line: positive, and less what grants get back."""
    sums = [-sum(line.amount_minor for line in lines if line.month in tax.months) for tax in taxes]
    weights = [max(0, base) for base in sums]
    if not any(weights):
        return sums
    backs = split(returned_minor, weights)
    return [base - back for base, back in zip(sums, backs, strict=True)]


def _is_rest(invoice: Document, notes: Sequence[Document], lines: Sequence[Line]) -> bool:
    """Whether nothing is left of any line after these."""
    left = [line.amount_minor for line in invoice.lines]
    for line in (*lines, *(one for note in notes for one in note.lines)):
        assert line.credits_line is not None, line
        left[line.credits_line] += line.amount_minor
    return not any(left)


def _tax_back(
    invoice: Document, notes: Sequence[Document], tax: TaxLine, base_minor: int | None
) -> TaxLine | None:
    """The tax on what is left before, less the tax on what is left after; all of it without a base."""
    alike = [
        one
        for note in notes
        for one in note.taxes
        if (one.jurisdiction, one.rate, one.months) == (tax.jurisdiction, tax.rate, tax.months)
    ]
    base_left = tax.base_minor + sum(one.base_minor for one in alike)
    amount_left = tax.amount_minor + sum(one.amount_minor for one in alike)
    base = base_left if base_minor is None else base_minor
    rest = Fraction(tax.rate) * (base_left - base) * pusd_per_minor(invoice.currency)
    after = 0 if base_minor is None else round_to_minor(rest, invoice.currency, invoice.rounding)
    if not base and amount_left == after:
        return None
    return msgspec.structs.replace(tax, base_minor=-base, amount_minor=after - amount_left)
