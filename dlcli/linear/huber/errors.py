"""How uncertain Huber's coefficients are: the first of his estimates of their covariance (Huber 1981, 7.6; H1).

  K^2 (1 / (n - p) sum psi^2) / (mean psi')^2 (X'X)^-1,   K = 1 + p / n var(psi') / (mean psi')^2

with psi the loss's derivative in units of the target, in which the scale cancels.
"""

from dataclasses import dataclass

from dlcli.engine.arrays import FloatArray
from dlcli.linear.data.table_data import row_blocks
from dlcli.linear.huber.scale import residual_scale
from dlcli.linear.losses.huber import Huber
from dlcli.linear.objectives.glm import RowObjective
from dlcli.linear.objectives.loss import threshold_of


@dataclass(frozen=True)
class HuberFit:
    """What is said of a fit: threshold and scale in units of the target, and the weight of rows beyond the threshold.

    ``variance`` times (X'X)^-1 is the covariance; None where there are no degrees of freedom, or no row within.
    """

    threshold: float
    scale: float
    beyond: float
    variance: float | None


def measured(objective: RowObjective, theta: FloatArray, rank: int) -> HuberFit:
    """That of theta (p, 1), by one pass over the rows; ``rank`` counts the coefficients that the data determine."""
    loss, n = Huber(threshold_of(objective.kind)), objective.total
    squares, within = 0.0, 0.0
    for block in row_blocks(objective.rows):
        own = objective.responses[block]
        _, first, bend = loss.terms(own.shifted(objective.Z[block] @ theta)[:, 0], own.y, True)
        assert bend is not None
        squares += float(own.weighted(first * first).sum())
        within += float(own.weighted(bend).sum())
    share, variance = within / n, None
    if within > 0 and n > rank:
        factor = 1 + rank / n * (1 - share) / share  # psi' is 0 or 1: its variance is share (1 - share)
        variance = float(factor**2 * squares / (n - rank) / share**2)
    return HuberFit(loss.threshold, residual_scale(objective, theta), n - within, variance)
