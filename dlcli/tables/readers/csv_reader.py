"""Delimited text (CSV and its kin) to frames, block by block."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

import polars as pl

from dlcli.errors import DlcliError
from dlcli.tables.columns import Kinds, ReadOptions
from dlcli.tables.names import positional, unique_names
from dlcli.tables.readers import blocks
from dlcli.tables.readers.dialect import recognize, recognize_encoding
from dlcli.tables.readers.frames import SAMPLE_ROWS, Frame, Reader
from dlcli.tables.sources import Source, byte_pieces
from dlcli.text import listed

HEAD_BYTES = 4 << 20


@dataclass
class _Text:
    """A source as UTF-8 with Unix lines, in blocks of whole records."""

    source: Source
    encoding: str
    skip: int
    bare_returns: bool = False  # a carriage return alone ends a line

    def blocks(self, size: int) -> Iterator[bytes]:
        """Blocks of about ``size`` bytes."""
        text = blocks.as_utf8(byte_pieces(self.source, size), self.encoding, self.skip, self.source.label)
        return blocks.cut_blocks(blocks.unix_lines(text) if self.bare_returns else text, True, size)


class DelimitedReader(Reader):
    """A delimited file whose dialect is recognized from its first 4 MB."""

    def __init__(self, source: Source, options: ReadOptions, block_bytes: int = blocks.BLOCK_BYTES) -> None:
        self.label = source.label
        self.warnings = []
        self._options = options
        self._block_bytes = block_bytes
        self._with_markers = bool(options.missing_values)
        start = next(byte_pieces(source, HEAD_BYTES), b"")
        self._text = _Text(source, *recognize_encoding(start, options.encoding, self.label))
        head = next(self._text.blocks(HEAD_BYTES), b"")
        if b"\n" not in head and b"\r" in head:
            self._text.bare_returns = True
            head = next(self._text.blocks(HEAD_BYTES), b"")
        if not head.strip():
            raise DlcliError(f"{self.label} has no rows", "give a file with rows of data")
        self._dialect = recognize(head.decode(errors="replace"), options, source.path.suffix.lower())
        self._header_bytes = blocks.first_record_length(head) if self._dialect.header else 0
        self.names = self._names(head)
        # A lone quotation mark further down leaves nothing but the header in the first block.
        self._head = head[self._header_bytes :]
        if not self._head:
            self._head = b"".join(islice(self._text.blocks(HEAD_BYTES), 2))[self._header_bytes :]

    def _names(self, head: bytes) -> list[str]:
        if not self._dialect.header:
            return positional(self._dialect.fields)
        try:
            head[: self._header_bytes].decode()
        except UnicodeDecodeError:
            message = f"{self.label}: the header is not UTF-8 text"
            raise DlcliError(message, "give its encoding, for example --encoding latin-1") from None
        names, repeated = unique_names(self._dialect.first)
        if repeated:
            self.warnings.append(f"{self.label}: column names that occur twice were numbered: {listed(repeated)}")
        return names

    def sample(self, names: list[str]) -> pl.DataFrame:
        """Up to 10,000 first rows as strings, (rows, columns)."""
        return self._parse(self._head, dict.fromkeys(names, "text"), 1).head(SAMPLE_ROWS)

    def raw_frames(self, kinds: Kinds) -> Iterator[Frame]:
        """All rows, numbers as Float64 where their block allows it and everything else as strings."""
        row, skip = 1, self._header_bytes
        for block in self._text.blocks(self._block_bytes):
            # A block may end within the header only where blocks are tiny or the header is huge.
            body, skip = block[skip:], max(skip - len(block), 0)
            if body.isspace() or not body:
                continue
            data = self._parse(body, kinds, row)
            yield Frame(data, self.label, row)
            row += data.height

    def _parse(self, block: bytes, kinds: Kinds, row: int) -> pl.DataFrame:
        """A block of whole records as (rows, columns of ``kinds`` and the last one)."""
        tidy = self._without_spaces(block, row)
        data = self._read(tidy, kinds)
        if data is not None and data.to_series(data.width - 1).null_count() and self._is_uneven(tidy, data):
            data = None
        if data is None:
            tidy = self._checked(block, row)
            data = self._read(tidy, kinds)
        if data is None:
            raise DlcliError(f"{self.label}: the rows from {row} on cannot be read", "check the file's quotes")
        return data.select(list(kinds))

    def _without_spaces(self, block: bytes, row: int) -> bytes:
        if not self._dialect.skip_space:
            return block
        if b'"' in block:
            return self._checked(block, row)
        mark = self._dialect.delimiter.encode()
        while mark + b" " in block:
            block = block.replace(mark + b" ", mark)
        return block

    def _is_uneven(self, block: bytes, data: pl.DataFrame) -> bool:
        """Whether there may be blank lines or rows with too few fields, which the parser reads as missing."""
        if blocks.has_blank_lines(block):
            return True
        expected = data.height * (self._dialect.fields - 1)
        return blocks.count_delimiters(block, self._dialect.delimiter) != expected

    def _checked(self, block: bytes, row: int) -> bytes:
        mark, fields = self._dialect.delimiter, self._dialect.fields
        return blocks.checked_records(block, mark, fields, row, self.label, spaces=self._dialect.skip_space)

    def _read(self, block: bytes, kinds: Kinds) -> pl.DataFrame | None:
        """The block in the quickest way that succeeds: with numbers, with missing markers too, as strings.

        None where no way does. Once a file has shown missing markers they are looked for from then on.
        """
        numbers = "number" in kinds.values()
        if numbers and not self._with_markers:
            data = self._attempt(block, kinds, numbers=True, markers=False)
            if data is not None:
                return data
        if numbers:
            data = self._attempt(block, kinds, numbers=True, markers=True)
            if data is not None:
                self._with_markers = True
                return data
        return self._attempt(block, kinds, numbers=False, markers=False)

    def _attempt(self, block: bytes, kinds: Kinds, *, numbers: bool, markers: bool) -> pl.DataFrame | None:
        # Without a header the parser insists on these names.
        given = positional(len(self.names))
        types: dict[str, type[pl.DataType]] = {
            place: pl.Float64 if numbers and kinds.get(name) == "number" else pl.String
            for place, name in zip(given, self.names, strict=True)
        }
        wanted = [p for p, name in zip(given, self.names, strict=True) if name in kinds or p == given[-1]]
        try:
            data = pl.read_csv(
                block,
                has_header=False,
                separator=self._dialect.delimiter,
                schema=types,
                columns=wanted,
                null_values=list(self._options.markers) if markers else None,
            )
        except (pl.exceptions.PolarsError, ValueError, UnicodeError):
            return None
        back = dict(zip(given, self.names, strict=True))
        return data.rename({place: back[place] for place in wanted})
