"""Coefficients and a negative binomial's alpha in turn, until neither moves: maximum likelihood of both.

Each is best given the other, and as the expected information has nothing between them, a few turns are enough
(Venables and Ripley 2002, "Modern Applied Statistics with S", 7.4).
"""

from collections.abc import Callable

import numpy as np

from dlcli.engine.arrays import FloatArray
from dlcli.errors import DlcliError
from dlcli.linear.data.table_data import row_blocks
from dlcli.linear.losses.alpha import Alpha
from dlcli.linear.losses.families import family_of
from dlcli.linear.objectives.glm import RowObjective
from dlcli.linear.objectives.loss import Kind, Link, Loss
from dlcli.linear.solvers.newton import Newton

MOST_TURNS = 100
STEPS = 50  # of Newton's, of which each turn but the first needs two or three
SETTLED = 1e-12


def with_alpha(objective_of: Callable[[Kind], RowObjective], link: Link, start: FloatArray | None) -> Kind:
    """The negative binomial with its alpha estimated; ``objective_of`` a kind is that over the training rows.

    Raises DlcliError where the targets don't vary more than Poisson's.
    """
    theta = _fitted(objective_of(Loss("poisson", None, link).kind), start)
    alpha = 1.0
    for turn in range(MOST_TURNS):
        kind = Loss("negative-binomial", alpha, link).kind
        objective = objective_of(kind)
        if turn:
            theta = _fitted(objective, theta)
        after = at(objective, theta).estimate(alpha)
        if after == 0:
            raise DlcliError(
                "--loss negative-binomial: the target varies no more than a Poisson's about its mean, so ALPHA is 0",
                "use --loss poisson",
            )
        if turn and abs(after - alpha) <= SETTLED * alpha:
            break
        alpha = after
    return Loss("negative-binomial", alpha, link).kind


def at(objective: RowObjective, theta: FloatArray) -> Alpha:
    """What an alpha is estimated from at theta (p, 1)."""
    family, parts = family_of(objective.kind), []
    for block in row_blocks(objective.rows):
        responses = objective.responses[block]
        scores = responses.shifted(objective.Z[block] @ theta)[:, 0]
        parts.append((responses.y, family.mean(scores), responses.weights))
    y, mean = (np.concatenate([part[i] for part in parts]) for i in (0, 1))
    weights = [part[2] for part in parts if part[2] is not None]
    return Alpha(y, mean, np.concatenate(weights) if weights else None)


def _fitted(objective: RowObjective, start: FloatArray | None) -> FloatArray:
    solver = Newton(objective, 0.0, start)
    solver.advance(STEPS, float("inf"))
    return solver.theta
