"""Clients that ask without pause, over kept or new connections, sometimes leave in the middle, and remember what they
saw.

None leaves before the first piece of its answer: what reached its socket by then nobody could say.
"""

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator
from dataclasses import dataclass

from tests.support.client import CHAT, COMPLETIONS, Connection, Seen
from tests.support.factory import Factory

TENANTS = ("acme", "globex", "initech")
CLIENTS = 32
PROMPTS = ("What is a token?", "Name a river.", "Who pays for the power, and who is paid?")
LEAVING_FRAC = 0.1
CLOSING_FRAC = 0.2
RETRY_S = 0.05


@dataclass
class Answer:
    """What one client asked, and what it saw of the answer."""

    tenant: str
    stream: bool
    seen: Seen


class Crowd:
    """Concurrent clients of three tenants, half of whose requests are streams."""

    def __init__(self, factory: Factory, keys: dict[str, str], draw: random.Random) -> None:
        self.answers: list[Answer] = []
        self._factory = factory
        self._keys = keys
        self._draw = draw
        self._going_home = False

    @contextlib.asynccontextmanager
    async def asking(self) -> AsyncIterator[None]:
        """All clients ask, one request after the other, until the block ends; then each finishes its last."""
        self._going_home = False
        clients = [
            asyncio.create_task(self._client(TENANTS[number % len(TENANTS)]))
            for number in range(CLIENTS)
        ]
        try:
            yield
        finally:
            self._going_home = True
            await asyncio.gather(*clients)

    async def _client(self, tenant: str) -> None:
        async with Connection(self._factory.url, self._keys[tenant]) as connection:
            while not self._going_home:
                body, path = self._request()
                is_leaving = self._draw.random() < LEAVING_FRAC
                leave_after = self._draw.randint(1, 5) if is_leaving else None
                last = self._draw.random() < CLOSING_FRAC
                seen = await connection.ask(body, path, leave_after=leave_after, last=last)
                self.answers.append(Answer(tenant, bool(body["stream"]), seen))
                if not seen.ok and not seen.left:
                    await asyncio.sleep(RETRY_S)

    def _request(self) -> tuple[dict[str, object], str]:
        prompt = self._draw.choice(PROMPTS)
        body: dict[str, object] = {
            "model": "house-small",
            "max_tokens": self._draw.randint(1, 24),
            "ignore_eos": True,
            "stream": self._draw.random() < 0.5,
        }
        if body["stream"]:
            body["stream_options"] = {"include_usage": True}
        if self._draw.random() < 0.25:
            return body | {"prompt": prompt}, COMPLETIONS
        return body | {"messages": [{"role": "user", "content": prompt}]}, CHAT
