"""Money is exact: units convert without loss or not at all, rounding is named, splits add up."""

from decimal import (
    ROUND_DOWN,
    ROUND_HALF_DOWN,
    ROUND_HALF_EVEN,
    ROUND_HALF_UP,
    ROUND_UP,
    Decimal,
)
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wattmill.core.money import (
    EXPONENTS,
    PUSD_PER_CENT,
    PUSD_PER_USD,
    ROUNDING_RULES,
    format_minor,
    format_usd,
    pusd_per_minor,
    pusd_to_usd,
    round_to_minor,
    round_whole,
    split,
    usd_to_pusd,
    usd_to_uusd,
)

STEADY = settings(derandomize=True, deadline=None, max_examples=200)
amounts = st.integers(-(10**24), 10**24)
weights = st.lists(st.integers(0, 10**15), min_size=1, max_size=12)


@pytest.mark.parametrize(
    ("usd", "uusd"), [("0.40", 400_000), ("0.0375", 37_500), (60, 60_000_000), ("-1.5", -1_500_000)]
)
def test_a_price_is_a_whole_number_of_micro_dollars(usd: str | int, uusd: int) -> None:
    assert usd_to_uusd(usd) == uusd


@pytest.mark.parametrize("usd", ["0.0000001", "1e-7", "NaN", "Infinity", "-Infinity"])
def test_what_is_finer_than_the_unit_is_refused(usd: str) -> None:
    with pytest.raises(ValueError, match=r"finer|not an amount"):
        usd_to_uusd(usd)
    assert usd_to_pusd("0.0000001") == 100_000


@STEADY
@given(amounts)
def test_dollars_and_back_are_the_same_amount(pusd: int) -> None:
    assert usd_to_pusd(pusd_to_usd(pusd)) == pusd


@pytest.mark.parametrize(
    ("cents", "half_up", "half_even"),
    [("0.5", 1, 0), ("1.5", 2, 2), ("2.5", 3, 2), ("-0.5", -1, 0), ("2.4999", 2, 2), ("0", 0, 0)],
)
def test_rounding_goes_by_its_name(cents: str, half_up: int, half_even: int) -> None:
    pusd = int(Decimal(cents) * PUSD_PER_CENT)
    assert round_to_minor(pusd) == round_to_minor(pusd, "USD", "half_up") == half_up
    assert round_to_minor(pusd, "USD", "half_even") == half_even


@STEADY
@given(amounts)
def test_rounding_moves_by_half_a_cent_at_most(pusd: int) -> None:
    assert abs(round_to_minor(pusd) * PUSD_PER_CENT - pusd) * 2 <= PUSD_PER_CENT
    assert round_to_minor(-pusd) == -round_to_minor(pusd)


@pytest.mark.parametrize(
    ("net", "tax_frac", "net_cents", "tax_cents"),
    [
        (Decimal("200.00") * 29 / 30, Decimal("0.25"), 193_33, 48_33),
        (Decimal("160.00") * 29 / 30, Decimal("0.25"), 154_67, 38_67),
        (Decimal("29.99") * 6 / 7, Decimal("0.2333"), 25_71, 6_00),
    ],
)
def test_prorated_credit_notes_of_lago(
    net: Decimal, tax_frac: Decimal, net_cents: int, tax_cents: int
) -> None:
    assert round_to_minor(int(net * PUSD_PER_USD)) == net_cents
    assert round_to_minor(int(net * tax_frac * PUSD_PER_USD)) == tax_cents


@pytest.mark.parametrize(
    ("total", "by", "parts"),
    [
        (5, [1, 1, 1], [2, 2, 1]),
        (1, [100, 1], [1, 0]),
        (-5, [1, 1, 1], [-2, -2, -1]),
        (100, [1, 2, 3], [17, 33, 50]),
        (7, [0, 1, 0], [0, 7, 0]),
        (0, [0, 0], [0, 0]),
        (0, [], []),
    ],
)
def test_split_by_largest_remainder(total: int, by: list[int], parts: list[int]) -> None:
    assert split(total, by) == parts


@STEADY
@given(amounts, weights)
def test_a_split_adds_up_and_no_part_is_off_by_one(total: int, by: list[int]) -> None:
    if not any(by):
        by = [*by, 1]
    parts = split(total, by)
    assert sum(parts) == total
    for part, weight in zip(parts, by, strict=True):
        assert abs(part * sum(by) - total * weight) < sum(by)


@STEADY
@given(st.integers(0, 10**24), weights)
def test_who_weighs_more_never_gets_less(total: int, by: list[int]) -> None:
    parts = split(total, [*by, 1])
    pairs = sorted(zip([*by, 1], parts, strict=True))
    assert [part for _, part in pairs] == sorted(parts)


@pytest.mark.parametrize(("total", "by"), [(1, []), (1, [0, 0]), (3, [2, -1])])
def test_what_nobody_can_carry_is_refused(total: int, by: list[int]) -> None:
    with pytest.raises(ValueError, match=r"zero|negative"):
        split(total, by)


def test_amounts_for_people() -> None:
    assert format_usd(1_234_505_000_000_000) == "1,234.51"
    assert format_usd(-1_005_000_000_000) == "-1.01"
    assert format_usd(1_499_999, places=6) == "0.000001"
    assert format_minor(123_450) == "1,234.50"
    assert format_minor(-5) == "-0.05"


# --- rounding rules and currencies ------------------------------------------------------------------------------------

RULES = {
    "half_up": ROUND_HALF_UP,
    "half_even": ROUND_HALF_EVEN,
    "half_down": ROUND_HALF_DOWN,
    "up": ROUND_UP,
    "down": ROUND_DOWN,
}


def test_every_rule_has_a_name() -> None:
    assert set(RULES) == set(ROUNDING_RULES)
    with pytest.raises(ValueError, match="no rounding rule is called 'bankers'"):
        round_whole(1, "bankers")


@STEADY
@given(st.sampled_from(sorted(RULES)), st.decimals(-(10**9), 10**9, places=3))
def test_every_rule_is_that_of_decimal(rule: str, value: Decimal) -> None:
    assert round_whole(Fraction(value), rule) == int(value.quantize(Decimal(1), RULES[rule]))


@pytest.mark.parametrize(
    ("currency", "amount", "minor", "text"),
    [
        ("USD", "1234.505", 123_451, "1,234.51"),
        ("JPY", "1234.5", 1_235, "1,235"),
        ("KWD", "1234.5005", 1_234_501, "1,234.501"),
        ("CLF", "0.00005", 1, "0.0001"),
        ("EUR", "-0.005", -1, "-0.01"),
    ],
)
def test_the_minor_unit_is_that_of_the_currency(
    currency: str, amount: str, minor: int, text: str
) -> None:
    assert round_to_minor(usd_to_pusd(amount), currency) == minor
    assert format_minor(minor, currency) == text
    assert round_to_minor(minor * pusd_per_minor(currency), currency) == minor


def test_codes_are_those_of_iso_4217() -> None:
    assert all(len(code) == 3 and code.isupper() for code in EXPONENTS)
    assert (EXPONENTS["VND"], EXPONENTS["HUF"], EXPONENTS["BHD"]) == (0, 2, 3)
    with pytest.raises(KeyError):
        round_to_minor(1, "XYZ")


@pytest.mark.parametrize(
    ("currency", "total", "by", "parts"),
    [
        ("USD", "0.05", [1, 1, 1], ["0.02", "0.02", "0.01"]),
        ("JPY", "5", [1, 1, 1], ["2", "2", "1"]),
        ("USD", "0.01", [100, 1], ["0.01", "0.00"]),
    ],
)
def test_allocation_examples_of_openmeter(
    currency: str, total: str, by: list[int], parts: list[str]
) -> None:
    minor = round_to_minor(usd_to_pusd(total), currency)
    assert [format_minor(part, currency) for part in split(minor, by)] == parts


@STEADY
@given(
    st.integers(0, 10**6), st.lists(st.fractions(0, 10, max_denominator=9), min_size=1, max_size=6)
)
def test_fractions_are_weights_as_well(total: int, by: list[Fraction]) -> None:
    by = [*by, Fraction(1)]
    scaled = [int(weight * 2520) for weight in by]
    assert split(total, by) == split(total, scaled)


@STEADY
@given(st.integers(10**30, 10**60))
def test_no_amount_is_too_long(pusd: int) -> None:
    assert usd_to_pusd(pusd_to_usd(pusd)) == pusd
    assert format_usd(pusd, 12).replace(",", "").replace(".", "") == str(pusd)
