"""Rows that are made as they are asked for, where they stand in for an array that memory would be too small for."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, Protocol, TypeAlias

import numpy as np

from dlcli.engine.arrays import FloatArray, IntArray
from dlcli.linear.objectives.loss import Kind
from dlcli.linear.objectives.penalty import WeightedPenalty

AT_ONCE = 1 << 16  # rows read together where only some of them are asked for


class Store(Protocol):
    """Rows (n, w) outside of memory."""

    def __len__(self) -> int:
        """The number of rows."""

    def read(self, start: int, stop: int) -> FloatArray:
        """The rows from ``start`` to ``stop``."""

    def take(self, rows: IntArray) -> FloatArray:
        """Rows (m,) by number."""


class StoredRows:
    """Some rows of a store, those of ``which`` (None: all), as ``make`` makes them of what is stored.

    Indexed by a slice or by numbers of rows it gives an array, as an array of ``shape`` would.
    """

    def __init__(
        self, store: Store, which: IntArray | None, make: Callable[[FloatArray], FloatArray], row: tuple[int, ...]
    ) -> None:
        self._store, self._which, self._make = store, which, make
        self.shape = (len(store) if which is None else len(which), *row)

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, rows: slice | IntArray) -> FloatArray:
        if not isinstance(rows, slice):
            return self._make(self._store.take(rows if self._which is None else self._which[rows]))
        start, stop, step = rows.indices(len(self))
        if step > 1:
            whole = range(start, stop, step * max(1, AT_ONCE // step))
            return np.concatenate([self[i : min(i + whole.step, stop)][::step].copy() for i in whole])
        if self._which is None or stop <= start:
            return self._make(self._store.read(start, max(start, stop)))
        chosen = self._which[start:stop]
        first, last = int(chosen[0]), int(chosen[-1]) + 1
        return self._make(self._store.read(first, last)[chosen - first])


class RowsElsewhere(ABC):
    """Rows that other processes have, too, of ``shape`` (n, p): an array in name only."""

    shape: tuple[int, ...]

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, rows: slice | IntArray) -> FloatArray:
        raise NotImplementedError

    @abstractmethod
    def objective(
        self, kind: Kind, outputs: int, penalty: WeightedPenalty, device: str, factors: FloatArray | None
    ) -> Any:
        """The RowObjective over them; ``factors`` as in ``Responses``."""

    @abstractmethod
    def metrics(self, theta: FloatArray) -> dict[str, float]:
        """Metrics of classes of parameters theta (p, k)."""

    @abstractmethod
    def loss_deviation(self, theta: FloatArray, mean: float) -> float:
        """The standard deviation of the rows' losses, which have this mean."""


AnyRows: TypeAlias = FloatArray | StoredRows | RowsElsewhere
