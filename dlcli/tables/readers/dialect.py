"""Recognizing how a delimited file is written: encoding, delimiter, header, spaces after delimiters."""

import codecs
import csv
import io
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice

from dlcli.errors import DlcliError
from dlcli.tables.columns import MISSING_TEXTS, ReadOptions
from dlcli.text import printable

# In the order in which they win: a comma is also found inside numbers and texts, a tab hardly ever.
DELIMITERS = ("\t", ";", "|", ",")
NAMED_DELIMITERS = {"tab": "\t", "\\t": "\t", "comma": ",", "semicolon": ";", "pipe": "|", "space": " "}
BOMS = {
    codecs.BOM_UTF8: "utf-8",
    codecs.BOM_UTF32_LE: "utf-32-le",
    codecs.BOM_UTF32_BE: "utf-32-be",
    codecs.BOM_UTF16_LE: "utf-16-le",
    codecs.BOM_UTF16_BE: "utf-16-be",
}
SNIFFED_ROWS = 100


@dataclass(frozen=True)
class Dialect:
    """How a file is written; ``fields`` is the number of columns, ``first`` its first row as texts."""

    delimiter: str
    header: bool
    skip_space: bool
    first: tuple[str, ...]

    @property
    def fields(self) -> int:
        """The number of fields in every row."""
        return len(self.first)


def recognize_encoding(start: bytes, option: str | None, label: str) -> tuple[str, int]:
    """The codec of a file that begins with ``start`` and the length of its byte-order mark.

    Raises DlcliError for an encoding that Python doesn't know, and for bytes that are no text.
    """
    name = _codec(option) if option else "utf-8"
    for bom, told in BOMS.items():
        if start.startswith(bom):
            return told, len(bom)
    if b"\0" in start[:4096] and not name.startswith(("utf-16", "utf-32")):
        hint = "if it is UTF-16 text without a byte-order mark: --encoding utf-16-le"
        raise DlcliError(f"{label} is not text: it holds zero bytes", hint)
    return name, 0


def _codec(option: str) -> str:
    """The canonical name of an encoding; raises DlcliError if it is none."""
    try:
        name = codecs.lookup(option).name
        "a".encode(name)
        "".join(codecs.iterdecode([b""], name))
    except (LookupError, ValueError, TypeError, AttributeError):
        hint = "use one such as --encoding utf-8, latin-1, cp1252 or utf-16"
        raise DlcliError(f"--encoding {printable(option)}: there is no such text encoding", hint) from None
    return name


def checked_delimiter(option: str) -> str:
    """The one ASCII character that the user means by ``option``; raises DlcliError if it is none."""
    delimiter = NAMED_DELIMITERS.get(option.lower(), option)
    if len(delimiter) != 1 or not delimiter.isascii() or delimiter in '"\r\n\0':
        hint = "use for example --delimiter ';' or --delimiter tab"
        raise DlcliError(f"--delimiter '{printable(option)}' is not one ASCII character", hint)
    return delimiter


def recognize(head: str, options: ReadOptions, extension: str = "") -> Dialect:
    """The dialect of the file that begins with the complete records ``head``."""
    if options.delimiter is not None:
        delimiter = checked_delimiter(options.delimiter)
    elif extension in (".tsv", ".tab") and "\t" in head:
        delimiter = "\t"
    else:
        delimiter = _delimiter(head)
    rows = _rows(head, delimiter)
    first = [field.strip() for field in rows[0]] if rows else []
    later = [field for row in rows for field in row[1:] if field]
    # One field that begins with a space by chance must not change how all the others are read.
    skip_space = delimiter != " " and bool(later) and sum(f[0] == " " for f in later) >= 0.9 * len(later)
    if skip_space:
        rows = _rows(head, delimiter, spaces=True)
        first = [field.strip() for field in rows[0]]
    header = options.header
    if header is None:
        header = not any(_is_value(text, options) for text in first)
    return Dialect(delimiter, header, skip_space, tuple(first))


def _rows(head: str, delimiter: str, *, spaces: bool = False) -> list[list[str]]:
    """The first rows of ``head`` that aren't blank, as far as they can be read at all."""
    rows: list[list[str]] = []
    reader = csv.reader(io.StringIO(head, newline=""), delimiter=delimiter, skipinitialspace=spaces)
    with suppress(csv.Error):  # whoever reads the block says where and what
        rows.extend(islice((row for row in reader if row), SNIFFED_ROWS))
    return rows


def _delimiter(head: str) -> str:
    """The delimiter that splits the first rows most evenly; a comma where none splits them."""
    best, best_score = ",", 0.0
    for delimiter in DELIMITERS:
        rows = _rows(head, delimiter)
        if not rows:
            continue
        fields, count = Counter(len(row) for row in rows).most_common(1)[0]
        score = count / len(rows)
        if fields > 1 and score > best_score:
            best, best_score = delimiter, score
    return best


def _is_value(text: str, options: ReadOptions) -> bool:
    """Whether a field of the first row is data rather than a name: a number (also 1,5) or a mark for missing."""
    return is_number(text) or is_number(text.replace(",", ".", 1)) or bool(text and text in options.markers)


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
