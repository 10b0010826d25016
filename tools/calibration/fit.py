"""Write src/wattmill/physics/calibration.toml from kernel tables and measured rows.

    python -m tools.calibration.kernels WHEEL > kernels.json
    python -m tools.calibration.fit kernels.json MEASURED > calibration.toml

in an environment with wattmill, numpy and scipy. Kernel rows come first and alone; end-to-end rows
move only the few factors of the engines, drawn towards what kernels and nothing else would give.
"""

from __future__ import annotations

import json
import sys
import tomllib
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from scipy.optimize import least_squares
from tools.calibration import local, measured, model

from wattmill.physics.calibration import Calibration
from wattmill.physics.performance import closed_ttft_s

SMALL_US = 3.0
"""One normalisation, rotation or activation beside the products (tables: 2 to 4 µs)."""

STARTS = {"reduce": 0.7, "step": 300.0, "sequence": 8.0, "layer_sequence": 0.15, "prefill": 0.85,
          "expert_prefill": 0.8, "interference": 0.75, "exchange": 25.0}  # fmt: skip
"""What engine factors are drawn towards; chosen before any row was held out, save reduce and
interference (the note in docs/physics.md)."""

FAMILIES = ("hopper", "blackwell", "ampere-hbm", "ada", "blackwell-gddr", "xe")
INHERITS = {
    "rubin": "blackwell", "volta": "ampere-hbm", "turing": "ampere-gddr", "gaudi": "cdna",
    "trainium": "cdna", "tpu": "cdna", "gcn": "cdna", "rdna": "cdna", "tensix": "cdna",
    "lpu": "cdna", "wafer": "cdna", "hexagon": "cpu", "unified": "ampere-gddr",
    "apple": "unified", "cpu": "unified", "ampere-gddr": "ada",
}  # fmt: skip
WHEEL = "kernel tables of aiconfigurator-core 0.12.0"
LLAMA_SOURCE = "XiongjieDai/GPU-Benchmarks-on-LLM-Inference"


def main(kernels_path: str, folder_name: str) -> None:
    digest, folder = json.loads(Path(kernels_path).read_text()), Path(folder_name)
    document = before(digest, folder)
    prior = loaded(document)
    rows = model.Rows(measured.datacenter_serving(folder), prior)
    every = np.ones(len(rows.rows), bool)
    factors = model.fit(rows, every)
    errors = model.standard_errors(rows, every)
    held = np.log(model.held_out(rows, rows.family, every, every))
    waits = first_tokens(rows, factors)
    document["engines"] = [engine_row(n, factors, errors, waits) for n in model.ENGINES]
    document["engines"].append(llama_engine(local_fits(folder)["cuda"]["card_us"]))
    document["kernels"] = corrected(document["kernels"], factors)
    document["spreads"] = spreads(held, folder)
    document["power"] = power_row(folder, prior)
    sys.stdout.write(toml(document))


def before(digest: dict[str, Any], folder: Path) -> dict[str, Any]:
    """Everything that kernels alone say, with engine factors at what they are drawn towards."""
    kernels = [server_row(name, digest[name], digest["hopper"]) for name in FAMILIES]
    kernels += [cdna_row(digest["hopper"]), *local_rows(folder)]
    neutral, still = np.ones(len(model.NAMES)), np.zeros(len(model.NAMES))
    return {
        "as_of": "2026-11", "inherits": INHERITS, "kernels": kernels,
        "engines": [
            *(engine_row(n, neutral, still, (0.015, 1.0, 1.0)) for n in model.ENGINES), llama_engine(0.0)
        ],
        "spreads": [], "power": {"base": 0.3, "memory": 0.3, "compute": 0.4, "source": "start"},
    }  # fmt: skip


def loaded(document: dict[str, Any]) -> Calibration:
    """The document as the package reads it."""
    return msgspec.convert(tomllib.loads(toml(document)), Calibration)


def corrected(kernels: list[dict[str, Any]], factors: np.ndarray) -> list[dict[str, Any]]:
    """Server rows with the small corrections that end-to-end rows ask for, at most 1."""
    by_name = dict(zip(model.NAMES, factors, strict=True))
    done = []
    for row in kernels:
        if row["runtime"] == "server":
            changed = {name: times(row[name], by_name[name])
                       for name in ("weights", "gemm", "expert_weights", "expert_gemm", "kv")}  # fmt: skip
            row = row | changed
        done.append(row)
    return done


def times(v: Any, factor: float) -> Any:
    return [min(1.0, x * factor) for x in v] if isinstance(v, list) else min(1.0, v * factor)


def server_row(
    name: str, d: dict[str, list[float]], like: dict[str, list[float]]
) -> dict[str, Any]:
    """One family: the medians, and floors as sums of the kernels of a layer."""
    slower = value(d, "gemm_us") / value(like, "gemm_us")

    def of(key: str) -> float:
        return value(d, key) if key in d else value(like, key) * (slower if "_us" in key else 1.0)

    product = of("gemm_us")
    weights = [
        of("weights0"),
        of("weights1"),
        value(d, "weights2") if "weights2" in d else 0.8 * of("weights1"),
    ]
    gemm = [of("gemm0"), of("gemm1"), value(d, "gemm2") if "gemm2" in d else 0.8 * of("gemm0")]
    expert = [of("expert_gemm0"), of("expert_gemm1"),
              value(d, "expert_gemm2") if "expert_gemm2" in d else 0.8 * of("expert_gemm0")]  # fmt: skip
    return {
        "family": name, "runtime": "server", "weights": weights, "gemm": gemm,
        "expert_weights": of("expert_weights"), "expert_gemm": expert, "kv": of("kv"),
        "attention": of("attention"), "decode_attention": of("decode_attention"),
        "attention_us": 2 * product + of("attention_kernel_us") + 2 * SMALL_US,
        "latent_us": of("latent_us") + SMALL_US, "sparse_us": of("sparse_us") + SMALL_US,
        "state_us": 2 * product + of("state_kernels_us") + 2 * SMALL_US,
        "mlp_us": 2 * product + SMALL_US,
        "moe_us": of("experts_us") + product + SMALL_US, "shared_us": 2 * product + SMALL_US,
        "basis": "measured" if name in ("hopper", "blackwell") else "inherited", "source": WHEEL,
    }  # fmt: skip


def value(d: dict[str, list[float]], key: str) -> float:
    return d[key][0]


def cdna_row(like: dict[str, list[float]]) -> dict[str, Any]:
    """AMD Instinct and what is further off: no kernel table is public, so an estimate."""
    row = server_row("cdna", like, like)
    floors = {key: 1.3 * row[key] for key in row if key.endswith("_us")}
    shares = {"weights": [0.70, 0.60, 0.50], "gemm": [0.45, 0.40, 0.30], "kv": 0.60,
              "expert_weights": 0.65, "expert_gemm": [0.25, 0.20, 0.18], "attention": 0.30}  # fmt: skip
    return (
        row
        | floors
        | shares
        | {"basis": "estimate", "source": "estimate: Hopper, 30 % slower floors"}
    )


def local_rows(folder: Path) -> list[dict[str, Any]]:
    """llama.cpp by family: streams and floors of CUDA cards or Macs, arithmetic by family."""
    fits = local_fits(folder)
    return [
        local_row(family, kind, wide, narrow, attention, basis, stated, fits)
        for family, kind, wide, narrow, attention, basis, stated in LOCAL
    ]


def local_fits(folder: Path) -> dict[str, dict[str, float]]:
    """The factors of CUDA cards and of Macs by name."""
    rows = local.read_local(folder)
    found = {"cuda": [r for r in rows if r.is_cuda], "apple": [r for r in rows if not r.is_cuda]}
    return {
        kind: dict(zip(local.NAMES, local.fit(some), strict=True)) for kind, some in found.items()
    }


# family, what it is fitted with, gemm in 16 bits and below, attention, basis; the last where no row exists
# of its kind: shares of bandwidth (16 bits, below, KV) and µs per layer
LOCAL: tuple[tuple[Any, ...], ...] = (
    ("ada", "cuda", 0.40, 0.33, 0.10, "measured", None),
    ("ampere-gddr", "cuda", 0.45, 0.42, 0.10, "measured", None),
    ("turing", "cuda", 0.45, 0.42, 0.10, "inherited", None),
    ("blackwell-gddr", "", 0.40, 0.33, 0.10, "inherited", (0.85, 0.80, 0.55, 65.0)),
    ("ampere-hbm", "cuda", 0.30, 0.30, 0.10, "measured", None),
    ("hopper", "cuda", 0.21, 0.17, 0.08, "measured", None),
    ("blackwell", "cuda", 0.20, 0.15, 0.08, "inherited", None),
    ("apple", "apple", 0.68, 0.58, 0.40, "inherited", None),
    ("unified", "", 0.45, 0.35, 0.10, "inherited", (0.82, 0.80, 0.75, 60.0)),
    ("rdna", "", 0.30, 0.25, 0.08, "estimate", (0.80, 0.70, 0.65, 120.0)),
    ("cdna", "", 0.15, 0.12, 0.08, "estimate", (0.50, 0.45, 0.45, 150.0)),
    ("xe", "", 0.30, 0.20, 0.08, "estimate", (0.70, 0.55, 0.55, 150.0)),
    ("cpu", "", 0.50, 0.40, 0.20, "estimate", (0.80, 0.75, 0.60, 20.0)),
)

MIXTURE_FLOOR = {"apple": 1.3}
"""Floor of a layer with experts over a dense one: late-2025 builds (gpt-oss) against May 2024."""


def local_row(
    family: str, kind: str, wide: float, narrow: float, attention: float, basis: str,
    stated: tuple[float, float, float, float] | None, fits: dict[str, dict[str, float]],
) -> dict[str, Any]:  # fmt: skip
    fitted = fits.get(kind, {})
    w0, w1, kv, layer_us = stated or (fitted[n] for n in local.NAMES[:4])
    mixer, mlp = layer_us * 0.65, layer_us * 0.35
    gemm = [wide, narrow, narrow]
    return {
        "family": family, "runtime": "llama", "weights": [w0, w1, w1], "gemm": gemm,
        "expert_weights": w1, "expert_gemm": gemm, "kv": kv, "attention": attention,
        "decode_attention": attention, "attention_us": mixer, "latent_us": 1.5 * mixer,
        "sparse_us": 2.0 * mixer, "state_us": mixer, "mlp_us": mlp,
        "moe_us": layer_us * (MIXTURE_FLOOR.get(kind, 0.7) - 0.65), "shared_us": 0.2 * mlp, "basis": basis,
        "source": LLAMA_SOURCE if stated is None else "estimate from a like family",
    } | (intakes(family, fitted) if kind == "cuda" else {})  # fmt: skip


def intakes(family: str, fitted: dict[str, float]) -> dict[str, Any]:
    wide, narrow = fitted["intake0"], fitted["intake1"]
    return {"intake": [wide, narrow, narrow], "kv_intake": fitted["kv_intake"],
            "cycle_flop": local.CYCLE_FLOP.get(family, 256.0)}  # fmt: skip


def engine_row(name: str, factors: np.ndarray, errors: np.ndarray, waits: Waits) -> dict[str, Any]:
    f, se = (
        dict(zip(model.NAMES, factors, strict=True)),
        dict(zip(model.NAMES, errors, strict=True)),
    )
    to = {key: start * f[key] for key, start in STARTS.items()}
    return {
        "name": name, "runtime": "server", "floor": f[f"floor_{name}"], "reduce": to["reduce"],
        "step_us": to["step"], "sequence_us": to["sequence"],
        "layer_sequence_us": to["layer_sequence"], "prefill": min(1.0, to["prefill"]),
        "expert_prefill": min(1.0, to["expert_prefill"]),
        "interference": min(1.0, to["interference"]), "exchange_us": to["exchange"], "hop_us": 20.0,
        "request_ms": waits[0] * 1e3, "first_floor": waits[1], "first_expert_floor": waits[2],
        "source": "datacenter_serving, Hopper and Blackwell, 6 model families",
        "se": {"floor": se[f"floor_{name}"]} | {key: se[key] for key in STARTS},
    }  # fmt: skip


def llama_engine(hop_us: float) -> dict[str, Any]:
    return {
        "name": "llama.cpp", "runtime": "llama", "floor": 1.0, "reduce": 1.0, "step_us": 0.0,
        "sequence_us": 0.0, "layer_sequence_us": 16.0, "prefill": 1.0, "expert_prefill": 1.0,
        "interference": 1.0, "exchange_us": 0.0, "hop_us": hop_us, "request_ms": 5.0,
        "first_floor": 1.0, "first_expert_floor": 1.0, "source": "DGX Spark batches; cards taking turns", "se": {},
    }  # fmt: skip


Waits = tuple[float, ...]


def first_tokens(rows: model.Rows, factors: np.ndarray, use: np.ndarray | None = None) -> Waits:
    """Seconds of a request before its prefill, and floors of a prompt's step over a decode step's,
    without and with experts. One set for all engines: six families do not tell engines apart."""
    chosen = few_users(rows) & (True if use is None else use)
    index, weight = np.where(chosen)[0], np.sqrt(model.row_weights(rows, chosen))

    def residuals(logs: np.ndarray) -> np.ndarray:
        predicted = ttft_of(rows, factors, waits_of(logs))
        error = np.log(predicted[index] / rows.ttft_s[index]) / 0.2
        soft = np.sign(error) * np.sqrt(2 * (np.sqrt(1 + error**2) - 1))
        return np.concatenate([soft * weight, logs])

    return waits_of(least_squares(residuals, np.zeros(3)).x)


def waits_of(logs: np.ndarray) -> Waits:
    """Request, first floor, first floor of experts; what they are drawn towards, times e^logs."""
    start = (0.025, 2.0, 10.0)
    return tuple(s * float(np.exp(x)) for s, x in zip(start, logs, strict=True))


def few_users(rows: model.Rows) -> np.ndarray:
    """Rows with no more users than cards, whose TTFT is no queue."""
    few: np.ndarray = rows.batch <= np.array([r.cards for r in rows.rows])
    alone: np.ndarray = few & ~np.isnan(rows.ttft_s)
    return alone


def ttft_of(rows: model.Rows, factors: np.ndarray, waits: Waits) -> np.ndarray:
    """Closed-loop time to first token of every row."""
    request_s, first, first_expert = waits
    same = np.ones(len(rows.rows))
    rows.got = msgspec.structs.replace(
        rows.got, first_floor=first * same, first_expert_floor=first_expert * same
    )
    cost, none = rows.cost(factors), 0.0 * rows.isl
    alone_s, busy_s = cost._prefill_s(rows.isl, none), cost.shared_prefill_s(rows.isl, none)
    seconds: np.ndarray = closed_ttft_s(
        request_s, rows.batch, rows.osl, alone_s, busy_s, rows.predict(factors)
    )
    return seconds


def spreads(held: np.ndarray, folder: Path) -> list[dict[str, Any]]:
    """From residuals held out by family; what was never measured is given more."""
    server = half_width(held)
    rows = local.read_local(folder)
    near = half_width(np.log(local.held_out(rows))[[r.is_cuda for r in rows]])
    table = [("server", "measured", server, 0.50), ("server", "inherited", 1.6 * server, 0.65),
             ("server", "estimate", 2.2 * server, 0.80), ("llama", "measured", max(near, 0.10), 0.40),
             ("llama", "inherited", 0.22, 0.50), ("llama", "estimate", 0.40, 0.70)]  # fmt: skip
    return [
        {"runtime": r, "basis": b, "tpot": t, "ttft": f, "power": 0.12 if b == "measured" else 0.2,
         "source": "residuals held out by family" if b == "measured" else "measured, times a margin"}
        for r, b, t, f in table
    ]  # fmt: skip


def half_width(logs: np.ndarray) -> float:
    """The 90 % quantile of the absolute residual as that of a normal distribution."""
    return float(np.quantile(np.abs(logs), 0.9) / 1.6449)


def busy(rows: model.Rows) -> tuple[np.ndarray, np.ndarray]:
    """Shares of the measured time in which memory and arithmetic have work to do."""
    cost, b = rows.cost(np.ones(len(model.NAMES))), rows.batch
    took_s = b / np.array([r.tok_per_s for r in rows.rows])
    each = np.maximum(b / cost.copies, 1.0)
    read_s = cost.weights_s(b) + each * cost.state_s
    read_s += cost.kv_s(each, b * (rows.isl + rows.osl / 2) / cost.copies)
    done_s = each * cost.dense_token_s + b * cost.expert_token_s
    done_s += b / rows.osl * cost.shared_prefill_s(rows.isl, 0.0)
    return np.minimum(1.0, read_s / took_s), np.minimum(1.0, done_s / took_s)


TDP_W = {"H100-SXM": 700.0, "H200-SXM": 700.0, "B200": 1000.0}


def drawn_frac(rows: model.Rows) -> np.ndarray:
    """Measured watts over TDP of all cards."""
    return np.array([(r.power_w or np.nan) / r.cards / TDP_W[r.hardware] for r in rows.rows])


def fit_power(rows: model.Rows, train: np.ndarray) -> np.ndarray:
    """base, memory, compute of `wattmill.physics.power.draw_frac`."""
    memory, compute = busy(rows)
    drawn = drawn_frac(rows)

    def residuals(p: np.ndarray) -> np.ndarray:
        logs: np.ndarray = np.log(guess_power(p, memory, compute)[train] / drawn[train])
        return logs

    found: np.ndarray = least_squares(residuals, [0.3, 0.3, 0.4], loss="soft_l1", f_scale=0.15).x
    return found


def guess_power(p: np.ndarray, memory: np.ndarray, compute: np.ndarray) -> np.ndarray:
    """Share of TDP by the shares of busy time."""
    share: np.ndarray = np.clip(p[0] + p[1] * memory**0.5 + p[2] * compute**0.5, 0.05, 1.0)
    return share


def power_row(folder: Path, prior: Calibration) -> dict[str, Any]:
    rows = model.Rows(measured.ml_energy(folder), prior)
    base, memory, compute = fit_power(rows, np.ones(len(rows.rows), bool))
    return {
        "base": base,
        "memory": memory,
        "compute": compute,
        "source": "ML.ENERGY, H100 and B200",
    }


def toml(document: dict[str, Any]) -> str:
    lines = ["# Written by `python -m tools.calibration.fit`; docs/physics.md says how. Do not edit.",
             f'as_of = "{document["as_of"]}"']  # fmt: skip
    for name in ("inherits", "power"):
        lines += ["", f"[{name}]", *(f"{key} = {literal(v)}" for key, v in document[name].items())]
    for name in ("kernels", "engines", "spreads"):
        for row in document[name]:
            lines += ["", f"[[{name}]]", *(f"{key} = {literal(v)}" for key, v in row.items())]
    return "\n".join(lines) + "\n"


def literal(v: Any) -> str:
    if isinstance(v, str):
        return json.dumps(v)
    if isinstance(v, dict):
        return (
            "{ " + ", ".join(f"{key} = {literal(x)}" for key, x in v.items()) + " }" if v else "{}"
        )
    if isinstance(v, list):
        return "[" + ", ".join(literal(x) for x in v) + "]"
    return repr(float(f"{v:.4g}"))


if __name__ == "__main__":
    main(*sys.argv[1:3])
