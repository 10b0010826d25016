"""Watts of a deployment at a load."""

from __future__ import annotations

from wattmill.core.errors import PlanError
from wattmill.physics.deployment import Deployment
from wattmill.physics.efficiency import (
    COMPUTE_POWER_FRAC,
    DECODE_POWER_FRAC,
    HOST_IDLE_FRAC,
)


def power_w(deployment: Deployment, active_frac: float, compute_frac: float) -> float:
    """Mean watts of all cards and their share of the host, before cooling.

    idle + (busy - idle) · active_frac, where busy is TDP · (0.62 + 0.33 · compute_frac) for a card.
    active_frac [0..1]: time in which a step runs. compute_frac [0..1]: share of the step in which
    arithmetic decides. Error: about 20 % of the card's share (held out by family, ML.ENERGY has 16
    to 18 % for models of this kind); the host's share is an estimate.
    """
    _fraction("active_frac", active_frac)
    _fraction("compute_frac", compute_frac)
    card = deployment.hardware.accelerator
    draw_frac = DECODE_POWER_FRAC + (COMPUTE_POWER_FRAC - DECODE_POWER_FRAC) * compute_frac
    card_w = card.idle_w + (card.tdp_w * draw_frac - card.idle_w) * active_frac
    host_w = card.host_w * (HOST_IDLE_FRAC + (1 - HOST_IDLE_FRAC) * active_frac)
    return deployment.hardware.count * (card_w + host_w)


def peak_power_w(deployment: Deployment) -> float:
    """What must be provisioned: every card at TDP, every host busy."""
    card = deployment.hardware.accelerator
    return deployment.hardware.count * (card.tdp_w + card.host_w)


def _fraction(name: str, value: float) -> None:
    if not 0.0 <= value <= 1.0:
        raise PlanError(f"{name} = {value} is not within 0 to 1", hint="give a share of one")
