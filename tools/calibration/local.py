"""llama.cpp rows: four factors for each kind of memory, fitted to decode and prefill of GPUs and Macs."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.optimize import least_squares
from tools.calibration.measured import local_llamacpp

from wattmill.catalog.hardware import hardware
from wattmill.catalog.models import model
from wattmill.physics.deployment import Deployment, deploy
from wattmill.physics.memory import kv_bytes_per_token, weight_bytes

DEVICES = {
    "3070 8GB": "RTX 3070", "3080 Ti 12GB": "RTX 3080 Ti", "4070 Ti 12GB": "RTX 4070 Ti",
    "4090 24GB": "RTX 4090", "RTX 6000 Ada 48GB": "RTX 6000 Ada", "RTX 4000 Ada 20GB": "RTX 4000 Ada",
    "A100 SXM 80GB": "A100-SXM-80GB", "H100 PCIe 80GB": "H100-PCIe", "M1 7‑Core GPU 8GB": "M1",
    "M2 Ultra 76-Core GPU 192GB": "M2 Ultra",
}  # fmt: skip
MODELS = {"Meta-Llama-3-8B": "llama-3-8b", "Meta-Llama-3-70B": "llama-3-70b"}
PRECISIONS = {"F16": "fp16", "Q4_K_M": "q4_k_m"}
KINDS = {"apple": "apple", "hopper": "hbm", "ampere-hbm": "hbm"}
NAMES = ("weights0", "weights1", "kv", "layer_us", "card_us")
START = np.array([0.85, 0.80, 0.70, 80.0, 40.0])
SPREADS = np.array([0.2, 0.2, 0.2, 0.7, 0.7])


@dataclass(frozen=True)
class Local:
    """One decode measurement of a card or Mac at batch 1."""

    device: str
    kind: str
    cards: int
    deployment: Deployment
    context: float
    step_s: float


def read_local(folder: Path) -> list[Local]:
    """Decode rows; several cards take turns layer by layer."""
    rows = [r for r in local_llamacpp(folder) if r["metric"] == "decode_tok_s_total"]
    return [_local(row) for row in rows]


def _local(row: dict[str, str]) -> Local:
    cards, device = int(row["n_gpus"]), DEVICES[row["hardware"]]
    d = deploy(
        model(MODELS[row["model"]]), hardware(f"{cards}x {device}"),
        PRECISIONS[row["weight_precision"]], engine="llama.cpp",
    )  # fmt: skip
    mean = re.search(r"mean context ~(\d+)", row["notes"])
    assert mean
    kind = KINDS.get(d.hardware.accelerator.family, "gddr")
    return Local(row["hardware"], kind, cards, d, float(mean[1]), 1 / float(row["value"]))


def predict(rows: list[Local], p: np.ndarray) -> np.ndarray:
    """Seconds of a step: bytes over their share of bandwidth, and a floor per layer and card."""
    return np.array([_step_s(row, p) for row in rows])


def _step_s(row: Local, p: np.ndarray) -> float:
    d, m = row.deployment, row.deployment.model
    bandwidth = d.hardware.accelerator.bandwidth_bytes_per_s
    read = weight_bytes(m, d.precision, "llama").dense / p[min(1, d.expert_width)]
    kv = row.context * kv_bytes_per_token(m, "fp16") / p[2]
    floors = m.layers * p[3] + (row.cards - 1) * p[4]
    return float((read + kv) / bandwidth + floors * 1e-6)


def fit(rows: list[Local]) -> np.ndarray:
    """Factors of one kind of memory."""
    measured = np.array([row.step_s for row in rows])

    def residuals(logs: np.ndarray) -> np.ndarray:
        p = np.minimum(START * np.exp(logs), [1, 1, 1, 1e9, 1e9])
        error = np.log(predict(rows, p) / measured) / 0.05
        return np.concatenate(
            [np.sign(error) * np.sqrt(2 * (np.sqrt(1 + error**2) - 1)), logs / SPREADS]
        )

    found = least_squares(residuals, np.zeros(len(START)))
    factors: np.ndarray = np.minimum(START * np.exp(found.x), [1, 1, 1, 1e9, 1e9])
    return factors


def held_out(rows: list[Local]) -> np.ndarray:
    """Predicted over measured, the device left out; its kind of memory from the other devices."""
    ratio = np.full(len(rows), np.nan)
    for device in {row.device for row in rows}:
        here = [i for i, row in enumerate(rows) if row.device == device]
        kind = rows[here[0]].kind
        others = [r for r in rows if r.device != device and r.kind == kind]
        p = fit(others)
        ratio[here] = predict([rows[i] for i in here], p) / [rows[i].step_s for i in here]
    return ratio
