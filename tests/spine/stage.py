"""The gateway on a stage: real connections' protocols, real HTTP bytes, but the network is a function call, the engine
is the twin's replica, the disk the twin's model of one, and the clock jumps.

``play(scene)`` gives what ``twin.simulate.simulate(scene)`` gives, from the gateway's own code.
"""

import asyncio
from collections.abc import Callable
from typing import Any
from urllib.parse import SplitResult

import httptools
import msgspec
from msgspec import Struct

from tests.spine.jump_loop import JumpLoop
from wattmill.core.roster import Roster
from wattmill.gateway.api import ENDPOINTS, parse_ask
from wattmill.gateway.driver import Driver
from wattmill.gateway.server import ClientConnection, Front, Limits
from wattmill.ledger.accounts import Accounts, Balance
from wattmill.ledger.book import Book
from wattmill.ledger.entries import Entry
from wattmill.ledger.registry import hash_key
from wattmill.policy import events as policy
from wattmill.policy.replay import Step
from wattmill.twin.group_commit import GroupCommitModel
from wattmill.twin.replica import Counters, Done, Emission, Replica, StepTimes, Token
from wattmill.twin.workload import Failure, Job, Scene

CHAT = "/v1/chat/completions"
PATIENCE_S = 100_000.0
HOPS = 6
"""Turns of the loop between two things that happen at one instant: enough for each to take its full effect."""


class Performance(Struct, frozen=True):
    """What the gateway did."""

    log: list[Step]
    entries: list[Entry]
    counters: dict[str, Counters]
    balances: dict[str, Balance]


def for_gateway(scene: Scene) -> Scene:
    """The scene as the gateway can play it: keys with texts, engines that tell the length of a prompt, requests
    numbered as the gateway numbers them, and the bounds that it reads off a body."""
    keys = tuple(msgspec.structs.replace(key, sha256=hash_key(key.id)) for key in scene.roster.keys)
    pools = tuple(msgspec.structs.replace(pool, engine="llama.cpp") for pool in scene.roster.pools)
    roster: Roster = msgspec.structs.replace(scene.roster, keys=keys, pools=pools)
    jobs = sorted(scene.jobs, key=lambda job: job.arrival_s)
    renumbered = (msgspec.structs.replace(job, request=n) for n, job in enumerate(jobs))
    bounded = tuple(
        msgspec.structs.replace(
            job, input_bound=parse_ask(ENDPOINTS[CHAT], body_of(job)).input_bound
        )
        for job in renumbered
    )
    return msgspec.structs.replace(scene, roster=roster, jobs=bounded)


def body_of(job: Job) -> bytes:
    """What the client of a job sends. The prompt's text is the number of the job, padded."""
    text = str(job.request).ljust(job.prompt_tokens, ".")
    body: dict[str, Any] = {"model": job.model, "messages": [{"role": "user", "content": text}]}
    if job.stream:
        body["stream"] = True
    if job.output_bound is not None:
        body["max_tokens"] = job.output_bound
    return msgspec.json.encode(body)


class _Journal:
    """The modelled journal behind the gateway's interface."""

    number = 0
    failing: str | None = None

    def __init__(self, loop: asyncio.AbstractEventLoop, sync_s: float) -> None:
        self._loop = loop
        self.model = GroupCommitModel(sync_s)
        self._waiters: list[tuple[int, Callable[[], None]]] = []

    @property
    def durable(self) -> int:
        return self.model.durable

    def append(self, entry: Entry) -> int:
        was_idle = self.model.next_s() is None
        place = self.model.append(self._loop.time(), entry)
        if was_idle:
            self._watch()
        return place

    def when_durable(self, place: int, callback: Callable[[], None]) -> None:
        if place <= self.durable:
            callback()
        else:
            self._waiters.append((place, callback))

    def _watch(self) -> None:
        next_s = self.model.next_s()
        if next_s is not None:
            self._loop.call_at(next_s, self._advance)

    def _advance(self) -> None:
        durable = self.model.advance(self._loop.time())
        self._watch()
        due = [callback for place, callback in self._waiters if place <= durable]
        self._waiters = [waiter for waiter in self._waiters if waiter[0] > durable]
        self._task = self._loop.create_task(self._call_all(due))

    async def _call_all(self, due: list[Callable[[], None]]) -> None:
        """One after the other, with time for a client to leave in between."""
        for callback in due:
            callback()
            await _take_effect()


class _Transport:
    """One end of a connection without a network."""

    def __init__(self, on_write: Callable[[bytes], None], on_close: Callable[[], None]) -> None:
        self._on_write = on_write
        self._on_close = on_close
        self._closing = False

    def write(self, data: bytes) -> None:
        if not self._closing:
            self._on_write(data)

    def close(self) -> None:
        if not self._closing:
            self._closing = True
            self._on_close()

    abort = close

    def is_closing(self) -> bool:
        return self._closing

    def get_write_buffer_size(self) -> int:
        return 0

    def pause_reading(self) -> None: ...

    def resume_reading(self) -> None: ...


class _Client:
    """The client of one job: sends its request, counts the pieces that come back, leaves when the job says so."""

    def __init__(self, front: Front, job: Job) -> None:
        self._job = job
        self._loop = asyncio.get_running_loop()
        self._parser = httptools.HttpResponseParser(self)
        self._text = b""
        self._gone = False
        self._connection = ClientConnection(front)
        self._connection.connection_made(_Transport(self._receive, self._lose))
        if job.leaves_at_s is not None:
            self._loop.call_at(max(job.leaves_at_s, job.arrival_s), self._leave)
        body = body_of(job)
        head = (
            f"POST {CHAT} HTTP/1.1\r\nhost: stage\r\nauthorization: Bearer {job.key}\r\n"
            f"content-length: {len(body)}\r\n\r\n"
        )
        self._connection.data_received(head.encode() + body)

    def _receive(self, data: bytes) -> None:
        self._parser.feed_data(data)
        after = self._job.leaves_after
        if self._job.stream and after is not None and self._text.count(b'"content"') >= after:
            self._loop.call_soon(self._leave)

    def on_body(self, data: bytes) -> None:
        self._text += data

    def _leave(self) -> None:
        if not self._gone:
            self._gone = True
            self._connection.connection_lost(None)

    def _lose(self) -> None:
        self._loop.call_soon(self._leave)


class _Engine:
    """A pool's engine: HTTP on one side, a replica on the other."""

    def __init__(self, stage: "_Stage", times: StepTimes, slots: int) -> None:
        self.replica = Replica(times, slots)
        self.is_up = True
        self._stage = stage
        self._loop = asyncio.get_running_loop()
        self._links: dict[int, _EngineSide] = {}
        self._sides: set[_EngineSide] = set()
        self._alarm_s: float | None = None

    def connect(self, factory: Callable[[], asyncio.Protocol]) -> asyncio.Protocol:
        if not self.is_up:
            raise ConnectionRefusedError("the engine is down")
        link = factory()
        side = _EngineSide(self, link)
        self._sides.add(side)
        link.connection_made(_Transport(side.receive, side.lose))  # type: ignore[arg-type]
        return link

    def take(self, side: "_EngineSide", job: Job) -> None:
        self._links[job.request] = side
        self.replica.submit(
            self._loop.time(),
            job.request,
            job.prompt_tokens,
            job.cached_tokens,
            job.generated_tokens,
        )
        self._watch()

    def job_of(self, body: bytes) -> Job:
        content = msgspec.json.decode(body)["messages"][0]["content"]
        return self._stage.jobs[int(content.rstrip("."))]

    def forget(self, side: "_EngineSide", job: Job | None) -> None:
        """The gateway closed a connection: whatever it carried is aborted."""
        self._sides.discard(side)
        if job is not None and self._links.get(job.request) is side:
            del self._links[job.request]
            self.replica.abort(self._loop.time(), job.request)

    def _watch(self) -> None:
        next_s = self.replica.next_s()
        if next_s is not None and next_s != self._alarm_s:
            self._alarm_s = next_s
            self._loop.call_at(next_s, self._step_ends)

    def _step_ends(self) -> None:
        self._alarm_s = None
        emissions = self.replica.advance(self._loop.time())
        self._watch()
        task = self._loop.create_task(self._yield_all(emissions))
        self._stage.keep(task)

    async def _yield_all(self, emissions: list[Emission]) -> None:
        for emission in emissions:
            side = self._links.get(emission.request)
            if side is None:
                continue
            if isinstance(emission, Token):
                side.token()
            else:
                del self._links[emission.request]
                side.done(emission)
            await _take_effect()

    def die(self) -> None:
        """Every connection breaks: the idle ones, then those that carry a request, in the order of their numbers."""
        self.is_up = False
        lost = sorted(self.replica.fail(self._loop.time()))
        busy = [self._links.pop(request) for request in lost]
        idle = self._sides.difference(busy)
        self._sides.clear()
        self._links.clear()
        for side in (*idle, *busy):
            side.break_off()


class _EngineSide:
    """The engine's end of one connection: llama.cpp's bytes."""

    def __init__(self, engine: _Engine, link: Any) -> None:
        self._engine = engine
        self._link = link
        self._parser = httptools.HttpRequestParser(self)
        self._body = b""
        self._job: Job | None = None
        self._began = False

    def receive(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_message_begin(self) -> None:
        self._body = b""

    def on_body(self, data: bytes) -> None:
        self._body += data

    def on_message_complete(self) -> None:
        self._began = False
        self._job = self._engine.job_of(self._body)
        self._engine.take(self, self._job)

    def token(self) -> None:
        if not self._stream:
            return
        frames = b""
        if not self._began:
            self._began = True
            self._send(
                b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
            )
            assert self._job is not None
            progress = {"total": self._job.prompt_tokens, "cache": self._job.cached_tokens}
            frames += _frame({"choices": [], "prompt_progress": progress})
            frames += b'data: {"choices":[{"delta":{"role":"assistant"}}]}\n\n'
        frames += _frame({"choices": [{"delta": {"content": "x"}}]})
        self._send(_chunk(frames))

    def done(self, done: Done) -> None:
        usage = {
            "prompt_tokens": done.usage.input_tokens,
            "completion_tokens": done.usage.output_tokens,
            "prompt_tokens_details": {"cached_tokens": done.usage.input_cached},
        }
        if self._stream:
            frames = _frame({"choices": [], "usage": usage}) + b"data: [DONE]\n\n"
            self._send(_chunk(frames) + b"0\r\n\r\n")
        else:
            body = msgspec.json.encode({"choices": [], "usage": usage})
            head = f"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
            self._send(head.encode() + body)

    @property
    def _stream(self) -> bool:
        return self._job is not None and self._job.stream

    def _send(self, data: bytes) -> None:
        self._link.data_received(data)

    def lose(self) -> None:
        self._engine.forget(self, self._job)
        asyncio.get_running_loop().call_soon(self._link.connection_lost, None)

    def break_off(self) -> None:
        self._job = None
        self._link.connection_lost(ConnectionResetError("the engine died"))


async def _take_effect() -> None:
    for _ in range(HOPS):
        await asyncio.sleep(0)


def _frame(chunk: object) -> bytes:
    return b"data: " + msgspec.json.encode(chunk) + b"\n\n"


def _chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


class _Stage:
    """Everything of one performance."""

    def __init__(self, scene: Scene, loop: asyncio.AbstractEventLoop) -> None:
        self._scene = scene
        self._loop = loop
        self._tasks: set[asyncio.Task[None]] = set()
        self._up_again_s: dict[str, float] = {}
        self.jobs = {job.request: job for job in scene.jobs}
        self.journal = _Journal(loop, scene.sync_s)
        self.accounts = Accounts()
        self.log: list[Step] = []
        self.engines = {
            pool.name: _Engine(
                self, scene.engines.get(pool.name, StepTimes.of_pool(pool)), pool.slots
            )
            for pool in scene.roster.pools
        }
        self._driver = Driver(
            book=Book(self.accounts, self.journal, scene.roster),
            journal=self.journal,
            clock=_LoopClock(loop),
            connect=self._connect,
            engine_keys={},
            record=lambda event, view, actions: self.log.append(Step(event, view, actions)),
        )
        self._driver.view = policy.View(
            loop.time(), {name: policy.PoolView(True) for name in self.engines}
        )
        self._front = Front(self._driver, Limits(), "")
        self._front.set_roster(scene.roster)

    async def _connect(self, url: SplitResult, factory: Callable[[], asyncio.Protocol]) -> Any:
        name = (url.hostname or "").removesuffix(".test")
        return None, self.engines[name].connect(factory)

    def keep(self, task: "asyncio.Task[None]") -> None:
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def perform(self) -> None:
        for failure in self._scene.failures:
            self._loop.call_at(failure.at_s, self._break, failure)
        for job in self._scene.jobs:
            self._loop.call_at(job.arrival_s, _Client, self._front, job)
        last_s = max(job.arrival_s for job in self._scene.jobs)
        while self._loop.time() <= last_s or self._driver.in_flight or self._has_open_entries():
            await asyncio.sleep(1.0)
            assert self._loop.time() < last_s + PATIENCE_S, "a request never ends"

    def _has_open_entries(self) -> bool:
        return bool(self.accounts.open_holds or self.accounts.unconfirmed)

    def _break(self, failure: Failure) -> None:
        name, back_s = failure.pool, self._loop.time() + failure.down_for_s
        self._up_again_s[name] = max(self._up_again_s.get(name, back_s), back_s)
        self._loop.call_at(back_s, self._mend, name)
        self._see(name, up=False)
        self.engines[name].die()

    def _mend(self, name: str) -> None:
        if self._loop.time() >= self._up_again_s[name]:
            self.engines[name].is_up = True
            self._see(name, up=True)

    def _see(self, name: str, *, up: bool) -> None:
        pools = self._driver.view.pools | {name: policy.PoolView(up)}
        self._driver.view = policy.View(self._loop.time(), pools)


class _LoopClock:
    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.now_s = loop.time


def play(scene: Scene) -> Performance:
    """Play a scene that ``for_gateway`` has prepared."""
    loop = JumpLoop(scene.start_s)

    async def performance() -> Performance:
        stage = _Stage(scene, loop)
        await stage.perform()
        counters = {name: engine.replica.counters for name, engine in stage.engines.items()}
        return Performance(
            stage.log, stage.journal.model.entries, counters, stage.accounts.state().balances
        )

    try:
        return loop.run_until_complete(performance())
    finally:
        loop.close()
