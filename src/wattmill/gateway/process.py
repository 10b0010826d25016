"""The gateway as a process: recover from the journal, serve, reload, drain.

It needs the data folder and nothing else: no database. ``python -m wattmill.gateway.process`` reads its settings as
JSON from the first line of its standard input, and stops when that input ends (its parent is gone).
"""

import asyncio
import gc
import logging
import os
import signal
import sys
from pathlib import Path
from typing import BinaryIO

import msgspec
from msgspec import Struct

from wattmill.core.errors import WattmillError
from wattmill.gateway.clock import SystemClock
from wattmill.gateway.commits import GroupCommit
from wattmill.gateway.driver import Driver
from wattmill.gateway.health import HealthWatch
from wattmill.gateway.links import open_socket
from wattmill.gateway.server import ClientConnection, Front, Limits
from wattmill.gateway.siblings import (
    DRAIN_MARGIN_S,
    LOCK,
    Begun,
    Shared,
    begin,
    socket_name,
    wait_for_lock,
)
from wattmill.ledger.book import Book
from wattmill.ledger.snapshot import JOURNAL, read_snapshot, recover
from wattmill.policy import events as policy
from wattmill.policy.replay import Step, encode_step

log = logging.getLogger("wattmill.gateway")

LAST_WORDS_S = 0.05
"""For what was written to clients, and into the journal, to go out before the end."""


class Settings(Struct, frozen=True):
    """What the gateway is told by whoever starts it."""

    data: str
    host: str
    port: int
    control_url: str
    limits: Limits = Limits()
    drain_timeout_s: float = 30.0
    engine_key_envs: tuple[str, ...] = ()
    sync_delay_ms: float = 0.0
    record: str | None = None
    shared: Shared | None = None
    """For one of several gateways; its supervisor holds the lock of the folder for all of them."""


class Gateway:
    """One running gateway, alone on its folder or with siblings: recovery ends whatever the dead had accepted and not
    answered, so the gateways of a factory that died must have drained before."""

    def __init__(self, settings: Settings, loop: asyncio.AbstractEventLoop) -> None:
        self._settings = settings
        self._loop = loop
        self._data = Path(settings.data)
        self._stop = asyncio.Event()
        shared = settings.shared
        self._lock = None if shared else self._wait_for_lock()
        self._record = _open_record(settings.record)
        clock = SystemClock(shared.clock_offset_s if shared else None)
        begun = self._begin_with(shared, clock) if shared else self._begin_alone(clock)
        if begun.voided or begun.waived:
            words = "after a crash: %d open holds voided, %d charges waived"
            log.warning(words, begun.voided, begun.waived)
        driver = Driver(
            book=begun.book,
            journal=self._journal,
            clock=clock,
            connect=open_socket(loop),
            engine_keys={name: os.environ.get(name, "") for name in settings.engine_key_envs},
            record=self._write_step if self._record else None,
        )
        self._front = Front(driver, settings.limits, settings.control_url)
        self._front.gateway = shared.gateway + 1 if shared else None
        self._front.set_roster(begun.roster)

    def _wait_for_lock(self) -> int:
        return wait_for_lock(self._data / LOCK, self._settings.drain_timeout_s + DRAIN_MARGIN_S)

    def _begin_alone(self, clock: SystemClock) -> Begun:
        snapshot, accounts = recover(self._data)
        self._open_journal(max(snapshot.positions, default=0) + 1)
        book = Book(accounts, self._journal, snapshot.roster)
        voided, waived = book.recover(clock.now_s())
        return Begun(book, snapshot.roster, voided, waived)

    def _begin_with(self, shared: Shared, clock: SystemClock) -> Begun:
        begun = begin(self._data, shared, clock.now_s(), self._open_journal)
        self._journal.when_durable(begun.voided + begun.waived, begun.settled)
        return begun

    def _open_journal(self, at_least: int) -> GroupCommit:
        delay_s = self._settings.sync_delay_ms / 1000
        journal = self._data / JOURNAL
        self._journal = GroupCommit(journal, self._loop, at_least=at_least, sync_delay_s=delay_s)
        return self._journal

    def _write_step(
        self, event: policy.Event, view: policy.View, actions: list[policy.Action]
    ) -> None:
        assert self._record is not None
        self._record.write(encode_step(Step(event, view, actions)))

    async def run(self) -> None:
        """Serve until told to stop; then drain."""
        for number in (signal.SIGTERM, signal.SIGINT):
            self._loop.add_signal_handler(number, self._stop.set)
        _stop_with_parent(self._loop, self._stop)
        watch = HealthWatch(self._front.driver)
        await watch.ask_all()
        tasks = [self._loop.create_task(watch.run()), self._loop.create_task(self._sweep())]
        server = await self._loop.create_server(
            lambda: ClientConnection(self._front),
            self._settings.host,
            self._settings.port,
            backlog=4096,
            reuse_port=self._settings.shared is not None,
        )
        control = await self._listen_for_commands()
        self._take_over_roster()  # what was published before we could be told
        gc.collect()
        gc.freeze()
        await self._stop.wait()
        server.close()
        await self._drain()
        control.close()
        for task in tasks:
            task.cancel()
        self._journal.close()
        if self._record is not None:
            self._record.close()
        if self._lock is not None:
            os.close(self._lock)

    async def _sweep(self) -> None:
        while True:
            await asyncio.sleep(1.0)
            self._front.sweep(self._front.driver.now_s())
            self._front.driver.sweep()

    async def _drain(self) -> None:
        """Answer what is in flight, as long as the time allows; then streams end with an error, and whoever is left
        is cut off. Neither is charged: it is we who leave."""
        self._front.draining = True
        for connection in list(self._front.connections):
            connection.drain()
        deadline_s = self._loop.time() + self._settings.drain_timeout_s
        while self._front.driver.in_flight and self._loop.time() < deadline_s:
            await asyncio.sleep(0.02)
        self._front.driver.end_streams("The gateway stops and can wait no longer for the engine.")
        await asyncio.sleep(LAST_WORDS_S)
        for connection in list(self._front.connections):
            connection.cut()
        await asyncio.sleep(LAST_WORDS_S)

    # --- commands of the control plane -------------------------------------------------------------------------------

    async def _listen_for_commands(self) -> asyncio.Server:
        shared = self._settings.shared
        path = self._data / socket_name(shared.gateway if shared else None)
        path.unlink(missing_ok=True)
        server = await asyncio.start_unix_server(self._take_command, str(path))
        path.chmod(0o600)
        return server

    async def _take_command(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        """One line in, one line of JSON out: ``reload`` takes over the snapshot's roster, ``status`` tells, and
        ``metrics`` gives what ``/metrics`` does."""
        command = (await reader.readline()).decode("ascii", "replace").strip()
        try:
            if command == "reload":
                self._take_over_roster()
            answer: object = self._status() if command != "metrics" else self._metrics()
        except WattmillError as error:
            answer = {"error": str(error)}
        writer.write(msgspec.json.encode(answer) + b"\n")
        await writer.drain()
        writer.close()

    def _take_over_roster(self) -> None:
        roster = read_snapshot(self._data).roster
        if roster.version != self._front.roster.version:
            self._front.set_roster(roster)

    def _metrics(self) -> dict[str, object]:
        return {"metrics": self._front.metrics().decode()}

    def _status(self) -> dict[str, object]:
        driver = self._front.driver
        return {
            "pid": os.getpid(),
            "roster": self._front.roster.version,
            "in_flight": driver.in_flight,
            "connections": len(self._front.connections),
            "not_ready": self._front.not_ready(),
            "pools": {
                name: {"up": view.up, "running": view.running, "waiting": view.waiting}
                for name, view in driver.view.pools.items()
            },
        }


def _open_record(path: str | None) -> BinaryIO | None:
    return Path(path).open("ab") if path else None


def _stop_with_parent(loop: asyncio.AbstractEventLoop, stop: asyncio.Event) -> None:
    """The parent holds the other end of our standard input: when it goes, so do we."""
    descriptor = sys.stdin.fileno()

    def readable() -> None:
        if not os.read(descriptor, 4096):
            loop.remove_reader(descriptor)
            stop.set()

    loop.add_reader(descriptor, readable)


def read_settings(stream: BinaryIO) -> Settings:
    """The first line of a stream, byte by byte, so that nothing behind it is swallowed."""
    line = b""
    while not line.endswith(b"\n"):
        byte = os.read(stream.fileno(), 1)
        if not byte:
            break
        line += byte
    return msgspec.json.decode(line, type=Settings)


def main() -> int:
    """Run one gateway; 2 when it cannot start."""
    import uvloop

    logging.basicConfig(level=logging.INFO, format="%(name)s: %(message)s", stream=sys.stderr)
    settings = read_settings(sys.stdin.buffer)

    async def serve() -> None:
        await Gateway(settings, asyncio.get_running_loop()).run()

    try:
        uvloop.run(serve())
    except WattmillError as error:
        print(f"error: {error}\n\nhint: {error.hint}", file=sys.stderr)
        return 2
    except OSError as error:
        place = f"{settings.host}:{settings.port}"
        print(f"error: {place}: {error.strerror or error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
