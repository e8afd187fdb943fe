"""How well the metrics of held-out rows are known: their standard errors, as those rows are a sample."""

import math
from collections.abc import Mapping

import numpy as np

from dlcli.engine.arrays import FloatArray
from dlcli.linear.data.table_data import row_blocks
from dlcli.linear.objectives.loss import log_softmax
from dlcli.linear.problem import FitProblem


def held_out_errors(problem: FitProblem, theta: FloatArray, metrics: Mapping[str, float]) -> dict[str, float]:
    """Standard errors of ``metrics``, those of the rows held out, by name; without those that aren't known.

    Of classes, the log-loss by the spread of the rows' losses, the accuracy p by sqrt(p (1 - p) / n). Of numbers, as of
    normal residuals, the squares of which have the variance 2 MSE^2: MSE sqrt(2 / n). ``theta`` is (p, k).
    """
    if problem.scored is None or not metrics:
        return {}
    if problem.kind == "mse":
        share = math.sqrt(2 / max(problem.scored.count, 1))
        errors = {"loss": metrics["loss"] * share, "rmse": metrics["rmse"] * share / 2}
        return errors | {"r2": (1 - metrics["r2"]) * share}
    rows = problem.rows
    if rows is None or rows.Z_val is None or rows.y_val is None or len(rows.y_val) < 2:
        return {}
    count, losses = len(rows.y_val), []
    for block in row_blocks(count):
        codes = rows.y_val[block].astype(np.int64)
        losses.append(-log_softmax(rows.Z_val[block] @ theta)[np.arange(len(codes)), codes])
    loss = float(np.std(np.concatenate(losses), ddof=1)) / math.sqrt(count)
    errors = {"loss": loss, "log_loss": loss}
    accuracy = metrics["accuracy"]
    # Of none wrong, or none right, the formula would say that it is known exactly.
    return errors | ({"accuracy": math.sqrt(accuracy * (1 - accuracy) / count)} if 0 < accuracy < 1 else {})
