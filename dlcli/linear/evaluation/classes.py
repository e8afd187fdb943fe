"""What eval measures of classes, from rows that come chunk by chunk."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from dlcli.engine.arrays import BoolArray, FloatArray, IntArray
from dlcli.linear.evaluation.ranking import Ranking, Scores, shortest_between
from dlcli.linear.metrics import mean_of_known, ordering, ranked_classes
from dlcli.linear.objectives.moments import whole

Counts = IntArray | FloatArray
MATRIX_CLASSES = 100  # up to which there is a confusion matrix, and a report of each class
CONFIDENCE_BINS = 1000
MAX_F1 = "max-f1"
Threshold = float | str | None  # of the positive class's probability, MAX_F1, or none: the most probable class


@dataclass(frozen=True)
class MeasuredClasses:
    """What is known of the rows measured, of k classes; with weights of rows all counts are sums of these.

    ``actual``, ``guessed``, ``hits`` (k,): how many are of each class, were taken for it, and both. ``matrix`` (k, k):
    a row for each true class; None of many. ``rankings``: by the probability of the second of two classes, of more by
    each class's. ``threshold``: from which probability on rows count as of the second class; None: the most probable.
    ``confidence`` (3, bins): of rows by the probability of their most probable class its sum, their number, and hits.
    """

    rows: float
    log_loss: float
    brier: float
    actual: Counts
    guessed: Counts
    hits: Counts
    matrix: Counts | None
    rankings: tuple[Ranking, ...]
    threshold: float | None
    confidence: FloatArray

    @property
    def binary(self) -> bool:
        """Whether there are two classes, the second of which is the positive one."""
        return len(self.actual) == 2

    @property
    def present(self) -> BoolArray:
        """The classes that there are rows of (k,)."""
        return self.actual > 0

    @cached_property
    def precision(self) -> FloatArray:
        """Of each class, (k,); nan where none was taken for it."""
        return _shares(self.hits, self.guessed)

    @cached_property
    def recall(self) -> FloatArray:
        """Of each class, (k,); nan where there are no rows of it."""
        return _shares(self.hits, self.actual)

    @cached_property
    def f1(self) -> FloatArray:
        """Of each class, (k,); nan where there are no rows of it and none was taken for it."""
        return _shares(2 * self.hits, self.actual + self.guessed)

    def averaged(self, each: FloatArray, *, weighted: bool) -> float:
        """The mean (k,) over the classes that there are rows of; what isn't known counts as 0."""
        known = np.nan_to_num(each)[self.present]
        return float(np.average(known, weights=self.actual[self.present] if weighted else None))

    @cached_property
    def aucs(self) -> list[float]:
        """Areas under the ROC curves of ``rankings``."""
        return [ranking.auc() for ranking in self.rankings]

    @cached_property
    def average_precisions(self) -> list[float]:
        """Of ``rankings``."""
        return [ranking.average_precision() for ranking in self.rankings]

    def matthews(self) -> float:
        """Matthews' correlation, of several classes Gorodkin's; 0 where all are taken for one class.

        nan where all are of one class.
        """
        actual, guessed = self.actual.astype(np.float64), self.guessed.astype(np.float64)
        spread = [self.rows**2 - float(counts @ counts) for counts in (actual, guessed)]
        if spread[0] <= 0:
            return float("nan")
        together = float(self.hits.sum()) * self.rows - float(actual @ guessed)
        return together / float(np.sqrt(spread[0] * spread[1])) if spread[1] > 0 else 0.0


def _shares(part: Counts, whole: Counts) -> FloatArray:
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(part / whole)


@dataclass(frozen=True)
class EvalMetric:
    """A metric of classes. ``decided``: it depends on which class each row is taken for, and so on a threshold."""

    name: str
    compute: Callable[[MeasuredClasses], float]
    decided: bool = False


EVERY = (
    EvalMetric("loss", lambda m: m.log_loss),
    EvalMetric("log_loss", lambda m: m.log_loss),
    EvalMetric("accuracy", lambda m: float(m.hits.sum() / m.rows), decided=True),
    EvalMetric("majority_accuracy", lambda m: float(m.actual.max() / m.rows)),
    EvalMetric("balanced_accuracy", lambda m: m.averaged(m.recall, weighted=False), decided=True),
)
OF_TWO = (
    EvalMetric("precision", lambda m: float(m.precision[1]), decided=True),
    EvalMetric("recall", lambda m: float(m.recall[1]), decided=True),
    EvalMetric("f1", lambda m: float(m.f1[1]), decided=True),
)
OF_SEVERAL = (
    EvalMetric("macro_precision", lambda m: m.averaged(m.precision, weighted=False), decided=True),
    EvalMetric("macro_recall", lambda m: m.averaged(m.recall, weighted=False), decided=True),
    EvalMetric("macro_f1", lambda m: m.averaged(m.f1, weighted=False), decided=True),
    EvalMetric("weighted_precision", lambda m: m.averaged(m.precision, weighted=True), decided=True),
    EvalMetric("weighted_recall", lambda m: m.averaged(m.recall, weighted=True), decided=True),
    EvalMetric("weighted_f1", lambda m: m.averaged(m.f1, weighted=True), decided=True),
)
LAST = (
    EvalMetric("mcc", lambda m: m.matthews(), decided=True),
    EvalMetric("brier", lambda m: m.brier),
    EvalMetric("auc", lambda m: mean_of_known(m.aucs)),
    EvalMetric("average_precision", lambda m: mean_of_known(m.average_precisions)),
    EvalMetric("deviance", lambda m: 2 * m.rows * m.log_loss),
)


def class_eval_metrics(classes: int) -> tuple[EvalMetric, ...]:
    """The metrics of so many classes, in the order of reports."""
    return (*EVERY, *(OF_TWO if classes == 2 else OF_SEVERAL), *LAST)


class ClassSums:
    """What ``MeasuredClasses`` is made of, summed over the rows of ``classes`` classes."""

    def __init__(self, classes: int, threshold: Threshold = None) -> None:
        self._threshold, self._classes = threshold, classes
        self._rows, self._loss, self._brier = 0.0, 0.0, 0.0
        none: Counts = np.zeros(classes, dtype=np.int64)
        self._actual = self._guessed = self._hits = none
        self._matrix: Counts | None = None
        if classes <= MATRIX_CLASSES:
            self._matrix = np.zeros((classes, classes), dtype=np.int64)
        self._confidence = np.zeros((3, CONFIDENCE_BINS))
        self._scores = Scores(len(ranked_classes(classes)))

    def add(self, log_probabilities: FloatArray, truth: IntArray, weights: FloatArray | None = None) -> IntArray:
        """Rows (m, k), their classes (m,) and weights (m,); the classes that they are taken for."""
        k, rows = self._classes, np.arange(len(truth))
        probabilities = np.exp(log_probabilities)
        self._rows += len(truth) if weights is None else float(weights.sum())
        right = log_probabilities[rows, truth]
        self._loss -= float(right.sum() if weights is None else weights @ right)
        likeliest = np.argmax(log_probabilities, axis=1)
        self._add_confidence(probabilities[rows, likeliest], likeliest == truth, weights)
        guess = decided(probabilities, self._threshold, likeliest)
        hit = guess == truth
        self._actual = self._actual + np.bincount(truth, weights, minlength=k)
        self._guessed = self._guessed + np.bincount(guess, weights, minlength=k)
        self._hits = self._hits + np.bincount(truth[hit], None if weights is None else weights[hit], minlength=k)
        if self._matrix is not None:
            pairs = np.bincount(truth * k + guess, weights, minlength=k * k)
            self._matrix = self._matrix + pairs.reshape(k, k)
        ranked = ranked_classes(k)
        scores = np.column_stack([ordering(log_probabilities, c) for c in ranked])
        self._scores.add(scores, truth[:, None] == np.asarray(ranked), weights)
        probabilities[rows, truth] -= 1
        # Of two classes both differences are the same: the usual score is one of them.
        other = probabilities if weights is None else probabilities * weights[:, None]
        self._brier += float(np.einsum("ij,ij->", probabilities, other)) / (2 if k == 2 else 1)
        return guess

    def measured(self) -> MeasuredClasses:
        """What was found of at least one row."""
        rankings = tuple(self._scores.ranking(i) for i in range(len(ranked_classes(self._classes))))
        threshold = None if isinstance(self._threshold, str) else self._threshold
        rows = self._rows
        found = MeasuredClasses(
            whole(rows), self._loss / rows, self._brier / rows, self._actual, self._guessed, self._hits,
            self._matrix, rankings, threshold, self._confidence,
        )  # fmt: skip
        return found if self._threshold != MAX_F1 else _with_best_f1(found)

    def _add_confidence(self, probability: FloatArray, hit: BoolArray, weights: FloatArray | None) -> None:
        places = np.minimum((probability * CONFIDENCE_BINS).astype(np.int64), CONFIDENCE_BINS - 1)
        own = 1.0 if weights is None else weights
        for row, values in enumerate((probability * own, weights, hit * own)):
            self._confidence[row] += np.bincount(places, values, minlength=CONFIDENCE_BINS)


def decided(probabilities: FloatArray, threshold: Threshold, likeliest: IntArray) -> IntArray:
    """The classes that rows of ``probabilities`` (m, k) are taken for, the ``likeliest`` (m,) without a threshold."""
    if threshold is None or isinstance(threshold, str):
        return likeliest
    return (probabilities[:, 1] >= threshold).astype(np.int64)


def _with_best_f1(found: MeasuredClasses) -> MeasuredClasses:
    """The same with the threshold of the largest F1 of these very rows."""
    ranking = found.rankings[0]
    probabilities = 1 / (1 + np.exp(-np.clip(ranking.values, -700, 700)))
    last = ranking.best_f1()
    threshold = float(probabilities[last])
    if ranking.exact:
        below = probabilities[last + 1] if last + 1 < len(probabilities) else 0.0
        threshold = shortest_between(float(below), threshold)
    hits, false = ranking.counts_at(probabilities >= threshold)
    actual = found.actual
    matrix = np.array([[actual[0] - false, false], [actual[1] - hits, hits]])
    return MeasuredClasses(
        found.rows, found.log_loss, found.brier, actual, matrix.sum(axis=0), matrix.diagonal().copy(), matrix,
        found.rankings, threshold, found.confidence,
    )  # fmt: skip
