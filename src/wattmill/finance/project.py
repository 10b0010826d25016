"""A project: what is bought, what it earns, what it costs to run, and who lends the money."""

from __future__ import annotations

from msgspec import Struct

from wattmill.core.errors import PlanError
from wattmill.finance.assets import Asset, Cost, Power, Price, Vat, check
from wattmill.finance.debt import LoanTerms
from wattmill.finance.leasing import Lease
from wattmill.finance.tax import TaxTerms


class Project(Struct, frozen=True, kw_only=True):
    """Months are counted from 0 (today) to `months`; USD without VAT.

    colo: USD per kW of machines and month. receivable_days: from the sale to its payment; payable_days: from an opex
    bill to its payment; below 0 is paid ahead. leases: what they buy out is a running cost of that month.
    loans: the first is the senior one; each is sized on what those before it leave.
    cash_usd: in hand before month 0. sells_at_end: at the end machines are sold at market value, bills are
    settled and what is left of loans is repaid; otherwise all that goes on.
    """

    months: int
    assets: tuple[Asset, ...] = ()
    costs: tuple[Cost, ...] = ()
    power: Power | None = None
    colo: Price | None = None
    leases: tuple[Lease, ...] = ()
    receivable_days: float = 0.0
    payable_days: float = 0.0
    vat: Vat | None = None
    tax: TaxTerms | None = None
    loans: tuple[LoanTerms, ...] = ()
    cash_usd: float = 0.0
    sells_at_end: bool = True


def checked(project: Project) -> None:
    """PlanError, naming what it is about, if a study of this project cannot be made."""
    if project.months < 1:
        raise PlanError(f"{project.months} months are no study", hint="give a month or more")
    for asset in project.assets:
        check(asset, project.months)
    _unique("asset", [asset.name for asset in project.assets])
    costs = [*(cost.name for cost in project.costs), *(lease.name for lease in project.leases)]
    _unique("cost", [*_own_costs(project), *costs])
    _unique("loan", [loan.name for loan in project.loans])
    _locked(project.power)


def _own_costs(project: Project) -> list[str]:
    return ["power"] * (project.power is not None) + ["colo"] * (project.colo is not None)


def _unique(what: str, names: list[str]) -> None:
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise PlanError(f"two {what}s are called {twice[0]!r}", hint="give each a name of its own")


def _locked(power: Power | None) -> None:
    if power is None:
        return
    if not (power.pue >= 1 and 0 <= power.locked_frac <= 1):
        raise PlanError(
            f"a PUE of {power.pue} with {power.locked_frac} locked cannot be",
            hint="a PUE is 1 or more, a share 0 to 1",
        )
    if power.locked_frac > 0 and power.locked is None:
        raise PlanError("the price of locked electricity is missing", hint="give locked, a Price")
