"""How rows are split into fields: delimiter, quotes, escapes."""

import re
from dataclasses import dataclass, field, replace
from functools import cached_property

BLANKS = "whitespace"  # runs of blanks and tabs delimit
NORMAL = "\x1f"  # the delimiter of rows that were written again


@dataclass(frozen=True)
class Syntax:
    """How a row is written.

    ``delimiter`` is one character or more, or BLANKS; ``quote`` the character around a field ("" for none), doubled
    within it; ``escape`` the one before a quote that is part of the text ("" for none); with ``skip_space`` blanks
    around delimiters and at the ends of a line don't count.
    """

    delimiter: str = ","
    quote: str = '"'
    escape: str = ""
    skip_space: bool = False

    @property
    def is_plain(self) -> bool:
        """Whether a fast parser of CSV reads it."""
        return len(self.delimiter) == 1 and self.delimiter.isascii() and not self.escape

    @property
    def blanks(self) -> str:
        """The blanks that don't count with ``skip_space``."""
        return " " if self.delimiter == "\t" else " \t"

    @property
    def normal(self) -> "Syntax":
        """The syntax of these rows once ``write`` has written them."""
        return Syntax(NORMAL)

    @cached_property
    def _delimiter(self) -> re.Pattern[str]:
        pattern = r"[ \t]+" if self.delimiter == BLANKS else re.escape(self.delimiter)
        return re.compile(f"[{self.blanks}]*{pattern}[{self.blanks}]*" if self.skip_space else pattern)

    @cached_property
    def _quoted(self) -> re.Pattern[str]:
        quote = re.escape(self.quote)
        escaped = rf"|{re.escape(self.escape)}." if self.escape else ""
        inner = rf"[^{quote}{re.escape(self.escape)}]"
        return re.compile(rf"{quote}((?:{inner}|{quote}{quote}{escaped})*+){quote}{self._closed}", re.DOTALL)

    @cached_property
    def _carelessly_quoted(self) -> re.Pattern[str]:
        """A quoted field with quotes in it that aren't doubled."""
        quote = re.escape(self.quote)
        return re.compile(rf"{quote}((?:[^{quote}]|{quote}(?!{self._next}))*){quote}{self._closed}", re.DOTALL)

    @property
    def _next(self) -> str:
        return rf"[ ]*(?:{self._delimiter.pattern}|\Z)"

    @property
    def _closed(self) -> str:
        return rf"[ ]*(?={self._delimiter.pattern}|\Z)" if self.delimiter.strip(" ") and self.delimiter != BLANKS else (
            rf"(?={self._delimiter.pattern}|\Z)"
        )  # fmt: skip

    @cached_property
    def _open(self) -> re.Pattern[str]:
        quote = re.escape(self.quote)
        escaped = rf"|{re.escape(self.escape)}." if self.escape else ""
        return re.compile(rf"{quote}(?:[^{quote}{re.escape(self.escape)}]|{quote}{quote}{escaped})*+\Z", re.DOTALL)

    def split(self, record: str, fields: int | None = None) -> "Row":
        """The fields of a record, its line end gone; ``fields`` is how many there should be, where it's known."""
        if self.delimiter == BLANKS or self.skip_space:
            record = record.strip(self.blanks)
        if not self.quote or self.quote not in record:
            return Row(self._bare(record))
        row = self._scan(record, careless=False)
        if row.stray and fields is not None and not row.open:
            careless = self._scan(record, careless=True)
            if len(careless.fields) == fields or len(row.fields) != fields:
                return replace(careless, stray=True)
        return row

    def _bare(self, record: str) -> list[str]:
        if self.escape and self.escape in record:
            return self._scan(record, careless=False).fields
        if self.delimiter == BLANKS or self.skip_space:
            return self._delimiter.split(record)
        return record.split(self.delimiter)

    def _scan(self, record: str, *, careless: bool) -> "Row":
        fields: list[str] = []
        loose: list[int] = []
        position = 0
        stray = opened = False
        while True:
            text, position, how = self._field(record, position, careless=careless)
            if how == "loose":
                loose.append(len(fields))
            fields.append(text)
            stray |= how in ("stray", "open")
            opened |= how == "open"
            found = self._delimiter.match(record, position)
            if not found:
                return Row(fields, stray, opened, tuple(loose))
            position = found.end()

    def _field(self, record: str, position: int, *, careless: bool) -> tuple[str, int, str]:
        """The field that begins at a position, where it ends, and what is amiss with its quotes, if anything."""
        how = ""
        if self.quote and record.startswith(self.quote, position):
            pattern = self._carelessly_quoted if careless else self._quoted
            if found := pattern.match(record, position):
                return self._unescaped(found[1], careless=careless), found.end(), ""
            how = "open" if self._open.match(record, position) else "stray"
        end = self._end_of_bare(record, position)
        text = record[position:end]
        if how:
            text = text.removeprefix(self.quote).removesuffix(self.quote)
        elif self.escape and self.escape in text:
            text = re.sub(re.escape(self.escape) + r"(.)", r"\1", text, flags=re.DOTALL)
        elif self.quote and self.quote in text:
            how = "loose"
        return text, end, how

    def _end_of_bare(self, record: str, position: int) -> int:
        found = self._delimiter.search(record, position)
        if self.escape:
            while found and found.start() > position and record[found.start() - 1] == self.escape:
                found = self._delimiter.search(record, found.start() + 1)
        return found.start() if found else len(record)

    def _unescaped(self, text: str, *, careless: bool) -> str:
        if self.escape and self.escape in text:
            text = re.sub(re.escape(self.escape) + r"(.)", r"\1", text, flags=re.DOTALL)
        return text if careless else text.replace(2 * self.quote, self.quote)

    def write(self, fields: list[str]) -> str:
        """The fields as a record of this syntax, which must be plain; the line end included."""
        quote = self.quote
        if len(fields) == 1 and not fields[0]:
            return 2 * quote + "\n"
        marks = (self.delimiter, quote, "\n", "\r")
        if any(mark in text for text in fields for mark in marks):
            fields = [
                f"{quote}{text.replace(quote, 2 * quote)}{quote}" if any(mark in text for mark in marks) else text
                for text in fields
            ]
        return self.delimiter.join(fields) + "\n"


@dataclass(frozen=True)
class Row:
    """A record's fields.

    ``stray``: with a quotation mark out of place; ``open``: with one that isn't closed; ``loose``: the fields
    that aren't quoted and have one within.
    """

    fields: list[str] = field(default_factory=list)
    stray: bool = False
    open: bool = False
    loose: tuple[int, ...] = ()
