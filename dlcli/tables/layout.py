"""Where each feature has its columns in X, which may grow while the levels of texts are being learned."""

from collections.abc import Mapping, Sequence

import numpy as np

from dlcli.tables.categories import CategoryEncoder
from dlcli.tables.columns import Column, FloatArray, IntArray


class ColumnLayout:
    """The columns of X.

    Numbers and booleans (``plain``) have the first ones, in order, then each text one for the level that will be its
    first; every further level (also the reference) gets the next free column when it first occurs. With ``fixed``
    levels all are in the schema's order, and the reference has none (-1).
    """

    def __init__(self, features: Sequence[Column], *, fixed: bool) -> None:
        self.features, self.fixed = features, fixed
        self.plain = [column.name for column in features if column.kind != "text"]
        self.width = 0
        self.plain_at: list[int] = []
        self.levels_at: dict[str, list[int]] = {c.name: [] for c in features if c.kind == "text"}
        for column in features:
            if column.kind != "text":
                self.plain_at.append(self.width)
                self.width += 1
            elif fixed:
                indicators = range(self.width, self.width + len(column.levels) - 1)
                self.levels_at[column.name] = [-1, *indicators]
                self.width += len(indicators)
        if not fixed:
            for name in self.levels_at:
                self.levels_at[name] = [self.width]
                self.width += 1

    @property
    def place_of_plain(self) -> dict[str, int]:
        """The column of each number and boolean."""
        return dict(zip(self.plain, self.plain_at, strict=True))

    def widen(self, levels: Mapping[str, CategoryEncoder]) -> None:
        """Give columns to the levels that have been learned since."""
        for name, known in levels.items():
            places = self.levels_at[name]
            new = max(len(known) - len(places), 0)
            places.extend(range(self.width, self.width + new))
            self.width += new

    def matrix(self, numbers: FloatArray, codes: Mapping[str, IntArray]) -> FloatArray:
        """X (n, w) of ``numbers`` (n, p) and the levels' ``codes`` (n,), -1 for a missing one."""
        if not codes:
            return numbers
        X = np.zeros((len(numbers), self.width), order="F")
        X[:, self.plain_at] = numbers
        every = np.arange(len(numbers))
        for name, code in codes.items():
            places = np.array(self.levels_at[name], dtype=np.int64)
            own = places[places >= 0]
            column = places[code]
            shown = (code >= 0) & (column >= 0)
            X[every[shown], column[shown]] = 1.0
            if (code < 0).any():
                X[np.ix_(code < 0, own)] = np.nan
        return X

    def places(self, levels: Mapping[str, CategoryEncoder]) -> IntArray:
        """X's columns so far (w,) in an order that has nothing to do with the rows': by feature, then by level."""
        plain = self.place_of_plain
        order: list[int] = []
        for column in self.features:
            if column.kind == "text":
                places = self.levels_at[column.name]
                codes = levels[column.name].sorted_codes()
                order.extend(places[code] for code in codes if code < len(places))
                order.extend(places if not codes else [])
            else:
                order.append(plain[column.name])
        return np.array(order, dtype=np.int64)

    def anchors(self) -> IntArray:
        """For each column of X (w,), the one that is NaN, from the first chunk on, where its value is missing."""
        anchors = np.arange(self.width)
        for places in self.levels_at.values():
            anchors[places] = places[0]
        return anchors
