"""What the cells of a table look like, as far as its layout is told from them."""

import re
from collections import Counter
from collections.abc import Sequence
from functools import lru_cache

from dlcli.tables.columns import MISSING_TEXTS

PLACEHOLDERS = frozenset((*MISSING_TEXTS, "-", "--", ".", "..", "n/a", "na", "NULL", "\\N", "#N/A", "*"))
MOSTLY = 0.8

_NUMBER = re.compile(
    r"[(\-+\u2212]?\s*(?:[$€£¥₹]|[A-Z]{3}\s)?\s*[-+\u2212]?"
    r"(?:\d{1,3}(?:[, .'’\u00a0\u202f]\d{3})+|\d+)?(?:[.,]\d*)?(?:[eE][-+]?\d+)?"
    r"\s*(?:%|[€$£¥₹]|[A-Za-zµ°][A-Za-z/°²³]{0,3})?\)?"
)
_DATE = re.compile(
    r"(?:\d{4}[-/]\d{1,2}|\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}|\d{1,2}[- ][A-Za-z]{3,9}[-, ]+\d{2,4}"
    r"|[A-Za-z]{3,9}\.? \d{1,2},? \d{2,4})(?:[ T]\d{1,2}:\d{2}.*)?|\d{1,2}:\d{2}(?::\d{2})?(?:\.\d+)?(?: ?[AaPp][Mm])?"
)


def is_number(text: str) -> bool:
    """Whether ``text`` is a finite or infinite number as the reader takes it."""
    text = text.strip()
    if text in MISSING_TEXTS or "_" in text:
        return False
    try:
        float(text)
    except ValueError:
        return False
    return True


@lru_cache(maxsize=1 << 13)
def kind_of(text: str) -> str:
    """What a cell holds: "missing", "number" (also in disguise, as $1,234), "date" or "text"."""
    text = text.strip()
    if text in PLACEHOLDERS:
        return "missing"
    if is_number(text):
        return "number"
    if not any(c.isdigit() for c in text):
        return "text"
    if _DATE.fullmatch(text):
        return "date"
    return "number" if _NUMBER.fullmatch(text) else "text"


def column_kind(cells: Sequence[str]) -> str:
    """What a column mostly holds; "missing" where there is nothing in it, "text" where it is mixed."""
    counts = Counter(kind_of(cell) for cell in cells)
    del counts["missing"]
    if not counts:
        return "missing"
    kind, count = counts.most_common(1)[0]
    return kind if count >= MOSTLY * counts.total() else "text"


def column_kinds(rows: Sequence[Sequence[str]], fields: int) -> list[str]:
    """The kind of each of ``fields`` columns."""
    return [column_kind([row[i] for row in rows if i < len(row)]) for i in range(fields)]
