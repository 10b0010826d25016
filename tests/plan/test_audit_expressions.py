"""Arithmetic with units, and nothing else."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wattmill.core.errors import PlanError, UsageError
from wattmill.plan.audit.expressions import Expression, reserved
from wattmill.plan.questions.units import Quantity, unit


def value(text: str, **inputs: Any) -> Any:
    given_inputs = {k: _quantity(v) for k, v in inputs.items()}
    return Expression(text, inputs).value(given_inputs)


def _quantity(given_value: Any) -> Any:
    if isinstance(given_value, list):
        return [_quantity(v) for v in given_value]
    return Quantity(float(given_value)) if isinstance(given_value, int | float) else given_value


@pytest.mark.parametrize(
    ("text", "expected", "same_as"),
    [
        ("2 + 3 * 4 ** 2 / 8 - -1", 9, "x"),
        ("140 GB / 3.35 TB/s", 140 / 3350, "s"),
        ("2.5 USD/h * 140 GB / 3350 GB/s", 2.5 / 3600 * 140 / 3350, "USD"),
        ("(1 - 40 %) * 10", 6, "x"),
        ("70 bn * 4.5 bits", 70e9 * 4.5 / 8, "B"),
        ("1 kWh / 3600 s", 1000, "W"),
        ("min(3 GB, 2 GB) + max([1 GB, 4 GB])", 6e9, "B"),
        ("sum([1, 2, 3]) + mean([2, 4]) + len([1, 1])", 11, "x"),
        ("sqrt(9 m^2)", 3, "m"),
        ("log2(8) + log10(100) + floor(2.7) + ceil(2.1) + round(2.6) + abs(-1)", 14, "x"),
        ("exp(0) * log(exp(2))", 2, "x"),
        ("[1 GB, 2 GB][1] - [1 GB][-1]", 1e9, "B"),
        ("3 < 4 <= 4", 1, "x"),
        ("3 GB > 4000 MB", 0, "x"),
        ("kv_bytes_per_token(model='llama-3.1-70b') * 131072", 327680 * 131072, "B/token"),
        ("gqa_reduction(64, 8)", 8, "x"),
        ("fits('llama-3.1-8b', '1x H100')", 1, "x"),
    ],
)
def test_arithmetic(text: str, expected: float, same_as: str) -> None:
    found = value(text)
    assert found.value == pytest.approx(expected) and found.dims == unit(same_as).dims


def test_lists_go_element_by_element() -> None:
    assert [q.value for q in value("[150, 600] / w", w=[2, 3])] == [75, 200]
    asked = value("kv_cache_gb(model='llama-3.1-70b', context=[1024, 2048])")
    assert [q.value for q in asked] == pytest.approx([335_544_320, 671_088_640])
    assert value("max(x) - min(x)", x=[3, 9, 4]).value == 6


def test_the_name_of_an_input_is_no_unit() -> None:
    assert value("140 GB/batch", batch=7).value == 20e9
    assert value("8 B*layers", layers=4).value == 32


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("__import__('os')", "nothing is called"),
        ("().__class__", "is no arithmetic"),
        ("x.real", "is no arithmetic"),
        ("lambda: 1", "is no arithmetic"),
        ("[y for y in x]", "is no arithmetic"),
        ("f'{x}'", "is no arithmetic"),
        ("x if x else 1", "is no arithmetic"),
        ("x and x", "is no arithmetic"),
        ("(y := 3)", "is no arithmetic"),
        ("x == x", "is no arithmetic"),
        ("3 +", "is no arithmetic"),
        ("", "is no arithmetic"),
        ("2 // 1", "is no arithmetic"),
        ("True + 1", "no numbers"),
        ("min(x)(x)", "calls what is no question"),
        ("nothing + 1", "nothing is called 'nothing'"),
        ("3 GBs", "unknown unit"),
        ("3 GB + 2 s", "do not go together"),
        ("3 GB > 2 s", "do not go together"),
        ("max(3 GB, 2 s)", "do not go together"),
        ("2 ** 3 GB", "makes no sense"),
        ("2 ** 10000", "too large"),
        ("log(3 GB)", "no logarithm"),
        ("[1, 2] + [1, 2, 3]", "lists of 2 and 3"),
        ("[1, 2][5]", "no element"),
        ("min([])", "empty list"),
        ("'a' + 1", "is no number"),
        ("gqa_reduction(1, 2, 3)", "has 2 inputs"),
        ("gqa_reduction(64)", "needs kv_heads"),
        ("gqa_reduction(heads=64 GB, kv_heads=8)", "does not fit"),
        ("min(x=3)", "takes no names"),
    ],
)
def test_what_is_no_arithmetic_is_refused(text: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        value(text, x=3)


@pytest.mark.parametrize("text", ["1 / 0", "(-1) ** 0.5", "log(0)", "10.0 ** 400", "sqrt(-1)"])
def test_what_has_no_value_is_a_plan_error(text: str) -> None:
    with pytest.raises(PlanError):
        value(text)


@pytest.mark.parametrize("text", ["+".join(["1"] * 20_000), "(" * 5000 + "1" + ")" * 5000, "1\0"])
def test_what_is_too_deep_is_refused(text: str) -> None:
    with pytest.raises(UsageError):
        value(text)


def test_names_that_would_be_ambiguous_are_reserved() -> None:
    assert all(reserved(name) for name in ("s", "GB", "max", "kv_cache_gb", "h"))
    assert not any(reserved(name) for name in ("batch", "layers", "bandwidth", "users"))


NUMBERS = st.floats(0.1, 100)


@given(NUMBERS, NUMBERS, NUMBERS)
def test_it_computes_what_python_computes(a: float, b: float, c: float) -> None:
    text = "(a + b) * c / (b ** 2) - a * -c + 3.5e-1 * (a - b)"
    python = eval(text, {"a": a, "b": b, "c": c})
    assert value(text, a=a, b=b, c=c).value == pytest.approx(python, rel=1e-12, abs=1e-9)


@given(st.text(max_size=30))
def test_no_text_does_anything_but_compute_or_be_refused(text: str) -> None:
    try:
        found = value(text, x=3)
    except (UsageError, PlanError) as error:
        assert error.message
    else:
        assert found is not None
