"""Backward induction over what may stand in a slot: values and best actions of every state."""

from __future__ import annotations

from collections.abc import Iterator
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
TODAYS = 0
"""The clock of what stands there today."""


class Seat(Struct, frozen=True):
    """A machine in one of its tiers; machine None is the empty slot."""

    machine: Machine | None
    use: Use | None
    lower: int | None


class Induction:
    """Values and best actions of every state, from the last month to today.

    Axes: seat, clock, node. Seat 0 is the empty slot. Clock 0 is that of what stands there today, clock 1 + a that
    of what came later and is `a` months old: in month t no age above t. Actions are keep, redeploy, sell, then one
    for each machine.
    """

    def __init__(self, slot: Slot) -> None:
        self.slot, self.grid = slot, slot.grid()
        self.monthly = (1 + slot.discount_frac_per_year) ** (-1 / 12)
        self.seats, self.prime = _seats(slot.machines)
        self.first = 0 if slot.incumbent is None else self.prime[slot.incumbent]
        nodes = self.grid.prices.shape[1]
        self.best = np.zeros((slot.months, len(self.seats), slot.months + 1, nodes), dtype=np.int8)
        self.new = np.zeros((slot.months + 1, len(slot.machines), nodes))
        self.never = np.zeros(nodes)
        self.today = np.zeros(0)
        self.value = self._solve()

    def _solve(self) -> Array:
        months = self.slot.months
        value = self._sale(months)
        self.never = value[self.first, TODAYS]
        for month in reversed(range(months)):
            self.new[month + 1] = value[list(self.prime.values()), 1]
            value = self._step(month, value)
            self.never = self._held_on(month)
        return value

    def _step(self, month: int, after: Array) -> Array:
        """(seats, clocks, nodes): values in `month`; the best actions are kept.

        What selling brings is the same for every buyer, so the best use of an empty slot is found once.
        """
        keep, sale = self._going_on(month, after), self._sale(month)
        emptied = self._emptied(month, keep)
        self._end(month, keep)
        other = sale + emptied.max(axis=0)
        action = np.broadcast_to((2 + emptied.argmax(axis=0)).astype(np.int8), other.shape).copy()
        for i, moved in self._redeployed(keep):
            np.copyto(action[i], 1, where=moved >= other[i])
            np.maximum(other[i], moved, out=other[i])
        value: Array = np.maximum(keep, other)
        stays = keep >= value - WORTH_ACTING * np.abs(value)
        self.best[month, :, : month + 2] = np.where(stays, 0, action)
        if month == 0:
            self.today = self._today(keep, sale, emptied)
        return value

    def _going_on(self, month: int, after: Array) -> Array:
        """Discounted mean of next month's flow and of what comes after, seen from `month`."""
        later = np.concatenate([after[:, :1], after[:, 2:]], axis=1)
        later += np.stack([self._flow(seat, month + 1) for seat in self.seats])[:, None, :]
        mean: Array = self.monthly * self.grid.expected(later)
        return mean

    def _emptied(self, month: int, going_on: Array) -> Array:
        """(1 + machines, nodes): value of a slot left empty, and of one filled with each machine."""
        bought = [self._bought(month, i, m, going_on) for i, m in enumerate(self.slot.machines)]
        return np.stack([going_on[0, 0], *bought])

    def _end(self, month: int, keep: Array) -> None:
        """Nothing can be kept beyond its life."""
        ages = self._ages(month)
        for i, seat in enumerate(self.seats):
            if seat.machine is not None:
                keep[i, ages >= seat.machine.life_months] = -np.inf

    def _redeployed(self, keep: Array) -> Iterator[tuple[int, Array]]:
        """Each seat that has a lower tier, and the value of moving there."""
        for i, seat in enumerate(self.seats):
            if seat.lower is not None and seat.machine is not None:
                yield (
                    i,
                    keep[seat.lower] - self.slot.count(seat.machine) * seat.machine.redeploy_usd,
                )

    def _today(self, keep: Array, sale: Array, emptied: Array) -> Array:
        """Value of each action on what stands there; -inf where it cannot be."""
        at, node = (self.first, TODAYS), self.grid.start
        moved = {i: value[0, node] for i, value in self._redeployed(keep)}
        left = sale[at][node] + emptied[:, node]
        if self.first == 0:
            left[0] = -np.inf
        return np.array([keep[at][node], moved.get(self.first, -np.inf), *left])

    def _bought(self, month: int, i: int, machine: Machine, going_on: Array) -> Array:
        """Value of buying it now, at each rent level."""
        ready = month + machine.install_months
        if month < machine.available_month or ready > self.slot.months:
            return np.full(going_on.shape[2], -np.inf)
        worth = going_on[self.prime[machine.name], 1]
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
        """(seats, clocks, nodes): what selling brings in `month`."""
        level, ages = self.grid.prices[month], self._ages(month)
        sale = np.zeros((len(self.seats), len(ages), len(level)))
        for machine in self.slot.machines:
            i = self.prime[machine.name]
            sale[i] = self.slot.count(machine) * resale_usd(machine, month, ages, level)
            lower = self.seats[i].lower
            if lower is not None:
                sale[lower] = sale[i]
        return sale

    def _held_on(self, month: int) -> Array:
        """Value of never acting until the end of the study or of the machine's life."""
        seat = self.seats[self.first]
        if seat.machine is not None and self._ages(month)[0] >= seat.machine.life_months:
            left = self.slot.months - month
            empty = self.slot.empty_usd_per_month * self.annuity(left)
            sold: Array = self._sale(month)[self.first, TODAYS] + empty
            return sold
        held: Array = self.monthly * self.grid.expected(self.never + self._flow(seat, month + 1))
        return held

    def annuity(self, months: int) -> float:
        """Present value of a dollar at the end of each month."""
        return float(annuity.pv(1 / self.monthly - 1, months, -1.0))

    def _ages(self, month: int) -> Array:
        """In months, by clock."""
        return np.array([self.slot.age_months + month, *range(month + 1)], dtype=float)

    def after(self, action: int, month: int, seat: int, clock: int) -> tuple[int, int, int]:
        """Month, seat and clock that an action leads to."""
        later = clock + 1 if clock else 0
        if action == 1:
            return month + 1, self.seats[seat].lower or 0, later
        if action == 2:
            return month + 1, 0, 0
        if action >= 3:
            machine = self.slot.machines[action - 3]
            wait = machine.install_months
            return month + max(wait, 1), self.prime[machine.name], 1 if wait else 2
        return month + 1, seat, later


def _seats(machines: tuple[Machine, ...]) -> tuple[list[Seat], dict[str, int]]:
    seats, prime = [Seat(None, None, None)], {}
    for machine in machines:
        prime[machine.name] = len(seats)
        lower = len(seats) + 1 if machine.lower is not None else None
        seats.append(Seat(machine, machine.use, lower))
        if machine.lower is not None:
            seats.append(Seat(machine, machine.lower, None))
    return seats, prime
