"""The circumstances of a run, to be printed below its table."""

from __future__ import annotations

import os
import platform
import statistics
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

SYNCS = 300
RECORD = b"\0" * 4096


@dataclass(frozen=True)
class SyncCost:
    """What one append of 4 KiB and its fdatasync take on the disk of the ledger."""

    median_ms: float
    slowest_percent_ms: float


def sync_cost(folder: Path) -> SyncCost:
    """Measure it, without load, in the folder where wattmill keeps its ledger."""
    path = folder / "sync.probe"
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    try:
        times = sorted(_timed_append(descriptor) for _ in range(SYNCS))
    finally:
        os.close(descriptor)
        path.unlink()
    return SyncCost(statistics.median(times), times[int(len(times) * 0.99)])


def describe(syncs: Sequence[SyncCost]) -> str:
    """The median round, and the range over the rounds: a disk that others use changes its mind."""
    medians = [sync.median_ms for sync in syncs]
    slowest = statistics.median(sync.slowest_percent_ms for sync in syncs)
    return (
        f"one fdatasync on this disk {statistics.median(medians):.3f} ms "
        f"({min(medians):.3f}–{max(medians):.3f} over the rounds), p99 {slowest:.3f} ms"
    )


def _timed_append(descriptor: int) -> float:
    start = time.perf_counter()
    os.write(descriptor, RECORD)
    os.fdatasync(descriptor)
    return 1000 * (time.perf_counter() - start)


def machine() -> str:
    """Processor, cores and kernel."""
    return f"{_cpu_model()}, {os.cpu_count()} cores, Linux {platform.release()}"


def _cpu_model() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def commit(root: Path) -> str:
    """The commit that is checked out, and whether the tree differs from it."""
    short = _git(root, "rev-parse", "--short", "HEAD")
    if not short:
        return "none"
    return f"{short} with changes" if _git(root, "status", "--porcelain") else short


def _git(root: Path, *words: str) -> str:
    done = subprocess.run(["git", "-C", root, *words], capture_output=True, text=True)
    return done.stdout.strip() if done.returncode == 0 else ""
