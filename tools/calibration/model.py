"""The shipped step model over measured rows, as a function of its factors."""

from __future__ import annotations

from collections import Counter
from typing import Any

import msgspec
import numpy as np
from scipy.optimize import least_squares
from tools.calibration.measured import Served

from wattmill.catalog.hardware import hardware
from wattmill.catalog.models import model
from wattmill.physics import demand as demands
from wattmill.physics.calibration import Calibration, Reach
from wattmill.physics.deployment import Deployment, deploy
from wattmill.physics.step import StepCost, combine

NOISE = 0.15
"""Logarithmic error at which a row begins to count less."""

FAMILY_ROWS = 3.0
"""What all rows of one model family count for together: its rows are no independent draws."""

# factor: (field of Reach, prior standard deviation of its logarithm); the prior is 1 times the row
SHARED = {
    "reduce": ("reduce_frac", 0.4),
    "exchange": ("exchange_s", 0.4),
    "step": ("step_s", 0.7),
    "sequence": ("sequence_s", 1.0),
    "layer_sequence": ("layer_sequence_s", 1.0),
    "prefill": ("prefill_frac", 0.15),
    "expert_prefill": ("expert_prefill_frac", 0.3),
    "interference": ("interference_frac", 0.25),
    "weights": ("weights_frac", 0.1),
    "expert_weights": ("expert_weights_frac", 0.1),
    "gemm": ("gemm_frac", 0.1),
    "expert_gemm": ("expert_gemm_frac", 0.2),
    "kv": ("kv_frac", 0.15),
}
ENGINES = ("vllm", "sglang", "trtllm")
FLOORS = ("attention_s", "latent_s", "sparse_s", "state_s", "mlp_s", "moe_s", "shared_s")
NAMES = (*(f"floor_{name}" for name in ENGINES), *SHARED)
SPREADS = np.array([0.25] * len(ENGINES) + [spread for _, spread in SHARED.values()])


class Rows:
    """Measured rows with what each demands, ready for many evaluations."""

    def __init__(self, rows: list[Served], prior: Calibration) -> None:
        self.rows = rows
        deployments = [deployment_of(row) for row in rows]
        self.need = _columns(demands.Demand, [demands.demand(d) for d in deployments])
        self.got = _columns(Reach, [reach_of(d, prior) for d in deployments])
        self.batch, self.isl, self.osl, self.tpot_s = (
            np.array([getattr(row, name) for row in rows], float)
            for name in ("batch", "isl", "osl", "tpot_s")
        )
        self.ttft_s = np.array([row.ttft_s or np.nan for row in rows])
        self.family, self.generation, self.engine, self.hardware = (
            np.array([getattr(row, name) for row in rows])
            for name in ("family", "generation", "engine", "hardware")
        )
        self.is_itl = np.array([row.ttft_s is None for row in rows])

    def cost(self, factors: np.ndarray) -> StepCost:
        """The constants of all rows with every factor multiplied in."""
        by_name = dict(zip(NAMES, factors, strict=True))
        floor = np.select(
            [self.engine == name for name in ENGINES], [by_name[f"floor_{n}"] for n in ENGINES], 1.0
        )
        changed = {field: getattr(self.got, field) * floor for field in FLOORS}
        changed |= {f: getattr(self.got, f) * by_name[name] for name, (f, _) in SHARED.items()}
        return combine(self.need, msgspec.structs.replace(self.got, **changed))

    def predict(self, factors: np.ndarray) -> np.ndarray:
        """TPOT of every row; inter-token latency without prefill where that was measured."""
        return tpot_of(self.cost(factors), self.batch, self.isl, self.osl, self.is_itl)


def reach_of(d: Deployment, prior: Calibration) -> Reach:
    """What the hardware and engine of a deployment reach before any end-to-end row is seen."""
    return prior.reach(d.hardware.accelerator.family, d.engine, d.dense_width, d.expert_width)


def tpot_of(
    cost: StepCost, batch: np.ndarray, isl: np.ndarray, osl: np.ndarray, is_itl: np.ndarray
) -> np.ndarray:
    decode_s = cost._decode_s(batch, batch * (isl + osl / 2))
    felt = np.where(is_itl, 0.0, cost.interference_frac * (batch - 1.0)) / osl
    seconds: np.ndarray = decode_s + felt * cost.shared_prefill_s(isl, 0.0 * isl)
    return seconds


def deployment_of(row: Served) -> Deployment:
    """The row as wattmill lays it out; servers keep KV in 8 bits where weights are 8 or fewer."""
    return deploy(
        model(row.model), hardware(f"{row.cards}x {row.hardware}"), row.precision,
        engine=row.engine, kv_precision="fp16" if row.precision == "bf16" else "fp8",
        tp=row.tp, dp=row.dp,
    )  # fmt: skip


def fit(rows: Rows, train: np.ndarray) -> np.ndarray:
    """Factors nearest to the rows in `train`, drawn towards 1."""
    factors: np.ndarray = np.exp(_solve(rows, train).x)
    return factors


def standard_errors(rows: Rows, train: np.ndarray) -> np.ndarray:
    """Of the logarithms of the fitted factors, what they are drawn towards included."""
    jacobian = _solve(rows, train).jac
    errors: np.ndarray = np.sqrt(np.diag(np.linalg.inv(jacobian.T @ jacobian)))
    return errors


def _solve(rows: Rows, train: np.ndarray) -> Any:
    weight = np.sqrt(row_weights(rows, train))
    index = np.where(train)[0]

    def residuals(logs: np.ndarray) -> np.ndarray:
        error = np.log(rows.predict(np.exp(logs))[index] / rows.tpot_s[index]) / NOISE
        soft = np.sign(error) * np.sqrt(2 * (np.sqrt(1 + error**2) - 1))
        return np.concatenate([soft * weight, logs / SPREADS])

    return least_squares(residuals, np.zeros(len(NAMES)))


def row_weights(rows: Rows, train: np.ndarray) -> np.ndarray:
    """FAMILY_ROWS for each family, spread evenly over its engines and devices."""
    keys = [(rows.family[i], rows.engine[i], rows.hardware[i]) for i in np.where(train)[0]]
    per_key = Counter(keys)
    keys_of = Counter(key[0] for key in per_key)
    return np.array([FAMILY_ROWS / keys_of[key[0]] / per_key[key] for key in keys])


def held_out(rows: Rows, groups: np.ndarray, use: np.ndarray, test: np.ndarray) -> np.ndarray:
    """Predicted over measured of every tested row, its group left out of the fit."""
    ratio = np.full(len(rows.rows), np.nan)
    for group in sorted(set(groups[test])):
        factors = fit(rows, use & (groups != group))
        here = test & (groups == group)
        ratio[here] = rows.predict(factors)[here] / rows.tpot_s[here]
    return ratio


def _columns(kind: Any, rows: Any) -> Any:
    return kind(
        **{f: np.array([getattr(r, f) for r in rows], float) for f in kind.__struct_fields__}
    )
