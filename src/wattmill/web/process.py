"""The control plane as a process: the books' one writer, the admin socket and the pages.

``python -m wattmill.web.process`` reads its settings as JSON from the first line of its standard input, and stops when
that input ends (its parent is gone).
"""

import asyncio
import gc
import logging
import os
import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import msgspec
import uvicorn
from msgspec import Struct

from wattmill.core.errors import WattmillError
from wattmill.ledger.loader import BATCH_ENTRIES
from wattmill.web.admin import admin_app
from wattmill.web.books import Books
from wattmill.web.control import CONTROL_SOCKET
from wattmill.web.deliveries import Deliveries
from wattmill.web.pages import pages_app

LOAD_EVERY_S = 0.25
"""Each load is one transaction, so fewer and larger ones are cheaper. Whoever asks the books catches up first."""
PUBLISH_EVERY_S = 60.0
READ_EVERY_S = 300.0
FIRST_READING_S = 3.0
"""Engines are read early, before much was asked of them: what they counted before the first reading has no witness."""
JOIN_S = 15.0
"""For a delivery that waits for an answer. One that is cut off is taken up again at the next start."""
GC_THRESHOLD = 100_000
"""Rows come and go by the thousand without a cycle among them: collecting every 700 takes a tenth of the time."""

log = logging.getLogger("wattmill.books")


class Settings(Struct, frozen=True):
    """What the control plane is told by whoever starts it."""

    data: str
    host: str
    port: int
    factory_path: str
    factory_text: str | None
    """``None``: go on with the file that was read last."""
    engine_urls: dict[str, str]
    gateway_url: str


async def serve(settings: Settings) -> None:
    """Open the books, say so on standard output, and serve until told to stop."""
    data = Path(settings.data)
    books = Books(data)
    try:
        books.set_engine_urls(settings.engine_urls)
        if settings.factory_text is None:
            books.publish()
        else:
            books.load_factory(settings.factory_path, settings.factory_text)
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop.set)
        loop.add_reader(sys.stdin.fileno(), _stop_at_end_of_input, stop)
        (data / CONTROL_SOCKET).unlink(missing_ok=True)
        servers = [
            _server(admin_app(books), uds=str(data / CONTROL_SOCKET)),
            _server(pages_app(books, settings), host=settings.host, port=settings.port),
        ]
        ending = threading.Event()
        helpers = [
            threading.Thread(target=_follow_journal, args=(books, ending), daemon=True),
            threading.Thread(target=Deliveries(books).run, args=(ending,), daemon=True),
        ]
        for helper in helpers:
            helper.start()
        running = [asyncio.create_task(server._serve()) for server in servers]
        while not all(server.started for server in servers):
            for server_task in running:
                if server_task.done():
                    server_task.result()  # why it does not listen; nothing else would say so
            await asyncio.sleep(0.005)
        (data / CONTROL_SOCKET).chmod(0o600)
        print("ready", flush=True)
        await stop.wait()
        for server in servers:
            server.should_exit = True
        await asyncio.gather(*running)
        ending.set()
        for helper in helpers:
            await asyncio.to_thread(helper.join, JOIN_S)
    finally:
        books.close()
        (data / CONTROL_SOCKET).unlink(missing_ok=True)


def _server(app: object, **where: object) -> uvicorn.Server:
    config = uvicorn.Config(
        app,  # type: ignore[arg-type]
        log_level="warning",
        access_log=False,
        lifespan="off",
        timeout_graceful_shutdown=2,
        **where,  # type: ignore[arg-type]
    )
    config.load()
    server = uvicorn.Server(config)
    server.lifespan = config.lifespan_class(config)
    return server


def _stop_at_end_of_input(stop: asyncio.Event) -> None:
    if not os.read(sys.stdin.fileno(), 4096):
        asyncio.get_running_loop().remove_reader(sys.stdin.fileno())
        stop.set()


class _Chore:
    """Something to do now and then, for the first time after ``first_s``."""

    def __init__(self, what: str, every_s: float, do: Callable[[], object], first_s: float) -> None:
        self._what, self._every_s, self._do = what, every_s, do
        self._left_s = first_s

    def pass_time(self, seconds: float) -> None:
        self._left_s -= seconds
        if self._left_s > 0:
            return
        self._left_s = self._every_s
        try:
            self._do()
        except Exception as error:
            log.error("%s: %s", self._what, error)


def _follow_journal(books: Books, stop: threading.Event) -> None:
    """Load the journal as it grows; now and then read the engines, and write a snapshot so that old segments can go."""
    os.nice(10)
    gc.freeze()
    gc.set_threshold(GC_THRESHOLD)
    chores = (
        _Chore("the snapshot is not written", PUBLISH_EVERY_S, books.publish, PUBLISH_EVERY_S),
        _Chore("engines are not read", READ_EVERY_S, books.read_engines, FIRST_READING_S),
    )
    while not stop.wait(LOAD_EVERY_S):
        try:
            while books.load_journal() >= BATCH_ENTRIES and not stop.is_set():
                pass
        except Exception as error:
            log.error("the journal is not loaded: %s", error)
            stop.wait(1.0)
            continue
        for chore in chores:
            chore.pass_time(LOAD_EVERY_S)


def main() -> int:
    """Run the control plane; 2 when it cannot start."""
    logging.basicConfig(level=logging.INFO, format="%(name)s: %(message)s", stream=sys.stderr)
    line = b""
    while not line.endswith(b"\n"):
        byte = os.read(0, 1)
        if not byte:
            return 0
        line += byte
    settings = msgspec.json.decode(line, type=Settings)
    try:
        asyncio.run(serve(settings))
    except WattmillError as error:
        print(
            f"error: {error}" + (f"\n\nhint: {error.hint}" if error.hint else ""), file=sys.stderr
        )
        return 2
    except SystemExit:
        print(f"error: {settings.host}:{settings.port}: cannot be listened on", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
