"""The factory of these tests, and what several of them ask it."""

import socket
import struct
import threading
from collections.abc import Callable, Iterable
from itertools import count
from typing import Any

from tests.gateway.mill import TOML as COMMON
from tests.gateway.mill import Mill
from tests.gateway.wire import Answer, Wire, chat, post
from tests.support.factory import wait_until

MANY_CONNECTIONS = 120
TOML = (
    COMMON.replace("drain_timeout_s = 10", "drain_timeout_s = 2")
    .replace("max_connections = 40", f"max_connections = {MANY_CONNECTIONS}")
    .replace(
        "[[model]]\n",
        """
[[pool]]
name = "second"
model = "other"
engine = "vllm"
url = "ENGINE"

[[pool]]
name = "third"
model = "other"
engine = "vllm"
url = "ENGINE"

[[pool]]
name = "fourth"
model = "other"
engine = "vllm"
url = "ENGINE"

[[pool]]
name = "fifth"
model = "other"
engine = "vllm"
url = "ENGINE"

[[model]]
alias = "spare"
route = ["second", "here"]
max_output_tokens = 100

[[model]]
alias = "chain"
route = ["second", "third", "fourth", "fifth"]
max_output_tokens = 100

[[model]]
alias = "hung"
route = ["second"]
max_output_tokens = 100

[[model]]
""",
        1,
    )
    + """
[[rate_plan]]
name = "gift"
usd_per_mtok = { input = 0, output = 0 }

[[rate_plan]]
name = "clouds"
markup_percent = 15
"""
)
INPUT_PUSD, CACHED_PUSD, OUTPUT_PUSD = 10**6, 10**5, 2 * 10**6
"""Of a token, by the plan ``standard``."""

_serial = count(1)


def new_tenant(mill: Mill, *, plan: str = "standard", **limits: Any) -> str:
    """A tenant that no other test knows."""
    name = f"t{next(_serial)}"
    mill.do("create_tenant", name=name, plan=plan, **limits)
    return name


def hold_pusd(max_tokens: int) -> int:
    """The most that a ``chat`` with so many output tokens can cost."""
    from wattmill.gateway.api import ENDPOINTS, parse_ask

    body = post(chat(), "").partition(b"\r\n\r\n")[2]
    bound = parse_ask(ENDPOINTS["/v1/chat/completions"], body).input_bound
    return bound * INPUT_PUSD + max_tokens * OUTPUT_PUSD


def balance(mill: Mill, tenant: str) -> dict[str, Any]:
    """What a tenant has spent and has reserved."""
    return next(row for row in mill.do("balances") if row["tenant"] == tenant)


def rows_of(mill: Mill, tenant: str) -> list[dict[str, Any]]:
    """A tenant's requests that are over, oldest first."""
    return sorted(
        (row for row in mill.rows().values() if row["tenant"] == tenant), key=lambda row: row["id"]
    )


def wait_for_rows(mill: Mill, tenant: str, number: int) -> list[dict[str, Any]]:
    """The same once there are so many."""
    wait_until(lambda: len(rows_of(mill, tenant)) >= number, f"{tenant} has {number} requests", 15)
    return rows_of(mill, tenant)


def leave_after(mill: Mill, word: bytes, body: dict[str, Any], tenant: str = "acme") -> bytes:
    """Read an answer up to a word and go, without a farewell; what was read."""
    with_rst = struct.pack("ii", 1, 0)
    wire = Wire(mill.url)
    wire.send(post(body, mill.key(tenant)))
    read = wire.read_until(word) if word else b""
    wire.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, with_rst)
    wire.close()
    return read


def at_once(deeds: Iterable[Callable[[], Answer]]) -> list[Answer]:
    """Each in a thread of its own; what came of them."""
    answers: list[Answer] = []
    threads = [threading.Thread(target=lambda d=deed: answers.append(d())) for deed in deeds]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers
