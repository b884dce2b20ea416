"""What branch and bound leaves open, as a mixed-integer programme for HiGHS: exact, on one thread, without a clock.

J. Hall and others, HiGHS (https://highs.dev). Whether a counter opens and whether its cold chain runs are whole
numbers; packs then follow by themselves, for with the counters given they are a flow with whole capacities.
"""

from __future__ import annotations

from dataclasses import dataclass

import highspy
import numpy as np
from highspy._core import _Highs

from orders.routing.bound import Node
from orders.routing.model import Array, Model

OPTIONS = {
    "output_flag": False,
    "threads": 1,
    "mip_rel_gap": 0.0,
    "mip_max_nodes": 20_000,
    # A pack left out may cost 100,000 fen: HiGHS' own 1e-6 would give away parts of a fen.
    "mip_feasibility_tolerance": 1e-9,
    "primal_feasibility_tolerance": 1e-9,
    # The best plan is nearly always known by now, only its proof is missing: looking for better ones by guesses, for
    # symmetries and starting anew took two thirds of the time.
    "mip_heuristic_effort": 0.0,
    "mip_heuristic_run_feasibility_jump": False,
    "mip_heuristic_run_rins": False,
    "mip_heuristic_run_rens": False,
    "mip_heuristic_run_root_reduced_cost": False,
    "mip_detect_symmetry": False,
    "mip_allow_restart": False,
}


@dataclass(frozen=True)
class Answer:
    """The counters of a plan cheaper than the limit, if there is one, and what no plan can undercut (fen)."""

    opens: Array | None
    cools: Array | None
    bound: float


def cheaper_than(model: Model, node: Node, limit: float, gap: float) -> Answer:
    """Find the least-cost choice within the node if it costs less than `limit`, to within `gap`."""
    solver = _Highs()  # the class for people adds callbacks, which print a banner
    for name, value in {**OPTIONS, "mip_abs_gap": gap, "objective_bound": limit}.items():
        solver.setOptionValue(name, value)
    may_cool = (node.may & node.may_cool)[model.counter_of]
    lots = np.nonzero(np.where(model.is_cold, may_cool, node.may[model.counter_of]))[0]
    solver.passModel(programme(model, node, lots))
    solver.run()
    status, info = solver.getModelStatus(), solver.getInfo()
    if status in (highspy.HighsModelStatus.kInfeasible, highspy.HighsModelStatus.kObjectiveBound):
        return Answer(None, None, limit)
    if info.primal_solution_status != highspy.SolutionStatus.kSolutionStatusFeasible:
        return Answer(None, None, info.mip_dual_bound)
    values = np.array(solver.getSolution().col_value)
    counters = len(model.counters)
    return Answer(values[:counters] > 0.5, values[counters : 2 * counters] > 0.5, info.mip_dual_bound)


def programme(model: Model, node: Node, lots: Array) -> highspy.HighsLp:
    """Columns: counter opens, its cold chain runs, packs of each lot, packs left out; rows: wishes, lots, cold."""
    counters, wishes = len(model.counters), len(model.demand)
    packs, left_out = 2 * counters, 2 * counters + len(lots)
    keeper = np.where(model.is_cold[lots], counters + model.counter_of[lots], model.counter_of[lots])
    cold = np.unique(model.counter_of[lots][model.is_cold[lots]])
    wish_rows, lot_rows, cold_rows = np.arange(wishes), np.arange(len(lots)), np.arange(len(cold))
    own = packs + lot_rows
    # (row, column, factor) of: packs + left out = wish; packs <= quantity x keeper; cold chain <= counter.
    row = np.concatenate(
        [model.sku_of[lots], wish_rows, *[wishes + lot_rows] * 2, *[wishes + len(lots) + cold_rows] * 2]
    )
    column = np.concatenate([own, left_out + wish_rows, own, keeper, counters + cold, cold])
    ones = np.ones
    factor = np.concatenate(
        [ones(len(lots) + wishes), ones(len(lots)), -model.quantity[lots], ones(len(cold)), -ones(len(cold))]
    )
    order = np.lexsort((column, row))
    below = np.full(len(lots) + len(cold), -highspy.kHighsInf)
    lp = highspy.HighsLp()
    lp.num_col_, lp.num_row_ = left_out + wishes, wishes + len(below)
    lp.col_cost_ = np.concatenate([model.opening, model.cooling, model.price[lots], np.full(wishes, model.unfilled)])
    lp.col_lower_ = np.concatenate([node.must, node.must & node.must_cool, np.zeros(len(lots) + wishes)]).astype(float)
    lp.col_upper_ = np.concatenate([node.may, node.may & node.may_cool, model.quantity[lots], model.demand]).astype(
        float
    )
    lp.row_lower_ = np.concatenate([model.demand, below])
    lp.row_upper_ = np.concatenate([model.demand, np.zeros(len(below))])
    lp.a_matrix_.format_ = highspy.MatrixFormat.kRowwise
    lp.a_matrix_.start_ = np.concatenate([[0], np.cumsum(np.bincount(row, minlength=lp.num_row_))])
    lp.a_matrix_.index_, lp.a_matrix_.value_ = column[order], factor[order]
    whole, broken = highspy.HighsVarType.kInteger, highspy.HighsVarType.kContinuous
    lp.integrality_ = [whole] * packs + [broken] * (len(lots) + wishes)
    return lp
