"""What leaves the books, exactly once: a transactional outbox.

A message is written in the transaction of the fact that it tells (``put``), under an id that follows from what it
says, so that telling a fact twice is telling it once. Delivering (``Outbox.deliver_due``) has three steps: note that
it is being sent, send, note what came of it. Whatever is killed in between, the notes say what may have happened:

- **Within the time for which the receiver remembers a key** the message is sent again under the same idempotency key.
- **After it** the same key would make a second delivery, and where the receiver repeats a failure for a key
  (``spent``) it makes none. Then nothing is sent until the last request is surely over (``settles_s``), and after
  that under a new key.
- **Who sends again looks first**: every attempt but the first finds what is there already and adds what is missing.
- **Delivered is for ever**: our note outlives the receiver's memory, and a delivered message is never sent again.

A failure waits longer each time (doubling, with jitter, at most an hour) or as long as the receiver asks. A refusal
(``Refused``) waits for a person, who says ``requeue``. Nothing is ever given up or dropped.
"""

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Protocol

import msgspec
from msgspec import Struct
from sqlalchemy import Connection, exists, insert, select

from wattmill.core.errors import LedgerError
from wattmill.ledger.outbox_tables import outbox, outbox_attempt
from wattmill.ledger.store import Store

SENDING, DELIVERED, FAILED = "sending", "delivered", "failed"
SPENT, REFUSED, REQUEUED = "spent", "refused", "requeued"
FIRST_WAIT_S = 2.0
LONGEST_WAIT_S = 3600.0
US = 10**6


class Message(Struct, frozen=True):
    """Something to deliver: ``body`` is canonical JSON, ``after`` the id of what must be delivered before it."""

    id: str
    destination: str
    body: str
    after: str | None = None

    def content(self) -> Any:
        """The body, read."""
        return msgspec.json.decode(self.body)


class Attempt(Struct, frozen=True):
    """How to send: under which idempotency key, whether to look first for what is there since ``first_us`` (when it
    was first tried), and when this is."""

    key: str
    look_first: bool
    first_us: int
    at_us: int


class Undelivered(Exception):
    """It did not arrive, or nobody knows. ``retry_s``: not before that many seconds. ``spent``: the receiver answers
    this key with the same failure for as long as it remembers it, so only a new key helps."""

    def __init__(self, detail: str, *, retry_s: float = 0.0, spent: bool = False) -> None:
        super().__init__(detail)
        self.retry_s = retry_s
        self.spent = spent


class Refused(Undelivered):
    """The receiver will never take it as it is: a person has to look."""


class Destination(Protocol):
    """Somebody who receives. ``remembers_s``: for how long a repeated key is safe; ``None``: for ever.
    ``settles_s``: after that a request that was sent is surely over."""

    remembers_s: float | None
    settles_s: float

    def deliver(self, message: Message, attempt: Attempt) -> str:
        """Deliver once and return the receipt (the receiver's own name for it); ``Undelivered`` or ``Refused``."""
        ...


class Note(Struct, frozen=True):
    """One row of ``outbox_attempt``."""

    number: int
    at_us: int
    outcome: str
    key: str
    retry_us: int | None
    detail: str


# --- writing messages -------------------------------------------------------------------------------------------------


def canonical(value: Any) -> str:
    """JSON with sorted keys and nothing superfluous: equal values, equal bytes. ``LedgerError`` for a float."""
    _refuse_floats(value)
    return msgspec.json.encode(value, order="sorted").decode()


def message_of(
    destination: str, body: Any, *, about: Any = None, after: str | None = None
) -> Message:
    """A message whose id is the SHA-256 of what it says, or of the fact it is ``about`` when its words may vary."""
    fact = body if about is None else about
    name = canonical({"destination": destination, "fact": fact})
    digest = hashlib.sha256(name.encode()).hexdigest()
    return Message(digest, destination, canonical(body), after)


def put(connection: Connection, message: Message, now_us: int) -> bool:
    """Write it within the caller's transaction. ``False`` when it was there already, whatever became of it."""
    if is_known(connection, message.id):
        return False
    connection.execute(insert(outbox).values(**msgspec.structs.asdict(message), created_us=now_us))
    return True


def is_known(connection: Connection, message_id: str | None) -> bool:
    """Whether there is a message of that id, whatever became of it."""
    found = select(outbox.c.id).where(outbox.c.id == message_id)
    return connection.execute(found).first() is not None


def receipt(connection: Connection, message_id: str) -> str | None:
    """What the receiver calls a message that it has; ``None`` before that."""
    attempt = outbox_attempt.c
    is_delivered = (attempt.id == message_id) & (attempt.outcome == DELIVERED)
    return connection.execute(select(attempt.detail).where(is_delivered)).scalar()


def open_messages(connection: Connection) -> list[Message]:
    """Everything that has not arrived, oldest first, refusals among it."""
    return [_message(row) for row in connection.execute(_open_rows())]


def notes(connection: Connection, message_id: str) -> list[Note]:
    """Every attempt for a message, first to last."""
    table = outbox_attempt
    rows = select(table).where(table.c.id == message_id).order_by(table.c.number)
    return [Note(*row[1:]) for row in connection.execute(rows)]


def requeue(connection: Connection, message_id: str, now_us: int) -> None:
    """Have a refused message tried again, under a new key, because the receiver may repeat its refusal for the old one.

    ``LedgerError`` when no message of that id was refused.
    """
    known = notes(connection, message_id)
    if not known or known[-1].outcome != REFUSED:
        hint = "wattmill outbox list shows them"
        raise LedgerError(f"no refused message has the id {message_id!r}", hint=hint)
    note = Note(0, now_us, REQUEUED, _next_key(message_id, known), None, "")
    _note(connection, message_id, known, note)


# --- delivering -------------------------------------------------------------------------------------------------------


class Outbox:
    """Delivers what is due, one message after the other. Time and randomness are handed in."""

    def __init__(
        self,
        store: Store,
        destinations: Mapping[str, Destination],
        *,
        now_us: Callable[[], int],
        random: Callable[[], float],
    ) -> None:
        self._store = store
        self._destinations = destinations
        self._now_us = now_us
        self._random = random

    def deliver_due(self, limit: int = 100, stop: Callable[[], bool] = lambda: False) -> int:
        """Try everything that is due, at most ``limit`` of it; how many arrived."""
        with self._store.reading() as connection:
            due = [
                message
                for message in self._waiting(connection)
                if self._is_due(notes(connection, message.id), message)
            ]
        return sum(self._deliver(message) for message in due[:limit] if not stop())

    def _waiting(self, connection: Connection) -> Iterable[Message]:
        """Undelivered messages for which there is a destination, and whose predecessor has arrived."""
        here = outbox.c.destination.in_(self._destinations)
        for row in connection.execute(_open_rows().where(here)).all():
            if row.after is None or receipt(connection, row.after) is not None:
                yield _message(row)

    def _is_due(self, past: Sequence[Note], message: Message) -> bool:
        if not past:
            return True
        last, now_us = past[-1], self._now_us()
        if last.outcome == REFUSED:
            return False
        waits_until_us = last.retry_us or last.at_us
        if last.outcome == SENDING:  # killed before it was known what came of it
            waits_until_us = last.at_us + round(FIRST_WAIT_S * US)
        destination = self._destinations[message.destination]
        return now_us >= max(waits_until_us, _free_us(past, destination, now_us))

    def _deliver(self, message: Message) -> bool:
        destination = self._destinations[message.destination]
        with self._store.transaction() as connection:
            past = notes(connection, message.id)
            attempt = _attempt(past, message, destination, self._now_us())
            past.append(self._noted(connection, message, past, SENDING, attempt.key))
        outcome, retry_us = DELIVERED, None
        try:
            detail = destination.deliver(message, attempt)
        except Refused as refusal:
            outcome, detail = REFUSED, str(refusal)
        except Undelivered as failure:
            outcome, detail = SPENT if failure.spent else FAILED, str(failure)
            retry_us = self._retry_us(past, failure)
        except Exception as error:  # a fault of ours must not hold up what comes after it
            outcome, detail = FAILED, f"{type(error).__name__}: {error}"
            retry_us = self._retry_us(past, Undelivered(detail))
        with self._store.transaction() as connection:
            self._noted(connection, message, past, outcome, attempt.key, retry_us, detail)
        return outcome == DELIVERED

    def _noted(
        self,
        connection: Connection,
        message: Message,
        past: Sequence[Note],
        outcome: str,
        key: str,
        retry_us: int | None = None,
        detail: str = "",
    ) -> Note:
        note = Note(0, self._now_us(), outcome, key, retry_us, detail)
        return _note(connection, message.id, past, note)

    def _retry_us(self, past: Sequence[Note], failure: Undelivered) -> int:
        """When to try again: longer each time, between half and all of it, and never before the receiver wants."""
        tries = sum(note.outcome == SENDING for note in past)
        longest_s = min(LONGEST_WAIT_S, FIRST_WAIT_S * 2.0 ** min(tries - 1, 30))
        wait_s = max(failure.retry_s, longest_s * (0.5 + 0.5 * self._random()))
        return self._now_us() + round(wait_s * US)


def _attempt(
    past: Sequence[Note], message: Message, destination: Destination, now_us: int
) -> Attempt:
    sent_us = [note.at_us for note in past if note.outcome == SENDING]
    if not sent_us:
        return Attempt(message.id, look_first=False, first_us=now_us, at_us=now_us)
    key = past[-1].key
    if _is_used_up(past, destination, now_us):
        key = _next_key(message.id, past)
    return Attempt(key, look_first=True, first_us=sent_us[0], at_us=now_us)


def _next_key(message_id: str, past: Sequence[Note]) -> str:
    return f"{message_id}-{len({note.key for note in past}) + 1}"


def _free_us(past: Sequence[Note], destination: Destination, now_us: int) -> int:
    """From when on it may be sent: at once, or, when its key is used up, when nothing of it is under way."""
    if not _is_used_up(past, destination, now_us):
        return 0
    last_us = max(note.at_us for note in past if note.outcome == SENDING)
    return last_us + round(destination.settles_s * US)


def _is_used_up(past: Sequence[Note], destination: Destination, now_us: int) -> bool:
    """Whether the receiver repeats a failure for the newest key, or may have forgotten it."""
    under_it = [note for note in past if note.key == past[-1].key]
    sent_us = [note.at_us for note in under_it if note.outcome == SENDING]
    if not sent_us:
        return False
    if any(note.outcome == SPENT for note in under_it):
        return True
    remembers_s = destination.remembers_s
    return remembers_s is not None and now_us >= sent_us[0] + round(remembers_s * US)


def _open_rows() -> Any:
    done = exists().where(outbox_attempt.c.id == outbox.c.id, outbox_attempt.c.outcome == DELIVERED)
    return select(outbox).where(~done).order_by(outbox.c.created_us, outbox.c.id)


def _message(row: Any) -> Message:
    return Message(row.id, row.destination, row.body, row.after)


def _note(connection: Connection, message_id: str, past: Sequence[Note], note: Note) -> Note:
    numbered = msgspec.structs.replace(note, number=past[-1].number + 1 if past else 1)
    connection.execute(
        insert(outbox_attempt).values(id=message_id, **msgspec.structs.asdict(numbered))
    )
    return numbered


def _refuse_floats(value: Any) -> None:
    if isinstance(value, float):
        raise LedgerError(f"{value} is a float", hint="say it as an integer or as text")
    children = value.values() if isinstance(value, dict) else value
    if isinstance(children, (list, tuple)) or isinstance(value, dict):
        for child in children:
            _refuse_floats(child)
