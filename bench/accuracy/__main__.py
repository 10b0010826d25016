"""`make accuracy`: how far predictions lie from measurements, held out, beside the peers.

Runs in an environment with numpy and scipy (bench/.cache/accuracy). Nothing here tunes a factor: every row
is predicted by factors that were fitted without its model family, or without its generation of GPUs.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from tools.calibration import fit, local, measured, model

from bench.accuracy import peers

Array = np.ndarray[Any, np.dtype[np.float64]]
DRAWS = 2000
LOCAL = {"gddr": "GeForce and RTX", "hbm": "A100 and H100", "apple": "Apple"}


def main() -> None:
    arguments = _arguments()
    folder = Path(arguments.measured)
    if not folder.is_dir():
        sys.exit(f"no measured tables at {folder}; give --measured (tools/calibration/README.md)")
    document = fit.before(json.loads(Path(arguments.kernels).read_text()), folder)
    prior = fit.loaded(document)
    rows = model.Rows(measured.datacenter_serving(folder), prior)
    every = np.ones(len(rows.rows), bool)
    family = model.held_out(rows, rows.family, every, every) - 1
    generation = model.held_out(rows, rows.generation, every, every) - 1
    _serving(rows, family, generation)
    _peers(rows, family, generation, Path(arguments.peers))
    _first_tokens(rows)
    _local(folder)
    _power(folder, prior)
    _coverage(rows, folder)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bench.accuracy")
    parser.add_argument("--measured", default="../shared/measured")
    parser.add_argument("--kernels", default="tools/calibration/kernels.json")
    parser.add_argument("--peers", default="bench/.cache")
    return parser.parse_args()


def _title(text: str) -> None:
    print(f"\n{text}")


def _line(name: str, errors: Array, note: str = "") -> None:
    size = np.abs(errors)
    print(
        f"  {name:34} {len(size):5}  median {np.median(size):6.1%}  mean {size.mean():6.1%}"
        f"  90th {np.quantile(size, 0.9):6.1%}  bias {np.median(errors):+6.1%}  {note}"
    )


def _each(groups: Iterable[str], of: Any, errors: Array) -> None:
    for group in groups:
        if (of == group).any():
            _line(f"  {group}", errors[of == group])


def _serving(rows: model.Rows, family: Array, generation: Array) -> None:
    _title(
        "TPOT, datacenter_serving, closed loop (Hopper and Blackwell; vLLM, SGLang, TensorRT-LLM)"
    )
    _line("held out by model family", family, _interval(rows.family, np.abs(family)))
    _each(sorted(set(rows.family)), rows.family, family)
    _line("held out by generation", generation, _interval(rows.family, np.abs(generation)))
    _each(sorted(set(rows.hardware)), rows.hardware, generation)
    _each(sorted(set(rows.engine)), rows.engine, family)
    _line(
        "kernel tables alone, nothing fitted",
        rows.predict(np.ones(len(model.NAMES))) / rows.tpot_s - 1,
    )


def _interval(families: Any, size: Array) -> str:
    """95 % of the median when whole families are drawn with replacement."""
    low, high = np.quantile(
        _draws(families, lambda index: float(np.median(size[index]))), [0.025, 0.975]
    )
    return f"families drawn: {low:.1%} to {high:.1%}"


def _draws(families: Any, statistic: Any) -> list[float]:
    names = sorted(set(families))
    where = {name: np.where(families == name)[0] for name in names}
    random = np.random.default_rng(0)
    drawn = (random.choice(names, len(names)) for _ in range(DRAWS))
    return [statistic(np.concatenate([where[n] for n in some])) for some in drawn]


def _peers(rows: model.Rows, family: Array, generation: Array, cache: Path) -> None:
    _title(
        "Beside peers, on the rows that each answers; ours held out by family, then by generation"
    )
    for name, predicted in peers.predictions(rows, cache):
        answered = ~np.isnan(predicted)
        if not answered.any():
            print(f"  {name}: no predictions in {cache}; see bench/accuracy/peers.py")
            continue
        theirs = predicted[answered] / rows.tpot_s[answered] - 1
        _line(name, theirs)
        for held, ours in (("family", family[answered]), ("generation", generation[answered])):
            better = np.abs(ours) < np.abs(theirs)
            _line(f"  wattmill, held out by {held}", ours, f"closer on {better.mean():.0%} of rows")
            _difference(rows.family[answered], np.abs(ours), np.abs(theirs))


def _difference(families: Any, ours: Array, theirs: Array) -> None:
    for what, statistic in (("median", np.median), ("mean", np.mean)):
        draws = _draws(families, lambda i, s=statistic: float(s(ours[i]) - s(theirs[i])))
        low, high = np.quantile(draws, [0.025, 0.975])
        point = statistic(ours) - statistic(theirs)
        print(
            f"      difference of the {what:6} {point:+.1%}, families drawn: {low:+.1%} to {high:+.1%}"
        )


def _first_tokens(rows: model.Rows) -> None:
    _title("TTFT with no more users than cards, held out by model family")
    few, seen = fit.few_users(rows), ~np.isnan(rows.ttft_s)
    errors = np.full(len(few), np.nan)
    for name in sorted(set(rows.family)):
        here = rows.family == name
        factors = model.fit(rows, ~here)
        waits = fit.first_tokens(rows, factors, ~here)
        errors[here] = fit.ttft_of(rows, factors, waits)[here] / rows.ttft_s[here] - 1
    _line("all", errors[few])
    _each(sorted(set(rows.family)), rows.family[few], errors[few])
    _line("more users than cards, same fit", errors[seen & ~few])


def _local(folder: Path) -> None:
    _title("Decode of llama.cpp at one user, each device left out")
    rows = local.read_local(folder)
    errors = local.held_out(rows) - 1
    kinds, devices = (np.array([getattr(r, n) for r in rows]) for n in ("kind", "device"))
    _line("all", errors)
    for kind, name in LOCAL.items():
        _line(name, errors[kinds == kind])
        _each(sorted(set(devices[kinds == kind])), devices, errors)
    _line("A100 and H100, from GDDR alone", local.transferred(rows) - 1)


def _power(folder: Path, prior: Any) -> None:
    _title("Joules per token at the measured throughput, ML.ENERGY, held out by model family")
    rows = model.Rows(measured.ml_energy(folder), prior)
    drawn, memory_compute = fit.drawn_frac(rows), fit.busy(rows)
    errors, constant = np.full(len(drawn), np.nan), np.full(len(drawn), np.nan)
    for name in set(rows.family):
        here = rows.family == name
        p = fit.fit_power(rows, ~here)
        errors[here] = fit.guess_power(p, *memory_compute)[here] / drawn[here] - 1
        for hardware in set(rows.hardware):
            cell = here & (rows.hardware == hardware)
            constant[cell] = np.median(drawn[~here & (rows.hardware == hardware)]) / drawn[cell] - 1
    _line("power by utilisation", errors)
    _each(sorted(set(rows.hardware)), rows.hardware, errors)
    _line("constant watts (median of the GPU)", constant)
    tpot = rows.predict(np.ones(len(model.NAMES))) / rows.tpot_s - 1
    _line("inter-token latency, kernels alone", tpot, "never fitted; vLLM 0.11, host-bound in part")


def _coverage(rows: model.Rows, folder: Path) -> None:
    _title(
        "Coverage of the 90 % interval: its width from all other families, counted on the one left out"
    )
    every = np.ones(len(rows.rows), bool)
    logs = np.log(model.held_out(rows, rows.family, every, every))
    inside = []
    for name in sorted(set(rows.family)):
        here = rows.family == name
        held = np.abs(logs[here]) <= 1.6449 * fit.half_width(logs[~here])
        inside.append(held)
        print(f"  {name:14} {held.mean():.0%} of {len(held)}")
    print(f"  all rows       {np.concatenate(inside).mean():.0%}")
    table = local.read_local(folder)
    size, width = np.abs(np.log(local.held_out(table))), fit.spreads(logs, folder)[3]["tpot"]
    for kind in ("gddr", "hbm"):
        near = size[[r.kind == kind for r in table]]
        inside_frac = (near <= 1.6449 * width).mean()
        print(f"  llama.cpp on {LOCAL[kind]}: {inside_frac:.0%} of {len(near)}")


if __name__ == "__main__":
    main()
