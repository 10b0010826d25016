"""Speculative decoding: a draft proposes tokens, the model checks them in one step.

Source: Leviathan, Kalman, Matias, "Fast Inference from Transformers via Speculative Decoding", ICML
2023, equations 1 and theorem 3.8. Acceptances of successive tokens are taken as independent and
alike, which real text is not: long runs are more frequent, so expect 10 % either way.
"""

from __future__ import annotations

from wattmill.core.errors import PlanError
from wattmill.physics.numbers import N, require, require_share

MOST_DRAFTS = 64


def tokens_per_step(acceptance_frac: N, drafts: N) -> N:
    """Tokens that one checking step yields: (1 - a^(k+1)) / (1 - a), 1 to k + 1.

    a (below 1): chance that a drafted token is accepted; k (0 or more): tokens drafted a step.
    """
    require_share(acceptance_frac=acceptance_frac)
    require(acceptance_frac < 1, "an acceptance of 1 is no acceptance rate", "give 0.99 or less")
    require(drafts >= 0, f"{drafts} drafted tokens cannot be", "give 0 or more")
    missed: N = acceptance_frac ** (drafts + 1)
    return (1 - missed) / (1 - acceptance_frac)


def speedup(acceptance_frac: N, drafts: N, draft_cost_frac: N, check_cost: N) -> N:
    """Tokens per second over those without drafts: tokens per step / (k · c + check).

    draft_cost_frac: time of a drafted token over that of a plain step. check_cost: time of the
    checking step over that of a plain one: 1 while memory binds, up to k + 1 where arithmetic does.
    """
    require(draft_cost_frac >= 0, "a draft cannot cost less than nothing", "give 0 or more")
    require(check_cost > 0, "checking takes time", "give 1 for a step that memory binds")
    return tokens_per_step(acceptance_frac, drafts) / (drafts * draft_cost_frac + check_cost)


def best_drafts(acceptance_frac: float, draft_cost_frac: float) -> int:
    """Drafted tokens per step, up to 64, that give the highest `speedup` while memory binds."""
    gains = [speedup(acceptance_frac, float(k), draft_cost_frac, 1.0) for k in range(MOST_DRAFTS)]
    return max(range(MOST_DRAFTS), key=gains.__getitem__)


def break_even_acceptance_frac(drafts: float, draft_cost_frac: float, check_cost: float) -> float:
    """Acceptance at which drafting neither gains nor loses; PlanError if it always loses."""
    need = drafts * draft_cost_frac + check_cost
    if need >= drafts + 1:
        raise PlanError(
            f"drafting {drafts:g} tokens costs {need:.3g} steps and yields {drafts + 1:g} at most",
            hint="use a cheaper draft",
        )
    low, high = 0.0, 1.0 - 1e-12
    for _ in range(100):
        middle = (low + high) / 2
        is_short = tokens_per_step(middle, drafts) < need
        low, high = (middle, high) if is_short else (low, middle)
    return high
