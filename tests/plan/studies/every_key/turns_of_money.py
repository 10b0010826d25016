"""Turns of what is earned, bought, borrowed and leased."""

from __future__ import annotations

from tests.plan.studies.every_key.turn import (
    BOOKS,
    EARNED,
    FLOW,
    LATE,
    LETS,
    MARKET,
    OWED,
    OWNS,
    RENTS,
    RICH,
    SOLD,
    SPENT,
    UNTOLD,
    Edit,
    alike,
    turn,
)

# --- [finance] ------------------------------------------------------------------------------------

turn(
    "books", "books", "[finance]",
    alike("start", "discount", starts="2026-10-01")
    | alike(SOLD, "discount", horizon_months="30", sells='"gpu_hours"')
    | alike("discount", "monthly", discount_frac_per_year="0.1")
    | alike(
        SPENT, SOLD, inflation_frac_per_year="0.03", staff_usd_per_month="200",
        maintenance_frac_per_year="0.03", insurance_frac_per_year="0.02", revenue_share_frac="0.05",
        other_usd_per_month="70",
    )
    | alike(
        FLOW, EARNED, tax_frac="0.3", depreciation='"macrs5"', bonus_frac="0.5",
        working_capital_days="45", vat_frac="0.25", vat_months="2",
    )
    | alike(MARKET, BOOKS, resale_frac_per_year="0.6")
    | alike(FLOW, MARKET, selling_cost_frac="0.1")
    | alike(
        SOLD, MARKET, usd_per_mtok="22", ramp_months="6", contracted_frac="0.3", contract_months="12",
        contract_price_frac="0.8", take_or_pay="false", price_frac_per_year="-0.2", elasticity="0.8",
    ),
)  # fmt: skip
turn(
    "books", "books", "[finance]", alike(MARKET, BOOKS, resale_curve="[0.5, 0.2]"),
    ("[finance]", "resale_frac_per_year", None),
)  # fmt: skip
turn("books", "books", "[finance]", alike(SOLD, MARKET, utilisation_frac="0.6"), *UNTOLD)
turn("books", "books", "[finance]", alike(SOLD, MARKET, usd_per_hour="2"), *LETS)
turn(
    "books", "books", "[finance]",
    alike(OWNS, EARNED, interest_cap_frac="0.01", loss_offset_frac="0.01"), *LATE,
)  # fmt: skip
turn("finance", "books", "[finance]", alike("risk.count", "monthly", paths="40"))
turn("finance", "books", "[finance]", alike("risk.npv_usd", "risk.count", seed="2"))

TOKENS = "random.token_price"
turn(
    "books", "books", "[finance.token_price]",
    alike(
        TOKENS, "monthly", start="21.0", anchor="17.0", anchor_frac_per_year="-0.2",
        half_life_months="8", volatility_frac_per_year="0.3", scarcity_factor="1.4",
        scarcity_starts_per_year="0.6", scarcity_months="7", scarce_now="true",
    ),
)  # fmt: skip
turn(
    "finance", "books", "[finance.token_price]",
    alike("risk.npv_usd", "equity", volatility_frac_per_year="0.3"),
)  # fmt: skip
turn("books", "books", "[finance.power]", alike("random.power", TOKENS, half_life_months="8"))
turn("books", "books", "[finance.resale]", alike("random.resale", TOKENS, half_life_months="8"))
turn(
    "books", "books", "[finance.rent]",
    alike("random.rent", "monthly", volatility_frac_per_year="0.4"), *RENTS,
)  # fmt: skip
CORRELATION = "[finance.correlation]"
for pair in ("token_price:power", "token_price:resale", "power:resale"):
    turn("books", "books", CORRELATION, {f'"{pair}"': ("0.25", f"correlation.{pair}", "random")})
for pair in ("rent:power", "rent:resale"):
    turn(
        "books", "books", CORRELATION, {f'"{pair}"': ("0.25", f"correlation.{pair}", "random")},
        *RENTS,
    )  # fmt: skip
turn(
    "options", "choice", CORRELATION,
    {'"rent:token_price"': ("0.25", "correlation.rent:token_price", "random")},
    ("[finance.rent]", "volatility_frac_per_year", "0.3"),
    ("[finance.token_price]", "volatility_frac_per_year", "0.3"),
)  # fmt: skip

# --- what is bought, borrowed, leased -------------------------------------------------------------

turn(
    "books", "books", "[[capex]] racks",
    alike(BOOKS, SOLD, usd="12_000", bought="2027-03-01", life_months="30", resale_usd="200"),
)  # fmt: skip
turn(
    "books", "books", "[[loan]] bank",
    alike(
        OWED, EARNED, usd="22_000", rate_frac_per_year="0.11", months="30", kind='"linear"',
        interest_only_months="4", sweep_frac="0.3", starts="2027-06-01", draw_months="4",
    )
    | alike(OWNS, OWED, fee_frac="0.02", dsra_months="4")
    | alike("lenders.bank.breach_month", "monthly", covenant_dscr="99")
    | alike("lenders.bank.breach_ltv_month", "monthly", covenant_ltv="0.01")
    | alike("lenders.bank.min_dscr", "monthly", covenant_months="12"),
)  # fmt: skip
FUND = "[[loan]] fund"
turn("books", "books", FUND, alike(OWED, EARNED, share_frac="0.2", balloon_frac="0.3"))
turn(
    "books", "books", FUND, alike(OWED, EARNED, balloon_usd="500"),
    (FUND, "balloon_frac", None), (FUND, "balloon_usd", "300"),
)  # fmt: skip
SCULPTED: tuple[Edit, ...] = (
    *RICH, (FUND, "balloon_frac", None), (FUND, "share_frac", None), (FUND, "kind", '"sculpted"'),
    (FUND, "interest_only_months", "6"), (FUND, "dscr", "1.5"),
)  # fmt: skip
turn("books", "books", FUND, alike(OWED, EARNED, dscr="1.8"), *SCULPTED)
turn(
    "books", "books", FUND, alike(OWED, EARNED, max_share_frac="0.1"),
    *SCULPTED, (FUND, "max_share_frac", "0.2"),
)  # fmt: skip
turn(
    "books", "books", "[[lease]] let",
    alike(BOOKS, SOLD, pool='"box"')
    | alike(
        SPENT, SOLD, usd_per_month="1_000", months="20",
        escalation_frac_per_year="0.05",
    )
    | alike(FLOW, SPENT, deposit_usd="1_500")
    | alike(BOOKS, SOLD, buyout_usd="3_000"),
)  # fmt: skip
