"""Which penalty of a path to take, by cross-validation."""

from dataclasses import dataclass

import numpy as np

from dlcli.engine.arrays import FloatArray
from dlcli.linear.paths.settings import Choice


@dataclass(frozen=True)
class Scores:
    """Losses of the folds (K, L) along a path, from the largest penalty down."""

    folds: FloatArray

    @property
    def mean(self) -> FloatArray:
        """The mean over the folds, (L,), each of which counts the same, as in scikit-learn."""
        return np.asarray(self.folds.mean(axis=0))

    @property
    def error(self) -> FloatArray:
        """The standard error of the mean, (L,): glmnet's for folds of one size."""
        return np.asarray(self.folds.std(axis=0, ddof=1) / np.sqrt(len(self.folds)))

    @property
    def least(self) -> int:
        """The place of the lowest mean; of several the largest penalty's."""
        return int(np.argmin(np.where(np.isfinite(self.mean), self.mean, np.inf)))

    @property
    def within(self) -> int:
        """The place of the largest penalty whose mean is within one standard error of the lowest.

        Breiman, Friedman, Olshen and Stone 1984, section 3.4.3; glmnet's lambda.1se.
        """
        bound = self.mean[self.least] + self.error[self.least]
        return int(np.argmax(self.mean <= bound)) if np.isfinite(bound) else self.least

    def chosen(self, choice: Choice) -> int:
        """The place of the penalty to take."""
        return self.least if choice == "min" else self.within
