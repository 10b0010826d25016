"""Speculative decoding."""

from typing import Annotated

from wattmill.physics import speculative as physics
from wattmill.plan.questions.inputs import number, positive
from wattmill.plan.questions.registry import Input, question

LEVIATHAN = "Leviathan, Kalman, Matias, ICML 2023; acceptances taken as independent"
Acceptance = Annotated[float, Input("chance that a drafted token is accepted", "", 0.0, 0.9999)]
Drafts = Annotated[float, number("tokens drafted per step", high=64)]
DraftCost = Annotated[float, number("time of a drafted token over that of a plain step", high=10)]
CheckCost = Annotated[float, positive("time of a checking step over that of a plain one", high=100)]


@question("speculative", gives="tokens", source=LEVIATHAN)
def speculative_tokens(acceptance: Acceptance, drafts: Drafts = 4) -> float:
    """Tokens that one checking step yields: (1 - a^(k+1)) / (1 - a)."""
    return physics.tokens_per_step(acceptance, drafts)


@question("speculative", gives="x", source=LEVIATHAN)
def speculative_speedup(
    acceptance: Acceptance, drafts: Drafts = 4, draft_cost: DraftCost = 0.05, check: CheckCost = 1.0
) -> float:
    """Tokens per second with drafts over those without, as long as memory binds."""
    return physics.speedup(acceptance, drafts, draft_cost, check)


@question("speculative", gives="tokens", source=LEVIATHAN)
def speculative_best_drafts(acceptance: Acceptance, draft_cost: DraftCost = 0.05) -> float:
    """Drafted tokens per step that give the highest speed-up."""
    return float(physics.best_drafts(acceptance, draft_cost))


@question("speculative", gives="%", source=LEVIATHAN)
def speculative_break_even(
    drafts: Drafts = 4, draft_cost: DraftCost = 0.05, check: CheckCost = 1.0
) -> float:
    """Acceptance at which drafting neither gains nor loses."""
    return physics.break_even_acceptance_frac(drafts, draft_cost, check)
