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


@dataclass(frozen=True)
class RowColumns:
    """The names of columns that say how much each row counts, and what its score has beside the features; None: none.

    The logarithm of ``exposure`` is an offset, too.
    """

    weights: str | None = None
    offset: str | None = None
    exposure: str | None = None
    weights_if_there: str | None = None  # weights of a table that may lack them

    @property
    def names(self) -> list[str]:
        """Those that there are."""
        return [name for name in (self.weights, self.offset, self.exposure) if name is not None]

    def option_of(self, name: str) -> str:
        """What a column was given as, as it is typed."""
        given = {"--weights": self.weights, "--offset": self.offset, "--exposure": self.exposure}
        option = next(option for option, column in given.items() if column == name)
        return f"{option} {printable(name)}"

    def found(self, names: Sequence[str]) -> "RowColumns":
        """The same by name where they were given by position. Raises DlcliError for a column that there isn't."""

        def found(given: str | None, option: str) -> str | None:
            return None if given is None else find_name(given, names, option)

        return RowColumns(
            found(self.weights, "--weights"), found(self.offset, "--offset"), found(self.exposure, "--exposure")
        )

    def of_model(self, label: str, names: Sequence[str]) -> "RowColumns":
        """The same of a table that a model is applied to; weights by name or position. Raises DlcliError."""
        for what, name in (("offset", self.offset), ("exposure", self.exposure)):
            if name is not None and name not in names:
                message = f"{label} lacks the column '{printable(name)}' of the model's {what}"
                raise DlcliError(message, "which is part of every prediction; name it as when training")
        weights = None if self.weights is None else find_name(self.weights, names, "--weights")
        if weights is None and self.weights_if_there in names:
            weights = self.weights_if_there
        return RowColumns(weights, self.offset, self.exposure)

    def check(self, target: str | None) -> None:
        """Raise DlcliError for a column that can't be one of them."""
        if len(set(self.names)) < len(self.names):
            twice = next(name for name in self.names if self.names.count(name) > 1)
            raise DlcliError(f"the column '{printable(twice)}' is named twice", "name one column for each")
        if target is not None and target in self.names:
            raise DlcliError(f"{self.option_of(target)}: it is the target", "name another column")


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
