"""Token counts of agents and conversations, which send their whole past again with every turn."""

from __future__ import annotations

from wattmill.physics.numbers import N, require, require_positive


def context_tokens(turns: N, start_tokens: N, tokens_per_turn: N) -> N:
    """Prompt of turn `turns` (the first is 1): start + what every earlier turn added."""
    _require_turns(turns)
    return start_tokens + (turns - 1) * tokens_per_turn


def loop_input_tokens(turns: N, start_tokens: N, tokens_per_turn: N) -> N:
    """Prompt tokens of a whole loop: n · start + n (n - 1) / 2 · growth. Quadratic in turns."""
    _require_turns(turns)
    return turns * start_tokens + turns * (turns - 1) / 2 * tokens_per_turn


def loop_hit_frac(turns: N, start_tokens: N, tokens_per_turn: N) -> N:
    """Share of a loop's prompt tokens that the turn before already computed: a perfect cache."""
    total = loop_input_tokens(turns, start_tokens, tokens_per_turn)
    new = start_tokens + (turns - 1) * tokens_per_turn
    return 1 - new / total


def turns_until(context_tokens: N, start_tokens: N, tokens_per_turn: N) -> N:
    """Turns until the context is full."""
    require_positive(tokens_per_turn=tokens_per_turn)
    require(start_tokens <= context_tokens, "the start does not fit", "give a longer context")
    return 1 + (context_tokens - start_tokens) / tokens_per_turn


def amdahl_speedup(accelerated_frac: N, speedup: N) -> N:
    """Speed-up of the whole when a share of it becomes faster: 1 / (1 - p + p / s) (Amdahl, 1967)."""
    require_positive(speedup=speedup)
    within = (accelerated_frac >= 0) & (accelerated_frac <= 1)
    require(within, f"{accelerated_frac} is no share", "give 0.3 for 30 %")
    return 1 / (1 - accelerated_frac + accelerated_frac / speedup)


def _require_turns(turns: N) -> None:
    require(turns >= 1, f"{turns} turns cannot be", "give 1 or more")
