"""What payments are worth and what they return, by the period or by the day."""

from typing import Annotated

from wattmill.core.errors import PlanError
from wattmill.finance import cashflow, covenants, debt
from wattmill.finance import returns as worth
from wattmill.plan.questions.inputs import choice
from wattmill.plan.questions.lists import DatedFlows, Flows
from wattmill.plan.questions.registry import Found, Input, question
from wattmill.plan.questions.units import short

PRESENT = "Definition: sum of payment_t / (1 + rate)^t, the first undiscounted"
ROOT = "Definition: the rate at which the payments are worth nothing; every root in (-1, 10]"
DAYS = "act/365F, act/360, 30/360 (SIA), 30E/360 and act/act (ISDA 2006) day counts"

PeriodRate = Annotated[float, Input("rate of a period", "", -0.99, 10.0)]
YearRate = Annotated[float, Input("rate of a year", "", -0.99, 10.0)]
DayCount = Annotated[
    str, choice("how years are counted", "act/365F", "act/360", "30/360", "30E/360", "act/act-ISDA")
]


# --- by the period --------------------------------------------------------------------------------


@question("returns", gives="USD", source=PRESENT)
def npv(flows: Flows, rate: PeriodRate) -> float:
    """What payments are worth today at a rate of a period."""
    return cashflow.npv(rate, flows)


@question("returns", gives="%", source=ROOT)
def irr(flows: Flows) -> float:
    """The one rate of a period that payments return; where several would do, none is told."""
    return cashflow.irr(flows)


@question("returns", source=ROOT)
def irr_all(flows: Flows) -> Found:
    """Every rate of a period at which payments are worth nothing."""
    rates = cashflow.irr_all(flows)
    changes = cashflow.sign_changes(flows)
    text = " and ".join(f"{short(100 * rate)} %" for rate in rates) or "none"
    return Found(text, note=f"payments change their sign {changes} times, so there are no more")


@question(
    "returns", gives="%", source="Modified IRR: (receipts' future / payments' present)^(1/n) - 1"
)
def mirr(
    flows: Flows,
    finance: Annotated[float, Input("rate that payments cost, a period", "", -0.99, 10.0)],
    reinvest: Annotated[float, Input("rate that receipts earn, a period", "", -0.99, 10.0)],
) -> float:
    """Rate of a period that payments return where what comes back earns another rate."""
    return worth.mirr(flows, finance, reinvest)


@question("returns", gives="x", source="Definition: received over paid, undiscounted (MOIC)")
def money_multiple(flows: Flows) -> float:
    """How many times what was paid comes back."""
    return worth.money_multiple(flows)


@question(
    "returns", gives="x", source="Definition: worth of what comes later over what is paid now"
)
def profitability_index(flows: Flows, rate: PeriodRate) -> float:
    """What is got for each USD paid today; above 1 it is worth it."""
    return worth.profitability_index(rate, flows)


@question("returns", source="Macaulay duration / (1 + rate)")
def modified_duration(flows: Flows, rate: PeriodRate) -> Found:
    """Per cent of value that receipts lose for each per cent of rate of a period, in periods.

    The first is of today; what is paid for them is left out: 0; 50; 60.
    """
    if min(flows) < 0:
        raise PlanError(
            f"{short(min(flows))} USD is paid, not received",
            hint="give receipts alone, 0 for today: flows='0; 50; 60'",
        )
    found = covenants.modified_duration(rate, flows)
    later = covenants.macaulay_duration(rate, flows)
    return Found(found, note=f"on average received after {later:.4g} periods (Macaulay)")


@question("returns", gives="USD", source="Present value of cash over the cover ratio")
def sculpted_debt(
    flows: Flows,
    rate: Annotated[float, Input("rate of a period", "", 0.0, 10.0)],
    cover: Annotated[float, Input("debt service cover ratio (DSCR)", "", 0.01, 1000.0)] = 1.3,
) -> Found:
    """The most that uneven cash carries if each period's service is its cash over a cover ratio.

    The first payment is that of the first period, not of today.
    """
    import numpy as np  # here, because other questions do without

    cash = np.array(flows)
    most = float(debt.debt_capacity(cash, rate, cover))
    if not most > 0:
        raise PlanError("such cash carries no debt", hint="give cash above 0")
    back = debt.sculpted_principal(cash, rate, cover)
    grows = "; in some periods interest is more than the service" if back.min() < 0 else ""
    ends = f"{short(float(back[0]))} USD repaid in the first period, {short(float(back[-1]))} in the last"
    return Found(most, note=ends + grows)


# --- by the day -----------------------------------------------------------------------------------


@question("returns", gives="USD", source=DAYS)
def xnpv(flows: DatedFlows, rate: YearRate, day_count: DayCount = "act/365F") -> float:
    """What payments on days are worth on the first of them, at a rate of a year."""
    return worth.xnpv(rate, flows, day_count)


@question("returns", gives="%", source=DAYS)
def xirr(flows: DatedFlows, day_count: DayCount = "act/365F") -> float:
    """The one rate of a year that payments on days return."""
    return worth.xirr(flows, day_count)
