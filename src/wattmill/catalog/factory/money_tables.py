"""What the tables about money over time may say, and the records that they become."""

from __future__ import annotations

from decimal import Decimal
from itertools import combinations

from wattmill.catalog.factory.money import (
    DEPRECIATION,
    LOAN_KINDS,
    PROCESSES,
    SELLS,
    Capex,
    Finance,
    Lease,
    Loan,
    Process,
)
from wattmill.catalog.factory.table import Table

MOST_MONTHS = 600
PAIRS = tuple(f"{a}:{b}" for a, b in combinations(PROCESSES, 2))
"""The pairs of prices that may be correlated; a file may write each the other way round."""
EITHER_WAY = (*PAIRS, *(":".join(reversed(pair.split(":"))) for pair in PAIRS))


def frac(t: Table, key: str, default: float) -> float:
    """A share, 0 to 1."""
    return t.number(key, default, high=1)


def rate(t: Table, key: str, default: float) -> float:
    """A rate by the year, from -99 % to 1,000 %."""
    return t.number(key, default, low=-0.99, high=10)


def months(t: Table, key: str, default: int, *, low: int = 0) -> int:
    """Whole months, fifty years at the most."""
    return t.count(key, default, low=low, high=MOST_MONTHS)


def finance(t: Table) -> Finance:
    """`[finance]`."""
    found = Finance(
        starts=t.date("starts"),
        horizon_months=months(t, "horizon_months", 60, low=1),
        discount_frac_per_year=rate(t, "discount_frac_per_year", 0.12),
        inflation_frac_per_year=rate(t, "inflation_frac_per_year", 0.0),
        tax_frac=frac(t, "tax_frac", 0.0),
        depreciation=t.choice("depreciation", "straight", DEPRECIATION),
        bonus_frac=frac(t, "bonus_frac", 0.0),
        loss_offset_frac=frac(t, "loss_offset_frac", 1.0),
        interest_cap_frac=t.number("interest_cap_frac", None, high=1),
        resale_frac_per_year=t.number("resale_frac_per_year", None, high=2),
        resale_curve=_curve(t, "resale_curve"),
        selling_cost_frac=frac(t, "selling_cost_frac", 0.0),
        sells=t.choice("sells", "tokens", SELLS),
        usd_per_hour=t.number("usd_per_hour", None, high=1e5),
        usd_per_mtok=t.number("usd_per_mtok", None, high=1e6),
        utilisation_frac=frac(t, "utilisation_frac", 0.3),
        ramp_months=months(t, "ramp_months", 0),
        contracted_frac=frac(t, "contracted_frac", 0.0),
        contract_months=months(t, "contract_months", 0),
        contract_price_frac=t.number("contract_price_frac", 1.0, high=10),
        take_or_pay=t.flag("take_or_pay", True),
        price_frac_per_year=t.number("price_frac_per_year", None, low=-0.99, high=10),
        elasticity=t.number("elasticity", 0.0, high=10),
        staff_usd_per_month=t.number("staff_usd_per_month", 0.0),
        maintenance_frac_per_year=frac(t, "maintenance_frac_per_year", 0.0),
        insurance_frac_per_year=frac(t, "insurance_frac_per_year", 0.0),
        revenue_share_frac=frac(t, "revenue_share_frac", 0.0),
        other_usd_per_month=t.number("other_usd_per_month", 0.0),
        working_capital_days=t.number("working_capital_days", 0.0, low=-365, high=365),
        vat_frac=frac(t, "vat_frac", 0.0),
        vat_months=months(t, "vat_months", 1),
        paths=t.count("paths", 2560, low=16, high=1_000_000),
        seed=t.count("seed", 1, low=0),
        rent=_process(t, "rent"),
        token_price=_process(t, "token_price"),
        power=_process(t, "power"),
        resale=_process(t, "resale"),
        correlation=_correlation(t),
    )
    if found.contracted_frac and not found.contract_months:
        hint = "say how long: contract_months = 24"
        t.fail("contracted_frac", "contracted_frac needs contract_months", hint)
    if found.resale_curve is not None and found.resale_frac_per_year is not None:
        t.fail(
            "resale_curve",
            "resale_curve and resale_frac_per_year exclude each other",
            "leave one out",
        )
    return found


def _curve(t: Table, key: str) -> tuple[float, ...] | None:
    """Shares of a price that are left after one, two, three… years."""
    if key not in t.values:
        return None
    values = t.values[key]
    is_list = isinstance(values, list) and values and all(type(v) in (int, Decimal) for v in values)
    if not is_list or not all(0 <= value <= 10 for value in values):
        said = f"{key} must be shares of the price after one, two … years"
        t.fail(key, said, f"write {key} = [0.65, 0.45, 0.30]")
    return tuple(map(float, values))


def _process(t: Table, key: str) -> Process | None:
    p = t.table(key, Process.__struct_fields__)
    if p is None:
        return None
    return Process(
        start=p.number("start", None, above=0),
        anchor=p.number("anchor", None, above=0),
        anchor_frac_per_year=p.number("anchor_frac_per_year", None, low=-0.99, high=10),
        half_life_months=p.number("half_life_months", None, above=0, high=MOST_MONTHS),
        volatility_frac_per_year=p.number("volatility_frac_per_year", None, high=5),
        scarcity_factor=p.number("scarcity_factor", None, above=0, high=100),
        scarcity_starts_per_year=p.number("scarcity_starts_per_year", None, high=12),
        scarcity_months=p.number("scarcity_months", None, above=0, high=MOST_MONTHS),
        scarce_now=p.flag("scarce_now", False) if "scarce_now" in p.values else None,
    )


def _correlation(t: Table) -> dict[str, float]:
    """Pairs by their one name, however they are written."""
    pairs = t.table("correlation", EITHER_WAY)
    found: dict[str, float] = {}
    for key in pairs.values if pairs else ():
        assert pairs is not None
        pair = key if key in PAIRS else ":".join(reversed(key.split(":")))
        if pair in found:
            pairs.fail(key, f"{key} is written twice", f'keep one: "{pair}" = {found[pair]:g}')
        found[pair] = pairs.number(key, 0.0, low=-1, high=1)
    return found


def capex(t: Table) -> Capex:
    """`[[capex]]`."""
    usd = t.required(t.number("usd", None), "usd")
    resale_usd = t.number("resale_usd", 0.0)
    if resale_usd > usd:
        t.fail("resale_usd", "resale_usd is more than usd", "check both sums")
    return Capex(
        name=t.name("name"),
        usd=usd,
        bought=t.date("bought"),
        life_months=months(t, "life_months", 60, low=1),
        resale_usd=resale_usd,
    )


def loan(t: Table) -> Loan:
    """`[[loan]]`: its sum is said in exactly one way, and fits its kind."""
    found = Loan(
        name=t.name("name"),
        rate_frac_per_year=t.required(
            t.number("rate_frac_per_year", None, high=10), "rate_frac_per_year"
        ),
        months=t.required(t.count("months", None, high=MOST_MONTHS), "months"),
        kind=t.choice("kind", "level", LOAN_KINDS),
        usd=t.number("usd", None, above=0),
        share_frac=t.number("share_frac", None, above=0, high=1),
        interest_only_months=months(t, "interest_only_months", 0),
        balloon_usd=t.number("balloon_usd", None),
        balloon_frac=t.number("balloon_frac", None, high=1),
        dscr=t.number("dscr", None, above=0, high=100),
        max_share_frac=t.number("max_share_frac", None, above=0, high=1),
        fee_frac=frac(t, "fee_frac", 0.0),
        sweep_frac=frac(t, "sweep_frac", 0.0),
        starts=t.date("starts"),
        draw_months=months(t, "draw_months", 0),
        dsra_months=t.count("dsra_months", 0, low=0, high=60),
        covenant_dscr=t.number("covenant_dscr", None, above=0, high=100),
        covenant_ltv=t.number("covenant_ltv", None, above=0, high=10),
        covenant_months=t.count("covenant_months", 12, high=60),
    )
    _check_sum(t, found)
    _check_times(t, found)
    return found


SIZED = ("sculpted", "level", "linear")
"""Kinds of loan that can be as large as a DSCR allows."""


def _check_sum(t: Table, loan: Loan) -> None:
    given = [key for key in ("usd", "share_frac") if getattr(loan, key) is not None]
    if len(given) > 1:
        t.fail("share_frac", "a loan is of usd or of share_frac, not of both", "leave one out")
    if not given and not loan.dscr:
        by_dscr = (
            " (or dscr = 1.3, and it is as large as that allows)" if loan.kind in SIZED else ""
        )
        hint = "add usd = …, or share_frac = 0.7 of what is bought" + by_dscr
        t.fail("name", f"the loan {loan.name} has no sum", hint)
    if loan.dscr and loan.kind not in SIZED:
        t.fail(
            "dscr",
            f"a {loan.kind} loan has no dscr",
            f"it is for {', '.join(SIZED)}; or covenant_dscr",
        )
    balloons = [key for key in ("balloon_usd", "balloon_frac") if getattr(loan, key) is not None]
    if balloons and loan.kind != "balloon":
        t.fail(balloons[0], f"a {loan.kind} loan has no {balloons[0]}", 'write kind = "balloon"')
    if len(balloons) != 1 and loan.kind == "balloon":
        key = balloons[-1] if balloons else "kind"
        t.fail(key, "a balloon loan has either balloon_usd or balloon_frac", "balloon_frac = 0.3")


def _check_times(t: Table, loan: Loan) -> None:
    for key in ("interest_only_months", "draw_months"):
        if getattr(loan, key) >= loan.months:
            t.fail(key, f"{key} must be less than months = {loan.months}", f"shorten {key}")


def lease(t: Table, pools: set[str]) -> Lease:
    """`[[lease]]`."""
    pool = t.required(t.word("pool", None), "pool")
    due = t.number("usd_per_month", None)
    return Lease(
        name=t.name("name"),
        pool=t.refers("pool", pool, pools),
        usd_per_month=t.required(due, "usd_per_month"),
        months=t.required(t.count("months", None, high=MOST_MONTHS), "months"),
        buyout_usd=t.number("buyout_usd", None),
        deposit_usd=t.number("deposit_usd", 0.0),
        escalation_frac_per_year=rate(t, "escalation_frac_per_year", 0.0),
    )
