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
import time
from pathlib import Path
from typing import BinaryIO

import msgspec
from msgspec import Struct

from wattmill.core.errors import LedgerBusy, WattmillError
from wattmill.gateway.clock import SystemClock
from wattmill.gateway.commits import GroupCommit
from wattmill.gateway.driver import Driver
from wattmill.gateway.health import HealthWatch
from wattmill.gateway.links import open_socket
from wattmill.gateway.server import ClientConnection, Front, Limits
from wattmill.ledger.book import Book
from wattmill.ledger.locks import take_lock
from wattmill.ledger.snapshot import JOURNAL, read_snapshot, recover
from wattmill.policy import events as policy
from wattmill.policy.replay import Step, encode_step

SOCKET = "gateway.sock"
LOCK = "gateway.lock"
DRAIN_MARGIN_S = 5.0
"""How much longer than its drain a gateway may take to end."""
log = logging.getLogger("wattmill.gateway")


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


class Gateway:
    """One running gateway, the only one on its folder: recovery ends whatever another had accepted and not answered,
    so the gateway of a factory that died must have drained before."""

    def __init__(self, settings: Settings, loop: asyncio.AbstractEventLoop) -> None:
        self._settings = settings
        self._loop = loop
        self._data = Path(settings.data)
        self._stop = asyncio.Event()
        self._lock = _wait_for_lock(self._data / LOCK, settings.drain_timeout_s + DRAIN_MARGIN_S)
        self._record = _open_record(settings.record)
        clock = SystemClock()
        snapshot, accounts = recover(self._data)
        self._journal = GroupCommit(
            self._data / JOURNAL,
            loop,
            at_least=max(snapshot.positions, default=0) + 1,
            sync_delay_s=settings.sync_delay_ms / 1000,
        )
        book = Book(accounts, self._journal, snapshot.roster)
        voided, waived = book.recover(clock.now_s())
        if voided or waived:
            log.warning("after a crash: %d open holds voided, %d charges waived", voided, waived)
        driver = Driver(
            book=book,
            journal=self._journal,
            clock=clock,
            connect=open_socket(loop),
            engine_keys={name: os.environ.get(name, "") for name in settings.engine_key_envs},
            record=self._write_step if self._record else None,
        )
        self._front = Front(driver, settings.limits, settings.control_url)
        self._front.set_roster(snapshot.roster)

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
        )
        control = await self._listen_for_commands()
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
        os.close(self._lock)

    async def _sweep(self) -> None:
        while True:
            await asyncio.sleep(1.0)
            self._front.sweep(self._front.driver.now_s())
            self._front.driver.sweep()

    async def _drain(self) -> None:
        """Answer what is in flight, as long as the time allows; then the clients that are left are cut off."""
        self._front.draining = True
        for connection in list(self._front.connections):
            connection.drain()
        deadline_s = self._loop.time() + self._settings.drain_timeout_s
        while self._front.driver.in_flight and self._loop.time() < deadline_s:
            await asyncio.sleep(0.02)
        for connection in list(self._front.connections):
            connection.cut()
        await asyncio.sleep(0.05)

    # --- commands of the control plane -------------------------------------------------------------------------------

    async def _listen_for_commands(self) -> asyncio.Server:
        path = self._data / SOCKET
        path.unlink(missing_ok=True)
        server = await asyncio.start_unix_server(self._take_command, str(path))
        path.chmod(0o600)
        return server

    async def _take_command(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        """One line in, one line of JSON out: ``reload`` takes over the snapshot's roster, ``status`` tells."""
        command = (await reader.readline()).decode("ascii", "replace").strip()
        try:
            if command == "reload":
                self._front.set_roster(read_snapshot(self._data).roster)
            answer: object = self._status()
        except WattmillError as error:
            answer = {"error": str(error)}
        writer.write(msgspec.json.encode(answer) + b"\n")
        await writer.drain()
        writer.close()

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


def _wait_for_lock(path: Path, timeout_s: float) -> int:
    deadline_s = time.monotonic() + timeout_s
    while True:
        try:
            hint = "a factory is running there, or its gateway still answers what it had accepted"
            return take_lock(path, "another gateway is at work", hint=hint)
        except LedgerBusy:
            if time.monotonic() > deadline_s:
                raise
            time.sleep(0.05)


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
