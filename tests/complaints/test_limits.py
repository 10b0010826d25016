"""What users of other gateways met with budgets and limits: raced past, late, made up, or not there at all."""

from contextlib import ExitStack
from decimal import Decimal
from functools import partial
from typing import Any

import pytest

from tests.complaints.factory import (
    at_once,
    balance,
    hold_pusd,
    leave_after,
    new_tenant,
    wait_for_rows,
)
from tests.gateway.mill import Mill
from tests.gateway.wire import ask, chat, post, wire
from tests.ledger.conftest import FACTORY
from tests.ledger.test_sharing import Factory as Gateways
from wattmill.catalog.factory import parse_factory
from wattmill.core.errors import UsageError, WattmillError
from wattmill.ledger.book import Held

TEN_UUSD = hold_pusd(10) // 10**6
"""What a request of at most ten tokens reserves."""


def refused(mill: Mill, tenant: str, **fields: Any) -> bool:
    """Whether a budget, or credit, refuses the next request of at most ten tokens."""
    answer = mill.chat(tenant=tenant, max_tokens=10, **fields)
    assert answer.status in (200, 429)
    return answer.status == 429 and answer.code == "insufficient_quota"


# --- budgets --------------------------------------------------------------------------------------


def test_many_requests_at_once_do_not_spend_one_budget_twice(mill: Mill) -> None:
    """litellm #34732, #26672, #23714: requests that ran side by side each saw the budget as it was before them."""
    mill.engine.pause()
    tenant = new_tenant(mill, budget_uusd=5 * TEN_UUSD + TEN_UUSD // 2)
    request = post(chat("waits", stream=True, max_tokens=10), mill.key(tenant))
    with ExitStack() as stack:
        wires = [stack.enter_context(wire(mill.url)) for _ in range(16)]
        for connection in wires:
            connection.send(request)
        statuses = sorted(connection.answer(to_head=True).status for connection in wires)
        assert statuses == [200] * 5 + [429] * 11
        assert balance(mill, tenant)["held_pusd"] == 5 * hold_pusd(10)
        mill.engine.go_on()
    wait_for_rows(mill, tenant, 5)
    after = balance(mill, tenant)
    assert 0 < after["spent_pusd"] <= after["budget_pusd"]


def test_gateways_do_not_each_have_the_whole_budget() -> None:
    """litellm #33325, #26672: every pod went by its own sum, so ten of them spent a budget ten times."""
    gateways = Gateways()
    for number in range(3):
        gateways.begin(number)
    who = {"tenant": "acme", "key": "a", "model": "m", "price": 1}
    answers = [
        gateway.book.hold(next(gateway.requests), gateways.now_s, amount_pusd=100, **who)  # type: ignore[arg-type]
        for _ in range(10)
        for gateway in gateways.living.values()
    ]
    assert [isinstance(answer, Held) for answer in answers] == [True] * 10 + [False] * 20


def test_the_last_request_that_fits_is_served_and_the_next_is_not(mill: Mill) -> None:
    """bifrost #5770: traffic was turned away while the budget still had room."""
    tenant = new_tenant(mill, budget_uusd=TEN_UUSD)
    assert not refused(mill, tenant)
    assert refused(mill, tenant), "what the first has spent is missing now"
    assert refused(mill, new_tenant(mill, budget_uusd=TEN_UUSD - 1))


def test_a_limit_holds_before_the_engine_works_and_not_afterwards(mill: Mill) -> None:
    """Envoy AI Gateway #2394: the limit was looked at when the answer was there, and paid for."""
    before = len(mill.engine.of("cached-usage"))
    tenant = new_tenant(mill, budget_uusd=1)
    answer = mill.chat("cached-usage", tenant=tenant)
    assert (answer.status, answer.code) == (429, "insufficient_quota")
    assert len(mill.engine.of("cached-usage")) == before


def test_the_next_request_feels_what_was_spent_and_what_was_changed(mill: Mill) -> None:
    """litellm #6288: spending was summed once a minute, and until then a spent budget was open."""
    tenant = new_tenant(mill, budget_uusd=TEN_UUSD + 1)
    assert [refused(mill, tenant) for _ in range(2)] == [False, True]
    mill.do("set_tenant", name=tenant, budget_uusd=3 * TEN_UUSD)
    assert not refused(mill, tenant)
    mill.do("set_tenant", name=tenant, budget_uusd=0)
    assert refused(mill, tenant)


def test_free_models_are_served_under_a_budget_that_is_spent(mill: Mill) -> None:
    """litellm #10973: a used-up budget stopped local models, which cost nothing."""
    tenant = new_tenant(mill, plan="gift", budget_uusd=0)
    assert not refused(mill, tenant)
    (row,) = wait_for_rows(mill, tenant, 1)
    assert (row["state"], row["amount_pusd"], row["output_text"]) == ("charged", 0, 5)


def test_no_key_is_above_its_tenants_budget(mill: Mill) -> None:
    """buttercup PR #550: the master key knew no cap, and $4.77 were spent under one of $1."""
    tenant = new_tenant(mill, budget_uusd=1)
    made = mill.do("create_key", tenant=tenant, budget_uusd=10**9)
    keys = [
        mill.do("create_key", tenant=tenant)["key"],
        mill.do("rotate_key", key_id=made["id"])["key"],
        mill.do("create_session_key", tenant=tenant)["key"],
    ]
    for key in keys:
        answer = ask(mill.url, post(chat(), key))
        assert (answer.status, answer.code) == (429, "insufficient_quota")


@pytest.mark.parametrize("play", ["overruns", "many-pieces"])
def test_what_an_engine_does_beyond_its_limit_stops_the_next_request(mill: Mill, play: str) -> None:
    """litellm #23714, #11083: a budget of a few cents was found dollars below zero."""
    tenant = new_tenant(mill, budget_uusd=TEN_UUSD)
    body = chat(play, stream=True, max_tokens=10)
    leave_after(mill, b"[DONE]" if play == "overruns" else b'w805 "', body, tenant)
    (row,) = wait_for_rows(mill, tenant, 1)
    after = balance(mill, tenant)
    assert after["spent_pusd"] == row["amount_pusd"], "one answer that was delivered, and no more"
    assert after["spent_pusd"] > after["budget_pusd"], "the engine did not go beyond anything"
    assert refused(mill, tenant)


# --- prepaid credit -------------------------------------------------------------------------------


def test_prepaid_credit_does_not_go_below_zero(mill: Mill) -> None:
    """token-factory-cookbook #27, claude-code #92642: prepaid accounts stood at -$500 and -$47."""
    tenant = new_tenant(mill, prepaid=True)
    assert refused(mill, tenant), "without credit nothing is served"
    cent = 10**10
    mill.do("grant_credit", tenant=tenant, amount_pusd=cent, gift=True)
    mill.key(tenant)
    deed = partial(mill.chat, "overruns", tenant=tenant, max_tokens=900)
    statuses = [answer.status for answer in at_once([deed] * 6)]
    assert 200 in statuses
    rows = wait_for_rows(mill, tenant, statuses.count(200))
    assert sum(row["amount_pusd"] for row in rows) <= cent
    assert all(row["absorbed_pusd"] > 0 for row in rows), "what the engine did too much is our cost"
    assert refused(mill, tenant) or sum(row["amount_pusd"] for row in rows) < cent


# --- other limits ---------------------------------------------------------------------------------


def test_what_failed_or_was_left_does_not_count_against_a_limit(mill: Mill) -> None:
    """litellm #30460, #27639: counters went up and not always down again, until everything was told 429."""
    tenant = new_tenant(mill, max_concurrency=1, budget_uusd=2 * TEN_UUSD)
    mill.engine.pause()
    leave_after(mill, b"one ", chat("waits", stream=True, max_tokens=10), tenant)
    wait_for_rows(mill, tenant, 1)
    for play in ["breaks-down", "hangs-up", "no-http", "refuses", "says-nothing"] * 2:
        answer = mill.chat(play, tenant=tenant, max_tokens=10, stream=True)
        assert answer.status != 429, f"before {play}: {answer.body.decode()}"
    rows = wait_for_rows(mill, tenant, 11)
    assert [row["state"] for row in rows] == ["charged"] + ["void"] * 10
    assert not refused(mill, tenant)


@pytest.mark.parametrize(
    ("limit", "code"),
    [
        ({"requests_per_minute": 1}, "rate_limit"),
        ({"max_concurrency": 0}, "concurrency_limit"),
        ({"budget_uusd": TEN_UUSD}, "insufficient_quota"),
    ],
    ids=["rate", "concurrency", "budget"],
)
@pytest.mark.parametrize("whose", ["tenant", "key"])
def test_every_limit_that_is_taken_is_enforced(
    mill: Mill, limit: dict[str, Any], code: str, whose: str
) -> None:
    """langwatch #7805: limits in tokens a minute were accepted, shown, and never looked at."""
    tenant = new_tenant(mill, **(limit if whose == "tenant" else {}))
    key = mill.do("create_key", tenant=tenant, **(limit if whose == "key" else {}))["key"]
    request = post(chat(max_tokens=10), key)
    codes = {
        answer.code for answer in (ask(mill.url, request) for _ in range(2)) if answer.status == 429
    }
    assert codes == {code}


@pytest.mark.parametrize("key", ["tokens_per_minute", "tpm", "max_tokens_per_minute"])
def test_a_limit_that_is_not_enforced_cannot_be_set(key: str) -> None:
    """langwatch #7805, litellm #19163, dynamo #11220: what the file said was dropped without a word."""
    text = FACTORY.replace('name = "acme"\n', f'name = "acme"\n{key} = 1000\n')
    assert text != FACTORY
    with pytest.raises(WattmillError) as refusal:
        parse_factory(text, "factory.toml")
    assert key in refusal.value.message


def test_no_limit_is_guessed_from_another(mill: Mill) -> None:
    """aibrix #848: tokens a minute were taken to be a thousand times the requests a minute."""
    tenant = new_tenant(mill, requests_per_minute=1)
    big = [{"role": "user", "content": "x" * 100_000}]
    assert mill.chat(tenant=tenant, messages=big, max_tokens=100_000).status == 200


@pytest.mark.parametrize("amount", ["-1", "-0.01"])
def test_no_limit_and_no_price_is_a_negative_number(mill: Mill, amount: str) -> None:
    """LibreChat #2359: minus one stood for "none", and was added up like any other number."""
    for old, new in [
        ('name = "acme"\n', f'name = "acme"\nbudget_usd_per_month = {amount}\n'),
        ("output = 1.60", f"output = {amount}"),
    ]:
        assert old in FACTORY
        with pytest.raises(WattmillError):
            parse_factory(FACTORY.replace(old, new), "factory.toml")
    uusd = int(Decimal(amount) * 10**6)
    for deed, whose in (("create_key", "tenant"), ("set_tenant", "name")):
        with pytest.raises(UsageError, match="negative"):
            mill.do(deed, **{whose: "acme"}, budget_uusd=uusd)
