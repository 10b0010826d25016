"""Alerts reach a webhook: signed, under one id, until it says that it has them."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import logging
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event

import pytest

from tests.support.factory import EXAMPLE
from wattmill.core.errors import UsageError
from wattmill.core.records import Usage
from wattmill.ledger import outbox
from wattmill.ledger.entries import Hold, Settle
from wattmill.ledger.outbox import Attempt, Refused, Undelivered, message_of
from wattmill.web import deliveries as deliveries_module
from wattmill.web.books import Books
from wattmill.web.deliveries import Deliveries
from wattmill.web.webhooks import SECRET_ENV, WebhookDelivery, secret_bytes, signature

SECRET = "whsec_" + base64.b64encode(b"a secret of 24 good bytes").decode()
MESSAGE = message_of("webhook", {"type": "budget.reached", "data": {"tenant": "Müller"}})
ATTEMPT = Attempt(MESSAGE.id, look_first=False, first_us=0, at_us=0)


class Receiver:
    """Answers with the statuses it is given, then 204; keeps what it was sent."""

    def __init__(self) -> None:
        self.statuses: list[int] = []
        self.headers: dict[str, str] = {}
        self.got: list[tuple[dict[str, str], bytes]] = []
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                receiver.got.append(({k.lower(): v for k, v in self.headers.items()}, body))
                self.send_response(receiver.statuses.pop(0) if receiver.statuses else 204)
                for name, value in receiver.headers.items():
                    self.send_header(name, value)
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/hook"
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()

    def delivery(self) -> WebhookDelivery:
        return WebhookDelivery(self.url, secret_bytes(SECRET), now_s=lambda: 1_800_000_000.9)

    def texts(self) -> list[str]:
        return [json.loads(body)["text"] for _, body in self.got]


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    running = Receiver()
    yield running
    running.close()


# --- one webhook ----------------------------------------------------------------------------------


def test_the_signature_is_that_of_standard_webhooks(receiver: Receiver) -> None:
    """Recomputed here as their documentation says."""
    assert receiver.delivery().deliver(MESSAGE, ATTEMPT) == "204"
    ((headers, body),) = receiver.got
    assert headers["webhook-id"] == MESSAGE.id
    assert headers["webhook-timestamp"] == "1800000000"
    signed = f"{MESSAGE.id}.1800000000.".encode() + body
    digest = hmac.new(b"a secret of 24 good bytes", signed, hashlib.sha256).digest()
    assert headers["webhook-signature"] == "v1," + base64.b64encode(digest).decode()
    assert json.loads(body) == MESSAGE.content()


def test_a_known_signature() -> None:
    """The vector that the libraries of Standard Webhooks test with."""
    secret = secret_bytes("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    made = signature(secret, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}')
    assert made == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_a_secret_may_be_any_text_or_base64() -> None:
    assert secret_bytes("hunter2") == b"hunter2"
    with pytest.raises(UsageError, match="not base64"):
        secret_bytes("whsec_not base64!")


@pytest.mark.parametrize("status", [301, 307, 400, 401, 404, 429, 500, 503])
def test_any_other_status_is_no_delivery(receiver: Receiver, status: int) -> None:
    receiver.statuses, receiver.headers = [status], {"Location": receiver.url, "Retry-After": "77"}
    with pytest.raises(Undelivered, match=f"status {status}") as caught:
        receiver.delivery().deliver(MESSAGE, ATTEMPT)
    assert caught.value.retry_s == 77 and not isinstance(caught.value, Refused)
    assert len(receiver.got) == 1


def test_gone_waits_for_a_person(receiver: Receiver) -> None:
    receiver.statuses = [410]
    with pytest.raises(Refused):
        receiver.delivery().deliver(MESSAGE, ATTEMPT)


def test_nobody_there_is_no_delivery(receiver: Receiver) -> None:
    delivery = receiver.delivery()
    receiver.close()
    with pytest.raises(Undelivered, match="refused"):
        delivery.deliver(MESSAGE, ATTEMPT)


# --- the whole way from a budget to a receiver -----------------------------------------------------


class Mill:
    """Books with a tenant that has a budget, and their deliveries, step by step."""

    def __init__(self, data: Path, alerts: str) -> None:
        self.data = data
        tenant = "budget_usd_per_month = 100\nalert_at_percent = [50, 100]\n"
        self.text = EXAMPLE.replace("budget_usd_per_month", "# budget") + tenant + alerts
        self.environment = {SECRET_ENV: SECRET}
        self.requests = 0
        self.open()

    def open(self) -> None:
        self.books = Books(self.data)
        self.books.load_factory(str(self.data / "factory.toml"), self.text)
        self.deliveries = Deliveries(self.books, self.environment)
        self.deliveries.configure()

    def spend(self, usd: int) -> None:
        self.requests += 1
        at_s = time.time()
        tenant = self.books.factory.tenants[-1].name
        accounts = self.books._loader.accounts
        accounts.apply(Hold(self.requests, at_s, tenant, "k_1", "m", 1, 0))
        usage = Usage(1)
        accounts.apply(
            Settle(
                self.requests,
                at_s,
                at_s,
                tenant,
                "k_1",
                "m",
                "p",
                1,
                usage,
                usd * 10**12,
                "finished",
            )
        )

    def step(self) -> int:
        return self.deliveries.step(Event())

    def restart(self) -> None:
        """As after a crash: nothing but the database is left; what was spent is folded in again."""
        state = self.books._loader.accounts.state()
        self.books.store.close()
        self.open()
        self.books._loader.accounts._balances = dict(state.balances)


@pytest.fixture
def mill(tmp_path: Path, receiver: Receiver) -> Iterator[Mill]:
    made = Mill(tmp_path, f'[alerts]\nwebhook_url = "{receiver.url}"\n')
    yield made
    made.books.store.close()


def test_each_share_is_told_once_over_restarts(mill: Mill, receiver: Receiver) -> None:
    for usd in (49, 1, 5, 44, 1, 30):
        mill.spend(usd)
        mill.step()
        mill.step()
        mill.restart()
        mill.step()
    shares = [text.rpartition(": ")[2] for text in receiver.texts()]
    assert shares == ["50 % are reached", "100 % are reached"]
    assert len({headers["webhook-id"] for headers, _ in receiver.got}) == 2


def test_a_receiver_that_fails_is_told_again_under_the_same_id(
    mill: Mill, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    receiver.statuses = [500, 502]
    mill.spend(60)
    now_us = deliveries_module._now_us()
    for later_s in (0, 60, 3600, 7200):
        monkeypatch.setattr(deliveries_module, "_now_us", lambda s=later_s: now_us + s * 10**6)
        mill.step()
    assert len(receiver.got) == 3
    assert len({headers["webhook-id"] for headers, _ in receiver.got}) == 1


def test_the_log_says_it_too(mill: Mill, caplog: pytest.LogCaptureFixture) -> None:
    mill.spend(60)
    with caplog.at_level(logging.WARNING, "wattmill.deliveries"):
        mill.step()
        mill.step()
    assert len([record for record in caplog.records if "50 % are reached" in record.message]) == 1


def test_without_a_secret_the_webhook_waits_and_the_log_goes_on(
    mill: Mill, receiver: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    mill.environment.clear()
    mill.restart()
    mill.spend(60)
    mill.step()
    assert receiver.got == [] and SECRET_ENV in caplog.text and "50 % are reached" in caplog.text
    mill.environment[SECRET_ENV] = SECRET
    mill.restart()
    mill.step()
    assert len(receiver.got) == 1


def test_without_the_table_nobody_is_told(tmp_path: Path) -> None:
    mill = Mill(tmp_path, "")
    mill.spend(100)
    assert mill.step() == 0
    with mill.books.store.reading() as connection:
        assert outbox.open_messages(connection) == []
    mill.books.store.close()


def test_the_thread_ends_when_it_is_told_to(mill: Mill, monkeypatch: pytest.MonkeyPatch) -> None:
    """And survives whatever goes wrong in a step."""
    stop, steps = Event(), []

    def broken(_: Event) -> int:
        steps.append(1)
        if len(steps) == 3:
            stop.set()
        raise RuntimeError("broken")

    monkeypatch.setattr(deliveries_module, "EVERY_S", 0.001)
    monkeypatch.setattr(mill.deliveries, "step", broken)
    mill.deliveries.run(stop)
    assert len(steps) == 3
