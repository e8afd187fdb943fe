"""A pass over the rows of a delimited file: blocks as they should be go to the fast parser, others are mended."""

import io
from collections.abc import Callable, Iterator, Sequence

import polars as pl

from dlcli.errors import DlcliError
from dlcli.tables.columns import Kinds
from dlcli.tables.readers import blocks
from dlcli.tables.readers.delimited import footer
from dlcli.tables.readers.delimited.encodings import MARK, tolerant_utf8
from dlcli.tables.readers.delimited.parsing import BlockParser
from dlcli.tables.readers.delimited.records import Records, quotes_in_place
from dlcli.tables.readers.delimited.stream import TextStream
from dlcli.tables.readers.delimited.syntax import Syntax
from dlcli.tables.readers.delimited.uneven import Mender, Tally
from dlcli.tables.readers.dialect import Dialect
from dlcli.tables.readers.frames import UnevenBlockError

CANONICAL = Syntax().normal


class RowPass:
    """One pass over a file; ``tally`` is what was found on the way."""

    def __init__(self, stream: TextStream, dialect: Dialect, parser: BlockParser) -> None:
        self._stream, self._dialect, self._parser = stream, dialect, parser
        self._syntax = dialect.syntax if dialect.syntax.is_plain else dialect.syntax.normal
        header = dialect.first if dialect.header else ()
        self._mender = Mender(self._syntax, dialect.kinds, header, empty_last=dialect.empty_last)
        self._waiting: list[bytes] = []
        self._following: Iterator[tuple[bytes, bool]] = iter(())

    @property
    def tally(self) -> Tally:
        """What was done with rows that aren't as they should be, so far."""
        return self._mender.tally

    def frames(self, kinds: Kinds, size: int) -> Iterator[pl.DataFrame]:
        """The rows of each block of about ``size`` bytes: the columns of ``kinds`` and perhaps others."""
        self._following = self._stream.blocks(size, self._dialect.syntax)
        while (block := self._next()) is not None:
            if not block or block.isspace():
                continue
            data = self._fast(block, kinds)
            if data is None:
                data = self._slow(block, kinds)
            else:
                self.tally.rows += data.height
            if data.height:
                yield data

    def parts(self, kinds: Kinds, size: int, mine: Callable[[int], bool]) -> Iterator[pl.DataFrame | None]:
        """The same of the blocks whose numbers are ``mine``, and None for each other one.

        Raises UnevenBlockError for one that isn't as it should be, as what is to be done may depend on others.
        """
        for number, (block, last) in enumerate(self._stream.blocks(size, self._dialect.syntax)):
            if not mine(number):
                yield None
                continue
            if last:
                block = self._without_footer(footer.without_filling(block))
            empty = not block or block.isspace()
            data = pl.DataFrame() if empty else self._fast(block, kinds)
            if data is None:
                raise UnevenBlockError
            self.tally.rows += data.height
            yield data

    def _next(self) -> bytes | None:
        """The next block, without what stands below the table; None at the end."""
        if self._waiting:
            return self._waiting.pop()
        block, last = next(self._following, (None, False))
        return self._without_footer(footer.without_filling(block)) if block is not None and last else block

    def _fast(self, block: bytes, kinds: Kinds) -> pl.DataFrame | None:
        """The rows of a block as the fast parser reads them; None where it might be wrong about them."""
        syntax = self._syntax
        quote = syntax.quote.encode()
        quoted = bool(quote) and quote in block
        if quoted and (syntax.skip_space or self._dialect.fields == 1):
            return None
        # In a number any stray quotation mark is found anyway.
        if quoted and "text" in kinds.values() and not quotes_in_place(block, syntax):
            return None
        if syntax.skip_space:
            block = self._without_spaces(block)
        data = self._even(block, kinds)
        if data is None and not quoted and blocks.has_blank_lines(block):
            data = self._even(blocks.BLANK_LINES.sub(b"", block), kinds)
        return data

    def _even(self, block: bytes, kinds: Kinds) -> pl.DataFrame | None:
        """The rows of a block whose quotation marks are in place; None where they may be uneven, or a header again."""
        parsed = self._parser.read(block, kinds, self._syntax, self._dialect.fields)
        if parsed is None or (parsed.texts and (self._repeats_header(block) or MARK in block)):
            return None
        if self._swallows_rows(block, parsed.data.height):
            return None
        if (
            parsed.texts
            and "number" in kinds.values()
            and 2 * self._syntax.quote.encode() in block
            and self._syntax.quote
        ):
            return None
        last = parsed.data.to_series(parsed.data.width - 1)
        gaps = last.null_count()
        if gaps and self._is_uneven(block, parsed.data.height):
            return None
        return None if self._dialect.empty_last and gaps < parsed.data.height else parsed.data

    def _swallows_rows(self, block: bytes, rows: int) -> bool:
        """Whether a quoted field of several lines has a row among them, as after a quotation mark that isn't closed."""
        quote = self._syntax.quote.encode()
        if not quote or quote not in block or block.count(b"\n") + (not block.endswith(b"\n")) == rows:
            return False
        fields, mark = self._dialect.fields, self._syntax.delimiter.encode()
        for part in block.split(quote)[1::2]:
            for line in part.split(b"\n")[1:-1]:
                if line.count(mark) == fields - 1:
                    return True
        return False

    def _without_spaces(self, block: bytes) -> bytes:
        """A block without the blanks around its delimiters and at the ends of its lines."""
        mark = self._syntax.delimiter.encode()
        for blank in (bytes([b]) for b in self._syntax.blanks.encode()):
            block = block.strip(blank)
            if blank not in block:
                continue
            beside = {mark + blank: mark, blank + mark: mark, b"\n" + blank: b"\n", blank + b"\n": b"\n"}
            beside |= {blank + b"\r\n": b"\r\n"} if b"\r" in block else {}
            for pair, bare in beside.items():
                while pair in block:
                    block = block.replace(pair, bare)
        return block

    def _is_uneven(self, block: bytes, rows: int) -> bool:
        """Whether there may be blank lines or rows with too few fields, which the parser reads as missing."""
        if blocks.has_blank_lines(block):
            return True
        expected = rows * (self._dialect.fields - 1)
        return blocks.count_delimiters(block, self._syntax.delimiter, self._syntax.quote.encode()) != expected

    def _repeats_header(self, block: bytes) -> bool:
        """Whether the header may occur again, as where files were joined."""
        names, mark = self._dialect.first, self._syntax.delimiter
        if not self._dialect.header or not names:
            return False
        return any(mark.join(line).encode() in block for line in (names, [f'"{name}"' for name in names]))

    def _slow(self, block: bytes, kinds: Kinds) -> pl.DataFrame:
        """The rows of a block split exactly and mended; a record that reaches beyond its end takes in what follows."""
        taken = 0

        def more() -> Sequence[str]:
            nonlocal taken
            following = self._next()
            lines = [] if following is None else self._lines(following)
            taken += len(lines)
            return lines

        records = Records(self._lines(block), self._syntax, self._dialect.fields, more, self._mender.is_row)
        out, rows = io.StringIO(newline=""), 0
        while records.pending > taken and (record := records.read()):
            fields = self._mender.mend(record.row)
            if fields is not None:
                if "\r" in record.text:  # as the fast parser does
                    fields = [text.removesuffix("\r") for text in fields]
                out.write(CANONICAL.write(fields))
                rows += 1
        if records.pending:
            self._waiting.append("\n".join((*records.left(), "")).encode())
        if not rows:
            return pl.DataFrame(schema=dict.fromkeys(kinds, pl.String))
        columns = self._dialect.fields - self._dialect.empty_last
        parsed = self._parser.read(out.getvalue().encode(), kinds, CANONICAL, columns)
        if parsed is None:
            message = f"{self._stream.source.label}: the rows up to {self.tally.rows:,} cannot be read"
            raise DlcliError(message, "check the file's quotes")
        return parsed.data

    def _lines(self, block: bytes) -> list[str]:
        """The lines of a block; bytes that aren't UTF-8 are read as cp1252, which is told."""
        block = block.replace(MARK, b"")
        try:
            text = block.decode()
        except UnicodeDecodeError as error:
            row = self.tally.rows + sum(bool(line.strip()) for line in block[: error.start].split(b"\n")[:-1]) + 1
            where = f"row {row:,} is not UTF-8 text (byte 0x{block[error.start]:02x})"
            if self._stream.encoding.given:
                hint = "give its encoding, for example --encoding latin-1"
                raise DlcliError(f"{self._stream.source.label}: {where}", hint) from None
            self.tally.strays = self.tally.strays or where
            text = tolerant_utf8(block).decode()
        return text.removesuffix("\n").split("\n")

    def _without_footer(self, block: bytes) -> bytes:
        """The last block without what stands below the table."""
        dialect = self._dialect
        lines = (
            tolerant_utf8(block[footer.last_lines(block, footer.LAST_LINES + 1) :])
            .decode()
            .removesuffix("\n")
            .split("\n")
        )
        records = list(Records(lines, self._syntax, dialect.fields))
        gap = any(not line.strip() for line in lines[:-1])
        count = footer.footer_rows(records, dialect.kinds, gap)
        if not count:
            return block
        first = records[-count]
        cut = footer.last_lines(block, len(lines) - first.line)
        quote = self._syntax.quote.encode()
        if quote and block.count(quote, 0, cut) % 2:  # within a quoted field
            return block
        self.tally.footer = count, first.text.strip()
        return block[:cut]
