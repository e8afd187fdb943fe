"""Delimited text (CSV and its kin) to frames, block by block."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import polars as pl

from dlcli.errors import DlcliError
from dlcli.tables.columns import Kinds, ReadOptions
from dlcli.tables.decisions import Decision
from dlcli.tables.names import unique_names
from dlcli.tables.readers import blocks
from dlcli.tables.readers.delimited.around import COMMENTS
from dlcli.tables.readers.delimited.encodings import (
    MARK,
    Encoding,
    has_bare_returns,
    is_utf8,
    recognize_encoding,
    tolerant_utf8,
)
from dlcli.tables.readers.delimited.parsing import BlockParser
from dlcli.tables.readers.delimited.rows import RowPass
from dlcli.tables.readers.delimited.stream import HEAD_BYTES, LEAST_LINES, TextStream
from dlcli.tables.readers.delimited.uneven import MEND, Tally
from dlcli.tables.readers.dialect import column_names, recognize
from dlcli.tables.readers.frames import SAMPLE_ROWS, Frame, Reader
from dlcli.tables.sources import Source, byte_pieces
from dlcli.text import listed, quoted

COMMENT_BYTES = tuple(mark.encode() for mark in COMMENTS)


class DelimitedReader(Reader):
    """A delimited file whose layout is recognized from its first 4 MB.

    ``left_out`` are columns that are no features unless they are asked for, and why; ``decisions`` are those of the
    layout and, after a pass over the rows, of the whole file.
    """

    def __init__(self, source: Source, options: ReadOptions, block_bytes: int = blocks.BLOCK_BYTES) -> None:
        self.label = source.label
        self.warnings: list[str] = []
        self.decisions: list[Decision] = []
        self.left_out: dict[str, str] = {}
        self._options = options
        self._block_bytes = block_bytes
        stream, text = self._opened(source)
        self._dialect = dialect = recognize(text, options, source.path.suffix.lower())
        if not dialect.fields:
            raise self._empty()
        self._stream = replace(stream, skip=dialect.skip, comment=dialect.comment, before=dialect.before)
        self.decimal_comma = dialect.delimiter == ";"
        every, repeated = unique_names(column_names(dialect))
        if repeated:
            self.warnings.append(f"{self.label}: column names that occur twice were numbered: {listed(repeated)}")
        self.names = every[: dialect.fields - dialect.empty_last]
        self._parser = BlockParser(every, options.markers, with_markers=bool(options.missing_values))
        self._layout = [*source.decisions, *self._of_encoding(stream.encoding), *self._of_layout()]
        self._noted = len(self.warnings)
        self._head = self._first_rows()

    def _empty(self) -> DlcliError:
        return DlcliError(f"{self.label} has no rows", "give a file with rows of data")

    def _opened(self, source: Source) -> tuple[TextStream, str]:
        """The source as text, and its first lines."""
        start = next(byte_pieces(source, HEAD_BYTES), b"")
        encoding = recognize_encoding(start, self._options.encoding, self.label)
        zeros = encoding.codec == "utf-8" and b"\0" in start.rstrip(b"\0\x1a\r\n ")
        stream = TextStream(source, encoding, zeros=zeros)
        head = stream.head()
        if has_bare_returns(head):
            stream = replace(stream, returns=True)
            head = stream.head()
        head = head.rstrip(b"\0\x1a")
        if not head.strip():
            raise self._empty()
        if encoding.given and encoding.codec == "utf-8" and not is_utf8(head[: head.find(b"\n") + 1 or len(head)]):
            message = f"{self.label}: the header is not UTF-8 text"
            raise DlcliError(message, "give its encoding, for example --encoding latin-1")
        return stream, _first_lines(head)

    def _of_encoding(self, encoding: Encoding) -> Iterator[Decision]:
        if encoding.guessed:
            what = f"{self.label} is not UTF-8 text and has no byte-order mark: read as {encoding.codec}"
            yield Decision(what, f"--encoding {encoding.codec}")

    def _of_layout(self) -> Iterator[Decision]:
        dialect = self._dialect
        yield from (replace(decision, what=f"{self.label}: {decision.what}") for decision in dialect.decisions)
        if dialect.empty_last:
            self.warnings.append(f"{self.label}: every row ends with a delimiter; what follows it is no column")
        if self._stream.zeros:
            self.warnings.append(f"{self.label}: zero bytes within the text are left out")
        name = self.names[0]
        if dialect.row_names and name not in (*self._options.features, *self._options.drop):
            self.left_out[name] = dialect.row_names
            what = f"{self.label}: the first column is left out, as {dialect.row_names}"
            yield Decision(what, f"--drop {quoted(name)}", name)

    def _first_rows(self) -> pl.DataFrame:
        """The sample's rows, all columns as texts."""
        rows = RowPass(self._stream, self._dialect, self._parser)
        data = next(rows.frames(dict.fromkeys(self.names, "text"), HEAD_BYTES), None)
        self._opening = rows.tally
        self._conclude(rows.tally)
        if data is None:
            return pl.DataFrame(schema=dict.fromkeys(self.names, pl.String))
        return data[self.names].head(SAMPLE_ROWS)

    def _conclude(self, tally: Tally) -> None:
        """Record what was done with uneven rows; raises DlcliError where they are many, or not to be mended."""
        tally.check(self.label, self._dialect.delimiter)
        found = [*self._layout, *tally.decisions(self.label)]
        mended = [decision for decision in found if decision.settle == MEND]
        if mended and self._options.uneven == "error":
            raise DlcliError(mended[0].what, f"fix it, or take it as it is: {MEND}")
        if self._options.uneven == "mend":
            self.warnings[self._noted :] = [decision.what for decision in mended]
            found = [decision for decision in found if decision.settle != MEND]
        self.decisions[:] = found

    def sample(self, names: list[str]) -> pl.DataFrame:
        """Up to 10,000 first rows as strings, (rows, columns)."""
        return self._head[names]

    def raw_frames(self, kinds: Kinds) -> Iterator[Frame]:
        """All rows, numbers as Float64 where their block allows it and everything else as strings.

        Raises DlcliError, at the end, where many rows are uneven.
        """
        row, rows = 1, RowPass(self._stream, self._dialect, self._parser)
        for data in rows.frames(kinds, self._block_bytes):
            yield Frame(data[list(kinds)], self.label, row)
            row += data.height
        rows.tally.take_in(self._opening)
        self._conclude(rows.tally)

    def parts(self, kinds: Kinds, mine: Callable[[int], bool]) -> Iterator[Frame | None]:
        """The frames of the blocks whose numbers are ``mine``, and None for each other one."""
        if self.whole:
            yield from super().parts(kinds, mine)
            return
        rows = RowPass(self._stream, self._dialect, self._parser)
        for data in rows.parts(kinds, self._block_bytes, mine):
            yield None if data is None else Frame(data[list(kinds)] if data.height else data, self.label, 1)
        self._shared = rows.tally

    def found(self) -> Any:
        """How many rows there were, and what stands below the table."""
        return None if self.whole else [self._shared.rows, *self._shared.footer]

    def conclude(self, found: Sequence[Any]) -> None:
        """Record what was found, as a pass over all blocks does."""
        if self.whole:
            return
        tally = Tally(sum(rows for rows, _, _ in found), worst=self._opening.worst)
        tally.footer = max(((lines, text) for _, lines, text in found), key=lambda one: one[0])
        tally.take_in(self._opening)
        self._conclude(tally)


def _first_lines(head: bytes) -> str:
    """As much of a head as shows the layout: its first comments, and then at least 20 lines."""
    end = 1 << 18
    while end < len(head) and (
        head.count(b"\n", 0, end) < LEAST_LINES or head[head.rfind(b"\n", 0, end) + 1 :].startswith(COMMENT_BYTES)
    ):
        end *= 2
    if end < len(head):
        head = head[: head.rfind(b"\n", 0, end) + 1]
    return tolerant_utf8(head.replace(MARK, b"")).decode().replace("\r\n", "\n")
