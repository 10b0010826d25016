"""What users of other gateways met with usage: lost, doubled, made up."""

from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.complaints.factory import (
    CACHED_PUSD,
    INPUT_PUSD,
    OUTPUT_PUSD,
    at_once,
    balance,
    leave_after,
    new_tenant,
    wait_for_rows,
)
from tests.gateway.mill import Mill
from tests.gateway.wire import ask, chat, get, post, wire
from tests.support.engine import MANY, PROMPT_TOKENS, WORDS
from tests.support.factory import wait_until
from wattmill.core.records import Usage
from wattmill.gateway.usage import EngineUsage, UsageMismatch, disjoint
from wattmill.web.bills import tenant_draft

WELL_PUSD = PROMPT_TOKENS * INPUT_PUSD + len(WORDS) * OUTPUT_PUSD
both = pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])


def the_only_row(mill: Mill, tenant: str) -> dict[str, Any]:
    """A tenant's one request, once it is over."""
    (row,) = wait_for_rows(mill, tenant, 1)
    return row


# --- counts that engines give ---------------------------------------------------------------------


@both
def test_an_explicit_zero_is_not_replaced_by_an_estimate(mill: Mill, stream: bool) -> None:
    """litellm #37992: a count of zero was taken for no count, and a guess was billed in its place."""
    row = mill.wait_for(mill.chat("zero-usage", stream=stream).request)
    assert (row["source"], row["amount_pusd"], row["output_text"]) == ("engine", 0, 0)


def test_an_absent_count_is_not_zero(mill: Mill) -> None:
    """new-api #5235: a stream without its last usage frame was logged as nothing, and all of the hold given back."""
    row = mill.wait_for(mill.chat("no-usage", stream=True).request)
    assert (row["source"], row["output_text"]) == ("estimated", len(WORDS))
    assert row["amount_pusd"] >= len(WORDS) * OUTPUT_PUSD


@both
def test_a_count_without_its_prompt_is_no_prompt_of_zero(mill: Mill, stream: bool) -> None:
    """ollama #3427, #2068: the prompt's count was absent when the prompt was cached, and became 0."""
    row = mill.wait_for(mill.chat("no-prompt-count", stream=stream).request)
    assert row["source"] == "estimated"
    assert row["input_uncached"] > 0 and row["output_text"] == len(WORDS)


@both
def test_cached_tokens_are_counted_once_and_at_their_own_price(mill: Mill, stream: bool) -> None:
    """litellm #9812, #11364, #14849: cached tokens were billed within the prompt and once more beside it."""
    row = mill.wait_for(mill.chat("cached-usage", stream=stream).request)
    assert (row["input_uncached"], row["input_cached"]) == (2, PROMPT_TOKENS - 2)
    cached_pusd = (PROMPT_TOKENS - 2) * CACHED_PUSD
    assert row["amount_pusd"] == 2 * INPUT_PUSD + cached_pusd + len(WORDS) * OUTPUT_PUSD


@both
def test_a_count_that_does_not_add_up_is_set_aside_and_never_clamped(
    mill: Mill, stream: bool
) -> None:
    """langfuse #13811: a negative rest was clamped to zero, which hid that tokens had been counted twice."""
    row = mill.wait_for(mill.chat("mismatched-usage", stream=stream).request)
    assert (row["source"], row["input_cached"]) == ("estimated", 0)


counts = st.none() | st.integers(0, 50)


@given(
    st.integers(0, 100),
    st.integers(0, 100),
    st.dictionaries(
        st.sampled_from(["cached_tokens", "cache_write_tokens", "audio_tokens", "image_tokens"]),
        counts,
    ),
    st.dictionaries(st.sampled_from(["reasoning_tokens", "audio_tokens"]), counts),
)
def test_whatever_a_provider_names_the_meters_add_up_to_its_totals(
    prompt: int, completion: int, inside: dict[str, int | None], outside: dict[str, int | None]
) -> None:
    """langfuse #16508, #10592, litellm #15945: each provider's shape was added up in another wrong way."""
    said = {"prompt_tokens": prompt, "completion_tokens": completion}
    said |= {"prompt_tokens_details": inside, "completion_tokens_details": outside}  # type: ignore[dict-item]
    try:
        usage = disjoint(msgspec.convert(said, EngineUsage), generates=True)
    except UsageMismatch:
        parts = (sum(n or 0 for n in names.values()) for names in (inside, outside))
        assert any(part > total for part, total in zip(parts, (prompt, completion), strict=True))
        return
    assert isinstance(usage, Usage)
    assert (usage.input_tokens, usage.output_tokens) == (prompt, completion)
    assert min(usage.meters) >= 0


# --- clients that leave ---------------------------------------------------------------------------


def test_usage_is_not_lost_when_the_client_leaves(mill: Mill) -> None:
    """litellm #14457, #13245: with the client went the callback, and with the callback what was used."""
    mill.engine.pause()
    tenant = new_tenant(mill)
    leave_after(mill, b"one ", chat("waits", stream=True), tenant)
    row = the_only_row(mill, tenant)
    assert (row["state"], row["outcome"], row["source"]) == ("charged", "client_gone", "counted")
    assert row["amount_pusd"] == PROMPT_TOKENS * INPUT_PUSD + OUTPUT_PUSD


def test_who_leaves_pays_for_each_piece_and_not_for_one(mill: Mill) -> None:
    """bifrost #3709: a stream of 806 pieces that was cancelled stood in the log as one token."""
    tenant = new_tenant(mill)
    leave_after(mill, b'w805 "', chat("many-pieces", stream=True), tenant)
    assert the_only_row(mill, tenant)["output_text"] == MANY


def test_cutting_a_stream_before_its_count_saves_nothing_and_is_seen(mill: Mill) -> None:
    """new-api #6150: streams were cut just before the count came, to pay less, and operators could not see it."""
    tenant = new_tenant(mill)
    before = gone(mill)
    leave_after(mill, b"five", chat("well", stream=True), tenant)
    assert the_only_row(mill, tenant)["amount_pusd"] == WELL_PUSD
    mill.engine.pause()
    leave_after(mill, b"one ", chat("waits", stream=True), tenant)
    wait_for_rows(mill, tenant, 2)
    assert gone(mill) > before


def gone(mill: Mill) -> float:
    """Clients that left, as Prometheus reads them."""
    text = ask(mill.url, get("/metrics")).body.decode()
    lines = (line for line in text.splitlines() if 'outcome="client_gone"' in line)
    return sum(float(line.rpartition(" ")[2]) for line in lines if "requests_total" in line)


@pytest.mark.parametrize("wants_usage", [False, True], ids=["plain", "usage wanted"])
def test_closing_on_the_last_frame_loses_nothing(mill: Mill, wants_usage: bool) -> None:
    """Envoy AI Gateway #2563, #2115, Higress #4145: SDKs close at [DONE], and what was settled after it was lost."""
    tenant = new_tenant(mill)
    options = {"include_usage": wants_usage}
    body = chat("well", stream=True, stream_options=options)
    for _ in range(10):
        leave_after(mill, b"[DONE]", body, tenant)
    rows = wait_for_rows(mill, tenant, 10)
    assert {(row["state"], row["source"], row["amount_pusd"]) for row in rows} == {
        ("charged", "engine", WELL_PUSD)
    }


def test_an_engine_that_gives_no_count_on_abort_is_counted_for(mill: Mill) -> None:
    """openai-openapi #539: the API says nothing of usage when a stream is cut, so who sells must count."""
    mill.engine.pause()
    tenant = new_tenant(mill)
    leave_after(mill, b"one ", chat("cut-stream", stream=True), tenant)
    row = the_only_row(mill, tenant)
    assert (row["input_uncached"], row["output_text"]) == (PROMPT_TOKENS, 1)
    mill.engine.go_on()


@both
def test_who_leaves_before_the_first_token_pays_nothing_and_stops_the_engine(
    mill: Mill, stream: bool
) -> None:
    """sub2api #4408, vllm #54947: the engine worked on for nobody, and the whole answer was charged."""
    tenant, before = new_tenant(mill), len(mill.engine.of("silent"))
    leave_when_asked(mill, chat("silent", stream=stream), tenant, before)
    wait_until(lambda: mill.engine.of("silent")[before].left, "the engine is told to stop", 10)
    row = the_only_row(mill, tenant)
    assert (row["state"], row["reason"], row["amount_pusd"]) == ("void", "client_gone", 0)
    assert balance(mill, tenant)["held_pusd"] == 0


def leave_when_asked(mill: Mill, body: dict[str, object], tenant: str, before: int) -> None:
    """Go as soon as the engine has the request."""
    with wire(mill.url) as connection:
        connection.send(post(body, mill.key(tenant)))
        wait_until(lambda: len(mill.engine.of("silent")) > before, "the engine has it", 10)


# --- engines that fail ----------------------------------------------------------------------------


def test_the_text_of_an_error_is_not_billed_as_output(mill: Mill) -> None:
    """new-api #5288, #5289, #5290: an upstream's error message was tokenised and billed at the price of output."""
    tenant = new_tenant(mill)
    mill.engine.pause()
    with wire(mill.url) as connection:
        connection.send(post(chat("long-error-frame", stream=True), mill.key(tenant)))
        connection.read_until(b"one ")
        mill.engine.go_on()
        assert connection.read_until(b"0\r\n\r\n").count(b"out of memory") == 700
    row = the_only_row(mill, tenant)
    assert (row["state"], row["amount_pusd"]) == ("void", 0)
    assert row["output_text"] <= 2, "not even our own cost has the message in it"


@pytest.mark.parametrize("play", ["breaks-down", "says-nothing", "refuses", "hangs-up"])
def test_nothing_is_taken_for_no_output(mill: Mill, play: str) -> None:
    """new-api #4168: in one day 99 users paid for requests that had brought no token at all."""
    tenant = new_tenant(mill)
    mill.chat(play, tenant=tenant, stream=True)
    row = the_only_row(mill, tenant)
    assert (row["state"], row["amount_pusd"]) == ("void", 0)
    after = balance(mill, tenant)
    assert (after["spent_pusd"], after["held_pusd"]) == (0, 0)


def test_every_hold_ends_however_its_request_does(mill: Mill) -> None:
    """new-api #4429: of eight holds two were settled; the rest stayed when a handler panicked, and added up."""
    tenant = new_tenant(mill)
    mill.key(tenant)
    plays = ["well", "breaks-down", "hangs-up", "no-http", "cut-head", "refuses", "no-usage"]
    at_once([partial(mill.chat, play, tenant=tenant, stream=True) for play in plays])
    leave_after(mill, b"w9 ", chat("many-pieces", stream=True), tenant)
    rows = wait_for_rows(mill, tenant, len(plays) + 1)
    after = balance(mill, tenant)
    assert after["held_pusd"] == 0
    assert after["spent_pusd"] == sum(row["amount_pusd"] for row in rows)
    assert sum(row["state"] == "charged" for row in rows) == 3


@both
def test_an_answer_from_the_second_engine_has_its_usage_once(mill: Mill, stream: bool) -> None:
    """semantic-router #2592, #2593: behind a cascade a stream's usage was reported as three zeros."""
    tenant = new_tenant(mill)
    answer = mill.chat("falters-elsewhere", tenant=tenant, model="spare", stream=stream)
    assert answer.text == "".join(WORDS)
    row = the_only_row(mill, tenant)
    assert (row["pool"], row["source"], row["amount_pusd"]) == ("here", "engine", WELL_PUSD)


# --- on the way to the books ----------------------------------------------------------------------


def test_requests_that_call_themselves_the_same_are_each_in_the_books(mill: Mill) -> None:
    """litellm #6633: rows had the caller's id for a key, and of all with an empty one only the first survived."""
    tenant = new_tenant(mill)
    request = post(chat(), mill.key(tenant), more="x-request-id: \r\n")
    answers = [ask(mill.url, request) for _ in range(3)]
    assert len({answer.json["id"] for answer in answers}) == 1, "the engine's ids are alike too"
    assert len(wait_for_rows(mill, tenant, 3)) == len({answer.request for answer in answers}) == 3


def test_an_answer_is_in_usage_and_bill_a_moment_later(mill: Mill) -> None:
    """lago #637: events were accepted and never aggregated, and nothing said so."""
    tenant = new_tenant(mill)
    mill.chat(tenant=tenant)
    wait_for_rows(mill, tenant, 1)
    bill = tenant_draft(mill.factory.data, tenant, None)
    assert sum(line.tokens for line in bill.lines) == PROMPT_TOKENS + len(WORDS)
    assert balance(mill, tenant)["spent_pusd"] == WELL_PUSD


def test_memory_does_not_grow_with_requests(mill: Mill) -> None:
    """litellm #27954, #12685, #25219: workers grew until they died, and the advice was to recycle them."""
    gateway = mill.factory.child("gateway")
    body = chat("well", messages=[{"role": "user", "content": "x" * 200_000}])
    with wire(mill.url) as connection:

        def talk(times: int) -> int:
            for _ in range(times):
                connection.send(post(body, mill.key()))
                assert connection.answer().status == 200
            return int(Path(f"/proc/{gateway}/statm").read_text().split()[1]) * 4096

        warm = talk(30)
        grown = talk(150) - warm
    assert grown < 12e6, f"{grown / 150:.0f} bytes stay of each request of 200 kB"


def test_prompts_are_nowhere_in_the_data_folder(mill: Mill) -> None:
    """bifrost #2286: a year of logged bodies filled the database in which usage was kept, until both stood still."""
    secret = "a-phrase-that-nobody-else-says"
    answer = mill.chat(messages=[{"role": "user", "content": secret}])
    mill.wait_for(answer.request)
    files = [path for path in mill.factory.data.rglob("*") if path.is_file()]
    assert any(path.suffix == ".db" for path in files)
    assert not [path for path in files if secret.encode() in path.read_bytes()]
