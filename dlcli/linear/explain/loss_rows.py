"""What each row adds to the metric that stands for a model, from the row's scores."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from dlcli.engine.arrays import FloatArray
from dlcli.linear.losses.families import check_targets, family_of
from dlcli.linear.losses.pinball import Pinball
from dlcli.linear.model import LinearModel
from dlcli.linear.objectives.loss import log_softmax, of_classes, of_family, of_quantile, quantile_of

RowLosses = Callable[[FloatArray], FloatArray]


@dataclass(frozen=True)
class MainMetric:
    """The metric by its ``name``, in ``words``; ``of_mean`` makes it of the mean over rows of their losses."""

    name: str
    words: str
    of_mean: Callable[[FloatArray], FloatArray]


def metric_of(model: LinearModel) -> MainMetric:
    """The metric that stands for a model; of each of them less is better."""
    if of_classes(model.kind):
        return MainMetric("log_loss", "log loss", np.asarray)
    if of_family(model.kind):
        return MainMetric("deviance", "mean deviance", np.asarray)
    if of_quantile(model.kind):
        return MainMetric("pinball", "mean pinball loss", np.asarray)
    return MainMetric("rmse", "RMSE", np.sqrt)


def row_losses(model: LinearModel, y: FloatArray) -> RowLosses:
    """A function from scores (n, k), with their offset, to losses (n,) of rows of targets y (n,).

    Raises DlcliError for targets that a family has no density at.
    """
    if of_classes(model.kind):
        codes, rows = y.astype(np.int64), np.arange(len(y))
        return lambda scores: -log_softmax(scores)[rows, codes]
    if of_family(model.kind):
        family = family_of(model.kind)
        check_targets(family, y)
        saturated = family.saturated(y)
        return lambda scores: 2 * (family.terms(scores[:, 0], y, False)[0] - saturated)
    if of_quantile(model.kind):
        pinball = Pinball(quantile_of(model.kind))
        return lambda scores: pinball.terms(scores[:, 0], y, False)[0]
    factor = model.smearing
    if factor is not None:
        return lambda scores: (y - np.exp(scores[:, 0]) * factor) ** 2
    return lambda scores: (y - scores[:, 0]) ** 2


def working_residuals(model: LinearModel, scores: FloatArray, y: FloatArray) -> FloatArray:
    """Residuals (n,) on the scale of the scores (n,): (y - mean) d score / d mean (McCullagh and Nelder 1989, 2.5)."""
    with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
        if of_classes(model.kind):
            chance = 1 / (1 + np.exp(-scores))
            return np.asarray((y - chance) / (chance * (1 - chance)))
        if of_family(model.kind):
            family = family_of(model.kind)
            mean = family.mean(scores)
            slope = {"log": 1 / mean, "identity": np.ones_like(mean), "inverse": -1 / mean**2}[family.link]
            return np.asarray((y - mean) * slope)
        return (np.log(y) if model.smearing is not None else y) - scores
