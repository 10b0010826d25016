"""A factory file as a choice between ways to serve its demand."""

from __future__ import annotations

from datetime import date

import msgspec

from wattmill.catalog.factory import Factory, Offer
from wattmill.catalog.units import HOURS_PER_MONTH
from wattmill.core.errors import PlanError
from wattmill.finance.assets import Asset, Sale
from wattmill.finance.processes import PriceProcess
from wattmill.finance.project import Project
from wattmill.plan.studies.buy.apis import api_of, reference
from wattmill.plan.studies.buy.case import Case, Option
from wattmill.plan.studies.buy.factory_reading import FOREVER, Reading
from wattmill.plan.studies.buy.machines import machines_of, own_machines
from wattmill.plan.studies.buy.racks_and_apis import Part, Purchase, Rack, Terms
from wattmill.plan.studies.machines import tax_method
from wattmill.plan.studies.running import moving, power
from wattmill.plan.studies.sourced import Sourced
from wattmill.plan.studies.timeline import Timeline
from wattmill.plan.studies.uncertainty import processes


class BuyInputs(msgspec.Struct, frozen=True):
    """Everything that the study starts from, and where each number is from."""

    case: Case
    processes: dict[str, PriceProcess]
    correlation: dict[str, float]
    timeline: Timeline
    sources: tuple[Sourced, ...]
    notes: tuple[str, ...]


def buy_inputs(factory: Factory, today: date) -> BuyInputs:
    """PlanError without a demand or without offers; CatalogError for a name that is not known."""
    reading = Reading(factory, today)
    if not factory.offers:
        raise PlanError(
            "there is nothing to choose from",
            hint='give an [[offer]]: name, kind = "buy", hardware',
            place=str(factory.path),
        )
    own = own_machines(reading)
    options = tuple(option(reading, offer) for offer in factory.offers)
    case = Case(reading.asked, own, options, reference(reading, options), terms(reading))
    random, correlation = processes(factory, _as_project(case, reading), reading.sources)
    return BuyInputs(
        case,
        random,
        correlation,
        reading.line,
        reading.sources.all,
        tuple(dict.fromkeys(reading.notes)),
    )


def terms_before_tax(reading: Reading) -> Terms:
    """What holds for every option, without taxes."""
    finance, told = reading.factory.finance, reading.sources.told
    inflation = told("finance.inflation_frac_per_year", finance.inflation_frac_per_year, "1/year")
    discount = finance.discount_frac_per_year
    colo = reading.factory.site.colo_usd_per_kw_month
    return Terms(
        months=reading.line.months,
        discount_frac_per_year=told("finance.discount_frac_per_year", discount, "1/year"),
        inflation_frac_per_year=inflation,
        power=power(reading.factory, reading.line, inflation, reading.sources),
        colo_usd_per_kw_month=told("site.colo_usd_per_kw_month", colo, "USD/kW/month"),
        selling_cost_frac=told("finance.selling_cost_frac", finance.selling_cost_frac, "share"),
    )


def terms(reading: Reading) -> Terms:
    """The same with taxes."""
    finance, told = reading.factory.finance, reading.sources.told
    return msgspec.structs.replace(
        terms_before_tax(reading),
        tax_frac=told("finance.tax_frac", finance.tax_frac, "share"),
        depreciation=tax_method(finance, reading.sources),
        bonus_frac=told("finance.bonus_frac", finance.bonus_frac, "share"),
    )


def option(reading: Reading, offer: Offer) -> Option:
    """An offer with what serves for it; a hybrid is its parts and what it costs beside them."""
    if offer.kind != "hybrid":
        return Option(name=offer.name, kind=offer.kind, parts=(_part(reading, offer),))
    by_name = {each.name: each for each in reading.factory.offers}
    first = reading.first(offer)
    setup, other = reading.fees(offer)
    last = FOREVER
    if offer.months is not None:
        last = first + reading.told(offer, "months", offer.months, "months")
    parts = (_part(reading, by_name[name]) for name in offer.parts)
    return Option(
        name=offer.name,
        kind=offer.kind,
        parts=tuple(_within(part, first, last) for part in parts),
        setup_usd=setup,
        other_usd_per_month=other,
        first=first,
        last=last,
    )


def _part(reading: Reading, offer: Offer) -> Part:
    return api_of(reading, offer) if offer.kind == "api" else machines_of(reading, offer)


def _within(part: Part, first: int, last: int) -> Part:
    """The same part from the start of the hybrid to its end; what was bought is sold then."""
    later = max(0, first - part.first)
    last = min(last, part.last + later)
    moved = msgspec.structs.replace(part, first=part.first + later, last=last)
    if not isinstance(moved, Rack):
        return msgspec.structs.replace(moved, binds=moved.binds + later if moved.binds else 0)
    binds = moved.rent_binds + later if moved.rent_binds else 0
    return msgspec.structs.replace(
        moved, rent_binds=binds, purchase=_bought_within(moved.purchase, later, last)
    )


def _bought_within(bought: Purchase | None, later: int, last: int) -> Purchase | None:
    """A purchase so much later, sold by `last`; None where it would come after that."""
    if bought is None or bought.month + later >= last:
        return None
    return msgspec.structs.replace(
        bought, month=bought.month + later, sold_month=min(bought.sold_month + later, last)
    )


def _as_project(case: Case, reading: Reading) -> Project:
    """The prices of the case that may be random, as a project names them."""
    racks = [part for each in case.options for part in each.parts if isinstance(part, Rack)]
    hours = [rack.rent for rack in racks if rack.rent is not None]
    cards = [rack.capacity.cards * rack.billed_frac for rack in racks if rack.rent is not None]
    sales = [Sale("tokens", 1.0, case.reference.prices["output"])]
    if hours:
        hourly = hours[0].usd / cards[0] / HOURS_PER_MONTH
        sales.append(Sale("hours", 1.0, moving(hourly, reading.growth, "rent")))
    bought = any(rack.purchase is not None for rack in racks)
    draws_power = bool(case.own) or any(rack.kind != "rent" for rack in racks)
    return Project(
        months=case.terms.months,
        assets=(
            Asset(
                name="options", paid_usd_per_unit=0.0, sales=tuple(sales), resale_frac_per_year=1.0,
                resale_path="resale" if bought else None,
            ),
        ),
        power=case.terms.power if draws_power else None,
    )  # fmt: skip
