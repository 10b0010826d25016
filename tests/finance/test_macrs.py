"""The tax tables follow from the law: declining balance, then a straight line, half a year first."""

from decimal import ROUND_HALF_UP, Decimal

import pytest

from wattmill.finance.depreciation import MACRS

PRINTED = {
    3: "33.33 44.45 14.81 7.41",
    5: "20.00 32.00 19.20 11.52 11.52 5.76",
    7: "14.29 24.49 17.49 12.49 8.93 8.92 8.93 4.46",
    10: "10.00 18.00 14.40 11.52 9.22 7.37 6.55 6.55 6.56 6.55 3.28",
    15: "5.00 9.50 8.55 7.70 6.93 6.23 5.90 5.90 5.91 5.90 5.91 5.90 5.91 5.90 5.91 2.95",
}
"""Per cent by year: IRS Publication 946, table A-1."""


def table(years: int) -> list[Decimal]:
    """26 USC 168(b), (d): 200 % declining balance up to 10 years, 150 % at 15 and 20.

    Each year takes its share of what the printed years before it left, to a hundredth of a per
    cent; from the year in which it takes more, the rest is spread evenly over the time left.
    """
    share = (Decimal(2) if years <= 10 else Decimal("1.5")) / years
    left, found = Decimal(100), []
    for year in range(years):
        time_left = Decimal(years) if year == 0 else years - year + Decimal("0.5")
        taken = left * max(share, 1 / time_left)
        if year == 0:
            taken /= 2
        found.append(taken.quantize(Decimal("0.01"), ROUND_HALF_UP))
        left -= found[-1]
    return [*found, left]


@pytest.mark.parametrize("years", PRINTED)
def test_the_law_gives_the_printed_table(years: int) -> None:
    assert table(years) == [Decimal(each) for each in PRINTED[years].split()]


@pytest.mark.parametrize("years", [3, 5, 7])
def test_our_tables_are_those(years: int) -> None:
    ours = [Decimal(str(each)) * 100 for each in MACRS[f"macrs{years}"]]
    assert ours == table(years)
