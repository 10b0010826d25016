"""Every number of the factory file that a study of money reads moves what the study computes from."""

import re
from functools import cache

import msgspec
import numpy as np
import pytest

from tests.plan.studies.factories import TODAY, factory
from wattmill.finance.statement import statement
from wattmill.plan.studies.inputs import study_inputs
from wattmill.plan.studies.lenders import lenders

RICH = """
[site]
power_usd_per_kwh = 0.1
pue = 1.3
colo_usd_per_kw_month = 100
facility_usd_per_mw = 10e6
facility_life_months = 240
energised = 2027-02-01

[site.power_contract]
kind = "ppa"
usd_per_kwh = 0.07
escalation_frac_per_year = 0.01
until = 2028-11-01
share_frac = 0.9
demand_usd_per_kw_month = 5
peak_usd_per_kwh = 0.2
peak_frac = 0.2
volatility_frac_per_year = 0.2

[finance]
starts = 2026-11-01
horizon_months = 48
discount_frac_per_year = 0.12
inflation_frac_per_year = 0.02
tax_frac = 0.2
depreciation = "straight"
bonus_frac = 0.1
loss_offset_frac = 0.9
interest_cap_frac = 0.3
resale_frac_per_year = 0.7
selling_cost_frac = 0.05
sells = "tokens"
usd_per_mtok = 20.0
utilisation_frac = 0.5
ramp_months = 3
contracted_frac = 0.2
contract_months = 24
contract_price_frac = 0.9
take_or_pay = true
price_frac_per_year = -0.1
elasticity = 0.5
staff_usd_per_month = 100
maintenance_frac_per_year = 0.02
insurance_frac_per_year = 0.01
revenue_share_frac = 0.03
other_usd_per_month = 50
working_capital_days = 30
vat_frac = 0.19
vat_months = 1

[finance.token_price]
start = 20.0
anchor = 20.0
anchor_frac_per_year = -0.1
half_life_months = 9
volatility_frac_per_year = 0.2
scarcity_factor = 1.3
scarcity_starts_per_year = 0.2
scarcity_months = 6
scarce_now = false

[finance.correlation]
"token_price:resale" = 0.3

[[capex]]
name = "racks"
usd = 1000
bought = 2026-12-01
life_months = 24
resale_usd = 100

[[loan]]
name = "bank"
usd = 20_000
rate_frac_per_year = 0.1
months = 24
kind = "level"
interest_only_months = 2
fee_frac = 0.01
sweep_frac = 0.1
starts = 2027-04-01
draw_months = 2
dsra_months = 3
covenant_dscr = 1.5
covenant_ltv = 0.6
covenant_months = 6

[[loan]]
name = "fund"
share_frac = 0.1
rate_frac_per_year = 0.1
months = 24
kind = "balloon"
balloon_frac = 0.2

[demand]
cached_frac = 0.1
growth_frac_per_year = 0.05
isl = 1000
osl = 300
"""
WORDS = {
    "energised = 2027-02-01": "energised = 2027-03-01",
    'kind = "ppa"': 'kind = "spot"',
    "until = 2028-11-01": "until = 2029-03-01",
    "starts = 2026-11-01": "starts = 2026-10-01",
    'depreciation = "straight"': 'depreciation = "macrs5"',
    'sells = "tokens"': 'sells = "gpu_hours"',
    "take_or_pay = true": "take_or_pay = false",
    "scarce_now = false": "scarce_now = true",
    "bought = 2026-12-01": "bought = 2027-06-01",
    "starts = 2027-04-01": "starts = 2027-06-01",
    'kind = "level"': 'kind = "linear"',
    'kind = "balloon"\nballoon_frac = 0.2': 'kind = "bullet"',
}
"""What is not a number, and what it becomes."""

MORE = {
    "share_frac = 0.9": "share_frac = 0.9\nthen_usd_per_kwh = 0.3",
    "resale_frac_per_year = 0.7": "resale_curve = [0.6, 0.3]",
    "balloon_frac = 0.2": "balloon_usd = 500",
    "usd_per_mtok = 20.0": "",
    "[demand]": "[demand]\ninput_mtok_per_month = 500\noutput_mtok_per_month = 150\npeak_to_mean = 4.0",
    "[finance.correlation]": "[finance.resale]\nhalf_life_months = 3\n\n[finance.correlation]",
    "[finance.token_price]": "[finance.power]\nvolatility_frac_per_year = 0.5\n\n[finance.token_price]",
    "[[capex]]": '[[lease]]\nname = "let"\npool = "box"\nusd_per_month = 9\nmonths = 24\n\n[[capex]]',
}
"""Other ways to say the same, and what need not be there."""


def numbers() -> dict[str, str]:
    """Each line with a number, and the same with another."""
    found = {}
    for line in RICH.splitlines():
        number = re.fullmatch(r"(.* = )(-?[0-9][0-9_.e]*)", line)
        if number:
            value = float(number[2])
            is_whole = number[2].replace("_", "").isdecimal()
            found[line] = number[1] + (str(int(value) + 1) if is_whole else repr(value * 1.1))
    return found


def everything(text: str) -> bytes:
    """All that a study computes from, without where its numbers are from."""
    parsed = factory(text)
    found = study_inputs(parsed, TODAY)
    made = statement(found.project)
    flows = np.concatenate([made.equity_flow_usd, made.market_value_usd, made.balance_usd])
    seen = (
        found.project,
        found.processes,
        found.correlation,
        found.timeline,
        found.discount_frac_per_year,
        lenders(parsed, found.project, made),
        flows.tolist(),
    )
    return msgspec.json.encode(seen)


@cache
def before() -> bytes:
    return everything(RICH)


@pytest.mark.parametrize(("old", "new"), [*numbers().items(), *WORDS.items(), *MORE.items()])
def test_every_input_moves_something(old: str, new: str) -> None:
    text = RICH.replace(old, new, 1)
    assert text != RICH
    assert everything(text) != before()


def test_every_key_of_the_table_is_walked() -> None:
    """A key that is added to `[finance]` or `[[loan]]` must be walked here, too."""
    from wattmill.catalog.factory import KEYS

    walked = RICH + "\n".join(MORE.values())
    studied = {*KEYS["[finance]"], *KEYS["[[loan]]"], *KEYS["[finance.rent]"], *KEYS["[[capex]]"]}
    studied |= {*KEYS["[site.power_contract]"]}
    elsewhere = {
        "paths",
        "seed",
        "rent",
        "power",
        "resale",
        "token_price",
        "correlation",
        "usd_per_hour",
        *("dscr", "max_share_frac"),  # a loan that is sized: test_study_inputs
    }
    missing = {key for key in studied - elsewhere if not re.search(rf"^{key} = ", walked, re.M)}
    assert missing == set()


def test_paths_seed_and_rent_are_used_where_they_count() -> None:
    """What the walk leaves out, because a factory that sells tokens does not need it."""
    from wattmill.plan.studies.finance_study import study

    lets = RICH.replace('"tokens"', '"gpu_hours"').replace(
        "usd_per_mtok = 20.0", "usd_per_hour = {}"
    )
    rents = lets + "[finance.rent]\nvolatility_frac_per_year = {}\n"
    cheap, dear = (study_inputs(factory(lets.format(usd)), TODAY) for usd in (1.0, 2.0))
    assert cheap.project != dear.project
    calm, wild = (study_inputs(factory(rents.format(1.0, v)), TODAY) for v in (0.1, 0.9))
    assert calm.processes["rent"] != wild.processes["rent"]
    found = [
        study(factory(RICH.replace("[finance]\n", f"[finance]\n{line}\n", 1)), TODAY)
        for line in ("paths = 32", "paths = 40", "paths = 32\nseed = 2")
    ]
    risks = [each.risk for each in found]
    assert [risk.count for risk in risks if risk] == [32, 40, 32]
    assert risks[0] != risks[2]
