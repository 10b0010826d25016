"""A real factory in front of a scripted engine."""

import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.gateway.wire import Answer, ask, chat, post
from tests.support.engine import ScriptedEngine, scripted_engine
from tests.support.factory import COMMAND, Factory, running_factory, wait_until
from wattmill.ledger.accounts import AccountsState, decode_state
from wattmill.web.control import call, is_running

TOML = """
[serve]
listen = "127.0.0.1:8600"
control = "127.0.0.1:8601"
max_body_mb = 1
max_header_kb = 8
header_timeout_s = 1
body_timeout_s = 1.5
drain_timeout_s = 10
max_connections = 40

[[pool]]
name = "here"
model = "scripted"
engine = "vllm"
url = "ENGINE"

[[pool]]
name = "away"
model = "scripted"
engine = "vllm"
url = "http://127.0.0.1:9/v1"

[[model]]
alias = "house"
route = ["here"]
max_output_tokens = 100

[[model]]
alias = "nowhere"
route = ["away"]

[[rate_plan]]
name = "standard"
usd_per_mtok = { input = 1, cached_input = 0.1, output = 2 }

[[tenant]]
name = "acme"
rate_plan = "standard"

[[tenant]]
name = "poor"
rate_plan = "standard"
budget_usd_per_month = 0.001
"""
INPUT_PUSD, OUTPUT_PUSD = 10**6, 2 * 10**6


@dataclass
class Mill:
    """The factory, its engine, and what a test wants to know of both."""

    factory: Factory
    engine: ScriptedEngine
    _keys: dict[str, str] = field(default_factory=dict)

    @property
    def url(self) -> str:
        return self.factory.url

    def do(self, operation: str, **arguments: Any) -> Any:
        """What a command does, without the cost of a process."""
        return call(self.factory.data, operation, **arguments)

    def command(self, *words: str) -> subprocess.CompletedProcess[str]:
        """A command as a person gives it, whatever comes of it."""
        return command(*words, "--data", str(self.factory.data))

    def key(self, tenant: str = "acme") -> str:
        """A key of a tenant, the same each time."""
        if tenant not in self._keys:
            self._keys[tenant] = self.do("create_key", tenant=tenant)["key"]
        return self._keys[tenant]

    def chat(self, play: str = "well", *, tenant: str = "acme", **fields: Any) -> Answer:
        """One chat request on a connection of its own."""
        return ask(self.url, post(chat(play, **fields), self.key(tenant)))

    def assert_serves(self) -> None:
        """The next request is answered as if nothing had been."""
        assert self.chat().text == "one two three four five"
        assert self.chat(stream=True).text == "one two three four five"

    def kill_books(self) -> None:
        """SIGKILL to the books; returns when the next ones take commands."""
        dead = self.factory.kill_child("books")
        self.factory.wait_for_new_child("books", dead)
        wait_until(lambda: is_running(self.factory.data), "the new books take commands")

    def rows(self) -> dict[int, dict[str, Any]]:
        """Every request that is over, as the books have it."""
        self.do("catch_up")
        return request_rows(self.factory.data)

    def over(self, request: int) -> dict[str, Any] | None:
        """A request as the books have it once it is over; ``None`` before."""
        return self.rows().get(request)

    def wait_for(self, request: int) -> dict[str, Any]:
        """The same, a moment later."""
        wait_until(lambda: self.over(request) is not None, "the request is over")
        return self.rows()[request]

    def is_held(self, request: int) -> bool:
        """Whether a hold is in the books, and its request not over."""
        return request in self._waiting()

    def last_request(self) -> int:
        """The newest request in the books, over or not."""
        return max([*self.rows(), *self._waiting()])

    def _waiting(self) -> set[int]:
        self.do("catch_up")
        return waiting_requests(self.factory.data)


def request_rows(data: Path) -> dict[int, dict[str, Any]]:
    """The table ``request`` by number."""
    with closing(_books(data)) as database:
        return {row["id"]: dict(row) for row in database.execute("SELECT * FROM request")}


def waiting_requests(data: Path) -> set[int]:
    """Requests that are held or wait for their delivery to be confirmed."""
    with closing(_books(data)) as database:
        found = database.execute("SELECT state FROM accounts_state").fetchone()
    state = decode_state(found["state"]) if found else AccountsState()
    return {entry.request for entry in state.open_holds} | {
        entry.request for entry in state.unconfirmed
    }


def _books(data: Path) -> sqlite3.Connection:
    database = sqlite3.connect(f"file:{data / 'ledger.db'}?mode=ro", uri=True)
    database.row_factory = sqlite3.Row
    return database


def command(*words: str, folder: Path | None = None) -> subprocess.CompletedProcess[str]:
    """``wattmill`` with these words."""
    return subprocess.run(
        [*COMMAND, *words], capture_output=True, text=True, timeout=60, cwd=folder
    )


@contextmanager
def running_mill(folder: Path, toml: str = TOML, **env: str) -> Iterator[Mill]:
    with (
        scripted_engine() as engine,
        running_factory(folder, toml.replace("ENGINE", engine.url), env) as factory,
    ):
        yield Mill(factory, engine)
