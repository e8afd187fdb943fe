"""Logistic and softmax regression as an estimator of scikit-learn's kind."""

from typing import Any, Self

import numpy as np
from sklearn.base import ClassifierMixin
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted

from dlcli.engine.arrays import AnyArray, FloatArray
from dlcli.sklearn.base import DlcliLinear, checked_weights


class DlcliClassifier(ClassifierMixin, DlcliLinear):  # type: ignore[misc]
    """Logistic regression, of more than two classes softmax: ``dlcli fit-linear`` of a target of classes.

    ``summary()`` names the classes by their numbers in ``classes_``.
    """

    classes_: AnyArray
    coef_: FloatArray
    intercept_: FloatArray

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Fit to X (rows, columns), an array or a frame with numbers, texts and dates, and classes y (rows,).

        ``sample_weight`` (rows,) is what each row counts for: one of weight 3 is three rows, as with ``--weights``.

        Raises ValueError for what can't be fitted to, as where there is one class only; what the command would warn of
        are warnings.
        """
        frame, y = self._training(X, y, numbers=False)
        check_classification_targets(y)
        self.classes_, codes = np.unique(y, return_inverse=True)
        weights = checked_weights(sample_weight, codes)
        counting = codes if weights is None else codes[weights > 0]
        if len(np.unique(counting)) < 2:
            raise ValueError(f"{type(self).__name__} needs 2 classes or more, got 1 class")
        self._fit(frame, codes.astype(np.float64), "cross-entropy", weights)
        self.coef_ = self.model_.coefficients.T  # of two classes (1, columns)
        self.intercept_ = self.model_.intercept
        return self

    def decision_function(self, X: Any) -> FloatArray:
        """Log-odds (rows,) of the second of two classes; of more classes their scores (rows, classes)."""
        check_is_fitted(self)
        scores = self._of_rows(X, self.model_.linear)
        return scores[:, 0] if scores.shape[1] == 1 else scores

    def predict_log_proba(self, X: Any) -> FloatArray:
        """Logarithms of the classes' probabilities, (rows, classes)."""
        check_is_fitted(self)
        return self._of_rows(X, self.model_.log_probabilities)

    def predict_proba(self, X: Any) -> FloatArray:
        """The classes' probabilities, (rows, classes)."""
        return np.exp(self.predict_log_proba(X))

    def predict(self, X: Any) -> AnyArray:
        """The more probable class of each row, (rows,)."""
        best = np.argmax(self.predict_log_proba(X), axis=1)
        predicted: AnyArray = self.classes_[best]
        return predicted
