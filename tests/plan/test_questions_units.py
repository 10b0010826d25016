"""Values with units, as people write them."""

import subprocess
import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wattmill.core.errors import UsageError
from wattmill.plan.questions.units import (
    MONTH_S,
    NONE,
    compatible,
    describe,
    is_unit,
    quantity,
    short,
    table,
    unit,
    unit_text,
)


@pytest.mark.parametrize(
    ("text", "value", "same_as"),
    [
        ("3.35TB/s", 3.35e12, "B/s"),
        ("80 GiB", 80 * 2**30, "B"),
        ("80GB", 80e9, "B"),
        ("400 Gb/s", 50e9, "B/s"),
        ("400Gbps", 50e9, "B/s"),
        ("0.12USD/kWh", 0.12 / 3.6e6, "USD/J"),
        ("$2.50/h", 2.5 / 3600, "USD/s"),
        ("2.5 USD/GPU-hour", 2.5 / 3600, "USD/s"),
        ("175 USD/kW-month", 175 / 1000 / MONTH_S, "USD/W/s"),
        ("0.45 USD/Mtok", 0.45e-6, "USD/token"),
        ("1,718 tok/s", 1718.0, "tok/s"),
        ("5.57 TFLOPS/W", 5.57e12, "FLOP/J"),
        ("989.4 TFLOP/s", 989.4e12, "FLOP/s"),
        ("60 TOPS", 60e12, "FLOP/s"),
        ("41.8 ms", 0.0418, "s"),
        ("300us", 300e-6, "s"),
        ("500 MW", 500e6, "W"),
        ("15 years", 15 * 365 * 86400.0, "s"),
        ("20 tok/s per user", 20.0, "tok/s"),
        ("45 mm^2", 45e-6, "m^2"),
        ("45 mm²", 45e-6, "m2"),
        ("40%", 0.4, "x"),
        ("32x", 32.0, "x"),
        ("128Ki", 131072.0, "x"),
        ("128k", 128e3, "x"),
        ("128k tokens", 128e3, "tokens"),
        (".5 s", 0.5, "s"),
        ("1e9", 1e9, "x"),
        ("-3 GB", -3e9, "B"),
    ],
)
def test_a_value_is_read_with_its_unit(text: str, value: float, same_as: str) -> None:
    found = quantity(text)
    assert found is not None
    assert found.value == pytest.approx(value, rel=1e-12)
    assert found.dims == unit(same_as).dims


@pytest.mark.parametrize("text", ["llama-3.1-70b", "", "GB", "H100", "fp8", "0,12 USD", "1..2"])
def test_what_begins_with_no_number_is_no_value(text: str) -> None:
    assert quantity(text) is None


def test_a_b_is_a_byte_where_bytes_are_expected_and_else_a_billion() -> None:
    as_bytes, as_count = quantity("70B", unit("GB").dims), quantity("70B", NONE)
    assert as_bytes is not None and as_bytes.dims == unit("B").dims and as_bytes.value == 70
    assert as_count is not None and as_count.dims == NONE and as_count.value == 70e9


@pytest.mark.parametrize(
    ("text", "near"), [("GBit/sec", "Gbit"), ("TFLPS", "TFLOPS"), ("USD/kWhh", "kWh")]
)
def test_an_unknown_unit_is_refused_with_the_nearest(text: str, near: str) -> None:
    with pytest.raises(UsageError) as refused:
        unit(text)
    assert text in refused.value.message and near in refused.value.hint


def test_units_that_the_table_lacks_are_those_of_pint() -> None:
    assert unit("BTU/hour").factor == pytest.approx(0.29307, rel=1e-4)
    assert unit("BTU/hour").dims == unit("W").dims
    assert unit("horsepower").factor == pytest.approx(745.7, rel=1e-4)
    assert unit("USD/fortnight").dims == unit("USD/s").dims


def test_the_table_agrees_with_pint_where_both_know_a_unit() -> None:
    from pint import UnitRegistry

    registry: Any = UnitRegistry(cache_folder=None)
    ours = {"B": "byte", "b": "bit"}
    for name in ("ms", "us", "min", "h", "day", "week", "kW", "MW", "J", "kJ", "Wh", "kWh", "MWh",
                 "kg", "g", "mm", "kHz", "GHz", "%", "ppm", "GiB", "MB", "Gb", "kB"):  # fmt: skip
        prefix, last = name[:-1], name[-1]
        theirs = prefix + ours[last] if last in ours else name
        information = 8 if last in ours else 1  # pint counts in bits
        factor = registry.Quantity(1, theirs).to_base_units().magnitude / information
        factor /= 1000 if name in ("kg",) and factor == 1000 else 1
        assert unit(name).factor == pytest.approx(factor, rel=1e-12), name


def test_what_a_letter_means_is_settled_by_what_is_expected() -> None:
    kelvin, rise = unit("kelvin"), quantity("20 K", unit("kelvin").dims)
    assert rise is not None and (rise.value, rise.dims) == (20, kelvin.dims)
    assert quantity("20K", unit("tokens").dims) == (20_000, NONE)


@pytest.mark.parametrize("price", ["$15/M", "15 USD/1M tokens", "$15 per 1M tokens", "15 $/Mtok"])
def test_a_price_is_read_as_lists_print_it(price: str) -> None:
    found = quantity(price, unit("USD/Mtok").dims)
    assert found is not None and found.value == pytest.approx(15e-6)


@pytest.mark.parametrize(
    "text", ["m**9**9**9**9", "m^99999999", "m" * 1000, "a.b", "m if m else s"]
)
def test_no_text_makes_pint_compute_for_long(text: str) -> None:
    with pytest.raises(UsageError, match="unknown unit"):
        unit(text)


def test_pint_is_not_imported_for_usual_units() -> None:
    code = (
        "import sys; from wattmill.plan.questions.units import quantity;"
        "quantity('3.35TB/s'); quantity('0.12 USD/kWh'); assert 'pint' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_count_that_is_not_named_fits_any_count_but_two_names_must_agree() -> None:
    assert compatible(unit("tok/s").dims, unit("Hz").dims)
    assert not compatible(unit("tok/s").dims, unit("FLOP/s").dims)
    assert not compatible(unit("GB").dims, unit("GB/s").dims)


def test_dimensions_read_like_units() -> None:
    assert describe(unit("TB/s").dims) == "byte/s"
    assert describe(NONE) == "no unit"
    assert describe(unit("Hz").dims) == "1/s"


@given(st.sampled_from(sorted(table())), st.floats(1e-6, 1e6))
def test_every_unit_of_the_table_reads_back(name: str, number: float) -> None:
    assert is_unit(name)
    found = quantity(f"{number!r} {name}")
    if name[0].isdigit():
        return  # "1" is a unit of plain counts and cannot follow a number
    assert found is not None
    assert found.value == pytest.approx(number * unit(name).factor)
    assert unit_text(f"{number!r} {name}") == name


@pytest.mark.parametrize(
    ("value", "text"),
    [(42.94967, "42.95"), (131072.0, "131,072"), (0.0, "0"), (1 / 3, "0.3333"), (70.6e9, "70.6e9"),
     (-3.0, "-3"), (1e-9, "1e-09"), (100.0, "100"), (9.9999, "10"), (1234.5, "1,234")],
)  # fmt: skip
def test_numbers_are_shown_with_four_digits(value: float, text: str) -> None:
    assert short(value) == text


@given(st.floats(1e-12, 1e20))
def test_a_shown_number_is_the_number_to_four_digits(value: float) -> None:
    assert float(short(value).replace(",", "")) == pytest.approx(value, rel=6e-4)
