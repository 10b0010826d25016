"""Measured rows as layouts that the model can evaluate. Standard library only.

The folder of tables is an argument: several sources state no licence, so rows are never committed.
"""

from __future__ import annotations

import csv
import gzip
import re
import statistics
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

LAYOUT = re.compile(r"tp(\d+)pp(\d+)dp(\d+)moetp(\d+)ep(\d+)")

MODELS = {
    "meta-llama/Llama-3.1-70B": "llama-3.1-70b",
    "meta-llama/Llama-3.1-8B-Instruct": "llama-3.1-8b",
    "nvidia/Llama-3.1-8B-Instruct-FP8": "llama-3.1-8b",
    "deepseek-ai/DeepSeek-R1": "deepseek-r1",
    "nvidia/DeepSeek-R1-NVFP4": "deepseek-r1",
    "deepseek-ai/DeepSeek-V3": "deepseek-v3",
    "nvidia/DeepSeek-V3.1-NVFP4": "deepseek-v3.1",
    "deepseek-ai/DeepSeek-V3.1": "deepseek-v3.1",
    "Qwen/Qwen3-235B-A22B-FP8": "qwen3-235b-a22b",
    "Qwen/Qwen3-235B-A22B-Instruct-2507": "qwen3-235b-a22b",
    "Qwen/Qwen3-235B-A22B-Instruct-2507-FP8": "qwen3-235b-a22b",
    "Qwen/Qwen3-30B-A3B-Thinking-2507": "qwen3-30b-a3b",
    "Qwen/Qwen3-Coder-30B-A3B-Instruct": "qwen3-30b-a3b",
    "Qwen/Qwen3-VL-235B-A22B-Instruct": "qwen3-235b-a22b",
    "Qwen/Qwen3-VL-235B-A22B-Instruct-FP8": "qwen3-235b-a22b",
    "Qwen/Qwen3-8B": "qwen3-8b",
    "Qwen/Qwen3-VL-8B-Instruct": "qwen3-8b",
    "Qwen/Qwen3.5-397B-A17B": "qwen3.5-397b-a17b",
    "MiniMaxAI/MiniMax-M2.5": "minimax-m2.5",
    "zhipuai/GLM-5": "glm-5",
    "zai-org/GLM-5-FP8": "glm-5",
    "meta-llama/Llama-3.1-405B-Instruct": "llama-3.1-405b",
    "meta-llama/Llama-3.3-70B-Instruct": "llama-3.3-70b",
    "nvidia/NVIDIA-Nemotron-Nano-12B-v2": "nemotron-nano-12b-v2",
    "meta-llama/Llama-2-7b-hf": "llama-2-7b",
    "meta-llama/Llama-2-70b-hf": "llama-2-70b",
    "codellama/CodeLlama-34b-Instruct-hf": "codellama-34b",
    "mistralai/Mixtral-8x7B-v0.1": "mixtral-8x7b",
}
"""Published names to rows of the catalog; vision models answer text like their language part."""

FAMILIES = {
    "llama": ("llama", "codellama"),
    "deepseek": ("deepseek",),
    "qwen3-moe": ("qwen3-235b", "qwen3-30b"),
    "qwen3": ("qwen3-8b",),
    "qwen3.5": ("qwen3.5",),
    "minimax": ("minimax",),
    "glm-5": ("glm",),
    "mixtral": ("mixtral",),
    "nemotron-h": ("nemotron",),
}
"""One architecture under several names is one family, so that holding it out leaks nothing."""

HARDWARE = {
    "h100_sxm": "H100-SXM", "h200_sxm": "H200-SXM", "b200_sxm": "B200",
    "H100": "H100-SXM", "H200": "H200-SXM", "B200": "B200", "H100 SXM": "H100-SXM",
}  # fmt: skip
GENERATIONS = {"H100-SXM": "hopper", "H200-SXM": "hopper", "B200": "blackwell"}
FORMATS = {"": "bf16", "fp8": "fp8", "fp8_block": "fp8", "nvfp4": "nvfp4", "bfloat16": "bf16"}


@dataclass(frozen=True)
class Served:
    """One measured configuration of a server: what ran, how it was loaded, and what was seen.

    batch is the concurrency of the whole deployment. tpot_s and ttft_s are medians over repeats.
    """

    source: str
    published_model: str
    model: str
    family: str
    hardware: str
    generation: str
    engine: str
    engine_version: str
    date: str
    precision: str
    gemm: str
    moe: str
    tp: int
    dp: int
    ep: int
    isl: int
    osl: int
    batch: int
    tpot_s: float
    ttft_s: float | None
    id: str
    joules_per_token: float | None = None
    power_w: float | None = None
    tok_per_s: float | None = None

    @property
    def cards(self) -> int:
        """Accelerators of the deployment."""
        return self.tp * self.dp


def read(folder: Path, table: str) -> Iterator[dict[str, str]]:
    """The rows of one table."""
    with gzip.open(folder / f"{table}.csv.gz", "rt") as file:
        yield from csv.DictReader(file)


def family_of(model: str) -> str:
    """The family that is held out together with this model of the catalog."""
    for family, starts in FAMILIES.items():
        if model.startswith(starts) and not (family == "qwen3" and "a3b" in model):
            return family
    raise KeyError(model)


def layout_of(notes: str) -> tuple[int, int, int]:
    """Attention TP, attention DP and expert parallelism of a row.

    Layouts with experts spread over the attention's cards are recorded as products: `tp64` with
    `moetp8ep8` is 8 cards with EP 8, `dp64` likewise attention DP on 8.
    """
    found = LAYOUT.search(notes)
    assert found, notes
    tp, _pp, dp, moe_tp, ep = map(int, found.groups())
    if moe_tp > 1 and ep == moe_tp and tp * dp == moe_tp * ep:
        return (1, moe_tp, ep) if dp > 1 else (moe_tp, 1, ep)
    if tp > 1 and dp == tp and ep == tp * dp:
        return 1, tp, tp
    return tp, dp, ep


def datacenter_serving(folder: Path) -> list[Served]:
    """Aggregated rows, repeats of one configuration joined by their median."""
    seen: dict[tuple[str, str, str], dict[str, dict[str, str]]] = defaultdict(dict)
    for row in read(folder, "datacenter_serving"):
        if row["notes"].startswith("mode=agg"):
            seen[row["where"], row["notes"], row["date"]][row["metric"]] = row
    joined: dict[tuple[str, ...], list[dict[str, dict[str, str]]]] = defaultdict(list)
    for metrics in seen.values():
        if "tpot_ms" in metrics:
            joined[_configuration(metrics["tpot_ms"])].append(metrics)
    return [_served(repeats) for repeats in joined.values()]


def _configuration(row: dict[str, str]) -> tuple[str, ...]:
    names = ("source", "hardware", "model", "weight_precision", "engine", "input_len",
             "output_len", "concurrency_or_batch", "notes")  # fmt: skip
    return tuple(row[name] for name in names)


def _served(repeats: list[dict[str, dict[str, str]]]) -> Served:
    row = repeats[0]["tpot_ms"]
    notes = dict(part.split("=", 1) for part in row["notes"].split(";") if "=" in part)
    tp, dp, ep = layout_of(row["notes"])
    gemm, moe = notes.get("gemm", ""), notes.get("moe", "")
    engine, _, version = row["engine"].partition(" ")
    hardware, model = HARDWARE[row["hardware"]], MODELS[row["model"]]
    return Served(
        source=row["source"], published_model=row["model"], model=model, family=family_of(model),
        hardware=hardware, generation=GENERATIONS[hardware], engine=engine,
        engine_version=version, date=row["date"], precision=FORMATS[moe or gemm], gemm=gemm,
        moe=moe, tp=tp, dp=dp, ep=ep, isl=int(row["input_len"]), osl=int(row["output_len"]),
        batch=int(row["concurrency_or_batch"]), tpot_s=_median(repeats, "tpot_ms"),  # type: ignore[arg-type]
        ttft_s=_median(repeats, "ttft_ms"), id=row["where"],
    )  # fmt: skip


def _median(repeats: list[dict[str, dict[str, str]]], metric: str) -> float | None:
    found = [float(r[metric]["value"]) / 1e3 for r in repeats if metric in r]
    return statistics.median(found) if found else None


TASK_TOKENS = {"lm-arena-chat": 150, "gpqa": 300, "sourcegraph-fim": 500}
"""Approximate prompt lengths of the text tasks of ML.ENERGY, which its rows leave out."""


def ml_energy(folder: Path) -> list[Served]:
    """Text tasks of ML.ENERGY: inter-token latency, watts and joules by batch, with vLLM."""
    metrics: dict[tuple[str, ...], dict[str, float]] = defaultdict(dict)
    rows: dict[tuple[str, ...], dict[str, str]] = {}
    for row in read(folder, "ml_energy"):
        key = (*_configuration(row), row["n_gpus"], row["tp"], row["where"])
        metrics[key][row["metric"]] = float(row["value"])
        rows[key] = row
    found = (_measured_energy(rows[key], seen) for key, seen in metrics.items())
    return [served for served in found if served]


def _measured_energy(row: dict[str, str], seen: dict[str, float]) -> Served | None:
    notes = dict(part.split("=", 1) for part in row["notes"].split(";") if "=" in part)
    task, cards = notes["task"], int(row["n_gpus"])
    itl = seen.get("itl_ms_p50")
    if task not in TASK_TOKENS or itl is None or row["model"] not in MODELS:
        return None
    dp, ep = int(notes.get("dp") or 1), int(notes.get("ep") or 1)
    tp = cards // dp
    precision = "fp8" if row["weight_precision"] == "fp8" else "bf16"
    hardware, model = HARDWARE[row["hardware"]], MODELS[row["model"]]
    return Served(
        source=f"ml-energy/{task}", published_model=row["model"], model=model,
        family=family_of(model), hardware=hardware, generation=GENERATIONS[hardware],
        engine="vllm", engine_version="0.11", date="2025-12", precision=precision, gemm="", moe="",
        tp=tp, dp=dp, ep=ep, isl=TASK_TOKENS[task], osl=max(2, round(float(row["output_len"]))),
        batch=max(1, round(float(row["concurrency_or_batch"]))), tpot_s=itl / 1e3, ttft_s=None,
        id=row["where"], joules_per_token=seen.get("joules_per_token"), power_w=seen.get("watts"),
        tok_per_s=seen.get("decode_tok_s_total"),
    )  # fmt: skip


def local_llamacpp(folder: Path) -> list[dict[str, str]]:
    """Decode and prefill of llama.cpp on cards and Macs, as published."""
    return list(read(folder, "local_llamacpp"))
