"""What comes into the books besides requests: one frozen record each, in a block of its own.

A record is never changed. Its bytes in the table ``record`` are what the chain of blocks is over; the
tables ``correction``, ``payment``, ``credit_grant`` … say the same by column. A field is never
renamed or given another meaning; a new one has a default.
"""

from typing import Literal

import msgspec
from msgspec import Struct

CreditSource = Literal["bought", "promotional"]


class PlanChanged(Struct, frozen=True, kw_only=True, tag="plan_changed"):
    """A tenant went from the rate plan that it ``was`` on to another; fees are by the time on each."""

    tenant: str
    was: str
    plan: str
    from_us: int


class Correction(Struct, frozen=True, kw_only=True, tag="correction"):
    """Tokens and charge to be added to a tenant's usage at ``held_us``; both may be negative.

    ``meters`` in the order of ``METERS``; ``amount_pusd`` at the price. ``request`` is the one that
    it corrects, ``None`` when it corrects no single one.
    """

    tenant: str
    held_us: int
    model: str
    pool: str | None
    price: int
    meters: tuple[int, ...]
    amount_pusd: int
    request: int | None
    reason: str


class CreditGranted(Struct, frozen=True, kw_only=True, tag="credit_granted"):
    """Prepaid credit. ``document`` is the invoice it was bought with; ``None`` when it was given.

    A smaller ``priority`` is used up first, then what expires sooner, then the smaller id.
    """

    grant: str
    tenant: str
    amount_pusd: int
    priority: int
    granted_us: int
    expires_us: int | None
    source: CreditSource
    reference: str = ""
    document: str | None = None


class CreditExpired(Struct, frozen=True, kw_only=True, tag="credit_expired"):
    """What was left of a grant when it expired."""

    grant: str
    tenant: str
    amount_pusd: int
    source: CreditSource


class CreditCancelled(Struct, frozen=True, kw_only=True, tag="credit_cancelled"):
    """The invoice that a grant was bought with is void, or a gift was taken back."""

    grant: str
    tenant: str
    amount_pusd: int
    reason: str


class DocumentIssued(Struct, frozen=True, kw_only=True, tag="document_issued"):
    """An invoice or credit note got its number. ``body_sha256`` is over the stored body, in hex."""

    series: str
    number: int
    kind: Literal["invoice", "credit_note"]
    tenant: str
    month: str
    issued_us: int
    body_sha256: str


class PaymentReceived(Struct, frozen=True, kw_only=True, tag="payment_received"):
    """Money came in. ``document`` is the invoice it names; ``None`` pays the oldest first."""

    payment: str
    tenant: str
    amount_pusd: int
    received_us: int
    reference: str = ""
    document: str | None = None


class PaymentReturned(Struct, frozen=True, kw_only=True, tag="payment_returned"):
    """Money went back: ``returns`` names the payment that bounced; ``None`` is a refund.

    ``document`` is the invoice that the bounced payment had named.
    """

    payment: str
    tenant: str
    amount_pusd: int
    returned_us: int
    returns: str | None = None
    reference: str = ""
    document: str | None = None


class DebtWrittenOff(Struct, frozen=True, kw_only=True, tag="debt_written_off"):
    """Nobody expects this part of an invoice to be paid any more."""

    payment: str
    tenant: str
    amount_pusd: int
    written_off_us: int
    document: str
    reason: str


class TenantSum(Struct, frozen=True, kw_only=True):
    """What a tenant's requests of one state add up to; ``meters`` in the order of ``METERS``."""

    tenant: str
    state: str
    requests: int
    meters: tuple[int, ...]
    amount_pusd: int
    absorbed_pusd: int


class BlockRange(Struct, frozen=True, kw_only=True):
    """Blocks of requests from ``first`` to ``last``; ``hash`` is that of the last, in hex."""

    first: int
    last: int
    hash: str


class DetailsRetired(Struct, frozen=True, kw_only=True, tag="details_retired"):
    """The rows of these blocks' requests are gone. Each was held against its block's digest before it went.

    ``before`` is the month before which they were held, ``requests`` how many there were, ``resales`` how many rows of
    ``resale`` there were of them. ``sums_sha256`` is over what is kept of them (``retention.tables``), in hex.
    """

    before: str
    blocks: tuple[BlockRange, ...]
    requests: int
    resales: int
    sums: tuple[TenantSum, ...]
    sums_sha256: str
    retired_us: int
    by: str


Record = (
    PlanChanged
    | Correction
    | CreditGranted
    | CreditExpired
    | CreditCancelled
    | DocumentIssued
    | PaymentReceived
    | PaymentReturned
    | DebtWrittenOff
    | DetailsRetired
)

_decoder: msgspec.json.Decoder[Record] = msgspec.json.Decoder(Record)


def decode_record(body: bytes) -> Record:
    """The record in the bytes of a block; ``msgspec.DecodeError`` when they are none."""
    return _decoder.decode(body)
