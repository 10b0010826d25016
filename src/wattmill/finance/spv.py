"""A project company: sources and uses, its debt and waterfall, and what leverage does to returns.

Arrays are USD with months on their last axis, index 0 is today, and paths before it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import msgspec
import numpy as np

from wattmill.finance.cashflow import MultipleRoots, NoRoot, irr, yearly_rate
from wattmill.finance.checks import require
from wattmill.finance.debt import all_in_rate_frac_per_year, schedule
from wattmill.finance.loan_terms import LoanSchedule, LoanTerms
from wattmill.finance.reserve import reserve_target_usd
from wattmill.finance.waterfall import Rules, Waterfall, waterfall

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]


class Spv(msgspec.Struct, frozen=True):
    """How a project company is financed. Without `rules.reserve_usd` the reserve (DSRA) is filled
    at the start with what `rules.reserve_months` ask for."""

    name: str
    senior: LoanTerms
    mezzanine: LoanTerms | None = None
    rules: Rules = Rules()


class SpvCase(msgspec.Struct, frozen=True, eq=False):
    """A project company by month."""

    senior: LoanSchedule
    mezzanine: LoanSchedule | None
    waterfall: Waterfall
    uses_usd: Floats
    """Purchases, fees and the first filling of the reserve."""
    draws_usd: Floats
    """What lenders bring of it; interest that is lent is not among them."""
    equity_flow_usd: Floats
    """The owners': distributions, less what uses need above the draws."""

    @property
    def leverage_frac(self) -> Floats:
        """Share of the uses that lenders bring."""
        return np.asarray(self.draws_usd.sum(axis=-1) / self.uses_usd.sum(axis=-1))


def run_spv(
    spv: Spv,
    capex_usd: Floats,
    receipts_usd: Floats,
    opex_usd: Floats,
    sized_on_usd: Floats | None = None,
) -> SpvCase:
    """Sizes the debt, runs the waterfall and gives the owners' flow. Before tax, but for tax in opex.

    capex, receipts and opex (..., months + 1), all 0 or more. sized_on_usd: the lenders' CFADS
    (months + 1), which stands when receipts differ by path; receipts - opex if None. The mezzanine
    loan is sized on what the senior loan leaves. PlanError if a loan has a sweep or a reserve of its own.
    """
    both = (spv.senior, *([spv.mezzanine] if spv.mezzanine else []))
    require(
        all(terms.sweep_frac == 0 and terms.reserve_months == 0 for terms in both),
        "a project company sweeps and reserves by its rules, not by a loan's terms",
        "give them in `rules`",
    )
    base = receipts_usd - opex_usd if sized_on_usd is None else sized_on_usd
    cost = float(np.max(capex_usd.sum(axis=-1)))
    senior = schedule(spv.senior, base, cost)
    mezzanine = schedule(spv.mezzanine, base - senior.service_usd, cost) if spv.mezzanine else None
    rules = _filled(spv.rules, senior)
    flow = waterfall(receipts_usd, opex_usd, senior, mezzanine, rules)
    loans = [loan for loan in (senior, mezzanine) if loan is not None]
    draws = sum(loan.draw_usd - loan.capitalised_usd for loan in loans)
    uses = capex_usd + sum(loan.fee_usd for loan in loans)
    uses[..., 0] += rules.reserve_usd
    equity = flow.distributions_usd - (uses - draws)
    return SpvCase(senior, mezzanine, flow, uses, np.asarray(draws), np.asarray(equity))


def _filled(rules: Rules, senior: LoanSchedule) -> Rules:
    if rules.reserve_usd or not rules.reserve_months:
        return rules
    target = reserve_target_usd(senior, rules.reserve_months)[..., 0]
    return msgspec.structs.replace(rules, reserve_usd=float(np.max(target)))


class Leverage(msgspec.Struct, frozen=True):
    """What borrowing does to the return of the owners; rates per year, None where no single rate
    is a return."""

    debt_frac: float
    project_irr_frac: float | None
    equity_irr_frac: float | None
    debt_rate_frac: float | None


def leverage_of_returns(
    project_flow_usd: Floats, terms: LoanTerms, shares: Sequence[float]
) -> tuple[Leverage, ...]:
    """The owners' return for each share of the first month's cost that is borrowed.

    project_flow_usd (months + 1) of one path, before debt; `terms` give all but the amount.
    PlanError if a loan outlives the flow.
    """
    require(project_flow_usd.ndim == 1, "returns are of one path", "take one of the paths")
    cost = -float(project_flow_usd[0])
    require(cost > 0, "nothing is paid at the start", "the first flow is negative")
    last = len(project_flow_usd) - 1
    require(terms.maturity_month <= last, f"loan {terms.name!r} outlives the flow", "shorter debt")
    return tuple(_levered(project_flow_usd, terms, share, share * cost) for share in shares)


def _levered(flow: Floats, terms: LoanTerms, share: float, usd: float) -> Leverage:
    sized = msgspec.structs.replace(terms, principal_usd=usd, dscr=None, max_share_frac=None)
    loan = schedule(sized, flow)
    rate = all_in_rate_frac_per_year(loan) if usd > 0 else None
    return Leverage(share, _return(flow), _return(flow + loan.flow_usd), rate)


def _return(flow: Floats) -> float | None:
    try:
        return yearly_rate(irr(flow.tolist()))
    except (NoRoot, MultipleRoots):
        return None
