"""A little real traffic through the running gateway, and what the books make of it.

Three tenants ask the same few things again and again, streamed and not, so that the prefix cache is
hit. One client leaves in the middle of its answer, one asks more often than its key allows. The
requests are ordinary ones: they are charged to the tenants whose keys they carry.
"""

import http.client
import itertools
import json
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from msgspec import Struct, field

from wattmill.core.errors import EngineError, UsageError
from wattmill.core.money import format_usd
from wattmill.ledger.billing.documents import Document
from wattmill.ledger.cost.report import MarginReport
from wattmill.ledger.export import invoice_json, invoice_screen, margin_json, margin_screen
from wattmill.ledger.registry import Registry, TenantRow
from wattmill.ledger.store import Store
from wattmill.ledger.usage import UsageGroup, pending, usage
from wattmill.web.bills import tenant_draft
from wattmill.web.control import call, is_running
from wattmill.web.reports import site_margin

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.table import Table

TENANTS = 3
AT_A_TIME = 6
MAX_TOKENS = 48
TIMEOUT_S = 300.0
BOOKS_TIMEOUT_S = 5.0
LABEL = "demo"

INSTRUCTIONS = (
    "You work in a token factory. Electricity comes in, tokens go out, invoices are sent. Be brief,"
    " say what a thing costs, and never promise what the meter does not show."
)
QUESTIONS = (
    "What is a token?",
    "What does a million tokens cost?",
    "Why is a cached token cheaper?",
    "When does the mill stand idle?",
    "Who pays for the idle hours?",
)


class Sent(Struct, frozen=True):
    """One request as its client saw it. ``tokens`` is what its answer told, if it came whole."""

    tenant: str
    outcome: str
    tokens: int | None = None
    seconds: float = 0.0
    message: str = ""


class TenantUsage(Struct):
    """A tenant in this demo: what its clients saw, and what the books say of the same requests."""

    tenant: str
    answered: int = 0
    left: int = 0
    refused: int = 0
    failed: int = 0
    input_tokens: int = 0
    cached_tokens: int = 0
    output_tokens: int = 0
    charged_pusd: int = 0
    told_tokens: int = 0
    """Tokens that the clients were told of."""
    booked_tokens: int = 0
    """Tokens of the same requests in the books: of those whose client left, too."""


class Demo(Struct, frozen=True):
    """The whole outcome."""

    gateway_url: str
    requests: int
    seconds: float
    usage: tuple[TenantUsage, ...]
    invoice: Document
    margin: MarginReport
    refusal: str = ""
    problems: tuple[str, ...] = field(default_factory=tuple)


def _silent(_text: str) -> None:
    pass


def demo(data: Path, requests: int = 60, say: Callable[[str], None] = _silent) -> Demo:
    """Send ``requests`` requests through the factory that runs on ``data``, and read its books.

    ``UsageError`` when none runs or it has no tenant, ``EngineError`` when no request was answered.
    """
    host, model, tenants = _require_running(data)
    names = ", ".join(row.name for row in tenants)
    say(f"sending {requests} real requests, charged to {names} …")
    began_s = time.time()
    sent = _send_all(data, host, model, tenants, max(requests, 4))
    seconds = time.time() - began_s
    problems = [one.message for one in sent if one.outcome == "failed"]
    if not any(one.outcome == "answered" for one in sent):
        raise EngineError(f"no request was answered: {problems[0]}", hint="wattmill status")
    groups = _booked(data, began_s, time.time())
    refusal = next((one.message for one in sent if one.outcome == "refused"), "")
    return Demo(
        gateway_url=f"http://{host}",
        requests=len(sent),
        seconds=seconds,
        usage=tuple(_tenant_usage(row.name, sent, groups) for row in tenants),
        invoice=tenant_draft(data, tenants[0].name, None),
        margin=site_margin(data, None),
        refusal=refusal,
        problems=tuple(dict.fromkeys(problems)),
    )


def _require_running(data: Path) -> tuple[str, str, list[TenantRow]]:
    """Where the gateway listens, the model to ask for, and up to three tenants to ask as."""
    if not is_running(data) or not call(data, "status")["gateway"]:
        raise UsageError(
            f"no factory runs on {data}",
            hint="start one in another terminal (wattmill up), or name its folder with --data",
        )
    with Store(data, write=False) as store:
        registry = Registry(store)
        factory = registry.factory()
        tenants = [row for row in registry.tenants() if row.active]
    if not tenants:
        raise UsageError("there is no tenant to send as", hint="wattmill tenants create NAME …")
    return factory.serve.listen, factory.models[0].alias, tenants[:TENANTS]


# --- traffic --------------------------------------------------------------------------------------


class _Client:
    """One tenant's client: a key, and requests one after another on connections of its own."""

    def __init__(self, host: str, model: str, tenant: str, key: str) -> None:
        self.tenant = tenant
        self._host = host
        self._model = model
        self._key = key

    def ask(self, number: int, *, leave: bool = False) -> Sent:
        """Send the request of that number; ``leave`` goes away after the first words."""
        began_s = time.monotonic()
        stream = leave or number % 2 == 0
        try:
            with ExitStack() as stack:
                connection = http.client.HTTPConnection(self._host, timeout=TIMEOUT_S)
                stack.callback(connection.close)
                connection.request("POST", "/v1/chat/completions", *self._request(number, stream))
                outcome, tokens, message = _read(connection.getresponse(), stream, leave)
        except (OSError, http.client.HTTPException, ValueError) as error:
            outcome, tokens, message = "failed", None, f"{type(error).__name__}: {error}"
        return Sent(self.tenant, outcome, tokens, time.monotonic() - began_s, message)

    def _request(self, number: int, stream: bool) -> tuple[bytes, dict[str, str]]:
        body: dict[str, Any] = {
            "model": self._model,
            "messages": [
                {"role": "system", "content": f"{INSTRUCTIONS} You answer {self.tenant}."},
                {"role": "user", "content": QUESTIONS[number % len(QUESTIONS)]},
            ],
            "max_tokens": MAX_TOKENS,
            "stream": stream,
        }
        if stream:
            body["stream_options"] = {"include_usage": True}
        headers = {"authorization": f"Bearer {self._key}", "content-type": "application/json"}
        return json.dumps(body).encode(), headers


def _read(
    response: http.client.HTTPResponse, stream: bool, leave: bool
) -> tuple[str, int | None, str]:
    """Outcome, tokens told, message."""
    if response.status != 200:
        message = str(json.loads(response.read())["error"]["message"])
        return ("refused" if response.status == 429 else "failed"), None, message
    if leave:
        for _ in itertools.islice(response, 6):
            pass
        return "left", None, ""
    total = _tokens_of_stream(response) if stream else json.loads(response.read())["usage"]
    if total is None:
        return "failed", None, "a stream ended without its end"
    return "answered", int(total["prompt_tokens"]) + int(total["completion_tokens"]), ""


def _tokens_of_stream(lines: Iterable[bytes]) -> dict[str, int] | None:
    """The usage of a stream that came to its end."""
    told: dict[str, int] | None = None
    for line in lines:
        if line.startswith(b"data: [DONE]"):
            return told
        if line.startswith(b"data: "):
            told = json.loads(line[6:]).get("usage") or told
    return None


def _send_all(
    data: Path, host: str, model: str, tenants: Sequence[TenantRow], requests: int
) -> list[Sent]:
    """All requests, some at a time. Keys are made for it and revoked behind it."""
    with ExitStack() as stack:

        def client(tenant: TenantRow, **limits: int) -> _Client:
            key = call(data, "create_key", tenant=tenant.name, label=LABEL, **limits)
            stack.callback(_revoke, data, key["id"])
            return _Client(host, model, tenant.name, key["key"])

        clients = [client(tenant) for tenant in tenants]
        hasty = client(tenants[-1], requests_per_minute=1)
        pool = stack.enter_context(ThreadPoolExecutor(AT_A_TIME))
        ordinary = pool.map(
            lambda n: clients[n % len(clients)].ask(n // len(clients)), range(requests - 3)
        )
        leaver = pool.submit(clients[0].ask, 0, leave=True)
        over_limit = [hasty.ask(number) for number in range(2)]
        return [*ordinary, leaver.result(), *over_limit]


def _revoke(data: Path, key_id: str) -> None:
    with suppress(Exception):  # the factory may have been stopped meanwhile
        call(data, "revoke_key", key_id=key_id)


# --- books ----------------------------------------------------------------------------------------


def _booked(data: Path, start_s: float, end_s: float) -> list[UsageGroup]:
    """What the books say of these moments, once every delivery in them is confirmed or given up."""
    deadline_s = time.monotonic() + BOOKS_TIMEOUT_S
    while True:
        call(data, "catch_up")
        with Store(data, write=False) as store:
            groups = usage(store, start_s, end_s)
            settled = not pending(store, start_s, end_s)
        in_flight = call(data, "status")["gateway"]["in_flight"]
        if (settled and not in_flight) or time.monotonic() > deadline_s:
            return groups
        time.sleep(0.05)


def _tenant_usage(tenant: str, sent: Sequence[Sent], groups: Iterable[UsageGroup]) -> TenantUsage:
    mine = [one for one in sent if one.tenant == tenant]
    row = TenantUsage(tenant, told_tokens=sum(one.tokens or 0 for one in mine))
    counts: defaultdict[str, int] = defaultdict(int)
    for one in mine:
        counts[one.outcome] += 1
    row.answered, row.left = counts["answered"], counts["left"]
    row.refused, row.failed = counts["refused"], counts["failed"]
    for group in groups:
        if group.tenant == tenant and group.state == "charged":
            _add(row, group)
    return row


def _add(row: TenantUsage, group: UsageGroup) -> None:
    uncached, cached, written, text, reasoning, *_media = group.meters
    row.input_tokens += uncached + cached + written
    row.cached_tokens += cached
    row.output_tokens += text + reasoning
    row.booked_tokens += group.tokens
    row.charged_pusd += group.amount_pusd


# --- showing --------------------------------------------------------------------------------------


def demo_json(shown: Demo) -> dict[str, Any]:
    """The outcome for programs: invoice and margin as their own commands write them."""
    return {
        "gateway_url": shown.gateway_url,
        "requests": shown.requests,
        "seconds": round(shown.seconds, 3),
        "usage": shown.usage,
        "refusal": shown.refusal or None,
        "problems": shown.problems,
        "invoice": json.loads(invoice_json(shown.invoice)),
        "margin": json.loads(margin_json(shown.margin)),
    }


def demo_screen(shown: Demo) -> "RenderableType":
    """The outcome for a person."""
    from rich.console import Group
    from rich.text import Text

    rate = shown.requests / shown.seconds
    head = f"{shown.requests} requests in {shown.seconds:.1f} s ({rate:.0f}/s)"
    parts: list[RenderableType] = [
        Text(head, "bold"),
        _usage_table(shown.usage, shown.invoice.currency),
    ]
    parts += [Text(line) for line in _remarks(shown)]
    return Group(
        *parts,
        Text(""),
        invoice_screen(shown.invoice),
        Text(""),
        margin_screen(shown.margin, currency=shown.invoice.currency),
    )


def _usage_table(rows: Iterable[TenantUsage], currency: str) -> "Table":
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("tenant")
    counts = ("answered", "left", "refused", "input", "cached", "output")
    for name in (*counts, f"charged {currency}"):
        table.add_column(name, justify="right")
    for row in rows:
        table.add_row(
            row.tenant,
            str(row.answered),
            str(row.left),
            str(row.refused),
            f"{row.input_tokens:,}",
            f"{row.cached_tokens:,}",
            f"{row.output_tokens:,}",
            format_usd(row.charged_pusd, 6),
        )
    return table


def _remarks(shown: Demo) -> list[str]:
    lines = [_compared(shown.usage)]
    if shown.refusal:
        lines.append(f"Refused as it should be: {shown.refusal}")
    return lines + [f"Failed: {problem}" for problem in shown.problems]


def _compared(rows: Sequence[TenantUsage]) -> str:
    """What clients were told against what the books charge, and where the difference comes from."""
    told = sum(row.told_tokens for row in rows)
    booked = sum(row.booked_tokens for row in rows)
    sentence = f"Clients were told of {told:,} tokens; the books charge {booked:,}."
    cut_off = [row for row in rows if row.left or row.failed]
    unlike = [row.tenant for row in rows if row.told_tokens != row.booked_tokens]
    if not unlike:
        return sentence
    if unlike == [row.tenant for row in cut_off] and booked > told:
        more = f"The {booked - told:,} more are what a client that left early had received."
        return f"{sentence} {more}"
    return f"{sentence} They differ for {', '.join(unlike)}: please report this."
