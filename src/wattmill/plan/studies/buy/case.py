"""One way to serve a demand against another: all of them over the same months, for the same tokens."""

from __future__ import annotations

from functools import reduce
from typing import TYPE_CHECKING

import msgspec
import numpy as np

from wattmill.finance.cashflow import monthly_rate, npv_paths
from wattmill.finance.demand import growth_factors
from wattmill.plan.studies.buy.costs import Served, costs
from wattmill.plan.studies.buy.racks_and_apis import Api, Part, Rack, Terms, shares_out
from wattmill.plan.studies.demand import Asked

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from wattmill.finance.lines import Prices

    Array = NDArray[np.float64]

AS_IS = "as-is"
REST = "rest"
"""What no part of an option serves is bought from the reference API, so that options are alike."""


class Option(msgspec.Struct, frozen=True, kw_only=True):
    """An offer with its parts in the order in which they serve; setup and other are those of a hybrid."""

    name: str
    kind: str
    parts: tuple[Part, ...]
    setup_usd: float = 0.0
    other_usd_per_month: float = 0.0
    first: int = 0
    last: int = 10**6


class Case(msgspec.Struct, frozen=True):
    """Demand, options, and what holds for all; `own` are the factory's machines, which serve first in each.

    reference: the API that everything is held against, and which serves what is left.
    """

    asked: Asked
    own: tuple[Rack, ...]
    options: tuple[Option, ...]
    reference: Api
    terms: Terms

    @property
    def baseline(self) -> Option:
        """The factory as it is, with the reference API for the rest; or that API alone, as it is offered."""
        if self.own:
            return Option(name=AS_IS, kind="api", parts=())
        return next((o for o in self.options if o.parts == (self.reference,)), self._api_alone)

    @property
    def _api_alone(self) -> Option:
        return Option(name=self.reference.name, kind="api", parts=(self.reference,))

    @property
    def all_options(self) -> tuple[Option, ...]:
        """The baseline first, and every offer that is not the same."""
        base = self.baseline
        same = [base.name, *([self.reference.name] if self.own and not self._has_fees else [])]
        return (base, *(option for option in self.options if option.name not in same))

    @property
    def _has_fees(self) -> bool:
        return bool(self.reference.setup_usd or self.reference.other_usd_per_month)


class Ran(msgspec.Struct, frozen=True):
    """An option over the months. cost: before tax; after_tax: what remains to be paid; parts by name."""

    option: Option
    parts: dict[str, tuple[Part, Served]]
    cost_usd: Array
    after_tax_usd: Array
    wanted_mtok: Array

    @property
    def by_line(self) -> dict[str, Array]:
        """Costs by line, those of all parts together."""
        lines: dict[str, Array] = {}
        for _, served in self.parts.values():
            for name, usd in served.costs.items():
                lines[name] = lines[name] + usd if name in lines else usd
        return lines

    def npv_usd(self, terms: Terms) -> Array:
        """Present value of what is to be paid after tax, for each path."""
        rate = monthly_rate(terms.discount_frac_per_year)
        return npv_paths(rate, self.after_tax_usd)


def run(case: Case, option: Option, prices: Prices | None = None) -> Ran:
    """Who serves what, and what it costs."""
    terms = case.terms
    parts = (*case.own, *option.parts, msgspec.structs.replace(case.reference, **NO_FEES))
    mtok = shares_out(parts, case.asked, terms.months)
    names = [*(part.name for part in parts[:-1]), REST]
    served = [
        costs(part, made, case.asked, terms, prices)
        for part, made in zip(parts, mtok, strict=False)
    ]
    extra = _own_fees(option, terms)
    cost = reduce(np.add, (each.cost_usd for each in served), extra)
    off_tax = reduce(np.add, (sum_of(each.deductible) for each in served), extra)
    return Ran(
        option,
        dict(zip(names, zip(parts, served, strict=True), strict=True)),
        cost,
        cost - terms.tax_frac * off_tax,
        reduce(np.add, mtok),
    )


NO_FEES = {"setup_usd": 0.0, "other_usd_per_month": 0.0, "first": 0, "last": 10**6}
"""The rest goes to the reference API without what an offer of it costs beside its tokens."""


def sum_of(lines: dict[str, Array]) -> Array:
    """All lines together; 0.0 for none."""
    return reduce(np.add, lines.values(), np.zeros(1))


def _own_fees(option: Option, terms: Terms) -> Array:
    t = np.arange(terms.months + 1)
    here = (t > option.first) & (t <= option.last)
    usd = (
        option.other_usd_per_month
        * here
        * growth_factors(terms.months, terms.inflation_frac_per_year)
    )
    if option.first <= terms.months:
        usd[option.first] += option.setup_usd
    return usd


def present_costs(case: Case) -> dict[str, float]:
    """Present value of each option's cost after tax, the baseline first."""
    return {
        option.name: float(run(case, option).npv_usd(case.terms)) for option in case.all_options
    }


def cheapest(npvs: dict[str, float]) -> str:
    """The option that costs least; of equals the first."""
    return min(npvs, key=lambda name: npvs[name])


def runner_up(npvs: dict[str, float], best: str) -> str:
    """The cheapest beside `best`; `best` itself where there is no other."""
    return cheapest({name: usd for name, usd in npvs.items() if name != best} or npvs)
