"""Invoices as rows of FOCUS 1.2 (focus.finops.org), one for each line and tax: what a customer's cost tools read.

- ``BilledCost`` of all rows of an ``InvoiceId`` adds up to what the invoice asks for, to the last minor unit.
- ``PricingQuantity × ContractedUnitPrice`` is ``ContractedCost``, exactly: both factors have an end as decimals, and
  their product is written with every digit. Rounding is the difference to ``BilledCost``.
- What was paid before is billed nothing when it is used: prepaid credit and drawn commitments are taken off the
  ``BilledCost`` of usage (largest remainder), while its ``EffectiveCost`` stays; buying them is billed and has no
  ``EffectiveCost``.
- What is late or credited is a ``Correction``: its charge period is the month of the usage, its billing period the
  invoice's.
- Tokens are consumed in buckets: model, direction and cache are in ``SkuPriceDetails`` by the names of the open
  proposals for AI columns, and as ``x_`` columns.
"""

import csv
import io
import json
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from decimal import Decimal
from functools import cache
from typing import Any

from wattmill.core.money import split
from wattmill.ledger.billing.documents import Document, Line
from wattmill.ledger.export.words import line_text, tax_text
from wattmill.ledger.periods import month_named

COLUMNS = (
    *("AvailabilityZone", "BilledCost", "BillingAccountId", "BillingAccountName"),
    *("BillingAccountType", "BillingCurrency", "BillingPeriodEnd", "BillingPeriodStart"),
    *("CapacityReservationId", "CapacityReservationStatus", "ChargeCategory", "ChargeClass"),
    *("ChargeDescription", "ChargeFrequency", "ChargePeriodEnd", "ChargePeriodStart"),
    *("CommitmentDiscountCategory", "CommitmentDiscountId", "CommitmentDiscountName"),
    *("CommitmentDiscountQuantity", "CommitmentDiscountStatus", "CommitmentDiscountType"),
    *("CommitmentDiscountUnit", "ConsumedQuantity", "ConsumedUnit", "ContractedCost"),
    *("ContractedUnitPrice", "EffectiveCost", "InvoiceId", "InvoiceIssuerName", "ListCost"),
    *("ListUnitPrice", "PricingCategory", "PricingCurrency"),
    *("PricingCurrencyContractedUnitPrice", "PricingCurrencyEffectiveCost"),
    *("PricingCurrencyListUnitPrice", "PricingQuantity", "PricingUnit", "ProviderName"),
    *("PublisherName", "RegionId", "RegionName", "ResourceId", "ResourceName", "ResourceType"),
    *("ServiceCategory", "ServiceName", "ServiceSubcategory", "SkuId", "SkuMeter"),
    *("SkuPriceDetails", "SkuPriceId", "SubAccountId", "SubAccountName", "SubAccountType", "Tags"),
    *("x_ModelId", "x_TokenDirection", "x_TokenCacheAction", "x_UsageMonth"),
)
"""The columns of FOCUS 1.2, then our own; what does not apply is empty."""

Row = dict[str, str]
ListPrice = Callable[[Line], Decimal | None]

METER_WORDS = {
    "input_uncached": ("Input Tokens", "Input", "Uncached"),
    "input_cached": ("Cache Read Input Tokens", "Input", "Read"),
    "cache_write": ("Cache Write Input Tokens", "Input", "Write"),
    "output_text": ("Output Tokens", "Output", ""),
    "output_reasoning": ("Reasoning Output Tokens", "Output", ""),
    "audio_in": ("Audio Input Tokens", "Input", "Uncached"),
    "audio_out": ("Audio Output Tokens", "Output", ""),
    "image_in": ("Image Input Tokens", "Input", "Uncached"),
}
"""SKU meter, token direction and cache action of each meter."""
UNITS = {
    "Mtok": "1000000 Tokens",
    "package": "Packages",
    "month": "Months",
    "seat-month": "Seat-Months",
}
CATEGORIES = {
    **dict.fromkeys(("usage", "package", "tier_fee", "overage"), "Usage"),
    **dict.fromkeys(("fee", "seats", "minimum", "commitment", "credit"), "Purchase"),
    **dict.fromkeys(("allowance", "maximum", "absorbed"), "Credit"),
}
PREPAID = ("commitment", "credit")
"""Kinds of lines that pay for what is used later."""
DRAWN = "drawdown"


def focus_csv(documents: Iterable[Document], list_price: ListPrice | None = None) -> str:
    """A header and the rows of all the documents."""
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, restval="", lineterminator="\n")
    writer.writeheader()
    for document in documents:
        writer.writerows(focus_rows(document, list_price))
    return text.getvalue()


def focus_rows(document: Document, list_price: ListPrice | None = None) -> list[Row]:
    """The rows of one document. ``list_price`` is what a line costs those who negotiated nothing; by default its own
    price."""
    about = _about(document)
    billed = _billed(document)
    priced = list_price or _own_price
    rows = [
        about | _line_row(document, line, minor, priced(line))
        for line, minor in zip(document.lines, billed, strict=True)
        if line.kind != DRAWN
    ]
    return [
        *rows,
        *(about | row for row in _credits(document)),
        *(about | row for row in _taxes(document)),
    ]


def _own_price(line: Line) -> Decimal | None:
    return line.unit_price


def _about(document: Document) -> Row:
    seller = document.seller.name or document.issuer or "unnamed"
    period = document.period
    return {
        "BillingAccountId": document.tenant,
        "BillingAccountName": document.tenant,
        "BillingAccountType": "Tenant",
        "BillingCurrency": document.currency,
        "BillingPeriodStart": _instant(period.start),
        "BillingPeriodEnd": _instant(period.end),
        "ChargeClass": "Correction" if document.kind == "credit_note" else "",
        "InvoiceId": document.number,
        "InvoiceIssuerName": seller,
        "ProviderName": seller,
        "PublisherName": seller,
        "PricingCurrency": document.currency,
        "ServiceCategory": "AI and Machine Learning",
        "ServiceSubcategory": "Generative AI",
        "ServiceName": "LLM Inference",
    }


# --- lines ----------------------------------------------------------------------------------------


def _line_row(document: Document, line: Line, billed_minor: int, list_price: Decimal | None) -> Row:
    billed = _money(billed_minor, document)
    effective = _money(0 if line.kind in PREPAID else line.amount_minor, document)
    row = {
        "BilledCost": _text(billed),
        "EffectiveCost": _text(effective),
        "PricingCurrencyEffectiveCost": _text(effective),
        "ChargeCategory": CATEGORIES[line.kind],
        "ChargeDescription": line_text(line),
        "ChargeFrequency": "Recurring" if line.kind in ("fee", "seats") else "Usage-Based",
        "x_UsageMonth": line.month,
        **_charge_period(line.month, document.period.timezone),
    }
    if line.is_late:
        row["ChargeClass"] = "Correction"
    return row | _priced(document, line, list_price) | _sku(line)


def _priced(document: Document, line: Line, list_price: Decimal | None) -> Row:
    """Quantity, unit and price; for amounts of money, which have none, the amounts alone."""
    exact = _text(Decimal(f"{line.amount_pusd}e-12"))
    if line.unit_price is None or line.unit not in UNITS:
        return {"ContractedCost": exact, "ListCost": exact}
    listed = line.unit_price if list_price is None else list_price
    row = {
        "PricingCategory": "Standard",
        "PricingQuantity": _text(line.quantity),
        "PricingUnit": UNITS[line.unit],
        "ContractedUnitPrice": _text(line.unit_price),
        "ContractedCost": _text(_product(line.quantity, line.unit_price)),
        "ListUnitPrice": _text(listed),
        "ListCost": _text(_product(line.quantity, listed)),
        "PricingCurrencyContractedUnitPrice": _text(line.unit_price),
        "PricingCurrencyListUnitPrice": _text(listed),
    }
    if CATEGORIES[line.kind] == "Usage":
        row |= {"ConsumedQuantity": str(line.tokens), "ConsumedUnit": "Tokens"}
    return row


def _sku(line: Line) -> Row:
    meter, direction, cached = (
        METER_WORDS.get(line.meters[0], ("", "", "")) if line.meters else ("",) * 3
    )
    if len(line.meters) > 1:
        meter, direction, cached = "Tokens", "", ""
    name = line.model or line.kind
    parts = (
        line.plan,
        line.plan_version and f"v{line.plan_version}",
        name,
        *line.meters,
        line.band,
    )
    details = {
        "ModelId": line.model,
        "TokenDirection": direction,
        "TokenCacheAction": cached,
        "x_Pool": line.pool,
        "x_Band": line.band,
    }
    filled = {key: value for key, value in details.items() if value}
    return {
        "ResourceId": line.model or "",
        "ResourceName": line.model or "",
        "ResourceType": "Model" if line.model else "",
        "SkuId": "-".join((name, *line.meters)),
        "SkuMeter": meter,
        "SkuPriceId": "/".join(str(part) for part in parts if part),
        "SkuPriceDetails": json.dumps(filled, sort_keys=True) if filled else "",
        "x_ModelId": line.model or "",
        "x_TokenDirection": direction,
        "x_TokenCacheAction": cached,
    }


def _billed(document: Document) -> list[int]:
    """What each line is billed: less what was paid before, by largest remainder over what there is to pay."""
    drawn = -sum(line.amount_minor for line in document.lines if line.kind == DRAWN)
    bought = sum(draw.amount_minor for draw in document.credit if draw.source == "bought")
    sign = -1 if drawn + bought < 0 else 1
    weights = [
        max(0, sign * line.amount_minor) if _is_payable(line) else 0 for line in document.lines
    ]
    shares = split(drawn + bought, weights) if any(weights) else [0] * len(weights)
    return [line.amount_minor - share for line, share in zip(document.lines, shares, strict=True)]


def _is_payable(line: Line) -> bool:
    return line.kind not in PREPAID and line.kind != DRAWN


def _credits(document: Document) -> Iterator[Row]:
    """Credit that was given, not bought: it lowers the cost itself."""
    for draw in document.credit:
        if draw.source == "bought":
            continue
        amount = _text(_money(-draw.amount_minor, document))
        yield _amount_row(document, "Credit", f"Promotional credit {draw.grant}", amount)


def _taxes(document: Document) -> Iterator[Row]:
    for tax in document.taxes:
        yield _amount_row(document, "Tax", tax_text(tax), _text(_money(tax.amount_minor, document)))


def _amount_row(document: Document, category: str, text: str, amount: str) -> Row:
    costs = (
        "BilledCost",
        "EffectiveCost",
        "ContractedCost",
        "ListCost",
        "PricingCurrencyEffectiveCost",
    )
    return {
        **dict.fromkeys(costs, amount),
        "ChargeCategory": category,
        "ChargeDescription": text,
        "ChargeFrequency": "One-Time",
        "x_UsageMonth": document.period.month,
        **_charge_period(document.period.month, document.period.timezone),
    }


# --- values ---------------------------------------------------------------------------------------


@cache
def _month_bounds(month: str, timezone: str) -> tuple[str, str]:
    of = month_named(month, timezone)
    start, end = (datetime.fromtimestamp(at_s, UTC) for at_s in (of.start_s, of.end_s))
    return _instant(start), _instant(end)


def _charge_period(month: str, timezone: str) -> Row:
    start, end = _month_bounds(month, timezone)
    return {"ChargePeriodStart": start, "ChargePeriodEnd": end}


def _instant(when: datetime) -> str:
    return when.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _money(minor: int, document: Document) -> Decimal:
    return Decimal(f"{minor}e-{document.exponent}")


def _product(one: Decimal, other: Decimal) -> Decimal:
    """Exactly, however long: a context would round at 28 digits."""
    (a, m), (b, n) = _scaled(one), _scaled(other)
    return Decimal(f"{a * b}e{m + n}")


def _scaled(value: Decimal) -> tuple[int, int]:
    sign, digits, exponent = value.as_tuple()
    assert isinstance(exponent, int)
    whole = int("".join(map(str, digits)) or "0")
    return (-whole if sign else whole), exponent


def _text(value: Any) -> str:
    text = f"{value:f}"
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return "0" if text == "-0" else text
