"""The rows of a table in the units of training, for methods that need them."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from dlcli.engine.arrays import FloatArray
from dlcli.linear.data.gaps import fill_gaps
from dlcli.linear.data.stored import StoredTable
from dlcli.linear.data.table_data import TableData, TableElsewhere
from dlcli.linear.objectives.least_squares import Standardizer
from dlcli.linear.objectives.responses import Responses
from dlcli.linear.objectives.stored_rows import AnyRows

Part = tuple[AnyRows, Responses]


@dataclass(frozen=True)
class Held:
    """Groups of rows that are not trained on, and whether this is a ``fold``, of which only the score is wanted.

    ``watched`` is what each report measures, and what early stopping and the plateau schedule listen to; ``scored``
    is what ``metrics.val`` is of. A fold of cross-validation must never watch the rows that score it.
    """

    watched: Sequence[int] = ()
    scored: Sequence[int] = ()
    fold: bool = False


@dataclass(frozen=True)
class Rows:
    """Training, scored and watched rows, each [1, (X - shift) / scale] (n, p) and responses, in memory or not.

    For the exact solver there are training rows only, with raw X.
    """

    Z: AnyRows
    responses: Responses
    scored: Part | None = None
    watched: Part | None = None

    def turned(self, basis: FloatArray, first: int) -> "Rows":
        """The same with coordinates in ``basis`` (d, r) in place of the columns after the ``first``."""

        def turn(Z: AnyRows) -> FloatArray:
            assert isinstance(Z, np.ndarray)  # a table with fewer rows than columns is in memory
            return np.concatenate([Z[:, :first], Z[:, first:] @ basis], axis=1)

        scored = (turn(self.scored[0]), self.scored[1]) if self.scored else None
        watched = (turn(self.watched[0]), self.watched[1]) if self.watched else None
        return Rows(turn(self.Z), self.responses, scored, scored if self.watched is self.scored else watched)


def standardized_rows(
    data: TableData, train_groups: Sequence[int], held: tuple[Sequence[int], Sequence[int]], units: Standardizer, *,
    exact: bool, in_place: bool,
) -> Rows:  # fmt: skip
    """The rows of some groups in training units; ``in_place`` where nobody needs the data's own again.

    ``held`` are the groups that score the fit, and those that the reports measure.
    """
    if isinstance(data.reread, TableElsewhere):
        return _shared_rows(data, train_groups, held, units, in_place)
    if isinstance(data.reread, StoredTable):
        own = Standardizer(np.zeros(len(data.fill)), np.ones(len(data.fill)), intercept=False)
        return _stored_rows(data.reread, data.fill, train_groups, held, own if exact else units)
    assert data.ones_X is not None
    assert data.responses is not None
    assert data.groups is not None
    first = 0 if units.intercept else 1
    everything = not any(held) and len(train_groups) == len(data.moments)
    rows = slice(None) if everything and in_place else np.isin(data.groups, list(train_groups))
    Z = data.ones_X[rows]
    responses = data.responses if isinstance(rows, slice) else data.responses.of_rows(rows)
    if data.gaps is not None:
        fill_gaps(Z[:, 1:], data.fill)
    if exact:
        return Rows(Z[:, 1:], responses)
    Z = _standardized(Z, units)[:, first:]
    parts: dict[tuple[int, ...], Part | None] = {(): None}
    for groups in held:
        if tuple(groups) not in parts:
            chosen = np.isin(data.groups, list(groups))
            ones_X = data.ones_X[chosen]
            if data.gaps is not None:
                fill_gaps(ones_X[:, 1:], data.fill)
            parts[tuple(groups)] = _standardized(ones_X, units)[:, first:], data.responses.of_rows(chosen)
    return Rows(Z, responses, parts[tuple(held[0])], parts[tuple(held[1])])


def _shared_rows(
    data: TableData, train_groups: Sequence[int], held: tuple[Sequence[int], Sequence[int]], units: Standardizer,
    in_place: bool,
) -> Rows:  # fmt: skip
    table, width = data.reread, int(units.intercept) + len(units.scale)
    assert isinstance(table, TableElsewhere)
    table.standardized(data.fill, units, list(train_groups), [list(held[0]), list(held[1])], in_place)

    def part(name: str, groups: Sequence[int]) -> Part | None:
        rows = data.merged(groups).number
        shared = table.part(name, (rows, width))
        return (shared, Responses(shared)) if groups else None

    training, scored = part("train", train_groups), part("scored", held[0])
    assert training is not None
    return Rows(*training, scored, scored if held[0] == held[1] else part("watched", held[1]))


def _stored_rows(
    stored: StoredTable, fill: FloatArray, train_groups: Sequence[int], held: tuple[Sequence[int], Sequence[int]],
    units: Standardizer,
) -> Rows:  # fmt: skip
    parts: dict[tuple[int, ...], Part | None] = {(): None}
    for groups in held:
        if tuple(groups) not in parts:
            parts[tuple(groups)] = stored.of_groups(groups, units, fill)
    training = stored.of_groups(train_groups, units, fill)
    return Rows(*training, parts[tuple(held[0])], parts[tuple(held[1])])


def _standardized(ones_X: FloatArray, units: Standardizer) -> FloatArray:
    """[1, (X - shift) / scale] in place, a block of rows at a time so that each is read from memory once."""
    for start in range(0, len(ones_X), 8192):
        block = ones_X[start : start + 8192, 1:]
        block -= units.shift
        block /= units.scale
    return ones_X
