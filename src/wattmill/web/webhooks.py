"""Alerts to a webhook: a signed POST for each, until it is answered with a 2xx.

The headers are those of Standard Webhooks (standardwebhooks.com), so that receivers can check them with any of its
libraries: ``webhook-id`` is the same for every try of one alert, and who receives drops what it has seen;
``webhook-signature`` is ``v1,`` and the base64 of HMAC-SHA256 over ``id.timestamp.body`` with the shared secret.
"""

import base64
import binascii
import hashlib
import hmac
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from typing import Any

from wattmill.core.errors import UsageError
from wattmill.ledger.outbox import Attempt, Message, Refused, Undelivered

SECRET_ENV = "WATTMILL_WEBHOOK_SECRET"
PREFIX = "whsec_"
TIMEOUT_S = 10.0


def secret_bytes(text: str) -> bytes:
    """The key of the signature: base64 behind ``whsec_``, or the text itself. ``UsageError`` for broken base64."""
    if not text.startswith(PREFIX):
        return text.encode()
    try:
        return base64.b64decode(text.removeprefix(PREFIX), validate=True)
    except binascii.Error:
        hint = f"write {PREFIX} and base64, as `openssl rand -base64 32` makes it"
        raise UsageError(f"{SECRET_ENV} is not base64 behind {PREFIX}", hint=hint) from None


def signature(secret: bytes, message_id: str, timestamp: int, body: bytes) -> str:
    """The header ``webhook-signature``."""
    signed = f"{message_id}.{timestamp}.".encode() + body
    return "v1," + base64.b64encode(hmac.new(secret, signed, hashlib.sha256).digest()).decode()


class WebhookDelivery:
    """A destination of the outbox. It cannot be asked what it has, so it is told again under the same id."""

    remembers_s: float | None = None
    settles_s = 0.0

    def __init__(
        self,
        url: str,
        secret: bytes,
        *,
        now_s: Callable[[], float] = time.time,
        timeout_s: float = TIMEOUT_S,
    ) -> None:
        self._url = url
        self._secret = secret
        self._now_s = now_s
        self._timeout_s = timeout_s
        self._opener = urllib.request.build_opener(_NoRedirects, urllib.request.ProxyHandler({}))

    def deliver(self, message: Message, attempt: Attempt) -> str:
        """POST it; the status of the answer. A redirect is no answer: whoever moves must say so in the factory file."""
        body, timestamp = message.body.encode(), int(self._now_s())
        headers = {
            "Content-Type": "application/json",
            "User-Agent": "wattmill",
            "webhook-id": message.id,
            "webhook-timestamp": str(timestamp),
            "webhook-signature": signature(self._secret, message.id, timestamp, body),
        }
        request = urllib.request.Request(self._url, body, headers, method="POST")
        try:
            with self._opener.open(request, timeout=self._timeout_s) as answer:
                return str(answer.status)
        except urllib.error.HTTPError as error:
            with error:
                raise _failure(error.code, error.headers.get("Retry-After") or "") from None
        except (OSError, ValueError) as error:
            raise Undelivered(f"{type(error).__name__}: {error}") from None


def _failure(status: int, wait: str) -> Undelivered:
    if status == 410:
        return Refused("status 410: it takes no webhooks any more")
    return Undelivered(f"status {status}", retry_s=float(wait) if wait.isdigit() else 0.0)


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: Any, **__: Any) -> None:
        return None
