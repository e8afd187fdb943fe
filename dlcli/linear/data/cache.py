"""Results that fits on the same table share."""

from collections.abc import Sequence

from dlcli.linear.data.rows import Held, Rows, standardized_rows
from dlcli.linear.data.table_data import TableData
from dlcli.linear.objectives.least_squares import LeastSquares, Standardizer
from dlcli.linear.plan import ColumnSettings
from dlcli.linear.start.point import StartPoint

Groups = tuple[int, ...]  # of rows


class FitCache:
    """What fits on the same data share: moments, their decomposition, and the rows in training units.

    ``lasting`` says that more than one fit follows, so that the data must stay as they are. Fits of all training rows
    begin at ``start``, None for 0.
    """

    def __init__(self, data: TableData, device: str, *, lasting: bool, start: StartPoint | None = None) -> None:
        self.data, self.device, self.lasting, self.start = data, device, lasting, start
        self._squares: dict[tuple[Groups, ColumnSettings, float], LeastSquares] = {}
        self._rows: dict[tuple[Groups, Groups, Groups, ColumnSettings, bool], Rows] = {}
        self._view: tuple[Groups, TableData] | None = None

    def seen_from(self, groups: Sequence[int]) -> TableData:
        """The data for training on some groups of rows; the latest are kept."""
        key = tuple(groups)
        if self._view is None or self._view[0] != key:
            self._view = key, self.data.as_seen_from(groups)
        return self._view[1]

    def start_of(self, groups: Sequence[int]) -> StartPoint | None:
        """Where a fit of some groups begins; from 0 where they aren't all: a start may know what is left out."""
        return self.start if len(groups) == len(self.data.training_groups()) else None

    def squares(self, columns: ColumnSettings, l2: float, groups: Sequence[int]) -> LeastSquares:
        """The least-squares problem of some groups of rows."""
        key = (tuple(groups), columns, l2)
        if key not in self._squares:
            self._squares[key] = self.problem(columns, l2, groups)
        return self._squares[key]

    def problem(self, columns: ColumnSettings, l2: float, groups: Sequence[int]) -> LeastSquares:
        """The same, made anew and not kept."""
        moments = self.seen_from(groups).merged(groups)
        spread = moments.diagonal[1:]
        units = Standardizer.of(moments.mean[1:], spread, moments.count, columns.intercept, columns.standardize)
        return LeastSquares(moments, units, l2)

    def rows(
        self, columns: ColumnSettings, groups: Sequence[int], held: Held, units: Standardizer, *, exact: bool
    ) -> Rows:
        """The rows of some groups, and of those ``held``, in training ``units``; the latest are kept."""
        key = (tuple(groups), tuple(held.scored), tuple(held.watched), columns, exact)
        if key not in self._rows:
            self._rows = {
                key: standardized_rows(
                    self.seen_from(groups), groups, (held.scored, held.watched), units, exact=exact,
                    in_place=not self.lasting,
                )
            }  # fmt: skip
        return self._rows[key]
