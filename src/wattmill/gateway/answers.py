"""Answers that the gateway writes itself: heads, errors in the API's own shape, the end of a stream."""

from http import HTTPStatus

import msgspec

MAX_RETRY_AFTER_S = 3600

ERRORS: dict[str, tuple[int, str]] = {
    "invalid_request": (400, "invalid_request_error"),
    "invalid_api_key": (401, "invalid_request_error"),
    "not_found": (404, "invalid_request_error"),
    "model_not_found": (404, "invalid_request_error"),
    "method_not_allowed": (405, "invalid_request_error"),
    "request_timeout": (408, "invalid_request_error"),
    "body_too_large": (413, "invalid_request_error"),
    "concurrency_limit": (429, "rate_limit_error"),
    "rate_limit": (429, "rate_limit_error"),
    "insufficient_quota": (429, "insufficient_quota"),
    "headers_too_large": (431, "invalid_request_error"),
    "no_price": (503, "server_error"),
    "engine_failed": (502, "server_error"),
    "engine_unavailable": (503, "server_error"),
    "ledger_unavailable": (503, "server_error"),
    "overloaded": (503, "server_error"),
    "draining": (503, "server_error"),
}
"""Our error codes: HTTP status and the API's error type."""

_REASONS = {status.value: status.phrase for status in HTTPStatus}
_encode = msgspec.json.Encoder().encode

STREAM_HEAD = (
    b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream; charset=utf-8\r\n"
    b"cache-control: no-cache\r\nx-accel-buffering: no\r\ntransfer-encoding: chunked\r\n"
    b"x-request-id: wm-%x\r\n\r\n"
)
"""Takes the request's number."""

JSON_ANSWER = (
    b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n"
    b"content-length: %d\r\nx-request-id: wm-%x\r\n\r\n%b"
)
"""Takes the length of the body, the request's number and the body."""

CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
LAST_CHUNK = b"0\r\n\r\n"


def chunk(data: bytes) -> bytes:
    """One piece of a body in chunked transfer encoding."""
    return b"%x\r\n%b\r\n" % (len(data), data)


def answer(status: int, body: bytes, *, kind: str = "application/json", extra: str = "") -> bytes:
    """A whole answer. ``extra`` is further header lines, each ending in CRLF."""
    head = (
        f"HTTP/1.1 {status} {_REASONS.get(status, '')}\r\ncontent-type: {kind}\r\n"
        f"content-length: {len(body)}\r\n{extra}\r\n"
    )
    return head.encode("latin-1") + body


def error_body(code: str, message: str, param: str | None = None) -> bytes:
    """``{"error": …}`` as OpenAI's API shapes it."""
    kind = ERRORS[code][1]
    return _encode({"error": {"message": message, "type": kind, "param": param, "code": code}})


class _Error(msgspec.Struct):
    message: str = ""


class _ErrorBody(msgspec.Struct):
    error: _Error


def error_message(body: bytes) -> str:
    """The message of an error in the API's shape; empty when it is none."""
    try:
        return msgspec.json.decode(body, type=_ErrorBody).error.message.rstrip(".")
    except (msgspec.DecodeError, UnicodeDecodeError):
        return ""


def error_answer(
    code: str,
    message: str,
    *,
    param: str | None = None,
    retry_after_s: float | None = None,
    close: bool = False,
) -> bytes:
    extra = "connection: close\r\n" if close else ""
    if retry_after_s is not None:
        seconds = min(max(1, round(retry_after_s + 0.5)), MAX_RETRY_AFTER_S)
        extra += f"retry-after: {seconds}\r\n"
    if code == "insufficient_quota":
        extra += "x-should-retry: false\r\n"
    return answer(ERRORS[code][0], error_body(code, message, param), extra=extra)


def error_frame(code: str, message: str) -> bytes:
    """An error inside a stream that has begun."""
    return b"data: " + error_body(code, message) + b"\n\n"
