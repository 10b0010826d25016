"""What a factory buys, leases and borrows, beside the machines of its pools."""

from __future__ import annotations

import msgspec

from wattmill.catalog.factory import Capex, Factory, Lease, Loan
from wattmill.catalog.units import KILO
from wattmill.finance.assets import Asset
from wattmill.finance.debt import LoanTerms
from wattmill.finance.depreciation import economic_value
from wattmill.finance.leasing import Lease as LeaseTerms
from wattmill.plan.studies.sourced import Sources
from wattmill.plan.studies.timeline import Timeline


def bought(part: Capex, line: Timeline, sources: Sources) -> Asset:
    """A `[[capex]]` as an asset that earns nothing by itself."""
    at = f"capex.{part.name}"
    usd = sources.told(f"{at}.usd", part.usd, "USD")
    resale_usd = sources.told(f"{at}.resale_usd", part.resale_usd, "USD")
    life = sources.told(f"{at}.life_months", part.life_months, "months")
    kept = (resale_usd / usd) ** (12 / life) if resale_usd else 0.0
    return Asset(
        name=part.name,
        paid_usd_per_unit=usd,
        bought_month=max(0, line.month(part.bought)),
        life_months=life,
        book_resale_usd_per_unit=resale_usd,
        resale_frac_per_year=kept,
    )


def building(factory: Factory, assets: list[Asset], sources: Sources) -> list[Asset]:
    """The building by the MW of machines, worth less in a straight line; nothing without a price."""
    site = factory.site
    if site.facility_usd_per_mw is None:
        return []
    per_mw = sources.told("site.facility_usd_per_mw", site.facility_usd_per_mw, "USD/MW")
    it_kw = sum(each.units * (each.peak_kw_per_unit or 0.0) for each in assets)
    usd = sources.add("facility.usd", per_mw * it_kw / KILO, "USD", "computed by MW of machines")
    life = sources.told("site.facility_life_months", site.facility_life_months, "months")
    return [
        Asset(
            name="facility", paid_usd_per_unit=usd, life_months=life,
            resale_curve=tuple(max(0.0, 1 - 12 * year / life) for year in range(1, life // 12 + 2)),
        )
    ]  # fmt: skip


def as_leased(each: Asset, leases: tuple[Lease, ...], months: int) -> Asset:
    """The same machines without their price, and gone when the lease ends without a buyout."""
    for lease in leases:
        if lease.pool == each.name:
            goes_back = lease.buyout_usd is None
            ends = each.bought_month + lease.months
            return msgspec.structs.replace(
                each,
                paid_usd_per_unit=0.0,
                book_resale_usd_per_unit=0.0,
                sold_month=ends if goes_back and ends < months else None,
            )
    return each


def bought_out(assets: list[Asset], leases: tuple[Lease, ...], months: int) -> list[Asset]:
    """What is bought at the end of a lease: worth its price then, and falling as its kind does."""
    by_name = {each.name: each for each in assets}
    return [
        msgspec.structs.replace(
            machines,
            name=f"{lease.name}, bought out", units=1.0, paid_usd_per_unit=lease.buyout_usd,
            also_paid_usd={}, book_resale_usd_per_unit=0.0,
            bought_month=machines.bought_month + lease.months, starts_month=None,
            life_months=max(1, machines.life_months - lease.months),
            resale_curve=_later(machines.resale_curve, lease.months),
            busy_kw_per_unit=0.0, idle_kw_per_unit=0.0, peak_kw_per_unit=None,
            sales=(), contract=None,
        )
        for lease in leases
        if (machines := by_name.get(lease.pool)) is not None
        and lease.buyout_usd is not None
        and machines.bought_month + lease.months < months
    ]  # fmt: skip


def _later(curve: tuple[float, ...] | None, age_months: int) -> tuple[float, ...] | None:
    """The same curve as shares of the value at an age."""
    if curve is None:
        return None
    value = economic_value(1.0, age_months + 12 * len(curve), curve=curve)[age_months::12]
    return tuple((value[1:] / value[0]).tolist()) if value[0] > 0 else (0.0,)


def leased(lease: Lease, start_month: int, sources: Sources) -> LeaseTerms:
    """A `[[lease]]` without its buyout, from the month in which its machines come."""
    at = f"lease.{lease.name}"
    due = sources.told(f"{at}.usd_per_month", lease.usd_per_month, "USD/month")
    term = sources.told(f"{at}.months", lease.months, "months")
    rise = sources.told(f"{at}.escalation_frac_per_year", lease.escalation_frac_per_year, "1/year")
    deposit = sources.told(f"{at}.deposit_usd", lease.deposit_usd, "USD")
    if lease.buyout_usd is not None:
        sources.told(f"{at}.buyout_usd", lease.buyout_usd, "USD")
    return LeaseTerms(
        lease.name, due, term,
        deposit_usd=deposit, escalation_frac_per_year=rise,
        in_advance=False, start_month=start_month,
    )  # fmt: skip


UNITS_OF_LOAN = {"kind": "kind", "starts": "date"}
"""Of what is not a number."""


def loan_terms(loan: Loan, cost_usd: float, line: Timeline, sources: Sources) -> LoanTerms:
    """A `[[loan]]` as `finance` has it; a share is of all that is bought."""
    at = f"loan.{loan.name}"

    def told(key: str, unit: str) -> float | None:
        value: float | None = getattr(loan, key)
        return None if value is None else sources.told(f"{at}.{key}", value, unit)

    usd = told("usd", "USD")
    share = told("share_frac", "share")
    if share is not None:
        usd = sources.add(
            f"{at}.usd", share * cost_usd, "USD", "computed by its share of purchases"
        )
    starts = max(0, line.month(loan.starts)) if loan.starts is not None else 0
    for key in UNITS_OF_LOAN:
        if getattr(loan, key) is not None:
            sources.told(f"{at}.{key}", getattr(loan, key), UNITS_OF_LOAN[key])
    return LoanTerms(
        name=loan.name,
        principal_usd=usd,
        rate_frac_per_year=told("rate_frac_per_year", "1/year") or 0.0,
        months=int(told("months", "months") or 0),
        kind=loan.kind,
        interest_only_months=int(told("interest_only_months", "months") or 0),
        balloon_usd=told("balloon_usd", "USD") or 0.0,
        balloon_frac=told("balloon_frac", "share") or 0.0,
        dscr=told("dscr", "ratio"),
        max_share_frac=told("max_share_frac", "share"),
        fee_frac=told("fee_frac", "share") or 0.0,
        sweep_frac=told("sweep_frac", "share") or 0.0,
        reserve_months=int(told("dsra_months", "months") or 0),
        draw_months=int(told("draw_months", "months") or 0),
        start_month=starts,
    )
