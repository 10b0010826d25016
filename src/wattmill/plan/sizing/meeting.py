"""Everything that serves so many users in time: layouts, replicas and batches that meet the SLO, priced."""

from __future__ import annotations

from datetime import date
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from wattmill.catalog.models import ModelSpec
from wattmill.physics.sweep import Outcomes
from wattmill.plan.sizing.candidates import Candidate, candidates, engine_for, lossless
from wattmill.plan.sizing.money import Array, hourly_usd
from wattmill.plan.sizing.options import SizeQuestion
from wattmill.plan.sizing.sweep import Field, Precisions, at, bounds, field, idle_w, last_true

MORE = np.arange(8.0)
TIMES = np.array([1.5, 2.0, 3.0, 4.0])
"""Replicas beyond the fewest that are tried as well: more of them is faster and dearer."""

MOST_USERS = 10_000_000


class Found(msgspec.Struct, frozen=True):
    """Every option of a field that meets the SLO, as arrays of one shape (k,).

    row: which layout. most_batch: sequences that one replica could take. owned, rented: USD per
    hour; inf is not known.
    """

    field: Field
    row: NDArray[np.int64]
    replicas: Array
    batch: Array
    most_batch: Array
    cards: Array
    seen: Outcomes
    power_w: Array
    mean_power_w: Array
    owned_usd: Array
    rented_usd: Array

    @property
    def usd(self) -> Array:
        """USD per hour, the cheaper of both."""
        return np.minimum(self.owned_usd, self.rented_usd)

    def __len__(self) -> int:
        return len(self.row)


def field_of(spec: ModelSpec, question: SizeQuestion, today: date) -> Field | None:
    """Every layout that the question allows."""
    found = candidates(question.hardware)
    return field(spec, found, _precisions(spec, question), question.kv_precision, today)


def _precisions(spec: ModelSpec, question: SizeQuestion) -> Precisions:
    if not question.precisions:
        return lambda candidate: lossless(spec, candidate.accelerator)

    def given(candidate: Candidate) -> list[str]:
        return [p for p in question.precisions if engine_for(candidate.accelerator, p)]

    return given


def meeting(where: Field, question: SizeQuestion) -> Found | None:
    """Everything that serves the question in time; None if nothing does."""
    most = most_batches(where, question)
    fewest = _fewest(where, question, most)
    replicas = np.hstack((fewest + MORE, np.ceil(fewest * TIMES)))
    batch = batches(where, question, replicas, most)
    total = replicas * where.cards
    is_possible = (most >= 1) & (batch >= 1) & (batch <= most) & (total <= limits(where))
    return _priced(where, question, is_possible, replicas, batch, most)


def most_batches(where: Field, question: SizeQuestion) -> Array:
    """Sequences that one replica may take within memory and SLO, of shape (n, 1); 0 is none."""

    def is_in_time(batch: Array) -> NDArray[np.bool_]:
        return _meets(at(where, question.workload, batch), question)

    users = float(question.users or MOST_USERS)
    return last_true(is_in_time, bounds(where, question.workload, users))


def _meets(seen: Outcomes, question: SizeQuestion) -> NDArray[np.bool_]:
    slo = question.slo
    is_first = seen.ttft_s <= (slo.ttft_s or np.inf)
    is_next = seen.tpot_s <= (slo.tpot_s or np.inf)
    return np.asarray(is_first & is_next)


def _fewest(where: Field, question: SizeQuestion, most: Array) -> Array:
    """Replicas that it takes at the least; shape (n, 1)."""
    batch = np.maximum(1.0, most)
    if question.users is not None:
        return np.ceil(question.users / batch)
    assert question.rps is not None
    each_rps = at(where, question.workload, batch).tok_per_s / question.workload.osl
    return np.maximum(1.0, np.ceil(question.rps / each_rps - 1e-9))


def batches(where: Field, question: SizeQuestion, replicas: Array, most: Array) -> Array:
    """Sequences of the fullest replica; beyond `most` where it cannot be, 0 with idle replicas."""
    if question.users is not None:
        return np.where(replicas <= question.users, np.ceil(question.users / replicas), 0.0)
    assert question.rps is not None
    needed_tok_s = question.rps * question.workload.osl / replicas * (1 - 1e-9)

    def is_short(batch: Array) -> NDArray[np.bool_]:
        return np.asarray(at(where, question.workload, batch).tok_per_s < needed_tok_s)

    return last_true(is_short, np.broadcast_to(most, replicas.shape).copy()) + 1.0


def limits(where: Field) -> Array:
    """Cards that there are of each layout's hardware, of shape (n, 1); inf is any number."""
    most = [c.most_cards or np.inf for c in where.candidates]
    return np.array(most, dtype=float).reshape(-1, 1)


def _priced(
    where: Field, question: SizeQuestion, is_possible: NDArray[np.bool_], replicas: Array,
    batch: Array, most: Array,
) -> Found | None:  # fmt: skip
    row, col = np.nonzero(is_possible)
    if not len(row):
        return None
    seen = _picked(at(where, question.workload, np.maximum(batch, 1.0)), row, col)
    replicas, batch, one = replicas[row, col], batch[row, col], where.cards[row, 0]
    cards = np.ceil(replicas * one / _units(where)[row]) * _units(where)[row]
    waiting_w, spare = idle_w(where)[row, 0] / one, cards - replicas * one
    power_w = replicas * seen.power_w + spare * waiting_w
    mean_w = cards * waiting_w + (power_w - cards * waiting_w) * question.terms.load_frac
    own_usd, rent_usd = where.own_usd[row, 0], where.rent_usd[row, 0]
    owned, rented = hourly_usd(own_usd, rent_usd, cards, mean_w, question.terms)
    return Found(
        where, row, replicas, batch, most[row, 0], cards, seen, power_w, mean_w, owned, rented
    )


def _units(where: Field) -> Array:
    """Cards that are bought together."""
    return np.array([float(c.system.hardware.count if c.system else 1) for c in where.candidates])


def _picked(seen: Outcomes, row: NDArray[np.int64], col: NDArray[np.int64]) -> Outcomes:
    """Some cells of tables of outcomes, as vectors."""
    shape = seen.tpot_s.shape
    parts: dict[str, Any] = {
        name: None if table is None else np.broadcast_to(table, shape)[row, col]
        for name, table in msgspec.structs.asdict(seen).items()
    }
    return Outcomes(**parts)
