"""A table that a Python program holds already."""

from collections.abc import Iterator
from pathlib import Path

import polars as pl
import polars.selectors as cs

from dlcli.tables.columns import Kinds
from dlcli.tables.readers.frames import SAMPLE_ROWS, Frame, Reader
from dlcli.tables.sources import Source

BATCH_ROWS = 1 << 16


class FrameReader(Reader):
    """A data frame, in slices that share its memory."""

    def __init__(self, source: Source) -> None:
        assert source.frame is not None
        self.label = source.label
        self.warnings = []
        self.names = source.frame.columns
        self._frame = source.frame

    def sample(self, names: list[str]) -> pl.DataFrame:
        """Up to 10,000 first rows, (rows, columns)."""
        return self._frame.select(cs.by_name(names)).head(SAMPLE_ROWS)

    def raw_frames(self, kinds: Kinds) -> Iterator[Frame]:
        """All rows in order, about 65,536 at a time."""
        data = self._frame.select(cs.by_name(list(kinds)))
        for low in range(0, data.height, BATCH_ROWS):
            yield Frame(data.slice(low, BATCH_ROWS), self.label, low + 1)


def in_memory(frame: pl.DataFrame, label: str) -> Source:
    """A frame (rows, columns) as a source of rows; messages call it ``label``."""
    return Source(Path(label), label, "frame", frame=frame)
