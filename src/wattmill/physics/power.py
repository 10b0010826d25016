"""Watts of a deployment at a load."""

from __future__ import annotations

from wattmill.core.errors import PlanError
from wattmill.physics.calibration import calibration
from wattmill.physics.deployment import Deployment
from wattmill.physics.efficiency import HOST_IDLE_FRAC
from wattmill.physics.numbers import N, smaller


def power_w(
    deployment: Deployment, active_frac: float, compute_frac: float, bandwidth_frac: float = 0.5
) -> float:
    """Mean watts of all cards and their share of the host, before cooling.

    idle + (busy - idle) · active_frac, where busy is a share of TDP that rises with the shares of
    the step in which arithmetic and memory decide. active_frac [0..1]: time in which a step runs.
    Error: docs/physics.md; the host's share is an estimate.
    """
    _fraction("active_frac", active_frac)
    _fraction("compute_frac", compute_frac)
    _fraction("bandwidth_frac", bandwidth_frac)
    card = deployment.hardware.accelerator
    busy_w = card.tdp_w * draw_frac(compute_frac, bandwidth_frac)
    card_w = card.idle_w + (busy_w - card.idle_w) * active_frac
    host_w = card.host_w * (HOST_IDLE_FRAC + (1 - HOST_IDLE_FRAC) * active_frac)
    return deployment.hardware.count * (card_w + host_w)


def draw_frac(compute_frac: N, bandwidth_frac: N) -> N:
    """Share of TDP that a card draws while a step runs; TDP is the most it may.

    Roots, because the first work of a unit wakes all of it (ML.ENERGY; docs/physics.md).
    """
    p = calibration().power
    drawn: N = p.base + p.memory * bandwidth_frac**0.5 + p.compute * compute_frac**0.5
    return smaller(drawn, 1.0 + 0.0 * drawn)


def peak_power_w(deployment: Deployment) -> float:
    """What must be provisioned: every card at TDP, every host busy."""
    card = deployment.hardware.accelerator
    return deployment.hardware.count * (card.tdp_w + card.host_w)


def _fraction(name: str, value: float) -> None:
    if not 0.0 <= value <= 1.0:
        raise PlanError(f"{name} = {value} is not within 0 to 1", hint="give a share of one")
