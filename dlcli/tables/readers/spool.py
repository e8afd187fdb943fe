"""Frames kept in a temporary file, each with types of its own, as a database without fixed types gives them."""

import os
import struct
from collections.abc import Iterable, Iterator
from io import BytesIO
from pathlib import Path

import polars as pl

from dlcli.errors import DlcliError
from dlcli.files import temporary_file
from dlcli.tables.columns import Kinds
from dlcli.tables.readers.frames import SAMPLE_ROWS, Frame, Reader
from dlcli.tables.sources import Source

LENGTH = struct.Struct("<Q")


def spooled(frames: Iterable[pl.DataFrame], label: str) -> Path:
    """Write frames (at least one) with the same columns to a temporary file. Raises DlcliError for a full disk."""
    descriptor, path = temporary_file()
    try:
        with os.fdopen(descriptor, "wb") as file:
            for frame in frames:
                content = frame.write_ipc(None, compression="lz4").getbuffer()
                file.write(LENGTH.pack(len(content)))
                file.write(content)
    except OSError as error:
        message = f"{label} cannot be copied to {path.parent}: {error.strerror or error}"
        raise DlcliError(message, "free some space, or set TMPDIR to a folder that has more") from None
    return path


class SpoolReader(Reader):
    """Frames that ``spooled`` has written."""

    def __init__(self, source: Source) -> None:
        self.label = source.label
        self.warnings = []
        self.decisions = list(source.decisions)
        self._path = source.path
        self.names = next(self._frames()).columns

    def _frames(self, names: list[str] | None = None) -> Iterator[pl.DataFrame]:
        with self._path.open("rb") as file:
            while header := file.read(LENGTH.size):
                yield pl.read_ipc(BytesIO(file.read(LENGTH.unpack(header)[0])), columns=names)

    def sample(self, names: list[str]) -> pl.DataFrame:
        """Up to 10,000 first rows; a column whose type changes among them as strings."""
        parts: list[pl.DataFrame] = []
        for frame in self._frames(names):
            parts.append(frame)
            if sum(part.height for part in parts) >= SAMPLE_ROWS:
                break
        return pl.DataFrame([_stacked([part.get_column(name) for part in parts]) for name in names]).head(SAMPLE_ROWS)

    def raw_frames(self, kinds: Kinds) -> Iterator[Frame]:
        """All rows, as they were written."""
        row = 1
        for frame in self._frames(list(kinds)):
            yield Frame(frame, self.label, row)
            row += frame.height


def _stacked(parts: list[pl.Series]) -> pl.Series:
    """One column below the other: numbers as Float64 and anything else as strings where their types differ."""
    types = {part.dtype for part in parts} - {pl.Null}
    if len(types) > 1:
        common = pl.Float64 if all(one.is_numeric() for one in types) else pl.String
        parts = [part.cast(common) for part in parts]
    elif types:
        parts = [part.cast(next(iter(types))) for part in parts]
    return pl.concat(parts)
