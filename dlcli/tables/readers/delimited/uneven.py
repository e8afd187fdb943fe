"""Rows that don't have the table's fields: mended or left out, counted and named."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from dlcli.errors import DlcliError
from dlcli.tables.decisions import Decision
from dlcli.tables.readers.delimited.cells import kind_of
from dlcli.tables.readers.delimited.syntax import Row, Syntax
from dlcli.text import counted, printable

MEND = "--uneven mend"
FEW_ROWS, MOST_ROWS = 3, 0.05
NAMED_ROWS = 3
OTHER_DELIMITERS = (";", "\t", "|", ",", "^", " ")

SHORT, LONG, MISPLACED = "too few fields", "too many fields", "fields that don't fit the columns"
SAID = {
    SHORT: "{rows} with too few fields ({which}) {have} missing values at {their} end",
    LONG: "{rows} with too many fields ({which}) {are} left out",
    MISPLACED: "{rows} with too few fields, which don't fit the columns ({which}), {are} left out",
    "surplus": "{rows} with surplus delimiters at {their} end ({which}) {are} read without them",
    "gap": "{rows} with an empty field too many ({which}) {are} read without it",
    "quote": "{rows} with a quotation mark out of place ({which}) {are} read as if it weren't there",
    "loose": "{rows} with a quotation mark within a field that isn't quoted ({which}) {are} read as {they} {stand}",
    "other": "{rows} with another delimiter than the rest ({which}) {are} split at that",
    "header": "the header occurs again in {rows} ({which}), which {are} left out",
    "comment": "{rows} ({which}) look like comments and {are} left out",
}
UNEVEN = (SHORT, LONG, MISPLACED)


@dataclass
class Tally:
    """What was done with uneven rows in a pass: for each way the number of rows and the first ones.

    ``footer``: the number of lines below the table, and the first of them; ``strays``: where bytes aren't UTF-8.
    """

    rows: int = 0
    counts: dict[str, int] = field(default_factory=dict)
    first: dict[str, list[int]] = field(default_factory=dict)
    worst: str = ""
    footer: tuple[int, str] = (0, "")
    strays: str = ""

    def add(self, way: str, row: int) -> None:
        """Count a row."""
        self.counts[way] = self.counts.get(way, 0) + 1
        named = self.first.setdefault(way, [])
        if len(named) < NAMED_ROWS:
            named.append(row)

    def take_in(self, other: "Tally") -> None:
        """Take what another pass has found in columns that this one has not looked at."""
        for way in other.counts.keys() - self.counts.keys():
            self.counts[way], self.first[way] = other.counts[way], other.first[way]

    def decisions(self, label: str) -> list[Decision]:
        """A decision for each way."""
        said = [Decision(f"{label}: {self.strays}: read as cp1252", "--encoding cp1252")] if self.strays else []
        said.extend(Decision(f"{label}: {self._said(way)}", MEND) for way in SAID if way in self.counts)
        count, text = self.footer
        if count:
            lines = f"the last {count:,} lines stand" if count > 1 else "the last line stands"
            are = "are" if count > 1 else "is"
            said.append(Decision(f"{label}: {lines} below the table ('{printable(text)}') and {are} left out", MEND))
        return said

    def _said(self, way: str) -> str:
        count, first = self.counts[way], self.first[way]
        many = count > 1
        which = (
            ("rows " if many else "row ")
            + ", ".join(f"{row:,}" for row in first)
            + (", ..." if count > len(first) else "")
        )
        return SAID[way].format(
            rows=counted(count, "row"), which=which, have="have" if many else "has", are="are" if many else "is",
            their="their" if many else "its", they="they" if many else "it", stand="stand" if many else "stands",
        )  # fmt: skip

    def check(self, label: str, delimiter: str) -> None:
        """Raises DlcliError where so many rows are uneven that the table isn't understood."""
        uneven = sum(self.counts.get(way, 0) for way in UNEVEN)
        if uneven > max(FEW_ROWS, MOST_ROWS * self.rows):
            hint = f"fix the rows, or give the --delimiter if it isn't {delimiter!r}"
            message = (
                f"{label}: {uneven:,} of {self.rows:,} rows have another number of fields than the rest: {self.worst}"
            )
            raise DlcliError(message, hint)


class Mender:
    """Makes each record fit the columns.

    ``kinds`` are theirs, ``header`` their names, which may occur again; with ``empty_last`` the last one is none.
    """

    def __init__(
        self, syntax: Syntax, kinds: Sequence[str], header: Sequence[str], *, empty_last: bool = False
    ) -> None:
        self.tally = Tally()
        self._syntax, self._empty_last = syntax, empty_last
        self._kinds = kinds[: len(kinds) - empty_last]
        self._fields = len(self._kinds)
        self._header = list(header[: self._fields])

    def mend(self, row: Row) -> list[str] | None:
        """The fields of the next row, as many as there are columns; None where it is left out."""
        fields, wanted = row.fields, self._fields
        self.tally.rows += 1
        if self._empty_last and len(fields) == wanted + 1 and not fields[-1].strip():
            fields = fields[:-1]
        if len(fields) == wanted and [text.strip() for text in fields] == self._header:
            self._count("header")
            return None
        if row.stray:
            self._count("quote")
        if len(fields) == wanted:
            return self._unquoted(fields, row.loose) if row.loose else fields
        self._remember(len(fields))
        if len(fields) > wanted:
            return self._shortened(fields)
        return self._lengthened(fields)

    def is_row(self, fields: Sequence[str]) -> bool:
        """Whether a line has a field for each column, and a number where there should be one."""
        if len(fields) != self._fields or not self._fits(fields):
            return False
        numbers = [text for text, kind in zip(fields, self._kinds, strict=True) if kind in ("number", "date")]
        return any(kind_of(text) in ("number", "date") for text in numbers)

    def _unquoted(self, fields: list[str], loose: Sequence[int]) -> list[str]:
        """Fields with a quotation mark within: it is no part of a number, and may be one of a text."""
        mended = list(fields)
        for i in loose:
            if self._kinds[i] in ("number", "date"):
                mended[i] = fields[i].replace(self._syntax.quote, "")
        self._count("quote" if mended != fields else "loose")
        return mended

    def _count(self, way: str) -> None:
        self.tally.add(way, self.tally.rows)

    def _remember(self, found: int) -> None:
        if not self.tally.worst:
            what = f"{counted(found, 'field')}, expected {self._fields}"
            self.tally.worst = f"row {self.tally.rows:,} has {what}"

    def _shortened(self, fields: list[str]) -> list[str] | None:
        wanted = self._fields
        if not any(text.strip() for text in fields[wanted:]):
            self._count("surplus")
            return fields[:wanted]
        if len(fields) == wanted + 1:
            # An empty field too many, where the columns leave one way only to do without it.
            fits = {tuple(fields[:i] + fields[i + 1 :]) for i, text in enumerate(fields) if not text.strip()}
            fits = {row for row in fits if self._fits(row)}
            if len(fits) == 1:
                self._count("gap")
                return list(fits.pop())
        self._count(LONG)
        return None

    def _lengthened(self, fields: list[str]) -> list[str] | None:
        wanted = self._fields
        if len(fields) == 1:
            for other in OTHER_DELIMITERS:
                if other != self._syntax.delimiter and fields[0].count(other) >= wanted - 1:
                    split = Syntax(other, self._syntax.quote).split(fields[0]).fields
                    if len(split) == wanted and self._fits(split):
                        self._count("other")
                        return split
            if fields[0].lstrip().startswith(("#", "%", "//")) and not self._fits(fields):
                self._count("comment")
                return None
        if not self._fits(fields):
            self._count(MISPLACED)
            return None
        self._count(SHORT)
        return fields + [""] * (wanted - len(fields))

    def _fits(self, fields: Sequence[str]) -> bool:
        """Whether no text stands in a column of numbers."""
        for text, kind in zip(fields, self._kinds, strict=False):
            if kind in ("number", "date") and text.strip() and kind_of(text) == "text":
                return False
        return True
