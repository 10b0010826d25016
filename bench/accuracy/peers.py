"""What others predict for the same rows: read from a cache outside version control, or computed.

    python -m bench.accuracy.peers rows | nice CACHE/aic/bin/python bench/accuracy/aiconfigurator_rows.py \
        > CACHE/aiconfigurator-0.12.0.jsonl

aiconfigurator takes seconds a row, so that run is by hand; a part of it is a random part of the rows.
The plain roofline has no efficiency and no overhead; the constant is the median of the other families.
"""

from __future__ import annotations

import dataclasses
import json
import random
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from tools.calibration import measured

if TYPE_CHECKING:
    from tools.calibration import model

Array = np.ndarray[Any, np.dtype[np.float64]]
KEY = ("source", "published_model", "hardware", "engine", "engine_version", "gemm", "moe", "tp",
       "dp", "ep", "isl", "osl", "batch", "date")  # fmt: skip
PREDICTIONS = Path(__file__).with_name("predictions")
CACHES = {
    "aiconfigurator 0.12.0": "aiconfigurator-0.12.0.jsonl",
    "genz-llm 0.0.16": "genz-0.0.16.jsonl",
}


def key_of(row: measured.Served) -> str:
    """What tells one row from another, in the cache."""
    return "|".join(str(getattr(row, name)) for name in KEY)


def predictions(rows: model.Rows, cache: Path) -> Iterator[tuple[str, Array]]:
    """Name and TPOT of every row for each peer; NaN where it gave none."""
    for name, file in CACHES.items():
        found = _cached(newest(cache, file))
        yield name, np.array([found.get(key_of(row), np.nan) for row in rows.rows])
    yield "plain roofline", roofline(rows)
    yield "constant", constant(rows)


def newest(cache: Path, file: str) -> Path:
    """A peer's predictions as they were made here, or as they came with the repository."""
    made_here = cache / file
    return made_here if made_here.exists() else PREDICTIONS / file


def _cached(path: Path) -> dict[str, float]:
    if not path.exists():
        return {}
    answers = [json.loads(line) for line in path.read_text().splitlines() if line.strip()]
    return {a["key"]: a["tpot_s"] for a in answers if a.get("tpot_s") and a["tpot_s"] > 0}


def roofline(rows: model.Rows) -> Array:
    """The longer of bytes over bandwidth and operations over rate, and nothing else."""
    n, b = rows.need, rows.batch
    each = np.maximum(b / n.copies, 1.0)
    experts = n.expert_bytes * (1 - n.expert_miss_frac**b)
    kv = each * (rows.isl + rows.osl / 2) * (n.kv_bytes + n.window_kv_bytes + n.sparse_kv_bytes)
    read_s = (n.dense_bytes + experts + kv) / n.bandwidth_bytes_per_s
    done_s = each * n.dense_token_flop / n.dense_flops_per_s
    done_s = done_s + b * n.expert_token_flop / n.expert_flops_per_s
    longest: Array = np.maximum(read_s, done_s)
    return longest


def constant(rows: model.Rows) -> Array:
    """The median TPOT of all other families."""
    answer = np.full(len(rows.rows), np.nan)
    for name in set(rows.family):
        answer[rows.family == name] = np.median(rows.tpot_s[rows.family != name])
    return answer


def write_rows(folder: Path) -> None:
    """The rows as JSON lines in random order, for a peer in its own environment."""
    rows = measured.datacenter_serving(folder)
    random.Random(0).shuffle(rows)
    for row in rows:
        sys.stdout.write(json.dumps(dataclasses.asdict(row) | {"key": key_of(row)}) + "\n")


if __name__ == "__main__":
    write_rows(Path(sys.argv[2] if len(sys.argv) > 2 else "../shared/measured"))
