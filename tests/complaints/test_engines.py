"""What operators met when engines failed or hung: retries without end, and one that stopped all."""

import time
from contextlib import ExitStack

from tests.complaints.factory import MANY_CONNECTIONS, balance, new_tenant, wait_for_rows
from tests.gateway.mill import Mill
from tests.gateway.wire import chat, post, wire
from tests.support.factory import wait_until
from wattmill.policy.lifecycle import MAX_ATTEMPTS


def test_retries_have_an_end_however_many_engines_there_are(mill: Mill) -> None:
    """litellm #19985: falling back to the next deployment began the count of retries anew, for ever."""
    before, tenant = len(mill.engine.of("breaks-down")), new_tenant(mill)
    answer = mill.chat("breaks-down", tenant=tenant, model="chain")
    assert (answer.status, answer.code) == (502, "engine_failed")
    assert len(mill.engine.of("breaks-down")) - before == MAX_ATTEMPTS == 3
    (row,) = wait_for_rows(mill, tenant, 1)
    assert (row["state"], row["amount_pusd"]) == ("void", 0)


def test_a_failed_engine_is_followed_by_another_unasked(mill: Mill) -> None:
    """production-stack #382: a request that met a dead engine was the client's to repeat."""
    assert mill.chat("falters-elsewhere", model="spare").status == 200


def test_one_hung_engine_stops_nobody_elses_requests(mill: Mill) -> None:
    """production-stack #749, #706: one backend that hung blocked the router for all."""
    tenant, before = new_tenant(mill), len(mill.engine.of("silent"))
    request = post(chat("silent", model="hung", stream=True), mill.key(tenant))
    with ExitStack() as stack:
        for _ in range(30):
            stack.enter_context(wire(mill.url)).send(request)
        wait_until(lambda: len(mill.engine.of("silent")) == before + 30, "all of them hang", 10)
        started_s = time.monotonic()
        for _ in range(5):
            mill.assert_serves()
        assert time.monotonic() - started_s < 5
    rows = wait_for_rows(mill, tenant, 30)
    assert {(row["state"], row["amount_pusd"]) for row in rows} == {("void", 0)}
    assert balance(mill, tenant)["held_pusd"] == 0


def test_more_clients_than_there_is_room_for_are_told_and_nothing_falls_over(mill: Mill) -> None:
    """production-stack #448: at a thousand requests at a time the router was gone."""
    mill.engine.pause()
    tenant, gateway = new_tenant(mill), mill.factory.child("gateway")
    request = post(chat("waits", stream=True), mill.key(tenant))
    with ExitStack() as stack:
        wires = [stack.enter_context(wire(mill.url)) for _ in range(MANY_CONNECTIONS + 40)]
        for connection in wires:
            connection.send(request)
        statuses = [connection.answer(to_head=True).status for connection in wires]
        served = statuses.count(200)
        assert sorted(set(statuses)) == [200, 503]
        assert served >= MANY_CONNECTIONS - 5
        mill.engine.go_on()
        for connection, status in zip(wires, statuses, strict=True):
            if status == 200:
                connection.read_until(b"[DONE]")
    rows = wait_for_rows(mill, tenant, served)
    assert [row["state"] for row in rows] == ["charged"] * served
    assert mill.factory.child("gateway") == gateway
    mill.assert_serves()
