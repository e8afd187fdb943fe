"""Whether the first row of a table holds names: each column is asked whether it belongs to it."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from dlcli.tables.readers.delimited.cells import PLACEHOLDERS, column_kinds, is_number, kind_of
from dlcli.text import listed

Cells = Sequence[str]

FIRST_YEAR, LAST_YEAR = 1500, 2100
MOST_HEADER_ROWS = 4
# Columns of row numbers, as R, pandas, and readr write them.
INDEX_NAMES = ("", "Unnamed: 0", "rownames", "row.names", "...1", "_c0")
_UNIT_WORDS = """% %age m cm mm km nm um kg g mg ug lb lbs oz s sec ms min h hr hrs hour hours day days d year years yr
a hz khz mhz k c f v mv kv w kw mw kwh mwh j kj cal kcal pa kpa hpa bar mbar psi db usd eur gbp chf $ € £ l ml dl t ha
acre acres mph kmh ppm ppb ph rpm in ft yd mi deg degree degrees rad n count index ratio score - none"""
_TYPE_WORDS = """string text str varchar char object category factor enum float float32 float64 double real numeric
number decimal int int32 int64 integer bigint date datetime time timestamp bool boolean logical continuous discrete
nominal ordinal class meta ignore target feature"""
UNITS, TYPES = frozenset(_UNIT_WORDS.split()), frozenset(_TYPE_WORDS.split())
_UNIT = re.compile(r"[\[(].*[\])]|[^ ]*[/°²³µ·^%][^ ]*|[-=:+ ]{2,}")


@dataclass(frozen=True)
class Verdict:
    """Whether the first row holds names, why (for people), and whether that was doubtful."""

    header: bool
    why: str = ""
    doubtful: bool = False


def judge_header(first: Cells, rest: Sequence[Cells]) -> Verdict:
    """Whether ``first`` holds the names of the columns of ``rest``."""
    first = [cell.strip() for cell in first]
    # A header that occurs again, as where files were joined, is no row that speaks against itself.
    rest = [[cell.strip() for cell in row] for row in rest if [cell.strip() for cell in row] != first]
    if not rest:
        return Verdict(not any(kind_of(cell) == "number" or (cell and cell in PLACEHOLDERS) for cell in first))
    kinds = column_kinds(rest, len(first))
    numbers = [i for i, kind in enumerate(kinds) if kind == "number" and kind_of(first[i]) == "number"]
    named = _names_in_numbers([first[i] for i in numbers], [_at(row, numbers) for row in rest])
    for_it = against = 0.0
    for i, (cell, kind) in enumerate(zip(first, kinds, strict=True)):
        if i in numbers:
            continue
        vote = _vote(cell, kind)
        for_it, against = for_it + max(vote, 0), against + max(-vote, 0)
    for_it, against = (for_it + len(numbers), against) if named else (for_it, against + len(numbers))
    seen, unseen = _recurrences(first, rest, kinds)
    if for_it or against:
        if for_it and seen and not named:
            against += seen
        header = for_it > against
        why = named if header and named else ""
        return Verdict(header, why or _why(header), bool(named) or bool(for_it and against))
    return _all_text(seen, unseen, len(rest))


def _why(header: bool) -> str:
    return "most of it doesn't fit the columns below" if header else "most of it fits the columns below"


def _at(row: Cells, places: Sequence[int]) -> list[str]:
    return [row[i] if i < len(row) else "" for i in places]


def _vote(cell: str, kind: str) -> float:
    """What a cell of the first row says for a header (negative: against one), given the kind of its column below."""
    if cell and cell in PLACEHOLDERS:
        return -2.0
    if kind in ("number", "date"):
        own = kind_of(cell)
        return {"text": 1.5, kind: -1.0}.get(own, 0.5) if cell else 0.0
    return 1.0 if kind == "missing" and kind_of(cell) == "text" else 0.0


def _recurrences(first: Cells, rest: Sequence[Cells], kinds: Sequence[str]) -> tuple[int, int]:
    """In how many columns of repeated texts the first row's text occurs again, and in how many it doesn't."""
    seen = unseen = 0
    for i, kind in enumerate(kinds):
        if kind != "text" or not first[i]:
            continue
        cells = [row[i] for row in rest if i < len(row)]
        if first[i] in cells:
            seen += 1
        elif len(cells) >= 4 and len(set(cells)) <= 0.5 * len(cells):
            unseen += 1
    return seen, unseen


def _all_text(seen: int, unseen: int, rows: int) -> Verdict:
    """Of a table in which everything is text, the first row too."""
    if seen and seen >= unseen:
        return Verdict(False, f"{seen} of its values occur again in their columns", True)
    sure = unseen >= 2 and not seen and rows >= 10
    why = "its values don't occur again in their columns" if unseen else "nothing in it occurs again"
    return Verdict(True, why, not sure)


def _names_in_numbers(cells: Cells, rest: Sequence[Cells]) -> str:
    """Why numbers in the first row are names rather than data; "" where they are data."""
    try:
        values = [float(cell) for cell in cells]
    except ValueError:
        return ""
    if len(values) < 2 or len(set(cells)) < len(cells):
        return ""
    whole = all(cell.isdecimal() for cell in cells)
    steps = {round(b - a, 9) for a, b in pairwise(values)}
    rising = len(steps) == 1 or all(b > a for a, b in pairwise(values))
    if whole and (rising or max(steps) < 0) and all(FIRST_YEAR <= value <= LAST_YEAR for value in values):
        below = [cell for row in rest for cell in row]
        if sum(_is_year(cell) for cell in below) <= 0.1 * len(below):
            return "its numbers look like years, and those below don't"
    if len(steps) > 1 or steps == {0.0} or (len(cells) > 2 and any(_is_progression(row) for row in rest)):
        return ""
    counted = whole and values[0] in (0, 1) and steps == {1.0}
    fractions = all(any(not _is_whole(row[i]) for row in rest) for i in range(len(cells)))
    if len(values) >= (3 if counted and len(rest) > 1 else 4) or (counted and fractions):
        return "its numbers are evenly spaced, and those of no row below are"
    return ""


def _is_year(cell: str) -> bool:
    return cell.isdecimal() and FIRST_YEAR <= int(cell) <= LAST_YEAR


def _is_whole(cell: str) -> bool:
    return not is_number(cell) or float(cell).is_integer()


def _is_progression(row: Cells) -> bool:
    """Whether a row of numbers rises or falls by even steps."""
    if not all(is_number(cell) for cell in row):
        return False
    values = [float(cell) for cell in row]
    return len({round(b - a, 9) for a, b in pairwise(values)}) == 1


@dataclass(frozen=True)
class HeaderRows:
    """The rows that a header consists of, the names that it gives, and what to say of the rows beyond the first."""

    count: int
    names: tuple[str, ...]
    said: str = ""


def read_header(rows: Sequence[Cells], fields: int) -> HeaderRows:
    """The header that begins with the first of ``rows``: one row, and further ones of units, of types or of names."""
    first = [cell.strip() for cell in rows[0]]
    count, extra = 1, []
    while count < min(MOST_HEADER_ROWS, len(rows) - 1) and _is_header_like(rows[count], rows[count + 1 :], fields):
        extra.append([cell.strip() for cell in rows[count]])
        count += 1
    named = [first, *(row for row in extra if not _is_about_names(row))]
    if len(named) == 1:
        what = (
            f"the row of units or types below the names ({listed(c for c in extra[0] if c)}) is left out"
            if extra
            else ""
        )
        return HeaderRows(count, tuple(first), what)
    last = named[-1]
    if all(last) and len(set(last)) == len(last):
        return HeaderRows(count, tuple(last), f"the header has {len(named)} rows of names, of which the last is taken")
    return HeaderRows(count, _joined(named), f"the header has {len(named)} rows of names, which are joined")


def _is_header_like(row: Cells, rest: Sequence[Cells], fields: int) -> bool:
    """Whether a row below the first of a header belongs to it, as it has texts over columns of numbers."""
    row = [cell.strip() for cell in row]
    if len(row) != fields or not rest or any(cell and cell in PLACEHOLDERS and cell != "-" for cell in row):
        return False
    if 2 * sum(kind_of(cell) == "number" for cell in row) > sum(bool(cell) for cell in row):
        return False
    kinds = column_kinds(rest, fields)
    numbers = [i for i, kind in enumerate(kinds) if kind in ("number", "date")]
    over = [row[i] for i in numbers if row[i]]
    if not over or 2 * len(over) < len(numbers) or any(kind_of(cell) in ("number", "date") for cell in over):
        return False
    below = [{line[i].strip() for line in rest if i < len(line)} for i in range(fields)]
    if any(cell and cell in below[i] for i, cell in enumerate(row)):
        return False
    return _is_about_names(row) or (len(over) >= 2 and 2 * len(set(over)) >= len(over))


def _is_about_names(row: Cells) -> bool:
    """Whether a row holds units or types rather than names."""
    present = [cell.casefold() for cell in row if cell]
    hits = sum(cell in UNITS or cell in TYPES or bool(_UNIT.fullmatch(cell)) for cell in present)
    return 2 * hits >= len(present)


def _joined(rows: Sequence[Cells]) -> tuple[str, ...]:
    """Names of several rows; a name above stands for the columns to its right too, up to the next one."""
    spread: list[list[str]] = []
    for row in rows[:-1]:
        filled: list[str] = []
        for cell in row:
            filled.append(cell or (filled[-1] if filled else ""))
        spread.append(filled)
    columns = zip(*spread, rows[-1], strict=True)
    return tuple(" ".join(dict.fromkeys(cell for cell in column if cell)) for column in columns)


def is_row_numbers(name: str, cells: Cells) -> bool:
    """Whether a first column of this name holds the numbers of the rows, from 0 or 1."""
    if name not in INDEX_NAMES or len(cells) < 2 or not all(cell.strip().isdecimal() for cell in cells):
        return False
    start = int(cells[0])
    return start in (0, 1) and [int(cell) for cell in cells] == list(range(start, start + len(cells)))
