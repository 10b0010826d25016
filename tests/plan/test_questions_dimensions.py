"""Units are right: an answer scales as its unit says when a base unit is made larger.

A formula that forgot a factor of a million, or that adds seconds to bytes, does not. Where nothing
but numbers goes in, every input is multiplied by 2^(its exponent), and the answer must follow.
"""

import math
from typing import Any

import pytest

from wattmill.plan.questions.registry import Input, Question, questions
from wattmill.plan.questions.units import BASE, Dims

FACTOR = 2.0
USUAL = {
    "GB": 40e9, "GB/s": 900e9, "GB/token": 30e9, "B/token": 2e5, "TFLOP/s": 4e14, "FLOP/B": 300.0,
    "W": 700.0, "MW": 5e8, "s": 0.2, "ms": 0.03, "us": 2e-5, "h": 7200.0, "month": 7.9e7,
    "year": 6.3e7, "tok/s": 900.0, "req/s": 3.0, "tokens": 1500.0, "bit": 0.5, "USD": 20_000.0,
    "USD/h": 1e-3, "USD/kWh": 3e-8, "USD/Mtok": 1e-6, "USD/month": 1e-4, "USD/GB/month": 2e-15,
    "MT/s": 6.4e9, "J/token": 0.4,
}  # fmt: skip
SPECIAL: dict[tuple[str, str], float] = {
    ("wear_usd_per_month", "resale"): 500.0,
    ("wear_usd_per_month", "paid"): 20_000.0,
    ("gross_margin", "price"): 4e-6,
    ("hardware_margin", "price"): 30_000.0,
    ("memory_saving", "bits_before"): 2.0,
    ("wait_quantile_ms", "service"): 1.2,
    ("wait_quantile_ms", "quantile"): 0.95,
    ("device_all_reduce_us", "message"): 1e6,
    ("kv_tokens_that_fit", "memory"): 9e10,
    ("sequences_that_fit", "memory"): 9e10,
    ("free_memory_gain", "memory"): 9e10,
    ("free_memory_gain", "after"): 2e10,
    ("disaggregation_crossover", "tpot_target"): 0.05,
    ("wait_ms", "service"): 0.5,
    ("payback_months", "api_price"): 1e-5,
    ("min_max", "most"): 9.0,
    ("memory_score", "most_memory"): 9e10,
    ("memory_score", "least_memory"): 1e10,
    ("memory_score", "most_bandwidth"): 1.8e12,
    ("memory_score", "least_bandwidth"): 5e10,
    ("agent_turns", "context"): 1e5,
    ("params_that_fit", "reserve"): 1e9,
    ("bits_that_fit", "reserve"): 1e9,
    ("shortfall_after_a_year", "supply"): 0.2,
    ("systems_per_rack", "limit"): 40_000.0,
    ("supply_capacity", "redundant"): 1,
    ("rent_fall", "after"): 4e-4,
    ("value_fall", "after"): 5_000.0,
    ("change_payback", "saved"): 5e-4,
    ("swap_payback", "sold"): 5_000.0,
    ("swap_payback", "rent_old"): 4e-4,
    ("stranded_power", "hall"): 20_000.0,
    ("stranded_power", "place"): 2_000.0,
}
BY_NAME = {"acceptance": 0.7, "experts": 64.0, "experts_per_token": 4.0, "vocab": 32_000.0, "hidden": 4096.0,
           "small": 0.1, "large": 1.0, "servers": 4, "groups": 8, "read": 0.1, "write": 1.25,
           "layers": 80.0, "heads": 64.0, "kv_heads": 8.0, "head_dim": 128.0, "pue": 1.3,
           "imbalance": 2.0, "least": 1.0, "most": 9.0, "value": 4.0, "params": 7e10, "drafts": 4.0,
           "draft_cost": 0.05, "check": 1.1, "cards": 8.0, "nodes": 4.0}  # fmt: skip
NOT_HOMOGENEOUS = {
    "price_fall_per_year": "it is a factor for each year, whatever the unit of time",
    "rounding_error": "bits are exponents",
    "signal_to_noise": "bits are exponents",
    **dict.fromkeys(
        (
            "cagr",
            "level_after",
            "level_before",
            "years_to_reach",
            "sum_of_years",
            "funding_ceiling",
            "years_to_fund",
            "revenue_for_return",
            "revenue_multiple",
        ),
        "growth, a return or a revenue is that of a year, whatever the unit of time",
    ),
    "air_limit": "nothing goes in",
    "air_flow": "the density of air is a constant in it",
    "air_rise": "the density of air is a constant in it",
    "floor_load": "people in the aisles are a constant in it",
    **dict.fromkeys(
        (
            "loan_payment",
            "loan_balance",
            "loan_interest",
            "loan_rate",
            "loan_all_in_rate",
            "interest_per_year",
            "loan_duration",
            "cover_ratio",
            "debt_capacity",
            "underwater_month",
            "owed_share",
            "lease_rate",
            "lease_advantage",
            "vendor_rate",
            "prepayment_rate",
            "project_return",
            "levered_return",
            "rent_decay",
            "value_decay",
            "rent_after",
            "half_life",
            "value_after",
            "book_value",
            "book_gap",
            "longer_life_saves",
            "rent_at_book",
            "swap_month",
            "slot_worth",
            "delay_usd",
            "least_rent",
            "api_payback",
            "colo_first_year",
            "power_contract_value",
            "ppa_break_even",
            "sooner_is_worth",
            "loan_term",
            "loan_interest_between",
            "loan_repaid_between",
            "capital_recovery",
            "fixed_charge_cost",
            "leaseback_rate",
            "leaseback_cash",
            "flip_month",
            "sponsor_return",
            "chance_of_recovery",
            "price_ahead",
            "own_change_payback",
            "least_saving",
        ),
        "whole months or a yearly rate are in it; tests/plan/test_money_questions.py scales its USD",
    ),
}


def sample(question: Question, spec: Input) -> Any:
    """A value in base units that makes sense for the question."""
    if (question.name, spec.name) in SPECIAL:
        return SPECIAL[question.name, spec.name]
    if not spec.is_required and spec.default not in (None, 0.0):
        return spec.default
    if spec.unit in USUAL:
        return USUAL[spec.unit]
    if spec.name in BY_NAME:
        return BY_NAME[spec.name]
    return 0.4 if spec.high == 1.0 else 3.0


NUMERIC = [
    q for q in questions().values()
    if q.name not in NOT_HOMOGENEOUS and all(i.is_numeric for i in q.inputs.values())
]  # fmt: skip


def scaled(value: float, dims: Dims, base: str) -> float:
    return value * math.pow(FACTOR, dims[BASE.index(base)])


def test_most_questions_are_held_to_their_units() -> None:
    assert len(NUMERIC) > 80


@pytest.mark.parametrize("base", ["s", "byte", "USD", "kg"])
@pytest.mark.parametrize("question", NUMERIC, ids=[q.name for q in NUMERIC])
def test_an_answer_scales_as_its_unit_says(question: Question, base: str) -> None:
    inputs = {name: sample(question, spec) for name, spec in question.inputs.items()}
    before = question.found(inputs).value
    bigger = {
        name: scaled(value, question.inputs[name].scale.dims, base)
        if question.inputs[name].kind != "whole"
        else value
        for name, value in inputs.items()
    }
    after = question.found(bigger).value
    assert after == pytest.approx(scaled(before, question.scale.dims, base), rel=1e-9)
    assert before != 0
