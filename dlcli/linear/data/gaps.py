"""Missing values and the means that stand in for them, for all training rows and for those of each fold."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from dlcli.engine.arrays import FloatArray, IntArray
from dlcli.engine.ranks import ALONE, Ranks
from dlcli.linear.data.split import VALIDATION
from dlcli.linear.objectives.moments import Moments
from dlcli.linear.shared.sums import shared_sums


class KnownSums:
    """Sums of the values that are there, by group of rows, in one pass; columns may be added on the way.

    After ``finish``: ``fill`` (w,) are the means over the training rows, ``marks`` the columns that have gaps.
    """

    def __init__(self) -> None:
        self.rows = 0
        self.fill = np.zeros(0)
        self.marks = np.zeros(0, dtype=np.int64)
        self._sums: dict[int, FloatArray] = {}
        self._missing: dict[int, FloatArray] = {}
        self._counts: dict[int, float] = {}
        self._anchors = np.zeros(0, dtype=np.int64)

    def add(self, X: FloatArray, groups: IntArray, weights: FloatArray | None = None) -> None:
        """Count rows X (n, w), nan where missing, of ``groups`` (n,), with ``weights`` (n,)."""
        self.rows += len(X)
        for group in np.unique(groups).tolist():
            rows = groups == group
            part = X[rows]
            absent = np.isnan(part)
            there = np.where(absent, 0.0, part)
            own = None if weights is None else weights[rows]
            for sums, new in (
                (self._sums, there.sum(axis=0) if own is None else own @ there),
                (self._missing, absent.sum(axis=0, dtype=np.float64) if own is None else own @ absent),
            ):
                before = sums.get(group, np.zeros(0))
                sums[group] = np.concatenate([before, np.zeros(len(new) - len(before))]) + new
            self._counts[group] = self._counts.get(group, 0) + (len(part) if own is None else float(own.sum()))

    def finish(self, anchors: IntArray, ranks: Ranks = ALONE) -> None:
        """No more rows, on any of ``ranks``.

        ``anchors`` (w,): for each column, the one that has always been nan where it is missing.
        """
        if ranks.count > 1:
            counts = {group: np.array([float(count)]) for group, count in self._counts.items()}
            self._counts = {group: float(count[0]) for group, count in shared_sums(counts, 1, ranks).items()}
            self._sums = shared_sums(self._sums, len(anchors), ranks)
            self._missing = shared_sums(self._missing, len(anchors), ranks)
            self.rows = int(any(self._counts.values()))
        grown = {g: np.concatenate([s, np.zeros(len(anchors) - len(s))]) for g, s in self._sums.items()}
        self._sums = grown
        self._missing = {g: m[anchors] for g, m in self._missing.items()}
        self._anchors = anchors
        every = sum(self._missing.values(), np.zeros(len(anchors)))
        self.marks = np.unique(anchors[every > 0])
        self.fill = self.means([g for g in self._sums if g != VALIDATION])

    def fill_with(self, means: FloatArray) -> FloatArray:
        """``fill``, and in the columns that lack nothing in the training rows their ``means`` (w,) as others take them.

        So what stands in for a gap doesn't depend, to the last bit, on whether rows held out have gaps.
        """
        missing = sum((m for g, m in self._missing.items() if g != VALIDATION), np.zeros(len(self._anchors)))
        return np.where(missing > 0, self.fill, means)

    def means(self, groups: Sequence[int]) -> FloatArray:
        """Means (w,) of the known values in the rows of some groups; 0 where there are none."""
        known = sum((self._counts[g] - self._missing[g] for g in groups), np.zeros(len(self._anchors)))
        totals = sum((self._sums[g] for g in groups), np.zeros(len(known)))
        return np.asarray(np.divide(totals, known, out=np.zeros(len(known)), where=known > 0))

    def gaps(self, order: IntArray, moments: Mapping[int, Moments]) -> "Gaps":
        """What refills the columns ``order``; ``moments`` are those of y, the columns and the marks (``marked``)."""
        place = {int(anchor): i for i, anchor in enumerate(self.marks)}
        mark = np.array([place.get(int(self._anchors[column]), -1) for column in order], dtype=np.int64)
        width = len(next(iter(moments.values())).mean) - len(self.marks)
        chosen = np.concatenate([[0], order + 1, width + np.arange(len(self.marks))])
        return Gaps(self, order, mark, {g: m.select(chosen) for g, m in moments.items()})

    def marked(self, X: FloatArray, groups: IntArray) -> FloatArray:
        """X (n, w) with each group's own means in its gaps, and after it a column for each of ``marks``: 1 in gaps.

        So the moments of a group depend on nothing but its own rows.
        """
        missing = np.isnan(X)
        out = np.hstack([X, missing[:, self.marks]])
        for group in np.unique(groups).tolist():
            rows = np.flatnonzero((groups == group) & missing.any(axis=1))
            own = self.means([group])
            out[rows, : X.shape[1]] = np.where(missing[rows], own, X[rows])
        return out


def fill_gaps(X: FloatArray, fill: FloatArray) -> None:
    """Put ``fill`` (w,) where X (n, w) is nan."""
    missing = np.isnan(X)
    if missing.any():
        X[missing] = np.broadcast_to(fill, X.shape)[missing]


@dataclass(frozen=True)
class Gaps:
    """Filling missing values of d columns with other means, from moments alone.

    A column filled with f instead of f0 is what it was plus f - f0 times the column that marks its gaps: a linear
    map, which moments follow. ``mark`` (d,) is the place of that column among the marks, or -1. ``moments`` are
    those of y, the columns (with each group's own means) and the marks.
    """

    sums: KnownSums
    order: IntArray
    mark: IntArray
    moments: dict[int, Moments]

    def columns(self, keep: IntArray) -> "Gaps":
        """The same for some of the columns."""
        d, marks = len(self.order), len(next(iter(self.moments.values())).mean) - 1 - len(self.order)
        chosen = np.concatenate([[0], keep + 1, 1 + d + np.arange(marks)])
        moments = {g: m.select(chosen) for g, m in self.moments.items()}
        return replace(self, order=self.order[keep], mark=self.mark[keep], moments=moments)

    def means(self, groups: Sequence[int]) -> FloatArray:
        """Means (d,) of the known values in the rows of some groups."""
        return self.sums.means(groups)[self.order]

    def filled(self, fill: FloatArray) -> dict[int, Moments]:
        """Moments of y and the columns, by group, with ``fill`` (d,) in the gaps."""
        d = len(self.order)
        moved = np.flatnonzero(self.mark >= 0)
        filled = {}
        for group, moments in self.moments.items():
            change = (fill - self.means([group]))[moved]
            filled[group] = moments.added(1 + d, 1 + moved, 1 + d + self.mark[moved], change)
        return filled
