"""Blocks of delimited text to frames by polars, in the quickest way that succeeds."""

from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from dlcli.tables.columns import Kinds
from dlcli.tables.names import positional
from dlcli.tables.readers.delimited.syntax import Syntax


@dataclass
class Parsed:
    """A block's columns: those asked for and the last one; ``texts``: numbers could not be read as such."""

    data: pl.DataFrame
    texts: bool


class BlockParser:
    """Reads blocks of records with the columns ``names``; ``markers`` are the texts that mean missing."""

    def __init__(self, names: Sequence[str], markers: Sequence[str], *, with_markers: bool) -> None:
        self._names, self._markers = list(names), list(markers)
        self._with_markers = with_markers

    def read(self, block: bytes, kinds: Kinds, syntax: Syntax, fields: int) -> Parsed | None:
        """The first ``fields`` columns of a block: with numbers, with missing markers too, or else as texts.

        None where no way succeeds. Once a file has shown missing markers they are looked for from then on.
        """
        if "number" in kinds.values():
            for markers in (False, True)[self._with_markers :]:
                data = self._attempt(block, kinds, (syntax, fields), markers=markers)
                if data is not None:
                    self._with_markers = markers
                    return Parsed(data, False)
        texts: Kinds = dict.fromkeys(kinds, "text")
        data = self._attempt(block, texts, (syntax, fields), markers=False)
        return None if data is None else Parsed(data, True)

    def _attempt(
        self, block: bytes, kinds: Kinds, form: tuple[Syntax, int], *, markers: bool
    ) -> pl.DataFrame | None:  # fmt: skip
        # Without a header the parser insists on these names.
        syntax, fields = form
        given = positional(fields)
        names = dict(zip(given, self._names, strict=False))
        types: dict[str, type[pl.DataType]] = {
            place: pl.Float64 if kinds.get(name) == "number" else pl.String for place, name in names.items()
        }
        wanted = [place for place, name in names.items() if name in kinds or place == given[-1]]
        try:
            data = pl.read_csv(
                block,
                has_header=False,
                separator=syntax.delimiter,
                quote_char=syntax.quote or None,
                schema=types,
                columns=wanted,
                null_values=self._markers if markers else None,
            )
        except (pl.exceptions.PolarsError, pl.exceptions.PanicException, ValueError, UnicodeError):
            return None
        return data.rename({place: names[place] for place in wanted})
