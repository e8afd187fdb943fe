"""Rows kept while a table is read: in memory, or in a file once they are too many."""

import numpy as np

from dlcli.engine.arrays import FloatArray, IntArray
from dlcli.linear.data.stored import DiskArray, StoredResponses, StoredTable
from dlcli.linear.data.table_data import Block
from dlcli.linear.objectives.moments import is_wide
from dlcli.linear.objectives.responses import RowResponses


class RowKeeper:
    """Takes the chunks of a table; ``most`` is how many bytes of them stay in memory, None: all.

    A table of many columns and fewer rows stays there in any case, as its moments are its rows.
    """

    def __init__(self, most: int | None) -> None:
        self._most = most
        self.parts: list[Block] = []
        self._bytes = self._rows = 0
        self._X: DiskArray | None = None
        self._responses: StoredResponses | None = None
        self._groups: list[IntArray] = []

    def add(self, X: FloatArray, responses: RowResponses, groups: IntArray) -> None:
        """Keep rows X (m, w), their responses, and groups (m,). Raises DlcliError for a full disk."""
        self.parts.append((X, responses, groups))
        self._bytes, self._rows = self._bytes + X.nbytes + responses.nbytes, self._rows + len(responses)
        over = self._most is not None and self._bytes > self._most
        if self._X is not None or (over and not is_wide(self._rows, X.shape[1] + 1)):
            self._to_disk(X.shape[1])

    def _to_disk(self, width: int) -> None:
        if self._X is None:
            self._X, self._responses = DiskArray(width), StoredResponses.like(self.parts[0][1])
        assert self._responses is not None
        for X, responses, groups in self.parts:
            self._X.append(X)
            self._responses.append(responses)
            self._groups.append(groups.astype(np.int32))
        self.parts.clear()

    @property
    def is_stored(self) -> bool:
        """Whether the rows are in a file."""
        return self._X is not None

    def store(self) -> None:
        """Put the rows into a file, whatever room they take."""
        if self._X is None and self.parts:
            self._to_disk(self.parts[0][0].shape[1])

    def stored(self, *, dealt: bool) -> StoredTable | None:
        """The rows, if they are in a file; ``dealt``: in more than one group."""
        if self._X is None or self._responses is None:
            return None
        return StoredTable(self._X, self._responses, np.concatenate(self._groups) if dealt else None)
