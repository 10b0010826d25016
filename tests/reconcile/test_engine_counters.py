"""The books and llama.cpp's own counters, after a day's traffic in a minute: the same tokens, cached ones included."""

import asyncio
import random
import re
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.support.client import CHAT, COMPLETIONS, EMBEDDINGS, Connection, Seen
from tests.support.factory import EXAMPLE, Factory, running_factory, wait_until
from wattmill.core.records import METERS
from wattmill.gateway.counters import token_counters
from wattmill.gateway.health import gauge
from wattmill.ledger.reconcile import BEYOND, Reconciliation, Tokens, Work, reconcile, work_seen
from wattmill.ledger.snapshot import read_snapshot
from wattmill.ledger.store import Store
from wattmill.web.control import call

REQUESTS = 2_000
CLIENTS = 16
TOML = (
    EXAMPLE
    + """
[[tenant]]
name = "pennywise"
rate_plan = "standard"
budget_usd_per_month = 0.001
"""
)
MANUAL = "A token is a piece of a word. A mill turns watts into tokens. " * 12
PROMPTS = ("What is a token?", "Name a river.", MANUAL + "How?", MANUAL + "Why?")
TOO_LONG = "word " * 5000
LONG = 1500
"""Tokens of an answer that takes a second or so."""
AFTER_LEAVING_AT_MOST = 16
"""Tokens that an engine may still generate for a stream until it notices that nobody reads it."""


@dataclass
class Mill:
    """A factory, its engine's metrics, and clients."""

    factory: Factory
    keys: dict[str, str] = field(default_factory=dict)

    def connect(self, tenant: str = "acme") -> Connection:
        if tenant not in self.keys:
            self.keys[tenant] = self.factory.key(tenant)
        return Connection(self.factory.url, self.keys[tenant])

    async def ask(self, body: object) -> Seen:
        """One request on a connection of its own."""
        async with self.connect() as connection:
            return await connection.ask(body)

    @property
    def pool(self) -> str:
        return self._engine[0]

    @property
    def _engine(self) -> tuple[str, str, str]:
        """Name, kind and metrics address of the one engine."""
        (pool,) = read_snapshot(self.factory.data).roster.pools
        return pool.name, pool.engine, pool.url.removesuffix("/v1") + "/metrics"

    def engine_metrics(self) -> str:
        with urllib.request.urlopen(self._engine[2], timeout=30) as answer:
            return str(answer.read(), "utf-8")

    def at_work(self) -> int:
        """Requests that the engine has or has queued."""
        metrics = self.engine_metrics()
        names = ("llamacpp:requests_processing", "llamacpp:requests_deferred")
        return sum(gauge(metrics, name) or 0 for name in names)

    def clients(self) -> int:
        """Connections that the gateway has not yet seen closed. It takes new ones in order: once it has answered on
        a new one, those before are among them."""
        with urllib.request.urlopen(self.factory.url + "/health", timeout=30):
            gateway = call(self.factory.data, "status")["gateway"]
        return int(gateway["connections"])

    def counted(self) -> Tokens:
        """The engine's counters once gateway and engine have come to rest."""
        wait_until(lambda: self.clients() <= 1, "the gateway has seen all clients go", 300)
        wait_until(lambda: self.at_work() == 0, "the engine has come to rest", 300)
        metrics = self.engine_metrics()
        counters = token_counters(self._engine[1], metrics)
        assert counters is not None, metrics
        return counters

    def held(self) -> int:
        """Holds that are on disk and open."""
        with self.factory.books(), Store(self.factory.data, write=False) as store:
            return len(store.accounts_state().open_holds)

    def work(self) -> list[Work]:
        """What the books say, everything durable in them."""
        with (
            self.factory.books(),
            Store(self.factory.data, write=False) as store,
            store.reading() as connection,
        ):
            return work_seen(connection, self.pool, 0, 2**62)

    def reconcile(self) -> Reconciliation:
        counted = self.counted()
        return reconcile(self.work(), counted)


@pytest.fixture
def mill(tmp_path: Path) -> Iterator[Mill]:
    with running_factory(tmp_path, TOML) as factory:
        yield Mill(factory)
        factory.stop()


# --- traffic --------------------------------------------------------------------------------------------------------


@dataclass
class Traffic:
    """A seeded mixture of what clients do."""

    draw: random.Random
    seen: list[Seen] = field(default_factory=list)

    async def send(self, mill: Mill, requests: int) -> None:
        """So many requests from clients that each wait for their answer before the next."""
        share = [requests // CLIENTS + (n < requests % CLIENTS) for n in range(CLIENTS)]
        await asyncio.gather(*(self._client(mill, number) for number in share))

    async def _client(self, mill: Mill, requests: int) -> None:
        connections = {name: mill.connect(name) for name in ("acme", "initech", "pennywise")}
        for _ in range(requests):
            tenant = self.draw.choices(list(connections), (60, 35, 5))[0]
            body, path, leave_after = self._request()
            seen = await connections[tenant].ask(body, path, leave_after=leave_after)
            assert not seen.broken, seen
            assert seen.error not in ("engine_failed", "engine_unavailable"), seen.body
            self.seen.append(seen)
        for connection in connections.values():
            await connection.close()

    def _request(self) -> tuple[dict[str, object], str, int | None]:
        odds = self.draw.random()
        if odds < 0.01:
            return chat("How?", model="no-such-model"), CHAT, None
        if odds < 0.02:
            return chat(TOO_LONG), CHAT, None
        if odds < 0.07:
            inputs = [self._prompt() for _ in range(self.draw.randint(1, 3))]
            return {"model": "house-small", "input": inputs}, EMBEDDINGS, None
        if odds < 0.15:
            return chat("Go on.", max_tokens=100, stream=True), CHAT, self.draw.randint(1, 8)
        body = chat(self._prompt(), max_tokens=self.draw.randint(1, 12))
        if self.draw.random() < 0.3:
            del body["ignore_eos"]
        path = CHAT
        if self.draw.random() < 0.25:
            path = COMPLETIONS
            del body["messages"]
            body["prompt"] = self._prompt()
        if self.draw.random() < 0.5:
            body["stream"] = True
            body["stream_options"] = {"include_usage": self.draw.random() < 0.5}
        return body, path, None

    def _prompt(self) -> str:
        """Now and then a new one; mostly one that was there before, so that the prefix cache has it."""
        if self.draw.random() < 0.2:
            return f"What is {self.draw.randrange(10**6)} times {self.draw.randrange(10**6)}?"
        return self.draw.choice(PROMPTS)


def chat(prompt: str, **fields: object) -> dict[str, object]:
    """A request whose answer is as long as it may be."""
    messages = [{"role": "user", "content": prompt}]
    return {"model": "house-small", "messages": messages, "ignore_eos": True, **fields}


# --- tests ----------------------------------------------------------------------------------------------------------


def test_two_thousand_mixed_requests(mill: Mill) -> None:
    """Input agrees to the token, cached and uncached. Output does but for what was generated for streams whose client
    had left: a token or two each."""
    traffic = Traffic(random.Random(2_000))
    asyncio.run(traffic.send(mill, REQUESTS))
    work = mill.work()
    result = reconcile(work, mill.counted())

    left = sum(item.requests for item in work if item.settled and item.note == "client_gone")
    refused = [seen.error for seen in traffic.seen if seen.error]
    assert len(traffic.seen) == REQUESTS
    assert {"insufficient_quota", "model_not_found"} <= set(refused)
    assert left > 50, "hardly a stream was cut short"
    assert result.settled.input_cached > result.settled.input_uncached, "the cache was hardly used"

    beyond = result.counted - result.settled
    assert (beyond.input_uncached, beyond.input_cached) == (0, 0)
    assert 0 <= beyond.output <= AFTER_LEAVING_AT_MOST * left
    assert result.unexplained == Tokens()
    assert gateway_counters(mill) == result.settled
    print(f"{result}; {len(refused)} refused, {left} left in the middle")


def test_an_answer_nobody_waits_for_is_computed_to_its_end(mill: Mill) -> None:
    """llama.cpp looks for the client of a plain answer only when it has nothing else to say for a second, and our
    questions prevent that. The client is charged nothing, the whole work has a name."""
    body = chat("Go on.", max_tokens=5)
    asked = 4

    async def ask_and_leave() -> Seen:
        whole = await mill.ask(body)
        for number in range(asked):
            connection = mill.connect()
            waiting = asyncio.create_task(connection.ask({**body, "max_tokens": LONG + number}))
            await asyncio.to_thread(
                wait_until, lambda: mill.at_work() == 1, "the engine works on it"
            )
            await connection.close()
            assert (await waiting).broken
            await asyncio.to_thread(wait_until, lambda: mill.at_work() == 0, "the engine is done")
        return whole

    whole = asyncio.run(ask_and_leave())
    assert whole.tokens is not None
    result = mill.reconcile()
    (difference,) = result.differences
    generated = sum(LONG + number for number in range(asked))
    prompts = asked * (whole.tokens[0] + whole.tokens[1])
    assert (difference.name, difference.requests) == (BEYOND, asked)
    assert difference.tokens.output == generated
    assert difference.tokens.input_uncached + difference.tokens.input_cached == prompts
    assert result.settled == Tokens(*whole.tokens)


def test_streams_that_clients_leave_before_the_first_piece(mill: Mill) -> None:
    """The engine may not have begun, or have evaluated the prompt and a token or two of the answer: all of it is named,
    none of it is charged."""
    streams = 64

    async def ask_and_leave() -> Seen:
        whole = await mill.ask(chat("Go on.", max_tokens=5))
        body = chat("Go on.", max_tokens=300, stream=True)
        await asyncio.gather(*(mill.connect().ask(body, leave_after=0) for _ in range(streams)))
        return whole

    whole = asyncio.run(ask_and_leave())
    assert whole.tokens is not None
    result = mill.reconcile()
    voided = [item for item in mill.work() if not item.settled]
    cut = [item for item in mill.work() if item.settled and item.note == "client_gone"]
    beyond = result.counted - result.settled
    prompt = whole.tokens[0] + whole.tokens[1]
    begun = sum(item.requests for item in voided)
    assert {item.note for item in voided} <= {"client_gone"}
    assert 0 <= beyond.input_uncached + beyond.input_cached <= prompt * begun
    assert (
        0 <= beyond.output <= AFTER_LEAVING_AT_MOST * (begun + sum(item.requests for item in cut))
    )
    assert result.unexplained == Tokens()


def test_what_the_engine_did_for_a_gateway_that_died(mill: Mill) -> None:
    """Its requests are voided after the crash; the work on them has a name. (A hold that is not yet on disk when the
    gateway dies is forgotten: nothing of its answer had reached the client.)"""

    async def ask_until_the_gateway_dies() -> list[Seen]:
        body = chat("Go on.", max_tokens=LONG)
        asking = [asyncio.create_task(mill.ask(body)) for _ in range(4)]
        await asyncio.to_thread(wait_until, lambda: mill.at_work() == 4, "the engine has them all")
        await asyncio.to_thread(wait_until, lambda: mill.held() == 4, "their holds are on disk")
        dead = mill.factory.kill_child("gateway")
        await asyncio.to_thread(mill.factory.wait_for_new_child, "gateway", dead)
        return await asyncio.gather(*asking)

    cut_off = asyncio.run(ask_until_the_gateway_dies())
    assert all(seen.broken for seen in cut_off)
    mill.factory.wait_until_ready()
    result = mill.reconcile()
    assert result.settled == Tokens()
    (difference,) = result.differences
    assert (difference.name, difference.requests) == (BEYOND, len(cut_off))
    assert 0 < difference.tokens.output <= len(cut_off) * LONG


def gateway_counters(mill: Mill) -> Tokens:
    """What the gateway's own metrics say was settled."""
    with urllib.request.urlopen(mill.factory.url + "/metrics", timeout=30) as answer:
        text = str(answer.read(), "utf-8")
    counts = dict.fromkeys(METERS, 0)
    for meter, count in re.findall(
        r'^wattmill_tokens_total\{meter="(\w+)",.*\} (\S+)$', text, re.M
    ):
        counts[meter] += round(float(count))
    return Tokens(counts["input_uncached"], counts["input_cached"], counts["output_text"])
