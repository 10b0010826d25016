"""Delivery chains: what each conversion between grid and board loses, and what cooling that costs.

A loss has three parts: one that is there without load (a transformer's core, a fan), one that grows
with the load (switching) and one that grows with its square (wires). Shares of each are in the
catalog's stages.
"""

from __future__ import annotations

import math

import msgspec

from wattmill.catalog.electrical import Chain, Side, Stage
from wattmill.catalog.units import HOURS_PER_YEAR, KILO
from wattmill.site.checks import at_least_0, efficiency, positive, share


class StageLoss(msgspec.Struct, frozen=True):
    """What goes into a stage and what it loses, W."""

    name: str
    side: Side
    input_w: float
    loss_w: float


class Delivery(msgspec.Struct, frozen=True):
    """A load with what its chain adds: stages from the grid on."""

    chain: str
    load_w: float
    input_w: float
    stages: tuple[StageLoss, ...]

    @property
    def loss_w(self) -> float:
        """W that all stages lose."""
        return self.input_w - self.load_w

    @property
    def worst(self) -> StageLoss:
        """The stage that loses most."""
        return max(self.stages, key=lambda stage: stage.loss_w)

    @property
    def efficiency_frac(self) -> float:
        """W at the boards over W from the grid."""
        return self.load_w / self.input_w

    @property
    def machines_w(self) -> float:
        """W at the machines' own meter: the load with what is lost behind it."""
        return self.load_w + sum(s.loss_w for s in self.stages if s.side == "it")

    @property
    def pue_part(self) -> float:
        """What the chain alone makes of the PUE; cooling and light come on top of it."""
        return self.input_w / self.machines_w


def chain_efficiency(efficiencies: tuple[float, ...]) -> float:
    """Product of the efficiencies of stages one after the other; 1 of none."""
    return math.prod(efficiency("efficiency", each) for each in efficiencies)


def equal_stages(efficiency_frac: float, stages: float) -> float:
    """Efficiency of so many equal stages: e^n."""
    return math.pow(efficiency("efficiency_frac", efficiency_frac), at_least_0("stages", stages))


def loss_of_input_w(input_w: float, efficiency_frac: float) -> float:
    """W lost of what is taken from the grid: P · (1 - e)."""
    return positive("input_w", input_w) * (1 - efficiency("efficiency_frac", efficiency_frac))


def loss_of_load_w(load_w: float, efficiency_frac: float) -> float:
    """W lost on top of what is delivered: P · (1 / e - 1). More than of the same input."""
    return positive("load_w", load_w) * (1 / efficiency("efficiency_frac", efficiency_frac) - 1)


def stage_loss_w(stage: Stage, output_w: float, rating_w: float) -> float:
    """W that a stage of a rating loses while `output_w` leaves it.

    The row's losses at its own load, scaled to this one: fixed, linear and square part.
    """
    positive("rating_w", rating_w)
    times = at_least_0("output_w", output_w) / rating_w / stage.at_load_frac
    known = stage.at_load_frac * (1 / stage.efficiency_frac - 1) * rating_w
    linear = 1 - stage.fixed_frac - stage.square_frac
    return known * (stage.fixed_frac + linear * times + stage.square_frac * times**2)


def deliver(load_w: float, chain: Chain, load_frac: float | None = None) -> Delivery:
    """Everything between the grid and a load, from the board back to the grid.

    load_frac: the share of its rating that every stage carries. 2N sites run at 0.4 or less: then
    fixed losses weigh more. None takes each stage at the load that its row is for.
    """
    found: list[StageLoss] = []
    output = positive("load_w", load_w)
    for stage in reversed(chain.stages):
        loaded = stage.at_load_frac if load_frac is None else efficiency("load_frac", load_frac)
        lost = stage_loss_w(stage, output, output / loaded)
        output += lost
        found.append(StageLoss(stage.name, stage.side, output, lost))
    return Delivery(chain.name, load_w, output, tuple(reversed(found)))


def cooling_of_loss_w(loss_w: float, cooling_frac: float) -> float:
    """W that cooling draws to take a loss away: loss · (W of cooling for each W of heat)."""
    return at_least_0("loss_w", loss_w) * at_least_0("cooling_frac", cooling_frac)


def energy_kwh_per_year(power_w: float, load_factor: float = 1.0) -> float:
    """kWh in a year of 8,760 hours."""
    used = share("load_factor", load_factor)
    return at_least_0("power_w", power_w) / KILO * HOURS_PER_YEAR * used


def loss_usd_per_year(
    loss_w: float, usd_per_kwh: float, cooling_frac: float = 0.0, load_factor: float = 1.0
) -> float:
    """USD a year that a loss costs, with the energy that cools it."""
    power = loss_w + cooling_of_loss_w(loss_w, cooling_frac)
    return energy_kwh_per_year(power, load_factor) * at_least_0("usd_per_kwh", usd_per_kwh)
