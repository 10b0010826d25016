"""What the books and the tax office take off machines, beside what the market does."""

from typing import Annotated

from wattmill.core.errors import PlanError
from wattmill.finance import depreciation
from wattmill.plan.questions.debt import whole_months
from wattmill.plan.questions.decay import Fall, Life
from wattmill.plan.questions.inputs import Usd, choice, positive, share, whole
from wattmill.plan.questions.registry import Bundle, Found, question
from wattmill.plan.questions.units import MONTH_S

TABLES = "IRS Publication 946, table A-1 (MACRS, half-year); else by the life in the books"
MONTHS = 12
METHODS: dict[str, depreciation.Method] = {
    "straight": "straight", "declining": "declining", "sum-of-years": "sum_of_years",
    "macrs3": "macrs3", "macrs5": "macrs5", "macrs7": "macrs7",
}  # fmt: skip


class WriteOff(Bundle, frozen=True):
    """How a price is written off; MACRS has a life of its own and leaves nothing."""

    paid: Annotated[float, positive("price paid", "USD")]
    method: Annotated[str, choice("how", *METHODS)] = "macrs5"
    life: Life = 60 * MONTH_S
    resale: Usd = 0.0
    bonus: Annotated[float, share("share of the price that is taken at once")] = 0.0

    def lost_usd(self, months: int) -> "depreciation.Array":
        """By month."""
        method, life = METHODS[self.method], whole_months(self.life)
        return depreciation.schedule_usd(method, self.paid, life, months, self.resale, self.bonus)


@question("decay", gives="USD", source=TABLES)
def depreciation_of_year(
    write_off: WriteOff, year: Annotated[int, whole("which year, the first is 1", 100)]
) -> Found:
    """What a year takes off a price by the books, or by the tax office (MACRS)."""
    lost = write_off.lost_usd(year * MONTHS)
    left = write_off.paid - float(lost.sum())
    return Found(float(lost[-MONTHS:].sum()), note=f"{left:,.0f} USD are left after it")


@question(
    "decay", gives="month", source=TABLES + "; market value falls by the same share each year"
)
def month_under_book(write_off: WriteOff, fall: Fall) -> Found:
    """The first month in which machines would sell for less than they stand at in the books."""
    months = whole_months(write_off.life)
    value = depreciation.economic_value(write_off.paid, months, frac_per_year=1 - fall)
    found = depreciation.side_by_side(write_off.paid, write_off.lost_usd(months), value)
    if found.under_month is None:
        raise PlanError("they always sell for what the books say", hint="that is the answer")
    worst = int(found.gap_usd.argmax())
    note = f"{float(found.gap_usd[worst]):,.0f} USD less at the worst, in month {worst}"
    return Found(found.under_month * MONTH_S, note=note)
