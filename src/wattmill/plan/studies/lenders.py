"""What each lender sees: cover, covenants, and what is owed against what it could be sold for."""

from __future__ import annotations

import msgspec
import numpy as np

from wattmill.catalog.factory import Factory
from wattmill.finance import covenants, debt, reserve
from wattmill.finance.path_figures import cover, loan_to_values
from wattmill.finance.project import Project
from wattmill.finance.statement import Statement


class Lender(msgspec.Struct, frozen=True):
    """One loan in the case without random prices. Months are of the study, None is never.

    all_in_frac_per_year: with fees. min_dscr is of all debt service together, over covenant_months,
    and None if the debt is not served for so long. breach_month and breach_ltv_month: the first in
    which a covenant of this loan is broken; today is no test. reserve_usd: the most that it has in
    its reserve (DSRA).
    """

    name: str
    kind: str
    principal_usd: float
    rate_frac_per_year: float
    all_in_frac_per_year: float
    months: int
    interest_usd: float
    min_dscr: float | None
    min_dscr_month: int | None
    mean_dscr: float | None
    llcr: float | None
    covenant_dscr: float | None
    breach_month: int | None
    covenant_ltv: float | None
    breach_ltv_month: int | None
    underwater_month: int | None
    reserve_usd: float


def lenders(factory: Factory, project: Project, s: Statement) -> tuple[Lender, ...]:
    """Every loan of the project."""
    return tuple(_lender(factory, index, project, s) for index in range(len(project.loans)))


def _lender(factory: Factory, index: int, project: Project, s: Statement) -> Lender:
    terms, said = project.loans[index], factory.loans[index]
    loan = s.loans[terms.name]
    ratios = cover(s, said.covenant_months)
    value = loan_to_values(s)
    finite = np.isfinite(ratios)
    lowest = int(np.where(finite, ratios, np.inf).argmin()) if finite.any() else None
    llcr = covenants.llcr(
        s.cfads_usd, s.balance_usd, terms.rate_frac_per_month, terms.maturity_month
    )[terms.drawn_month]
    return Lender(
        name=terms.name,
        kind=terms.kind,
        principal_usd=float((loan.draw_usd - loan.capitalised_usd).sum()),
        rate_frac_per_year=terms.rate_frac_per_year,
        all_in_frac_per_year=debt.all_in_rate_frac_per_year(loan),
        months=terms.months,
        interest_usd=float(loan.interest_usd.sum()),
        min_dscr=None if lowest is None else float(ratios[lowest]),
        min_dscr_month=lowest,
        mean_dscr=float(ratios[finite].mean()) if finite.any() else None,
        llcr=float(llcr) if np.isfinite(llcr) else None,
        covenant_dscr=said.covenant_dscr,
        breach_month=_below(ratios, said.covenant_dscr),
        covenant_ltv=said.covenant_ltv,
        breach_ltv_month=_above(value, said.covenant_ltv),
        underwater_month=_above(value, 1.0),
        reserve_usd=float(reserve.reserve_usd(loan, terms.reserve_months).max()),
    )


def _below(ratios: covenants.Floats, floor: float | None) -> int | None:
    return None if floor is None else _month(covenants.first_below(ratios, floor))


def _above(value: covenants.Floats, ceiling: float | None) -> int | None:
    return None if ceiling is None else _month(covenants.first_above(value, ceiling))


def _month(first: covenants.Floats) -> int | None:
    return int(first) if np.isfinite(first) else None
