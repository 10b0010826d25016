"""Small questions to an engine, apart from clients' requests: is it up, how many tokens is this."""

import asyncio

from wattmill.gateway.links import EngineLinks, Link


class CallFailed(Exception):
    """No answer: not reached, too slow, or cut off."""


class _Call:
    """Collects one answer."""

    def __init__(self, future: "asyncio.Future[tuple[int, bytes]]") -> None:
        self.link: Link | None = None
        self.abandoned = False
        self._future = future
        self._status = 0
        self._body: list[bytes] = []

    def on_answer_head(self, status: int, content_type: bytes) -> None:
        self._status = status

    def on_answer_body(self, data: bytes) -> None:
        self._body.append(data)

    def on_answer_end(self) -> None:
        if not self._future.done():
            self._future.set_result((self._status, b"".join(self._body)))

    def on_link_lost(self, reason: str) -> None:
        if not self._future.done():
            self._future.set_exception(CallFailed(reason))


async def call(links: EngineLinks, request: bytes, timeout_s: float) -> tuple[int, bytes]:
    """Status and body. ``CallFailed`` when there is no answer within the time."""
    future: asyncio.Future[tuple[int, bytes]] = asyncio.get_running_loop().create_future()
    answer = _Call(future)
    links.send(answer, request)
    try:
        async with asyncio.timeout(timeout_s):
            return await future
    except TimeoutError:
        links.abort(answer)
        raise CallFailed(f"no answer within {timeout_s} s") from None
