"""Questions on markets, and on chains of payments as people write them."""

import pytest

from wattmill.core.errors import UsageError, WattmillError
from wattmill.plan.questions.registry import ask
from wattmill.plan.questions.value_chain import flows_of, flows_text

CIRCLE = """
# who pays whom, a year
NVIDIA => OpenAI: 30 GUSD
OpenAI -> Oracle: 60 GUSD
Oracle -> NVIDIA: 40 GUSD; users -> OpenAI: $25 billion
"""


@pytest.mark.parametrize(
    ("words", "expected", "unit"),
    [
        ("cagr start=9.94GUSD end=31GUSD years=8", 15.278, "%"),
        ("cagr start=1 end=1.27 years=6", 4.064, "%"),
        ("level_after start=210 growth=35% years=1", 283.5, "USD"),
        ("level_before end=251 growth=0.62 years=1", 154.94, "USD"),
        ("years_to_reach start=391 end=3500 growth=30.6%", 8.2100, "year"),
        ("sum_of_years first=100 growth=0.08 years=5", 586.66, "USD"),
        ("shortfall_after_a_year demand=35% supply=23%", 9.7561, "%"),
        ("revenue_multiple value=730GUSD revenue=25GUSD/year", 29.2, "x"),
        ("required_revenue spending=150GUSD/year", 600e9, "USD/year"),
        ("revenue_gap spending=150GUSD/year revenue=100GUSD/year", 500e9, "USD/year"),
        ("revenue_for_return capital=5TUSD rate=10%", 500e9, "USD/year"),
        ("funding_ceiling cash=450GUSD/year years=7 outside=1", 6.3e12, "USD"),
        ("years_to_fund capital=6.3TUSD cash=450GUSD/year outside=1", 7, "year"),
    ],
)
def test_a_known_answer(words: str, expected: float, unit: str) -> None:
    name, *inputs = words.split()
    answer = ask(name, **dict(word.split("=", 1) for word in inputs))
    assert answer.value == pytest.approx(expected, rel=1e-4)
    assert answer.unit == unit


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("gross_sales", 125e9),
        ("net_sales", 25e9),
        ("double_counting", 80),
        ("round_trips", 60e9),
        ("round_trip_share", 48),
        ("fresh_sales", 25e9),
    ],
)
def test_a_chain_is_asked_as_it_is_written(name: str, expected: float) -> None:
    assert ask(name, flows=CIRCLE).value == pytest.approx(expected)


def test_a_circle_is_named() -> None:
    assert ask("round_trips", flows=CIRCLE).note == "NVIDIA → OpenAI → Oracle → NVIDIA 30e9 USD"
    assert ask("round_trips", flows="a -> b: 1").note == "no money goes in a circle"


def test_a_member_that_sells_nothing_adds_nothing_that_could_be_said() -> None:
    assert ask("value_added", flows=CIRCLE, member="OpenAI").value == pytest.approx(-35e9)
    with pytest.raises(WattmillError, match="'users' sells nothing") as refused:
        ask("value_added", flows=CIRCLE, member="users")
    assert "OpenAI" in (refused.value.hint or "")


def test_payments_are_written_as_they_are_read() -> None:
    flows = flows_of(CIRCLE)
    assert flows_of(flows_text(flows)) == flows
    assert [flow.kind for flow in flows] == ["stake", "sale", "sale", "sale"]
    assert flows[3].usd == 25e9


@pytest.mark.parametrize(
    "text", ["", "a b: 3", "a -> b", "a -> b: much", "a -> b: 3 kWh", "a -> a: 3", "a -> b: -3",
             "x" * 300 + " -> b: 3", "a -> b: 1;" * 9000, "a -> b: 1;" * 500],
)  # fmt: skip
def test_what_is_no_payment_is_refused_with_a_hint(text: str) -> None:
    with pytest.raises(WattmillError) as refused:
        ask("round_trips", flows=text)
    assert refused.value.hint


def test_places_are_quoted() -> None:
    asked = [ask("quoted_electricity", region="us-ca", pick=pick) for pick in ("newest", "highest")]
    assert [answer.value for answer in asked] == [0.2946, 0.2946]
    assert "EIA" in (asked[0].note or "")
    assert ask("quoted_colo").value == pytest.approx(195.94)
    with pytest.raises(WattmillError, match="nobody quoted") as refused:
        ask("quoted_colo", region="US-TX")
    assert refused.value.hint
    with pytest.raises(UsageError, match="'Texas'") as refused:
        ask("quoted_electricity", region="Texas")
    assert "US-TX" in refused.value.hint
