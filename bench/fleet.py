"""Seconds of CPU for a fleet of 200 machine types on one core: `python -m bench.fleet`.

Each with its shadow prices, as slopes and as steps of whole machines: a usual question, a hard one
where five models with promises compete for power, capital and space and machines hardly differ, and
the same with six kinds at the most, which is harder than what is promised to be quick. The gap that
is asked for and the proven one are printed.
"""

from __future__ import annotations

import statistics
import time

import numpy as np

from wattmill.plan.fleet.mix import best_mix
from wattmill.plan.fleet.records import Envelope, MachineType, Market, Mix, Solver

TYPES = 200
REPEATS = 3
LIMIT_S = 5.0
SOLVER = Solver()
Question = tuple[list[MachineType], list[Market], Envelope]


def usual(seed: int = 1) -> Question:
    """One megawatt for one model, with machines that differ by as much as generations do."""
    random = np.random.default_rng(seed)
    types = [_machine(i, 1, random, random.lognormal(3, 0.3)) for i in range(TYPES)]
    return types, [Market("m0", usd_per_mtok=1.2)], Envelope(1000.0, 25e6, 24.0)


def hard(seed: int = 1, most_kinds: int | None = None) -> Question:
    """Five models with promises and full markets, and machines that hardly differ."""
    random = np.random.default_rng(seed)
    types = [_machine(i, 5, random, random.lognormal(3, 0.05)) for i in range(TYPES)]
    prices = random.uniform(0.8, 1.6, 5)
    markets = [Market(f"m{j}", float(prices[j]), 20e3, 150e3) for j in range(5)]
    return types, markets, Envelope(1000.0, 25e6, 24.0, most_kinds)


def _machine(i: int, models: int, random: np.random.Generator, mtok_per_kw: float) -> MachineType:
    kw = float(random.uniform(1, 15))
    capital = kw * float(random.uniform(15e3, 35e3))
    return MachineType(
        name=f"t{i}",
        model=f"m{i % models}",
        kw=kw,
        capital_usd=capital,
        racks=kw / 40 * float(random.uniform(0.5, 1.5)),
        mtok_per_month=kw * float(mtok_per_kw) * 20,
        fixed_usd_per_month=capital / 48 / 10,
        variable_usd_per_mtok=0.05,
    )


def main() -> None:
    """Print one line for each question; fail if one of the first two takes longer than it may."""
    for name, question, limit_s in (
        ("usual", usual(), LIMIT_S),
        ("hard", hard(), LIMIT_S),
        ("6 kinds", hard(most_kinds=6), float("inf")),
    ):
        seconds = []
        for _ in range(REPEATS):
            began = time.process_time()
            mix = best_mix(*question, "margin", SOLVER)
            seconds.append(time.process_time() - began)
        print(_line(name, statistics.median(seconds), mix))
        if min(seconds) > limit_s:
            raise SystemExit(f"{name}: more than {limit_s:g} s")


def _line(name: str, seconds: float, mix: Mix) -> str:
    kinds = len(mix.chosen)
    return (
        f"{name:8}{TYPES} machine types  {seconds:5.2f} s of CPU with shadow prices"
        f"  gap {mix.gap_frac:.1e} (asked {SOLVER.gap_frac:.0e}, proven {mix.is_proven})"
        f"  {kinds} kinds, {mix.used['kw']:.0f} kW, {mix.value:,.0f} USD a month"
    )


if __name__ == "__main__":
    main()
