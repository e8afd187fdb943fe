"""Texts that are different in nearly every row, and targets of numbers that may be classes."""

from collections.abc import Sequence

from dlcli.engine.progress import Progress
from dlcli.tables.names import Hints
from dlcli.tables.table import Schema
from dlcli.text import printable

MANY = 0.5  # levels for each training row: such a column is an identifier or a date
FEW = 10  # numbers that may be classes
NAMES = ("class", "label", "species", "category", "kind", "type", "group", "cluster")


def near_unique(schema: Schema, rows: int, share: float = MANY) -> list[tuple[str, int]]:
    """Text features with more than ``share`` as many levels as training rows, and how many; the worst first."""
    found = [(c.name, len(c.levels)) for c in schema.features if c.kind == "text" and len(c.levels) > share * rows]
    return sorted(found, key=lambda item: -item[1])


def said(found: Sequence[tuple[str, int]], rows: int) -> str:
    """A phrase that names columns and their numbers of texts."""
    each = [f"column '{printable(name)}' has {levels:,} different texts in {rows:,} rows" for name, levels in found]
    return ", ".join(each)


def warn_of_levels(schema: Schema, rows: int, hints: Hints, progress: Progress) -> None:
    """Warn of texts that are nearly all different, and of those that are all the same."""
    for name, levels in near_unique(schema, rows):
        progress.warn(
            f"{said([(name, levels)], rows)}, as an identifier or a date has: a fit by its levels says nothing of "
            f"other rows; {hints.drop(name)}"
        )
    for column in schema.features:
        if column.kind == "text" and len(column.levels) == 1:
            progress.warn(f"column {printable(column.name)!r} is constant: it has no coefficient")


def note_of_classes(name: str, values: Sequence[float], progress: Progress) -> None:
    """Note that a target of numbers may be one of classes: 0 and 1, 0 to k - 1, 1 to k, or by its name."""
    whole = len(values) > 1 and all(value == round(value) for value in values)
    counted = whole and values[0] in (0, 1) and list(values) == [values[0] + i for i in range(len(values))]
    if whole and len(values) <= 2 * FEW and (
        len(values) == 2 or (counted and len(values) <= FEW) or name.casefold() in NAMES
    ):  # fmt: skip
        shown = [f"{value:.0f}" for value in values]
        every = f"{', '.join(shown[:-1])} and {shown[-1]}"
        progress.note(f"the target seems to hold {every} only; to fit classes: --loss cross-entropy")
