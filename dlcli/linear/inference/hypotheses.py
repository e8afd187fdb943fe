"""Tests of coefficients, one by one and all together."""

import math
from dataclasses import dataclass

import numpy as np

from dlcli.engine.arrays import FloatArray
from dlcli.linear.inference.covariance import Covariance
from dlcli.linear.inference.likelihood import Likelihood
from dlcli.linear.inference.tails import chi_square_tail, f_tail, quantile, two_sided


@dataclass(frozen=True)
class Tested:
    """Of each coefficient, all of one shape: t or z, p against 0, and the ends of its interval; nan where unknown."""

    statistic: FloatArray
    p: FloatArray
    low: FloatArray
    high: FloatArray


def tested(values: FloatArray, errors: FloatArray, df: float | None, confidence: float) -> Tested:
    """Tests of ``values`` with standard ``errors``, by Student's t with ``df`` degrees of freedom (None: normal)."""
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        statistic = values / errors
        away = quantile(confidence, df) * errors
    return Tested(statistic, two_sided(statistic, df), values - away, values + away)


@dataclass(frozen=True)
class Overall:
    """A test of all slopes together: ``kind`` is "F", "likelihood ratio" or "Wald"; ``df_residual`` of an F alone."""

    kind: str
    value: float
    df: int
    df_residual: float | None
    p: float


def f_test(found: Likelihood) -> Overall | None:
    """Least squares against its null model; None without degrees of freedom."""
    if found.df_model <= 0 or not found.dispersion or not found.null_deviance > 0:  # nan: the null model has no mean
        return None
    value = (found.null_deviance - found.deviance) / found.df_model / found.dispersion
    return Overall("F", value, found.df_model, found.df_residual, f_tail(value, found.df_model, found.df_residual))


def likelihood_ratio(found: Likelihood) -> Overall | None:
    """A model against its null model by twice the difference of their log-likelihoods."""
    if found.df_model <= 0 or math.isnan(found.null_log_likelihood):
        return None
    value = 2 * (found.log_likelihood - found.null_log_likelihood)
    return Overall("likelihood ratio", value, found.df_model, None, chi_square_tail(value, found.df_model))


def wald(slopes: FloatArray, covariance: Covariance, df_residual: float | None) -> Overall | None:
    """All slopes (d, k) against 0 by their covariance: an F with ``df_residual``, else a chi-square."""
    k = slopes.shape[1]
    if k > 1:  # they sum to zero over the classes: all but one say everything
        slopes, covariance = slopes[:, 1:], covariance.contrasted(np.eye(k)[1:])
    places = np.flatnonzero(np.tile(np.arange(covariance.width) > 0, covariance.outputs))
    matrix, values = covariance.matrix[np.ix_(places, places)], slopes.T.ravel()
    length = np.sqrt(np.maximum(np.diag(matrix), 0.0))
    there = length > 0
    if not there.any():
        return None
    length, df = length[there], int(there.sum())
    scaled = matrix[np.ix_(there, there)] / length[:, None] / length
    roots, vectors = np.linalg.eigh(scaled)
    if roots[0] <= len(roots) * np.finfo(float).eps * roots[-1]:
        return None  # fewer clusters than coefficients, as an instance
    square = float(np.sum((vectors.T @ (values[there] / length)) ** 2 / roots))
    if df_residual is None:
        return Overall("Wald", square, df, None, chi_square_tail(square, df))
    return Overall("Wald", square / df, df, df_residual, f_tail(square / df, df, df_residual))
