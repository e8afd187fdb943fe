"""What is learned of a table's training rows before they are encoded: levels and how often each occurs, and gaps."""

import hashlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
import polars as pl

from dlcli.engine.ranks import Ranks
from dlcli.tables.columns import BoolArray, Column
from dlcli.tables.readers.frames import Misfits

TOO_MANY = 200_000  # different texts, from which a column is no category whatever follows


@dataclass
class ColumnProfile:
    """One column over the training rows.

    ``counts``: rows by text (of a boolean or a class of numbers: by value). ``missing``: rows without a value, and
    ``missing_anywhere`` those of all rows that are kept. ``gaps`` tells columns apart that lack values in other rows.
    """

    counts: dict[object, int] = field(default_factory=dict)
    missing: int = 0
    missing_anywhere: int = 0
    overflowed: bool = False
    _joined: bytes = b""
    _gaps: hashlib.blake2b = field(default_factory=hashlib.blake2b)

    @property
    def gaps(self) -> bytes:
        """The same for columns whose values are missing in the same rows."""
        return self._joined or self._gaps.digest()

    def to_json(self) -> list[Any]:
        """What other processes need of this."""
        counts = [[value, rows] for value, rows in self.counts.items()]
        return [counts, self.missing, self.missing_anywhere, self.overflowed, self._gaps.hexdigest()]

    @classmethod
    def joined(cls, parts: Sequence[list[Any]]) -> "ColumnProfile":
        """One column over the rows of all processes, of what ``to_json`` gave in each."""
        counts: dict[object, int] = {}
        for value, rows in (pair for part in parts for pair in part[0]):
            counts[value] = counts.get(value, 0) + rows
        overflowed = any(part[3] for part in parts) or len(counts) > TOO_MANY
        missing, anywhere = sum(part[1] for part in parts), sum(part[2] for part in parts)
        return cls(counts, missing, anywhere, overflowed, "".join(part[4] for part in parts).encode())

    def add(self, cells: pl.Series, train: BoolArray | None, *, count: bool) -> None:
        """Add rows that are kept, those of ``train`` (n,) as training rows (None: all)."""
        nulls = cells.null_count()
        self.missing_anywhere += nulls
        if train is not None and (nulls or count):
            cells = cells.filter(pl.Series(train))
        if nulls:
            absent = cells.is_null().to_numpy()
            self.missing += int(np.count_nonzero(absent))
            self._gaps.update(np.packbits(absent).tobytes())
        else:  # the same bytes, at once, as a table may have thousands of columns
            length = len(cells) if train is None else int(np.count_nonzero(train))
            self._gaps.update(bytes((length + 7) // 8))
        if not count or self.overflowed:
            return
        table = cells.drop_nulls().value_counts()
        for value, rows in zip(table.to_series(0).to_list(), table.to_series(1).to_list(), strict=True):
            self.counts[value] = self.counts.get(value, 0) + rows
        self.overflowed = len(self.counts) > TOO_MANY


class Profile:
    """The columns of a table over its training rows.

    ``rows`` is their number, ``without_target`` that of rows left out for the target.
    """

    def __init__(self, columns: Sequence[Column], classes: str | None) -> None:
        self.rows = self.without_target = 0
        self.columns = {column.name: ColumnProfile() for column in columns}
        self.misfits = Misfits()
        self._of = list(columns)
        self._classes = classes

    def join(self, ranks: Ranks) -> None:
        """Take in what all processes know of their rows, in each of them."""
        mine = {name: column.to_json() for name, column in self.columns.items()}
        misfits = {name: asdict(misfit) for name, misfit in self.misfits.items()}
        every = ranks.gather([self.rows, self.without_target, misfits, mine])
        self.rows, self.without_target = sum(one[0] for one in every), sum(one[1] for one in every)
        self.misfits.join([one[2] for one in every])
        self.columns = {name: ColumnProfile.joined([one[3][name] for one in every]) for name in self.columns}

    def add(self, data: pl.DataFrame, train: BoolArray | None) -> None:
        """Add rows that are kept (``conform``ed), those of ``train`` (n,) as training rows (None: all)."""
        self.rows += data.height if train is None else int(np.count_nonzero(train))
        for column in self._of:
            cells = data.get_column(column.plain_names[0] if column.plain_names else column.name)
            counted = column.kind == "text" or column.name == self._classes
            self.columns[column.name].add(cells, train, count=counted)
