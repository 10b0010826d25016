"""What it costs to run a factory: power, people, taxes."""

from __future__ import annotations

from wattmill.catalog.factory import Factory
from wattmill.finance.assets import Cost, Power, Price, Vat
from wattmill.finance.tax import TaxTerms
from wattmill.plan.studies.electricity import power_usd_per_kwh
from wattmill.plan.studies.sourced import Sources
from wattmill.plan.studies.timeline import Timeline


def moving(usd: float, growth_frac_per_year: float, path: str) -> Price:
    """A price that follows a random path; what costs nothing today stays so on every path."""
    return Price(usd, growth_frac_per_year, path if usd else None)


def power(factory: Factory, line: Timeline, inflation: float, sources: Sources) -> Power:
    """Electricity by the contract of the site, or at its price, which rises with inflation."""
    site = factory.site
    pue = sources.told("site.pue", site.pue, "ratio")
    base = power_usd_per_kwh(factory, sources)
    contract = site.power_contract
    if contract is None:
        return Power(moving(base, inflation, "power"), pue)
    at = "site.power_contract"
    agreed = base
    if contract.usd_per_kwh is not None:
        agreed = sources.told(f"{at}.usd_per_kwh", contract.usd_per_kwh, "USD/kWh")
    if contract.peak_usd_per_kwh is not None:
        share = sources.told(f"{at}.peak_frac", contract.peak_frac, "share")
        dear = sources.told(f"{at}.peak_usd_per_kwh", contract.peak_usd_per_kwh, "USD/kWh")
        agreed = share * dear + (1 - share) * agreed
    rise = sources.told(
        f"{at}.escalation_frac_per_year", contract.escalation_frac_per_year, "1/year"
    )
    demand = sources.told(
        f"{at}.demand_usd_per_kw_month", contract.demand_usd_per_kw_month, "USD/kW/month"
    )
    kind = sources.told(f"{at}.kind", contract.kind, "kind")
    rest = base
    if contract.then_usd_per_kwh is not None:
        rest = sources.told(f"{at}.then_usd_per_kwh", contract.then_usd_per_kwh, "USD/kWh")
    if kind == "spot":
        return Power(moving(agreed, rise, "power"), pue, demand_usd_per_kw_month=demand)
    until = None
    if contract.until is not None:
        until = max(0, line.month(sources.told(f"{at}.until", contract.until, "date")))
    return Power(
        moving(rest, inflation, "power"), pue,
        locked=Price(agreed, rise),
        locked_frac=sources.told(f"{at}.share_frac", contract.share_frac, "share"),
        locked_months=until,
        demand_usd_per_kw_month=demand,
    )  # fmt: skip


def costs_of(factory: Factory, inflation: float, sources: Sources) -> tuple[Cost, ...]:
    """Staff, maintenance, insurance, fees and the rest; those that are zero are left out."""
    finance = factory.finance
    monthly = {
        "staff": sources.told(
            "finance.staff_usd_per_month", finance.staff_usd_per_month, "USD/month"
        ),
        "other": sources.told(
            "finance.other_usd_per_month", finance.other_usd_per_month, "USD/month"
        ),
    }
    yearly = {
        name: sources.told(f"finance.{name}_frac_per_year", value, "1/year")
        for name, value in (
            ("maintenance", finance.maintenance_frac_per_year),
            ("insurance", finance.insurance_frac_per_year),
        )
    }
    fees = sources.told("finance.revenue_share_frac", finance.revenue_share_frac, "share")
    costs = [
        Cost(name, usd, growth_frac_per_year=inflation, with_vat=name != "staff")
        for name, usd in monthly.items()
        if usd
    ]
    costs += [
        Cost(name, paid_frac_per_year=frac, growth_frac_per_year=inflation)
        for name, frac in yearly.items()
        if frac
    ]
    return (*costs, *([Cost("fees", revenue_frac=fees)] if fees else []))


def vat_of(factory: Factory, sources: Sources) -> Vat | None:
    """VAT on both sides; None without a rate."""
    finance = factory.finance
    frac = sources.told("finance.vat_frac", finance.vat_frac, "share")
    if not frac:
        return None
    return Vat(frac, frac, sources.told("finance.vat_months", finance.vat_months, "months"))


def tax_of(factory: Factory, sources: Sources) -> TaxTerms | None:
    """Tax on profits; None without a rate."""
    finance = factory.finance
    rate = sources.told("finance.tax_frac", finance.tax_frac, "share")
    if not rate:
        return None
    cap = finance.interest_cap_frac
    return TaxTerms(
        rate,
        loss_offset_frac=sources.told(
            "finance.loss_offset_frac", finance.loss_offset_frac, "share"
        ),
        interest_cap_frac=None
        if cap is None
        else sources.told("finance.interest_cap_frac", cap, "share"),
    )
