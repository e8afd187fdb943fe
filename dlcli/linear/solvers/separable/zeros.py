"""Whether zeros leave the loss of a family without a minimum: the separation of counts.

With a log link the loss of a target of 0 falls for ever as its score does, and that of another one has its minimum.
So there is no optimum exactly where a direction leaves the scores of all other targets alone, and lowers that of some
zeros and raises that of none (Correia, Guimaraes and Zylkin 2019, "Verifying the existence of maximum likelihood
estimates for generalized linear models"): in the null space of the other rows, what separates classes of which all
rows are on one side.
"""

import numpy as np

from dlcli.engine.arrays import FloatArray
from dlcli.linear.data.table_data import row_blocks
from dlcli.linear.losses.families import family_of
from dlcli.linear.objectives.glm import RowObjective
from dlcli.linear.objectives.loss import of_family
from dlcli.linear.objectives.penalty import Penalty
from dlcli.linear.solvers.solver import NOT_SEPARATED, Separation

MOST = 2000  # columns up to which the null space takes seconds
NULL = 1e-10  # of the largest eigenvalue, what is 0 to the rounding of the sums
TAKES_PART = 1e-6  # of the longest part of the null space
ZEROS = "zeros"


def can_lack_a_minimum(objective: RowObjective) -> bool:
    """Whether zeros could leave its loss without one."""
    if not of_family(objective.kind) or objective.l1 or objective.l2 or objective.shape[0] > MOST:
        return False
    family = family_of(objective.kind)
    return family.link == "log" and not family.positive and not family.signed


def prove_zeros(objective: RowObjective) -> Separation:
    """Whether they do, by one or two passes over the rows, and by which columns."""
    p = objective.shape[0]
    others, zeros = np.zeros((p, p)), 0
    for block in row_blocks(objective.rows):
        Z, responses = objective.Z[block], objective.responses[block]
        there = responses.y > 0
        others += Z[there].T @ Z[there]
        zeros += int(np.count_nonzero(~there))
    values, vectors = np.linalg.eigh(others)
    null: FloatArray = vectors[:, values <= NULL * values[-1]]
    if not zeros or not null.shape[1]:
        return NOT_SEPARATED
    seen = np.concatenate([_of_zeros(objective, block) @ null for block in row_blocks(objective.rows)])
    seen[np.abs(seen) < np.sqrt(NULL)] = 0.0
    if not seen.any():
        return NOT_SEPARATED  # columns that depend on each other, in all rows
    one_sided = RowObjective(
        seen, np.zeros(len(seen)), "logistic", 1, Penalty().weighted(np.ones(null.shape[1]))
    )  # fmt: skip
    from dlcli.linear.solvers.separable.proof import UnprovenError, prove  # of few fits

    try:
        found = prove(one_sided)
    except UnprovenError:
        return NOT_SEPARATED
    if not found.how:
        return NOT_SEPARATED
    size = np.abs(null[:, list(found.taking_part)]).max(axis=1, initial=0.0) * (objective.penalized[:, 0] != 0)
    return Separation(ZEROS, tuple(int(j) for j in np.flatnonzero(size > TAKES_PART)))


def _of_zeros(objective: RowObjective, block: slice) -> FloatArray:
    Z: FloatArray = objective.Z[block][objective.responses[block].y == 0]
    return Z
