"""Projects for tests: one that a person can check, and random ones that use every field."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import strategies as st
from numpy.typing import NDArray

from wattmill.finance.assets import Asset, Contract, Cost, Load, Power, Price, Sale, Vat
from wattmill.finance.debt import LoanTerms
from wattmill.finance.leasing import Lease
from wattmill.finance.project import Project
from wattmill.finance.tax import TaxTerms

Array = NDArray[np.float64]


def server(**other: Any) -> Asset:
    """One machine for 120,000 USD that sells 1,000 hours a month at 10 USD and is worth nothing when used."""
    sale = Sale("gpu_hours", 1000.0, Price(10.0))
    fields: dict[str, Any] = {
        "name": "server",
        "paid_usd_per_unit": 120_000.0,
        "life_months": 24,
        "resale_frac_per_year": 0.0,
        "sales": (sale,),
    }
    return Asset(**{**fields, **other})


SHARE = st.floats(0, 1)
PRICE = st.builds(
    Price,
    usd=st.floats(0.01, 20),
    growth_frac_per_year=st.floats(-0.5, 0.5),
    path=st.sampled_from([None, "rent", "power"]),
)


@st.composite
def assets(draw: st.DrawFn, name: str, months: int) -> Asset:
    bought = draw(st.integers(0, months - 1))
    idle = draw(st.floats(0, 3))
    curve = draw(st.none() | st.tuples(SHARE, SHARE, SHARE))
    sold = draw(st.none() | st.integers(bought + 1, months))
    paid = draw(st.floats(0, 1e5))
    return Asset(
        name=name,
        units=draw(st.integers(0, 20)),
        paid_usd_per_unit=paid,
        book_resale_usd_per_unit=paid * draw(SHARE),
        also_paid_usd=draw(
            st.dictionaries(st.sampled_from(["network", "hall"]), st.floats(0, 1e5))
        ),
        bought_month=bought,
        starts_month=draw(st.none() | st.integers(bought, months + 3)),
        sold_month=sold,
        life_months=draw(st.integers(1, 60)),
        depreciation=draw(st.sampled_from(["straight", "declining", "sum_of_years"])),
        tax_depreciation=draw(st.sampled_from([None, "macrs5", "macrs3", "straight"])),
        tax_bonus_frac=draw(SHARE),
        resale_frac_per_year=draw(SHARE) if curve is None else None,
        resale_curve=curve,
        resale_path=draw(st.sampled_from([None, "resale"])),
        selling_cost_frac=draw(SHARE),
        busy_kw_per_unit=idle + draw(st.floats(0, 3)),
        idle_kw_per_unit=idle,
        sales=tuple(
            Sale(kind, draw(st.floats(0, 1000)), draw(PRICE)) for kind in ("input", "output")
        ),
        load=draw(
            st.builds(
                Load,
                frac=SHARE,
                ramp_months=st.integers(0, 12),
                start_frac=SHARE,
                growth_frac_per_year=st.floats(-0.5, 2),
                elasticity=st.sampled_from([0.0, 0.7, 1.5]),
                price=PRICE,
            )
        ),
        contract=draw(
            st.none()
            | st.builds(
                Contract,
                frac=SHARE,
                months=st.none() | st.integers(0, months),
                price_frac=st.floats(0.3, 1.2),
                take_or_pay=st.booleans(),
            )
        ),
    )


@st.composite
def projects(draw: st.DrawFn, lends: bool = True) -> Project:
    months = draw(st.integers(2, 40))
    loans = (
        LoanTerms("senior", draw(st.floats(1, 1e6)), 0.12, draw(st.integers(1, 60)), fee_frac=0.02),
        LoanTerms(
            "second",
            5e4,
            0.18,
            24,
            sweep_frac=draw(SHARE),
            draw_months=draw(st.integers(0, 2)),
            reserve_months=draw(st.integers(0, 30)),
        ),
    )
    return Project(
        months=months,
        assets=tuple(draw(assets(f"asset {i}", months)) for i in range(draw(st.integers(0, 3)))),
        costs=(
            Cost("staff", usd_per_month=draw(st.floats(0, 1e4)), with_vat=False),
            Cost("care", paid_frac_per_year=0.05, growth_frac_per_year=0.03, path="power"),
            Cost("fees", revenue_frac=draw(SHARE), last_month=draw(st.integers(1, 60))),
        ),
        power=draw(
            st.none()
            | st.builds(
                Power,
                price=PRICE,
                pue=st.floats(1, 2),
                locked=PRICE,
                locked_frac=SHARE,
                locked_months=st.none() | st.integers(0, 40),
                demand_usd_per_kw_month=st.floats(0, 20),
            )
        ),
        colo=draw(st.none() | PRICE),
        leases=(
            Lease(
                "desk",
                100.0,
                12,
                deposit_usd=draw(st.floats(0, 1e3)),
                buyout_usd=draw(st.floats(0, 1e3)),
                fee_usd=7.0,
                start_month=draw(st.integers(0, 40)),
            ),
        ),
        receivable_days=draw(st.floats(-60, 60)),
        payable_days=draw(st.floats(0, 60)),
        vat=draw(st.none() | st.builds(Vat, SHARE, SHARE, st.integers(0, 50))),
        tax=draw(
            st.none()
            | st.builds(
                TaxTerms,
                SHARE,
                st.integers(1, 15),
                SHARE,
                st.none() | SHARE,
            )
        ),
        loans=loans if lends and draw(st.booleans()) else (),
        cash_usd=draw(st.floats(0, 1e5)),
        sells_at_end=draw(st.booleans()),
    )


def prices_for(months: int, count: int = 3, seed: int = 1) -> dict[str, Array]:
    """Random prices by name, (count, months + 1)."""
    steps = np.random.default_rng(seed).normal(0, 0.1, (3, count, months + 1))
    steps[..., 0] = 0
    walks = np.exp(np.cumsum(steps, axis=-1))
    return dict(zip(("rent", "power", "resale"), walks, strict=True))
