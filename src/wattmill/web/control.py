"""How a command reaches the books: through the running factory, or, when nothing runs, by opening them itself."""

import http.client
import socket
from pathlib import Path
from typing import Any

import msgspec

from wattmill.core import errors
from wattmill.core.errors import LedgerError, WattmillError
from wattmill.ledger.admission import require_text

CONTROL_SOCKET = "control.sock"
OPERATIONS = (
    "add_payment",
    "backup",
    "balances",
    "catch_up",
    "correct_request",
    "create_key",
    "create_session_key",
    "create_tenant",
    "erase_identity",
    "credit_invoice",
    "grant_credit",
    "identify",
    "import_energy",
    "issue_invoices",
    "list_accounts",
    "list_corrections",
    "list_credit",
    "list_energy",
    "list_keys",
    "list_outbox",
    "list_payments",
    "list_tenants",
    "load_factory",
    "publish",
    "read_engines",
    "remove_energy",
    "reprice",
    "retire_details",
    "retry_message",
    "return_payment",
    "revoke_key",
    "rotate_key",
    "set_key_budget",
    "set_tenant",
    "status",
    "void_invoice",
    "write_off",
)
"""The methods of ``Books`` that may be called from outside its process."""

TIMEOUT_S = 60.0
LONG_TIMEOUT_S = 3600.0
LONG = {
    *("backup", "catch_up", "erase_identity", "import_energy", "issue_invoices"),
    *("load_factory", "reprice", "retire_details"),
}
"""What may have a month of millions of requests to read."""


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: str, timeout_s: float) -> None:
        super().__init__("wattmill", timeout=timeout_s)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


def call(data: Path, operation: str, **arguments: Any) -> Any:
    """Carry out one of ``OPERATIONS``; plain dicts and lists come back. Errors are those of the books."""
    assert operation in OPERATIONS, operation
    require_text(operation, arguments)
    answer = _call_running(data, operation, arguments)
    if answer is not None:
        return answer["result"]
    from wattmill.ledger.location import require_books
    from wattmill.web.books import Books

    if operation != "load_factory":
        require_books(data)
    books = Books(data)
    try:
        return msgspec.to_builtins(getattr(books, operation)(**arguments))
    finally:
        books.close()


def is_running(data: Path) -> bool:
    """Whether a factory runs on this folder."""
    return _call_running(data, "status", {}) is not None


def _call_running(data: Path, operation: str, arguments: dict[str, Any]) -> dict[str, Any] | None:
    timeout_s = LONG_TIMEOUT_S if operation in LONG else TIMEOUT_S
    connection = _UnixConnection(str(data / CONTROL_SOCKET), timeout_s)
    try:
        connection.request(
            "POST",
            f"/{operation}",
            msgspec.json.encode(arguments),
            {"content-type": "application/json"},
        )
        response = connection.getresponse()
        answer: dict[str, Any] = msgspec.json.decode(response.read())
    except (FileNotFoundError, ConnectionRefusedError):
        return None
    except OSError as error:
        raise LedgerError(
            f"the running factory does not answer: {error}",
            place=str(data / CONTROL_SOCKET),
            hint="look at what `wattmill up` prints there",
        ) from None
    finally:
        connection.close()
    if response.status != 200:
        raise _error(answer)
    return answer


def _error(answer: dict[str, Any]) -> WattmillError:
    kind = getattr(errors, answer.get("kind", ""), LedgerError)
    return kind(answer["message"], hint=answer.get("hint", ""), place=answer.get("place", ""))
