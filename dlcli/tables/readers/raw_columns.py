"""The columns of a table as its sources have them, whatever is made of them."""

from collections.abc import Generator, Sequence
from dataclasses import replace

import polars as pl

from dlcli.tables.columns import Column, ReadOptions
from dlcli.tables.formats.dates import DateFormat
from dlcli.tables.names import Hints
from dlcli.tables.opening import context_of
from dlcli.tables.planning.column_plan import plan_columns
from dlcli.tables.readers.csv_reader import DelimitedReader
from dlcli.tables.readers.frames import Frame, Misfits, Reader, conform

MANY_OTHERS = 100  # columns that are no features


class RawColumns:
    """Rows of one source or more; ``columns`` are the names of all columns, ``target`` is the target (None: none)."""

    def __init__(self, readers: Sequence[Reader], target: Column | None, options: ReadOptions) -> None:
        self._readers = list(readers)
        self._options = options
        self.target = target
        self.columns = list(readers[0].names)

    @property
    def hints(self) -> Hints:
        """Words for hints that name its columns."""
        return self._options.hints

    def dates_beside(self, features: Sequence[Column]) -> list[Column]:
        """The columns of dates, those that are no features too, unless they are many."""
        used = {column.name for column in features}
        others = [name for name in self.columns if name not in used]
        unused = self.planned(others, self._options).values() if len(others) <= MANY_OTHERS else []
        return [c for c in (*features, *unused) if isinstance(c.format, DateFormat) and c.format.unit != "days"]

    def first_rows(self, names: Sequence[str]) -> pl.DataFrame:
        """The first rows of columns, as their source has them."""
        return self._readers[0].sample(list(names))

    def raw_types(self, names: Sequence[str]) -> dict[str, pl.DataType]:
        """The types of columns in the first file."""
        return dict(self._readers[0].sample(list(names)).schema)

    def planned(self, names: Sequence[str], options: ReadOptions) -> dict[str, Column]:
        """What columns are read as by ``options``, features or not, as their first rows show."""
        first = self._readers[0]
        plans = plan_columns(first.sample(list(names)), names, context_of(first, options, None))
        return {name: plan.column for name, plan in plans.items()}

    def pieces(self, names: Sequence[str]) -> Generator[tuple[pl.DataFrame, bool], None, None]:
        """All rows of columns, as ``raw_columns``, and whether they are of --val-data, which may lack the columns.

        Of these there is the target.
        """
        for reader in self._readers:
            wanted = [self.target.name] if reader.held and self.target else list(names)
            for frame in reader.raw_frames(dict.fromkeys(wanted, "text")):
                yield frame.data[wanted], reader.held

    def raw_columns(self, names: Sequence[str]) -> Generator[pl.DataFrame, None, None]:
        """All rows of columns as their source has them (text files: texts), from the start; in pieces of any length."""
        for reader in self._readers:
            for frame in reader.raw_frames(dict.fromkeys(names, "text")):
                data = frame.data[list(names)]
                yield data.fill_null("") if isinstance(reader, DelimitedReader) else data

    def rows_of_sources(self) -> list[int]:
        """How many rows each source has, those that are left out included: a pass over one column."""
        first = self.columns[0]
        return [sum(f.data.height for f in reader.raw_frames({first: "text"})) for reader in self._readers]

    def target_values(self) -> list[float]:
        """The different numbers of the target in the first rows, at most 21 of them, sorted."""
        assert self.target is not None
        frame = Frame(self._readers[0].sample([self.target.name]), "", 1)
        options = replace(self._options, missing="auto")
        values = conform(frame, [self.target], options, Misfits()).data.to_series().cast(pl.Float64).drop_nulls()
        return sorted(values.drop_nans().unique().to_list())[:21]

    def has_whole_beyond(self, name: str, limit: float) -> bool:
        """Whether a column has whole numbers (not fractions or powers) of at least ``limit`` in its first rows."""
        column = self._readers[0].sample([name]).get_column(name)
        if column.dtype == pl.String:
            column = column.filter(column.str.contains(r"^\s*[-+]?\d+\s*$")).str.strip_chars()
        elif not column.dtype.is_integer():
            return False
        return bool((column.cast(pl.Float64).abs() >= limit).any())

    @property
    def read_wholly(self) -> list[str]:
        """The files that each of several processes parses all of."""
        return [one.label for one in self._readers if one.whole or type(one).parts is Reader.parts]
