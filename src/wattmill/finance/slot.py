"""What can stand in a slot under a power cap: machines, their uses, and what each earns and costs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from msgspec import Struct

from wattmill.core.errors import PlanError
from wattmill.finance.lattice import Lattice, certain, lattice
from wattmill.finance.processes import PriceProcess

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float64]


class Use(Struct, frozen=True):
    """Work of one machine, by the month.

    Rent of month t: usd · (1 + growth)^(t/12) · M_t^follows, M the random rent level (1 without one); a use that
    follows by less than 1 is steadier. Running: power, space, people, in the same way without M.
    """

    rent_usd_per_month: float
    running_usd_per_month: float = 0.0
    rent_frac_per_year: float = 0.0
    running_frac_per_year: float = 0.0
    follows: float = 1.0


class Machine(Struct, frozen=True, kw_only=True):
    """A kind of machine. USD for one; `kw` is what it takes of the cap.

    A new one costs usd · (1 + usd_frac_per_year)^(t/12) · M^usd_follows; a used one sells for resale_frac of that
    when as good as new, and for (1 + resale_frac_per_year) times as much each year of age: never above a new one.
    lower: the use of a lower tier; there is no way back up. install_months: dark, after which the age counts from 0.
    """

    name: str
    kw: float
    use: Use
    usd: float = 0.0
    usd_frac_per_year: float = 0.0
    usd_follows: float = 0.0
    available_month: int = 0
    install_usd: float = 0.0
    install_months: int = 0
    resale_frac: float = 0.0
    resale_frac_per_year: float = 0.0
    life_months: int = 120
    lower: Use | None = None
    redeploy_usd: float = 0.0


class Slot(Struct, frozen=True, kw_only=True):
    """A part of a power cap, and the machines that may fill it; whole machines only.

    incumbent: the name of what stands there, `age_months` old; None for an empty slot. empty_usd_per_month: what
    the power earns with nothing in it (let to others; below 0 if it must be paid). At the end of `months`
    everything is sold. rent: the random rent level, best with start and anchor near 1.
    """

    kw: float
    machines: tuple[Machine, ...]
    months: int
    discount_frac_per_year: float
    incumbent: str | None = None
    age_months: int = 0
    empty_usd_per_month: float = 0.0
    rent: PriceProcess | None = None

    def grid(self) -> Lattice:
        """The rent level as a chain of months."""
        return certain(self.months) if self.rent is None else lattice(self.rent, self.months)

    def count(self, machine: Machine) -> int:
        """Whole machines in the slot."""
        return int(self.kw / machine.kw + 1e-9)


def flow_usd(use: Use, month: int, level: Array) -> Array:
    """What one machine leaves in `month` (its end), at each rent level."""
    rent = use.rent_usd_per_month * (1 + use.rent_frac_per_year) ** (month / 12)
    running = use.running_usd_per_month * (1 + use.running_frac_per_year) ** (month / 12)
    flow: Array = rent * level**use.follows - running
    return flow


def new_usd(machine: Machine, month: int, level: Array) -> Array:
    """Price of a new one in `month` at each rent level, not installed."""
    price: Array = (
        machine.usd * (1 + machine.usd_frac_per_year) ** (month / 12) * level**machine.usd_follows
    )
    return price


def resale_usd(machine: Machine, month: int, ages: Array, level: Array) -> Array:
    """(ages, levels): what a used one sells for in `month`."""
    worn = machine.resale_frac * (1 + machine.resale_frac_per_year) ** (ages / 12)
    price: Array = worn[:, None] * new_usd(machine, month, level)[None, :]
    return price


def check(slot: Slot) -> None:
    """PlanError if nothing can be decided about this slot."""
    names = [machine.name for machine in slot.machines]
    if not (slot.months >= 1 and slot.kw > 0 and slot.discount_frac_per_year > -1):
        raise PlanError(
            f"a slot of {slot.kw} kW over {slot.months} months cannot be decided",
            hint="give kW above 0, a month or more, and a discount rate above -1",
        )
    if len(set(names)) < len(names):
        raise PlanError("two machines have one name", hint="give each a name of its own")
    if slot.incumbent is not None and slot.incumbent not in names:
        raise PlanError(
            f"no machine is called {slot.incumbent!r}", hint="known are: " + ", ".join(names)
        )
    for machine in slot.machines:
        _check_machine(slot, machine)


def _check_machine(slot: Slot, machine: Machine) -> None:
    m = machine
    sound = {
        "kw > 0": m.kw > 0,
        "usd >= 0 and install_usd >= 0": m.usd >= 0 and m.install_usd >= 0,
        "install_months >= 0": m.install_months >= 0,
        "life_months >= 1": m.life_months >= 1,
        "usd_frac_per_year > -1": m.usd_frac_per_year > -1,
        "-1 < resale_frac_per_year <= 0": -1 < m.resale_frac_per_year <= 0,
        "0 <= resale_frac <= 1": 0 <= m.resale_frac <= 1,
    }
    for rule, holds in sound.items():
        if not holds:
            raise PlanError(f"the machine {m.name!r} breaks {rule}", hint=f"see its fields: {rule}")
    if slot.count(m) == 0:
        raise PlanError(
            f"one {m.name!r} takes {m.kw:g} kW, the slot has {slot.kw:g}",
            hint="give a larger slot, or leave the machine out",
        )
    if slot.incumbent == m.name and not 0 <= slot.age_months < m.life_months:
        raise PlanError(
            f"{m.name!r} is {slot.age_months} months old and lives {m.life_months}",
            hint="give an age below its life",
        )
