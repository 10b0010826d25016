"""A gateway that is left alone for a while: its books are dead, or whoever started it."""

import asyncio
import os
import signal
from pathlib import Path

from tests.support.client import Connection, Seen
from tests.support.factory import Factory, running_factory, wait_until


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


def test_a_new_factory_waits_until_the_old_gateway_has_answered(tmp_path: Path) -> None:
    """The supervisor is killed while an answer is on its way, and the factory is started again at once: the new
    gateway's recovery must not void what the old one is about to charge."""
    body = {
        "model": "house-small",
        "messages": [{"role": "user", "content": "Go on."}],
        "max_tokens": 1500,
        "ignore_eos": True,
        "stream": True,
        "stream_options": {"include_usage": True},
    }

    async def ask_while_the_factory_changes(factory: Factory, key: str) -> Seen:
        async with Connection(factory.url, key) as connection:
            asking = asyncio.create_task(connection.ask(body))
            await asyncio.to_thread(wait_until, lambda: factory.in_flight() == 1, "it is asked")
            factory.kill_supervisor()
            await asyncio.to_thread(factory.succeed)
            return await asking

    with running_factory(tmp_path) as factory:
        seen = asyncio.run(ask_while_the_factory_changes(factory, factory.key("acme")))
        factory.stop()
        with factory.books() as books:
            (row,) = books.execute("SELECT state, outcome, output_text FROM request").fetchall()
        assert seen.ok
        assert (row["state"], row["outcome"]) == ("charged", "finished")
        assert seen.tokens is not None
        assert row["output_text"] == seen.tokens[2] == body["max_tokens"]
