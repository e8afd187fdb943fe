"""Linear regression as an estimator of scikit-learn's kind."""

from typing import Any, Self

from sklearn.base import RegressorMixin

from dlcli.engine.arrays import FloatArray
from dlcli.sklearn.base import DlcliLinear


class DlcliRegressor(RegressorMixin, DlcliLinear):  # type: ignore[misc]
    """Least squares by gradient descent, or exactly: ``dlcli fit-linear`` of a target of numbers."""

    coef_: FloatArray
    intercept_: float

    def fit(self, X: Any, y: Any) -> Self:
        """Fit to X (rows, columns), an array or a frame with numbers, texts and dates, and y (rows,).

        Raises ValueError for what can't be fitted to; what the command would warn of are warnings.
        """
        self._fit(*self._training(X, y, numbers=True), "mse")
        self.coef_ = self.model_.coefficients[:, 0]
        self.intercept_ = float(self.model_.intercept[0])
        return self

    def predict(self, X: Any) -> FloatArray:
        """Predictions (rows,)."""
        return self._scores(X)[:, 0]
