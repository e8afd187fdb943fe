"""Rows kept in a file, for tables that are larger than memory: read back block by block, in the units of training."""

import os
import shutil
import threading
import weakref
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from dlcli.engine.arrays import FloatArray, IntArray
from dlcli.engine.ranks import ALONE, Ranks
from dlcli.errors import DlcliError
from dlcli.files import nameless_file
from dlcli.linear.data.gaps import fill_gaps
from dlcli.linear.data.scale import PowersOfTwo, powers_of
from dlcli.linear.data.split import VALIDATION
from dlcli.linear.data.table_data import ROWS, Block
from dlcli.linear.objectives.least_squares import Standardizer
from dlcli.linear.objectives.responses import Responses, RowResponses
from dlcli.linear.objectives.stored_rows import StoredRows
from dlcli.linear.shared.sums import largest_of
from dlcli.text import counted

DOUBLE = 8


class DiskArray:
    """An array (n, w) of float64 in a file without a name; any number of threads may read it once it is written."""

    def __init__(self, width: int) -> None:
        self.width, self.rows = width, 0
        self._file, self.folder = nameless_file()
        weakref.finalize(self, self._file.close)
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return self.rows

    def append(self, block: FloatArray) -> None:
        """Write rows (m, w). Raises DlcliError for a full disk."""
        data = memoryview(block.tobytes())
        try:
            while len(data):
                data = data[self._file.write(data) :]
        except OSError as error:
            free = shutil.disk_usage(self.folder).free
            raise DlcliError(
                f"the rows of the table can't be kept in {self.folder}, where {free / 2**30:.1f} GiB are free: "
                f"{error.strerror or error}", "free some space, or set TMPDIR to a folder that has more",
            ) from None  # fmt: skip
        self.rows += len(block)

    def read(self, start: int, stop: int) -> FloatArray:
        """The rows from ``start`` to ``stop``."""
        out = np.empty((stop - start, self.width))
        if not out.size:
            return out
        target, offset = memoryview(out.data).cast("B"), start * self.width * DOUBLE
        while len(target):
            got = self._read_into(target, offset)
            if not got:
                raise DlcliError("the temporary file of the rows is cut short", "run it again")
            target, offset = target[got:], offset + got
        return out

    def _read_into(self, target: memoryview, offset: int) -> int:
        if hasattr(os, "preadv"):
            return os.preadv(self._file.fileno(), [target], offset)
        with self._lock:
            self._file.seek(offset)
            return int(self._file.readinto(target))  # type: ignore[attr-defined]

    def take(self, rows: IntArray) -> FloatArray:
        """Rows (m,) by number, in any order, (m, w)."""
        if not len(rows):
            return np.empty((0, self.width))
        # Mapped anew every time, so that the pages read don't add up in memory.
        mapped = np.memmap(self._file, dtype=np.float64, mode="r", shape=(self.rows, self.width))
        return np.asarray(mapped[rows])


@dataclass(frozen=True)
class StoredResponses:
    """Responses in a file: y, and the weights and the offset where ``weighted`` and ``offset`` say so."""

    parts: DiskArray
    weighted: bool
    offset: bool

    @classmethod
    def like(cls, responses: RowResponses) -> "StoredResponses":
        """None yet, for such as these."""
        weighted, offset = responses.weights is not None, responses.offset is not None
        return cls(DiskArray(1 + weighted + offset), weighted, offset)

    def append(self, responses: RowResponses) -> None:
        """Write those of rows. Raises DlcliError for a full disk."""
        parts = [part for part in (responses.y, responses.weights, responses.offset) if part is not None]
        self.parts.append(np.column_stack(parts))

    def read(self, start: int, stop: int) -> RowResponses:
        """Those of the rows from ``start`` to ``stop``."""
        return self._split(self.parts.read(start, stop))

    def of_rows(self, which: IntArray | None) -> Responses:
        """Those of some rows (None: all), read as they are asked for."""

        def part(number: int) -> StoredRows:
            return StoredRows(self.parts, which, lambda rows: np.ascontiguousarray(rows[:, number]), ())

        weights = part(1) if self.weighted else None
        return Responses(part(0), weights, part(1 + self.weighted) if self.offset else None)

    def _split(self, rows: FloatArray) -> RowResponses:
        columns = list(np.ascontiguousarray(rows.T))
        weights = columns[1] if self.weighted else None
        return RowResponses(columns[0], weights, columns[-1] if self.offset else None)


@dataclass(frozen=True)
class StoredTable:
    """The rows of a table in files, X (n, w) and responses; ``groups`` (n,) as in ``TableData``, None: all in group 0.

    Of the columns of X those of ``kept`` (None: all) are there, divided by 2 to the power of ``exponents`` (w,).
    """

    X: DiskArray
    responses: StoredResponses
    groups: IntArray | None = None
    kept: IntArray | None = None
    exponents: IntArray | None = None

    def columns(self, keep: IntArray) -> "StoredTable":
        """The same for some of the columns."""
        return replace(self, kept=keep if self.kept is None else self.kept[keep])

    def blocks(self) -> Iterator[Block]:
        """Blocks of X (m, d), nan where missing, responses and groups (m,)."""
        for start in range(0, len(self.X), ROWS):
            stop = min(start + ROWS, len(self.X))
            groups = np.zeros(stop - start, dtype=np.int64) if self.groups is None else self.groups[start:stop]
            yield self._chosen(self.X.read(start, stop)), self.responses.read(start, stop), groups

    def said(self) -> str:
        """What to say of where the rows are, and why."""
        size = (self.X.width + self.responses.parts.width) * DOUBLE * len(self.X)
        return (
            f"{len(self.X):,} rows of {counted(self.X.width, 'column')} ({size / 2**30:.1f} GiB) are too many to keep "
            f"in memory: a temporary file in {self.X.folder} holds them, and every pass over the rows reads it"
        )

    def targets(self) -> FloatArray:
        """All of y (n,)."""
        return self.responses.read(0, len(self.X)).y

    def powers(self, ranks: Ranks = ALONE) -> PowersOfTwo:
        """What the columns of X are to be divided by, as the training rows of all ``ranks`` decide."""
        largest = np.zeros(self.X.width)
        for X, _, groups in self.blocks():
            np.fmax(largest, np.fmax.reduce(np.abs(X[groups != VALIDATION]), axis=0, initial=0.0), out=largest)
        return powers_of(largest_of(largest, ranks))

    def _chosen(self, X: FloatArray) -> FloatArray:
        if self.exponents is not None and self.exponents.any():
            X = np.ldexp(X, -self.exponents)
        return X if self.kept is None else X[:, self.kept]

    def of_groups(self, groups: Sequence[int], units: Standardizer, fill: FloatArray) -> tuple[StoredRows, Responses]:
        """The rows of some groups: [1, (X - shift) / scale] (n, p) with gaps filled, and their responses."""
        every = self.groups is None or (len(groups) > 0 and bool(np.isin(self.groups, list(groups)).all()))
        which = None if every or self.groups is None else np.flatnonzero(np.isin(self.groups, list(groups)))
        first = int(units.intercept)

        def trained(X: FloatArray) -> FloatArray:
            X = self._chosen(X)
            fill_gaps(X, fill)
            Z = np.empty((len(X), first + X.shape[1]))
            Z[:, :first] = 1.0
            np.subtract(X, units.shift, out=Z[:, first:])
            Z[:, first:] /= units.scale
            return Z

        width = first + len(units.scale)
        return StoredRows(self.X, which, trained, (width,)), self.responses.of_rows(which)
