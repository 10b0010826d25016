"""Many layouts at many loads in one call: NumPy arrays in, NumPy arrays out.

    layouts = stack([deploy(...), ...])                        # shape (n, 1)
    seen = evaluate(layouts, batch=b, isl=i, osl=o)            # b, i, o of shape (m,): tables (n, m)

The formulas are those of `wattmill.physics.step` and `.performance`, with arrays for numbers.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar

import msgspec
import numpy as np
from numpy.typing import ArrayLike, NDArray

from wattmill.core.errors import PlanError
from wattmill.physics.calibration import Q90
from wattmill.physics.deployment import Deployment
from wattmill.physics.memory import held_weight_bytes, reserve_bytes, usable_bytes
from wattmill.physics.numbers import require_positive
from wattmill.physics.performance import closed_ttft_s
from wattmill.physics.power import draw_frac
from wattmill.physics.step import StepCost, step_cost

Array = NDArray[np.float64]
S = TypeVar("S", bound=msgspec.Struct)
BLOCK = 8192
"""Configurations worked on at once, so that what is between lies in the processor's cache."""

SECONDS_PER_HOUR = 3600.0
TOKENS_PER_MTOK = 1e6


class Memory(msgspec.Struct, frozen=True):
    """What one replica holds: bytes of all its cards, KV per token and per sequence."""

    free_bytes: Any
    kv_bytes_per_token: Any
    window_kv_bytes_per_token: Any
    window_tokens: Any
    sequence_bytes: Any


class Layouts(msgspec.Struct, frozen=True):
    """Deployments side by side; every field is an array of shape (n, 1), or a struct of them."""

    deployments: tuple[Deployment, ...]
    cost: StepCost
    memory: Memory
    replicas: Array
    machine_idle_w: Array
    machine_tdp_w: Array
    machine_host_w: Array
    tpot_factor: Array

    def __len__(self) -> int:
        return len(self.deployments)


class Outcomes(msgspec.Struct, frozen=True):
    """What each layout does at each load; arrays of one shape.

    fits: whether memory holds the batch. Where it does not, the other figures are those of the same
    layout with enough memory. tok_per_s: answer tokens of all replicas. power_w: cards and hosts.
    usd_per_mtok: None without a price. tpot_low_s, tpot_high_s: the 90 % interval.
    """

    fits: NDArray[np.bool_]
    largest_batch: Array
    ttft_s: Array
    tpot_s: Array
    tpot_low_s: Array
    tpot_high_s: Array
    tok_per_s: Array
    power_w: Array
    usd_per_mtok: Array | None


def stack(deployments: Sequence[Deployment]) -> Layouts:
    """Layouts to evaluate together; PlanError if there is none."""
    if not deployments:
        raise PlanError("there is no layout to evaluate", hint="give at least one deployment")
    accelerators = [(d.hardware.count, d.hardware.accelerator) for d in deployments]
    return Layouts(
        deployments=tuple(deployments),
        cost=columns(StepCost, [step_cost(d) for d in deployments]),
        memory=columns(Memory, [_memory(d) for d in deployments]),
        replicas=_column([d.replicas for d in deployments]),
        machine_idle_w=_column([count * a.idle_w for count, a in accelerators]),
        machine_tdp_w=_column([count * a.tdp_w for count, a in accelerators]),
        machine_host_w=_column([count * a.host_w for count, a in accelerators]),
        tpot_factor=_column([np.exp(Q90 * d.spread.tpot) for d in deployments]),
    )


def columns(kind: type[S], rows: Sequence[S]) -> S:
    """One struct of arrays of shape (n, 1) from n structs of numbers."""
    return kind(**{f: _column([getattr(r, f) for r in rows]) for f in kind.__struct_fields__})


def evaluate(
    layouts: Layouts,
    *,
    batch: ArrayLike,
    isl: ArrayLike,
    osl: ArrayLike,
    hit_frac: ArrayLike = 0.0,
    usd_per_hour: ArrayLike | None = None,
) -> Outcomes:
    """Each layout at each load: `batch` sequences in flight on one replica, closed loop.

    batch, isl, osl (1 or more) and hit_frac (0 to below 1) broadcast against shape (n, 1);
    usd_per_hour is of the whole deployment, of shape (n, 1) or a number. PlanError otherwise.
    """
    loads = np.broadcast_arrays(*(np.asarray(x, float) for x in (batch, isl, osl, hit_frac)))
    b, i, o, h = (x.reshape(-1) if x.ndim < 2 else x for x in loads)
    require_positive(batch=b, isl=i, osl=o)
    if not ((b >= 1) & (i >= 1) & (o >= 1) & (h >= 0) & (h < 1)).all():
        raise PlanError(
            "a load has less than one sequence or token, or a hit outside 0 to 1",
            hint="batch, isl and osl are 1 or more, hit_frac is 0 or more and below 1",
        )
    shape = np.broadcast_shapes((len(layouts), 1), b.shape)
    out = [np.empty(shape) for _ in range(6)]
    for rows, cols in _blocks(shape):
        at = [x[rows, cols] if x.ndim == 2 and len(x) > 1 else x[..., cols] for x in (b, i, o, h)]
        for whole, part in zip(out, _evaluate(_rows(layouts, rows), *at), strict=True):
            whole[rows, cols] = part
    return _outcomes(layouts, out, usd_per_hour, np.broadcast_to(b, shape))


def _blocks(shape: tuple[int, ...]) -> list[tuple[slice, slice]]:
    """Pieces of a table small enough for the cache."""
    n, m = shape
    wide = min(m, BLOCK)
    tall = max(1, BLOCK // wide)
    return [
        (slice(r, r + tall), slice(c, c + wide))
        for r in range(0, n, tall)
        for c in range(0, m, wide)
    ]


def _rows(layouts: Layouts, rows: slice) -> Layouts:
    def cut(part: Any) -> Any:
        return type(part)(**{f: getattr(part, f)[rows] for f in part.__struct_fields__})

    return msgspec.structs.replace(
        layouts, deployments=layouts.deployments[rows], cost=cut(layouts.cost),
        memory=cut(layouts.memory), replicas=layouts.replicas[rows],
        machine_idle_w=layouts.machine_idle_w[rows], machine_tdp_w=layouts.machine_tdp_w[rows],
        machine_host_w=layouts.machine_host_w[rows], tpot_factor=layouts.tpot_factor[rows],
    )  # fmt: skip


def _evaluate(
    layouts: Layouts, batch: Array, isl: Array, osl: Array, hit: Array
) -> tuple[Any, ...]:
    cost = layouts.cost
    computed = np.maximum(1.0, isl * (1 - hit))
    each = np.maximum(batch / cost.copies, 1.0)
    kv_tokens = batch * (isl + osl / 2) / cost.copies
    dense_s, experts_s = cost.dense_s(each), cost.experts_s(batch)
    read_s = cost.kv_s(each, kv_tokens) + each * cost.state_s
    decode_s = dense_s + experts_s + read_s + cost.transfer_s(each) + cost.overhead_s(each)
    busy_s = cost.shared_prefill_s(computed, isl - computed)
    felt = cost.interference_frac * (batch - 1.0)
    total_s = decode_s + batch / osl * busy_s
    tpot_s = decode_s + felt / osl * busy_s
    alone_s = cost._prefill_s(computed, isl - computed)
    ttft_s = closed_ttft_s(cost.request_s, batch, osl, alone_s, busy_s, tpot_s)
    compute_s = (each * cost.dense_token_s) ** 2 / dense_s + (
        batch * cost.expert_token_s
    ) ** 2 / np.maximum(experts_s, 1e-30)
    bandwidth_frac = (dense_s + experts_s + read_s - compute_s) / total_s
    compute_frac = (compute_s + batch / osl * busy_s) / total_s
    power_w = (
        layouts.machine_tdp_w * draw_frac(compute_frac, bandwidth_frac) + layouts.machine_host_w
    )
    tok_per_s = layouts.replicas * batch / total_s
    return (largest_batch(layouts, isl, osl), ttft_s, tpot_s, tok_per_s, power_w, total_s)


def largest_batch(layouts: Layouts, isl: ArrayLike, osl: ArrayLike) -> Array:
    """Sequences of full length that the memory of one replica holds; 0 if not one."""
    m, context = layouts.memory, np.asarray(isl, float) + np.asarray(osl, float)
    windowed = np.minimum(context, m.window_tokens)
    each = (
        m.sequence_bytes + context * m.kv_bytes_per_token + windowed * m.window_kv_bytes_per_token
    )
    held: Array = np.floor(np.maximum(0.0, m.free_bytes) / np.maximum(each, 1.0))
    return held


def _outcomes(
    layouts: Layouts, out: list[Array], usd_per_hour: ArrayLike | None, batch: Array
) -> Outcomes:
    most, ttft_s, tpot_s, tok_per_s, power_w, _ = out
    usd = None
    if usd_per_hour is not None:
        price = np.asarray(usd_per_hour, float)
        require_positive(usd_per_hour=price)
        usd = price / SECONDS_PER_HOUR / tok_per_s * TOKENS_PER_MTOK
    return Outcomes(
        fits=most >= batch,
        largest_batch=most,
        ttft_s=ttft_s,
        tpot_s=tpot_s,
        tpot_low_s=tpot_s / layouts.tpot_factor,
        tpot_high_s=tpot_s * layouts.tpot_factor,
        tok_per_s=tok_per_s,
        power_w=power_w,
        usd_per_mtok=usd,
    )


def _memory(d: Deployment) -> Memory:
    from wattmill.catalog.precision import KV_BITS

    m, element = d.model, KV_BITS[d.kv_precision] / 8
    state = m.state_elements_per_sequence * m.state_bits / 8
    return Memory(
        free_bytes=usable_bytes(d) - held_weight_bytes(d) - reserve_bytes(d),
        kv_bytes_per_token=d.kv_copies
        * (m.full_kv_elements_per_token * element + m.index_elements_per_token),
        window_kv_bytes_per_token=d.kv_copies * m.window_kv_elements_per_token * element,
        window_tokens=float(m.window_tokens),
        sequence_bytes=d.kv_copies * (m.cross_kv_elements * element + state),
    )


def _column(values: Sequence[Any]) -> Array:
    return np.array(values, dtype=float).reshape(-1, 1)
