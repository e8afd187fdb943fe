"""Which path of penalties is asked for, and what is found along it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np

from dlcli.config.fit_linear import FitLinearConfig
from dlcli.engine.arrays import FloatArray
from dlcli.linear.objectives.penalty import Penalty

Choice = Literal["min", "1se"]
# As in glmnet: a ridge never leaves out a column, so its path begins at a thousand times what a lasso's begins at.
RIDGE_FACTOR = 1000.0
# glmnet's lambda.min.ratio for a lasso, with more rows than columns and with fewer.
RATIO, RATIO_OF_FEW_ROWS = 1e-4, 1e-2
# Of a ridge glmnet has the same ratios, whose last penalty still is a tenth of the correlation: often too large.
RIDGE_RATIO = 1e-8


@dataclass(frozen=True)
class PathSettings:
    """How many penalties, their smallest as a share of the largest (None: by what is penalized), and how to choose."""

    length: int = 100
    ratio: float | None = None
    choice: Choice = "1se"

    @classmethod
    def of(cls, config: FitLinearConfig) -> "PathSettings":
        """Those of a command."""
        return cls(config.path_length, config.path_ratio, config.path_choice)

    def penalties(self, largest: float, penalty: Penalty, *, few_rows: bool) -> FloatArray:
        """The penalties (L,), from the ``largest`` down, evenly spaced in their logarithms."""
        usual = RIDGE_RATIO if penalty.path == "l2" else RATIO_OF_FEW_ROWS if few_rows else RATIO
        ratio = usual if self.ratio is None else self.ratio
        return np.asarray(largest * ratio ** (np.arange(self.length) / (self.length - 1)))


@dataclass(frozen=True)
class Track:
    """Fits along the penalties: intercepts (L, k) and slopes (L, d, k) in the data's units, losses (L,).

    ``loss`` is on the rows trained on, ``held`` on those that were left out, None where there are none; ``df`` (L,):
    the coefficients that aren't 0, or with a ridge alone the effective degrees of freedom, without intercepts.
    ``off`` (L,): the violation of the conditions of the optimum, as a share of the largest gradient without columns.
    """

    intercept: FloatArray
    slopes: FloatArray
    loss: FloatArray
    held: FloatArray | None
    df: FloatArray
    off: FloatArray


# The fits along penalties (L,), given by the second.
Follow = Callable[[FloatArray], Track]
