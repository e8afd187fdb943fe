"""Bins of what orders rows by the probability of a class, so that areas under ROC curves come from counts."""

import numpy as np

from dlcli.engine.arrays import FloatArray, IntArray
from dlcli.linear.metrics import area_under_curve

BINS = 4096
ENDS = 30.0  # log-odds beyond which all rows are in the last bins


def bin_of(order: FloatArray, *, whole: bool) -> IntArray:
    """The bins (n,) of what orders rows (n,): log-odds where ``whole``, else log-probabilities."""
    odds = order if whole else order - np.log(-np.expm1(np.minimum(order, -1e-300)))
    # Near even odds, where most rows are, bins are narrow: equal steps of arcsinh.
    place = (np.arcsinh(odds) / np.arcsinh(ENDS) + 1) / 2 * BINS
    found: IntArray = np.clip(np.nan_to_num(place, nan=0.0, posinf=BINS, neginf=0.0), 0, BINS - 1).astype(np.int64)
    return found


def area_of(counts: FloatArray) -> float:
    """The area under the ROC curve of counts (2, BINS) of other rows and of the class's, by bin; ties count half."""
    places = np.arange(BINS, dtype=np.float64)
    truth = np.repeat([0.0, 1.0], BINS)
    return area_under_curve(truth, np.concatenate([places, places]), counts.ravel())
