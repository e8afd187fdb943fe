"""Columns of a table that go to its predictions as they are."""

from collections.abc import Iterator, Sequence

import polars as pl

from dlcli.errors import DlcliError
from dlcli.tables.names import find_name
from dlcli.tables.table import Table
from dlcli.text import listed, printable

NOT_IN_CSV = (pl.List, pl.Array, pl.Struct, pl.Binary, pl.Object)


class KeptColumns:
    """Some columns in another pass over a table, piece by piece beside the predictions of its rows.

    They have the source's own types; those of text files are texts, as they stand there. ``schema`` are their types by
    the names that they get beside columns called ``others``; ``renamed`` says which these are.
    """

    def __init__(self, table: Table, wanted: Sequence[str], others: Sequence[str]) -> None:
        """Raises DlcliError for a column that there isn't."""
        self._names = list(dict.fromkeys(find_name(name, table.columns, "--keep") for name in wanted))
        self.renamed: list[str] = []
        taken = {*others, *self._names}
        shown = {}
        for name in self._names:
            shown[name] = name
            if name in others:
                number = next(n for n in range(2, len(taken) + 3) if f"{name}_{n}" not in taken)
                shown[name] = f"{name}_{number}"
                taken.add(shown[name])
                self.renamed.append(
                    f"the kept column '{printable(name)}' is written as '{printable(shown[name])}', as "
                    f"'{printable(name)}' is what the model says"
                )
        types = table.raw_types(self._names)
        self.schema: dict[str, pl.DataType] = {shown[name]: types[name] for name in self._names}
        self._frames = table.raw_columns(self._names)
        self._left: pl.DataFrame = pl.DataFrame(schema=self.schema)

    def check_csv(self) -> None:
        """Raise DlcliError for columns of types that CSV doesn't have."""
        if nested := [name for name, type_ in self.schema.items() if isinstance(type_, NOT_IN_CSV)]:
            raise DlcliError(
                f"--keep {listed(nested)}: CSV can't hold values of type {self.schema[nested[0]]}",
                "add --out with a name that ends in .parquet, or keep other columns",
            )

    def take(self, rows: int) -> pl.DataFrame:
        """The next ``rows`` rows. Raises DlcliError where another file has values of another type, or fewer rows."""
        parts, have = [self._left], self._left.height
        while have < rows:
            frame = next(self._frames, None)
            if frame is None:
                raise DlcliError("the table has fewer rows than before: it changed while it was read", "run it again")
            parts.append(self._conformed(frame))
            have += frame.height
        joined = pl.concat(parts)
        self._left = joined.slice(rows)
        return joined.head(rows)

    def _conformed(self, frame: pl.DataFrame) -> pl.DataFrame:
        try:
            return pl.DataFrame([c.cast(t).alias(n) for c, (n, t) in zip(frame, self.schema.items(), strict=True)])
        except (pl.exceptions.PolarsError, pl.exceptions.PanicException):
            raise DlcliError(
                f"--keep {listed(frame.columns)}: the files have them in different types", "keep other columns"
            ) from None

    def beside(self, frames: Iterator[pl.DataFrame]) -> Iterator[pl.DataFrame]:
        """These columns, and behind them those of ``frames``."""
        try:
            for frame in frames:
                yield self.take(frame.height).hstack(frame)
        finally:
            self._frames.close()
