"""Losses of one score for each row: their values and derivatives, row by row.

Of such a loss an objective over rows needs nothing else: weights, offset, gradient and Hessian follow from these.
"""

from functools import lru_cache
from typing import Protocol

import numpy as np

from dlcli.engine.arrays import FloatArray
from dlcli.linear.losses.families import family_of
from dlcli.linear.losses.huber import Huber
from dlcli.linear.losses.pinball import Pinball
from dlcli.linear.objectives.loss import Kind, of_family, of_huber, of_quantile, quantile_of, threshold_of

Terms = tuple[FloatArray, FloatArray, FloatArray | None]


class ScoreLoss(Protocol):
    """A loss of scores (n,) for targets y (n,)."""

    classes: bool  # whether y is 0 or 1, and a row is on its right side where the sign of its score says so

    def terms(self, score: FloatArray, y: FloatArray, second: bool) -> Terms:
        """Each row's loss and its first derivative by the score, and if asked for its ``second`` one; all (n,)."""


class HalfSquares:
    """Half the square of what a score is off by."""

    classes = False

    def terms(self, score: FloatArray, y: FloatArray, second: bool) -> Terms:
        """(s - y)^2 / 2, s - y, and 1."""
        residual = score - y
        return 0.5 * residual * residual, residual, np.ones_like(score) if second else None


class LogisticLoss:
    """Cross-entropy of sigmoid(score), y in {0, 1}."""

    classes = True

    def terms(self, score: FloatArray, y: FloatArray, second: bool) -> Terms:
        """log(1 + e^s) - s y, p - y and p (1 - p) with p = sigmoid(s)."""
        # log(1 + e^s) = max(s, 0) + log1p(e^-|s|) does not overflow.
        small = np.exp(-np.abs(score))
        loss = np.log1p(small)
        loss += np.maximum(score, 0)
        loss -= score * y
        first = np.where(score >= 0, 1.0, small)
        small += 1
        first /= small
        bend = first * (1 - first) if second else None
        first -= y
        return loss, first, bend


@lru_cache
def score_loss(kind: Kind) -> ScoreLoss | None:
    """The loss of a kind whose rows have one score; None of softmax, whose rows have one for each class."""
    if of_family(kind):
        return family_of(kind)
    if of_quantile(kind):
        return Pinball(quantile_of(kind))
    if of_huber(kind):
        return Huber(threshold_of(kind))
    known: dict[Kind, ScoreLoss] = {"mse": HalfSquares(), "logistic": LogisticLoss()}
    return known.get(kind)
