"""What moves the month of replacement, and the value of the slot: one input at a time."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
from msgspec.structs import replace

from wattmill.finance.replacement import best_replacement
from wattmill.finance.slot import Machine, Slot, Use
from wattmill.plan.studies.replace.report import Moved

SWAP = "swap to "
RANGE, NEAR = (0.5, 2.0), 0.01

Turn = Callable[[Slot], Slot]


class Knob(msgspec.Struct, frozen=True):
    """An input, how its ends are written, and what they change."""

    name: str
    low: str
    high: str
    at_low: Turn
    at_high: Turn


def moved(slot: Slot) -> tuple[Moved, ...]:
    """Every knob that can matter for this slot; what moves the value most comes first."""
    found = [_moved(slot, knob) for knob in _knobs(slot)]
    return tuple(sorted(found, key=lambda each: (-each.swing_usd, each.name)))


def swaps_from(slot: Slot) -> float | None:
    """Rents of new machines, over those assumed, from which one of them comes into the slot at the median rent.

    By halving between half and twice, to a hundredth; None if all or none of that does it.
    """
    new = _is(slot, here=False)

    def comes(factor: float) -> bool:
        plan = best_replacement(_uses(slot, new, _rented(factor))).plan
        return any(step.action.startswith(SWAP) for step in plan)

    low, high = RANGE
    if len(slot.machines) == 1 or comes(low) or not comes(high):
        return None
    while high - low > NEAR:
        middle = (low + high) / 2
        low, high = (low, middle) if comes(middle) else (middle, high)
    return (low + high) / 2


def _moved(slot: Slot, knob: Knob) -> Moved:
    (low_month, low_action, low_usd), (high_month, high_action, high_usd) = (
        _first(turn(slot)) for turn in (knob.at_low, knob.at_high)
    )
    return Moved(
        knob.name, knob.low, knob.high, low_month, high_month, low_action, high_action,
        low_usd, high_usd,
    )  # fmt: skip


def _first(slot: Slot) -> tuple[int | None, str, float]:
    best = best_replacement(slot)
    if not best.plan:
        return None, "keep", best.value_usd
    return best.plan[0].month, best.plan[0].action, best.value_usd


def _knobs(slot: Slot) -> list[Knob]:
    old, new = _is(slot, here=True), _is(slot, here=False)
    found = [
        _factor("rents of all", 0.2, lambda s, f: _uses(s, _everything, _rented(f))),
        _factor("rents of these", 0.2, lambda s, f: _uses(s, old, _rented(f))),
        _points("drift of rents, a year", 0.15, lambda s, p: _uses(s, _everything, _drifted(p))),
        _factor("used price of these", 0.2, lambda s, f: _machines(s, old, _priced(f))),
        _factor("running costs", 0.3, lambda s, f: _uses(s, _everything, _run(f))),
        _points("cost of capital, a year", 0.04, _discounted),
    ]
    if len(slot.machines) > 1:
        found += [
            _factor("rents of new ones", 0.2, lambda s, f: _uses(s, new, _rented(f))),
            _factor("price of new ones", 0.2, lambda s, f: _machines(s, new, _priced(f))),
            _points("new ones keep, a year", 0.1, lambda s, p: _machines(s, new, _worn(p))),
            Knob("new ones to be had", "-6 months", "+6 months", _later(-6, new), _later(6, new)),
        ]
    if slot.rent is not None:
        found.append(Knob("swings of rents", "none", "half more", _calm, _wild))
    return found


def _factor(name: str, by: float, change: Callable[[Slot, float], Slot]) -> Knob:
    low, high = f"-{by * 100:.0f} %", f"+{by * 100:.0f} %"
    return Knob(name, low, high, lambda s: change(s, 1 - by), lambda s: change(s, 1 + by))


def _points(name: str, by: float, change: Callable[[Slot, float], Slot]) -> Knob:
    low, high = f"-{by * 100:.0f} points", f"+{by * 100:.0f} points"
    return Knob(name, low, high, lambda s: change(s, -by), lambda s: change(s, by))


# --- which machines -------------------------------------------------------------------------------

Which = Callable[[Machine], bool]


def _everything(machine: Machine) -> bool:
    return True


def _is(slot: Slot, *, here: bool) -> Which:
    return lambda machine: (machine.name == slot.incumbent) is here


def _machines(slot: Slot, which: Which, change: Callable[[Machine], Machine]) -> Slot:
    return replace(slot, machines=tuple(change(m) if which(m) else m for m in slot.machines))


def _uses(slot: Slot, which: Which, change: Callable[[Use], Use]) -> Slot:
    def both(m: Machine) -> Machine:
        return replace(m, use=change(m.use), lower=None if m.lower is None else change(m.lower))

    return _machines(slot, which, both)


# --- what changes ---------------------------------------------------------------------------------


def _rented(factor: float) -> Callable[[Use], Use]:
    return lambda use: replace(use, rent_usd_per_month=use.rent_usd_per_month * factor)


def _drifted(points: float) -> Callable[[Use], Use]:
    return lambda use: replace(use, rent_frac_per_year=max(-0.99, use.rent_frac_per_year + points))


def _run(factor: float) -> Callable[[Use], Use]:
    return lambda use: replace(use, running_usd_per_month=use.running_usd_per_month * factor)


def _priced(factor: float) -> Callable[[Machine], Machine]:
    return lambda m: replace(m, usd=m.usd * factor, install_usd=m.install_usd * factor)


def _worn(points: float) -> Callable[[Machine], Machine]:
    """A used one is never worth more than a new one, so the change stops there."""
    return lambda m: replace(
        m, resale_frac_per_year=min(0.0, max(-0.99, m.resale_frac_per_year + points))
    )


def _discounted(slot: Slot, points: float) -> Slot:
    return replace(slot, discount_frac_per_year=slot.discount_frac_per_year + points)


def _later(months: int, new: Which) -> Turn:
    """Not before today."""

    def turn(slot: Slot) -> Slot:
        def move(m: Machine) -> Machine:
            return replace(m, available_month=max(0, m.available_month + months))

        return _machines(slot, new, move)

    return turn


def _calm(slot: Slot) -> Slot:
    return replace(slot, rent=None)


def _wild(slot: Slot) -> Slot:
    assert slot.rent is not None, "only random rents can swing"
    wide = replace(slot.rent, volatility_frac_per_year=slot.rent.volatility_frac_per_year * 1.5)
    return replace(slot, rent=wide)
