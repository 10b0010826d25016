"""Documents for tests of what is pure."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

from wattmill.catalog.factory import Seller
from wattmill.core.money import EXPONENTS, pusd_per_minor, round_to_minor
from wattmill.ledger.billing.documents import CreditDraw, Document, Line, Period, TaxLine
from wattmill.ledger.usage import Identity

NOVEMBER = Period(
    "2026-11", "UTC", datetime(2026, 11, 1, tzinfo=UTC), datetime(2026, 12, 1, tzinfo=UTC)
)


def made_line(exact_pusd: int, currency: str = "EUR", **fields: Any) -> Line:
    """A line of usage that was rated at so many pUSD."""
    said: dict[str, Any] = {
        "key": f"usage {exact_pusd}",
        "month": "2026-11",
        "kind": "usage",
        "text": "Output tokens",
        "quantity": Decimal(1),
        "unit": "Mtok",
        "amount_pusd": exact_pusd,
        "amount_minor": round_to_minor(exact_pusd, currency),
    }
    return Line(**{**said, **fields})


def made_invoice(
    *lines: Line,
    rate: str = "0.19",
    credit: tuple[CreditDraw, ...] = (),
    currency: str = "EUR",
    **fields: Any,
) -> Document:
    """A final invoice over these lines, taxed at one rate."""
    net = sum(line.amount_minor for line in lines)
    taxable = net - sum(draw.amount_minor for draw in credit)
    months = tuple(dict.fromkeys(line.month for line in lines))
    exact_tax = Fraction(Decimal(rate)) * taxable * pusd_per_minor(currency)
    tax = TaxLine(
        "DE", "standard", Decimal(rate), months, taxable, round_to_minor(exact_tax, currency)
    )
    issued = fields.pop("issued", date(2026, 12, 1))
    said: dict[str, Any] = {
        "kind": "invoice",
        "number": "INV-00001",
        "status": "final",
        "issuer": None,
        "seller": Seller(),
        "tenant": "acme",
        "buyer": Identity(),
        "period": NOVEMBER,
        "issued": issued,
        "due": issued + timedelta(days=14),
        "currency": currency,
        "exponent": EXPONENTS[currency],
        "rounding": "half_up",
        "lines": lines,
        "credit": credit,
        "taxes": (tax,),
        "net_minor": net,
        "taxable_minor": taxable,
        "tax_minor": tax.amount_minor,
        "total_minor": taxable + tax.amount_minor,
        "exact_pusd": sum(line.amount_pusd for line in lines),
        "coverage": (),
        "up_to_block": 1,
        "chain_hash": "00",
    }
    return Document(**{**said, **fields})
