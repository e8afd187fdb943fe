"""Splitting text into records exactly, also where its quotation marks are out of place."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from dlcli.tables.readers.delimited.syntax import Row, Syntax

# A field of more lines than this is a quotation mark that is never closed.
JOINED_LINES, JOINED_CHARACTERS = 1000, 1 << 20
PIECE = 1 << 17


@dataclass(frozen=True)
class Record:
    """A row, its text, and the number of lines before it."""

    row: Row
    text: str
    line: int


class Records:
    """The records of ``lines`` (without newlines), blank ones left out.

    A quotation mark that is open at the end of a line takes in the lines that follow, up to its closing, if that is
    well placed and the record then has ``fields`` fields (None: any number); else it is a character like others.
    ``more`` gives the lines that follow, [] at the end. A line for whose fields ``is_row`` holds is never taken in.
    """

    def __init__(
        self,
        lines: Sequence[str],
        syntax: Syntax,
        fields: int | None = None,
        more: Callable[[], Sequence[str]] | None = None,
        is_row: Callable[[Sequence[str]], bool] | None = None,
    ) -> None:
        self._is_row = is_row
        self._lines, self._syntax, self._fields, self._more = list(lines), syntax, fields, more
        self.at = 0  # the line that comes next
        self._gone = 0

    def __iter__(self) -> Iterator[Record]:
        while (record := self.read()) is not None:
            yield record

    def read(self) -> Record | None:
        """The next record, None at the end."""
        if self.at > JOINED_LINES:
            del self._lines[: self.at]
            self._gone, self.at = self._gone + self.at, 0
        while (line := self._next()) is not None:
            number = self._gone + self.at - 1
            if not line.strip() and line.strip(" \r") == "":
                continue
            row = self._syntax.split(line.removesuffix("\r"), self._fields)
            if row.open:
                row, line = self._joined(line, row)
            return Record(row, line, number)
        return None

    @property
    def pending(self) -> int:
        """The number of lines that were given or taken from ``more``, and are not read."""
        return len(self._lines) - self.at

    def left(self) -> list[str]:
        """These lines."""
        return self._lines[self.at :]

    def _next(self) -> str | None:
        if self.at == len(self._lines):
            more = self._more() if self._more else ()
            if not more:
                return None
            self._lines.extend(more)
        self.at += 1
        return self._lines[self.at - 1]

    def _joined(self, line: str, alone: Row) -> tuple[Row, str]:
        start, text = self.at, line
        while self.at - start < JOINED_LINES and len(text) < JOINED_CHARACTERS:
            more = self._next()
            if more is None:
                break
            text += "\n" + more
            if self._syntax.quote not in more:
                if self._is_row and self._is_row(self._syntax.split(more.removesuffix("\r")).fields):
                    break
                continue
            row = self._syntax.split(text.removesuffix("\r"), self._fields)
            if not row.open:
                wrong = self._fields is not None and len(row.fields) != self._fields == len(alone.fields)
                if row.stray or wrong:
                    break
                return row, text
        self.at = start
        return alone, line


def quotes_in_place(block: bytes, syntax: Syntax) -> bool:
    """Whether each quotation mark of a block stands beside a delimiter, a line end or another one.

    Where none stands within a text, the fast parser refuses what else may be amiss with quotes, unless there is only
    one column. A piece at a time, so that all of it stays in the processor's cache.
    """
    quote = ord(syntax.quote)
    data = np.frombuffer(block, dtype=np.uint8)
    beside = [ord(syntax.delimiter), ord("\n")] + [ord("\r")] * (b"\r" in block)
    count = 0
    for start in range(0, len(data), PIECE):
        piece = data[max(start - 1, 0) : start + PIECE + 1]
        quotes = piece == quote
        count += int(np.count_nonzero(quotes[start > 0 : PIECE + (start > 0)]))
        near = quotes.copy()
        for mark in beside:
            near |= piece == mark
        near[0] |= start == 0
        near[-1] |= start + PIECE >= len(data)
        within = quotes[1:-1] & ~(near[:-2] | near[2:])
        if within.any():
            return False
    return count % 2 == 0
