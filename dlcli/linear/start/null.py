"""Where fits of families begin: at the model of the intercept alone."""

import numpy as np

from dlcli.engine.arrays import FloatArray
from dlcli.errors import DlcliError
from dlcli.linear.losses.families import family_of
from dlcli.linear.objectives.glm import RowObjective
from dlcli.linear.objectives.least_squares import LeastSquares


def null_start(objective: RowObjective | None, squares: LeastSquares) -> FloatArray | None:
    """Parameters (p, 1) under which every row has the mean of the targets; without an intercept None, which is 0.

    Raises DlcliError where 0 has no mean, as without an intercept under other links than log.
    """
    assert objective is not None
    family, theta = family_of(objective.kind), np.zeros(objective.shape)
    if squares.units.intercept:
        theta[0] = family.score(float(squares.moments.mean[0]))
        return theta
    if family.inside(np.zeros(1)):
        return None
    raise DlcliError(
        f"--link {family.link} --no-intercept: with all coefficients 0 there is no mean to start from",
        "use --link log, or leave out --no-intercept",
    )
