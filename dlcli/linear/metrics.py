"""Metrics, computed exactly and in one pass where they can be."""

import numpy as np

from dlcli.engine.arrays import FloatArray
from dlcli.linear.objectives.moments import Moments


def area_under_curve(truth: FloatArray, score: FloatArray) -> float:
    """Area under the ROC curve by the Mann-Whitney statistic, ties counted half; nan with one class only.

    truth (n,) holds 0 and 1, score (n,) any numbers.
    """
    positive, negative = np.sort(score[truth == 1]), np.sort(score[truth != 1])
    if not len(positive) or not len(negative):
        return float("nan")
    # Two plain sorts and a merge are several times quicker than ranking all rows together.
    below = np.searchsorted(negative, positive, side="left").sum(dtype=np.float64)
    up_to = np.searchsorted(negative, positive, side="right").sum(dtype=np.float64)
    return float((below + up_to) / 2 / (len(positive) * len(negative)))


def class_metrics(log_probabilities: FloatArray, truth: FloatArray) -> dict[str, float]:
    """loss, log_loss, accuracy and auc (macro average of one-against-rest for several classes).

    log_probabilities (n, k), truth (n,) class codes.
    """
    codes = truth.astype(np.int64)
    log_loss = float(-np.mean(log_probabilities[np.arange(len(codes)), codes]))
    k = log_probabilities.shape[1]
    # Differences of log-probabilities order rows as probabilities do, and keep their digits near 0 and 1.
    if k == 2:
        auc = area_under_curve(truth, log_probabilities[:, 1] - log_probabilities[:, 0])
    else:
        each = [area_under_curve((codes == c).astype(float), log_probabilities[:, c]) for c in range(k)]
        known = [a for a in each if np.isfinite(a)]
        auc = float(np.mean(known)) if known else float("nan")
    accuracy = float(np.mean(np.argmax(log_probabilities, axis=1) == codes))
    return {"loss": log_loss, "log_loss": log_loss, "accuracy": accuracy, "auc": auc}


def r_squared(mean_squared_error: float, y_mean: float, y_variance: float, centered: bool) -> float:
    """1 - MSE/variance; without intercept, 1 - MSE/(mean of y^2). nan when y doesn't vary."""
    total = y_variance if centered else y_variance + y_mean**2
    return 1 - mean_squared_error / total if total > 0 else float("nan")


def regression_metrics(moments: Moments, mean_squared_error: float, centered: bool) -> dict[str, float]:
    """loss, rmse and r2 on the rows behind ``moments`` (y in column 0)."""
    variance = float(moments.scatter[0, 0]) / max(moments.count, 1)
    mean = float(moments.mean[0])
    metrics = {
        "loss": mean_squared_error,
        "rmse": float(np.sqrt(mean_squared_error)),
        "r2": r_squared(mean_squared_error, mean, variance, centered),
    }
    # Against predicting 0, as is usual without an intercept, R2 says little: the other goes with it.
    return metrics if centered else metrics | {"r2_centered": r_squared(mean_squared_error, mean, variance, True)}
