"""Configurations per second on one core, beside peers on the same machine: `python -m bench.sweep`.

One configuration is model x hardware x precision x tensor parallelism x batch x prompt x answer, and
gives fit, TTFT, TPOT, throughput, watts and USD per million tokens. Peers are taken from the runs of
`bench.accuracy` (their seconds per estimate are in the same caches).
"""

from __future__ import annotations

import json
import statistics
import time
from pathlib import Path

import numpy as np

from bench.accuracy.peers import newest
from wattmill.catalog.hardware import hardware
from wattmill.catalog.models import model
from wattmill.physics.deployment import Deployment, try_deploy
from wattmill.physics.sweep import evaluate, stack

MODELS = ("llama-3.1-8b", "llama-3.1-70b", "qwen3-30b-a3b", "gpt-oss-120b", "deepseek-r1", "glm-5")
MACHINES = ("8x H100", "8x H200", "8x B200", "8x L40S", "4x RTX PRO 6000", "8x MI300X")
PRECISIONS = ("bf16", "fp8", "nvfp4")
REPEATS = 5
CACHE = Path("bench/.cache")
PEERS = {
    "aiconfigurator 0.12.0": "aiconfigurator-0.12.0.jsonl",
    "genz-llm 0.0.16": "genz-0.0.16.jsonl",
}


def layouts() -> list[Deployment]:
    """Every layout of the sweep that can be."""
    tried = (
        try_deploy(model(m), hardware(where), precision, tp=tp)
        for m in MODELS for where in MACHINES for precision in PRECISIONS for tp in (1, 2, 4, 8)
    )  # fmt: skip
    return [found for found in tried if found]


def main() -> None:
    """Print one line for wattmill and one for each peer."""
    deployments = layouts()
    loads = np.meshgrid(np.arange(1.0, 257.0, 8), 2.0 ** np.arange(7, 15), 2.0 ** np.arange(6, 12))
    batch, isl, osl = (axis.ravel() for axis in loads)
    rates = []
    for _ in range(REPEATS):
        began = time.process_time()
        table = evaluate(stack(deployments), batch=batch, isl=isl, osl=osl, usd_per_hour=20.0)
        rates.append(table.tpot_s.size / (time.process_time() - began))
    print(f"{table.tpot_s.size:,} configurations ({len(deployments)} layouts x {len(batch)} loads)")
    print(
        f"wattmill               {statistics.median(rates):14,.0f} per second and core (best {max(rates):,.0f})"
    )
    for name, file in PEERS.items():
        seconds = _seconds(newest(CACHE, file))
        if seconds:
            print(
                f"{name:22} {1 / statistics.median(seconds):14,.1f} (median of {len(seconds)} estimates)"
            )
        else:
            print(f"{name:22} not measured here; see bench/accuracy/peers.py")


def _seconds(path: Path) -> list[float]:
    if not path.exists():
        return []
    answers = [json.loads(line) for line in path.read_text().splitlines() if line.strip()]
    return [a["wall_s"] for a in answers if a.get("tpot_s")]


if __name__ == "__main__":
    main()
