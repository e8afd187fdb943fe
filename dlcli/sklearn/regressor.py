"""Linear regression as an estimator of scikit-learn's kind."""

from collections.abc import Mapping
from typing import Any, Self

from sklearn.base import RegressorMixin
from sklearn.utils.validation import check_is_fitted

from dlcli.engine.arrays import FloatArray
from dlcli.sklearn.base import DlcliLinear, checked_weights


class DlcliRegressor(RegressorMixin, DlcliLinear):  # type: ignore[misc]
    """Regression by gradient descent, Newton's method or exactly: ``dlcli fit-linear`` of a target of numbers.

    ``loss`` is the command's: mse, poisson, gamma, negative-binomial:ALPHA, tweedie:P...; a link that isn't the usual
    one is an option, as in ``options={"link": "identity"}``.
    """

    coef_: FloatArray
    intercept_: float

    def __init__(  # noqa: PLR0913 - scikit-learn knows parameters by this signature
        self, *, loss: str = "mse", l1: float = 0.0, l2: float = 0.0, optimizer: str = "auto", lr: float | str = "auto",
        schedule: str = "constant", momentum: float = 0.0, steps: int | None = None, tolerance: float | None = None,
        intercept: bool = True, standardize: bool = True, missing: str = "error", random_state: Any = None,
        options: Mapping[str, object] | None = None,
    ) -> None:  # fmt: skip
        super().__init__(
            l1=l1, l2=l2, optimizer=optimizer, lr=lr, schedule=schedule, momentum=momentum, steps=steps,
            tolerance=tolerance, intercept=intercept, standardize=standardize, missing=missing,
            random_state=random_state, options=options,
        )  # fmt: skip
        self.loss = loss

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Fit to X (rows, columns), an array or a frame with numbers, texts and dates, and y (rows,).

        ``sample_weight`` (rows,) is what each row counts for: one of weight 3 is three rows, as with ``--weights``.

        Raises ValueError for what can't be fitted to; what the command would warn of are warnings.
        """
        if self.loss == "cross-entropy":
            raise ValueError("loss cross-entropy is for classes: use DlcliClassifier")
        frame, y = self._training(X, y, numbers=True)
        self._fit(frame, y, self.loss, checked_weights(sample_weight, y))
        self.coef_ = self.model_.coefficients[:, 0]
        self.intercept_ = float(self.model_.intercept[0])
        return self

    def predict(self, X: Any) -> FloatArray:
        """Predictions (rows,): means, whatever the link."""
        check_is_fitted(self)
        return self._of_rows(X, self.model_.predicted)
