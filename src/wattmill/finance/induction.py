"""Backward induction over what may stand in a slot: values and best actions of every state."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from msgspec import Struct

from wattmill.finance import annuity
from wattmill.finance.slot import Machine, Slot, Use, flow_usd, new_usd, resale_usd

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float64]

WORTH_ACTING = 1e-9
"""Of the sums at stake: an action that gains less than this is not taken."""


class Seat(Struct, frozen=True):
    """A machine in one of its tiers; machine None is the empty slot."""

    machine: Machine | None
    use: Use | None
    lower: int | None


class Induction:
    """Values and best actions of every state, from the last month to today.

    Axes: seat, age, node. Seat 0 is the empty slot; actions are keep, redeploy, sell, then one for each machine.
    """

    def __init__(self, slot: Slot) -> None:
        self.slot, self.grid = slot, slot.grid()
        self.monthly = (1 + slot.discount_frac_per_year) ** (-1 / 12)
        self.seats, self.prime = _seats(slot.machines)
        self.first = 0 if slot.incumbent is None else self.prime[slot.incumbent]
        self.ages = np.arange(slot.months + slot.age_months + 1, dtype=float)
        shape = (len(self.seats), len(self.ages), self.grid.prices.shape[1])
        self.best = np.zeros((slot.months, *shape), dtype=np.int8)
        self.new = np.zeros((slot.months + 1, len(slot.machines), shape[2]))
        self.never = np.zeros(shape[2])
        self.today = np.zeros(0)
        self.value = self._solve(shape)

    def _solve(self, shape: tuple[int, ...]) -> Array:
        months = self.slot.months
        value = self._sale(months)
        self.never = value[self.first, self.age(months)]
        for month in reversed(range(months)):
            self.new[month + 1] = value[list(self.prime.values()), 0]
            choices = self._choices(month, value)
            value = choices.max(axis=0)
            gain = WORTH_ACTING * np.abs(value)
            self.best[month] = np.where(choices[0] >= value - gain, 0, choices.argmax(axis=0))
            self.never = self._held_on(month)
        self.today = choices[:, self.first, self.age(0), self.grid.start]
        return value

    def _choices(self, month: int, after: Array) -> Array:
        """(actions, seats, ages, nodes): value of each action; -inf where it cannot be."""
        going_on = self._going_on(month, after)
        sale = self._sale(month)
        choices = np.full((3 + len(self.slot.machines), *going_on.shape), -np.inf)
        choices[0] = going_on
        choices[2, 1:] = sale[1:] + going_on[0]
        for i, seat in enumerate(self.seats):
            if seat.machine is not None:
                choices[0, i, self.ages >= seat.machine.life_months] = -np.inf
        for i, seat in enumerate(self.seats):
            if seat.lower is not None and seat.machine is not None:
                moved = self.slot.count(seat.machine) * seat.machine.redeploy_usd
                choices[1, i] = choices[0, seat.lower] - moved
        for i, machine in enumerate(self.slot.machines):
            choices[3 + i] = sale + self._bought(month, i, machine, going_on)
        return choices

    def _going_on(self, month: int, after: Array) -> Array:
        """Discounted mean of next month's flow and of what comes after, seen from `month`."""
        later = np.concatenate([after[:, 1:], after[:, -1:]], axis=1)
        later += np.stack([self._flow(seat, month + 1) for seat in self.seats])[:, None, :]
        mean: Array = self.monthly * self.grid.expected(later)
        return mean

    def _bought(self, month: int, i: int, machine: Machine, going_on: Array) -> Array | float:
        """Value of buying it now, at each rent level."""
        ready = month + machine.install_months
        if month < machine.available_month or ready > self.slot.months:
            return -np.inf
        worth = going_on[self.prime[machine.name], 0]
        if machine.install_months:
            worth = self.new[ready, i]
            for _ in range(machine.install_months):
                worth = self.monthly * self.grid.expected(worth)
        price = new_usd(machine, month, self.grid.prices[month]) + machine.install_usd
        bought: Array = worth - self.slot.count(machine) * price
        return bought

    def _flow(self, seat: Seat, month: int) -> Array:
        level = self.grid.prices[month]
        if seat.machine is None or seat.use is None:
            return np.full(len(level), self.slot.empty_usd_per_month)
        return self.slot.count(seat.machine) * flow_usd(seat.use, month, level)

    def _sale(self, month: int) -> Array:
        """(seats, ages, nodes): what selling brings in `month`."""
        level = self.grid.prices[month]
        sale = np.zeros((len(self.seats), len(self.ages), len(level)))
        for i, seat in enumerate(self.seats):
            if seat.machine is not None:
                count = self.slot.count(seat.machine)
                sale[i] = count * resale_usd(seat.machine, month, self.ages, level)
        return sale

    def _held_on(self, month: int) -> Array:
        """Value of never acting until the end of the study or of the machine's life."""
        seat, age = self.seats[self.first], self.age(month)
        if seat.machine is not None and age >= seat.machine.life_months:
            left = self.slot.months - month
            empty = self.slot.empty_usd_per_month * self.annuity(left)
            sold: Array = self._sale(month)[self.first, age] + empty
            return sold
        held: Array = self.monthly * self.grid.expected(self.never + self._flow(seat, month + 1))
        return held

    def annuity(self, months: int) -> float:
        """Present value of a dollar at the end of each month."""
        return float(annuity.pv(1 / self.monthly - 1, months, -1.0))

    def age(self, month: int) -> int:
        """Of the incumbent, in months."""
        return self.slot.age_months + month

    def after(self, action: int, month: int, seat: int, age: int) -> tuple[int, int, int]:
        """Month, seat and age that an action leads to."""
        if action == 1:
            return month + 1, self.seats[seat].lower or 0, age + 1
        if action == 2:
            return month + 1, 0, 0
        if action >= 3:
            machine = self.slot.machines[action - 3]
            wait = machine.install_months
            return month + max(wait, 1), self.prime[machine.name], 0 if wait else 1
        return month + 1, seat, age + 1


def _seats(machines: tuple[Machine, ...]) -> tuple[list[Seat], dict[str, int]]:
    seats, prime = [Seat(None, None, None)], {}
    for machine in machines:
        prime[machine.name] = len(seats)
        lower = len(seats) + 1 if machine.lower is not None else None
        seats.append(Seat(machine, machine.use, lower))
        if machine.lower is not None:
            seats.append(Seat(machine, machine.lower, None))
    return seats, prime
