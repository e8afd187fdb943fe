"""Results that fits on the same table share."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from dlcli.config.fit_linear import FitLinearConfig
from dlcli.linear.data.table_data import TableData
from dlcli.linear.objectives.least_squares import LeastSquares, Standardizer
from dlcli.linear.rows import Rows, standardized_rows


class FitCache:
    """What fits on the same data share: moments, their decomposition, and the rows in training units.

    ``lasting`` says that more than one fit follows, so that the data must stay as they are.
    """

    def __init__(self, data: TableData, device: str, *, lasting: bool) -> None:
        self.data, self.device, self.lasting = data, device, lasting
        self._squares: dict[Any, LeastSquares] = {}
        self._rows: dict[Any, Rows] = {}
        self._view: tuple[tuple[int, ...], TableData] | None = None

    def seen_from(self, groups: Sequence[int]) -> TableData:
        """The data for training on some groups of rows; the latest are kept."""
        key = tuple(groups)
        if self._view is None or self._view[0] != key:
            self._view = key, self.data.as_seen_from(groups)
        return self._view[1]

    def squares(self, config: FitLinearConfig, groups: Sequence[int]) -> LeastSquares:
        """The least-squares problem of some groups of rows."""
        key = (tuple(groups), config.intercept, config.standardize, config.l2)
        if key not in self._squares:
            moments = self.seen_from(groups).merged(groups)
            spread = np.diag(moments.scatter)[1:]
            units = Standardizer.of(moments.mean[1:], spread, moments.count, config.intercept, config.standardize)
            self._squares[key] = LeastSquares(moments, units, config.l2)
        return self._squares[key]

    def rows(
        self, config: FitLinearConfig, groups: Sequence[int], scored: Sequence[int], watched: Sequence[int],
        units: Standardizer,
    ) -> Rows:  # fmt: skip
        """The rows of some groups; the latest are kept."""
        exact = config.optimizer == "exact"
        key = (tuple(groups), tuple(scored), tuple(watched), config.intercept, config.standardize, exact)
        if key not in self._rows:
            self._rows = {
                key: standardized_rows(
                    self.seen_from(groups), groups, (scored, watched), units, exact=exact, in_place=not self.lasting
                )
            }
        return self._rows[key]
