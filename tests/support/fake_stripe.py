"""A server that behaves like Stripe where it matters for exactly one invoice, and fails in every way it is told to.

It speaks real HTTP on loopback. Idempotency keys are kept for 24 hours of a clock that the test moves: the first
answer under a key is stored, errors too, and comes again with ``Idempotent-Replayed``; other parameters under the same
key are refused. ``late`` is the worst failure: the caller hears nothing and the work is done later.
"""

from __future__ import annotations

import json
import re
import socket
import struct
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

_BALANCE = re.compile(r"/v1/customers/(\w+)/balance_transactions")
DAY_S = 86_400.0
LATE_S = 600.0
FAULTS = (
    *("500 before", "500 after", "503", "409", "429", "401"),
    *("reset before", "reset after", "cut", "late", "twice"),
)


class Api:
    """What Stripe holds. ``faults`` are taken one for each request, in order; then all goes well."""

    def __init__(self, now_s: Callable[[], float]) -> None:
        self.now_s = now_s
        self.faults: list[str] = []
        self.requests: list[tuple[str, str, str]] = []
        self.customers: dict[str, dict[str, Any]] = {}
        self.invoices: dict[str, dict[str, Any]] = {}
        self.items: dict[str, dict[str, Any]] = {}
        self.credit_notes: dict[str, dict[str, Any]] = {}
        self.balance: dict[str, dict[str, Any]] = {}
        self.paid: dict[str, int] = {}
        self.lock = threading.RLock()
        self._stored: dict[str, tuple[float, str, int, dict[str, Any]]] = {}
        self._late: list[tuple[float, str, str, dict[str, Any], str]] = []

    # --- requests -----------------------------------------------------------------------------------------------------

    def answer(
        self, method: str, path: str, params: dict[str, Any], key: str
    ) -> tuple[int, Any, dict[str, str]]:
        """Status, body and headers, with idempotency."""
        self._do_what_is_late()
        if method == "GET":
            return 200, self._read(path, params), {}
        same = f"{path} {json.dumps(params, sort_keys=True)}"
        if any(key == waiting[4] for waiting in self._late):
            return (
                409,
                _error("idempotency_error", "another request with this key is under way"),
                {},
            )
        known = self._stored.get(key)
        if known and self.now_s() - known[0] < DAY_S:
            if known[1] != same:
                return 400, _error("idempotency_error", "other parameters under the same key"), {}
            return known[2], known[3], {"Idempotent-Replayed": "true"}
        status, body = self._write(path, params)
        self.store(key, path, params, status, body)
        return status, body, {}

    def store(self, key: str, path: str, params: dict[str, Any], status: int, body: Any) -> None:
        """Keep the first answer under a key; refusals of bad parameters are not kept."""
        if status != 400:
            same = f"{path} {json.dumps(params, sort_keys=True)}"
            self._stored[key] = (self.now_s(), same, status, body)

    def later(self, method: str, path: str, params: dict[str, Any], key: str) -> None:
        if method == "POST":
            self._late.append((self.now_s() + LATE_S, method, path, params, key))

    def _do_what_is_late(self) -> None:
        due = [waiting for waiting in self._late if waiting[0] <= self.now_s()]
        self._late = [waiting for waiting in self._late if waiting[0] > self.now_s()]
        for _, method, path, params, key in due:
            self.answer(method, path, params, key)

    # --- things -------------------------------------------------------------------------------------------------------

    def _read(self, path: str, params: dict[str, Any]) -> Any:
        if match := re.fullmatch(r"/v1/invoices/(\w+)", path):
            return self._shown(self.invoices[match[1]])
        if path == "/v1/customers":
            return _page(path, self.customers.values(), params)
        if match := _BALANCE.fullmatch(path):
            own = [one for one in self.balance.values() if one["customer"] == match[1]]
            return _page(path, own, params)
        if path == "/v1/invoices":
            whose = [i for i in self.invoices.values() if i["customer"] == params["customer"]]
            return _page(path, map(self._shown, whose), params)
        if path == "/v1/credit_notes":
            return _page(path, self._notes_on(params["invoice"]), params)
        assert path == "/v1/invoiceitems", path
        return _page(path, self._items_of(params["invoice"]), params)

    def _write(self, path: str, params: dict[str, Any]) -> tuple[int, Any]:
        if path == "/v1/customers":
            return 200, self._add(self.customers, "cus", "customer", params)
        if match := re.fullmatch(r"/v1/customers/(\w+)", path):
            self.customers[match[1]].update(params)
            return 200, self.customers[match[1]]
        if match := _BALANCE.fullmatch(path):
            changed = {**params, "customer": match[1], "amount": int(params["amount"])}
            kind = "customer_balance_transaction"
            return 200, self._add(self.balance, "cbtxn", kind, changed)
        if path == "/v1/invoices":
            return self._create_invoice(params)
        if path == "/v1/invoiceitems":
            return self._create_item(params)
        if path == "/v1/credit_notes":
            return self._create_credit_note(params)
        match = re.fullmatch(r"/v1/invoices/(\w+)/finalize", path)
        assert match, path
        return self._finalize(self.invoices[match[1]])

    def _create_invoice(self, params: dict[str, Any]) -> tuple[int, Any]:
        if not self.customers[params["customer"]].get("email"):
            return 400, _error("invalid_request_error", "the customer has no valid email")
        if int(params.get("due_date", self.now_s() + 1)) <= self.now_s():
            return 400, _error("invalid_request_error", "the due date is in the past")
        if any(
            i["number"] == params["number"] and i["status"] == "open"
            for i in self.invoices.values()
        ):
            return 400, _error("invalid_request_error", "that number is taken")
        made = self._add(self.invoices, "in", "invoice", {**params, "status": "draft"})
        return 200, self._shown(made)

    def _create_item(self, params: dict[str, Any]) -> tuple[int, Any]:
        if self.invoices[params["invoice"]]["status"] != "draft":
            return 400, _error("invalid_request_error", "the invoice is finalised")
        return 200, self._add(
            self.items, "ii", "invoiceitem", {**params, "amount": int(params["amount"])}
        )

    def _create_credit_note(self, params: dict[str, Any]) -> tuple[int, Any]:
        """What is not owed any more must be named as credit, refund or paid elsewhere."""
        invoice, amount = self._shown(self.invoices[params["invoice"]]), int(params["amount"])
        credited = sum(note["amount"] for note in self._notes_on(invoice["id"]))
        if invoice["status"] == "draft" or amount > invoice["total"] - credited:
            return 400, _error("invalid_request_error", "that cannot be credited")
        if int(params.get("credit_amount", 0)) != max(0, amount - invoice["amount_remaining"]):
            return 400, _error("invalid_request_error", "what was paid must go somewhere")
        note = {**params, "amount": amount, "credit_amount": int(params.get("credit_amount", 0))}
        return 200, self._add(self.credit_notes, "cn", "credit_note", note)

    def _notes_on(self, invoice: str) -> list[dict[str, Any]]:
        return [note for note in self.credit_notes.values() if note["invoice"] == invoice]

    def _finalize(self, invoice: dict[str, Any]) -> tuple[int, Any]:
        if invoice["status"] != "draft":
            return 400, _error("invalid_request_error", "it is finalised already")
        invoice["status"] = "open"
        return 200, self._shown(invoice)

    def _add(
        self, where: dict[str, Any], prefix: str, kind: str, params: dict[str, Any]
    ) -> dict[str, Any]:
        thing = {
            "id": f"{prefix}_{len(where) + 1}",
            "object": kind,
            "created": int(self.now_s()),
            **params,
        }
        where[thing["id"]] = thing
        return thing

    def _items_of(self, invoice: str) -> list[dict[str, Any]]:
        return [item for item in self.items.values() if item["invoice"] == invoice]

    def _shown(self, invoice: dict[str, Any]) -> dict[str, Any]:
        total = sum(item["amount"] for item in self._items_of(invoice["id"]))
        owed = sum(n["amount"] - n["credit_amount"] for n in self._notes_on(invoice["id"]))
        remaining = total - owed - self.paid.get(invoice["id"], 0)
        return {**invoice, "total": total, "amount_remaining": remaining}


class FakeStripe:
    """The server; ``url`` is its address. A new ``Api`` may take the place of the old one."""

    def __init__(self) -> None:
        self.api = Api(lambda: 0.0)
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True
        ).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


def _handler(stripe: FakeStripe) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.0"

        def do_GET(self) -> None:
            self._serve("GET")

        def do_POST(self) -> None:
            self._serve("POST")

        def log_message(self, format: str, *args: Any) -> None:
            pass

        def _serve(self, method: str) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            split = urlsplit(self.path)
            text = self.rfile.read(length).decode() if length else split.query
            params, key = _nested(text), self.headers.get("Idempotency-Key", "")
            api = stripe.api
            with api.lock:
                api.requests.append((method, split.path, key))
                fault = api.faults.pop(0) if api.faults else "none"
                self._act(api, fault, (method, split.path, params, key))

        def _act(self, api: Api, fault: str, request: tuple[str, str, dict[str, Any], str]) -> None:
            method, path, params, key = request
            broken = _error("api_error", "something is broken here")
            match fault:
                case "500 before":
                    if method == "POST":
                        api.store(key, path, params, 500, broken)
                    self._say(500, broken, {})
                case "500 after":
                    api.answer(*request)
                    if method == "POST":
                        api.store(key, path, params, 500, broken)
                    self._say(500, broken, {})
                case "503":
                    self._say(503, broken, {})
                case "409":
                    self._say(409, _error("invalid_request_error", "lock timeout"), {})
                case "429":
                    self._say(429, _error("rate_limit", "too many"), {"Retry-After": "30"})
                case "401":
                    self._say(401, _error("invalid_request_error", "no such API key"), {})
                case "reset before":
                    self._reset()
                case "reset after":
                    api.answer(*request)
                    self._reset()
                case "hang":
                    api.answer(*request)
                    threading.Event().wait(1.0)
                case "late":
                    api.later(*request)
                    self._reset()
                case "cut":
                    self._say(*api.answer(*request), cut=True)
                case "twice":
                    api.answer(*request)
                    self._say(*api.answer(*request))
                case _:
                    self._say(*api.answer(*request))

        def _say(
            self, status: int, body: Any, headers: dict[str, str], *, cut: bool = False
        ) -> None:
            text = json.dumps(body).encode()
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(text))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(text[: len(text) // 2] if cut else text)

        def _reset(self) -> None:
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.connection.close()

        def finish(self) -> None:
            try:
                super().finish()
            except OSError:
                return

    return Handler


def _error(kind: str, message: str) -> dict[str, Any]:
    return {"error": {"type": kind, "message": message}}


def _page(path: str, things: Any, params: dict[str, Any]) -> dict[str, Any]:
    """Two at a time, newest first, whatever was asked for: so that paging is needed."""
    since = int(params.get("created", {}).get("gte", 0))
    found = [thing for thing in reversed(list(things)) if thing["created"] >= since]
    if "starting_after" in params:
        ids = [thing["id"] for thing in found]
        found = found[ids.index(params["starting_after"]) + 1 :]
    return {"object": "list", "url": path, "data": found[:2], "has_more": len(found) > 2}


def _nested(text: str) -> dict[str, Any]:
    """``a[b]=c`` as ``{"a": {"b": "c"}}``."""
    found: dict[str, Any] = {}
    for name, value in parse_qsl(text, keep_blank_values=True):
        outer, _, inner = name.partition("[")
        if inner:
            found.setdefault(outer, {})[inner.rstrip("]")] = value
        else:
            found[name] = value
    return found
