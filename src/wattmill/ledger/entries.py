"""The entries of the books. They are appended, never changed; a request has at most one of each kind.

``hold`` opens a request; the first of ``settle`` and ``void`` ends it; ``deliver`` or ``waive`` follows a ``settle``.
A request belongs to the moment of its hold (``held_at_s``): that fixes its price, its budget month and its invoice.
Each entry carries what it needs to be understood alone. Amounts are pUSD, times seconds since the epoch.
"""

from msgspec import Struct

from wattmill.core.records import NO_USAGE, Usage

RUN_BITS = 40
"""A request's number is its gateway's run (the number of the first segment that it wrote) and a count within it."""

MAX_AMOUNT_PUSD = 2**63 - 1
"""The largest amount that an entry can carry: about nine million USD."""


class Hop(Struct, frozen=True, array_like=True, gc=False):
    """What a reseller above the tenant pays for the same tokens, at its own buying price."""

    party: str
    price: int
    amount_pusd: int


class Draw(Struct, frozen=True, array_like=True, gc=False):
    """Prepaid credit that a settlement uses up, of whoever was granted it."""

    grant: str
    amount_pusd: int


class Hold(Struct, frozen=True, tag="hold", array_like=True, gc=False):
    """The most that a request may cost, reserved before a byte of it goes to an engine."""

    request: int
    at_s: float
    tenant: str
    key: str
    model: str
    price: int
    amount_pusd: int
    upline: tuple[Hop, ...] = ()


class Settle(Struct, frozen=True, tag="settle", array_like=True, gc=False):
    """What a request used and is charged; it frees the hold.

    ``absorbed_pusd`` is what the usage comes to beyond the charge, because credit does not go below zero. ``draws`` are
    of the tenant and of everybody above it: who reads the entry need not know which grants there were.
    """

    request: int
    at_s: float
    held_at_s: float
    tenant: str
    key: str
    model: str
    pool: str
    price: int
    usage: Usage
    amount_pusd: int
    outcome: str
    upline: tuple[Hop, ...] = ()
    absorbed_pusd: int = 0
    draws: tuple[Draw, ...] = ()


class Void(Struct, frozen=True, tag="void", array_like=True, gc=False):
    """The request ended without a charge; it frees the hold."""

    request: int
    at_s: float
    held_at_s: float
    tenant: str
    key: str
    model: str
    pool: str | None
    reason: str
    usage: Usage = NO_USAGE


class Deliver(Struct, frozen=True, tag="deliver", array_like=True, gc=False):
    """The client has its whole answer: the charge stands."""

    request: int
    at_s: float


class Waive(Struct, frozen=True, tag="waive", array_like=True, gc=False):
    """The settlement stands, its charge (``amount_pusd``, as it was) is dropped: delivery was never confirmed."""

    request: int
    at_s: float
    held_at_s: float
    tenant: str
    amount_pusd: int
    reason: str


Entry = Hold | Settle | Void | Deliver | Waive
"""Any entry."""
