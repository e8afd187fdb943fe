"""The losses of linear models, by name, and class probabilities from scores."""

from typing import Literal

import numpy as np

from dlcli.engine.arrays import FloatArray

Kind = Literal["mse", "logistic", "softmax"]


def log_softmax(scores: FloatArray) -> FloatArray:
    """Logarithms of class probabilities, (n, k), from scores (n, k), or (n, 1) for two classes."""
    if scores.shape[1] == 1:
        scores = np.concatenate([np.zeros_like(scores), scores], axis=1)
    scores = scores - scores.max(axis=1, keepdims=True)
    log: FloatArray = scores - np.log(np.exp(scores).sum(axis=1, keepdims=True))
    return log
