"""What is sent to a customer: invoices and credit notes, as frozen values.

A *draft* is computed from the books and never stored. A document that was *issued* has a number and
never changes; a credit note takes some or all of it back. Amounts that people pay are whole
``_minor`` units of the currency (cents; ``exponent`` says how many of its digits are behind the
point); what was rated is kept beside them to the pUSD.
"""

from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Literal

from msgspec import Struct

from wattmill.catalog.factory import Seller
from wattmill.ledger.usage import Identity
from wattmill.tariff.charges import Kind

DocumentKind = Literal["invoice", "credit_note"]
Status = Literal["draft", "final", "void"]
"""``void``: issued, and later cancelled as a whole by a credit note."""

LineKind = Kind | Literal["absorbed", "credit"]
"""The kinds of charges, and two more. ``absorbed``: usage not charged because prepaid credit must not
go below zero (negative). ``credit``: prepaid credit that is being bought."""


class Line(Struct, frozen=True, kw_only=True):
    """One line. ``amount_minor`` is rounded once, from the exact amount.

    ``key`` tells which lines of two documents are about the same thing. ``is_late`` marks what was
    not known, or rated otherwise, when its month was first invoiced: quantity and amounts are the
    difference, and may be negative. ``unit_price`` is in the currency, for one ``unit``; quantity and
    price are rounded to 12 places where a share of a month has more, the amounts are not. ``tokens`` are
    those that the line is for: over all lines they add up to what was used. ``credits_line`` of a credit
    note is the index of the line that it takes back.
    """

    key: str
    month: str
    kind: LineKind
    text: str
    quantity: Decimal
    unit: str
    amount_pusd: int
    amount_minor: int
    unit_price: Decimal | None = None
    tokens: int = 0
    model: str | None = None
    pool: str | None = None
    plan: str | None = None
    plan_version: int | None = None
    meters: tuple[str, ...] = ()
    band: str | None = None
    is_late: bool = False
    credits_line: int | None = None


class TaxLine(Struct, frozen=True):
    """Tax of one jurisdiction at one rate on what the lines of these months come to.

    ``rate`` is a share (0.19). ``category`` is that of ``tariff.tax``; ``note`` is what the law wants said,
    as for the reverse charge.
    """

    jurisdiction: str
    category: str
    rate: Decimal
    months: tuple[str, ...]
    base_minor: int
    amount_minor: int
    note: str = ""


class CreditDraw(Struct, frozen=True):
    """Prepaid credit that pays a part of the lines; negative where a credit note gives it back."""

    grant: str
    source: Literal["bought", "promotional"]
    amount_minor: int


class Tally(Struct, frozen=True):
    """How many requests, their tokens, and what their settlements said."""

    requests: int = 0
    tokens: int = 0
    amount_pusd: int = 0


class Period(Struct, frozen=True):
    """A month of a calendar: from ``start`` on, up to and without ``end``, on the zone's clock."""

    month: str
    timezone: str
    start: datetime
    end: datetime

    @property
    def last_day(self) -> date:
        """The last day that is in it."""
        return self.end.date() - timedelta(days=1)


class Facts(Struct, frozen=True):
    """The requests of the period, by how they ended, and who counted the tokens of those charged:
    *engine*, *counted*, *estimated*, or *corrected* afterwards.

    ``pending`` is settled, and its delivery neither confirmed nor given up; it is in drafts alone.
    """

    charged: Tally = Tally()
    waived: Tally = Tally()
    voided: Tally = Tally()
    absorbed: Tally = Tally()
    pending: Tally = Tally()
    sources: dict[str, Tally] = {}


class ClientUsage(Struct, frozen=True):
    """What one client of a reseller used, at the reseller's own buying price, before tiers."""

    client: str
    requests: int
    tokens: int
    amount_pusd: int


class Coverage(Struct, frozen=True):
    """A month is invoiced with all that blocks up to ``up_to_block`` know of it."""

    month: str
    up_to_block: int


class Document(Struct, frozen=True, kw_only=True):
    """An invoice or a credit note. All totals are in minor units, and add up:

    ``net_minor`` = Σ lines; ``taxable_minor`` = net − Σ credit; ``total_minor`` = taxable + Σ tax.

    ``number`` is ``INV-00042`` once issued, and a name for the draft before. ``issuer`` is the
    reseller who sends it to its client; ``None`` is the site. ``chain_hash`` is the hex hash of block
    ``up_to_block``: it stands for everything that was in the books by then. ``credits`` is the
    number of the invoice that a credit note takes back, ``cancels`` whether as a whole.
    """

    kind: DocumentKind
    number: str
    status: Status
    issuer: str | None
    seller: Seller
    tenant: str
    buyer: Identity
    period: Period
    issued: date
    due: date
    currency: str
    exponent: int
    rounding: str
    lines: tuple[Line, ...]
    credit: tuple[CreditDraw, ...]
    taxes: tuple[TaxLine, ...]
    net_minor: int
    taxable_minor: int
    tax_minor: int
    total_minor: int
    exact_pusd: int
    coverage: tuple[Coverage, ...]
    up_to_block: int
    chain_hash: str
    facts: Facts = Facts()
    clients: tuple[ClientUsage, ...] = ()
    credits: str | None = None
    cancels: bool = False
    reason: str = ""
    notes: tuple[str, ...] = ()

    @property
    def is_preview(self) -> bool:
        """Whether it was made before the month was over."""
        return self.issued <= self.period.last_day

    @property
    def credit_minor(self) -> int:
        """What prepaid credit pays of it."""
        return sum(draw.amount_minor for draw in self.credit)
