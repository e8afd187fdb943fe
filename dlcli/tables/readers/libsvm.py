"""libsvm's (svmlight's) lines: ``label [qid:n] index:value index:value ... [# comment]``."""

import re

import numpy as np
import polars as pl

from dlcli.errors import DlcliError
from dlcli.tables.columns import IntArray
from dlcli.tables.readers.sparse import SparseFormat, SparseRows
from dlcli.text import printable

COMMENT = re.compile(rb"#[^\n]*")
GROUP = re.compile(rb"(?<=\s)qid:\S*")
LARGEST = 2**53


class LibsvmLines(SparseFormat):
    """A column is called by its index, and that is its code too."""

    def __init__(self, label: str) -> None:
        self._where = label
        self._seen: IntArray = np.zeros(0, dtype=np.int64)

    def names(self) -> list[str]:
        """The indices that occur, in order."""
        return [str(index) for index in self._seen.tolist()]

    def code(self, name: str) -> int:
        """The index."""
        return int(name)

    def can_have(self, name: str) -> bool:
        """Only whole numbers."""
        return name.isdecimal() and name.isascii()

    def parse(self, block: bytes, first_row: int) -> SparseRows:
        """All pairs at once, as a table of two columns: a label is a row whose second column is empty."""
        if b"#" in block:
            block = COMMENT.sub(b"", block)
        if b"qid:" in block:
            block = GROUP.sub(b"", block)
        words = block.split()
        count = sum(not (line == b"" or line.isspace()) for line in block.split(b"\n"))
        numbers = {"a": pl.Float64, "b": pl.Float64}
        try:
            # The first line says that there are two columns.
            pairs = pl.read_csv(
                b"0:0\n" + b"\n".join(words), has_header=False, separator=":", schema=numbers, quote_char=None
            )[1:]
        except (pl.exceptions.PolarsError, ValueError):
            raise self._wrong(block, first_row) from None
        starts = pairs["b"].is_null().to_numpy()
        labels = pairs["a"].filter(pairs["b"].is_null())
        values = pairs.filter(pairs["b"].is_not_null())
        index = values["a"].to_numpy()
        rows = (np.cumsum(starts) - 1)[~starts]
        if (
            len(labels) != count
            or pairs.height != len(words)
            or (len(starts) and not starts[0])
            or labels.is_null().any()
            or not self._are_indices(index)
        ):
            raise self._wrong(block, first_row)
        codes = index.astype(np.int64)
        self._check_order(rows, codes, first_row)
        new = np.unique(codes)
        if len(self._seen) == 0 or not np.isin(new, self._seen, assume_unique=True).all():
            self._seen = np.union1d(self._seen, new)
        return SparseRows(labels.to_numpy(), rows.astype(np.int64), codes, values["b"].to_numpy())

    def _are_indices(self, index: np.ndarray) -> bool:
        return bool(np.isfinite(index).all() and (index >= 0).all() and (index < LARGEST).all() and
                    (index == np.floor(index)).all())  # fmt: skip

    def _check_order(self, rows: IntArray, codes: IntArray, first_row: int) -> None:
        """Raise DlcliError where a row has an index twice."""
        same = rows[1:] == rows[:-1]
        if not (same & (codes[1:] <= codes[:-1])).any():
            return
        order = np.lexsort((codes, rows))
        twice = np.flatnonzero((np.diff(rows[order]) == 0) & (np.diff(codes[order]) == 0))
        if twice.size:
            place = order[twice[0]]
            message = f"{self._where}: row {first_row + rows[place]} has the index {codes[place]} twice"
            raise DlcliError(message, "leave one out")

    def _wrong(self, block: bytes, first_row: int) -> DlcliError:
        """The error that names the first row that isn't as it should be."""
        row = first_row
        for line in block.split(b"\n"):
            words = line.decode(errors="replace").split()
            if not words:
                continue
            wrong = next((word for i, word in enumerate(words) if not _fits(word, i == 0)), None)
            if wrong is not None:
                wanted = "a number, the label" if wrong == words[0] else "index:value"
                message = f"{self._where}: row {row}: '{printable(wrong)}' is not {wanted}"
                return DlcliError(message, "a row is: label index:value index:value ...")
            row += 1
        return DlcliError(f"{self._where}: rows from {first_row} on are not libsvm's format", "label index:value ...")


def _fits(word: str, first: bool) -> bool:
    index, colon, value = word.partition(":")
    if first:
        return not colon and _is_number(index)
    return bool(colon) and index.isdecimal() and index.isascii() and int(index) < LARGEST and _is_number(value)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return "_" not in text
