"""What the rows of an objective are to give, how much each counts, and what its score has beside its columns."""

from dataclasses import dataclass

import numpy as np

from dlcli.engine.arrays import FloatArray, IntArray
from dlcli.linear.objectives.stored_rows import AnyRows

AT_ONCE = 1 << 20


@dataclass(frozen=True)
class Responses:
    """Targets y (n,); ``weights`` (n,), None where each row counts once; ``offset`` (n,) of scores, None for 0.

    Sliced, or indexed by numbers of rows, it gives the same of some rows, in memory.
    """

    y: AnyRows
    weights: AnyRows | None = None
    offset: AnyRows | None = None

    @classmethod
    def of(cls, y: "Responses | AnyRows") -> "Responses":
        """Targets alone, if nothing else is known of the rows."""
        return y if isinstance(y, Responses) else cls(y)

    def __len__(self) -> int:
        return len(self.y)

    def __getitem__(self, rows: slice | IntArray) -> "RowResponses":
        return RowResponses(
            self.y[rows],
            None if self.weights is None else self.weights[rows],
            None if self.offset is None else self.offset[rows],
        )

    @property
    def in_memory(self) -> bool:
        """Whether all of it is."""
        return all(part is None or isinstance(part, np.ndarray) for part in (self.y, self.weights, self.offset))

    def total(self) -> float:
        """The sum of the weights, n where there are none; a pass over them."""
        if self.weights is None:
            return float(len(self))
        blocks = range(0, len(self), AT_ONCE)
        return float(sum(float(self.weights[start : start + AT_ONCE].sum()) for start in blocks))


@dataclass(frozen=True)
class RowResponses(Responses):
    """Those of rows that are in memory."""

    y: FloatArray
    weights: FloatArray | None = None
    offset: FloatArray | None = None

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
