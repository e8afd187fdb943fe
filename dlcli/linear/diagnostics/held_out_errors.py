"""How well the metrics of held-out rows are known: their standard errors, as those rows are a sample."""

import math
from collections.abc import Mapping

import numpy as np

from dlcli.engine.arrays import FloatArray
from dlcli.linear.data.table_data import row_blocks
from dlcli.linear.losses.families import family_of
from dlcli.linear.objectives.loss import log_softmax, of_family, of_huber, of_quantile
from dlcli.linear.objectives.losses import score_loss
from dlcli.linear.objectives.responses import Responses
from dlcli.linear.objectives.stored_rows import AnyRows, RowsElsewhere
from dlcli.linear.problem import FitProblem


def held_out_errors(problem: FitProblem, theta: FloatArray, metrics: Mapping[str, float]) -> dict[str, float]:
    """Standard errors of ``metrics``, those of the rows held out, by name; without those that aren't known.

    Of classes, the log-loss by the spread of the rows' losses, the accuracy p by sqrt(p (1 - p) / n). Of numbers, as of
    normal residuals, the squares of which have the variance 2 MSE^2: MSE sqrt(2 / n); with a family, the mean deviance
    by the spread of the rows' own. ``theta`` is (p, k).
    """
    if problem.scored is None or not metrics:
        return {}
    if problem.kind == "mse":
        share = math.sqrt(2 / max(problem.scored.count, 1))
        errors = {"loss": metrics["loss"] * share, "rmse": metrics["rmse"] * share / 2}
        return errors | {"r2": (1 - metrics["r2"]) * share}
    rows = problem.rows
    if of_quantile(problem.kind) or of_huber(problem.kind):
        return _of_scores(problem, theta)
    if of_family(problem.kind):
        return _of_deviances(problem, theta)
    if rows is None or rows.Z_val is None or rows.responses_val is None or len(rows.responses_val) < 2:
        return {}
    assert problem.scored is not None
    count = problem.scored.count
    loss = _deviation(rows.Z_val, rows.responses_val, theta, metrics["log_loss"]) / math.sqrt(count)
    errors = {"loss": loss, "log_loss": loss}
    accuracy = metrics["accuracy"]
    # Of none wrong, or none right, the formula would say that it is known exactly.
    return errors | ({"accuracy": math.sqrt(accuracy * (1 - accuracy) / count)} if 0 < accuracy < 1 else {})


def _of_deviances(problem: FitProblem, theta: FloatArray) -> dict[str, float]:
    """That of the mean deviance, by the spread of the rows' own."""
    rows, family = problem.rows, family_of(problem.kind)
    if rows is None or rows.Z_val is None or rows.responses_val is None or len(rows.responses_val) < 2:
        return {}
    each = []
    for block in row_blocks(len(rows.responses_val)):
        own = rows.responses_val[block]
        scores = own.shifted(rows.Z_val[block] @ theta)[:, 0]
        each.append(2 * (family.terms(scores, own.y, False)[0] - family.saturated(own.y)))
    found, weights = np.concatenate(each), rows.responses_val[:].weights
    weights = np.ones(len(found)) if weights is None else weights
    total = float(weights.sum())
    away = found - weights @ found / total
    return {"loss": math.sqrt(float(weights @ away**2) / max(total - 1, 1.0) / total)}


def _of_scores(problem: FitProblem, theta: FloatArray) -> dict[str, float]:
    """That of the mean pinball or Huber loss, by the spread of the rows' own."""
    rows, loss = problem.rows, score_loss(problem.kind)
    assert loss is not None
    if rows is None or rows.Z_val is None or rows.responses_val is None or len(rows.responses_val) < 2:
        return {}
    each = []
    for block in row_blocks(len(rows.responses_val)):
        own = rows.responses_val[block]
        each.append(loss.terms(own.shifted(rows.Z_val[block] @ theta)[:, 0], own.y, False)[0])
    found, weights = np.concatenate(each), rows.responses_val[:].weights
    weights = np.ones(len(found)) if weights is None else weights
    total = float(weights.sum())
    away = found - weights @ found / total
    error = math.sqrt(float(weights @ away**2) / max(total - 1, 1.0) / total)
    return {"loss": error, "huber" if of_huber(problem.kind) else "pinball": error}


def _deviation(Z: AnyRows, responses: Responses, theta: FloatArray, mean: float) -> float:
    """The standard deviation of the rows' losses, which have this mean."""
    if isinstance(Z, RowsElsewhere):
        return Z.loss_deviation(theta, mean)
    losses = []
    for block in row_blocks(len(responses)):
        own = responses[block]
        codes = own.y.astype(np.int64)
        losses.append(-log_softmax(own.shifted(Z[block] @ theta))[np.arange(len(codes)), codes])
    weights = responses[:].weights
    if weights is None:
        return float(np.std(np.concatenate(losses), ddof=1))
    return math.sqrt(float(weights @ (np.concatenate(losses) - mean) ** 2) / max(float(weights.sum()) - 1, 1.0))
