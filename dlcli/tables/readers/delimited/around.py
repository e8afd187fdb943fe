"""What stands around a table: comments, lines before it, and how its header lines up with its rows."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from dlcli.tables.readers.delimited.cells import kind_of
from dlcli.tables.readers.delimited.delimiters import Split, best_split
from dlcli.tables.readers.delimited.header import judge_header
from dlcli.tables.readers.delimited.syntax import BLANKS

COMMENTS = ("#", "%", "//", "--")
SAMPLE_LINES, SAMPLE_CHARACTERS, LEAST_LINES = 300, 1 << 17, 20
FIRST_RECORDS = 10
_SEP = re.compile(r'"?sep=(.)"?[\s;,]*', re.IGNORECASE)


@dataclass(frozen=True)
class Line:
    """A line and its number in the file, from 0."""

    text: str
    number: int


def sample_lines(lines: Sequence[str], skip: int, comment: str) -> list[Line]:
    """The first lines after ``skip`` that aren't comments: enough to tell how the table is written."""
    found: list[Line] = []
    size = 0
    for number in range(skip, len(lines)):
        text = lines[number]
        if comment and text.startswith(comment):
            continue
        found.append(Line(text, number))
        size += len(text)
        if len(found) >= SAMPLE_LINES or (size > SAMPLE_CHARACTERS and len(found) >= LEAST_LINES):
            break
    return found


def guess_comment(lines: Sequence[str]) -> str:
    """What begins the comment lines among ``lines``, "" where there are none."""
    first = next((line for line in lines if line.strip()), "")
    early = lines[:SAMPLE_LINES]
    if not any(line.startswith(COMMENTS) for line in early):
        return ""
    for mark in COMMENTS:
        marked = [line for line in early if line.startswith(mark)]
        if not marked or _within_quotes(early, mark):
            continue
        body = [line.text for line in sample_lines(lines, 0, mark) if line.text.strip()]
        if not body:
            continue
        leading = first.startswith(mark)
        later = marked
        if leading:
            count = next(i for i, line in enumerate(filter(str.strip, early)) if not line.startswith(mark))
            later = marked[count:]
        split = best_split(body[:60], None, "")
        fields = [len(split.syntax.split(line).fields) for line in later[:50]]
        if split.fields > 1 and any(n == split.fields for n in fields):
            continue
        if marked == [first] and first[len(mark) :].lstrip().startswith(split.syntax.delimiter):
            continue  # a column that is called #
        if split.fields > 1 or leading or all(kind_of(line) == "number" for line in body[1:]):
            return mark
    return ""


def _within_quotes(lines: Sequence[str], mark: str) -> bool:
    """Whether a line that begins with ``mark`` goes on with a quoted field of the lines before."""
    quotes = 0
    for line in lines:
        if line.startswith(mark):
            if quotes % 2:
                return True
        else:
            quotes += line.count('"')
    return False


def commented_names(lines: Sequence[str], comment: str, first: int, split: Split) -> list[str]:
    """The names in the last comment line before the line ``first``; [] where they aren't there."""
    for line in reversed(lines[:first]):
        if not line.strip():
            continue
        if not line.startswith(comment):
            break
        bare = line.lstrip(comment)
        cells = split.syntax.split(bare if split.syntax.delimiter != BLANKS else bare.strip()).fields
        names = [cell.strip() for cell in cells]
        rows = [r.row.fields for r in split.records if len(r.row.fields) == split.fields]
        if (
            len(names) == split.fields
            and judge_header(names, rows).header
            and not judge_header(rows[0], rows[1:]).header
        ):
            return [names[0] or comment, *names[1:]]
        break
    return []


def excel_delimiter(line: str) -> str:
    """The delimiter that Excel's line ``sep=;`` names, "" where ``line`` is none."""
    found = _SEP.fullmatch(line.strip(" \r"))
    return found[1] if found else ""


def table_start(split: Split) -> int:
    """The index of the first record that has the table's fields and is no title."""
    rows = [record.row.fields for record in split.records]
    fitting = [i for i, row in enumerate(rows) if len(row) == split.fields]
    for place, i in enumerate(fitting):
        below = [rows[k] for k in fitting[place + 1 : place + 20]]
        between = rows[i + 1] if i + 1 < len(rows) else []
        if below and (_is_padded_title(rows[i], below) or (len(between) == 1 < split.fields and i < FIRST_RECORDS)):
            continue
        return i
    return 0


def _is_padded_title(row: Sequence[str], below: Sequence[Sequence[str]]) -> bool:
    """Whether a row's few cells are a title, padded with delimiters to the width of the table."""
    filled, *others = (sum(bool(cell.strip()) for cell in cells) for cells in (row, *below))
    return (
        len(row) >= 3 and filled <= max(1, len(row) // 3) and max(others) >= 3 and any(n > filled for n in others[:5])
    )


def drop_lines(pieces: Iterable[bytes], count: int) -> Iterator[bytes]:
    """The pieces of a text without its first ``count`` lines."""
    for piece in pieces:
        end = 0
        while count:
            found = piece.find(b"\n", end) + 1
            if not found:
                end = len(piece)
                break
            end, count = found, count - 1
        yield piece[end:] if end else piece


def drop_comments(pieces: Iterable[bytes], comment: bytes) -> Iterator[bytes]:
    """The pieces of a text, which now end with lines, without the lines that begin with ``comment``."""
    pattern = re.compile(rb"^" + re.escape(comment) + rb"[^\n]*(?:\n|\Z)", re.MULTILINE)
    rest = b""
    for piece in pieces:
        end = piece.rfind(b"\n") + 1
        if not end:
            rest += piece
            continue
        whole = rest + piece[:end]
        rest = piece[end:]
        yield pattern.sub(b"", whole) if comment in whole else whole
    if rest:
        yield pattern.sub(b"", rest)
