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
from wattmill.core.roster import Pool, Roster
from wattmill.gateway.clock import SystemClock
from wattmill.ledger import outbox
from wattmill.ledger.alerts import Standing
from wattmill.ledger.billing.prepaid import live_grants
from wattmill.ledger.chain import tail
from wattmill.ledger.engines import Reading, add_reading
from wattmill.ledger.identities import enter_identity, erase_identity
from wattmill.ledger.loader import Loader
from wattmill.ledger.outbox import Message, Note
from wattmill.ledger.registry import KeyRow, NewKey, Registry, TenantRow
from wattmill.ledger.retention import retiring
from wattmill.ledger.retention.retiring import Retired
from wattmill.ledger.snapshot import Snapshot, read_snapshot, write_snapshot
from wattmill.ledger.store import Store
from wattmill.ledger.usage import Identity
from wattmill.ledger.watch import Percents, standings
from wattmill.web import energy
from wattmill.web.billing import Billing
from wattmill.web.pools import is_embedded, roster_models, roster_pools
from wattmill.web.retention import wish

SESSION_LABEL = "session"
GATEWAY_TIMEOUT_S = 10.0
SOCKETS = "gateway*.sock"


class Books(Billing):
    """The store, its loader and its registry behind one lock."""

    def __init__(self, data: Path) -> None:
        self.data = data
        self._lock = threading.RLock()
        self.store = Store(data, write=True)
        self.registry = Registry(self.store)
        self._loader = Loader(self.store, SystemClock())
        self._engine_urls = _last_engine_urls(data)
        self._version = int(time.time() * 1000)
        self._roster: Roster | None = None
        self._loader.accounts.set_parties(self.registry.every_tenant())
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
            self._loader.accounts.set_parties(self.registry.every_tenant())
            self._version += 1
            factory = self.registry.factory()
            state, positions = self._loader.accounts.state(), self._loader.positions
            tenants = {tenant.name: tenant for tenant in self.registry.every_tenant()}
            with self.store.reading() as connection:
                end, grants = tail(connection), live_grants(connection, state, tenants)
            roster = self._roster = self.registry.roster(
                roster_models(factory),
                roster_pools(factory, self._engine_urls),
                self._version,
                grants,
                factory.site.currency,
            )
            write_snapshot(self.data, Snapshot(roster, state, positions, end.number, end.hash))
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
            row = self.registry.set_tenant(name, time.time(), **values)
        self.publish()
        return row

    def identify(
        self, tenant: str, address: list[str], tax_id: str, email: str, country: str | None
    ) -> Identity:
        """Who a tenant that was made by a command is, for its next invoices."""
        who = Identity(tuple(address), tax_id, email)
        with self._lock, self.store.transaction() as connection:
            enter_identity(connection, tenant, who, country)
        return who

    def erase_identity(self, tenant: str, documents: bool = False) -> int:
        """Forget who a tenant is; on how many documents, too."""
        with self._lock:
            with self.store.transaction() as connection:
                self.store.overwrite_deleted(connection)
                count = erase_identity(connection, tenant, documents=documents)
            self.store.clean()
            return count

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

    def standings(self, at_percent: Percents) -> list[Standing]:
        """Every budget and what is spent of it, as far as the journal is loaded."""
        with self._lock:
            if self._roster is None:
                return []
            return standings(self._loader.accounts, self._roster, at_percent, time.time())

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

    def set_key_budget(self, key_id: str, budget_uusd: int | None) -> KeyRow:
        with self._lock:
            row = self.registry.set_key_budget(key_id, budget_uusd)
        self.publish()
        return row

    def revoke_key(self, key_id: str) -> KeyRow:
        with self._lock:
            row = self.registry.revoke_key(key_id, time.time())
        self.publish()
        return row

    # --- outbox ------------------------------------------------------------------------------------------------------

    def list_outbox(self) -> list[dict[str, Any]]:
        """Messages that have not arrived, oldest first, each with its last attempt."""
        with self.store.reading() as connection:
            return [
                _waiting(message, outbox.notes(connection, message.id))
                for message in outbox.open_messages(connection)
            ]

    def retry_message(self, message: str) -> dict[str, Any]:
        """Have a message tried again that was refused."""
        with self.store.transaction() as connection:
            outbox.requeue(connection, message, time.time_ns() // 1000)
        return {"id": message}

    # --- care --------------------------------------------------------------------------------------------------------

    @property
    def pools(self) -> tuple[Pool, ...]:
        """What serves, as it was last published."""
        return self._roster.pools if self._roster else ()

    def is_at_rest(self) -> bool:
        """Whether no gateway has a request in flight, and everything that ended is in the books."""
        status = self.status()["gateway"]
        if status is None or status["in_flight"]:
            return False
        self.catch_up()
        state = self._loader.accounts.state()
        return not state.open_holds and not state.unconfirmed

    def read_engines(self) -> list[Reading]:
        """Read the counters of the engines that are at rest; returns what was kept."""
        from wattmill.web.engine_meter import read_engines  # here: most commands need no gateway

        found = read_engines(self.pools, self.is_at_rest)
        with self._lock, self.store.transaction() as connection:
            for reading in found:
                add_reading(connection, reading)
        return found

    def backup(self, path: str) -> dict[str, Any]:
        """A consistent copy of the database, with everything durable in it."""
        self.catch_up()
        self.store.backup(Path(path))
        return {"path": path, "bytes": Path(path).stat().st_size}

    def retire_details(self, before: str | None, by: str, after_block: int = 0) -> Retired:
        """Drop the rows of invoiced requests of before a month; some at a time, others wait meanwhile."""
        self.catch_up()
        with self._lock:
            found = retiring.retire(
                self.store, wish(self.store, self.registry, before, after_block), by
            )
            if found.next_block is None:
                self.store.clean()  # whoever was killed before it, and a last portion of which nothing went
            return found

    # --- energy readings ---------------------------------------------------------------------------------------------

    def import_energy(self, pool: str, source: str, readings: list[list[int]]) -> Any:
        """Enter what a pool's meter counted."""
        with self._lock:
            return energy.take_in(self.store, pool, source, readings)

    def remove_energy(self, pool: str, start_us: int, end_us: int) -> dict[str, Any]:
        """Take readings out again."""
        with self._lock:
            return energy.take_out(self.store, pool, start_us, end_us)

    def list_energy(self) -> list[dict[str, Any]]:
        return energy.listed(self.store)

    def status(self) -> dict[str, Any]:
        """What runs."""
        return {"data": str(self.data), "gateway": tell_gateway(self.data, "status")}


def _waiting(message: Message, notes: list[Note]) -> dict[str, Any]:
    return {
        "id": message.id,
        "destination": message.destination,
        "tries": sum(note.outcome == outbox.SENDING for note in notes),
        "outcome": notes[-1].outcome if notes else "waiting",
        "detail": notes[-1].detail if notes else "",
    }


def _last_engine_urls(data: Path) -> dict[str, str]:
    """Where the engines were last: a gateway may go on using them while its books are down."""
    try:
        return {pool.name: pool.url for pool in read_snapshot(data).roster.pools}
    except LedgerError:
        return {}


def tell_gateway(data: Path, command: str) -> dict[str, Any] | None:
    """Say a command to every running gateway; ``None`` when none runs. The answers of several come as one."""
    answers = tell_gateways(data, command)
    if len(answers) > 1:
        return _as_one(answers)
    return answers[0] if answers else None


def tell_gateways(data: Path, command: str) -> list[dict[str, Any]]:
    """What each running gateway answers to a command. All are told before the error of one that does not answer."""
    answers, failed = [], None
    for path in sorted(data.glob(SOCKETS), key=lambda path: (len(path.name), path.name)):
        try:
            answers.append(_tell(path, command))
        except (FileNotFoundError, ConnectionRefusedError):
            continue
        except LedgerError as error:
            failed = error
    if failed is not None:
        raise failed
    return answers


def _tell(path: Path, command: str) -> dict[str, Any]:
    try:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(GATEWAY_TIMEOUT_S)
            connection.connect(str(path))
            connection.sendall(command.encode() + b"\n")
            with connection.makefile("rb") as file:
                line = file.readline()
        answer: dict[str, Any] = msgspec.json.decode(line)
    except (FileNotFoundError, ConnectionRefusedError):
        raise
    except (OSError, msgspec.DecodeError) as error:
        hint = "the change is in the books; the gateway takes it over when it starts again"
        message = f"the gateway does not answer: {error}"
        raise LedgerError(message, place=str(path), hint=hint) from None
    if "error" in answer:
        raise LedgerError(f"the gateway refuses: {answer['error']}")
    return answer


def _as_one(answers: list[dict[str, Any]]) -> dict[str, Any]:
    """The status of several gateways: sums, the oldest roster, and what one of them lacks."""
    pools: dict[str, dict[str, Any]] = {}
    for answer in answers:
        for name, pool in answer["pools"].items():
            known = pools.setdefault(name, dict(pool))
            known["up"] = known["up"] and pool["up"]
    return {
        "pid": answers[0]["pid"],
        "pids": [answer["pid"] for answer in answers],
        "roster": min(answer["roster"] for answer in answers),
        "in_flight": sum(answer["in_flight"] for answer in answers),
        "connections": sum(answer["connections"] for answer in answers),
        "not_ready": next((a["not_ready"] for a in answers if a["not_ready"]), None),
        "pools": pools,
    }
