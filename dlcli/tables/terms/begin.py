"""Terms that are asked for, taken to the columns of a table: what they learn of it, and their design."""

import difflib
from collections.abc import Sequence
from dataclasses import replace

from dlcli.errors import DlcliError
from dlcli.tables.columns import Column, ReadOptions
from dlcli.tables.formats.dates import PARTS
from dlcli.tables.layout import Cells
from dlcli.tables.names import find_name
from dlcli.tables.planning.settle import ColumnRecord
from dlcli.tables.terms.design import Design
from dlcli.tables.terms.expressions import written
from dlcli.tables.terms.learned import Learning
from dlcli.tables.terms.shortcuts import as_formula
from dlcli.tables.terms.uses import check_uses
from dlcli.tables.terms.wanted import Formula, Shortcuts, Wanted
from dlcli.text import listed, printable


def with_features(wanted: Wanted, names: Sequence[str], options: ReadOptions) -> ReadOptions:
    """The options with the columns that terms are of as features. Raises DlcliError for one that there isn't."""
    if isinstance(wanted, Formula):
        every = [_found(name, names, options) for name in (*wanted.columns, wanted.target)]
        return replace(options, features=tuple(dict.fromkeys(every[:-1])))
    found = Shortcuts(
        tuple(find_name(name, names, "--log") for name in wanted.logs),
        tuple((find_name(name, names, "--poly"), degree) for name, degree in wanted.polynomials),
        tuple(tuple(find_name(name, names, "--interactions") for name in one) for one in wanted.interactions),
        wanted.intercept,
    )
    both = [name for name, _ in found.polynomials if name in found.logs]
    if both:
        raise DlcliError(f"--log and --poly both name '{printable(both[0])}'", "leave it out of one of them")
    return replace(options, terms=found)


def _found(name: str, names: Sequence[str], options: ReadOptions) -> str:
    base, _, part = name.rpartition(".")
    if name not in names and base in names and part in PARTS and options.date_parts:
        return base
    if name in names:
        return name
    folded = {known.casefold(): known for known in names}
    close = difflib.get_close_matches(name.casefold(), folded, n=3, cutoff=0.6)
    if close:
        hint = f"did you mean {' or '.join(written(folded[one]) for one in close)}?"
    else:
        hint = f"name one of the columns: {listed(names)}"
    raise DlcliError(f"--formula: there is no column '{printable(name)}' among the {len(names)} columns", hint)


class Begun:
    """Terms of the settled columns ``features``, which learn from training rows."""

    def __init__(self, wanted: Wanted, features: Sequence[Column], records: Sequence[ColumnRecord]) -> None:
        """Raises DlcliError where a column that they are of is left out, or can't be used so."""
        used = {column.name for column in features}
        notes = {record.column: record.note for record in records}
        for name in wanted.columns:
            if name not in used and name in notes:
                word = "--formula" if isinstance(wanted, Formula) else "the terms"
                raise DlcliError(
                    f"{word}: column '{printable(name)}' is left out: {notes[name]}", _remedy(notes[name], name)
                )
        self._features = tuple(features)
        self._formula = wanted if isinstance(wanted, Formula) else as_formula(wanted, features)
        check_uses(self._formula.factors.values(), features)
        plain = [name for column in features if column.kind == "number" for name in column.plain_names]
        self._learning = Learning([factor.expression for factor in self._formula.factors.values()], plain)

    def add(self, cells: Cells) -> None:
        """Take in training rows. Raises DlcliError for a value that a function can't take."""
        self._learning.add(cells)

    def design(self) -> Design:
        """What they are now. Raises DlcliError where the rows don't suffice."""
        states, fills = self._learning.found()
        formula = self._formula
        return Design(
            formula.text, formula.factors, formula.terms, self._features, formula.intercept, states, fills
        ).checked()


def _remedy(note: str, name: str) -> str:
    return f"leave it out of the formula, or take it as it is: --text {name}" if "text" in note else "leave it out"
