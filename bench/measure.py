"""One turn: start the stub and one gateway, load it in three ways, stop both."""

from __future__ import annotations

import http.client
import json
import shutil
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from bench.install import Installed
from bench.peers import MODEL, Gateway, Place, Tokens
from bench.processes import (
    TICKS_PER_S,
    Command,
    NotAvailable,
    Running,
    free_port,
    output_of,
    running,
    wait_until,
)

SOURCES = Path(__file__).resolve().parent
FRAMES = 64  # content chunks of a stream, as in stub.c
START_LIMIT_S = 120.0
LOAD_GRACE_S = 60.0
WARM_UP_S = 0.5
BOOKS_LIMIT_S = 60.0
REST_LIMIT_S = 30.0
REST_STEP_S = 0.25
REST_BUSY_FRAC = 0.1
COMPLETIONS = "/v1/chat/completions"


@dataclass(frozen=True)
class Plan:
    """How every turn of this run is measured."""

    cache: Path
    gateway_core: int
    load_core: int
    connections: int
    seconds: float
    burst: int


@dataclass(frozen=True)
class Turn:
    """What one turn gave. A figure that has no meaning for the row is None."""

    requests_per_s: float
    chunks_per_s: float
    p50_us: float
    p99_us: float
    load_busy: float
    cpu_s_per_1000: float | None = None
    deferred_frac: float | None = None
    gateway_busy: float | None = None
    others_busy: float | None = None
    added_p50_us: float | None = None
    added_p99_us: float | None = None
    errors: int = 0
    first_error: str = ""
    served: Tokens | None = None
    booked: Tokens | None = None

    @property
    def books_differ(self) -> bool:
        """Does a ledger that is kept say other than the upstream?"""
        return self.booked is not None and self.booked != self.served


@dataclass(frozen=True)
class Loaded:
    """The report of load.c, in the words of the table."""

    requests: int
    errors: int
    first_error: str
    frames: int
    seconds: float
    cpu_s: float
    p50_us: float
    p99_us: float


def compile_tools(cache: Path) -> None:
    """Build stub and load where their sources are newer than what is there."""
    (cache / "bin").mkdir(parents=True, exist_ok=True)
    for name in ("stub", "load"):
        source, program = SOURCES / f"{name}.c", cache / "bin" / name
        if not program.exists() or program.stat().st_mtime < source.stat().st_mtime:
            compiler: Command = ["gcc", "-O2", "-Wall", "-Wextra", "-o", program, source]
            output_of(compiler)


def write_bodies(cache: Path) -> None:
    """The two requests that are sent; the stream does not ask for usage, as most clients do not."""
    plain: dict[str, object] = {
        "model": MODEL,
        "messages": [{"role": "user", "content": "Say something about mills."}],
        "max_tokens": FRAMES,
    }
    (cache / "plain.json").write_text(json.dumps(plain))
    (cache / "stream.json").write_text(json.dumps({**plain, "stream": True}))


def load(
    plan: Plan,
    port: int,
    *,
    connections: int,
    seconds: float,
    stream: bool = False,
    headers: Sequence[str] = (),
) -> Loaded:
    """Run the load generator once, on the core that this process is on, and read its report."""
    words = ["--port", str(port), "--connections", str(connections), "--seconds", str(seconds)]
    words += [word for header in headers for word in ("--header", header)]
    words += ["--stream", "--frames", str(FRAMES)] if stream else []
    body = plan.cache / ("stream.json" if stream else "plain.json")
    command: Command = [plan.cache / "bin" / "load", "--body", body, *words]
    report = json.loads(output_of(command, limit_s=seconds + LOAD_GRACE_S))
    if not report["requests"]:
        raise NotAvailable(f"no request succeeded: {report['first_error'] or 'none ended'}")
    return _loaded(report)


def _loaded(report: dict[str, Any]) -> Loaded:
    return Loaded(
        requests=report["requests"],
        errors=report["errors"],
        first_error=report["first_error"],
        frames=report["frames"],
        seconds=report["seconds"],
        cpu_s=report["cpu_seconds"],
        p50_us=report["latency_us"]["p50"],
        p99_us=report["latency_us"]["p99"],
    )


@contextmanager
def scratch(plan: Plan) -> Iterator[Path]:
    """A fresh folder on the disk whose syncs are measured, gone afterwards."""
    (plan.cache / "run").mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(dir=plan.cache / "run"))
    folder.chmod(0o755)  # nginx gives its worker another user
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def stub(plan: Plan, folder: Path) -> Iterator[tuple[Running, int]]:
    """The upstream on the load generator's core, and its port."""
    log, port = folder / "stub.log", free_port()
    words = ["--port", str(port), "--burst", str(plan.burst)]
    command: Command = [plan.cache / "bin" / "stub", *words]
    with running(command, core=plan.load_core, log=log) as program:
        wait_until(lambda: answers(port, "/health"), program, START_LIMIT_S, "starting the stub")
        yield program, port


def answers(
    port: int, path: str, *, body: bytes | None = None, headers: Sequence[str] = ()
) -> bool:
    """Does this path answer 200?  With a body the request is a POST."""
    return _status(port, path, body, headers)[0] == 200


def _status(
    port: int, path: str, body: bytes | None = None, headers: Sequence[str] = ()
) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    pairs = dict(header.split(": ", 1) for header in headers)
    kind = {"Content-Type": "application/json"} if body else {}
    try:
        connection.request("POST" if body else "GET", path, body, {**pairs, **kind})
        answer = connection.getresponse()
        return answer.status, answer.read()
    except (OSError, http.client.HTTPException):
        return 0, b""
    finally:
        connection.close()


def served_tokens(port: int) -> Tokens:
    """What the stub has answered since it started."""
    counters = json.loads(_status(port, "/counters")[1])
    return Tokens(counters["requests"], counters["prompt_tokens"], counters["completion_tokens"])


def busy_s(core: int) -> float:
    """CPU time of everything on this core since boot, without idling."""
    for line in Path("/proc/stat").read_text().splitlines():
        name, *fields = line.split()
        if name == f"cpu{core}":
            user, nice, system, _idle, _iowait, irq, softirq, steal = map(int, fields[:8])
            return (user + nice + system + irq + softirq + steal) / TICKS_PER_S
    raise NotAvailable(f"/proc/stat does not know core {core}")


def measure_direct(plan: Plan) -> Turn:
    """The load generator against the stub with nothing between: the ceiling of this bench."""
    with scratch(plan) as folder, stub(plan, folder) as (upstream, port):
        single = load(plan, port, connections=1, seconds=plan.seconds)
        before = upstream.cpu_s()
        many = load(plan, port, connections=plan.connections, seconds=plan.seconds)
        upstream_cpu_s = upstream.cpu_s() - before
        streams = load(plan, port, connections=plan.connections, seconds=plan.seconds, stream=True)
        return Turn(
            requests_per_s=many.requests / many.seconds,
            chunks_per_s=streams.frames / streams.seconds,
            p50_us=single.p50_us,
            p99_us=single.p99_us,
            load_busy=(many.cpu_s + upstream_cpu_s) / many.seconds,
        )


def measure(gateway: Gateway, installed: Installed, plan: Plan) -> Turn:
    """A fresh start of the gateway, warmed up, measured and stopped."""
    with scratch(plan) as folder, stub(plan, folder) as (upstream, stub_port):
        place = Place(folder, free_port(), stub_port)
        launch = gateway.launch(installed, place)
        log = folder / f"{gateway.name}.log"
        with running(launch.command, core=plan.gateway_core, log=log, env=launch.env) as program:
            path = launch.ready_path
            wait_until(lambda: answers(place.port, path), program, START_LIMIT_S, "getting ready")
            try:
                bench = Bench(plan, place, gateway.headers(installed, place), program, upstream)
                direct = load(plan, stub_port, connections=1, seconds=plan.seconds)
                aside = served_tokens(stub_port)
                turn = bench.turn(direct)
                served = served_tokens(stub_port).without(aside)
                booked = final_books(gateway, installed, place, served)
            except NotAvailable as failure:
                raise NotAvailable(f"{failure} [log: {program.last_words()}]") from failure
    return replace(turn, served=served, booked=booked)


def final_books(
    gateway: Gateway, installed: Installed, place: Place, served: Tokens
) -> Tokens | None:
    """The ledger, once it agrees with the upstream, or as it is when that takes too long."""
    end = time.monotonic() + BOOKS_LIMIT_S
    while (booked := gateway.ledger(installed, place)) not in (None, served):
        if time.monotonic() > end:
            break
        time.sleep(0.5)
    return booked


@dataclass(frozen=True)
class CpuTimes:
    """CPU seconds so far: the gateway's, the stub's, and of all that ran on the gateway's core."""

    gateway_s: float
    stub_s: float
    core_s: float

    def since(self, before: CpuTimes) -> CpuTimes:
        return CpuTimes(
            self.gateway_s - before.gateway_s,
            self.stub_s - before.stub_s,
            self.core_s - before.core_s,
        )


@dataclass(frozen=True)
class Bench:
    """A gateway that runs, its upstream, and the load on them."""

    plan: Plan
    place: Place
    headers: Sequence[str]
    program: Running
    upstream: Running

    def turn(self, direct: Loaded) -> Turn:
        """Warm up, then latency at one connection, requests with CPU time, and streams."""
        plan = self.plan
        self._wait_for_first_answer()
        for stream in (False, True):
            self._load(plan.connections, stream=stream, seconds=WARM_UP_S)
        single = self._load(1)
        before = self._cpu_times()
        many = self._load(plan.connections)
        used = self._cpu_times().since(before)
        self._rest()
        cost_s = self.program.cpu_s() - before.gateway_s
        streams = self._load(plan.connections, stream=True)
        return Turn(
            requests_per_s=many.requests / many.seconds,
            chunks_per_s=streams.frames / streams.seconds,
            p50_us=single.p50_us,
            p99_us=single.p99_us,
            load_busy=(many.cpu_s + used.stub_s) / many.seconds,
            cpu_s_per_1000=1000 * cost_s / many.requests,
            deferred_frac=1 - used.gateway_s / cost_s if cost_s else 0.0,
            gateway_busy=used.gateway_s / many.seconds,
            others_busy=max(0.0, used.core_s - used.gateway_s) / many.seconds,
            added_p50_us=single.p50_us - direct.p50_us,
            added_p99_us=single.p99_us - direct.p99_us,
            errors=single.errors + many.errors + streams.errors,
            first_error=single.first_error or many.first_error or streams.first_error,
        )

    def _wait_for_first_answer(self) -> None:
        """Some routers say that they are ready before they know their upstream."""
        body = (self.plan.cache / "plain.json").read_bytes()

        def ready() -> bool:
            return answers(self.place.port, COMPLETIONS, body=body, headers=self.headers)

        wait_until(ready, self.program, START_LIMIT_S, "the first answer")

    def _rest(self) -> None:
        """Wait until the gateway has done what it put off, so that it counts where it is due."""
        end = time.monotonic() + REST_LIMIT_S
        while time.monotonic() < end:
            before = self.program.cpu_s()
            time.sleep(REST_STEP_S)
            if self.program.cpu_s() - before <= REST_BUSY_FRAC * REST_STEP_S:
                return

    def _load(
        self, connections: int, *, stream: bool = False, seconds: float | None = None
    ) -> Loaded:
        self._rest()
        return load(
            self.plan,
            self.place.port,
            connections=connections,
            seconds=seconds or self.plan.seconds,
            stream=stream,
            headers=self.headers,
        )

    def _cpu_times(self) -> CpuTimes:
        core_s = busy_s(self.plan.gateway_core)
        return CpuTimes(self.program.cpu_s(), self.upstream.cpu_s(), core_s)
