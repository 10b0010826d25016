"""Latency from its parts, and what it is like to read."""

from typing import Annotated

from wattmill.plan.questions.inputs import (
    Osl,
    Seconds,
    Throughput,
    count,
    number,
    positive,
)
from wattmill.plan.questions.registry import question


@question("latency", gives="s", source="Definition: TTFT, then a TPOT for each further token")
def answer_time_s(
    ttft: Annotated[float, number("time to first token", "ms")],
    tpot: Annotated[float, number("time per output token", "ms")],
    osl: Osl,
) -> float:
    """Time until a whole answer is there."""
    return ttft + (osl - 1) * tpot


@question("latency", gives="ms", source="Sum of what happens before the first token")
def ttft_of_parts(
    prefill: Annotated[float, number("prefill", "ms")],
    network: Annotated[float, number("network, there and back", "ms")] = 0.0,
    queue: Annotated[float, number("wait for others", "ms")] = 0.0,
    retrieval: Annotated[float, number("retrieval and reranking", "ms")] = 0.0,
    kv_transfer: Annotated[float, number("handing KV over", "ms")] = 0.0,
    step: Annotated[float, number("first decode step", "ms")] = 0.0,
) -> float:
    """Time to first token from its parts, one after the other."""
    return prefill + network + queue + retrieval + kv_transfer + step


@question("latency", gives="words/min", source="0.75 English words per token is the usual rule")
def words_per_min(
    throughput: Throughput,
    words_per_token: Annotated[float, positive("words per token", high=10)] = 0.75,
) -> float:
    """Reading speed that a token rate keeps up with; people read 200 to 300."""
    return throughput * words_per_token


@question("latency", gives="tok/s", source="Definition: throughput over those who share it")
def rate_per_user(throughput: Throughput, users: Annotated[float, count("users", 1e9)]) -> float:
    """Tokens per second that each of some users gets."""
    return throughput / users


@question("latency", gives="tok/s", source="Definition: one over TPOT")
def tok_s_of_tpot(tpot: Annotated[float, positive("time per output token", "ms")]) -> float:
    """Tokens per second of one user at a TPOT."""
    return 1 / tpot


@question("latency", gives="x", source="Little, Operations Research 9(3), 1961")
def requests_in_flight(
    requests: Annotated[float, number("arrivals", "req/s")], seconds: Seconds
) -> float:
    """Requests in the system on average: arrivals times the time that each spends in it."""
    return requests * seconds
