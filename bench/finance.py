"""Seconds and memory of a Monte Carlo study of a fleet on one core: `python -m bench.finance`.

10,000 paths x 120 months x 20 assets, four correlated random prices, electricity, tax and a loan; from drawing the
prices to NPV, IRR (with and without debt), levelised cost, cover and loan to value with their percentiles and
standard errors. The first run, which loads SciPy, is timed apart.
"""

from __future__ import annotations

import os
import resource
import statistics
import sys
import time

from bench.facts import machine
from wattmill.finance.assets import Asset, Load, Power, Price, Sale
from wattmill.finance.debt import LoanTerms
from wattmill.finance.montecarlo import simulate
from wattmill.finance.outcome import Outcome
from wattmill.finance.path_figures import Yardsticks
from wattmill.finance.processes import PriceProcess
from wattmill.finance.project import Project
from wattmill.finance.tax import TaxTerms

PATHS, MONTHS, ASSETS = 10_000, 120, 20
REPEATS = 5
TARGET_S, TARGET_MB = 2.0, 500
PROCESSES = {
    "rent": PriceProcess(2.35, 2.0, -0.12, 9, 0.35, 1.6, 0.25, 9),
    "token_price": PriceProcess(1.0, 1.0, -0.15, 12, 0.25, 1.3, 0.2, 6),
    "power": PriceProcess(0.09, 0.09, 0.02, 6, 0.3),
    "resale": PriceProcess(1.0, 1.0, 0.0, 12, 0.25),
}
CORRELATION = {"rent:token_price": 0.5, "rent:resale": 0.8, "token_price:resale": 0.4}


def fleet() -> Project:
    """Twenty purchases over three years, which sell hours or tokens and are sold after five."""
    return Project(
        months=MONTHS,
        assets=tuple(_asset(i) for i in range(ASSETS)),
        power=Power(Price(0.09, path="power"), pue=1.3),
        receivable_days=30,
        tax=TaxTerms(0.25),
        loans=(LoanTerms("senior", 8e6, 0.12, 48, draw_months=36),),
    )


def _asset(i: int) -> Asset:
    hours = Sale("hours", 8 * 730, Price(2.35, path="rent"))
    tokens = Sale("Mtok", 120_000, Price(0.35, path="token_price"))
    return Asset(
        name=f"purchase {i}",
        units=8,
        paid_usd_per_unit=200_000,
        bought_month=2 * i,
        sold_month=2 * i + 60,
        resale_frac_per_year=0.7,
        resale_path="resale",
        busy_kw_per_unit=8,
        idle_kw_per_unit=3,
        sales=(hours if i % 2 else tokens,),
        load=Load(0.7, ramp_months=6),
    )


def run() -> Outcome:
    """The study that is timed."""
    yardsticks = Yardsticks(dscr_floor=1.2, fans=("rent", "cfads_usd"))
    return simulate(fleet(), PROCESSES, CORRELATION, PATHS, 1, yardsticks)


def main() -> None:
    """Print seconds, memory, and enough of the result to see that there is one."""
    _on_one_core()
    first, outcome = _timed()
    seconds = [_timed()[0] for _ in range(REPEATS)]
    memory_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    npv = outcome.npv_usd
    print(f"{PATHS:,} paths x {MONTHS} months x {ASSETS} assets, one core of {machine()}")
    print(
        f"CPU seconds      {statistics.median(seconds):8.2f}   target < {TARGET_S:g} (best {min(seconds):.2f})"
    )
    print(f"  the first run  {first:8.2f}   loads SciPy")
    print(f"peak memory, MB  {memory_mb:8.0f}   target < {TARGET_MB}")
    print(f"NPV, million USD {npv.mean / 1e6:8.2f}   standard error {(npv.error or 0) / 1e6:.3f}")
    print(
        f"breach of DSCR   {outcome.breach.frac:8.1%}   standard error {outcome.breach.error:.1%}"
    )


def _on_one_core() -> None:
    """NumPy's linear algebra asks for its number of threads when it is loaded: start anew."""
    if os.environ.get("OPENBLAS_NUM_THREADS") != "1":
        command = [sys.executable, "-m", "bench.finance"]
        os.execve(sys.executable, command, {**os.environ, "OPENBLAS_NUM_THREADS": "1"})
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})


def _timed() -> tuple[float, Outcome]:
    began = time.process_time()
    outcome = run()
    return time.process_time() - began, outcome


if __name__ == "__main__":
    main()
