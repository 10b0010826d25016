"""The embedded engine: llama.cpp in a child process, so that its death is not ours.

``python -m wattmill.gateway.embedded`` reads its settings as JSON from the first line of its standard input, serves
llama.cpp's own HTTP interface on loopback, and ends when that input ends (its parent is gone) and the gateway has its
last answers.
"""

import os
import signal
import sys
import time
import urllib.request

import msgspec
from msgspec import Struct

HOST_CACHE_MIB = 256
"""Prompts of idle slots kept in host memory; llama.cpp's own default is 8 GiB."""

SPARE_HTTP_THREADS = 120
"""A connection holds one of its threads; with fewer than our connections, requests wait for seconds."""


DRAIN_S = 30.0
"""How long answers that are being made when the parent goes may take: as long as the gateway waits for them."""
IDLE_LOOKS, LOOK_EVERY_S = 5, 0.1


class Settings(Struct, frozen=True):
    """One engine. ``context`` is per request; the KV cache is shared by all ``slots``."""

    model: str
    alias: str
    port: int
    slots: int = 8
    context: int = 2048
    threads: int = 0


def start(settings: Settings) -> object:
    """Load the model and serve it. The server lives as long as the object that is returned."""
    import xllamacpp

    params = xllamacpp.CommonParams()
    params.model.path = settings.model
    params.model_alias = {settings.alias}
    params.hostnames = ["127.0.0.1"]
    params.port = settings.port
    params.n_parallel = settings.slots
    params.n_ctx = settings.slots * settings.context
    params.n_batch = params.n_ubatch = max(512, min(settings.context, 2048))
    params.embedding = True
    params.pooling_type = xllamacpp.llama_pooling_type.LLAMA_POOLING_TYPE_MEAN
    params.cache_ram_mib = HOST_CACHE_MIB
    threads = settings.threads or max(1, (os.cpu_count() or 2) // 2)
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = threads
    params.n_threads_http = settings.slots + SPARE_HTTP_THREADS
    params.endpoint_metrics = True
    params.endpoint_slots = True
    params.ui = False
    params.verbosity = 1
    return xllamacpp.Server(params)


def _wait_until_idle(port: int) -> None:
    """Until several looks in a row found no slot at work, or the time is over."""
    idle, deadline_s = 0, time.monotonic() + DRAIN_S
    while idle < IDLE_LOOKS and time.monotonic() < deadline_s:
        idle = 0 if _is_at_work(port) else idle + 1
        time.sleep(LOOK_EVERY_S)


def _is_at_work(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/slots", timeout=DRAIN_S) as answer:
            return any(slot["is_processing"] for slot in msgspec.json.decode(answer.read()))
    except OSError:
        return False


def main() -> int:
    """Serve until the parent goes or says stop."""
    line = b""
    while not line.endswith(b"\n"):
        byte = os.read(0, 1)
        if not byte:
            return 0
        line += byte
    settings = msgspec.json.decode(line, type=Settings)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        _server = start(settings)
    except RuntimeError as error:
        print(f"error: {settings.model}: llama.cpp cannot serve it: {error}", file=sys.stderr)
        return 2
    while os.read(0, 4096):
        pass
    _wait_until_idle(settings.port)
    # Not by way of llama.cpp's own shutdown: it stops working at once and then waits for its connections to close,
    # while the gateway waits on them for answers.
    os._exit(0)


if __name__ == "__main__":
    sys.exit(main())
