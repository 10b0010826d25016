"""Replacement beside brute force over every plan and every threshold, and what must hold of any answer."""

from __future__ import annotations

from itertools import pairwise, product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from wattmill.core.errors import PlanError
from wattmill.finance.processes import PriceProcess
from wattmill.finance.replacement import best_replacement
from wattmill.finance.slot import Machine, Slot, Use

OLD = Machine(
    name="old",
    kw=10,
    use=Use(9_000, 2_500, rent_frac_per_year=-0.3),
    usd=200_000,
    usd_frac_per_year=-0.2,
    resale_frac=0.8,
    resale_frac_per_year=-0.3,
    life_months=72,
    lower=Use(6_000, 2_000, rent_frac_per_year=-0.1),
    redeploy_usd=3_000,
)
NEW = Machine(
    name="new",
    kw=15,
    use=Use(25_000, 3_500, rent_frac_per_year=-0.2),
    usd=350_000,
    usd_frac_per_year=-0.15,
    available_month=6,
    install_usd=10_000,
    install_months=2,
    resale_frac=0.8,
    resale_frac_per_year=-0.3,
    life_months=72,
)
SLOT = Slot(
    kw=100,
    machines=(OLD, NEW),
    months=48,
    discount_frac_per_year=0.12,
    incumbent="old",
    age_months=24,
)
RENT = PriceProcess(1, 1, 0, 9, 0.35, 1.6, 0.25, 9)


def per_machine(use: Use, month: int) -> float:
    rent = use.rent_usd_per_month * (1 + use.rent_frac_per_year) ** (month / 12)
    return float(rent - use.running_usd_per_month)


def price(machine: Machine, month: int) -> float:
    return float(machine.usd * (1 + machine.usd_frac_per_year) ** (month / 12))


class Owner:
    """Follows a list of actions month by month, with no idea of what is best."""

    def __init__(self, slot: Slot) -> None:
        self.slot = slot
        self.by_name = {machine.name: machine for machine in slot.machines}
        self.machine = self.by_name.get(slot.incumbent or "")
        self.lower, self.age, self.ready, self.month = False, slot.age_months, 0, 0
        self.flows = np.zeros(slot.months + 1)

    def worth(self, actions: tuple[str, ...]) -> float | None:
        """Present value; None if the plan cannot be followed."""
        for self.month, action in enumerate(actions):
            if not self.act(action):
                return None
            self.earn()
        self.month = self.slot.months
        self.sell()
        months = np.arange(self.slot.months + 1)
        return float(self.flows @ (1 + self.slot.discount_frac_per_year) ** (-months / 12))

    def act(self, action: str) -> bool:
        if self.month < self.ready:
            return action == "keep"
        if action == "keep":
            return self.machine is None or self.age < self.machine.life_months
        if action == "redeploy":
            return self.redeploy()
        if action == "sell":
            return self.sell()
        return self.buy(self.by_name[action])

    def redeploy(self) -> bool:
        if self.machine is None or self.machine.lower is None or self.lower:
            return False
        self.flows[self.month] -= self.count() * self.machine.redeploy_usd
        self.lower = True
        return self.age < self.machine.life_months

    def sell(self) -> bool:
        if self.machine is None:
            return False
        worn = self.machine.resale_frac * (1 + self.machine.resale_frac_per_year) ** (self.age / 12)
        self.flows[self.month] += self.count() * worn * price(self.machine, self.month)
        self.machine = None
        return True

    def buy(self, machine: Machine) -> bool:
        self.sell()
        self.ready = self.month + machine.install_months
        if self.month < machine.available_month or self.ready > self.slot.months:
            return False
        self.machine, self.lower, self.age = machine, False, 0
        self.flows[self.month] -= self.count() * (price(machine, self.month) + machine.install_usd)
        return True

    def earn(self) -> None:
        later = self.month + 1
        if self.machine is None:
            self.flows[later] += self.slot.empty_usd_per_month
        elif self.month >= self.ready:
            use = self.machine.lower if self.lower and self.machine.lower else self.machine.use
            self.flows[later] += self.count() * per_machine(use, later)
            self.age += 1

    def count(self) -> int:
        assert self.machine is not None
        return int(self.slot.kw // self.machine.kw)


def best_by_force(slot: Slot) -> float:
    actions = ("keep", "redeploy", "sell", *(machine.name for machine in slot.machines))
    plans = product(actions, repeat=slot.months)
    return max(worth for plan in plans if (worth := Owner(slot).worth(plan)) is not None)


@settings(max_examples=20, deadline=None)
@given(
    old_rent=st.floats(0, 12_000),
    lower_rent=st.floats(0, 9_000),
    new_rent=st.floats(0, 60_000),
    new_usd=st.floats(1_000, 400_000),
    available=st.integers(0, 3),
    install=st.integers(0, 2),
    life=st.integers(25, 40),
    empty=st.floats(-5_000, 30_000),
    incumbent=st.sampled_from(["old", None]),
)
def test_the_best_policy_is_the_best_of_all_plans(
    old_rent: float,
    lower_rent: float,
    new_rent: float,
    new_usd: float,
    available: int,
    install: int,
    life: int,
    empty: float,
    incumbent: str | None,
) -> None:
    lower = Use(lower_rent, 2_000, rent_frac_per_year=-0.05)
    old = replace(OLD, use=Use(old_rent, 2_500, -0.3), lower=lower, life_months=life)
    new = replace(
        NEW,
        use=Use(new_rent, 3_500),
        usd=new_usd,
        available_month=available,
        install_months=install,
        lower=None,
    )
    slot = replace(
        SLOT, machines=(old, new), months=4, empty_usd_per_month=empty, incumbent=incumbent
    )
    assert best_replacement(slot).value_usd == pytest.approx(
        best_by_force(slot), rel=1e-9, abs=1e-3
    )


@pytest.mark.parametrize("floor_usd", [30.0, 34.0, 38.0])
def test_a_right_to_sell_is_worth_the_best_of_all_thresholds(floor_usd: float) -> None:
    months, monthly = 3, 1.12 ** (-1 / 12)
    rent = PriceProcess(1, 1, 0, 3, 0.6)
    machine = Machine(
        name="m",
        kw=1,
        use=Use(14.0, 2.0),
        usd=floor_usd,
        available_month=99,
        resale_frac=1.0,
        life_months=99,
    )
    slot = Slot(
        kw=1,
        machines=(machine,),
        months=months,
        discount_frac_per_year=0.12,
        incumbent="m",
        rent=rent,
    )
    grid = slot.grid()

    def held(month: int, node: int, sells_below: tuple[float, ...]) -> float:
        """Of a policy that sells in month t when the rent is below its threshold."""
        if month == months or grid.prices[month, node] < sells_below[month]:
            return floor_usd
        after = (
            p * (14 * grid.prices[month + 1, to] - 2 + held(month + 1, int(to), sells_below))
            for to in np.flatnonzero(grid.transition[node])
            if (p := grid.transition[node, to])
        )
        return float(monthly * sum(after))

    reach = [
        [0.0, 2.0],
        *(np.r_[0.0, grid.prices[t, grid.start - 4 * t : grid.start + 4 * t + 2]] for t in (1, 2)),
    ]
    policies = product(*reach)
    best = max(held(0, grid.start, tuple(map(float, policy))) for policy in policies)
    assert best_replacement(slot).value_usd == pytest.approx(best)


def test_what_must_hold_of_values() -> None:
    found = best_replacement(replace(SLOT, rent=RENT))
    assert found.value_usd == max(found.today.values())
    assert found.value_usd >= found.never_usd
    assert found.waiting_usd == pytest.approx(
        found.value_usd - max(usd for action, usd in found.today.items() if action != "keep")
    )
    acted = np.sum(list(found.act_frac.values()))
    assert 0 < acted <= 1 + 1e-9
    assert found.slot_usd_per_kw_month > 0


def test_the_swap_waits_for_the_new_generation_and_then_uses_all_of_the_power() -> None:
    found = best_replacement(SLOT)
    month, action = found.plan[0].month, found.plan[0].action
    assert action == "swap to new"
    assert month >= NEW.available_month
    assert sum(found.act_frac["swap to new"]) == pytest.approx(1)
    assert found.act_frac["swap to new"][month] == pytest.approx(1)


def test_a_plan_is_worth_what_it_says() -> None:
    found = best_replacement(SLOT)
    by_month = {step.month: step.action.removeprefix("swap to ") for step in found.plan}
    actions = tuple(by_month.get(month, "keep") for month in range(SLOT.months))
    assert Owner(SLOT).worth(actions) == pytest.approx(found.value_usd)


def test_never_acting_is_worth_keeping_until_the_end() -> None:
    assert best_replacement(SLOT).never_usd == pytest.approx(
        Owner(SLOT).worth(("keep",) * SLOT.months) or 0
    )


def test_at_the_end_of_its_life_it_must_go() -> None:
    slot = replace(SLOT, machines=(replace(OLD, life_months=30, lower=None),))
    found = best_replacement(slot)
    assert found.plan[0].month <= 6
    assert found.plan[0].action != "keep"


def test_uncertain_rent_makes_waiting_worth_more() -> None:
    """The same mean rent, but known only month by month: the right to choose gains."""

    def waiting(volatility: float) -> float:
        mean_one = PriceProcess(1, 1, 0, 3, volatility)
        machine = replace(NEW, available_month=0, install_months=0, usd_frac_per_year=0.0)
        slot = replace(SLOT, machines=(machine,), incumbent=None, months=36, rent=mean_one)
        found = best_replacement(slot)
        return found.value_usd

    assert waiting(0.8) > waiting(0.3) > 0


def test_the_slot_is_worth_what_filling_it_brings() -> None:
    poor = replace(NEW, use=Use(3_000, 3_500))
    assert best_replacement(replace(SLOT, machines=(OLD, poor))).slot_usd == 0
    let = best_replacement(replace(SLOT, machines=(OLD, poor), empty_usd_per_month=1_000))
    assert let.slot_usd_per_kw_month == pytest.approx(10)
    richer = best_replacement(SLOT).slot_usd
    assert richer > let.slot_usd


def test_more_power_is_never_worth_less() -> None:
    values = [best_replacement(replace(SLOT, kw=kw)).slot_usd for kw in (50.0, 59.0, 60.0, 100.0)]
    assert values == sorted(values)
    assert values[0] == values[1] < values[2]  # whole machines: 59 kW hold three as 50 do


def test_bands_cover_the_grid_and_are_disjoint() -> None:
    found = best_replacement(replace(SLOT, rent=RENT))
    first = [band for band in found.boundary if band.month == 12]
    assert len(first) > 1
    assert all(a.high == b.low and a.action != b.action for a, b in pairwise(first))
    assert first[0].low < 0.5 < 2 < first[-1].high


def test_used_machines_are_not_minted_in_scarcity() -> None:
    """Prices of new ones rise along, so buying in order to sell soon does not pay."""
    flip = replace(OLD, usd_follows=1.0, available_month=0, use=Use(0.0, 1.0), lower=None)
    slot = replace(SLOT, machines=(flip,), incumbent=None, rent=RENT)
    found = best_replacement(slot)
    assert found.value_usd < 1  # what is left: to buy in the deepest slump and wait
    assert found.today["buy old"] < 0


@pytest.mark.parametrize(
    ("slot", "message"),
    [
        (replace(SLOT, months=0), "0 months"),
        (replace(SLOT, kw=12.0), "'new' takes 15 kW, the slot has 12"),
        (replace(SLOT, incumbent="older"), "'older'"),
        (replace(SLOT, age_months=72), "72 months old"),
        (replace(SLOT, machines=(OLD, OLD)), "one name"),
        (replace(SLOT, machines=(replace(OLD, resale_frac=1.2),)), "resale_frac <= 1"),
        (replace(SLOT, machines=(replace(OLD, resale_frac_per_year=0.1),)), "resale_frac_per_year"),
    ],
)
def test_a_slot_that_cannot_be(slot: Slot, message: str) -> None:
    with pytest.raises(PlanError, match=message) as caught:
        best_replacement(slot)
    assert caught.value.hint
