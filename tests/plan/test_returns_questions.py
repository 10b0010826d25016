"""Questions on payments in a list, project companies, write-offs and plans of a site."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wattmill.core.errors import PlanError, UsageError, WattmillError
from wattmill.plan.questions import lists
from wattmill.plan.questions.registry import ask

COMPANY = {"paid": 12_000, "receipts": 1_300, "running": 100, "term": "12 months", "rate": 0.0}
FLIP = {"paid": 1_000, "cash": 100, "term": "20 months", "target": 0.0, "pays": 1.0}
MIX = {"output": 100, "output_price": 10, "input": 500, "input_price": 2}
KNOWN: list[tuple[str, dict[str, Any], float]] = [
    ("npv", {"flows": "-100; 60; 60", "rate": "10%"}, -100 + 60 / 1.1 + 60 / 1.21),
    ("irr", {"flows": "-100 kUSD; 110 kUSD"}, 10),
    ("mirr", {"flows": "-100; 0; 121", "finance": 0.2, "reinvest": 0.3}, 10),
    ("money_multiple", {"flows": "-100; 3 x 50"}, 1.5),
    ("profitability_index", {"flows": "-100; 110", "rate": 0.1}, 1),
    ("modified_duration", {"flows": "0; 0; 121", "rate": 0.1}, 2 / 1.1),
    ("sculpted_debt", {"flows": "130; 260", "rate": 0}, 300),
    ("xnpv", {"flows": "2026-01-01: -100; 2027-01-01: 110", "rate": 0.1}, 0),
    ("xnpv", {"flows": "2028-01-01: 110; 2027-01-01: -100", "rate": "10%"}, 0),
    ("xirr", {"flows": "2026-01-31: -100; 2026-07-31: 110", "day_count": "30/360"}, 21),
    # instalments: 24,000 USD at 1 % a month for 60 months
    ("loan_term", {"lent": 24_000, "rate": 0.12, "payment": 533.867}, 60),
    ("loan_term", {"lent": 1_000, "rate": 0, "payment": 100, "balloon": 500}, 5),
    ("loan_interest_between",
     {"lent": 24_000, "rate": 0.12, "term": "60 months", "first": 1, "last": 1}, 240),
    ("loan_repaid_between",
     {"lent": 24_000, "rate": 0.12, "term": "60 months", "first": 37, "last": 60}, 11_341.1),
    ("capital_recovery", {"rate": 0, "life": "20 years"}, 5),
    ("fixed_charge_cost",
     {"charge": 0.1, "capital": 1e6, "output": "1 GWh/year", "fixed": 1e4, "variable": 0.02}, 0.13),
    # a company: 1,200 a month for a price of 12,000, three quarters of it lent without interest
    ("owners_return", {**COMPANY, "lent_share": 0, "receipts": 100, "resale": 13_200}, 10),
    ("owners_least_cover", {**COMPANY, "lent_share": 0.75}, 1.6),
    ("owners_least_cover",
     {**COMPANY, "lent_share": 0.5, "second_share": 0.25, "second_rate": 0}, 1.6),
    ("leaseback_rate", {"sale": 12_000, "rent": 1_000, "term": "12 months"}, 0),
    ("leaseback_cash",
     {"sale": 12_000, "rent": 1, "term": "12 months", "residual": 13_000, "book": 10_000,
      "debt": 5_000, "tax": 0.3}, 6_400),
    ("flip_month", {**FLIP, "before": 1.0}, 10),
    ("flip_month", {**FLIP, "before": 0.5}, 20),
    ("sponsor_return",
     {"paid": 1_000, "cash": 0, "term": "12 months", "target": 1, "pays": 0.9, "before": 0.9,
      "resale": 1_100}, 10),
    # books
    ("depreciation_of_year", {"paid": 100_000, "year": 2}, 32_000),
    ("depreciation_of_year", {"paid": 100_000, "year": 1, "bonus": 0.5}, 60_000),
    ("depreciation_of_year", {"paid": 100_000, "year": 6, "method": "straight"}, 0),
    ("month_under_book", {"paid": 1_000, "method": "straight", "bonus": 0.1, "resale": 800, "life": "24 months",
      "fall": 0.3}, 5),
    # own machines
    ("own_change_payback", {"once": 1_000, "load": 0.6, "freed": 0.2, "busy": 500}, 10),
    ("least_saving", {"once": 3_600, "upkeep": 10}, 110),
    ("break_even_output", {**MIX, "fixed": 2_000}, 100),
    ("retrieval_saving", {"requests": 10_000, "tokens": 2_000, "price": 3, "search": 0.001}, 50),
    ("next_node_worth",
     {"asked": "150 Mtok/month", "throughput": "100 Mtok/month", "price": 2, "busy": 0.5,
      "running": 60}, 15),
    ("spot_usd_per_mtok", {"cost": 10, "input": 1e6, "output": 1e6}, 5),
    ("spot_usd_per_mtok",
     {"cost": 9, "input": 4e6, "output": 1e6, "cached": 0.5, "ratio": 1, "of": "output"}, 3),
    # places
    ("with_premium", {"cost": 10e6, "premium": "10%", "further": 0.055}, 11.605e6),
    ("done_share", {"application": "queue-capacity"}, 13),
    ("density_wall", {"machines": "24 months: 190kW; 12 months: 40kW", "place": "40kW"}, 24),
    ("tariff_by_hour", {"bands": "0-24: 0.17"}, 0.17),
    ("tariff_by_hour", {"bands": "22-6: 0.05; 6-22: 0.15 USD/kWh", "night": 0}, 0.15),
    ("tariff_by_hour", {"bands": "weekdays 0-24: 0.2; 0-24: 0.1", "weekend": 0}, 0.2),
    ("face_velocity", {"flow": "4.14 m3/s", "area": 1.2}, 3.45),
    ("bus_bar_area", {"current": 1_400, "density": 1.4}, 1_000),
]  # fmt: skip


@pytest.mark.parametrize(("name", "inputs", "expected"), KNOWN, ids=[name for name, _, _ in KNOWN])
def test_a_known_answer(name: str, inputs: dict[str, Any], expected: float) -> None:
    assert ask(name, **inputs).value == pytest.approx(expected, rel=1e-5, abs=1e-9)


@pytest.mark.parametrize(
    ("name", "inputs", "error", "message"),
    [
        ("irr", {"flows": "-100; 230; -132"}, PlanError, "several rates"),
        ("irr", {"flows": "10; 20"}, PlanError, "no rate"),
        ("npv", {"flows": "", "rate": 0}, UsageError, "0 payments"),
        ("npv", {"flows": "-1; 5 kWh", "rate": 0}, UsageError, "no payment"),
        ("npv", {"flows": "5000 x 1", "rate": 0}, UsageError, "too many"),
        ("npv", {"flows": "1;" * 30_000, "rate": 0}, UsageError, "too long"),
        ("xirr", {"flows": "2026-13-01: 5"}, UsageError, "no day"),
        ("xirr", {"flows": "-100; 110"}, UsageError, "no day"),
        ("sculpted_debt", {"flows": "-1; -2", "rate": 0}, PlanError, "no debt"),
        ("loan_term", {"lent": 1_000, "rate": 0.12, "payment": 10}, PlanError, "interest"),
        ("owners_return", {**COMPANY, "lent_share": 0.7, "second_share": 0.3}, PlanError, "all of"),
        ("owners_least_cover", {**COMPANY, "lent_share": 0}, PlanError, "nothing is lent"),
        ("flip_month", {**FLIP, "before": 0.4}, PlanError, "never has"),
        ("month_under_book", {"paid": 9, "fall": 0, "method": "straight"}, PlanError, "always"),
        ("own_change_payback", {"once": 9, "load": 0.6, "freed": 0.2}, PlanError, "idle"),
        ("break_even_output", {**MIX, "fixed": 1, "busy": 99}, PlanError, "charges less"),
        ("density_wall", {"machines": "0 months: 10kW", "place": "40kW"}, PlanError, "carry all"),
        ("density_wall", {"machines": "10kW", "place": "40kW"}, UsageError, "no machine"),
        ("tariff_by_hour", {"bands": "16-21: 0.3"}, PlanError, "no band"),
        ("tariff_by_hour", {"bands": "16-99: 0.3"}, UsageError, "no time of day"),
        ("tariff_by_hour", {"bands": "0-24: 3 kg"}, UsageError, "no price of energy"),
        ("modified_duration", {"flows": "-100; 110", "rate": 0.1}, PlanError, "paid, not received"),
        ("sculpted_debt", {"flows": "1e308; 1e308", "rate": 0}, UsageError, "can be"),
        ("gross_sales", {"flows": "a -> b: 3 kg"}, UsageError, "no payment"),
    ],
)
def test_what_has_no_answer_is_refused_with_the_reason(
    name: str, inputs: dict[str, Any], error: type[WattmillError], message: str
) -> None:
    with pytest.raises(error) as raised:
        ask(name, **inputs)
    assert message in raised.value.message
    assert raised.value.hint


def test_every_root_is_told() -> None:
    assert ask("irr_all", flows="-100; 230; -132").value == "10 % and 20 %"
    assert ask("irr_all", flows="1; 1").value == "none"


def test_notes_say_what_one_must_know() -> None:
    assert ask("density_wall", machines="9 months: 50kW", place="40kW").note == "50 kW in one piece"
    late = ask("owners_return", **{**COMPANY, "receipts": 700, "resale": 9_000}, lent_share=0.9)
    assert late.note == "90% lent; up to 3,300 USD of debt service is late"
    assert ask("sponsor_return", **{**FLIP, "pays": 0.9, "before": 0.9}).note == (
        "flips in month 10"
    )


@settings(max_examples=20, deadline=None)
@given(st.lists(st.integers(-1000, 1000), min_size=1, max_size=30))
def test_payments_are_read_as_they_are_written(amounts: list[int]) -> None:
    flows = tuple(map(float, amounts))
    assert lists.flows_of(lists.flows_text(flows)) == flows


@pytest.mark.parametrize(
    ("read", "write", "text"),
    [
        (lists.dated_of, lists.dated_text, "2026-01-01: -100 USD; 2027-02-28: 1,500 USD"),
        (lists.bands_of, lists.bands_text, "weekdays 16-21: 0.3 USD/kWh; 22-6: 0.05 USD/kWh"),
        (lists.roadmap_of, lists.roadmap_text, "0 months: 10 kW; 24 months: 190 kW"),
    ],
)
def test_a_list_is_written_as_it_is_read(read: Any, write: Any, text: str) -> None:
    assert write(read(text)) == text


def test_dollars_may_stand_before_a_payment() -> None:
    assert lists.flows_of("-$5k; $3\n# nothing\n2 x 1 kUSD") == (-5000, 3, 1000, 1000)


def test_a_price_that_only_falls_never_recovers() -> None:
    calm = {"volatility": 0, "starts": 0, "time": "24 months"}
    assert ask("chance_of_recovery", **calm).value == 0
    assert ask("price_ahead", **calm, fall=0.36).value == pytest.approx(0.64**2)


def test_recovery_is_likelier_from_less_and_in_longer_time() -> None:
    def chance(rise: float, months: int) -> float:
        return float(ask("chance_of_recovery", rise=rise, time=f"{months} months").value)

    assert 0 < chance(0.5, 12) < chance(0.2, 12) < chance(0.2, 60) <= 100


def test_the_hottest_hour_is_worse_than_the_year() -> None:
    place = {"mean": 15.0, "supply": 20.0}
    assert float(ask("peak_pue", **place).value) > float(ask("climate_pue", **place).value) > 1


@settings(max_examples=20, deadline=None)
@given(st.floats(0, 0.5), st.integers(2, 1200), st.data())
def test_interest_and_principal_add_up_to_the_payments(
    rate: float, term: int, data: st.DataObject
) -> None:
    first = data.draw(st.integers(1, term))
    last = data.draw(st.integers(first, term))
    loan = {"lent": 1_000, "rate": rate, "term": f"{term} months"}
    parts = {**loan, "first": first, "last": last}
    paid = sum(float(ask(f"loan_{part}_between", **parts).value) for part in ("interest", "repaid"))
    payment = float(ask("loan_payment", **loan).value)
    assert paid == pytest.approx(payment * (last - first + 1), rel=1e-6)
