"""Which delimiter, quotation mark and escape a text is written with, by how evenly they split it."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import islice

from dlcli.tables.readers.delimited.cells import column_kinds, kind_of
from dlcli.tables.readers.delimited.records import Record, Records
from dlcli.tables.readers.delimited.syntax import BLANKS, Syntax

# In the order in which they win: a comma is also found inside numbers and texts, a tab hardly ever.
USUAL = ("\t", ";", "|", ",")
RARE = ("::", "\x01", "\x02", "\x1e", "\x1f", "^", "~", "¦")
SNIFFED_RECORDS = 100
FEW_EMPTY = 0.2
EVEN = 0.7  # a score from which a usual delimiter is not doubted
GROUPED = re.compile(r"[-+]?\d{1,3}(?: \d{3})+(?:[.,]\d+)?")
SEVERAL = re.compile(r"[-+]?[\d.]+(?:\s+[-+]?[\d.?]\S*)+")


@dataclass(frozen=True)
class Split:
    """A text split by a syntax: its records, how many fields most have, and how good a table that is, 0 to 1."""

    syntax: Syntax
    records: list[Record]
    fields: int
    score: float


def records_of(lines: Sequence[str], syntax: Syntax, fields: int | None = None) -> list[Record]:
    """The first records of some lines."""
    return list(islice(Records(lines, syntax, fields), SNIFFED_RECORDS))


def best_split(lines: Sequence[str], delimiter: str | None, extension: str) -> Split:
    """The likeliest way to split ``lines``; ``delimiter`` is the user's, None if it is to be found."""
    text = "\n".join(lines)
    quote = _quote(text)
    if delimiter is not None:
        return _escaped(_scored(lines, Syntax(delimiter, quote)), lines)
    if extension in (".tsv", ".tab") and "\t" in text:
        return _escaped(_scored(lines, Syntax("\t", quote)), lines)
    best = _best([_scored(lines, Syntax(mark, quote)) for mark in USUAL if mark in text])
    if best is None or best.score < EVEN:
        rare = _best([_scored(lines, Syntax(mark, quote)) for mark in RARE if mark in text])
        best = rare if rare and rare.score >= EVEN and (best is None or rare.score > best.score) else best
    blanks = _blanks(lines, quote)
    if blanks and (best is None or blanks.score > best.score or _is_mixed(best, blanks)):
        best = blanks
    if best is None:
        return _scored(lines, Syntax(",", quote))
    return _escaped(_doubled(best, lines), lines)


def _best(splits: Sequence[Split]) -> Split | None:
    """The first of those with the highest score, if it makes any columns."""
    made = [split for split in splits if split.fields > 1]
    return max(made, key=lambda split: split.score) if made else None


def _scored(lines: Sequence[str], syntax: Syntax) -> Split:
    records = records_of(lines, syntax)
    counts = Counter(len(record.row.fields) for record in records)
    if not counts:
        return Split(syntax, records, 1, 0.0)
    several = Counter({count: n for count, n in counts.items() if count > 1})
    fields = several.most_common(1)[0][0] if several else 1
    # Title lines may stand before the table.
    first = next(i for i, record in enumerate(records) if len(record.row.fields) == fields)
    table = records[first:]
    even = [record.row.fields for record in table if len(record.row.fields) == fields]
    cells = [cell for row in even[1:] or even for cell in row]
    clean = sum(_cleanness(cell, syntax) for cell in cells) / len(cells)
    share = len(even) / len(table) * (len(table) / len(records)) ** 0.25
    stray = sum(record.row.stray for record in records) / len(records)
    return Split(syntax, records, fields, share * (0.5 + 0.5 * clean) * (1 - 0.5 * stray))


def _cleanness(cell: str, syntax: Syntax) -> float:
    """How much like one value a cell looks, 0 to 1."""
    cell = cell.strip()
    if kind_of(cell) != "text":
        return 1.0
    if SEVERAL.fullmatch(cell):
        return 0.3
    if cell.count('"') % 2:  # a quoted field was cut at a mark within it
        return 0.0
    if any(mark in cell for mark in USUAL if mark != syntax.delimiter) or cell[:1] in "\"'" or cell[-1:] in "\"'":
        return 0.0 if ";" in cell or "\t" in cell or "|" in cell else 0.7
    return 0.9


def _quote(text: str) -> str:
    """The quotation mark: an apostrophe only where whole fields stand between two, and none between double ones."""
    if "'" not in text:
        return '"'
    fields = {
        mark: len(re.findall(rf"(?:^|[\t;|,] ?){mark}(?![\t;|,])[^{mark}\n]+{mark}(?=[\t;|,]|$)", text, re.M))
        for mark in "\"'"
    }
    return "'" if fields["'"] >= 2 + 0.1 * text.count("\n") and not fields['"'] else '"'


def _blanks(lines: Sequence[str], quote: str) -> Split | None:
    """A split at runs of blanks, where most of what it makes are numbers: words of a text are no columns."""
    split, single = _scored(lines, Syntax(BLANKS, quote)), _scored(lines, Syntax(" ", quote))
    cells = [cell for record in single.records for cell in record.row.fields]
    if single.score > split.score and sum(not cell for cell in cells) < FEW_EMPTY * len(cells):
        split = single  # with empty fields, which runs of blanks would hide
    rows = [record.row.fields for record in split.records if len(record.row.fields) == split.fields]
    if split.fields < 2 or all(GROUPED.fullmatch(" ".join(row)) for row in rows[1:]):
        return None
    kinds = [kind_of(cell) for row in rows[1:] or rows for cell in row]
    quoted = quote in "".join(record.text for record in split.records)
    numbers = sum(kind != "text" for kind in kinds)
    table = (
        split.fields >= 4 and len(rows) == len(split.records) >= 5 and "number" in column_kinds(rows[1:], split.fields)
    )
    if numbers < (0.2 if quoted else 0.5) * len(kinds) and not table:
        return None
    return replace(split, score=0.95 * split.score)


def _is_mixed(tabs: Split, blanks: Split) -> bool:
    """Whether some of what stands between fields are tabs, and some blanks."""
    if tabs.syntax.delimiter != "\t" or tabs.fields != blanks.fields:
        return False
    fitting = [sum(len(r.row.fields) == split.fields for r in split.records) for split in (tabs, blanks)]
    return fitting[0] < fitting[1]


def _doubled(split: Split, lines: Sequence[str]) -> Split:
    """The split at a mark twice where it always stands twice, as in a||b."""
    mark = split.syntax.delimiter
    text = "".join(record.text for record in split.records if len(record.row.fields) == split.fields)
    if mark == BLANKS or len(mark) > 1 or 2 * text.count(2 * mark) != text.count(mark):
        return split
    if mark == "\t":
        return _scored(lines, Syntax(BLANKS, split.syntax.quote))
    twice = _scored(lines, replace(split.syntax, delimiter=2 * mark))
    return twice if 2 * (twice.fields - 1) == split.fields - 1 and twice.fields > 1 else split


def _escaped(split: Split, lines: Sequence[str]) -> Split:
    """The split with an escape before quotes in quoted fields, if one is used; and without blanks after delimiters."""
    quote = split.syntax.quote
    text = "\n".join(lines)
    for escape in ("\\", "\0"):
        if escape + quote in text and _misquoted(split):
            other = _scored(lines, replace(split.syntax, escape=escape))
            if _misquoted(other) < _misquoted(split):
                split = other
    return _spaced(split, lines)


def _misquoted(split: Split) -> int:
    """The number of records with a quotation mark where none should be."""
    return sum(record.row.stray or bool(record.row.loose) for record in split.records)


def _spaced(split: Split, lines: Sequence[str]) -> Split:
    syntax = split.syntax
    if syntax.delimiter in (" ", BLANKS):
        return split
    later = [field for record in split.records for field in record.row.fields[1:] if field]
    # One field that begins with a space by chance must not change how all the others are read.
    if not later or sum(field[0] == " " for field in later) < 0.9 * len(later):
        return split
    return _scored(lines, replace(syntax, skip_space=True))
