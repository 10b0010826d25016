"""Documents that a test can write in a line, and whose sums are right."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from fractions import Fraction
from typing import Any
from zoneinfo import ZoneInfo

from wattmill.catalog.factory import Seller
from wattmill.core.money import EXPONENTS, round_to_minor
from wattmill.ledger.billing.documents import (
    CreditDraw,
    Document,
    Facts,
    Line,
    Period,
    Tally,
    TaxLine,
)
from wattmill.ledger.usage import Identity

SELLER = Seller(
    name="Millrace Compute GmbH",
    address=("Am Mühlbach 4", "10115 Berlin", "Germany"),
    tax_id="DE811907980",
    email="billing@millrace.example",
    payment_terms_days=14,
    bank=("IBAN DE02 1203 0000 0000 2020 51", "BIC BYLADEM1001"),
)
ACME = Identity(
    ("Acme Dental, Inc.", "1 Main Street", "Albany, NY 12207"),
    "14-1234567",
    "accounts@acme.example",
)
NEW_YORK = "America/New_York"


def period(month: str = "2026-11", timezone: str = NEW_YORK) -> Period:
    zone = ZoneInfo(timezone)
    year, number = map(int, month.split("-"))
    after = (year + number // 12, number % 12 + 1)
    return Period(
        month, timezone, datetime(year, number, 1, tzinfo=zone), datetime(*after, 1, tzinfo=zone)
    )


@dataclass
class Paper:
    """Lines are added one by one; ``made`` adds them up."""

    currency: str = "USD"
    month: str = "2026-11"
    timezone: str = NEW_YORK
    model: str = "house-large"
    plan: str = "msp-standard"
    lines: list[Line] = field(default_factory=list)
    credit: tuple[CreditDraw, ...] = ()
    tax_rate: str | None = None
    tax_note: str = ""

    def tokens(self, meter: str, tokens: int, price: str, **changed: Any) -> Paper:
        """Tokens of one meter at a price per million."""
        quantity, unit_price = Decimal(tokens).scaleb(-6), Decimal(price)
        known: dict[str, Any] = {
            "text": changed.pop("text", METER_TEXT.get(meter, meter)),
            "model": self.model,
            "pool": None,
            "tokens": tokens,
            "meters": (meter,),
            "plan": self.plan,
            "plan_version": 1,
        }
        return self.add("usage", quantity, "Mtok", unit_price, **{**known, **changed})

    def add(
        self,
        kind: str,
        quantity: Decimal | int | str,
        unit: str,
        unit_price: Decimal | str,
        **changed: Any,
    ) -> Paper:
        """Any line: quantity × price is its amount."""
        exact_pusd = Fraction(Decimal(quantity)) * Fraction(Decimal(unit_price)) * 10**12
        fields: dict[str, Any] = {
            "key": f"{kind}|{len(self.lines)}",
            "month": self.month,
            "kind": kind,
            "text": kind,
            "quantity": Decimal(quantity),
            "unit": unit,
            "unit_price": Decimal(unit_price),
            "amount_pusd": round(exact_pusd),
            "amount_minor": round_to_minor(exact_pusd, self.currency),
        }
        self.lines.append(Line(**{**fields, **changed}))
        return self

    def made(self, **changed: Any) -> Document:
        """The document; issued on the first day after its month."""
        net = sum(line.amount_minor for line in self.lines)
        taxable = net - sum(draw.amount_minor for draw in self.credit)
        taxes = self._taxes(taxable)
        tax = sum(line.amount_minor for line in taxes)
        charged = Tally(7, sum(line.tokens for line in self.lines), 0)
        of = period(self.month, self.timezone)
        fields: dict[str, Any] = {
            "kind": "invoice",
            "number": "INV-00042",
            "status": "final",
            "issuer": None,
            "seller": SELLER,
            "tenant": "acme",
            "buyer": ACME,
            "period": of,
            "issued": of.end.date(),
            "due": date.fromordinal(of.end.date().toordinal() + 14),
            "currency": self.currency,
            "exponent": EXPONENTS[self.currency],
            "rounding": "half_up",
            "lines": tuple(self.lines),
            "credit": self.credit,
            "taxes": taxes,
            "net_minor": net,
            "taxable_minor": taxable,
            "tax_minor": tax,
            "total_minor": taxable + tax,
            "exact_pusd": sum(line.amount_pusd for line in self.lines),
            "coverage": (),
            "up_to_block": 1234,
            "chain_hash": "0123456789abcdef" * 4,
            "facts": Facts(charged=charged, sources={"engine": charged}),
        }
        return Document(**{**fields, **changed})

    def _taxes(self, taxable_minor: int) -> tuple[TaxLine, ...]:
        if self.tax_rate is None:
            return ()
        rate = Decimal(self.tax_rate)
        exact = Fraction(rate) * taxable_minor * 10 ** (12 - EXPONENTS[self.currency])
        minor = round_to_minor(exact, self.currency)
        return (
            TaxLine("DE", "standard", rate, (self.month,), taxable_minor, minor, self.tax_note),
        )


METER_TEXT = {
    "input_uncached": "Input tokens",
    "input_cached": "Input tokens, cached",
    "cache_write": "Input tokens, written to cache",
    "output_text": "Output tokens",
    "output_reasoning": "Output tokens, reasoning",
}


def rich_paper() -> Paper:
    """An invoice with everything: tiers, packages, fees, credit, tax, and a late line."""
    paper = Paper(currency="EUR", tax_rate="0.19", credit=(CreditDraw("CR-1", "bought", 25_000),))
    paper.tokens("input_uncached", 1_000_000_000, "0.40", text="Input tokens, up to 1,000 Mtok")
    paper.tokens("input_uncached", 234_567_890, "0.35", text="Input tokens, above 1,000 Mtok")
    paper.tokens("input_cached", 200_000_000, "0.0375")
    paper.tokens("output_text", 345_678_901, "1.60")
    paper.model = "house-small"
    paper.tokens("input_uncached", 88_000_123, "0.10")
    paper.add(
        "package",
        3,
        "package",
        "15",
        text="Packages: Output tokens",
        model="house-small",
        plan="msp-standard",
        plan_version=1,
        tokens=25_000_000,
        meters=("output_text",),
    )
    paper.add("fee", 1, "month", "49", text="Monthly fee", plan="msp-standard", plan_version=1)
    paper.add("seats", "12.5", "seat-month", "8", text="Seats", plan="msp-standard", plan_version=1)
    paper.add(
        "allowance", "-20", "USD", "1", text="Free allowance", plan="msp-standard", plan_version=1
    )
    paper.tokens(
        "output_text", -1_500_000, "1.60", model="house-large", month="2026-10", is_late=True
    )
    return paper
