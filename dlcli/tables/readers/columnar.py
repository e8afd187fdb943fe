"""Parquet, Arrow and numpy files to frames, batch by batch."""

import os
import tempfile
import threading
import tokenize
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import polars as pl
import polars.selectors as cs

from dlcli.engine.arrays import AnyArray, AnyDtype
from dlcli.errors import DlcliError
from dlcli.memory import available_memory
from dlcli.tables.columns import Kinds
from dlcli.tables.names import positional
from dlcli.tables.readers.frames import SAMPLE_ROWS, Frame, Reader
from dlcli.tables.sources import Source
from dlcli.text import listed, printable

BATCH_ROWS = 1 << 16
BATCH_BYTES = 16 << 20
MEMBER_BYTES = 8 << 30
ONE_AT_A_TIME = threading.RLock()  # two threads that put standard error back would mistake each other's for it
# A panic of polars is no Exception.
FAILURES = (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError, ValueError)


@contextmanager
def panics_unseen() -> Iterator[None]:
    """Keep what Rust prints of a panic from standard error; whatever else is written meanwhile follows at the end."""
    with ONE_AT_A_TIME, tempfile.TemporaryFile() as kept:
        try:
            before = os.dup(2)
        except OSError:  # closed
            before = -1
        if before >= 0:
            os.dup2(kept.fileno(), 2)
        panic = False
        try:
            yield
        except pl.exceptions.PanicException:
            panic = True
            raise
        finally:
            if before >= 0:
                os.dup2(before, 2)
                os.close(before)
                kept.seek(0)
                if not panic and (text := kept.read()):
                    os.write(2, text)


class ColumnarReader(Reader):
    """A Parquet or Arrow file, streamed."""

    def __init__(self, source: Source) -> None:
        self.label = source.label
        self.warnings = []
        self.decisions = []
        self._format = source.format
        # Polars would panic at a time zone that it doesn't know, such as +05:30, in whatever column.
        os.environ.setdefault("POLARS_IGNORE_TIMEZONE_PARSE_ERROR", "1")
        scan = pl.scan_parquet if source.format == "parquet" else pl.scan_ipc
        try:
            with panics_unseen():
                # As a list, so that [ and * in the name are no pattern.
                self._lazy = scan([source.path], glob=False) if source.format == "parquet" else scan(source.path)
                self.names = self._lazy.collect_schema().names()
        except FAILURES as error:
            raise self._damaged(error) from None

    def _damaged(self, error: BaseException) -> DlcliError:
        reason = printable(str(error).splitlines()[0] if str(error) else type(error).__name__)
        return DlcliError(f"{self.label} cannot be read as {self._format}: {reason}", "write the file again")

    def sample(self, names: list[str]) -> pl.DataFrame:
        """Up to 10,000 first rows, (rows, columns)."""
        try:
            with panics_unseen():
                return self._lazy.select(cs.by_name(names)).head(SAMPLE_ROWS).collect()
        except FAILURES as error:
            raise self._damaged(error) from None

    def raw_frames(self, kinds: Kinds) -> Iterator[Frame]:
        """All rows in order, about 65,536 at a time."""
        row = 1
        try:
            batches = iter(
                self._lazy.select(cs.by_name(list(kinds))).collect_batches(chunk_size=BATCH_ROWS, maintain_order=True)
            )
            while True:
                with panics_unseen():
                    data = next(batches, None)
                if data is None:
                    return
                yield Frame(data, self.label, row)
                row += data.height
        except FAILURES as error:
            raise self._damaged(error) from None

    def parts(self, kinds: Kinds, mine: Callable[[int], bool]) -> Iterator[Frame | None]:
        """The rows of every block that is ``mine``, and None for each other one; only row groups with such are read."""
        step = max(BATCH_ROWS, BATCH_BYTES // (8 * max(len(kinds), 1)))
        try:
            with panics_unseen():
                rows = int(self._lazy.select(pl.len()).collect().item())
            for number, low in enumerate(range(0, rows, step)):
                data = None
                if mine(number):
                    with panics_unseen():
                        data = self._lazy.select(cs.by_name(list(kinds))).slice(low, step).collect()
                yield None if data is None else Frame(data, self.label, low + 1)
        except FAILURES as error:
            raise self._damaged(error) from None


class ArrayReader(Reader):
    """Arrays: a ``.npy`` file, mapped a piece at a time, or the members of a ``.npz`` file, in memory."""

    def __init__(self, source: Source) -> None:
        self.label = source.label
        self.warnings = []
        self.decisions = []
        self._path = source.path
        try:
            if source.format == "npy":
                self._members: dict[str, AnyArray] | None = None
                array = np.load(source.path, mmap_mode="r", allow_pickle=False)
                self.names, self._rows = self._described(array)
                self._cell_bytes = array.dtype.itemsize * (array.shape[1] if array.ndim == 2 else 1)
            else:
                self._members = self._unzipped(source.path)
                self.names = list(self._members)
                self._rows = len(next(iter(self._members.values())))
                self._cell_bytes = 8 * len(self.names)
        except (
            ValueError,
            tokenize.TokenError,
            OSError,
            EOFError,
            SyntaxError,
            zipfile.BadZipFile,
            zlib.error,
            NotImplementedError,
        ) as e:
            raise self._refused(e) from None

    def _refused(self, error: Exception) -> DlcliError:
        if "pickle" in str(error) or "Object" in str(error):
            hint = "convert it with .astype(float) before saving it"
            return DlcliError(f"{self.label} holds Python objects, which could run code and are never loaded", hint)
        reason = printable(str(error) or type(error).__name__)
        return DlcliError(f"{self.label} cannot be read as numpy arrays: {reason}", "save the file again")

    def _described(self, array: AnyArray) -> tuple[list[str], int]:
        """Column names and number of rows; raises DlcliError for an array that is no table of numbers."""
        if array.dtype.names and array.ndim == 1:
            for name in array.dtype.names:
                self._check_type(array.dtype[name], f"field '{printable(name)}'")
            return list(array.dtype.names), len(array)
        self._check_type(array.dtype, "the array")
        if array.ndim != 2:
            message = f"{self.label} holds an array of shape {array.shape}, expected rows and columns"
            raise DlcliError(message, "reshape it to (rows, columns) before saving it")
        return positional(array.shape[1]), array.shape[0]

    def _check_type(self, dtype: AnyDtype, what: str) -> None:
        if dtype.kind not in "biufUS" or dtype.shape:
            message = f"{self.label}: {what} has type {printable(str(dtype))}, expected numbers or booleans"
            raise DlcliError(message, "convert it with .astype(float) before saving it")

    def _unzipped(self, path: Path) -> dict[str, AnyArray]:
        """The columns of a ``.npz`` file: those of X and y, or its arrays of one dimension, (rows,) each."""
        with zipfile.ZipFile(path) as archive:
            limit = min(MEMBER_BYTES, available_memory())
            for member in archive.infolist():
                if member.file_size > limit:
                    size = f"{member.file_size / 2**30:.1f} GiB, above the limit of {limit / 2**30:.1f} GiB"
                    hint = "save the data as .npy or .parquet, which are read piece by piece"
                    raise DlcliError(f"{self.label}: {printable(member.filename)} expands to {size}", hint)
        with np.load(path, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
        columns: dict[str, AnyArray] = {}
        if "X" in arrays:
            X = arrays.pop("X")
            names, _ = self._described(X)
            columns = {name: X[:, i] for i, name in enumerate(names)} if X.ndim == 2 else {n: X[n] for n in names}
        for name, array in arrays.items():
            flat = array[:, 0] if array.ndim == 2 and array.shape[1] == 1 else array
            self._check_type(flat.dtype, f"array '{printable(name)}'")
            if flat.ndim != 1:
                message = f"{self.label}: array '{printable(name)}' has shape {flat.shape}, expected one dimension"
                raise DlcliError(message, "save X as (rows, columns) and every other array as (rows,)")
            columns[name] = flat
        self._check_lengths(columns)
        return columns

    def _check_lengths(self, columns: dict[str, AnyArray]) -> None:
        lengths = {name: len(column) for name, column in columns.items()}
        if len(set(lengths.values())) != 1:
            shown = listed(f"{name} {length}" for name, length in lengths.items()) or "none"
            raise DlcliError(f"{self.label}: its arrays must have equally many rows, not {shown}", "save them again")

    def sample(self, names: list[str]) -> pl.DataFrame:
        """Up to 10,000 first rows, (rows, columns)."""
        return self._rows_between(0, min(SAMPLE_ROWS, self._rows), names)

    def _rows_between(self, low: int, high: int, names: list[str]) -> pl.DataFrame:
        if self._members is not None:
            return pl.DataFrame({name: _column(self._members[name][low:high]) for name in names})
        try:
            # Mapped anew for every piece, so that the pages read don't add up in memory.
            array = np.load(self._path, mmap_mode="r", allow_pickle=False)
        except (ValueError, OSError) as error:
            raise self._refused(error) from None
        part = array[low:high]
        if array.dtype.names:
            return pl.DataFrame({name: _column(part[name]) for name in names})
        places = {name: i for i, name in enumerate(self.names)}
        return pl.DataFrame({name: _column(part[:, places[name]]) for name in names})

    def raw_frames(self, kinds: Kinds) -> Iterator[Frame]:
        """All rows, about 16 MB at a time."""
        for frame in self.parts(kinds, lambda _: True):
            if frame is not None:
                yield frame

    def parts(self, kinds: Kinds, mine: Callable[[int], bool]) -> Iterator[Frame | None]:
        """The rows of every block that is ``mine``, and None for each other one, which isn't read."""
        step = max(1, BATCH_BYTES // max(self._cell_bytes, 1))
        for number, low in enumerate(range(0, self._rows, step)):
            high = min(low + step, self._rows)
            yield Frame(self._rows_between(low, high, list(kinds)), self.label, low + 1) if mine(number) else None


def _column(values: AnyArray) -> AnyArray:
    """Values as a type that polars takes: float64 for any float, native byte order, texts for bytes."""
    kind = values.dtype.kind
    if kind == "f":
        return np.ascontiguousarray(values, dtype=np.float64)
    if kind == "S":
        return np.char.decode(values, "latin-1")
    return np.ascontiguousarray(values, dtype=values.dtype.newbyteorder("="))
