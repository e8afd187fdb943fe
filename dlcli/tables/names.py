"""Column names: how they are shown, made unique, and found from what a user typed."""

import difflib
import os
from collections.abc import Sequence
from dataclasses import dataclass

from dlcli.errors import DlcliError
from dlcli.text import SHOWN_CHARACTERS, listed, printable, quoted, typable


@dataclass(frozen=True)
class Hints:
    """Words for a hint that work as printed: the columns' names, and whether the command chooses columns."""

    names: tuple[str, ...] = ()
    choosing: bool = True

    def column(self, name: str) -> str:
        """A column as one word of a shell's command line: its name or, where that is no good word, its position."""
        tidy = typable(name) and name == " ".join(name.split()) and not set(name) & set(",'\"\\`$!")
        if (name and tidy and name[0] != "-" and len(name) <= SHOWN_CHARACTERS) or name not in self.names:
            return quoted(name)
        place = self.names.index(name)
        # A name that is a number would be taken for the column of that name.
        positions = [str(place + 1), str(place - len(self.names))]
        return next((p for p in positions if p not in self.names), quoted(name))

    def drop(self, *names: str) -> str:
        """The option that leaves columns out."""
        return " ".join(f"--drop {self.column(name)}" for name in names)

    def text(self, name: str) -> str:
        """The option that treats a column as text."""
        return f"--text {self.column(name)}"


def positional(count: int) -> list[str]:
    """The names of ``count`` columns that have none: column_1, column_2..."""
    return [f"column_{i + 1}" for i in range(count)]


def unique_names(raw: Sequence[str]) -> tuple[list[str], list[str]]:
    """Names of a header made non-empty and unique, and the ones that occurred more than once."""
    names: list[str] = []
    taken = {text.strip() for text in raw}
    repeated: list[str] = []
    used: set[str] = set()
    for i, text in enumerate(raw):
        name = text.strip() or f"column_{i + 1}"
        if name in used:
            if text.strip():
                repeated.append(name)
            suffix = 2
            while f"{name}_{suffix}" in used or f"{name}_{suffix}" in taken:
                suffix += 1
            name = f"{name}_{suffix}"
        used.add(name)
        names.append(name)
    return names, repeated


def find_name(wanted: str, names: Sequence[str], option: str) -> str:
    """The column that ``wanted`` means: a name, or a position counted from 1 (negative: from the end).

    Raises DlcliError, with the closest names, where there is no such column.
    """
    for name in (wanted, *_decoded(wanted)):
        if name in names:
            return name
    try:
        position = int(wanted)
    except ValueError:
        position = 0
    if 1 <= abs(position) <= len(names):
        return names[position - 1 if position > 0 else position]
    folded = {name.casefold(): name for name in names}
    close = difflib.get_close_matches(wanted.casefold(), folded, n=3, cutoff=0.6)
    if close:
        hints = Hints(tuple(names))
        hint = f"did you mean {option} {' or '.join(hints.column(folded[name]) for name in close)}?"
    else:
        hint = f"name one of the columns with {option}: {listed(names)}"
    raise DlcliError(f"{option} {printable(wanted)}: there is no such column among the {len(names)} columns", hint)


def _decoded(word: str) -> list[str]:
    """What a word of the command line that isn't text in the locale's encoding may be in others."""
    try:
        word.encode()
    except UnicodeEncodeError:
        raw = os.fsencode(word)
        return [raw.decode(encoding, errors="replace") for encoding in ("utf-8", "cp1252")]
    return []


def default_target(names: Sequence[str]) -> str | None:
    """The one column that is called target, y, label or class, or None if there isn't exactly one."""
    usual = [name for name in names if name.casefold() in ("target", "y", "label", "class")]
    return usual[0] if len(usual) == 1 else None
