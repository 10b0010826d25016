"""Commands while the factory runs: when a command returns, the very next request feels it."""

import sqlite3
import threading
from pathlib import Path
from typing import Any

import pytest

from tests.gateway.mill import TOML, Mill, request_rows, running_mill
from tests.gateway.wire import Answer, ask, chat, get, post, wire
from tests.support.factory import wait_until
from wattmill.ledger.accounts import decode_state

WELL = "one two three four five"


def asked(mill: Mill, key: str, **fields: Any) -> Answer:
    return ask(mill.url, post(chat(**fields), key))


def verdict(mill: Mill, key: str, **fields: Any) -> tuple[int, str | None]:
    """Status and error code of a request."""
    answer = asked(mill, key, **fields)
    return answer.status, None if answer.status == 200 else answer.code


SERVED = (200, None)
UNKNOWN_KEY = (401, "invalid_api_key")
OVER_BUDGET = (429, "insufficient_quota")


# --- keys ------------------------------------------------------------------------------------------


def test_a_key_works_from_its_making_to_its_end(mill: Mill) -> None:
    made = mill.factory.run("keys", "create", "acme", "--label", "ci", "--json")
    assert verdict(mill, made["key"]) == SERVED
    rotated = mill.factory.run("keys", "rotate", made["id"], "--json")
    assert verdict(mill, made["key"]) == UNKNOWN_KEY
    assert verdict(mill, rotated["key"]) == SERVED
    mill.factory.run("keys", "revoke", rotated["id"])
    assert verdict(mill, rotated["key"]) == UNKNOWN_KEY
    listed = {row["id"]: row for row in mill.factory.run("keys", "list", "acme", "--json")}
    assert listed[made["id"]]["revoked_us"] and listed[rotated["id"]]["revoked_us"]
    assert listed[rotated["id"]]["label"] == "ci"
    assert made["key"] not in str(listed)


def test_requests_per_minute_of_a_key(mill: Mill) -> None:
    key = mill.factory.run("keys", "create", "acme", "--rpm", "3", "--json")["key"]
    assert [verdict(mill, key) for _ in range(3)] == [SERVED] * 3
    answer = asked(mill, key)
    assert (answer.status, answer.code) == (429, "rate_limit")
    assert 1 <= int(answer.headers["retry-after"]) <= 21
    assert verdict(mill, mill.key()) == SERVED, "other keys are free"


def test_requests_at_a_time_of_a_key(mill: Mill) -> None:
    mill.engine.pause()
    key = mill.factory.run("keys", "create", "acme", "--concurrency", "1", "--json")["key"]
    with wire(mill.url) as streaming:
        streaming.send(post(chat("waits", stream=True), key))
        streaming.read_until(b"one ")
        answer = asked(mill, key)
        assert (answer.status, answer.code) == (429, "concurrency_limit")
        assert int(answer.headers["retry-after"]) >= 1
        mill.engine.go_on()
        streaming.read_until(b"[DONE]")
    assert verdict(mill, key) == SERVED


# --- tenants and budgets ---------------------------------------------------------------------------


def test_a_tenant_is_served_as_soon_as_it_is_made_and_until_it_is_stopped(mill: Mill) -> None:
    mill.factory.run("tenants", "create", "walkin", "--plan", "standard", "--budget", "1")
    key = mill.factory.key("walkin")
    assert verdict(mill, key) == SERVED
    mill.factory.run("tenants", "set", "walkin", "--inactive")
    assert verdict(mill, key) == UNKNOWN_KEY
    mill.factory.run("tenants", "set", "walkin", "--active", "--rpm", "1")
    assert verdict(mill, key) == SERVED
    assert verdict(mill, key) == (429, "rate_limit")
    mill.factory.run("tenants", "set", "walkin", "--rpm", "0")
    assert verdict(mill, key) == SERVED
    rows = {row["name"]: row for row in mill.factory.run("tenants", "list", "--json")}
    assert rows["walkin"]["active"] and rows["walkin"]["budget_uusd"] == 1_000_000


def test_a_budget_is_a_hard_stop_from_the_next_request_on(mill: Mill) -> None:
    key = mill.factory.key("acme")
    assert verdict(mill, key) == SERVED
    mill.factory.run("budgets", "set", "acme", "0")
    assert verdict(mill, key) == OVER_BUDGET
    mill.factory.run("budgets", "set", "acme", "none")
    assert verdict(mill, key) == SERVED


def test_many_at_once_never_spend_more_than_the_budget(mill: Mill) -> None:
    """Each holds 494 µUSD and spends 17: a budget of 1,000 µUSD has room for two holds at a time."""
    mill.factory.run("tenants", "create", "thrifty", "--plan", "standard", "--budget", "0.001")
    key = mill.factory.key("thrifty")
    statuses: list[int] = []
    clients = [
        threading.Thread(target=lambda: statuses.append(asked(mill, key).status)) for _ in range(40)
    ]
    for client in clients:
        client.start()
    for client in clients:
        client.join()
    assert set(statuses) <= {200, 429} and 200 in statuses
    rows = {row["tenant"]: row for row in mill.factory.run("budgets", "list", "--json")}
    assert rows["thrifty"]["spent_pusd"] == statuses.count(200) * 17_000_000
    assert rows["thrifty"]["spent_pusd"] <= rows["thrifty"]["budget_pusd"] == 10**9
    assert rows["thrifty"]["held_pusd"] == 0


@pytest.mark.parametrize(
    ("words", "message", "hint"),
    [
        (("keys", "create", "acne"), "there is no tenant 'acne'", "acme"),
        (("keys", "revoke", "k_0"), "there is no key 'k_0'", "keys list"),
        (("keys", "rotate", "k_0"), "there is no key 'k_0'", "keys list"),
        (("tenants", "create", "x", "--plan", "gold"), "no rate plan 'gold'", "standard"),
        (("tenants", "create", "Ümlaut", "--plan", "standard"), "is not a name", "a-z"),
        (("tenants", "create", "acme", "--plan", "standard"), "exists already", "tenants list"),
        (("tenants", "create", "x", "--plan", "standard", "--timezone", "Moon"), "Moon", "Europe"),
        (("tenants", "set", "acme"), "nothing to set", "--plan"),
        (("budgets", "set", "acme", "lots"), "'lots' is not an amount", "12.50"),
        (("budgets", "set", "acme", "-5"), "", ""),
        (("budgets", "set", "acme", "nan"), "'nan' is not an amount", "12.50"),
        (("budgets", "set", "acme", "0.0000001"), "is not an amount", "12.50"),
        (("backup", "/nowhere/at/all.db"), "/nowhere", ""),
    ],
)
def test_a_command_that_makes_no_sense(
    mill: Mill, words: tuple[str, ...], message: str, hint: str
) -> None:
    done = mill.command(*words)
    assert done.returncode == 2
    assert done.stdout == ""
    assert message in done.stderr
    assert hint in done.stderr
    assert "Traceback" not in done.stderr


# --- the factory file ------------------------------------------------------------------------------


def price_of_a_chat(mill: Mill) -> int:
    answer = mill.chat()
    return int(mill.wait_for(answer.request)["amount_pusd"])


def test_a_price_that_is_edited_holds_from_the_reload_on_and_for_good(tmp_path: Path) -> None:
    with running_mill(tmp_path) as mill:
        assert price_of_a_chat(mill) == 17_000_000
        text = mill.factory.toml.read_text()
        mill.factory.toml.write_text(text.replace("input = 1,", "input = 3,"))
        assert price_of_a_chat(mill) == 17_000_000, "not before it is read"
        mill.factory.run("reload", str(mill.factory.toml))
        assert price_of_a_chat(mill) == 31_000_000
        mill.factory.toml.write_text("nonsense")
        mill.kill_books()
        assert price_of_a_chat(mill) == 31_000_000, "the books start with what was read last"
        prices = sqlite3.connect(mill.factory.data / "ledger.db")
        assert prices.execute("SELECT count(*) FROM price").fetchone() == (2,)
        prices.close()


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        ("[[pool]", ":"),
        ('[[tenant]]\nname = "new"\nrate_plan = "gold"\n', "gold"),
        ('[[model]]\nalias = "house"\nroute = ["here"]\n', "house"),
        ("[site]\npue = 0.5\n", "pue"),
        ("[serve]\nlisten = 5\n", ""),
    ],
)
def test_a_broken_file_is_refused_with_its_line_and_changes_nothing(
    mill: Mill, tmp_path: Path, damage: str, message: str
) -> None:
    broken = tmp_path / "broken.toml"
    text = mill.factory.toml.read_text()
    broken.write_text(f"{text}\n{damage}")
    done = mill.command("reload", str(broken))
    assert done.returncode == 2
    assert f"error: {broken}:" in done.stderr and message in done.stderr
    line = int(done.stderr.partition(f"{broken}:")[2].partition(":")[0])
    assert line > 1
    assert "Traceback" not in done.stderr
    mill.assert_serves()


def test_a_file_saved_with_a_byte_order_mark_is_read(mill: Mill, tmp_path: Path) -> None:
    marked = tmp_path / "marked.toml"
    marked.write_bytes(b"\xef\xbb\xbf" + mill.factory.toml.read_bytes())
    mill.factory.run("reload", str(marked))
    mill.assert_serves()


# --- a copy of the books ---------------------------------------------------------------------------


def test_a_backup_under_load_opens_and_agrees(mill: Mill, tmp_path: Path) -> None:
    answered: list[int] = []
    stop = threading.Event()

    def talk() -> None:
        while not stop.is_set():
            answered.append(mill.chat().request)

    clients = [threading.Thread(target=talk) for _ in range(3)]
    mill.key()
    for client in clients:
        client.start()
    try:
        wait_until(lambda: len(answered) > 20, "clients are served")
        before = list(answered)
        done = mill.factory.run("backup", str(tmp_path / "copy.db"), "--json")
    finally:
        stop.set()
        for client in clients:
            client.join()
    assert done["bytes"] == (tmp_path / "copy.db").stat().st_size
    copy = sqlite3.connect(tmp_path / "copy.db")
    assert copy.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    rows = copy.execute("SELECT * FROM request").fetchall()
    state = decode_state(copy.execute("SELECT state FROM accounts_state").fetchone()[0])
    copy.close()
    kept = {row[0] for row in rows} | {settle.request for settle in state.unconfirmed}
    assert kept >= set(before), "what clients had seen is in it"
    mill.do("catch_up")
    books = sqlite3.connect(mill.factory.data / "ledger.db")
    assert set(rows) <= set(books.execute("SELECT * FROM request").fetchall())
    books.close()


def test_a_backup_never_overwrites(mill: Mill, tmp_path: Path) -> None:
    target = tmp_path / "precious"
    target.write_text("do not touch")
    done = mill.command("backup", str(target))
    assert (done.returncode, target.read_text()) == (2, "do not touch")
    assert "exists already" in done.stderr


# --- the end ---------------------------------------------------------------------------------------


def state_of(folder: Path, request: int) -> str:
    """How a request ended, once nothing runs any more."""
    return str(request_rows(folder / "data")[request]["state"])


@pytest.mark.parametrize("play", ["waits", "at-length"])
def test_ctrl_c_lets_every_answer_come_to_its_end(tmp_path: Path, play: str) -> None:
    """A stream that the engine still works on, and a long answer that its client reads slowly."""
    with running_mill(tmp_path) as mill:
        mill.engine.pause()
        with wire(mill.url) as late, wire(mill.url) as idle:
            idle.send(get("/health"))
            assert idle.answer().status == 200
            late.send(post(chat(play, stream=True), mill.key()))
            head = late.read_until(b"\r\n\r\n")
            request = int(head.partition(b"x-request-id: wm-")[2].split()[0], 16)
            stopping = threading.Thread(target=mill.factory.stop)
            stopping.start()
            assert idle.is_closed
            mill.engine.go_on()
            body = b"".join(late.pieces())
            assert body.endswith(b"data: [DONE]\n\n")
            assert late.is_closed
            stopping.join(60)
            assert not stopping.is_alive()
        assert state_of(tmp_path, request) == "charged"


def test_a_client_that_never_reads_does_not_keep_the_factory_from_stopping(tmp_path: Path) -> None:
    toml = TOML.replace("drain_timeout_s = 10", "drain_timeout_s = 1")
    with running_mill(tmp_path, toml) as mill:
        with wire(mill.url) as late:
            late.send(post(chat("silent", stream=True), mill.key()))
            wait_until(lambda: len(mill.engine.of("silent")) > 0, "the engine is asked")
            request = mill.last_request()
            mill.factory.stop()
            assert late.is_closed
        assert state_of(tmp_path, request) == "void"
