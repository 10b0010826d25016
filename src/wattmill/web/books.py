"""Everything that changes or reads the books, one method each. The process that holds this object is the one writer.

Every change ends with a new snapshot, and, when a gateway runs, with that gateway having taken it over: when a method
returns, the change is in force.
"""

import socket
import threading
import time
from pathlib import Path
from typing import Any

import msgspec

from wattmill.catalog.factory import Factory, parse_factory
from wattmill.core.errors import LedgerError
from wattmill.core.money import PUSD_PER_UUSD
from wattmill.gateway.process import SOCKET
from wattmill.ledger.loader import Loader
from wattmill.ledger.registry import KeyRow, NewKey, Registry, TenantRow
from wattmill.ledger.snapshot import Snapshot, read_snapshot, write_snapshot
from wattmill.ledger.store import Store
from wattmill.web.pools import is_embedded, roster_models, roster_pools

SESSION_LABEL = "session"
GATEWAY_TIMEOUT_S = 10.0


class Books:
    """The store, its loader and its registry behind one lock."""

    def __init__(self, data: Path) -> None:
        self.data = data
        self._lock = threading.RLock()
        self.store = Store(data, write=True)
        self.registry = Registry(self.store)
        self._loader = Loader(self.store)
        self._engine_urls = _last_engine_urls(data)
        self._version = int(time.time() * 1000)
        self._loader.accounts.set_tenants(self.registry.every_tenant())
        self._loader.catch_up()

    def close(self) -> None:
        """Load what is left and let others write."""
        with self._lock:
            try:
                if self._loader.catch_up():
                    self.publish()
            finally:
                self.store.close()

    # --- the factory file and the snapshot ---------------------------------------------------------------------------

    def load_factory(self, path: str, text: str) -> dict[str, Any]:
        """Take over a factory file. ``without_engine`` names its new pools whose engine starts with the next run."""
        factory = parse_factory(text, path)
        with self._lock:
            self.registry.load_factory(factory, text, time.time())
        embedded = (pool.name for pool in factory.pools if is_embedded(pool))
        without_engine = [name for name in embedded if name not in self._engine_urls]
        return {**self.publish(), "without_engine": without_engine}

    def set_engine_urls(self, urls: dict[str, str]) -> None:
        """Where the embedded engines listen."""
        self._engine_urls = urls

    @property
    def factory(self) -> Factory:
        return self.registry.factory()

    def publish(self) -> dict[str, Any]:
        """Write the snapshot, have the gateway take it over, and drop journal segments that nobody needs any more."""
        with self._lock:
            self._loader.catch_up()
            self._loader.accounts.set_tenants(self.registry.every_tenant())
            self._version += 1
            factory = self.registry.factory()
            roster = self.registry.roster(
                roster_models(factory), roster_pools(factory, self._engine_urls), self._version
            )
            snapshot = Snapshot(roster, self._loader.accounts.state(), self._loader.positions)
            write_snapshot(self.data, snapshot)
            self._loader.retire_segments()
        status = tell_gateway(self.data, "reload")
        return {"version": self._version, "gateway": status}

    def load_journal(self) -> int:
        """Carry what is durable in the journal into the database."""
        with self._lock:
            return self._loader.load_some()

    def catch_up(self) -> dict[str, Any]:
        """The same until nothing is left."""
        with self._lock:
            return {"entries": self._loader.catch_up()}

    # --- tenants, keys, budgets --------------------------------------------------------------------------------------

    def list_tenants(self) -> list[TenantRow]:
        return self.registry.tenants()

    def create_tenant(self, name: str, plan: str, **limits: Any) -> TenantRow:
        with self._lock:
            row = self.registry.create_tenant(name, plan, **limits)
        self.publish()
        return row

    def set_tenant(self, name: str, **values: Any) -> TenantRow:
        with self._lock:
            row = self.registry.set_tenant(name, **values)
        self.publish()
        return row

    def balances(self) -> list[dict[str, Any]]:
        """What each tenant may spend in its current month, has spent and has reserved, in pUSD."""
        self.catch_up()
        now_s = time.time()
        with self._lock:
            return [self._balance(row, now_s) for row in self.registry.tenants()]

    def _balance(self, row: TenantRow, now_s: float) -> dict[str, Any]:
        balance = self._loader.accounts.balance(row.name, now_s)
        budget = None if row.budget_uusd is None else row.budget_uusd * PUSD_PER_UUSD
        return {
            "tenant": row.name,
            "plan": row.plan,
            "active": row.active,
            "month": balance.month.name,
            "budget_pusd": budget,
            "spent_pusd": balance.spent_pusd,
            "held_pusd": balance.held_pusd,
        }

    def list_keys(self, tenant: str | None = None) -> list[KeyRow]:
        return self.registry.keys(tenant)

    def create_key(self, tenant: str, **limits: Any) -> NewKey:
        with self._lock:
            key = self.registry.create_key(tenant, time.time(), **limits)
        self.publish()
        return key

    def create_session_key(self, tenant: str) -> NewKey:
        """A key for this run of the factory; the one of the last run ends."""
        with self._lock:
            for row in self.list_keys():
                if row.label == SESSION_LABEL and row.revoked_us is None:
                    self.registry.revoke_key(row.id, time.time())
            key = self.registry.create_key(tenant, time.time(), label=SESSION_LABEL)
        self.publish()
        return key

    def rotate_key(self, key_id: str) -> NewKey:
        with self._lock:
            key = self.registry.rotate_key(key_id, time.time())
        self.publish()
        return key

    def revoke_key(self, key_id: str) -> KeyRow:
        with self._lock:
            row = self.registry.revoke_key(key_id, time.time())
        self.publish()
        return row

    # --- care --------------------------------------------------------------------------------------------------------

    def backup(self, path: str) -> dict[str, Any]:
        """A consistent copy of the database, with everything durable in it."""
        self.catch_up()
        self.store.backup(Path(path))
        return {"path": path, "bytes": Path(path).stat().st_size}

    def status(self) -> dict[str, Any]:
        """What runs."""
        return {"data": str(self.data), "gateway": tell_gateway(self.data, "status")}


def _last_engine_urls(data: Path) -> dict[str, str]:
    """Where the engines were last: a gateway may go on using them while its books are down."""
    try:
        return {pool.name: pool.url for pool in read_snapshot(data).roster.pools}
    except LedgerError:
        return {}


def tell_gateway(data: Path, command: str) -> dict[str, Any] | None:
    """Say a command to the running gateway; ``None`` when none runs."""
    path = str(data / SOCKET)
    try:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(GATEWAY_TIMEOUT_S)
            connection.connect(path)
            connection.sendall(command.encode() + b"\n")
            with connection.makefile("rb") as file:
                line = file.readline()
        answer: dict[str, Any] = msgspec.json.decode(line)
    except (FileNotFoundError, ConnectionRefusedError):
        return None
    except (OSError, msgspec.DecodeError) as error:
        hint = "the change is in the books; the gateway takes it over when it starts again"
        raise LedgerError(f"the gateway does not answer: {error}", place=path, hint=hint) from None
    if "error" in answer:
        raise LedgerError(f"the gateway refuses: {answer['error']}")
    return answer
