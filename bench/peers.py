"""The gateways under test: how each is brought here, configured and started."""

from __future__ import annotations

import json
import sqlite3
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from bench.install import Installed, debian_nginx, python_package, version_in
from bench.processes import NotAvailable, free_port, output_of

ROOT = Path(__file__).resolve().parent.parent
MODEL = "stub-model"
LITELLM_MASTER_KEY = "sk-bench"


@dataclass(frozen=True)
class Place:
    """Where one start of a gateway lives: a fresh folder, its port and the stub's."""

    folder: Path
    port: int
    stub_port: int

    @property
    def stub_url(self) -> str:
        return f"http://127.0.0.1:{self.stub_port}"


@dataclass(frozen=True)
class Launch:
    """How a gateway is started, and which path answers 200 when it is ready."""

    command: Sequence[str | Path]
    ready_path: str
    env: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Tokens:
    """What was served, as the upstream counted it or as a ledger booked it."""

    requests: int
    prompt_tokens: int
    completion_tokens: int

    def without(self, other: Tokens) -> Tokens:
        """What is left when the other is taken away."""
        return Tokens(
            self.requests - other.requests,
            self.prompt_tokens - other.prompt_tokens,
            self.completion_tokens - other.completion_tokens,
        )


class Gateway(ABC):
    """One row of the table."""

    name: str

    @abstractmethod
    def install(self, cache: Path) -> Installed:
        """Make it available; raise NotAvailable with the reason if that fails."""

    @abstractmethod
    def launch(self, installed: Installed, place: Place) -> Launch:
        """Write its configuration into the place and say how to start it."""

    def headers(self, installed: Installed, place: Place) -> Sequence[str]:
        """What a client must send along, once the gateway is ready."""
        return ()

    def ledger(self, installed: Installed, place: Place) -> Tokens | None:
        """What it has booked so far, if it keeps books."""
        return None


class Nginx(Gateway):
    """A plain proxy without keys or metering: the practical limit."""

    name = "nginx"

    def install(self, cache: Path) -> Installed:
        return debian_nginx(cache)

    def launch(self, installed: Installed, place: Place) -> Launch:
        config = place.folder / "nginx.conf"
        config.write_text(nginx_config(place))
        folder = f"{place.folder}/"
        return Launch([installed.path, "-e", "stderr", "-p", folder, "-c", config], "/health")


def nginx_config(place: Place) -> str:
    """One worker, keep-alive on both sides for good, every byte passed on at once."""
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    temp_paths = "\n".join(f"  {kind}_temp_path {place.folder}/{kind};" for kind in kinds)
    return f"""\
daemon off;
worker_processes 1;
pid {place.folder}/nginx.pid;
error_log stderr error;
events {{ worker_connections 16384; }}
http {{
{temp_paths}
  access_log off;
  upstream stub {{
    server 127.0.0.1:{place.stub_port};
    keepalive 4096;
    keepalive_requests 1000000000;
  }}
  server {{
    listen 127.0.0.1:{place.port} backlog=4096;
    keepalive_requests 1000000000;
    client_max_body_size 64m;
    client_body_buffer_size 1m;
    location / {{
      proxy_pass http://stub;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_buffering off;
    }}
  }}
}}
"""


class Router(Gateway):
    """The Rust routers of vLLM and SGLang: round robin, no keys, no metering.

    Their own limit on the rate of requests is lifted where there is one by default.
    """

    def __init__(self, name: str, version: str, command: Sequence[str], extra: Sequence[str]):
        self.name = name
        self._version = version
        self._command = command
        self._extra = extra

    def install(self, cache: Path) -> Installed:
        return python_package(cache, self.name, [f"{self.name}=={self._version}"])

    def launch(self, installed: Installed, place: Place) -> Launch:
        options = {
            "--host": "127.0.0.1",
            "--port": str(place.port),
            "--prometheus-port": str(free_port()),
            "--worker-urls": place.stub_url,
            "--policy": "round_robin",
        }
        words = [word for option in options.items() for word in option]
        program, *verbs = self._command
        return Launch([installed.path / program, *verbs, *words, *self._extra], "/health")


class LiteLLM(Gateway):
    """LiteLLM's proxy: one worker, a master key, no database, nothing fetched from outside."""

    name = "litellm"
    _CHOICES = ("litellm[proxy]==1.109.1", "litellm[proxy]==1.106.2")

    def install(self, cache: Path) -> Installed:
        return python_package(cache, self.name, self._CHOICES)

    def launch(self, installed: Installed, place: Place) -> Launch:
        config = place.folder / "litellm.yaml"
        config.write_text(json.dumps(litellm_config(place)))  # JSON is YAML
        options = ["--host", "127.0.0.1", "--port", str(place.port), "--num_workers", "1"]
        return Launch(
            [installed.path / "litellm", "--config", config, *options],
            "/health/liveliness",
            env={"LITELLM_LOCAL_MODEL_COST_MAP": "True", "LITELLM_LOG": "ERROR"},
        )

    def headers(self, installed: Installed, place: Place) -> Sequence[str]:
        return [f"Authorization: Bearer {LITELLM_MASTER_KEY}"]


def litellm_config(place: Place) -> dict[str, object]:
    """One model, served by the stub as if it were vLLM."""
    upstream = {
        "model": f"hosted_vllm/{MODEL}",
        "api_base": f"{place.stub_url}/v1",
        "api_key": "none",
    }
    return {
        "model_list": [{"model_name": MODEL, "litellm_params": upstream}],
        "general_settings": {"master_key": LITELLM_MASTER_KEY},
    }


class Wattmill(Gateway):
    """wattmill as a customer runs it: keys, limits and the durable ledger on."""

    _TENANT = "bench"

    def __init__(self, name: str, sync_delay_ms: int):
        self.name = name
        self._sync_delay_ms = sync_delay_ms

    def install(self, cache: Path) -> Installed:
        home = ROOT / ".venv" / "bin"
        if not (home / "wattmill").exists():
            raise NotAvailable("no .venv/bin/wattmill in this checkout")
        return Installed(home, version_in(home / "python", "wattmill"))

    def launch(self, installed: Installed, place: Place) -> Launch:
        factory = place.folder / "factory.toml"
        factory.write_text(factory_text(place, self._TENANT))
        return Launch(
            [installed.path / "wattmill", "up", factory, "--data", place.folder / "data"],
            "/ready",
            env={"WATTMILL_SYNC_DELAY_MS": str(self._sync_delay_ms)},
        )

    def headers(self, installed: Installed, place: Place) -> Sequence[str]:
        created = self._say(installed, place, "keys", "create", self._TENANT, "--json")
        return [f"Authorization: Bearer {json.loads(created)['key']}"]

    def ledger(self, installed: Installed, place: Place) -> Tokens | None:
        """Read from a copy that wattmill itself makes of its books."""
        copy = place.folder / "books.copy"
        copy.unlink(missing_ok=True)
        self._say(installed, place, "backup", str(copy))
        return settled_in(copy)

    def _say(self, installed: Installed, place: Place, *words: str) -> str:
        return output_of([installed.path / "wattmill", *words, "--data", place.folder / "data"])


def factory_text(place: Place, tenant: str) -> str:
    """The factory file of the bench; its limits are there and are checked, but never reached."""
    return f"""\
[site]
power_usd_per_kwh = 0.09

[serve]
listen = "127.0.0.1:{place.port}"
control = "127.0.0.1:{free_port()}"

[[pool]]
name = "stub"
model = "{MODEL}"
engine = "vllm"
url = "{place.stub_url}/v1"

[[model]]
alias = "{MODEL}"
route = ["stub"]

[[rate_plan]]
name = "bench"
usd_per_mtok = {{ input = 0.40, cached_input = 0.04, output = 1.60 }}

[[tenant]]
name = "{tenant}"
rate_plan = "bench"
budget_usd_per_month = 1_000_000
requests_per_minute = 1_000_000_000
max_concurrency = 100_000
"""


def settled_in(books: Path) -> Tokens:
    """The sums over the settled requests in a copy of the books."""
    query = (
        "SELECT count(*), total(input_uncached) + total(input_cached), total(output_text) "
        "FROM request WHERE state <> 'void'"
    )
    with closing(sqlite3.connect(books)) as database:
        requests, prompt_tokens, completion_tokens = database.execute(query).fetchone()
    return Tokens(requests, int(prompt_tokens), int(completion_tokens))


GATEWAYS: Sequence[Gateway] = (
    Wattmill("wattmill", sync_delay_ms=0),
    Wattmill("wattmill-sync5", sync_delay_ms=5),
    Nginx(),
    Router(
        "vllm-router",
        "0.1.17",
        ["vllm-router"],
        ["--log-level", "warning", "--rate-limit-tokens-per-second", "1000000000"],
    ),
    Router("sglang-router", "0.3.2", ["sglang-router", "launch"], ["--log-level", "warn"]),
    LiteLLM(),
)
