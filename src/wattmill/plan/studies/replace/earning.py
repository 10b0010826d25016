"""What machines in a slot earn and cost by the month, and the terms that all of them share."""

from __future__ import annotations

import msgspec

from wattmill.catalog.factory import Candidate, Factory
from wattmill.catalog.units import HOURS_PER_MONTH
from wattmill.core.errors import PlanError
from wattmill.finance.slot import Use
from wattmill.physics.performance import Workload
from wattmill.plan.studies.machines import Machines
from wattmill.plan.studies.replace.options import ReplaceOptions
from wattmill.plan.studies.running import power
from wattmill.plan.studies.selling import (
    drift,
    market_rent,
    rent_usd_per_hour,
    selling,
    utilisation,
)
from wattmill.plan.studies.sourced import Sources
from wattmill.plan.studies.timeline import Timeline


class Terms(msgspec.Struct, frozen=True):
    """What all machines of a study share. usd_per_kwh is at the machine, cooling in it.

    follows: how far prices of machines follow the random rent, as an exponent.
    """

    load: Workload
    options: ReplaceOptions
    line: Timeline
    usd_per_kwh: float
    power_growth_frac_per_year: float
    demand_usd_per_kw_month: float
    drift_frac_per_year: float
    follows: float = 0.0


class Earning(msgspec.Struct, frozen=True):
    """One machine today: USD an hour of a card (None where tokens are sold), and USD a month."""

    usd_per_card_hour: float | None
    rent_usd_per_month: float
    running_usd_per_month: float

    def use(self, terms: Terms) -> Use:
        """As `finance.slot` has it."""
        return Use(
            self.rent_usd_per_month,
            self.running_usd_per_month,
            terms.drift_frac_per_year,
            terms.power_growth_frac_per_year,
        )


def common(
    factory: Factory, load: Workload, options: ReplaceOptions, line: Timeline, sources: Sources
) -> Terms:
    """Prices of power and the drift of what is sold, which hold for every machine."""
    finance = factory.finance
    inflation = sources.told(
        "finance.inflation_frac_per_year", finance.inflation_frac_per_year, "1/year"
    )
    bought = power(factory, line, inflation, sources)
    price, growth = bought.price.usd, bought.price.growth_frac_per_year
    if bought.locked is not None:
        share = bought.locked_frac
        price = share * bought.locked.usd + (1 - share) * price
        growth = share * bought.locked.growth_frac_per_year + (1 - share) * growth
    return Terms(
        load=load,
        options=options,
        line=line,
        usd_per_kwh=price * bought.pue,
        power_growth_frac_per_year=growth,
        demand_usd_per_kw_month=bought.demand_usd_per_kw_month * bought.pue,
        drift_frac_per_year=drift(factory, sources),
    )


def earning(
    factory: Factory, found: Machines, cards: int, price_usd: float, terms: Terms,
    sources: Sources, *, slot: tuple[Machines, ...], one: Candidate | None = None,
) -> Earning:  # fmt: skip
    """Of one machine of `cards` that costs price_usd; `slot` are all machines that share the demand."""
    share = utilisation(factory, slot, sources)
    hourly, monthly = _rent(factory, found, cards, share, terms, sources, one)
    return Earning(
        hourly, monthly, _running(factory, found, cards, share, price_usd, terms, sources)
    )


def _rent(
    factory: Factory, found: Machines, cards: int, share: float, terms: Terms, sources: Sources,
    one: Candidate | None,
) -> tuple[float | None, float]:  # fmt: skip
    finance = factory.finance
    left = 1 - sources.told("finance.revenue_share_frac", finance.revenue_share_frac, "share")
    if sources.told("finance.sells", finance.sells, "kind") == "gpu_hours":
        usd = _hourly(factory, found, one, sources)
        return usd, usd * HOURS_PER_MONTH * cards * share * left
    sold = selling(factory, found, terms.load, share, sources).sales
    full = sum(sale.per_unit_month * sale.price.usd for sale in sold)
    return None, full * cards * share * left


def _hourly(factory: Factory, found: Machines, one: Candidate | None, sources: Sources) -> float:
    if one is None:
        return rent_usd_per_hour(factory, found.card, sources)
    path = f"candidate.{one.name}.usd_per_hour"
    if one.usd_per_hour is not None:
        return sources.told(path, one.usd_per_hour, "USD/h")
    seen = market_rent(found.card)
    if seen is None:
        raise PlanError(
            f"what a {found.card} is let for is not known",
            hint=f"give usd_per_hour of the [[candidate]] {one.name}",
            place=str(factory.path),
        )
    return sources.add(path, seen[0], "USD/h", seen[1])


def _running(
    factory: Factory, found: Machines, cards: int, share: float, price_usd: float, terms: Terms,
    sources: Sources,
) -> float:  # fmt: skip
    """What is saved in a month by switching one machine off."""
    finance = factory.finance
    part = cards / found.cards
    mean_kw = part * (found.idle_kw + (found.busy_kw - found.idle_kw) * share)
    energy = mean_kw * HOURS_PER_MONTH * terms.usd_per_kwh
    demand = part * found.peak_kw * terms.demand_usd_per_kw_month
    kept = (
        ("maintenance", finance.maintenance_frac_per_year),
        ("insurance", finance.insurance_frac_per_year),
    )
    yearly = sum(sources.told(f"finance.{name}_frac_per_year", v, "1/year") for name, v in kept)
    return energy + demand + yearly * price_usd / 12
