"""How money, months and meters are written for people; never to compute with."""

from collections.abc import Iterator, Sequence
from datetime import date
from itertools import groupby

from wattmill.core.money import PUSD_PER_UUSD, format_cents, pusd_to_usd
from wattmill.ledger.invoice import Invoice, InvoiceLine, Period, Tally

METER_WORDS = {
    "input_uncached": "Input tokens",
    "input_cached": "Input tokens, cached",
    "cache_write": "Input tokens, written to cache",
    "output_text": "Output tokens",
    "output_reasoning": "Output tokens, reasoning",
    "audio_in": "Audio input tokens",
    "audio_out": "Audio output tokens",
    "image_in": "Image input tokens",
}
NOTHING_USED = "No usage is charged for this month."
SOURCE_WORDS = {
    "engine": "by the engine",
    "counted": "by the gateway",
    "estimated": "by estimate",
}


def exact_usd(pusd: int) -> str:
    """Every digit of an amount, with two places or more: ``1,234.50``, ``0.0375``."""
    whole, _, fraction = f"{pusd_to_usd(pusd):,f}".partition(".")
    return f"{whole}.{fraction.rstrip('0').ljust(2, '0')}"


def by_model(
    lines: Sequence[InvoiceLine],
) -> Iterator[tuple[tuple[str, str], list[tuple[str, str, str, str]]]]:
    """Lines of one model at one price under one heading (model, price), as they are printed:
    meter, tokens, USD per million tokens, USD."""
    priced = zip(lines, _prices_usd(lines), strict=True)
    for heading, members in groupby(priced, lambda pair: _heading(pair[0])):
        yield heading, [_row(line, price) for line, price in members]


def _heading(line: InvoiceLine) -> tuple[str, str]:
    return line.model, f"{line.plan} v{line.price_version}"


def _row(line: InvoiceLine, price: str) -> tuple[str, str, str, str]:
    cents = format_cents(line.amount_cents)
    return METER_WORDS[line.meter], f"{line.quantity:,}", price, cents


def _prices_usd(lines: Sequence[InvoiceLine]) -> list[str]:
    """USD per million tokens, exactly, all with as many places as the finest needs."""
    exact = [exact_usd(line.uusd_per_mtok * PUSD_PER_UUSD) for line in lines]
    places = [len(price.partition(".")[2]) for price in exact]
    most = max(places, default=2)
    return [price + "0" * (most - own) for price, own in zip(exact, places, strict=True)]


def day(when: date) -> str:
    """``1 November 2026``."""
    return f"{when.day} {when:%B %Y}"


def period(of: Period) -> str:
    """``1 to 30 November 2026``."""
    return f"{of.start.day} to {day(of.last_day)}"


def one_line(text: str) -> str:
    """Text without what could steer a terminal or break a line."""
    return "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in text)


def remarks(invoice: Invoice) -> list[str]:
    """What a reader should know besides the lines, as sentences."""
    said = [
        _preview(invoice),
        _counted(invoice),
        _uncharged("Not charged", invoice.waived, "whose delivery was never confirmed"),
        _uncharged("Not charged yet", invoice.pending, "whose delivery is still to be confirmed"),
        _voided(invoice.voided),
        _rounding(invoice),
    ]
    return [sentence for sentence in said if sentence]


def _preview(invoice: Invoice) -> str:
    return "The month is not over: this is a preview." if invoice.is_preview else ""


def _counted(invoice: Invoice) -> str:
    if not invoice.charged.requests:
        return ""
    parts = [
        f"{tally.tokens:,} {SOURCE_WORDS[source]}" for source, tally in invoice.sources.items()
    ]
    return f"{_requests(invoice.charged)}. Tokens counted: {', '.join(parts)}."


def _uncharged(standing: str, tally: Tally, why: str) -> str:
    if not tally.requests:
        return ""
    return f"{standing}: {_requests(tally)} ({exact_usd(tally.amount_pusd)} USD) {why}."


def _voided(tally: Tally) -> str:
    return f"Ended without a charge: {_requests(tally)}." if tally.requests else ""


def _rounding(invoice: Invoice) -> str:
    if not invoice.lines:
        return ""
    rule = invoice.rounding.replace("_", " ")
    exact = exact_usd(invoice.exact_pusd)
    return (
        f"Each line is rounded to the cent once ({rule}); before rounding the sum is {exact} USD."
    )


def _requests(tally: Tally) -> str:
    return f"{tally.requests:,} request{'' if tally.requests == 1 else 's'}"
