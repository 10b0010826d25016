"""All layouts of all candidates side by side, and the arithmetic of loads on them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import date

import msgspec
import numpy as np
from numpy.typing import NDArray

from wattmill.catalog.models import ModelSpec
from wattmill.physics.deployment import Deployment
from wattmill.physics.efficiency import HOST_IDLE_FRAC
from wattmill.physics.performance import Workload
from wattmill.physics.sweep import Layouts, Outcomes, evaluate, largest_batch, stack
from wattmill.plan.sizing.candidates import Candidate
from wattmill.plan.sizing.layouts import replicas_of
from wattmill.plan.sizing.money import UNKNOWN, Array, Rate, rate

MOST_SEQUENCES = {"server": 512, "llama": 16}
"""Sequences at once that a study asks of one attention copy; engines can be told so many."""

Precisions = Callable[[Candidate], Iterable[str]]


class Field(msgspec.Struct, frozen=True):
    """What is compared: n layouts of one replica each, and what belongs to each of them.

    candidates, rates: by layout. layouts: the same for the physics, arrays of shape (n, 1), as are
    cards, own_usd and rent_usd (of one card; inf is not known).
    """

    deployments: tuple[Deployment, ...]
    candidates: tuple[Candidate, ...]
    rates: tuple[Rate, ...]
    layouts: Layouts
    cards: Array
    own_usd: Array
    rent_usd: Array

    def __len__(self) -> int:
        return len(self.deployments)


def field(
    spec: ModelSpec,
    found: Iterable[Candidate],
    precisions: Precisions,
    kv_precision: str,
    today: date,
) -> Field | None:
    """Every layout of `spec` on the candidates; None where no engine runs any."""
    deployments: list[Deployment] = []
    owners: list[Candidate] = []
    rates: list[Rate] = []
    for candidate in found:
        price = rate(candidate, today)
        for precision in precisions(candidate):
            for deployment in replicas_of(spec, candidate, precision, kv_precision):
                deployments.append(deployment)
                owners.append(candidate)
                rates.append(price)
    if not deployments:
        return None
    return Field(
        deployments=tuple(deployments),
        candidates=tuple(owners),
        rates=tuple(rates),
        layouts=stack(deployments),
        cards=_column(d.cards for d in deployments),
        own_usd=_column(r.own_usd_per_card or UNKNOWN for r in rates),
        rent_usd=_column(r.rent.value if r.rent else UNKNOWN for r in rates),
    )


def _column(values: Iterable[float]) -> Array:
    return np.array(list(values), dtype=float).reshape(-1, 1)


def at(where: Field, workload: Workload, batch: Array) -> Outcomes:
    """Every layout at batches (1 or more) of shape (n, m)."""
    return evaluate(
        where.layouts, batch=batch, isl=workload.isl, osl=workload.osl, hit_frac=workload.hit_frac
    )


def bounds(where: Field, workload: Workload, most: float) -> Array:
    """Sequences per replica, at most: by memory, by engine, by what is asked for; 0 is none."""
    held = largest_batch(where.layouts, workload.isl, workload.osl)
    engine = _column(MOST_SEQUENCES[d.runtime] * d.dp for d in where.deployments)
    return np.minimum(np.minimum(held, engine), most)


def last_true(holds: Callable[[Array], NDArray[np.bool_]], most: Array) -> Array:
    """Largest whole number from 1 to `most` of each row for which `holds`; 0 if not even 1.

    `holds` takes and gives shape (n, 1) and is true up to some number and false from there on.
    """
    low, high = np.zeros_like(most), most + 1.0
    while (high - low > 1.5).any():
        middle = np.floor((low + high) / 2)
        is_open = high - low > 1.5
        is_good = is_open & holds(np.maximum(middle, 1.0))
        low, high = np.where(is_good, middle, low), np.where(is_open & ~is_good, middle, high)
    return low


def idle_w(where: Field) -> Array:
    """Watts of one replica that waits, host included; shape (n, 1)."""
    cards = [(d.hardware.count, d.hardware.accelerator) for d in where.deployments]
    return _column(n * (a.idle_w + HOST_IDLE_FRAC * a.host_w) for n, a in cards)
