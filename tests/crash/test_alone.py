"""A gateway that is left alone for a while: its books are dead and nobody starts them again."""

import asyncio
import os
import signal
from pathlib import Path

from tests.support.client import Connection, Seen
from tests.support.factory import Factory, running_factory


async def ask(factory: Factory, key: str) -> Seen:
    messages = [{"role": "user", "content": "What is a token?"}]
    async with Connection(factory.url, key) as connection:
        return await connection.ask({"model": "house-small", "messages": messages})


def test_a_command_does_without_the_books_process(tmp_path: Path) -> None:
    """It opens the books itself; what it changes is in force at once, and the engine is still where it was."""
    with running_factory(tmp_path) as factory:
        supervisor = factory.supervisor
        os.kill(supervisor, signal.SIGSTOP)
        factory.kill_child("books")
        key = factory.key("acme")
        assert asyncio.run(ask(factory, key)).ok
        os.kill(supervisor, signal.SIGCONT)
        factory.stop()
