"""llama.cpp rows: factors for CUDA cards and for Macs, fitted to decode at one user.

One set for every CUDA card, with GDDR or HBM: what tells them apart is on the data sheet. A card reads
as fast as its memory offers or as its multiprocessors keep loads on the way (Little's law), and HBM
offers more than kernels for one user ask for.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tools.calibration.measured import local_llamacpp

from wattmill.catalog.hardware import hardware
from wattmill.catalog.models import model
from wattmill.physics.deployment import Deployment, deploy
from wattmill.physics.memory import kv_bytes_per_token, weight_bytes
from wattmill.physics.step import arriving

DEVICES = {
    "3070 8GB": "RTX 3070", "3080 Ti 12GB": "RTX 3080 Ti", "4070 Ti 12GB": "RTX 4070 Ti",
    "4090 24GB": "RTX 4090", "RTX 6000 Ada 48GB": "RTX 6000 Ada", "RTX 4000 Ada 20GB": "RTX 4000 Ada",
    "A100 SXM 80GB": "A100-SXM-80GB", "H100 PCIe 80GB": "H100-PCIe", "M1 7‑Core GPU 8GB": "M1",
    "M2 Ultra 76-Core GPU 192GB": "M2 Ultra",
}  # fmt: skip
MODELS = {"Meta-Llama-3-8B": "llama-3-8b", "Meta-Llama-3-70B": "llama-3-70b"}
PRECISIONS = {"F16": "fp16", "Q4_K_M": "q4_k_m"}
KINDS = {"apple": "apple", "hopper": "hbm", "ampere-hbm": "hbm"}
CYCLE_FLOP = {"volta": 128.0, "turing": 128.0, "ampere-hbm": 128.0}
"""fp32 operations of a multiprocessor per cycle, where not 256: the whitepapers of GV100, TU102, GA100
state 64 lanes, those of GA102, AD102 and GH100 128."""

NAMES = ("weights0", "weights1", "kv", "layer_us", "card_us", "intake0", "intake1", "kv_intake")
START = np.array([0.90, 0.90, 0.60, 90.0, 60.0, 8.0, 8.0, 4.0])
SPREADS = np.array([0.1, 0.1, 0.3, 0.7, 0.7, 0.5, 0.5, 0.7])
MOST = np.array([1.0, 1.0, 1.0, *[1e9] * 5])


@dataclass(frozen=True)
class Local:
    """One decode measurement of a card or Mac at batch 1.

    kind: gddr, hbm or apple. cycles_per_s: of all multiprocessors; infinite where nothing is fitted.
    """

    device: str
    kind: str
    cards: int
    deployment: Deployment
    context: float
    step_s: float
    cycles_per_s: float

    @property
    def is_cuda(self) -> bool:
        """Whether it is fitted with the CUDA cards."""
        return self.kind != "apple"


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
    card = d.hardware.accelerator
    kind = KINDS.get(card.family, "gddr")
    vector = np.inf if kind == "apple" else card.flops_per_s["fp32"]
    cycles_per_s = vector / CYCLE_FLOP.get(card.family, 256.0)
    step_s = 1 / float(row["value"])
    return Local(row["hardware"], kind, cards, d, float(mean[1]), step_s, cycles_per_s)


def predict(rows: list[Local], p: np.ndarray) -> np.ndarray:
    """Seconds of a step: bytes over the rate of their stream, and a floor per layer and card."""
    return np.array([_step_s(row, p) for row in rows])


def _step_s(row: Local, p: np.ndarray) -> float:
    d, m = row.deployment, row.deployment.model
    bandwidth, width = d.hardware.accelerator.bandwidth_bytes_per_s, min(1, d.expert_width)
    read = weight_bytes(m, d.precision, "llama").dense
    read_s = read / arriving(bandwidth * p[width], row.cycles_per_s * p[5 + width])
    kv = row.context * kv_bytes_per_token(m, "fp16")
    kv_s = kv / arriving(bandwidth * p[2], row.cycles_per_s * p[7])
    floors = m.layers * p[3] + (row.cards - 1) * p[4]
    return float(read_s + kv_s + floors * 1e-6)


def fit(rows: list[Local]) -> np.ndarray:
    """Factors of CUDA cards, or of Macs."""
    from scipy.optimize import least_squares  # here, because rows are read without it, too

    measured = np.array([row.step_s for row in rows])

    def residuals(logs: np.ndarray) -> np.ndarray:
        p = np.minimum(START * np.exp(logs), MOST)
        error = np.log(predict(rows, p) / measured) / 0.05
        return np.concatenate(
            [np.sign(error) * np.sqrt(2 * (np.sqrt(1 + error**2) - 1)), logs / SPREADS]
        )

    found = least_squares(residuals, np.zeros(len(START)))
    factors: np.ndarray = np.minimum(START * np.exp(found.x), MOST)
    return factors


def transferred(rows: list[Local]) -> np.ndarray:
    """Predicted over measured of cards with HBM, by what cards with GDDR alone say."""
    p = fit([row for row in rows if row.kind == "gddr"])
    there = [row for row in rows if row.kind == "hbm"]
    ratio: np.ndarray = predict(there, p) / [row.step_s for row in there]
    return ratio


def held_out(rows: list[Local]) -> np.ndarray:
    """Predicted over measured, the device left out: CUDA cards from the others, Macs from Macs."""
    ratio = np.full(len(rows), np.nan)
    for device in {row.device for row in rows}:
        here = [i for i, row in enumerate(rows) if row.device == device]
        cuda = rows[here[0]].is_cuda
        others = [r for r in rows if r.device != device and r.is_cuda == cuda]
        p = fit(others)
        ratio[here] = predict([rows[i] for i in here], p) / [rows[i].step_s for i in here]
    return ratio
