"""Where a fit starts that doesn't start from 0: coefficients by name, in the units of its table."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from dlcli.engine.arrays import FloatArray
from dlcli.linear.objectives.least_squares import LeastSquares


@dataclass(frozen=True)
class StartPoint:
    """Intercepts (k,) and, by the names of columns, coefficients (k,) in the units of ``TableData``."""

    intercept: FloatArray
    slopes: Mapping[str, FloatArray]

    def theta(self, names: Sequence[str], squares: LeastSquares, *, whole: bool) -> FloatArray:
        """Parameters (p, k) in the training units of ``squares``, for columns of these names.

        Unless ``whole``, without what the rows don't determine, as on columns that depend on others: it would stay
        where it is, and a fit from 0 ends without it.
        """
        nothing = np.zeros(len(self.intercept))
        slopes = np.array([self.slopes.get(name, nothing) for name in names]).reshape(len(names), len(nothing))
        theta = squares.units.of_data(self.intercept, slopes)
        if whole:
            return theta
        values, vectors = squares.modes
        live = values > 0
        if live.all() and len(values) == len(theta):
            return theta
        inside: FloatArray = vectors[:, live] @ (vectors[:, live].T @ theta)
        return inside
