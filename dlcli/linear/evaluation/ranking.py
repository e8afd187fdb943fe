"""Rows in the order of a score, and what follows from it: areas under curves, and the best threshold."""

import decimal
from dataclasses import dataclass

import numpy as np

from dlcli.engine.arrays import BoolArray, FloatArray, IntArray

MOST_EXACT = 20_000_000  # scores that are kept, 8 bytes each; more are counted in bins
MOST_BITS, ALL_BITS = 20, 23  # of a bin's number, and of those of all rankings together: 16 bytes each


@dataclass(frozen=True)
class Ranking:
    """The different ``values`` of a score, highest first (m,), and how many rows of a class, and others, have each.

    With weights of rows it is how much these weigh.

    ``exact``: else values are the lower ends of bins, each 1/2048 of its value wide or, of many classes, wider.
    """

    values: FloatArray
    positive: IntArray | FloatArray
    negative: IntArray | FloatArray
    exact: bool = True

    @property
    def known(self) -> bool:
        """Whether there are rows of the class, and others."""
        return bool(self.positive.sum() and self.negative.sum())

    def auc(self) -> float:
        """Area under the ROC curve by the Mann-Whitney statistic, ties counted half; nan with one class only."""
        positive, negative = self.positive.astype(np.float64), self.negative.astype(np.float64)
        if not self.known:
            return float("nan")
        beaten = negative.sum() - np.cumsum(negative) + negative / 2
        return float(positive @ beaten / (positive.sum() * negative.sum()))

    def average_precision(self) -> float:
        """The mean precision over the rows of the class, each at its own score; nan with one class only."""
        if not self.known:
            return float("nan")
        hits, found = self._reached()
        return float(np.sum(self.positive * (hits / found)) / hits[-1])

    def roc(self) -> tuple[FloatArray, FloatArray]:
        """False and true positive rates (m + 1,), from (0, 0) to (1, 1)."""
        hits, found = self._reached()
        rates = [np.concatenate([[0.0], counts / max(counts[-1], 1)]) for counts in (found - hits, hits)]
        return rates[0], rates[1]

    def precision_recall(self) -> tuple[FloatArray, FloatArray]:
        """Recall and precision (m,), at each value from the highest on."""
        hits, found = self._reached()
        return hits / max(hits[-1], 1), hits / found

    def best_f1(self) -> int:
        """From which of the values on, the highest being 0, rows are to count as of the class for the largest F1.

        Of several the highest value, which finds the fewest rows.
        """
        hits, found = self._reached()
        return int(np.argmax(2 * hits / (found + hits[-1])))

    def counts_at(self, chosen: BoolArray) -> tuple[float, float]:
        """How many rows of the class, and others, have the ``chosen`` values (m,)."""
        hits, false = (counts[chosen].sum().item() for counts in (self.positive, self.negative))
        return hits, false

    def _reached(self) -> tuple[FloatArray, FloatArray]:
        """How many of the class, and of all, have each value or a higher one."""
        hits = np.cumsum(self.positive).astype(np.float64)
        return hits, hits + np.cumsum(self.negative)


class Scores:
    """Scores (n, r) of rows that come chunk by chunk: kept, or counted in bins once they are more than ``most``."""

    def __init__(self, rankings: int, most: int = MOST_EXACT) -> None:
        self._rankings, self._most = rankings, most // max(rankings, 1)
        self._bits = min(MOST_BITS, ALL_BITS - max(rankings - 1, 0).bit_length())
        self._kept: list[tuple[FloatArray, BoolArray, FloatArray | None]] = []
        self._rows = 0
        self._counts: IntArray | FloatArray | None = None  # (rankings, 2, bins)

    @property
    def exact(self) -> bool:
        """Whether all of them are kept."""
        return self._counts is None

    def add(self, scores: FloatArray, truth: BoolArray, weights: FloatArray | None = None) -> None:
        """Rows (m, r), whether each is of the class that is ranked (m, r), and their weights (m,)."""
        self._kept.append((scores, truth, weights))
        self._rows += len(scores)
        if self._rows > self._most:
            self._count()

    def ranking(self, number: int) -> Ranking:
        """The rows in the order of one of the scores."""
        if self._counts is not None:
            self._count()
            negative, positive = self._counts[number]
            there = np.flatnonzero(negative + positive)[::-1]
            return Ranking(_edges(there, self._bits), positive[there], negative[there], exact=False)
        scores = np.concatenate([np.zeros(0), *(scores[:, number] for scores, _, _ in self._kept)])
        truth = np.concatenate([np.zeros(0, np.bool_), *(truth[:, number] for _, truth, _ in self._kept)])
        if (weights := self._weights()) is not None:
            values, places = np.unique(scores, return_inverse=True)
            weighed = [np.bincount(places[part], weights[part], len(values)) for part in (truth, ~truth)]
            return Ranking(values[::-1], weighed[0][::-1], weighed[1][::-1])
        positive, negative = np.sort(scores[truth]), np.sort(scores[~truth])
        values = np.unique(scores)
        # Plain sorts and a merge are several times quicker than ranking all rows together.
        counts = [np.diff(np.searchsorted(part, values), append=len(part)) for part in (positive, negative)]
        return Ranking(values[::-1], counts[0][::-1], counts[1][::-1])

    def median(self) -> float:
        """The median of the first score; nan of none."""
        if self._counts is None:
            kept = [scores[:, 0] for scores, _, _ in self._kept]
            if (weights := self._weights()) is not None:
                return weighted_median(np.concatenate(kept), weights)
            return float(np.median(np.concatenate(kept))) if self._rows else float("nan")
        ranking = self.ranking(0)
        reached = np.cumsum(ranking.positive + ranking.negative)
        return float(ranking.values[np.searchsorted(reached, reached[-1] / 2)])

    def _weights(self) -> FloatArray | None:
        """Those of all that is kept."""
        found = [weights for _, _, weights in self._kept if weights is not None]
        return np.concatenate(found) if found else None

    def _count(self) -> None:
        """Add what is kept to the bins."""
        if self._counts is None:
            shape = (self._rankings, 2, 1 << self._bits)
            plain = all(weights is None for _, _, weights in self._kept)
            self._counts = np.zeros(shape, dtype=np.int64) if plain else np.zeros(shape)
        for scores, truth, weights in self._kept:
            for number in range(self._rankings):
                places = _bins(scores[:, number], self._bits)
                for of_class in (0, 1):
                    chosen = truth[:, number] == of_class
                    own = None if weights is None else weights[chosen]
                    self._counts[number, of_class] += np.bincount(places[chosen], own, minlength=1 << self._bits)
        self._kept.clear()


def middle(values: FloatArray, weights: FloatArray | None) -> float:
    """The median of values (n,), each of which is there once, or as often as ``weights`` (n,) say."""
    return float(np.median(values)) if weights is None else weighted_median(values, weights)


def weighted_median(values: FloatArray, weights: FloatArray) -> float:
    """The median of values (n,) each of which is there so many times (n,), which may be no whole number."""
    order = np.argsort(values, kind="stable")
    reached = np.cumsum(weights[order])
    place = int(np.searchsorted(reached, reached[-1] / 2))
    if reached[place] == reached[-1] / 2 and place + 1 < len(order):
        return float(values[order[place]] + values[order[place + 1]]) / 2
    return float(values[order[place]])


def _bins(scores: FloatArray, bits: int) -> IntArray:
    """Bins that are in the order of the scores: the first ``bits`` of a float32, which are as fine near 0 as far."""
    largest = np.finfo(np.float32).max
    raw = (np.clip(scores, -largest, largest) + 0.0).astype(np.float32).view(np.uint32)  # of two zeros one
    ordered = np.where(raw >> 31, ~raw, raw | np.uint32(1 << 31))
    return (ordered >> np.uint32(32 - bits)).astype(np.int64)


def _edges(bins: IntArray, bits: int) -> FloatArray:
    """The lower ends of bins."""
    ordered = (bins.astype(np.uint64) << np.uint64(32 - bits)).astype(np.uint32)
    raw = np.where(ordered >> 31, ordered & np.uint32((1 << 31) - 1), ~ordered)
    return raw.astype(np.uint32).view(np.float32).astype(np.float64)


def shortest_between(low: float, high: float) -> float:
    """The number of fewest digits above ``low`` and at most ``high``.

    >>> shortest_between(0.36812, 0.37155), shortest_between(0.2, 0.2)
    (0.37, 0.2)
    """
    if low < high:
        exact, below = decimal.Decimal(high), decimal.Decimal(low)
        for digits in range(1, 17):
            found = exact.quantize(decimal.Decimal(1).scaleb(-digits), rounding=decimal.ROUND_FLOOR)
            if found > below and low < float(found) <= high:
                return float(found)
    return high
