"""One machine for another under a cap of power, and machines that wait for power."""

from typing import Annotated

from msgspec.structs import replace

from wattmill.core.errors import PlanError
from wattmill.finance.delay import DarkFleet, delay_cost
from wattmill.finance.replacement import Replacement, best_replacement
from wattmill.finance.slot import Machine, Slot, Use
from wattmill.finance.token_cost import payback_s
from wattmill.plan.questions.debt import whole_months
from wattmill.plan.questions.decay import Fall, Rent
from wattmill.plan.questions.inputs import (
    Power,
    PowerPrice,
    Pue,
    Usd,
    UsdPerHour,
    Utilisation,
    number,
    positive,
    share,
)
from wattmill.plan.questions.registry import Bundle, Found, Input, question
from wattmill.plan.questions.units import MONTH_S

STOPPING = "Optimal stopping by backward induction (Bellman), rents certain"
CENT_PER_KWH = 0.10 / 3.6e6


# --- one machine for another ----------------------------------------------------------------------


@question("replacement", gives="month", source="Price less resale over what is earned more")
def swap_payback(
    paid: Annotated[float, positive("price of the new machine", "USD")],
    rent_new: Rent,
    rent_old: UsdPerHour = 0.0,
    sold: Usd = 0.0,
    utilisation: Utilisation = 0.8,
    power_new: Annotated[float, number("power of the new one", "W")] = 0.0,
    power_old: Annotated[float, number("power of the old one", "W")] = 0.0,
    price: PowerPrice = CENT_PER_KWH,
    pue: Pue = 1.2,
) -> float:
    """Time until a new machine has earned its price by what it earns above the old one."""
    if sold >= paid:
        raise PlanError("the old one sells for more than the new one costs", hint="swap at once")
    energy = (power_new - power_old) * pue * price
    return payback_s(paid - sold, utilisation, rent_new - rent_old, energy)


class Swap(Bundle, frozen=True):
    """A slot of power with old machines, and new ones that would take the same power.

    Rents fall by fall_old and fall_new a year, the price of new ones and of used ones by price_fall.
    """

    power: Power
    power_old: Power
    power_new: Power
    rent_old: UsdPerHour
    rent_new: UsdPerHour
    paid: Usd
    sold: Usd = 0.0
    fall_old: Fall = 0.3
    fall_new: Fall = 0.3
    price_fall: Fall = 0.3
    used_share: Annotated[float, share("share of its price that a new one brings when used")] = 0.7
    utilisation: Utilisation = 0.8
    price: PowerPrice = CENT_PER_KWH
    pue: Pue = 1.2
    horizon: Annotated[float, positive("months that are looked at", "month", high=120)] = (
        60 * MONTH_S
    )
    discount: Annotated[float, Input("discount of a year", "", 0.0, 10.0)] = 0.1

    def best(self) -> Replacement:
        """What to do with the slot."""
        old = self._machine("old", self.power_old, self.rent_old, self.fall_old)
        new = self._machine("new", self.power_new, self.rent_new, self.fall_new)
        old = replace(old, usd=self.sold, resale_frac=1.0)
        new = replace(new, usd=self.paid, resale_frac=self.used_share)
        slot = Slot(
            kw=self.power / 1000, machines=(old, new), months=whole_months(self.horizon),
            discount_frac_per_year=self.discount, incumbent="old",
        )  # fmt: skip
        return best_replacement(slot)

    def _machine(self, name: str, power: float, rent: float, fall: float) -> Machine:
        running = power * self.pue * self.price * MONTH_S
        earns = rent * self.utilisation * MONTH_S
        return Machine(
            name=name, kw=power / 1000, use=Use(earns, running, rent_frac_per_year=-fall),
            usd_frac_per_year=-self.price_fall, life_months=240,
        )  # fmt: skip


@question("replacement", gives="month", source=STOPPING)
def swap_month(swap: Swap) -> Found:
    """The month in which a slot's old machines should make room for new ones."""
    found = swap.best()
    months = [step.month for step in found.plan if step.action == "swap to new"]
    if not months:
        raise PlanError("the old machines stay to the end", hint="or look further ahead")
    gain = found.value_usd - found.never_usd
    return Found(months[0] * MONTH_S, note=f"worth {gain:,.0f} USD more than never")


@question("replacement", gives="USD/kW-month", source=STOPPING)
def slot_worth(swap: Swap) -> float:
    """What the power of a slot is worth, if the best that is known stands in it."""
    return swap.best().slot_usd_per_kw_month / (1000 * MONTH_S)


@question(
    "replacement", gives="USD", source="Interest, lost value and standing costs of dark machines"
)
def delay_usd(
    value: Usd,
    delay: Annotated[float, number("time without power", "month", high=240)],
    fall: Fall = 0.3,
    financed: Annotated[float, share("share of the value that is lent")] = 0.7,
    rate: Annotated[float, Input("interest of a year", "", 0.0, 10.0)] = 0.12,
    standing: Annotated[float, number("space, staff, insurance", "USD/month")] = 0.0,
) -> Found:
    """What it costs that machines wait for power; rent that is not earned is not in it."""
    fleet = DarkFleet(
        value_usd=value, value_frac_per_year=-fall, financed_usd=financed * value,
        interest_frac_per_year=rate, standing_usd_per_month=standing * MONTH_S,
    )  # fmt: skip
    cost = delay_cost(fleet, delay / MONTH_S)
    note = f"{float(cost.interest_usd):,.0f} USD of it interest, {float(cost.lost_value_usd):,.0f} value"
    return Found(float(cost.total_usd), note=note)
