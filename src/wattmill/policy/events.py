"""What can happen to a request, what can be done about it, and what the decider can see.

A driver (the gateway's event loop, the twin's heap, or a replay) hands an event and a view to ``Lifecycle.on`` and
carries out the actions that it returns. All records are frozen and can be written to a log and read back.
"""

from msgspec import Struct

from wattmill.core.records import Usage
from wattmill.core.roster import Roster


class PoolView(Struct, frozen=True, array_like=True):
    """What is known of a pool from outside; ``None`` is unknown, never 0."""

    up: bool
    running: int | None = None
    waiting: int | None = None


class View(Struct, frozen=True, array_like=True):
    """The pools as they were seen at ``observed_at_s``: as stale as it really is."""

    observed_at_s: float
    pools: dict[str, PoolView]


# --- events ---------------------------------------------------------------------------------------------------------


class RosterChanged(Struct, frozen=True, tag=True, array_like=True):
    at_s: float
    roster: Roster


class Arrived(Struct, frozen=True, tag=True, array_like=True, gc=False):
    """A request with a valid key. ``input_bound`` is at least its prompt's tokens; ``output_bound`` is what the client
    asked for at the most, for all choices together, or ``None``."""

    request: int
    at_s: float
    key: str
    model: str
    stream: bool
    input_bound: int
    output_bound: int | None
    generates: bool = True


class Held(Struct, frozen=True, tag=True, array_like=True, gc=False):
    """The ledger accepted the hold."""

    request: int
    at_s: float


class HoldRefused(Struct, frozen=True, tag=True, array_like=True, gc=False):
    """The ledger refused the hold: a budget or prepaid credit on the way up does not cover it.

    ``limit`` is *budget* (of ``account``, a tenant or the reseller above it), *key_budget* or *credit*.
    """

    request: int
    at_s: float
    remaining_pusd: int
    resets_at_s: float
    account: str = ""
    limit: str = "budget"


class HoldLost(Struct, frozen=True, tag=True, array_like=True, gc=False):
    """The ledger cannot make entries durable (a full disk, say): nothing new is accepted."""

    request: int
    at_s: float
    reason: str


class Streaming(Struct, frozen=True, tag=True, array_like=True, gc=False):
    """The first bytes of the answer are on their way to the client: from here on there is no second try."""

    request: int
    at_s: float


class Finished(Struct, frozen=True, tag=True, array_like=True, gc=False):
    """The engine ended its answer; ``usage`` is its own count where it gave one."""

    request: int
    at_s: float
    usage: Usage


class EngineRefused(Struct, frozen=True, tag=True, array_like=True, gc=False):
    """The engine answered that the request itself is wrong (a 4xx); its words go to the client as they are."""

    request: int
    at_s: float
    status: int


class EngineFailed(Struct, frozen=True, tag=True, array_like=True, gc=False):
    """No connection, a lost one, a 5xx, or an answer that is no answer."""

    request: int
    at_s: float
    reason: str


class ClientGone(Struct, frozen=True, tag=True, array_like=True, gc=False):
    """The client closed its connection after ``delivered`` pieces of the answer were handed to it."""

    request: int
    at_s: float
    delivered: int


class Counted(Struct, frozen=True, tag=True, array_like=True, gc=False):
    """The gateway's own count of what a client that went away had received."""

    request: int
    at_s: float
    usage: Usage


class Settled(Struct, frozen=True, tag=True, array_like=True, gc=False):
    """The settlement is durable."""

    request: int
    at_s: float


class Delivered(Struct, frozen=True, tag=True, array_like=True, gc=False):
    """The end of the answer was handed to the client's connection."""

    request: int
    at_s: float


Event = (
    RosterChanged
    | Arrived
    | Held
    | HoldRefused
    | HoldLost
    | Streaming
    | Finished
    | EngineRefused
    | EngineFailed
    | ClientGone
    | Counted
    | Settled
    | Delivered
)


# --- actions --------------------------------------------------------------------------------------------------------


class Reject(Struct, frozen=True, tag=True, array_like=True, gc=False):
    """Tell the client no: an error answer, or an error at the end of a stream that has begun."""

    request: int
    error: str
    message: str
    retry_after_s: float | None = None


class Hold(Struct, frozen=True, tag=True, array_like=True, gc=False):
    """Reserve the most that the request can cost."""

    request: int
    tenant: str
    key: str
    model: str
    price: int
    amount_pusd: int
    upline: tuple[tuple[str, int, int], ...] = ()
    """For each reseller above the tenant: its name, its price, and the most it can pay."""


class Send(Struct, frozen=True, tag=True, array_like=True, gc=False):
    """Send the request to a pool's engine."""

    request: int
    pool: str


class Abort(Struct, frozen=True, tag=True, array_like=True, gc=False):
    """Stop the engine's work on the request."""

    request: int


class Count(Struct, frozen=True, tag=True, array_like=True, gc=False):
    """Count what was delivered; the answer is a ``Counted`` event."""

    request: int


class Settle(Struct, frozen=True, tag=True, array_like=True, gc=False):
    """Charge the usage and free the hold; the answer is a ``Settled`` event."""

    request: int
    pool: str
    usage: Usage
    outcome: str


class Void(Struct, frozen=True, tag=True, array_like=True, gc=False):
    """Free the hold and charge nothing; work already done is our own cost."""

    request: int
    pool: str | None
    reason: str


class Deliver(Struct, frozen=True, tag=True, array_like=True, gc=False):
    """Give the client the end of its answer; the answer is a ``Delivered`` event."""

    request: int


class Confirm(Struct, frozen=True, tag=True, array_like=True, gc=False):
    """Enter the delivery in the books: from here on the charge stands."""

    request: int


class Waive(Struct, frozen=True, tag=True, array_like=True, gc=False):
    """The settlement stays in the books, its charge is dropped: the answer never reached the client."""

    request: int
    reason: str


Action = Reject | Hold | Send | Abort | Count | Settle | Void | Deliver | Confirm | Waive
