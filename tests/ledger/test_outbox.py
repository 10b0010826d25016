"""What leaves the books arrives exactly once, whatever fails and whoever is killed."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wattmill.core.errors import LedgerError
from wattmill.ledger import outbox as box
from wattmill.ledger.outbox import Attempt, Message, Outbox, Refused, Undelivered, message_of
from wattmill.ledger.store import Store

HOUR_S = 3600.0
DAY_S = 24 * HOUR_S
_serial = iter(range(10**9))
Deliver = Callable[[Message, Attempt], str]


class Killed(BaseException):
    """The process is gone."""


class Receiver:
    """Remembers keys for a day, and everything it was told for ever."""

    remembers_s: float | None = 23 * HOUR_S
    settles_s = HOUR_S

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.has: list[str] = []
        self.keys: dict[str, float] = {}
        self.attempts: list[Attempt] = []
        self.faults: list[str] = []

    def deliver(self, message: Message, attempt: Attempt) -> str:
        self.attempts.append(attempt)
        fault = self.faults.pop(0) if self.faults else "none"
        if fault == "before":
            raise Undelivered("no route")
        if fault == "killed before":
            raise Killed
        if fault == "refused":
            raise Refused("no such customer")
        if fault == "spent":
            raise Undelivered("error 500 again", spent=True)
        if not (attempt.look_first and message.id in self.has):
            self._take(message, attempt)
        if fault == "after":
            raise Undelivered("timed out")
        if fault == "killed after":
            raise Killed
        return f"r_{len(self.has)}"

    def _take(self, message: Message, attempt: Attempt) -> None:
        known = self.keys.get(attempt.key)
        if known is None or self.clock.s - known > DAY_S:
            self.keys[attempt.key] = self.clock.s
            self.has.append(message.id)


class Forgetful(Receiver):
    """Cannot be asked what it has, and knows keys for ever, as a receiver of webhooks should."""

    remembers_s = None

    def _take(self, message: Message, attempt: Attempt) -> None:
        if attempt.key not in self.keys:
            super()._take(message, attempt)


class Clock:
    def __init__(self) -> None:
        self.s = 1_000_000.0

    def us(self) -> int:
        return round(self.s * 1e6)


class Post:
    """An outbox with one receiver and a clock that a test moves."""

    def __init__(self, store: Store, kind: type[Receiver] = Receiver) -> None:
        self.store, self.clock = store, Clock()
        self.receiver = kind(self.clock)
        self.name = f"there {next(_serial)}"
        self.outbox = self.outbox_with(lambda: 1.0)

    def outbox_with(self, random: Callable[[], float]) -> Outbox:
        there = {self.name: self.receiver}
        return Outbox(self.store, there, now_us=self.clock.us, random=random)

    def fresh(self, after: str | None = None) -> Message:
        """A message that no other test knows."""
        return message_of(self.name, {"serial": next(_serial)}, after=after)

    def put(self, message: Message) -> bool:
        with self.store.transaction() as connection:
            return box.put(connection, message, self.clock.us())

    def run(self) -> int:
        try:
            return self.outbox.deliver_due()
        except Killed:
            return 0

    def run_to_the_end(self) -> None:
        """Until nothing waits any more, or eight days have passed."""
        for _ in range(200):
            self.run()
            self.clock.s += HOUR_S
            if not self.waits():
                return

    def waits(self) -> bool:
        with self.store.reading() as connection:
            return any(open_.destination == self.name for open_ in box.open_messages(connection))

    def outcomes(self, message: Message) -> list[str]:
        with self.store.reading() as connection:
            return [note.outcome for note in box.notes(connection, message.id)]


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    with Store(tmp_path_factory.mktemp("books"), write=True) as opened:
        yield opened


@pytest.fixture
def post(store: Store) -> Post:
    return Post(store)


# --- messages -------------------------------------------------------------------------------------


def test_the_id_is_the_sha256_of_what_is_delivered() -> None:
    made = message_of("there", {"b": 1, "a": "ü"})
    said = '{"destination":"there","fact":{"a":"ü","b":1}}'
    assert made.id == hashlib.sha256(said.encode()).hexdigest()
    assert made.body == '{"a":"ü","b":1}'


def test_a_fact_told_in_other_words_is_the_same_message() -> None:
    once = message_of("there", {"spent": "4.01"}, about={"crossing": 80})
    again = message_of("there", {"spent": "4.02"}, about={"crossing": 80})
    assert once.id == again.id and once.body != again.body


@pytest.mark.parametrize("value", [0.5, {"a": 0.5}, {"a": [1, {"b": (1.0,)}]}])
def test_a_float_never_leaves_the_books(value: object) -> None:
    with pytest.raises(LedgerError, match="is a float"):
        message_of("there", value)


def test_what_is_told_twice_is_delivered_once(post: Post) -> None:
    message = post.fresh()
    assert (post.put(message), post.put(message)) == (True, False)
    assert (post.run(), post.run(), post.put(message), post.run()) == (1, 0, False, 0)
    assert post.receiver.has == [message.id]


def test_a_transaction_that_fails_tells_nothing(post: Post) -> None:
    message = post.fresh()
    with pytest.raises(ZeroDivisionError), post.store.transaction() as connection:
        box.put(connection, message, 0)
        raise ZeroDivisionError
    assert post.run() == 0 and post.receiver.attempts == []


def test_the_receipt_is_kept(post: Post) -> None:
    message = post.fresh()
    post.put(message)
    with post.store.reading() as connection:
        assert box.receipt(connection, message.id) is None
    post.run()
    with post.store.reading() as connection:
        assert box.receipt(connection, message.id) == "r_1"
        assert message not in box.open_messages(connection)


def test_a_message_waits_for_the_one_before_it(post: Post) -> None:
    first = post.fresh()
    second = post.fresh(after=first.id)
    post.put(second)
    assert post.run() == 0
    post.put(first)
    assert (post.run(), post.run()) == (1, 1)
    assert post.receiver.has == [first.id, second.id]


def test_what_nobody_receives_here_stays(post: Post) -> None:
    message = message_of("elsewhere", {"serial": next(_serial)})
    post.put(message)
    assert post.run() == 0
    with post.store.reading() as connection:
        assert message in box.open_messages(connection)


# --- waiting --------------------------------------------------------------------------------------


def test_each_failure_waits_longer_and_never_more_than_an_hour(post: Post) -> None:
    message = post.fresh()
    post.put(message)
    post.receiver.faults = ["before"] * 16
    waits_s = []
    for _ in range(16):
        post.run()
        with post.store.reading() as connection:
            retry_us = box.notes(connection, message.id)[-1].retry_us
        assert retry_us is not None
        waits_s.append(retry_us / 1e6 - post.clock.s)
        post.clock.s = retry_us / 1e6
    assert waits_s == [min(2.0**n, 3600.0) for n in range(1, 17)]


def test_jitter_is_between_half_and_all_of_the_wait(store: Store) -> None:
    post = Post(store)
    post.outbox = post.outbox_with(lambda: 0.0)
    post.put(post.fresh())
    post.receiver.faults = ["before"]
    post.run()
    post.clock.s += 0.9
    assert post.run() == 0
    post.clock.s += 0.2
    assert post.run() == 1


def test_the_receiver_may_ask_for_more_time(post: Post, monkeypatch: pytest.MonkeyPatch) -> None:
    def busy(message: Message, attempt: Attempt) -> str:
        raise Undelivered("429", retry_s=500.0)

    post.put(post.fresh())
    with monkeypatch.context() as patched:
        patched.setattr(post.receiver, "deliver", busy)
        post.run()
    post.clock.s += 499.0
    assert post.run() == 0
    post.clock.s += 1.0
    assert post.run() == 1


def test_a_refusal_waits_for_a_person(post: Post) -> None:
    message = post.fresh()
    post.put(message)
    post.receiver.faults = ["refused"]
    post.run_to_the_end()
    assert post.outcomes(message) == ["sending", "refused"]
    with post.store.transaction() as connection:
        box.requeue(connection, message.id, post.clock.us())
    assert post.run() == 1
    assert [a.key for a in post.receiver.attempts] == [message.id, f"{message.id}-2"]


def test_only_what_was_refused_can_be_requeued(post: Post) -> None:
    message = post.fresh()
    post.put(message)
    post.run()
    for name in (message.id, "unknown"):
        with pytest.raises(LedgerError, match="no refused"), post.store.transaction() as connection:
            box.requeue(connection, name, 0)


# --- keys -----------------------------------------------------------------------------------------


def test_within_the_window_the_key_stays(post: Post) -> None:
    message = post.fresh()
    post.put(message)
    post.receiver.faults = ["after", "killed after", "before"]
    for _ in range(20):
        post.run()
        post.clock.s += HOUR_S
    assert {attempt.key for attempt in post.receiver.attempts} == {message.id}
    assert [attempt.look_first for attempt in post.receiver.attempts] == [False, True, True, True]
    assert post.receiver.has == [message.id]


def test_after_the_window_it_looks_before_it_sends_under_a_new_key(post: Post) -> None:
    message = post.fresh()
    post.put(message)
    post.receiver.faults = ["after"]
    post.run()
    post.clock.s += 25 * HOUR_S
    assert post.run() == 1
    last = post.receiver.attempts[-1]
    assert (last.key, last.look_first) == (f"{message.id}-2", True)
    assert post.receiver.has == [message.id]


def test_a_new_key_waits_until_the_last_request_is_surely_over(post: Post) -> None:
    post.put(post.fresh())
    post.receiver.faults = ["before"] * 2
    post.run()
    post.clock.s += 23 * HOUR_S - 1
    post.run()
    post.clock.s += HOUR_S - 1
    assert post.run() == 0 and len(post.receiver.attempts) == 2
    post.clock.s += 1
    assert post.run() == 1


def test_a_key_that_only_repeats_a_failure_is_left_behind(post: Post) -> None:
    message = post.fresh()
    post.put(message)
    post.receiver.faults = ["spent"]
    post.run()
    post.clock.s += HOUR_S - 1
    assert post.run() == 0
    post.clock.s += 1
    assert post.run() == 1
    assert post.receiver.attempts[-1].key == f"{message.id}-2"


def test_a_receiver_that_knows_keys_for_ever_gets_the_same_one(store: Store) -> None:
    post = Post(store, Forgetful)
    message = post.fresh()
    post.put(message)
    post.receiver.faults = ["after"] * 3
    for _ in range(5):
        post.run()
        post.clock.s += 30 * DAY_S
    assert {attempt.key for attempt in post.receiver.attempts} == {message.id}
    assert post.receiver.has == [message.id]


FAULTS = ("none", "before", "after", "killed before", "killed after", "spent")


@given(
    faults=st.lists(st.sampled_from(FAULTS), max_size=12),
    waits_s=st.lists(st.sampled_from([0.0, 1.0, 60.0, HOUR_S, DAY_S, 3 * DAY_S]), max_size=20),
)
def test_every_message_arrives_once_under_every_sequence_of_failures(
    store: Store, faults: list[str], waits_s: list[float]
) -> None:
    post = Post(store)
    messages = [post.fresh(), post.fresh()]
    post.receiver.faults = faults
    for message in messages:
        post.put(message)
    for wait_s in waits_s:
        post.run()
        post.clock.s += wait_s
    post.receiver.faults = []
    post.run_to_the_end()
    assert sorted(post.receiver.has) == sorted(message.id for message in messages)
    assert all(post.outcomes(message).count("delivered") == 1 for message in messages)


def test_the_books_keep_what_was_said(tmp_path: Path) -> None:
    """A second process, later, sees what the first one delivered."""
    with Store(tmp_path, write=True) as first:
        early = Post(first)
        message = early.fresh()
        early.put(message)
        early.run()
    with Store(tmp_path, write=True) as second:
        late = Post(second)
        late.name = early.name
        late.outbox = late.outbox_with(lambda: 1.0)
        late.clock.s += 1000 * DAY_S
        assert late.run() == 0 and not late.put(message)
