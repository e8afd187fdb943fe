"""What the rows of an objective are to give, how much each counts, and what its score has beside its columns."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from dlcli.engine.arrays import BoolArray, FloatArray, IntArray
from dlcli.linear.objectives.stored_rows import AnyRows, RowsElsewhere

AT_ONCE = 1 << 20


@dataclass(frozen=True)
class Responses:
    """Targets y (n,); ``weights`` (n,), None where each row counts once; ``offset`` (n,) of scores, None for 0.

    Where y are classes, ``factors`` (k,) say how many times as much the rows of each count. Sliced, or indexed by
    numbers of rows, it gives the same of some rows, in memory.
    """

    y: AnyRows
    weights: AnyRows | None = None
    offset: AnyRows | None = None
    factors: FloatArray | None = None

    @classmethod
    def of(cls, y: "Responses | AnyRows") -> "Responses":
        """Targets alone, if nothing else is known of the rows."""
        return y if isinstance(y, Responses) else cls(y)

    def __len__(self) -> int:
        return len(self.y)

    def __getitem__(self, rows: slice | IntArray) -> "RowResponses":
        y, weights = self.y[rows], None if self.weights is None else self.weights[rows]
        if self.factors is not None:
            own = self.factors[y.astype(np.int64)]
            weights = own if weights is None else weights * own
        return RowResponses(y, weights, None if self.offset is None else self.offset[rows])

    def of_classes(self, factors: FloatArray) -> "Responses":
        """The same with rows that count so many times as much, by their classes."""
        made = Responses(self.y, self.weights, self.offset, factors)
        return made[:] if self.in_memory else made

    @property
    def in_memory(self) -> bool:
        """Whether all of it is."""
        return all(part is None or isinstance(part, np.ndarray) for part in (self.y, self.weights, self.offset))

    def total(self) -> float:
        """The sum of the weights, n where there are none; a pass over them."""
        if isinstance(self.y, RowsElsewhere) or (self.weights is None and self.factors is None):
            return float(len(self))
        blocks = (self[start : start + AT_ONCE].weights for start in range(0, len(self), AT_ONCE))
        return float(sum(float(weights.sum()) for weights in blocks if weights is not None))


@dataclass(frozen=True)
class RowResponses(Responses):
    """Those of rows that are in memory."""

    y: FloatArray
    weights: FloatArray | None = None
    offset: FloatArray | None = None

    @classmethod
    def joined(cls, parts: Sequence["RowResponses"]) -> "RowResponses":
        """Those of all parts."""
        weights = [part.weights for part in parts if part.weights is not None]
        offsets = [part.offset for part in parts if part.offset is not None]
        return cls(
            np.concatenate([part.y for part in parts]),
            np.concatenate(weights) if weights else None,
            np.concatenate(offsets) if offsets else None,
        )

    @property
    def nbytes(self) -> int:
        """What they take."""
        return sum(part.nbytes for part in (self.y, self.weights, self.offset) if part is not None)

    def class_counts(self, classes: int) -> FloatArray:
        """How much the rows of each class weigh, (classes,)."""
        return np.bincount(self.y.astype(np.int64), self.weights, minlength=classes).astype(np.float64)

    def of_rows(self, chosen: BoolArray) -> "RowResponses":
        """Those of the ``chosen`` rows (n,)."""
        parts = (None if part is None else part[chosen] for part in (self.weights, self.offset))
        return RowResponses(self.y[chosen], *parts)

    def weighted(self, values: FloatArray) -> FloatArray:
        """``values`` (n, ...) times the weights of their rows."""
        if self.weights is None:
            return values
        return values * (self.weights if values.ndim == 1 else self.weights[:, None])

    def shifted(self, scores: FloatArray) -> FloatArray:
        """``scores`` (n, k) with the offset, which may be added in place."""
        if self.offset is not None:
            scores += self.offset[:, None]
        return scores
