"""Texts for one line of a terminal: of foreign origin, lists of names, and counts."""

import re
import sys
from collections.abc import Iterable

SHOWN_CHARACTERS = 60
LISTED_NAMES = 12


def printable(text: str) -> str:
    """``text`` fit for one line of a terminal: control characters escaped, cut to 60 characters."""
    shown = printable_path(text[: SHOWN_CHARACTERS + 1])
    return shown if len(shown) <= SHOWN_CHARACTERS else shown[: SHOWN_CHARACTERS - 3] + "..."


def printable_path(text: str) -> str:
    """Likewise but whole, as the end of a path is what tells files apart."""
    return text if text.isprintable() else "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)


def quoted(text: str) -> str:
    """``text`` as one word of a shell's command line: in quotation marks, commas too, unless it is plain.

    What a terminal doesn't show is spelled out in octal, for printf.

    >>> print(quoted("a.csv"), quoted("a, b"), quoted("tab\\t"))
    a.csv 'a, b' "$(printf 'tab\\011')"
    """
    if not typable(text):
        spelled = "".join(chr(b) if chr(b).isalnum() and b < 128 else f"\\{b:03o}" for b in _bytes_of(text))
        return f"\"$(printf '{spelled}')\""
    plain = text and all(c.isalnum() or c in "-_.:/=+@%" for c in text)
    return text if plain else "'" + text.replace("'", "'\"'\"'") + "'"


def _bytes_of(text: str) -> bytes:
    """UTF-8, and those bytes of a file's name that aren't."""
    try:
        return text.encode(errors="surrogateescape")
    except UnicodeEncodeError:  # half of a pair, which no shell can have
        return text.encode(errors="replace")


def typable(text: str) -> bool:
    """Whether a message shows ``text`` so that it can be typed: a character that stderr's encoding lacks is escaped."""
    try:
        text.encode(getattr(sys.stderr, "encoding", None) or "utf-8")
    except (UnicodeEncodeError, LookupError):
        return False
    return text.isprintable()


def one_line(text: str) -> str:
    """``text`` on one line; spaces stay as they are, as they may be part of a word that is to be copied."""
    return re.sub(r"\s*[\r\n]\s*", " ", text.strip())


def counted(count: int, noun: str) -> str:
    """How many there are of ``noun``, whose plural takes an s.

    >>> counted(1, "step"), counted(0, "step"), counted(1200, "row")
    ('1 step', '0 steps', '1,200 rows')
    """
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def listed(names: Iterable[str]) -> str:
    """Names joined by commas, at most a dozen of them and then how many more there are."""
    every = list(names)
    shown = ", ".join(printable(name) for name in every[:LISTED_NAMES])
    more = len(every) - LISTED_NAMES
    return f"{shown} and {more} more" if more > 0 else shown


def duration(seconds: float) -> str:
    """Seconds as a person writes them.

    >>> duration(4.31), duration(75), duration(7300)
    ('4.3s', '1m 15s', '2h 01m')
    """
    if seconds < 60:
        return f"{seconds:.1f}s"
    if seconds < 3600:
        return f"{int(seconds // 60)}m {int(seconds % 60):02d}s"
    return f"{int(seconds // 3600)}h {int(seconds % 3600 // 60):02d}m"
