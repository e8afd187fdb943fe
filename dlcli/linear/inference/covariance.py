"""The covariance of a model's coefficients, about the middle of the data, where nothing cancels."""

from dataclasses import dataclass

import numpy as np

from dlcli.engine.arrays import FloatArray, IntArray

MOST = 1000  # coefficients up to which a covariance is kept: 8 MB
NEGLIGIBLE = 1e-14  # of the largest eigenvalue of the correlations: directions that there are none of


@dataclass(frozen=True)
class Covariance:
    """That of the values at ``center`` (d,) and the slopes of k outputs.

    ``matrix`` is (k (1 + d), k (1 + d)), its index output * (1 + d) + place; place 0 is the value where the columns are
    at their center (of a model without an intercept: 0, which is known). Where a column has no coefficient are zeros.
    """

    matrix: FloatArray
    center: FloatArray

    @property
    def width(self) -> int:
        """Coefficients of an output, with the intercept."""
        return 1 + len(self.center)

    @property
    def outputs(self) -> int:
        """Outputs k."""
        return len(self.matrix) // self.width

    def times(self, factor: float) -> "Covariance":
        """That of errors so many times as large in square."""
        return Covariance(self.matrix * factor, self.center)

    def std_errors(self) -> FloatArray:
        """Standard errors (1 + d, k) of intercepts and slopes in the data's units."""
        to_data = np.eye(self.width)
        to_data[0, 1:] = -self.center
        blocks = self.matrix.reshape(self.outputs, self.width, self.outputs, self.width)
        own = np.einsum("cicj->cij", blocks)
        variances = np.einsum("ij,cjk,ik->ic", to_data, own, to_data)
        return np.asarray(np.sqrt(np.maximum(variances, 0.0)))

    def contrasted(self, contrasts: FloatArray) -> "Covariance":
        """That of combinations (m, k) of the outputs."""
        along = np.kron(contrasts, np.eye(self.width))
        return Covariance(along @ self.matrix @ along.T, self.center)

    def expanded(self, keep: IntArray, columns: int) -> "Covariance":
        """The same among so many columns, of which these are those at the places ``keep``."""
        center = np.zeros(columns)
        center[keep] = self.center
        places = np.concatenate([[0], 1 + keep])
        every = (np.arange(self.outputs)[:, None] * (1 + columns) + places).ravel()
        matrix = np.zeros((self.outputs * (1 + columns),) * 2)
        matrix[np.ix_(every, every)] = self.matrix
        return Covariance(matrix, center)

    def factor(self) -> FloatArray:
        """F (k (1 + d), r) with F F' = matrix: the variance of a combination w is the square of |F'w|."""
        length = np.sqrt(np.maximum(np.diag(self.matrix), 0.0))
        unit = np.where(length > 0, length, 1.0)
        values, vectors = np.linalg.eigh(self.matrix / unit[:, None] / unit)
        live = values > NEGLIGIBLE * max(float(values[-1]), 0.0)
        return np.asarray(vectors[:, live] * np.sqrt(values[live]) * length[:, None])


def is_kept(outputs: int, columns: int) -> bool:
    """Whether the covariance of so many coefficients is small enough to be kept."""
    return outputs * (1 + columns) <= MOST


def of_training(inverse: FloatArray, shift: FloatArray, scale: FloatArray, intercept: bool) -> Covariance:
    """That of theta in training units, columns (x - shift) / scale, with ``inverse`` (k p, k p), in the data's."""
    d = len(scale)
    p = d + int(intercept)
    outputs = len(inverse) // p
    units = np.concatenate([[1.0], 1 / scale])[0 if intercept else 1 :]
    places = (np.arange(outputs)[:, None] * (1 + d) + np.arange(1 + d)[0 if intercept else 1 :]).ravel()
    whole = np.zeros((outputs * (1 + d),) * 2)
    every = np.tile(units, outputs)
    whole[np.ix_(places, places)] = inverse * every[:, None] * every
    return Covariance(whole, shift.copy())
