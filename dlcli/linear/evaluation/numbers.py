"""What eval measures of numbers, from rows that come chunk by chunk."""

import numpy as np

from dlcli.engine.arrays import FloatArray
from dlcli.errors import DlcliError
from dlcli.linear.evaluation.ranking import Scores
from dlcli.linear.metrics import RowSums, metric_names, regression_metrics
from dlcli.linear.objectives.moments import Moments

LARGEST = 1e150  # squares of larger numbers may overflow


def number_metric_names(*, centered: bool, quantile: float | None) -> tuple[str, ...]:
    """Names of what is measured, in the order of reports."""
    pinball = ("pinball",) if quantile is not None else ()
    return (*metric_names("mse", centered=centered), "median_absolute_error", *pinball, "deviance")


class NumberSums:
    """The running moments of (y, residual), and sums over rows; ``centered``: the model has an intercept."""

    def __init__(self, *, centered: bool, quantile: float | None = None) -> None:
        self._centered, self._quantile = centered, quantile
        self._moments, self._sums = Moments.empty(2), RowSums()
        self._sizes, self._pinball = Scores(1), 0.0

    @property
    def rows(self) -> float:
        """How many there were, or with weights the sum of these."""
        return self._moments.count

    @property
    def exact(self) -> bool:
        """Whether the median is of all rows; else it is that of bins 1/2048 of their value wide."""
        return self._sizes.exact

    def add(self, y: FloatArray, predicted: FloatArray, weights: FloatArray | None = None) -> None:
        """Targets and predictions (m,), and the rows' weights (m,)."""
        with np.errstate(over="ignore", invalid="ignore"):  # refused below
            residual = y - predicted
            self._sums.add(y, residual, weights)
            self._moments = self._moments.merged(Moments.of(np.column_stack([y, residual]), weights=weights))
            if (q := self._quantile) is not None:
                losses = np.maximum(q * residual, (q - 1) * residual)
                self._pinball += float(losses.sum() if weights is None else weights @ losses)
        self._sizes.add(np.abs(residual)[:, None], np.zeros((len(y), 1), dtype=np.bool_), weights)

    def metrics(self) -> dict[str, float]:
        """Every metric of at least one row. Raises DlcliError for values whose squares exceed float64."""
        moments, n = self._moments, self.rows
        if not np.isfinite(moments.scatter).all() or np.abs(moments.mean).max() > LARGEST:
            raise DlcliError(
                "the rows hold values so large that the squared errors exceed float64",
                "fix or leave out the rows",
            )
        mean_square = float(moments.scatter[1, 1]) / n + float(moments.mean[1]) ** 2
        found = regression_metrics(moments, mean_square, self._centered, self._sums.means(n))
        found["median_absolute_error"] = self._sizes.median()
        if self._quantile is not None:
            found["pinball"] = self._pinball / n
        found["deviance"] = mean_square * n
        return found
