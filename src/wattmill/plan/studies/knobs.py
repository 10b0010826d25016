"""What a study turns to see what its result hangs on, one at a time."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import msgspec
from msgspec.structs import replace

from wattmill.finance.assets import Asset, Cost, Power, Price
from wattmill.finance.debt import LoanTerms
from wattmill.finance.project import Project


class Knob(msgspec.Struct, frozen=True):
    """An input, its value in the study, and how far it is turned either way.

    is_factor: `base` is 1 and what it stands for is multiplied; otherwise it is added to.
    """

    name: str
    low: float
    high: float
    is_factor: bool

    @property
    def base(self) -> float:
        """The value that changes nothing."""
        return 1.0 if self.is_factor else 0.0


def knobs(project: Project) -> tuple[Knob, ...]:
    """Those that can matter in this project."""
    found = [
        Knob("price of what is sold", 0.8, 1.2, True),
        Knob("drift of that price, a year", -0.15, 0.15, False),
        Knob("load", 0.8, 1.2, True),
        Knob("price of machines", 0.9, 1.1, True),
        Knob("used price after a year", -0.15, 0.15, False),
        Knob("price of power", 0.7, 1.3, True),
        Knob("months without power", 0.0, 6.0, False),
    ]
    found += [Knob("other running costs", 0.8, 1.2, True)] if project.costs or project.colo else []
    found += [Knob("rate of loans", -0.03, 0.03, False)] if project.loans else []
    return tuple(found)


def turned(project: Project, at: Mapping[str, float]) -> Project:
    """The project with some of the knobs away from their base."""
    for name, value in at.items():
        project = TURNS[name](project, value)
    return project


def price(project: Project, factor: float) -> Project:
    """Every price of what is sold, contracts too."""
    return _each(project, lambda a: _repriced(a, lambda p: replace(p, usd=p.usd * factor)))


def _repriced(asset: Asset, change: Callable[[Price], Price]) -> Asset:
    sales = tuple(replace(sale, price=change(sale.price)) for sale in asset.sales)
    asked = asset.load.price
    load = asset.load if asked is None else replace(asset.load, price=change(asked))
    return replace(asset, sales=sales, load=load)


def _drift(project: Project, more: float) -> Project:
    def change(p: Price) -> Price:
        return replace(p, growth_frac_per_year=max(-0.99, p.growth_frac_per_year + more))

    return _each(project, lambda a: _repriced(a, change))


def load(project: Project, factor: float) -> Project:
    """What is asked for of what the machines can do; a contract is as it is."""

    def change(a: Asset) -> Asset:
        return replace(a, load=replace(a.load, frac=min(a.load.most_frac, a.load.frac * factor)))

    return _each(project, change)


def _paid(project: Project, factor: float) -> Project:
    """What machines cost, and with it what is lent for them."""
    made = _each(
        project,
        lambda a: replace(
            a,
            paid_usd_per_unit=a.paid_usd_per_unit * factor,
            book_resale_usd_per_unit=a.book_resale_usd_per_unit * factor,
        ),
    )
    return replace(made, loans=tuple(_lent(loan, factor) for loan in project.loans))


def _lent(loan: LoanTerms, factor: float) -> LoanTerms:
    usd = loan.principal_usd
    return loan if usd is None else replace(loan, principal_usd=usd * factor)


def _resale(project: Project, more: float) -> Project:
    def change(a: Asset) -> Asset:
        if a.resale_curve is not None:
            return replace(a, resale_curve=tuple(max(0.0, left + more) for left in a.resale_curve))
        kept = a.resale_frac_per_year or 0.0
        return replace(a, resale_frac_per_year=max(0.0, kept + more) if a.sales else kept)

    return _each(project, change)


def _power(project: Project, factor: float) -> Project:
    power = project.power
    if power is None:
        return project

    def dearer(p: Price) -> Price:
        return replace(p, usd=p.usd * factor)

    locked = None if power.locked is None else dearer(power.locked)
    changed: Power = replace(power, price=dearer(power.price), locked=locked)
    return replace(project, power=changed)


def dark(project: Project, months: float) -> Project:
    """Machines start so many months later; what is owed is not paid later."""
    late = round(months)

    def change(a: Asset) -> Asset:
        last = project.months if a.sold_month is None else a.sold_month
        return replace(a, starts_month=min(a.first_month + late, last)) if a.sales and late else a

    return _each(project, change)


def _running(project: Project, factor: float) -> Project:
    def change(c: Cost) -> Cost:
        return replace(
            c,
            usd_per_month=c.usd_per_month * factor,
            paid_frac_per_year=c.paid_frac_per_year * factor,
            revenue_frac=min(1.0, c.revenue_frac * factor),
        )

    colo = project.colo
    colo = None if colo is None else replace(colo, usd=colo.usd * factor)
    return replace(project, costs=tuple(map(change, project.costs)), colo=colo)


def _rate(project: Project, more: float) -> Project:
    loans = tuple(
        replace(loan, rate_frac_per_year=max(0.0, loan.rate_frac_per_year + more))
        for loan in project.loans
    )
    return replace(project, loans=loans)


def _each(project: Project, change: Callable[[Asset], Asset]) -> Project:
    return replace(project, assets=tuple(map(change, project.assets)))


TURNS: dict[str, Callable[[Project, float], Project]] = {
    "price of what is sold": price,
    "drift of that price, a year": _drift,
    "load": load,
    "price of machines": _paid,
    "used price after a year": _resale,
    "price of power": _power,
    "months without power": dark,
    "other running costs": _running,
    "rate of loans": _rate,
}
"""How each knob changes a project."""
