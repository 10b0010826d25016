"""Who serves what, and what it costs by month: against other formulas of the same thing."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.plan.studies.choices import API, BOX, BUY, STEADY, choice, plain
from tests.plan.studies.factories import TODAY
from wattmill.finance import against_api
from wattmill.finance.cashflow import monthly_rate, npv_paths
from wattmill.finance.demand import served_at_peaks
from wattmill.plan.studies.buy.case import Case, Option, run
from wattmill.plan.studies.buy.inputs import buy_inputs
from wattmill.plan.studies.buy.option_reports import usd_per_mtok
from wattmill.plan.studies.buy.racks_and_apis import Rack, busy_served, present

LEASE = """
[[offer]]
name = "leased"
kind = "lease"
hardware = "4x L40S"
precision = "fp8"
usd_per_month = 900
months = 24
deposit_usd = 1_000
buyout_usd = 5_000
life_months = 36
resale_usd = 2_000
"""
RENT = """
[[offer]]
name = "rented"
kind = "rent"
hardware = "4x L40S"
precision = "fp8"
usd_per_hour = 1.0
months = 12
"""
HYBRID = """
[[offer]]
name = "both"
kind = "hybrid"
parts = ["own", "api"]
setup_usd = 700
other_usd_per_month = 30
"""


def case_of(*parts: str, **tables: str) -> Case:
    return buy_inputs(choice(*parts, **tables), TODAY).case


def option(case: Case, name: str) -> Option:
    return next(option for option in case.all_options if option.name == name)


# --- who serves what ------------------------------------------------------------------------------

AMOUNT = st.floats(1.0, 1e4)
PEAK = st.floats(1.0, 12.0)
SHARE = st.floats(0.02, 1.0)


@given(AMOUNT, AMOUNT, PEAK)
def test_all_hours_are_all_of_it(asked: float, limit: float, peak: float) -> None:
    found = busy_served(np.array([asked]), np.array([limit]), peak, 1.0)
    assert found[0] == pytest.approx(served_at_peaks(asked, limit, peak))


@settings(max_examples=30)
@given(AMOUNT, AMOUNT, st.floats(1.2, 12.0), SHARE)
def test_busy_hours_are_the_integral_of_the_demand(
    asked: float, limit: float, peak: float, hours: float
) -> None:
    x = (np.arange(40_000) + 0.5) / 40_000 * hours
    demand = asked * peak * (1 - x) ** (peak - 1)
    expected = np.minimum(demand, limit).mean() * hours
    found = busy_served(np.array([asked]), np.array([limit]), peak, hours)
    assert found[0] == pytest.approx(expected, rel=1e-3)


@given(AMOUNT, AMOUNT, PEAK, SHARE)
def test_fewer_hours_serve_less(asked: float, limit: float, peak: float, hours: float) -> None:
    some, every = (
        busy_served(np.array([asked]), np.array([limit]), peak, h)[0] for h in (hours, 1.0)
    )
    assert -1e-9 <= some <= every * (1 + 1e-9)
    assert some >= every * hours * (1 - 1e-9), "the busiest hours serve more than the mean one"


def test_parts_share_the_demand_out() -> None:
    case = case_of(API, BUY, HYBRID)
    ran = run(case, option(case, "both"))
    served = {name: made.mtok for name, (_, made) in ran.parts.items()}
    assert sum(served.values()) == pytest.approx(ran.wanted_mtok)
    rack = case.options[1].parts[0]
    assert isinstance(rack, Rack)
    expected = served_at_peaks(ran.wanted_mtok, rack.capacity.output_mtok, 3.0)
    assert served["own"] == pytest.approx(expected)
    assert not served["rest"].any(), "the API of the hybrid takes all that is left"


def test_what_comes_later_serves_later() -> None:
    case = case_of(BUY.replace("usd = 40_000", "usd = 40_000\navailable = 2027-03-01"))
    ran = run(case, case.options[0])
    assert not ran.parts["own"][1].mtok[:5].any()
    assert ran.parts["own"][1].mtok[5] > 0
    assert ran.by_line["machines"].tolist().index(40_000.0) == 4
    assert ran.parts["own"][1].costs["power"][:5].tolist() == [0.0] * 5


# --- what it costs --------------------------------------------------------------------------------


def test_buying_is_what_payback_says() -> None:
    """`finance.against_api` has the same comparison for a machine that stands alone."""
    case = case_of(API, BUY, finance=plain())
    rack = case.options[1].parts[0]
    assert isinstance(rack, Rack) and rack.purchase is not None
    made, power = rack.capacity, case.terms.power
    per_kw = power.pue * 730 * power.price.usd
    kept = rack.purchase.kept_frac_per_year
    machine = against_api.OwnMachine(
        40_000, made.full_output_mtok, made.idle_kw * per_kw, (made.busy_kw - made.idle_kw) * per_kw, kept or 0.0
    )  # fmt: skip
    price = against_api.ApiPrice(1.0, 0.25, 4.0)
    tokens = against_api.Tokens(300, 0.25, 100, 3.0)
    expected = against_api.payback(price, tokens, machine, 36, demand_growth_frac_per_year=0.2)
    base, own = run(case, case.baseline), run(case, case.options[1])
    assert base.cost_usd - own.cost_usd == pytest.approx(expected.flow_usd)
    assert own.by_line["resale"][-1] == pytest.approx(-8_000)


def test_an_api_bills_each_kind_of_token() -> None:
    case = case_of(API, finance=plain(), demand=STEADY)
    bill = run(case, case.baseline).cost_usd
    expected = 225 * 1.0 + 75 * 0.25 + 100 * 4.0
    assert bill[1:] == pytest.approx(np.full(36, expected))
    assert bill[0] == 0


def test_a_lease_is_paid_then_bought_then_sold() -> None:
    case = case_of(LEASE, finance=plain("selling_cost_frac = 0.1"))
    lines = run(case, case.options[0]).by_line
    assert lines["lease"].tolist() == [0.0, *[900.0] * 24, *[0.0] * 12]
    assert (lines["deposit"][0], lines["deposit"][24], lines["deposit"].sum()) == (1_000, -1_000, 0)
    assert lines["machines"][24] == 5_000
    assert lines["resale"][36] == pytest.approx(-2_000 * 0.9)


def test_a_lease_without_a_buyout_ends() -> None:
    text = "\n".join(line for line in LEASE.splitlines() if "buyout" not in line)
    case = case_of(text)
    part = case.options[0].parts[0]
    assert present(part, 36).tolist() == [0.0, *[1.0] * 24, *[0.0] * 12]
    assert "machines" not in run(case, case.options[0]).by_line


def test_a_rent_binds_then_follows_the_market() -> None:
    finance = plain().replace("price_frac_per_year = 0.0", "price_frac_per_year = -0.5")
    case = case_of(RENT, finance=finance)
    rent = run(case, case.options[0]).by_line["rent"]
    assert rent[1:13] == pytest.approx(np.full(12, 4 * 730.0))
    assert rent[24] == pytest.approx(4 * 730.0 * 0.25)


def test_a_hybrid_has_fees_of_its_own() -> None:
    case = case_of(API, BUY, HYBRID, finance=plain())
    own, both = (run(case, option(case, name)).cost_usd for name in ("own", "both"))
    assert both - own == pytest.approx(np.array([700.0, *[30.0] * 36]))


def test_tax_takes_its_share_of_everything_in_the_end() -> None:
    """What is written down in all is what was paid less what the sale brings."""
    case = case_of(API, BUY, LEASE, finance=plain("tax_frac = 0.3"))
    for each in case.all_options:
        ran = run(case, each)
        assert ran.after_tax_usd.sum() == pytest.approx(0.7 * ran.cost_usd.sum())
    own = run(case, option(case, "own"))
    assert own.after_tax_usd[0] == 40_000, "a purchase saves tax only as it is written down"


@pytest.mark.parametrize("growth", ["0.0", "0.2"])
def test_costs_of_kinds_of_token_add_up(growth: str) -> None:
    demand = STEADY.replace("year = 0.0", f"year = {growth}")
    case = case_of(API, BUY, RENT, LEASE, HYBRID, demand=demand)
    rate = monthly_rate(case.terms.discount_frac_per_year)
    for each in case.all_options:
        ran = run(case, each)
        used = float(npv_paths(rate, ran.wanted_mtok))
        usd = usd_per_mtok(case, ran)
        total = sum(usd[kind] * amount for kind, amount in case.asked.by_meter.items()) * used
        assert total == pytest.approx(float(npv_paths(rate, ran.cost_usd))), each.name


def test_a_hybrid_starts_and_ends_its_parts() -> None:
    """Everything of a part moves with it; what would be bought after the end is not bought."""
    limits = (
        HYBRID.replace('"own", "api"', '"leased", "api"') + "available = 2027-02-01\nmonths = {}\n"
    )
    short, long = (case_of(API, LEASE, limits.format(n), finance=plain()) for n in (20, 30))
    lines = [run(case, option(case, "both")).by_line for case in (short, long)]
    assert "machines" not in lines[0]
    assert [t for t, usd in enumerate(lines[0]["lease"]) if usd] == list(range(4, 28))
    assert lines[1]["machines"][27] == 5_000
    assert lines[1]["resale"][33] < 0, "sold at the end of the hybrid"


def test_only_machines_of_the_same_model_serve() -> None:
    small = BOX.replace('"box"', '"small"').replace("llama-3.1-70b", "llama-3.1-8b")
    found = buy_inputs(choice(BOX, small, API), TODAY)
    assert [rack.name for rack in found.case.own] == ["box"]
    assert any("another model" in note for note in found.notes)
