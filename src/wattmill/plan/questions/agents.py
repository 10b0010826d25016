"""Agents, conversations and retrieval: how tokens add up, and what they cost."""

import math
from typing import Annotated

from wattmill.finance import token_cost
from wattmill.physics import agents as physics
from wattmill.physics import retrieval
from wattmill.plan.questions.inputs import (
    Bits,
    Context,
    Hit,
    Tokens,
    UsdPerMtok,
    count,
    number,
    positive,
    share,
)
from wattmill.plan.questions.registry import question

RESEND = "Definition: every turn sends the whole past again"
Turns = Annotated[float, count("turns, or steps of the loop", 1e6)]
Start = Annotated[float, count("prompt of the first turn", 1e9, unit="tokens")]
Growth = Annotated[float, number("tokens that a turn adds: answer and tool results", "tokens")]


@question("agents", gives="tokens", source=RESEND)
def agent_input_tokens(turns: Turns, start: Start, growth: Growth) -> float:
    """Prompt tokens of a whole loop: n · start + n (n-1)/2 · growth."""
    return physics.loop_input_tokens(turns, start, growth)


@question("agents", gives="tokens", source=RESEND)
def agent_context(turns: Turns, start: Start, growth: Growth) -> float:
    """Prompt of a turn, after what every earlier one added."""
    return physics.context_tokens(turns, start, growth)


@question("agents", gives="turns", source=RESEND)
def agent_turns(context: Context, start: Start, growth: Growth) -> float:
    """Turns until a context is full."""
    return physics.turns_until(context, start, growth)


@question("agents", gives="%", source=RESEND)
def agent_hit(turns: Turns, start: Start, growth: Growth) -> float:
    """Share of a loop's prompt tokens that a perfect prefix cache holds."""
    return physics.loop_hit_frac(turns, start, growth)


@question("agents", gives="USD/task", source=RESEND + "; price list · tokens by meter")
def agent_task_usd(
    turns: Turns,
    start: Start,
    growth: Growth,
    output: Annotated[float, number("tokens that a turn answers", "tokens")],
    input_price: UsdPerMtok,
    output_price: UsdPerMtok,
    hit: Hit = 0.0,
    cached_price: UsdPerMtok = 0.0,
) -> float:
    """Price of a whole loop at an API's prices."""
    tokens = physics.loop_input_tokens(turns, start, growth)
    return token_cost.request_usd(
        tokens, turns * output, hit, input_price, cached_price, output_price
    )


@question("agents", gives="USD/task", source="Definition: tokens · mean price")
def task_usd(
    tokens: Tokens,
    input_price: UsdPerMtok,
    output_price: UsdPerMtok,
    output_share: Annotated[float, share("share of the tokens that is output")] = 0.1,
) -> float:
    """Price of a task of so many tokens, input and output together."""
    return tokens * token_cost.blended_usd_per_token(input_price, output_price, output_share)


@question("agents", gives="x", source="Amdahl, AFIPS 1967")
def amdahl_speedup(
    accelerated: Annotated[float, share("share of the time that becomes faster")],
    speedup: Annotated[float | None, positive("by how much; else it takes no time at all")] = None,
) -> float:
    """Speed-up of a whole when a share of it becomes faster."""
    return physics.amdahl_speedup(accelerated, speedup or math.inf)


@question("rag", gives="tokens", source="Definition: passages · tokens each, and the rest")
def rag_tokens(
    passages: Annotated[float, count("passages", 1e6)],
    tokens_each: Annotated[float, count("tokens of a passage", 1e6, unit="tokens")],
    other: Tokens = 0.0,
) -> float:
    """Prompt tokens of a question with retrieved passages."""
    return retrieval.passage_tokens(passages, tokens_each, other)


@question(
    "rag", gives="GB", source="Definition: vectors · dimensions · bytes, and the index itself"
)
def vector_index_gb(
    vectors: Annotated[float, count("vectors", 1e13)],
    dimensions: Annotated[float, count("dimensions", 1e6)],
    bits: Bits = 4.0,
    overhead: Annotated[float, number("what the index adds to its vectors", high=10)] = 0.5,
) -> float:
    """Memory of a vector index."""
    return retrieval.index_bytes(vectors, dimensions, bits, overhead)
