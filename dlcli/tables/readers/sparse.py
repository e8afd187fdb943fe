"""Sparse rows (libsvm, Vowpal Wabbit) to frames: a label, and of every row the columns that aren't 0."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from dlcli.errors import DlcliError
from dlcli.memory import available_memory
from dlcli.tables.columns import FloatArray, IntArray, Kinds
from dlcli.tables.readers.blocks import BLOCK_BYTES
from dlcli.tables.readers.frames import SAMPLE_ROWS, Frame, Reader
from dlcli.tables.sources import Source, byte_pieces
from dlcli.text import counted, listed

LABEL = "label"
DENSE_BYTES = 16 << 20  # of a frame
HELD_ROWS = 1000  # rows of a frame at least, which have to fit into a share of the memory that is free
SHARE = 0.1


@dataclass(frozen=True)
class SparseRows:
    """Some rows: ``labels`` (n,), nan where there is none, and m values: their rows (m,), codes (m,), values (m,)."""

    labels: FloatArray
    rows: IntArray
    codes: IntArray
    values: FloatArray

    def dense(self, low: int, high: int, codes: IntArray) -> FloatArray:
        """The rows from ``low`` to ``high`` of the columns ``codes`` (k,), (high - low, k), in Fortran order.

        A code of -1 is a column of zeros; values of the same row and column are added.
        """
        X = np.zeros((high - low, len(codes)), order="F")
        first, last = np.searchsorted(self.rows, (low, high))
        order = np.argsort(codes, kind="stable")
        ordered = codes[order]
        found = np.searchsorted(ordered, self.codes[first:last])
        known = found < len(ordered)
        known[known] = ordered[found[known]] == self.codes[first:last][known]
        np.add.at(X, (self.rows[first:last][known] - low, order[found[known]]), self.values[first:last][known])
        return X


class SparseFormat(ABC):
    """The lines of one format. Every column has a code, which names it from the first time on that it occurs."""

    @abstractmethod
    def parse(self, block: bytes, first_row: int) -> SparseRows:
        """The rows of whole lines; ``first_row`` is the number of the first one. Raises DlcliError naming the row."""

    @abstractmethod
    def names(self) -> list[str]:
        """The columns so far."""

    @abstractmethod
    def code(self, name: str) -> int:
        """The code of a column, -1 if it hasn't occurred."""

    @abstractmethod
    def can_have(self, name: str) -> bool:
        """Whether a column may be called so."""


class SparseReader(Reader):
    """A file of sparse rows; its columns are the label and those that occur in any row, found in a first pass."""

    def __init__(self, source: Source, format_: SparseFormat, block_bytes: int = BLOCK_BYTES) -> None:
        self.label = source.label
        self.warnings = []
        self.decisions = list(source.decisions)
        self._source, self._format, self._block_bytes = source, format_, block_bytes
        self._rows = 0
        for rows in self._parsed():
            self._rows += len(rows.labels)
            self._check_width(len(format_.names()))
        if not self._rows:
            raise DlcliError(f"{self.label} has no rows", "give a file with rows of data")
        own = format_.names()
        self._label = LABEL if LABEL not in own else f"{LABEL} (of the row)"
        self.names = [self._label, *own]

    def _check_width(self, width: int) -> None:
        """Raise DlcliError where so many columns are more than memory can hold."""
        need, limit = 8 * width * HELD_ROWS, SHARE * available_memory()
        if need > limit:
            message = (
                f"{self.label} has more than {counted(width, 'column')}: {HELD_ROWS:,} rows of them fill "
                f"{need / 2**30:.1f} GiB, above the limit of {limit / 2**30:.1f} GiB"
            )
            raise DlcliError(message, "leave out columns that are rare, or hash them to fewer")

    def widen(self, names: Sequence[str]) -> None:
        """Take columns of other files, or of a model, that may be here too: they are 0 in every row."""
        own = set(self.names)
        lacking = [name for name in dict.fromkeys(names) if name not in own and self._format.can_have(name)]
        shared = any(name in own for name in names if name != self._label)
        if lacking and shared:
            self.names += lacking
            self.warnings.append(f"{self.label}: columns that no row has are 0: {listed(lacking)}")

    def _parsed(self) -> Iterator[SparseRows]:
        row = 1
        for block in _lines(self._source, self._block_bytes):
            rows = self._format.parse(block, row)
            row += len(rows.labels)
            if len(rows.labels):
                yield rows

    def sample(self, names: list[str]) -> pl.DataFrame:
        """First rows, (rows, columns): up to 10,000 or, of many columns, those of a frame."""
        kinds: Kinds = dict.fromkeys(names, "number")
        wanted = min(SAMPLE_ROWS, self._step(len(names)))
        parts: list[pl.DataFrame] = []
        for frame in self.raw_frames(kinds):
            parts.append(frame.data)
            if sum(part.height for part in parts) >= wanted:
                break
        return pl.concat(parts).head(wanted)

    def _step(self, width: int) -> int:
        """The rows of a frame."""
        return max(HELD_ROWS, DENSE_BYTES // (8 * max(width, 1)))

    def raw_frames(self, kinds: Kinds) -> Iterator[Frame]:
        """All rows, about 16 MB of dense values at a time, or 1000 rows."""
        names = list(kinds)
        others = [name for name in names if name != self._label]
        codes = np.array([self._format.code(name) for name in others], dtype=np.int64)
        step = self._step(len(names))
        row = 1
        for rows in self._parsed():
            for low in range(0, len(rows.labels), step):
                high = min(low + step, len(rows.labels))
                data = pl.DataFrame(rows.dense(low, high, codes), schema=others, orient="row")
                if self._label in kinds:
                    labels = pl.Series(self._label, rows.labels[low:high], nan_to_null=True)
                    data = data.with_columns(labels) if others else labels.to_frame()
                yield Frame(data.select(names), self.label, row + low)
            row += len(rows.labels)


def _lines(source: Source, size: int) -> Iterator[bytes]:
    """The source in blocks of whole lines."""
    rest = b""
    for piece in byte_pieces(source, size):
        piece = rest + piece
        end = piece.rfind(b"\n") + 1
        if end:
            yield piece[:end]
        rest = piece[end:]
    if rest:
        yield rest
