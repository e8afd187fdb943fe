"""Where each feature has its columns in X."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from dlcli.tables.columns import BoolArray, Column, FloatArray, IntArray


@dataclass(frozen=True)
class Cells:
    """Rows of a file: ``numbers`` (n, p) of the columns ``plain``, nan where missing, and ``codes`` (n,) of texts.

    ``rows`` (n,) are their numbers in the file ``label``.
    """

    numbers: FloatArray
    plain: Sequence[str]
    codes: Mapping[str, IntArray]
    rows: IntArray
    label: str

    def some(self, which: slice | BoolArray) -> "Cells":
        """Some of the rows."""
        codes = {name: code[which] for name, code in self.codes.items()}
        return replace(self, numbers=self.numbers[which], codes=codes, rows=self.rows[which])

    def of(self, name: str) -> FloatArray:
        """The numbers (n,) of a column, nan where missing."""
        return self.numbers[:, self.plain.index(name)]


class ColumnLayout:
    """The columns of X: those of each feature (``Column.encoded_names``), in the features' order.

    A text has one for each level but the first; a number, date or boolean one for each of its ``plain_names``, and one
    for its indicator of missing values where it has such.
    """

    def __init__(self, features: Sequence[Column]) -> None:
        self.plain: list[str] = []
        self._plain_at: list[int] = []
        self._marks: list[tuple[int, int]] = []  # a column of the numbers, and where its indicator is
        self._levels_at: dict[str, IntArray] = {}
        anchors: list[int] = []
        for column in features:
            start = len(anchors)
            if column.kind == "text":
                others = len(column.levels) - 1
                self._levels_at[column.name] = np.array([-1, *range(start, start + others)], dtype=np.int64)
                anchors.extend([start] * others)
                continue
            for name in column.plain_names:
                self._plain_at.append(len(anchors))
                self.plain.append(name)
                anchors.append(len(anchors))
            if column.indicator:
                self._marks.append((len(self.plain) - len(column.plain_names), len(anchors)))
                anchors.append(len(anchors))
        self.width = len(anchors)
        self.anchors = np.array(anchors, dtype=np.int64)
        self._numbers_only = not self._marks and not self._levels_at

    def matrix(self, cells: Cells) -> FloatArray:
        """X (n, w) of cells; that of a missing text is nan."""
        numbers, codes = cells.numbers, cells.codes
        if self._numbers_only:
            return numbers
        X = np.zeros((len(numbers), self.width), order="F")
        X[:, self._plain_at] = numbers
        for number, place in self._marks:
            X[:, place] = np.isnan(numbers[:, number])
        every = np.arange(len(numbers))
        for name, code in codes.items():
            places = self._levels_at[name]
            column = places[code]
            shown = (code >= 0) & (column >= 0)
            X[every[shown], column[shown]] = 1.0
            if (code < 0).any():
                X[np.ix_(code < 0, places[1:])] = np.nan
        return X

    def cells(self, X: FloatArray, label: str = "") -> Cells:
        """The cells that ``matrix`` makes X (n, w) of."""
        codes: dict[str, IntArray] = {}
        for name, places in self._levels_at.items():
            levels = X[:, places[1:]]
            code = (
                np.where(levels.any(axis=1), 1 + np.argmax(levels, axis=1), 0) if len(places) > 1 else np.zeros(len(X))
            )
            missing = np.isnan(levels).any(axis=1)
            codes[name] = np.where(missing, -1, code).astype(np.int64)
        return Cells(X[:, self._plain_at], self.plain, codes, np.arange(1, len(X) + 1), label)
