"""The metrics of linear models, in one table for each kind of target; exact, and in one pass where they can be."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Protocol

import numpy as np

from dlcli.engine.arrays import BoolArray, FloatArray, IntArray
from dlcli.linear.losses.pinball import PINBALL_METRICS
from dlcli.linear.objectives.loss import Kind, of_classes, of_family, of_huber, of_quantile
from dlcli.linear.objectives.moments import Moments


@dataclass(frozen=True)
class Residuals:
    """What is known of the residuals of some rows; ``means`` are those of what a metric asks of each row, by its name.

    ``centered``: the model has an intercept, so that it is compared with predicting the mean, else with predicting 0.
    """

    mean_square: float
    y_mean: float
    y_variance: float
    centered: bool
    means: Mapping[str, float] = field(default_factory=dict)

    def r_squared(self, *, centered: bool) -> float:
        """1 - MSE/variance; not centered, 1 - MSE/(mean of y^2). nan when y doesn't vary."""
        total = self.y_variance if centered else self.y_variance + self.y_mean**2
        return 1 - self.mean_square / total if total > 0 else float("nan")


class Scored(Protocol):
    """What is known of the classes' probabilities on some rows."""

    @property
    def log_loss(self) -> float:
        """The mean negative logarithm of the true class's probability."""

    def accuracy(self) -> float:
        """The share of rows whose most probable class is the true one."""

    def auc(self) -> float:
        """Area under the ROC curve; for several classes the macro average of one-against-rest."""


# Log-probabilities (n, k), classes (n,), and weights (n,) where rows have any.
ClassRows = tuple[FloatArray, FloatArray, FloatArray | None]


@dataclass(frozen=True)
class ClassScores:
    """Logarithms of the classes' probabilities (n, k), the true classes' codes (n,), and the rows' weights (n,)."""

    log_probabilities: FloatArray
    codes: IntArray
    weights: FloatArray | None = None

    @property
    def total(self) -> float:
        """The rows' weight."""
        return float(len(self.codes)) if self.weights is None else float(self.weights.sum())

    @cached_property
    def log_loss(self) -> float:
        """The mean negative logarithm of the true class's probability."""
        return -_mean(self.log_probabilities[np.arange(len(self.codes)), self.codes], self.weights)

    def accuracy(self) -> float:
        """The share of rows whose most probable class is the true one."""
        return _mean(np.argmax(self.log_probabilities, axis=1) == self.codes, self.weights)

    def auc(self) -> float:
        """Area under the ROC curve; for several classes the macro average of one-against-rest."""
        each = [
            area_under_curve((self.codes == c).astype(float), ordering(self.log_probabilities, c), self.weights)
            for c in ranked_classes(self.log_probabilities.shape[1])
        ]
        return mean_of_known(each)


class BlockScores:
    """The same, of rows that come block by block: what a metric needs of them all is kept, 8 bytes for each row.

    ``blocks`` passes over log-probabilities (m, k), codes (m,) and weights (m,); ``classes`` is k.
    """

    def __init__(self, blocks: Callable[[], Iterator[ClassRows]], classes: int) -> None:
        self._blocks, self._classes = blocks, classes
        loss, right, total, self._rows = 0.0, 0.0, 0.0, 0
        for log_probabilities, truth, weights in blocks():
            scores = ClassScores(log_probabilities, truth.astype(np.int64), weights)
            n = scores.total
            loss, right, total = loss + n * scores.log_loss, right + n * scores.accuracy(), total + n
            self._rows += len(truth)
        self.log_loss, self._accuracy = loss / total, right / total

    def accuracy(self) -> float:
        """The share of rows whose most probable class is the true one."""
        return self._accuracy

    def auc(self) -> float:
        """Area under the ROC curve; for several classes the macro average of one-against-rest, a pass for each."""
        return mean_of_known([self._auc_of(c) for c in ranked_classes(self._classes)])

    def _auc_of(self, c: int) -> float:
        score, truth, start = np.empty(self._rows), np.empty(self._rows, dtype=np.bool_), 0
        parts: list[FloatArray] = []
        for log_probabilities, codes, weights in self._blocks():
            rows = slice(start, start + len(codes))
            score[rows], truth[rows], start = ordering(log_probabilities, c), codes == c, rows.stop
            parts += [] if weights is None else [weights]
        return area_under_curve(truth, score, np.concatenate(parts) if parts else None)


def _mean(values: FloatArray | BoolArray, weights: FloatArray | None) -> float:
    return float(np.mean(values) if weights is None else weights @ values / weights.sum())


def ranked_classes(classes: int) -> range:
    """Which classes' areas a macro average is of: of two, one says it all."""
    return range(1, 2) if classes == 2 else range(classes)


def ordering(log_probabilities: FloatArray, c: int) -> FloatArray:
    """What orders rows as the probability of class c does, (n,).

    Of two classes the difference of their log-probabilities, which keeps its digits near 0 and 1.
    """
    two = log_probabilities.shape[1] == 2
    return log_probabilities[:, c] - log_probabilities[:, 1 - c] if two else log_probabilities[:, c]


def mean_of_known(values: Sequence[float]) -> float:
    """The mean of the values that there are, or nan."""
    known = [value for value in values if np.isfinite(value)]
    return float(np.mean(known)) if known else float("nan")


@dataclass(frozen=True)
class RegressionMetric:
    """A metric of numbers, from what is known of the residuals.

    ``of_rows`` maps targets and residuals (n,) to (n,), whose mean over all rows ``compute`` finds in ``means``. Only
    ``eval`` passes over rows, so only it has such a metric. ``uncentered``: only of a model without an intercept, and
    not compared by searches.
    """

    name: str
    compute: Callable[[Residuals], float]
    of_rows: Callable[[FloatArray, FloatArray], FloatArray] | None = None
    higher_is_better: bool = False
    uncentered: bool = False


@dataclass(frozen=True)
class ClassMetric:
    """A metric of classes. ``searched_up_to``: the most classes with which searches compare by it; None: any."""

    name: str
    compute: Callable[[Scored], float]
    higher_is_better: bool = False
    searched_up_to: int | None = None


# In the order of reports.
REGRESSION = (
    RegressionMetric("loss", lambda r: r.mean_square),
    RegressionMetric("rmse", lambda r: float(np.sqrt(r.mean_square))),
    RegressionMetric("mae", lambda r: r.means["mae"], of_rows=lambda _, residuals: np.abs(residuals)),
    RegressionMetric("r2", lambda r: r.r_squared(centered=r.centered), higher_is_better=True),
    # Against predicting 0, as is usual without an intercept, R2 says little: the other goes with it.
    RegressionMetric("r2_centered", lambda r: r.r_squared(centered=True), higher_is_better=True, uncentered=True),
)
# Of families with a link, as ``evaluation.deviance`` computes them: the mean deviance is what training minimizes, and
# their sum is R's residual deviance.
DEVIANCE_METRICS = ("loss", "deviance", "d2", "rmse", "mae")
DEVIANCES_HIGHER = ("d2",)
# Of Huber's loss, as ``evaluation.huber`` computes them.
HUBER_METRICS = ("loss", "huber", "mae", "median_absolute_error", "rmse", "r2")
CLASSES = (
    ClassMetric("loss", lambda s: s.log_loss),
    ClassMetric("log_loss", lambda s: s.log_loss),
    ClassMetric("accuracy", lambda s: s.accuracy(), higher_is_better=True),
    ClassMetric("auc", lambda s: s.auc(), higher_is_better=True, searched_up_to=2),
)


def metric_names(kind: Kind, *, centered: bool) -> tuple[str, ...]:
    """Names of what ``eval`` measures; ``centered``: the model has an intercept."""
    if of_classes(kind):
        return tuple(metric.name for metric in CLASSES)
    if of_family(kind):
        return DEVIANCE_METRICS
    if of_quantile(kind):
        return PINBALL_METRICS
    if of_huber(kind):
        return HUBER_METRICS
    return tuple(metric.name for metric in REGRESSION if not (metric.uncentered and centered))


def searched_metrics(kind: Kind, classes: int) -> tuple[str, ...]:
    """Names of what searches can compare by: what training measures; ``classes`` is how many there are."""
    if of_family(kind):
        return DEVIANCE_METRICS
    if of_quantile(kind):
        return PINBALL_METRICS
    if of_huber(kind):
        return HUBER_METRICS
    if of_classes(kind):
        return tuple(metric.name for metric in CLASSES if classes <= (metric.searched_up_to or classes))
    return tuple(metric.name for metric in REGRESSION if metric.of_rows is None and not metric.uncentered)


def higher_is_better(kind: Kind, name: str) -> bool:
    """Whether a larger value of the metric is better."""
    if of_family(kind):
        return name in DEVIANCES_HIGHER
    if of_quantile(kind):
        return False
    if of_huber(kind):
        return name == "r2"
    table: tuple[RegressionMetric | ClassMetric, ...] = CLASSES if of_classes(kind) else REGRESSION
    return any(metric.name == name and metric.higher_is_better for metric in table)


def class_metrics(
    log_probabilities: FloatArray, truth: FloatArray, weights: FloatArray | None = None
) -> dict[str, float]:
    """Every metric of classes; log_probabilities (n, k), truth (n,) class codes, weights (n,)."""
    scores = ClassScores(log_probabilities, truth.astype(np.int64), weights)
    return {metric.name: metric.compute(scores) for metric in CLASSES}


def metrics_by_blocks(blocks: Callable[[], Iterator[ClassRows]], classes: int) -> dict[str, float]:
    """The same of rows that come block by block, in any number of passes."""
    scores = BlockScores(blocks, classes)
    return {metric.name: metric.compute(scores) for metric in CLASSES}


def regression_metrics(
    moments: Moments, mean_squared_error: float, centered: bool, row_means: Mapping[str, float] | None = None
) -> dict[str, float]:
    """Metrics on the rows behind ``moments`` (y in column 0); those of rows where there are ``row_means``."""
    variance = float(moments.diagonal[0]) / (moments.count or 1)
    residuals = Residuals(mean_squared_error, float(moments.mean[0]), variance, centered, row_means or {})
    return {
        metric.name: metric.compute(residuals)
        for metric in REGRESSION
        if (metric.of_rows is None or metric.name in residuals.means) and not (metric.uncentered and centered)
    }


class RowSums:
    """Sums over rows of what some metrics of numbers ask of each, chunk by chunk."""

    def __init__(self) -> None:
        self._sums = {metric.name: 0.0 for metric in REGRESSION if metric.of_rows is not None}

    def add(self, y: FloatArray, residuals: FloatArray, weights: FloatArray | None = None) -> None:
        """The rows of a chunk: targets (n,), targets less predictions (n,), and weights (n,)."""
        for metric in REGRESSION:
            if metric.of_rows is not None:
                of_rows = metric.of_rows(y, residuals)
                self._sums[metric.name] += float(of_rows.sum() if weights is None else weights @ of_rows)

    def means(self, count: float) -> dict[str, float]:
        """Means over rows of the weight ``count``, by metric."""
        return {name: total / count for name, total in self._sums.items()}


def area_under_curve(truth: FloatArray | BoolArray, score: FloatArray, weights: FloatArray | None = None) -> float:
    """Area under the ROC curve by the Mann-Whitney statistic, ties counted half; nan with one class only.

    truth (n,) holds 0 and 1, score (n,) any numbers, weights (n,) how much each row counts.
    """
    if weights is not None:
        return _weighted_area(truth == 1, score, weights)
    positive, negative = np.sort(score[truth == 1]), np.sort(score[truth != 1])
    if not len(positive) or not len(negative):
        return float("nan")
    # Two plain sorts and a merge are several times quicker than ranking all rows together.
    below = np.searchsorted(negative, positive, side="left").sum(dtype=np.float64)
    up_to = np.searchsorted(negative, positive, side="right").sum(dtype=np.float64)
    return float((below + up_to) / 2 / (len(positive) * len(negative)))


def _weighted_area(truth: BoolArray, score: FloatArray, weights: FloatArray) -> float:
    positive, negative = score[truth], np.sort(score[~truth])
    if not len(positive) or not len(negative):
        return float("nan")
    order = np.argsort(score[~truth], kind="stable")
    reached = np.concatenate([[0.0], np.cumsum(weights[~truth][order])])
    below = reached[np.searchsorted(negative, positive, side="left")]
    up_to = reached[np.searchsorted(negative, positive, side="right")]
    return float(weights[truth] @ (below + up_to) / 2 / (weights[truth].sum() * reached[-1]))
