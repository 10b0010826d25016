"""HiGHS: solves the program of a fleet, whole or relaxed, and says how sure it is."""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np

from wattmill.core.errors import PlanError
from wattmill.plan.fleet.model import TIGHT, Array, Program
from wattmill.plan.fleet.records import Solver

FEASIBLE = 2
"""What HiGHS calls a point that keeps every row."""


class Solution(msgspec.Struct, frozen=True):
    """What HiGHS found: values of columns, duals of rows (unscaled; of a relaxed one), the objective,
    its bound, and the gap between them. status: optimal, time or infeasible."""

    status: str
    values: Array
    duals: Array
    objective: float
    bound: float
    gap_frac: float


def solve(
    made: Program, solver: Solver, relaxed: bool = False, start: Array | None = None
) -> Solution:
    """The best of a program, or of its relaxation. One thread and a fixed seed, so a solve that is
    not stopped by the clock gives the same answer again. start: values that keep every row."""
    import highspy

    highs = highspy.Highs()  # type: ignore[no-untyped-call]
    for option, value in (
        ("output_flag", False),
        ("threads", 1),
        ("random_seed", 0),
        ("mip_rel_gap", solver.gap_frac),
        ("mip_abs_gap", 0.0),
        ("time_limit", solver.time_limit_s),
        ("primal_feasibility_tolerance", TIGHT),
        ("mip_feasibility_tolerance", TIGHT),
    ):
        highs.setOptionValue(option, value)
    largest = float(np.abs(made.gains).max(initial=0.0)) or 1.0
    highs.passModel(_lp(highspy, made, largest, relaxed))
    if start is not None:
        first = highspy.HighsSolution()
        first.col_value = start.tolist()
        highs.setSolution(first)
    highs.run()
    return _found(highspy, highs, made, largest, relaxed)


def _lp(highspy: Any, made: Program, largest: float, relaxed: bool) -> Any:
    matrix = np.array([row.values / row.scale for row in made.rows])
    lp = highspy.HighsLp()
    lp.num_row_, lp.num_col_ = matrix.shape
    lp.sense_ = highspy.ObjSense.kMaximize
    lp.col_cost_ = made.gains / largest
    lp.col_lower_ = np.zeros(len(made.gains))
    lp.col_upper_ = made.loose if relaxed else made.upper
    lp.row_lower_ = np.array([row.low / row.scale for row in made.rows])
    lp.row_upper_ = np.array([row.high / row.scale for row in made.rows])
    rows, columns = np.nonzero(matrix)
    lp.a_matrix_.format_ = highspy.MatrixFormat.kRowwise
    lp.a_matrix_.start_ = np.concatenate(([0], np.cumsum(np.bincount(rows, minlength=len(matrix)))))
    lp.a_matrix_.index_, lp.a_matrix_.value_ = columns, matrix[rows, columns]
    if not relaxed:
        kinds = (highspy.HighsVarType.kContinuous, highspy.HighsVarType.kInteger)
        lp.integrality_ = [kinds[int(whole)] for whole in made.is_whole]
    return lp


def _found(highspy: Any, highs: Any, made: Program, largest: float, relaxed: bool) -> Solution:
    status, info, found = highs.getModelStatus(), highs.getInfo(), highs.getSolution()
    names = highspy.HighsModelStatus
    none = np.zeros(0)
    if status in (names.kInfeasible, names.kUnboundedOrInfeasible):
        return Solution("infeasible", none, none, 0.0, 0.0, 0.0)
    has_answer = info.primal_solution_status == FEASIBLE
    if status not in (names.kOptimal, names.kTimeLimit) or not has_answer:
        raise PlanError(
            f"HiGHS stopped without a fleet: {highs.modelStatusToString(status)}",
            hint="give it more seconds, or fewer machine types",
        )
    values = np.array(found.col_value)
    if not relaxed:
        values[made.is_whole] = np.rint(values[made.is_whole])
    scales = np.array([row.scale for row in made.rows])
    duals = np.array(found.row_dual) * largest / scales if relaxed else none
    objective = info.objective_function_value * largest
    bound = objective if relaxed else info.mip_dual_bound * largest
    gap = abs(bound - objective) / max(abs(objective), 1e-9 * largest) if not relaxed else 0.0
    return Solution(
        "optimal" if status == names.kOptimal else "time", values, duals, objective, bound, gap
    )
