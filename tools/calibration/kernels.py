"""Kernel rows of calibration.toml from the measured kernel tables of `aiconfigurator-core` 0.12.0.

    pip download --no-deps aiconfigurator-core==0.12.0 && unzip -d WHEEL *.whl
    python -m tools.calibration.kernels WHEEL > kernels.json

Needs numpy, scipy and pyarrow. Of the wheel only the kernel tables are read. Each table is fitted by

    GEMM    t = floor + √((bytes / (bandwidth · weights))² + (operations / (rate · gemm))²)
    experts the same with the bytes of the experts that m tokens touch, and a cost per token
    decode  t = floor + √((KV / (bandwidth · kv))² + (operations / (rate · decode_attention))²) + B · c
    prompt  t = floor + operations / (rate · attention) + tokens · c

in the logarithm with a soft loss; a row is the geometric mean over engines and their versions.
"""

from __future__ import annotations

import json
import sys
from collections import defaultdict
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
from scipy.optimize import least_squares

# bandwidth in bytes/s, then 16-bit, 8-bit and 4-bit dense rates in operations/s
SYSTEMS = {
    "h100_sxm": ("hopper", 3350e9, 989e12, 1979e12, 0),
    "h200_sxm": ("hopper", 4800e9, 989e12, 1979e12, 0),
    "b200_sxm": ("blackwell", 8000e9, 2250e12, 4500e12, 9000e12),
    "b300_sxm": ("blackwell", 8000e9, 2250e12, 4500e12, 13500e12),
    "a100_sxm": ("ampere-hbm", 2039e9, 312e12, 624e12, 0),
    "l40s": ("ada", 864e9, 362e12, 733e12, 0),
    "rtx_pro_6000_server": ("blackwell-gddr", 1597e9, 500e12, 1000e12, 2000e12),
    "b60": ("xe", 456e9, 98e12, 197e12, 0),
}
WIDTH = {"bfloat16": 0, "fp8": 1, "fp8_block": 1, "int8_wo": 1, "nvfp4": 2}
BYTES = (2.0, 1.0, 0.5625)
MOST_ROWS = 4000
# the kernel that a table row is of on Blackwell without DeepGEMM is broken; its fit is no efficiency
USUAL_FLOOR_S = 40e-6


def main(wheel: str) -> None:
    root = next(Path(wheel).rglob("systems")) / "data"
    found: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for system, (family, *rates) in SYSTEMS.items():
        into = found[family]
        for path in sorted((root / system).glob("gemm/*/*/gemm_perf.parquet")):
            gemms(table(path), rates, into)
        for path in sorted((root / system).glob("moe/*/*/moe_perf.parquet")):
            experts(table(path), rates, into)
        for path in sorted((root / system).glob("attention/*/*/generation_attention_perf.parquet")):
            decode_attention(table(path), rates, into)
        for path in sorted((root / system).glob("attention/*/*/context_attention_perf.parquet")):
            prompt_attention(table(path), rates, into)
        for kind, key in (("mla/*/*/mla", "latent_us"), ("sparse_attention/*/*/dsa", "sparse_us")):
            for path in sorted((root / system).glob(f"{kind}_generation_module_perf.parquet")):
                modules(table(path), key, into)
        for path in sorted((root / system).glob("linear_attention/*/*/gdn_perf.parquet")):
            recurrent(table(path), into)
    digest = {
        family: {key: [float(np.exp(np.mean(np.log(v)))), float(np.std(np.log(v))), len(v)]
                 for key, v in sorted(values.items())}
        for family, values in found.items()
    }  # fmt: skip
    json.dump(digest, sys.stdout, indent=1)


def table(path: Path) -> dict[str, np.ndarray]:
    read = pq.read_table(path)
    found = {name: np.array(read[name].to_pylist()) for name in read.column_names}
    rows = len(next(iter(found.values())))
    return {"window_size": np.zeros(rows), "step": np.zeros(rows)} | found


def sample(keep: np.ndarray) -> np.ndarray | None:
    index = np.where(keep)[0]
    if len(index) < 100:
        return None
    return np.random.default_rng(0).choice(index, min(MOST_ROWS, len(index)), replace=False)


def fitted(model, start: list[float], seconds: np.ndarray) -> np.ndarray:
    """Positive parameters of `model` that come nearest to `seconds`, in the logarithm."""
    found = least_squares(
        lambda p: np.log(model(np.exp(p)) / seconds), np.log(start), loss="soft_l1", f_scale=0.2
    )
    return np.exp(found.x)


def gemms(c, rates, into) -> None:
    m, n, k = (c[x].astype(float) for x in "mnk")
    for name, width in WIDTH.items():
        if not rates[1 + width]:
            continue
        usual = (n >= 256) & (k >= 256) & (n * k > 5e5) & (n * k < 1.2e9) & (m <= 8192)
        i = sample((c["gemm_dtype"] == name) & usual)
        if i is None:
            continue
        seconds = c["latency"].astype(float)[i] * 1e-3
        read, done = (
            n[i] * k[i] * BYTES[width] / rates[0],
            2 * m[i] * n[i] * k[i] / rates[1 + width],
        )
        p = fitted(
            lambda p, read=read, done=done: p[0] + np.hypot(read / p[1], done / p[2]),
            [5e-6, 0.7, 0.6],
            seconds,
        )
        if p[0] < USUAL_FLOOR_S:
            into["gemm_us"].append(p[0] * 1e6)
            into[f"weights{width}"].append(min(1.0, p[1]))
            into[f"gemm{width}"].append(min(1.0, p[2]))


def experts(c, rates, into) -> None:
    names = ("num_tokens", "hidden_size", "inter_size", "topk", "num_experts",
             "moe_tp_size", "moe_ep_size")  # fmt: skip
    g = {name: c[name].astype(float) for name in names}
    usual = (g["num_experts"] >= 64) & (g["moe_tp_size"] <= 8) & (g["moe_ep_size"] <= 16)
    usual &= (g["inter_size"] / g["moe_tp_size"] >= 128) & (g["num_tokens"] <= 16384)
    usual &= c["distribution"] == "power_law_1.01"
    for name, width in WIDTH.items():
        if not rates[1 + width]:
            continue
        i = sample((c["moe_dtype"] == name) & usual)
        if i is None:
            continue
        m, d, f, k, e, tp, ep = (g[x][i] for x in names)
        seconds = c["latency"].astype(float)[i] * 1e-3
        read = 3 * d * f / tp * e / ep * BYTES[width] / rates[0] * (1 - (1 - k / e) ** m)
        done = 6 * d * f / tp * m * k / ep / rates[1 + width]
        p = fitted(
            lambda p, read=read, done=done, m=m: p[0] + np.hypot(read / p[1], done / p[2]) + m * p[3],
            [15e-6, 0.6, 0.4, 3e-9], seconds,
        )  # fmt: skip
        into["experts_us"].append(p[0] * 1e6)
        into["expert_weights"].append(min(1.0, p[1]))
        into[f"expert_gemm{width}"].append(min(1.0, p[2]))
        into["expert_token_ns"].append(p[3] * 1e9)


def decode_attention(c, rates, into) -> None:
    names = (
        "batch_size",
        "isl",
        "num_heads",
        "num_key_value_heads",
        "head_dim",
        "step",
        "window_size",
    )
    g = {name: c[name].astype(float) for name in names}
    usual = (g["head_dim"] == 128) & (g["window_size"] == 0) & (g["batch_size"] <= 512)
    usual &= (g["num_heads"] >= 4) & (g["num_key_value_heads"] <= 8)
    for name, element in (("bfloat16", 2.0), ("fp8", 1.0)):
        i = sample((c["kv_cache_dtype"] == name) & usual)
        if i is None:
            continue
        b, s, h, kv, width, step, _ = (g[x][i] for x in names)
        seconds, context = c["latency"].astype(float)[i] * 1e-3, s + step
        read = b * context * 2 * kv * width * element / rates[0]
        done = 4 * b * context * h * width / rates[1]
        p = fitted(
            lambda p, read=read, done=done, b=b: p[0] + np.hypot(read / p[1], done / p[2]) + b * p[3],
            [8e-6, 0.7, 0.3, 2e-8], seconds,
        )  # fmt: skip
        into["attention_kernel_us"].append(p[0] * 1e6)
        into["kv"].append(min(1.0, p[1]))
        into["decode_attention"].append(min(1.0, p[2]))
        into["attention_sequence_ns"].append(p[3] * 1e9)


def prompt_attention(c, rates, into) -> None:
    g = {
        x: c[x].astype(float)
        for x in ("batch_size", "isl", "num_heads", "head_dim", "step", "window_size")
    }
    usual = (g["head_dim"] == 128) & (g["window_size"] == 0) & (g["step"] == 0) & (g["isl"] >= 256)
    i = sample(usual & (g["batch_size"] * g["isl"] <= 16384) & (g["num_heads"] >= 8))
    if i is None:
        return
    b, s, h = (g[x][i] for x in ("batch_size", "isl", "num_heads"))
    seconds, done = c["latency"].astype(float)[i] * 1e-3, 2 * b * s * s * h * 128 / rates[1]
    p = fitted(
        lambda p, done=done: p[0] + done / p[1] + b * s * h * p[2], [8e-6, 0.5, 1e-11], seconds
    )
    into["attention"].append(min(1.0, p[1]))


def modules(c, key, into) -> None:
    """Floor of a whole attention block: one to four sequences of short context on 16 heads."""
    g = {x: c[x].astype(float) for x in ("batch_size", "isl", "step", "num_heads")}
    keep = (g["batch_size"] <= 4) & (g["isl"] + g["step"] <= 2048) & (g["num_heads"] <= 16)
    if keep.sum() > 3:
        into[key].append(float(np.median(c["latency"].astype(float)[keep])) * 1e3)


def recurrent(c, into) -> None:
    """Floor of the kernels of one gated delta layer in decode, its products left out."""
    keep = (c["phase"] == "generation") & (c["batch_size"].astype(float) <= 4)
    if keep.sum() > 3:
        sources = sorted(set(c["kernel_source"][keep]))
        latency = c["latency"].astype(float)
        into["state_kernels_us"].append(
            sum(float(np.median(latency[keep & (c["kernel_source"] == s)])) for s in sources) * 1e3
        )


if __name__ == "__main__":
    main(sys.argv[1])
