"""Prepaid credit that is sold: an invoice with one line, taxed now, and the grant that it buys."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from sqlalchemy import Connection

from wattmill.core.errors import UsageError
from wattmill.core.money import EXPONENTS, PUSD_PER_USD, pusd_per_minor
from wattmill.ledger import chain
from wattmill.ledger.billing import archive, credit, wording
from wattmill.ledger.billing.credit import Credit
from wattmill.ledger.billing.documents import Document, Line
from wattmill.ledger.billing.drafts import period_of
from wattmill.ledger.billing.parties import Parties
from wattmill.ledger.billing.taxes import tax_lines
from wattmill.ledger.periods import month_at


def sell(
    connection: Connection,
    parties: Parties,
    amount_pusd: int,
    *,
    priority: int,
    expires_us: int | None,
    reference: str,
    now_us: int,
) -> tuple[Credit, Document]:
    """Invoice an amount of credit (net of tax) and grant it, in the transaction of ``connection``.

    ``UsageError`` when it is no whole number of minor units, or the tenant is a reseller's client.
    """
    require_whole(amount_pusd, parties.currency)
    if parties.issuer is not None:
        raise UsageError(
            f"{parties.tenant} buys from {parties.issuer}, not from this site",
            hint=f"wattmill credit grant {parties.issuer}, or give it as --gift",
        )
    stored = archive.enter(connection, _invoice(connection, parties, amount_pusd, now_us), now_us)
    bought = credit.grant(
        connection,
        parties.tenant,
        amount_pusd,
        priority=priority,
        expires_us=expires_us,
        source="bought",
        reference=reference,
        document=stored.document.number,
        now_us=now_us,
    )
    return bought, stored.document


def require_whole(amount_pusd: int, currency: str) -> None:
    """``UsageError`` for an amount that nobody can pay: finer than the currency's minor unit."""
    if amount_pusd % pusd_per_minor(currency):
        raise UsageError(
            f"an amount of {currency} has {EXPONENTS[currency]} decimals at the most",
            hint="write it as 500 or 12.50",
        )


def _invoice(connection: Connection, parties: Parties, amount_pusd: int, now_us: int) -> Document:
    last = chain.tail(connection)
    month = month_at(now_us / 1e6, parties.timezone)
    issued = _day(now_us, parties.timezone)
    net = amount_pusd // pusd_per_minor(parties.currency)
    lines = (_line(month.name, amount_pusd, net),)
    taxes = tax_lines(
        lines, 0, lambda _: parties.tax_on(issued), parties.currency, parties.rounding
    )
    tax = sum(line.amount_minor for line in taxes)
    return Document(
        kind="invoice",
        number="credit",
        status="draft",
        issuer=None,
        seller=parties.seller,
        tenant=parties.tenant,
        buyer=parties.buyer,
        period=period_of(month, parties.timezone),
        issued=issued,
        due=issued + timedelta(days=parties.seller.payment_terms_days),
        currency=parties.currency,
        exponent=EXPONENTS[parties.currency],
        rounding=parties.rounding,
        lines=lines,
        credit=(),
        taxes=taxes,
        net_minor=net,
        taxable_minor=net,
        tax_minor=tax,
        total_minor=net + tax,
        exact_pusd=amount_pusd,
        coverage=(),
        up_to_block=last.number,
        chain_hash=last.hash.hex(),
    )


def _line(month: str, amount_pusd: int, net_minor: int) -> Line:
    return Line(
        key="credit",
        month=month,
        kind="credit",
        text=wording.PREPAID,
        quantity=Decimal(1),
        unit="USD",
        unit_price=Decimal(amount_pusd) / PUSD_PER_USD,
        amount_pusd=amount_pusd,
        amount_minor=net_minor,
    )


def _day(now_us: int, timezone: str) -> date:
    return datetime.fromtimestamp(now_us / 1e6, UTC).astimezone(ZoneInfo(timezone)).date()
