"""Starts engines, books and gateway as children, watches them, starts again what died, and stops them in order.

Stopping: the gateway drains first (its answers end), then the books load what is left, then the engines go. Every
child also watches its standard input, which ends with us, so that nothing outlives a supervisor that was killed.
"""

import contextlib
import json
import os
import select
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import NoReturn

import msgspec

from wattmill.catalog.factory import Factory, Pool
from wattmill.core.errors import (
    EngineError,
    FactoryError,
    LedgerBusy,
    LedgerError,
    UsageError,
    WattmillError,
)
from wattmill.gateway import embedded
from wattmill.gateway.clock import clock_offset_s
from wattmill.gateway.siblings import DRAIN_MARGIN_S, LOCK, Shared, new_memory, wait_for_lock
from wattmill.web.pools import is_embedded

READY_TIMEOUT_S = 120.0
RESTART_PAUSE_S = (0.1, 0.5, 2.0, 5.0)
STABLE_S = 30.0
REFUSED = 2
"""The exit status of a child that said on standard error why it does not start."""
EXIT_S = 5.0
MAX_FOLDER_BYTES = 107 - len("/gateway-64.sock")
"""A unix socket's path has 107 bytes at the most."""


@dataclass
class Child:
    """A process we start and, when it dies, start again."""

    name: str
    module: str
    settings: bytes
    stderr: int | None = None
    process: subprocess.Popen[bytes] | None = None
    started_s: float = 0.0
    deaths: int = 0
    pause_until_s: float = 0.0
    descriptors: tuple[int, ...] = ()
    """What it inherits from us beside its standard streams."""

    def start(self) -> None:
        """Start it. Ctrl-C in the terminal is for us alone: a child gets its own signals from us."""
        self.process = subprocess.Popen(
            [sys.executable, "-m", self.module],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.stderr,
            preexec_fn=_ignore_interrupt,
            pass_fds=self.descriptors,
        )
        assert self.process.stdin is not None
        self.process.stdin.write(self.settings + b"\n")
        self.process.stdin.flush()
        self.started_s = time.monotonic()

    @property
    def is_alive(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def wait_for_line(self, timeout_s: float) -> bool:
        """Whether it said a line on its standard output in time."""
        assert self.process is not None and self.process.stdout is not None
        readable, _, _ = select.select([self.process.stdout], [], [], timeout_s)
        return bool(readable) and bool(self.process.stdout.readline())

    def raise_unless_refused(self, error: WattmillError) -> NoReturn:
        """A child that left with status 2 has said why: another message would only hide its own."""
        assert self.process is not None
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(EXIT_S)
        if self.process.returncode == REFUSED:
            raise SystemExit(REFUSED)
        raise error

    def stop(self, timeout_s: float) -> None:
        """SIGTERM, then patience, then SIGKILL."""
        if self.process is None:
            return
        if self.is_alive:
            self.process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(timeout_s)
        if self.is_alive:
            self.process.kill()
            self.process.wait()
        for stream in (self.process.stdin, self.process.stdout):
            if stream is not None:
                with contextlib.suppress(OSError):
                    stream.close()


def _ignore_interrupt() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)


@dataclass
class Supervisor:
    """One running factory."""

    factory: Factory
    text: str
    data: Path
    say: Callable[[str], None]
    record: str | None = None
    gateway_count: int | None = None
    """``None``: as many as the factory file says."""
    engines: list[Child] = field(default_factory=list)
    books: Child | None = None
    gateways: list[Child] = field(default_factory=list)
    _stopping: bool = False

    @property
    def gateway_url(self) -> str:
        return f"http://{self.factory.serve.listen}"

    @property
    def control_url(self) -> str:
        return f"http://{self.factory.serve.control}"

    def start(self) -> None:
        """Start everything and return when the gateway is ready. ``WattmillError`` says what did not start,
        ``KeyboardInterrupt`` that it was told to stop before that.
        """
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._on_signal)
        self._make_folder()
        if self.factory.serve.database_url:
            os.environ.setdefault("WATTMILL_DATABASE_URL", self.factory.serve.database_url)
        _check_free(self.factory.serve.listen)
        _check_free(self.factory.serve.control)
        urls = self._start_engines()
        self._start_books(urls)
        self._start_gateways()
        self._wait_until_ready()

    def _make_folder(self) -> None:
        """There, and not too deep: a longer path is none for the sockets in it."""
        if len(os.fsencode(self.data)) > MAX_FOLDER_BYTES:
            raise UsageError(
                f"the data folder's path has more than {MAX_FOLDER_BYTES} bytes",
                place=str(self.data),
                hint="sockets are in it: name a shorter one with --data",
            )
        try:
            self.data.mkdir(parents=True, exist_ok=True, mode=0o700)
        except OSError as error:
            raise UsageError(
                f"the data folder cannot be made: {error.strerror or error}",
                place=str(self.data),
                hint="name another with --data",
            ) from None

    def _start_engines(self) -> dict[str, str]:
        urls = {}
        for pool in self.factory.pools:
            if not is_embedded(pool):
                continue
            port = _free_port()
            urls[pool.name] = f"http://127.0.0.1:{port}/v1"
            settings = msgspec.json.encode(engine_settings(pool, self.factory.path.parent, port))
            log = self.data / f"engine-{pool.name}.log"
            descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            child = Child(f"engine {pool.name}", "wattmill.gateway.embedded", settings, descriptor)
            child.start()
            self.engines.append(child)
        return urls

    def _start_books(self, urls: dict[str, str]) -> None:
        host, port = _split(self.factory.serve.control)
        settings = {
            "data": str(self.data),
            "host": host,
            "port": port,
            "factory_path": str(self.factory.path),
            "factory_text": self.text,
            "engine_urls": urls,
            "gateway_url": self.gateway_url,
        }
        self.books = Child("books", "wattmill.web.process", json.dumps(settings).encode())
        self.books.start()
        if not self.books.wait_for_line(READY_TIMEOUT_S):
            self.books.raise_unless_refused(LedgerBusy("the books did not open"))
        # Started again, they go on with the file that was read last, which a reload may have changed.
        self.books.settings = json.dumps({**settings, "factory_text": None}).encode()

    def _start_gateways(self) -> None:
        count = self.gateway_count or self.factory.serve.gateways
        if count == 1:
            gateway = Child("gateway", "wattmill.gateway.process", self._gateway_settings())
            self.gateways.append(gateway)
        else:
            self._make_siblings(count)
        for gateway in self.gateways:
            gateway.start()

    def _make_siblings(self, count: int) -> None:
        """Several gateways share memory, time and the lock of the folder, which is free again when all have gone."""
        lock, memory = self._lock_folder(), new_memory()
        offset_s = clock_offset_s()
        for number in range(count):
            settings = self._gateway_settings(Shared(memory, number, count, offset_s))
            name = f"gateway {number + 1}"
            child = Child(name, "wattmill.gateway.process", settings, descriptors=(lock, memory))
            self.gateways.append(child)

    def _lock_folder(self) -> int:
        timeout_s = self.factory.serve.drain_timeout_s + DRAIN_MARGIN_S
        try:
            return wait_for_lock(self.data / LOCK, timeout_s, lambda: self._stopping)
        except LedgerBusy:
            if self._stopping:
                raise KeyboardInterrupt from None
            raise

    def _gateway_settings(self, shared: Shared | None = None) -> bytes:
        host, port = _split(self.factory.serve.listen)
        serve = self.factory.serve
        settings = {
            "data": str(self.data),
            "host": host,
            "port": port,
            "control_url": self.control_url,
            "limits": {
                "max_body_bytes": int(serve.max_body_mb * 2**20),
                "max_header_bytes": int(serve.max_header_kb * 2**10),
                "header_timeout_s": serve.header_timeout_s,
                "body_timeout_s": serve.body_timeout_s,
                "max_connections": serve.max_connections,
            },
            "drain_timeout_s": serve.drain_timeout_s,
            "engine_key_envs": [p.api_key_env for p in self.factory.pools if p.api_key_env],
            "sync_delay_ms": float(os.environ.get("WATTMILL_SYNC_DELAY_MS", "0")),
            "record": self.record,
            "shared": shared,
        }
        if shared and self.record:
            settings["record"] = f"{self.record}.{shared.gateway + 1}"
        return msgspec.json.encode(settings)

    def _wait_until_ready(self) -> None:
        deadline_s = time.monotonic() + READY_TIMEOUT_S
        reason = "it does not answer"
        while time.monotonic() < deadline_s:
            if self._stopping:
                raise KeyboardInterrupt
            self._raise_if_dead()
            ready, reason = self._ask_ready()
            if ready:
                return
            if not self.engines and reason == "No engine is up.":
                self.say(f"warning: {reason} Requests get 503 until one answers.")
                return
            time.sleep(0.02)
        raise EngineError(f"the gateway is not ready: {reason}", hint=f"logs are in {self.data}")

    def _ask_ready(self) -> tuple[bool, str]:
        if len(self.gateways) == 1:
            return _ask_ready(self.gateway_url)
        from wattmill.web.books import tell_gateways

        try:
            reasons = [status["not_ready"] for status in tell_gateways(self.data, "status")]
        except LedgerError as error:
            return False, str(error)
        if len(reasons) < len(self.gateways):
            return False, f"{len(reasons)} of {len(self.gateways)} answer"
        return not any(reasons), next(filter(None, reasons), "")

    def _raise_if_dead(self) -> None:
        for engine in self.engines:
            if not engine.is_alive:
                log = self.data / f"{engine.name.replace(' ', '-')}.log"
                raise EngineError(
                    f"the {engine.name} did not start: {_last_words(log)}",
                    hint=f"its whole log is {log}",
                )
        for gateway in self.gateways:
            if not gateway.is_alive:
                gateway.raise_unless_refused(WattmillError(f"the {gateway.name} did not start"))

    # --- watching ----------------------------------------------------------------------------------------------------

    def watch(self) -> None:
        """Until SIGINT or SIGTERM: start again what dies."""
        while not self._stopping:
            for child in self._children():
                self._mend(child)
            time.sleep(0.1)

    def _children(self) -> list[Child]:
        books = [] if self.books is None else [self.books]
        return [*self.engines, *books, *self.gateways]

    def _mend(self, child: Child) -> None:
        now_s = time.monotonic()
        if child.is_alive or now_s < child.pause_until_s:
            return
        if child.pause_until_s == 0.0:
            assert child.process is not None
            if now_s - child.started_s > STABLE_S:
                child.deaths = 0
            pause_s = RESTART_PAUSE_S[min(child.deaths, len(RESTART_PAUSE_S) - 1)]
            code = child.process.returncode
            self.say(f"warning: {child.name} died ({_how(code)}); starting it again in {pause_s} s")
            child.deaths += 1
            child.pause_until_s = now_s + pause_s
            return
        child.pause_until_s = 0.0
        child.start()

    def _on_signal(self, number: int, _frame: object) -> None:
        if self._stopping:
            for child in self._children():
                if child.process is not None and child.is_alive:
                    child.process.kill()
            os._exit(130)
        self._stopping = True

    def stop(self) -> None:
        """Drain and stop, in order."""
        self._stopping = True
        for gateway in self.gateways:
            if gateway.process is not None and gateway.is_alive:
                gateway.process.terminate()
        for gateway in self.gateways:
            gateway.stop(self.factory.serve.drain_timeout_s + 10)
        if self.books is not None:
            self.books.stop(30)
        for engine in self.engines:
            if engine.process is not None and engine.process.stdin is not None:
                with contextlib.suppress(OSError):
                    engine.process.stdin.close()
            engine.stop(5)


def engine_settings(pool: Pool, folder: Path, port: int) -> embedded.Settings:
    """How to start the embedded engine of a pool. ``FactoryError`` when its model file is not there."""
    path = model_path(pool, folder)
    if not path.is_file():
        raise FactoryError(
            f"pool {pool.name!r}: there is no model file {path}",
            hint='path = the GGUF file, relative to the factory file; or path = "demo"',
        )
    return embedded.Settings(
        model=str(path),
        alias=pool.served_model or pool.model,
        port=port,
        slots=pool.slots or 8,
        context=pool.context or 2048,
        threads=pool.threads or 0,
    )


def model_path(pool: Pool, folder: Path) -> Path:
    """The GGUF of an embedded pool; ``demo`` is the one that ships with wattmill."""
    if pool.path in (None, "demo"):
        return Path(__file__).parent.parent / "demo" / "model.gguf"
    return folder / str(pool.path)


def _split(address: str) -> tuple[str, int]:
    host, _, port = address.rpartition(":")
    return host.strip("[]"), int(port)


def _check_free(address: str) -> None:
    host, port = _split(address)
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise FactoryError(
                f"{address} cannot be listened on: {error.strerror}",
                hint="another factory may be running there; or set listen and control under [serve]",
            ) from None


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _ask_ready(url: str) -> tuple[bool, str]:
    try:
        with urllib.request.urlopen(url + "/ready", timeout=2):
            return True, ""
    except urllib.error.HTTPError as error:
        return False, str(json.loads(error.read()).get("reason"))
    except OSError as error:
        return False, str(error)


def _last_words(log: Path) -> str:
    """Why an engine died: what it said itself, else the end of what llama.cpp said."""
    lines = log.read_text(errors="replace").strip().splitlines()
    own = [line.removeprefix("error: ") for line in lines if line.startswith("error: ")]
    return " ".join(own[-1:] or lines[-3:]) or "no message"


def _how(code: int | None) -> str:
    if code is not None and code < 0:
        return f"signal {signal.Signals(-code).name}"
    return f"exit status {code}"
