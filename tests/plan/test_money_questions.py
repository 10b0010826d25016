"""Questions on debt, decay, payback and places: figures by hand, units, laws and refusals."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wattmill.core.errors import CatalogError, PlanError, UsageError, WattmillError
from wattmill.plan.questions.registry import ask, find
from wattmill.plan.questions.units import BASE

LOAN = "lent=24000 rate=12% term=60months"
SWAP = "power=1kW power_old=700 power_new=1000 rent_old=2 rent_new=5 paid=35000 sold=20000"
KNOWN: list[tuple[str, float]] = [
    # a loan: 24,000 USD at 1 % a month for 60 months
    (f"loan_payment {LOAN}", 533.867),
    (f"loan_balance {LOAN} age=36months", 11_341.1),
    (f"loan_balance {LOAN} age=60months", 0),
    (f"loan_balance {LOAN} balloon=6000 age=0", 24_000),
    (f"loan_interest {LOAN}", 60 * 533.867 - 24_000),
    ("loan_rate lent=24000 payment=533.867 term=60months", 12),
    ("loan_all_in_rate rate=12% term=60months", 12.6825),
    ("interest_per_year owed=1.4TUSD rate=5.5%", 77e9),
    ("loan_duration rate=0 term=59months", 2.5),
    ("leverage assets=5.4GUSD equity=1.9GUSD", 2.84211),
    ("debt_share debt_to_equity=1.5", 60),
    ("loan_to_value owed=12000 value=10000", 120),
    (f"cover_ratio cash=694.027 {LOAN}", 1.3),
    ("debt_capacity cash=694.027 rate=12% term=60months", 24_000),
    ("underwater_month paid=30000 rate=12% term=60months left=0.69336", 14),
    ("owed_share rate=12% term=60months age=36months", 47.2546),
    ("expected_loss owed=1000 recovered=33% default=10%", 67),
    # other credit
    ("lease_rate price=12000 rent=1000 term=12months", 0),
    ("vendor_rate cash_price=30000 price=30000 term=24months deferral=3months", 0),
    ("prepayment_rate discount=10% term=1months", 254.071),
    ("lease_advantage price=12000 rent=1000 term=12months rate=0", 0),
    ("project_return paid=10000 cash=0 term=12months resale=11000", 10),
    ("levered_return paid=10000 cash=900 term=12months rate=0 lent_share=0", 15.4489),
    # decay and books
    ("rent_fall before=6 after=1.35", 77.5),
    ("rent_decay before=6 after=1.35 time=4years", 31.1268),
    ("value_fall before=30000 after=10000", 66.6667),
    ("value_decay before=30000 after=10000 time=3years", 30.6639),
    ("rent_after rent=8 fall=50% time=2years", 2),
    ("half_life fall=50%", 12),
    ("value_after paid=30000 fall=30% age=12months", 21_000),
    ("book_value paid=30000 life=72months age=36months", 15_000),
    ("book_gap paid=30000 life=72months fall=30% age=36months", 4_710),
    ("longer_life_saves paid=159.5GUSD life=5years longer=5.5years", 2.9e9),
    ("rent_at_book book=7300 months=10months utilisation=1 discount=0", 1),
    ("usd_per_used_hour hourly=2 utilisation=80%", 2.5),
    # one machine for another
    ("swap_payback paid=35000 rent_new=5 rent_old=2 sold=20000", 8.56164),
    (f"swap_month {SWAP}", 0),
    ("delay_usd value=1000 delay=12months fall=30% financed=50% rate=10%", 350),
    # payback
    ("let_payback paid=80000 rent=2 power=1275 price=0.08", 6.09644),
    ("least_rent paid=21024 utilisation=0.8", 1),
    ("api_bill output=100 output_price=10 input=500 input_price=2.5", 2_250),
    ("api_bill output=1 output_price=10 input=10 input_price=2 cached=0.5 cached_price=1", 25),
    ("served_share output=500 throughput=45tok/s", 23.652),
    ("api_payback paid=10000 throughput=45tok/s output=500 output_price=10", 8.45594),
    ("change_payback once=5000 saved=1900 upkeep=1000", 5.55556),
    ("smaller_model_saving tokens=100 large_price=10 small_price=1 escalated=30%", 600),
    ("freed_share load=60% speed_up=1.5", 20),
    ("cache_break_even_hit read=0.1 write=1.25", 21.7391),
    ("demand_factor price_factor=0.5 elasticity=2", 4),
    ("revenue_factor price_factor=0.5 elasticity=2", 2),
    ("implied_elasticity price_factor=0.5 demand_factor=4", 2),
    # places
    ("build_cost build=article-2026", 28e6),
    ("build_cost build=rack-new-low", 2e6),
    ("build_area_cost build=article-2023-area", 7535),
    ("slot_cost per_mw=28MUSD/MW slot=1000 pue=1.2", 33_600),
    ("building_cost power=1MW per_mw=20MUSD/MW pue=1.2", 24e6),
    ("all_in_cost per_mw=28MUSD/MW slots=830 accelerator=35000", 57.05e6),
    ("implied_density per_m2=7000 per_mw=10MUSD/MW", 700),
    ("area_cost per_mw=10MUSD/MW density=700", 7000),
    ("racks_cost power=100kW machine=10.2kW rack=50000 rack_power=40kW", 4 * 50_000),
    ("stranded_power hall=1MW places=20 place=40kW machine=25kW", 500),
    ("quoted_lead_time lead_time=transformer-power", 28.2),
    ("colo_bill power=10kW per_kw=175 price=0.1 load=50% other=100", 2_215),
    ("colo_first_year power=10kW per_kw=175 setup=1000", 22_000),
    ("colo_limit colo_class=retail", 25),
    ("colo_power_fee fee=power pick=high", 225),
    # power and carbon
    ("power_contract_value power=1kW price=0.1 months=24months escalation=10%", 876 * 2.1),
    ("ppa_break_even fixed=0.105 tariff=0.1 months=24months discount=0", 10),
    ("own_power_carbon generator=solar-pv", 0),
    ("sooner_is_worth sooner=12months margin=73 slow=12months months=24months discount=0", 0.05),
    ("stored_power_cost price=0.05 round_trip=80%", 0.0625),
    ("grid_carbon grid=US-TX", 373),
    ("carbon_per_month power=10kW grams=400 pue=1.5", 4_380),
    ("carbon_per_mtok joules_per_token=0.36 grams=500 pue=2", 0.1),
    ("embodied_carbon making=1500 tokens=1e6", 0.0015),
]
NAMES = [words.partition(" ")[0] for words, _ in KNOWN]


def given_in(words: str) -> tuple[str, dict[str, Any]]:
    name, *inputs = words.split()
    return name, dict(word.split("=", 1) for word in inputs)


@pytest.mark.parametrize(("words", "expected"), KNOWN, ids=NAMES)
def test_a_known_answer(words: str, expected: float) -> None:
    name, inputs = given_in(words)
    assert ask(name, **inputs).value == pytest.approx(expected, rel=1e-4, abs=1e-6)


def has_only_numbers(words: str) -> bool:
    return all(spec.is_numeric for spec in find(words.partition(" ")[0]).inputs.values())


@pytest.mark.parametrize("base", ["USD", "kg"])
@pytest.mark.parametrize("words", [words for words, _ in KNOWN if has_only_numbers(words)])
def test_an_answer_scales_with_its_money_and_its_power(words: str, base: str) -> None:
    name, inputs = given_in(words)
    question = find(name)
    before = question.base_inputs(inputs)
    exponents = {n: s.scale.dims[BASE.index(base)] for n, s in question.inputs.items()}
    after = {n: v if not exponents[n] else v * 2.0 ** exponents[n] for n, v in before.items()}
    factor = 2.0 ** question.scale.dims[BASE.index(base)]
    expected = question.found(before).value * factor
    assert question.found(after).value == pytest.approx(expected, rel=1e-9, abs=1e-9)


@settings(max_examples=30, deadline=None)
@given(st.floats(0, 0.5), st.integers(1, 120), st.integers(0, 120), st.floats(0, 1))
def test_what_is_owed_falls_from_what_was_lent_to_nothing(
    rate: float, term: int, age: int, balloon: float
) -> None:
    asked = {"lent": 1000, "rate": rate, "term": f"{term} months", "balloon": 1000 * balloon}
    owed = [float(ask("loan_balance", age=f"{a} months", **asked).value) for a in (age, age + 1)]
    assert 1000 * (1 + 1e-9) >= owed[0] >= owed[1] - 1e-6 >= -2e-6


@settings(max_examples=30, deadline=None)
@given(st.floats(0.001, 0.5), st.integers(1, 120))
def test_a_rate_is_found_again_from_its_payment(rate: float, term: int) -> None:
    asked = {"lent": 1000, "term": f"{term} months"}
    payment = ask("loan_payment", rate=rate, **asked).value
    found = float(ask("loan_rate", payment=payment, **asked).value)
    assert found == pytest.approx(100 * rate, rel=1e-6, abs=1e-7)


@settings(max_examples=20, deadline=None)
@given(st.floats(1.05, 3), st.floats(0.1, 0.9))
def test_debt_that_is_cheaper_than_the_machines_earn_lifts_the_owners_return(
    multiple: float, lent: float
) -> None:
    asked = {"paid": 12_000, "cash": 1000 * multiple, "term": "12 months"}
    alone = float(ask("project_return", **asked).value)
    levered = ask("levered_return", rate=0.0, lent_share=lent, **asked)
    assert float(levered.value) >= alone - 1e-9
    assert levered.note == f"{alone:.2f}% unlevered"


@settings(max_examples=20, deadline=None)
@given(st.floats(1, 5), st.floats(10, 1000))
def test_peaks_never_raise_what_is_served(peak: float, output: float) -> None:
    asked = {"output": output, "throughput": "100 tok/s"}
    even, uneven = ask("served_share", **asked).value, ask("served_share", peak=peak, **asked).value
    assert float(uneven) <= float(even) * (1 + 1e-9)


@pytest.mark.parametrize(
    ("words", "error", "message"),
    [
        ("underwater_month paid=30000 rate=12% term=60months left=1", PlanError, "never owes more"),
        ("change_payback once=5000 saved=900 upkeep=1000", PlanError, "keeping it up costs 1,000"),
        ("api_payback paid=1e6 throughput=1 output=1 output_price=1", PlanError, "never pays back"),
        ("api_payback paid=1 throughput=1e-9 output=1 output_price=1", PlanError, "no token"),
        ("loan_rate lent=1000 payment=100 term=10.5months", PlanError, "not whole"),
        ("loan_payment lent=1000 rate=0.1 term=12months balloon=2000", PlanError, "balloon"),
        ("lease_advantage price=1 rent=1 term=12months resale=2", PlanError, "more than they cost"),
        ("swap_payback paid=100 sold=100 rent_new=5", PlanError, "sells for more"),
        (f"{'swap_month'} {SWAP.replace('rent_new=5', 'rent_new=0.1')}", PlanError, "to the end"),
        ("build_cost build=article-2023-area", PlanError, "no price of a megawatt"),
        ("build_area_cost build=article-2023", PlanError, "no price of an area"),
        ("build_cost build=article-2062", UsageError, "article-2062"),
        ("colo_limit colo_class=retail cooled=liquid", PlanError, "no liquid"),
        ("colo_power_fee fee=cross-connect", PlanError, "no fee for a kW"),
        ("ppa_break_even fixed=9 tariff=0.1 months=24months", PlanError, "no rise"),
        ("quoted_decay hardware=L40S kind=lease", PlanError, "too few quotes"),
    ],
)
def test_what_has_no_answer_is_refused_with_the_reason(
    words: str, error: type[WattmillError], message: str
) -> None:
    name, inputs = given_in(words)
    with pytest.raises(error) as raised:
        ask(name, **inputs)
    assert message in raised.value.message
    assert raised.value.hint


def test_quotes_of_a_card_say_how_many_they_are_and_of_when() -> None:
    answer = ask("quoted_decay", hardware="H100-SXM")
    assert 5 < float(answer.value) < 40
    assert answer.note is not None and "quotes, 2023" in answer.note


def test_own_power_is_dearer_with_dearer_gas_and_a_spare() -> None:
    asked = {"generator": "gas-engine"}
    usual = float(ask("own_power_cost", **asked).value)
    assert float(ask("own_power_cost", gas=7, **asked).value) > usual
    assert float(ask("own_power_cost", spare=1.33, **asked).value) > usual
    assert float(ask("own_power_carbon", **asked).value) == pytest.approx(440, rel=0.01)


def test_a_slot_is_worth_more_where_what_stands_in_it_earns_more() -> None:
    _, asked = given_in(f"slot_worth {SWAP}")
    dear = float(ask("slot_worth", **{**asked, "rent_new": "8"}).value)
    assert dear > float(ask("slot_worth", **asked).value) > 0


def test_catalog_errors_name_what_is_near() -> None:
    with pytest.raises((UsageError, CatalogError)) as raised:
        ask("grid_carbon", grid="US-TC")
    assert raised.value.hint


def worth_of_a_swap(month: int, paid: float, price_fall: float, fall: float) -> float:
    """Of rents 2 and 4 USD an hour, 80 % let, at 0.12 USD for power, over 60 months at 10 %."""
    worth = 0.0
    for t in range(1, 61):
        rent = 2 if t <= month else 4
        worth += 730 * (0.8 * rent * (1 - fall) ** (t / 12) - 0.12) * 1.1 ** (-t / 12)
    swapped = (20_000 - paid) * (1 - price_fall) ** (month / 12) * 1.1 ** (-month / 12)
    return float(worth + swapped + 0.7 * paid * (1 - price_fall) ** 5 * 1.1**-5)


@pytest.mark.parametrize(("price_fall", "fall"), [(0.4, 0.1), (0.5, 0.1), (0.7, 0.2)])
def test_the_month_of_a_swap_is_the_best_of_all_months(price_fall: float, fall: float) -> None:
    asked: dict[str, Any] = {
        "power": "1kW", "power_old": 1000, "power_new": 1000, "rent_old": 2, "rent_new": 4,
        "paid": 60_000, "sold": 20_000, "fall_old": fall, "fall_new": fall,
        "price_fall": price_fall,
    }  # fmt: skip
    by_trying = max(range(60), key=lambda m: worth_of_a_swap(m, 60_000, price_fall, fall))
    assert ask("swap_month", **asked).value == by_trying
