"""How money, months and lines are written for people; never to compute with."""

from collections.abc import Iterator, Sequence
from datetime import date
from decimal import Decimal
from itertools import groupby

from wattmill.core.money import format_minor, pusd_to_usd
from wattmill.ledger.billing.documents import Document, Line, Period, Tally, TaxLine
from wattmill.ledger.billing.wording import number
from wattmill.tariff.charges import CLOSING

NOTHING_USED = "No usage is charged for this month."
SOURCE_WORDS = {
    "engine": "by the engine",
    "counted": "by the gateway",
    "estimated": "by estimate",
    "corrected": "corrected afterwards",
}
KIND_WORDS = {"invoice": "Invoice", "credit_note": "Credit note"}
STATUS_WORDS = {"draft": "Draft", "final": "", "void": "Cancelled"}
UNIT_WORDS = {"Mtok": "tokens", "seat-month": "seats × months", "tier": ""}
PRICE_WORDS = {
    "Mtok": "/ million",
    "package": "/ package",
    "month": "/ month",
    "seat-month": "/ seat and month",
}
ALL_MODELS = "All models"
OTHER = "Fees and adjustments"


# --- money ----------------------------------------------------------------------------------------


def exact_usd(pusd: int) -> str:
    """Every digit of an amount, with two places or more: ``1,234.50``, ``0.0375``."""
    return _two_places(f"{pusd_to_usd(pusd):,f}")


def amount(minor: int, document: Document) -> str:
    """An amount of a document in its currency: ``1,234.50``, ``−12.00``."""
    return format_minor(minor, document.currency).replace("-", "−")


def percent(share: Decimal) -> str:
    """``19`` of 0.19, ``8.1`` of 0.081: every digit that is there and none that is not."""
    whole, _, fraction = f"{100 * share:f}".partition(".")
    fraction = fraction.rstrip("0")
    return f"{whole}.{fraction}" if fraction else whole


def tax_text(tax: TaxLine) -> str:
    """``Tax DE, 19 % of 1,000.00`` without the base."""
    return f"Tax {tax.jurisdiction}, {percent(tax.rate)} %"


# --- lines ----------------------------------------------------------------------------------------


def line_text(line: Line) -> str:
    """A line by itself: with its model."""
    return f"{line.model}: {line.text}" if line.model else line.text


def by_model(
    lines: Sequence[Line],
) -> Iterator[tuple[tuple[str, str], list[tuple[str, str, str, Line]]]]:
    """Neighbouring lines of one model and plan, of one month if late, under one heading (model, plan and
    month), each as it is printed (text, quantity, price) and as it is."""
    for heading, members in groupby(lines, _heading):
        own = list(members)
        prices = _prices(own)
        rows = [
            (line.text, quantity(line), price, line)
            for line, price in zip(own, prices, strict=True)
        ]
        yield heading, rows


def _heading(line: Line) -> tuple[str, str]:
    plan = f"{line.plan} v{line.plan_version}" if line.plan else ""
    late = f"late: {month(line.month)}" if line.is_late else ""
    pool = f"on {line.pool}" if line.pool else ""
    name = line.model or (ALL_MODELS if line.meters else OTHER)
    return name, " · ".join(part for part in (plan, pool, late) if part)


def quantity(line: Line) -> str:
    """``1,234,567 tokens``, ``3 seats × months``; empty for amounts of money."""
    if line.unit == "USD" or line.unit_price is None:
        return ""
    if line.unit == "Mtok":
        return f"{round(line.quantity * 10**6):,} tokens".replace("-", "−")
    unit = UNIT_WORDS.get(line.unit, line.unit)
    plural = "" if line.quantity == 1 or unit not in ("month", "package") else "s"
    return f"{number(line.quantity)} {unit}{plural}".rstrip().replace("-", "−")


def _prices(lines: Sequence[Line]) -> list[str]:
    """Prices exactly, those by the million with as many places as the finest of them needs."""
    texts = [_price(line) for line in lines]
    by_million = [line.unit == "Mtok" for line in lines]
    places = max(
        (
            len(text.partition(".")[2])
            for text, is_it in zip(texts, by_million, strict=True)
            if is_it
        ),
        default=2,
    )
    return [
        f"{_padded(text, places if is_it else 2)} {PRICE_WORDS.get(line.unit, '')}".rstrip()
        if text
        else ""
        for text, is_it, line in zip(texts, by_million, lines, strict=True)
    ]


def _price(line: Line) -> str:
    if line.unit_price is None or line.unit == "USD":
        return ""
    return _two_places(f"{line.unit_price:,f}")


def _padded(text: str, places: int) -> str:
    whole, _, fraction = text.partition(".")
    return f"{whole}.{fraction.ljust(places, '0')}"


def _two_places(text: str) -> str:
    whole, _, fraction = text.partition(".")
    return f"{whole}.{fraction.rstrip('0').ljust(2, '0')}"


# --- time -----------------------------------------------------------------------------------------


def day(when: date) -> str:
    """``1 November 2026``."""
    return f"{when.day} {when:%B %Y}"


def month(name: str) -> str:
    """``November 2026`` of ``2026-11``."""
    return f"{date.fromisoformat(name + '-01'):%B %Y}"


def period(of: Period) -> str:
    """``1 to 30 November 2026``."""
    return f"{of.start.day} to {day(of.last_day)}"


def one_line(text: str) -> str:
    """Text without what could steer a terminal or break a line."""
    return "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in text)


# --- what the document is, and what its reader should know -------------------------------------------


def kind(document: Document) -> str:
    """``Invoice`` or ``Credit note``."""
    return KIND_WORDS[document.kind]


def sums(document: Document) -> list[tuple[str, str]]:
    """From the lines to the total, as label and amount; without lines that would say nothing."""
    found: list[tuple[str, str]] = []
    if document.credit or document.taxes:
        found.append(("Net", amount(document.net_minor, document)))
    found += [
        (_draw_text(document), amount(-document.credit_minor, document))
        for _ in document.credit[:1]
    ]
    found += [
        (
            f"{tax_text(tax)} of {amount(tax.base_minor, document)}",
            amount(tax.amount_minor, document),
        )
        for tax in document.taxes
    ]
    return found


def _draw_text(document: Document) -> str:
    return "Prepaid credit given back" if document.credit_minor < 0 else "Paid from prepaid credit"


def terms(document: Document, open_minor: int | None = None) -> str:
    """When it is to be paid, and what is left of it where that is known (``open_minor``)."""
    if document.kind == "credit_note":
        about = f" for invoice {document.credits}" if document.credits else ""
        return f"This amount{about} is credited to your account. Nothing is to be paid."
    if document.total_minor <= 0:
        return "Nothing is to be paid."
    if open_minor is not None and open_minor < document.total_minor:
        return _paid(document, open_minor)
    days = document.seller.payment_terms_days
    if not days:
        return "Payable on receipt."
    return f"Payable within {days} day{'' if days == 1 else 's'}, by {day(document.due)}."


def _paid(document: Document, open_minor: int) -> str:
    if open_minor <= 0:
        return "Paid. Nothing is open."
    paid = amount(document.total_minor - open_minor, document)
    still = f"{amount(open_minor, document)} {document.currency}"
    return f"{paid} {document.currency} are paid; {still} are open, due by {day(document.due)}."


def remarks(document: Document) -> list[str]:
    """What a reader should know besides the lines, as sentences."""
    facts = document.facts
    said = [
        _preview(document),
        document.reason and f"Reason: {document.reason}.",
        *dict.fromkeys(tax.note for tax in document.taxes),
        *document.notes,
        _counted(document),
        _uncharged("Not charged", facts.waived, "whose delivery was never confirmed"),
        _uncharged("Not charged yet", facts.pending, "whose delivery is still to be confirmed"),
        _voided(facts.voided),
        _late(document),
        _rounding(document),
        _chain(document),
    ]
    return [sentence for sentence in said if sentence]


def _preview(document: Document) -> str:
    if document.status != "draft":
        return ""
    if document.is_preview:
        return "The month is not over: this is a preview."
    return "A draft: it has no number yet, and is no demand for payment."


def _counted(document: Document) -> str:
    facts = document.facts
    if not facts.charged.requests:
        return ""
    parts = [f"{tally.tokens:,} {SOURCE_WORDS[name]}" for name, tally in facts.sources.items()]
    return f"{_requests(facts.charged)}. Tokens counted: {', '.join(parts)}."


def _uncharged(standing: str, tally: Tally, why: str) -> str:
    if not tally.requests:
        return ""
    return f"{standing}: {_requests(tally)} ({exact_usd(tally.amount_pusd)}) {why}."


def _voided(tally: Tally) -> str:
    return f"Ended without a charge: {_requests(tally)}." if tally.requests else ""


def _late(document: Document) -> str:
    if not any(line.is_late for line in document.lines):
        return ""
    return (
        "Late lines are differences to earlier invoices: usage that was not known yet when they were issued, "
        "and corrections."
    )


def _rounding(document: Document) -> str:
    if not document.lines or document.kind == "credit_note":
        return ""
    rule = document.rounding.replace("_", " ")
    exact = exact_usd(document.exact_pusd)
    closes = any(line.kind in CLOSING for line in document.lines)
    how = ", what closes the month together with what it closes" if closes else ""
    return f"Each line is rounded once ({rule}){how}; before rounding the sum is {exact} {document.currency}."


def _chain(document: Document) -> str:
    if document.status == "draft":
        return ""
    return f"Books up to block {document.up_to_block}, chain hash {document.chain_hash}."


def _requests(tally: Tally) -> str:
    return f"{tally.requests:,} request{'' if tally.requests == 1 else 's'}"
