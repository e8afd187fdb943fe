"""From a table to what training needs: moments by group of rows, and the rows themselves where a method asks."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np

from dlcli.engine.arrays import FloatArray, IntArray
from dlcli.engine.ranks import Ranks
from dlcli.linear.data.gaps import Gaps, fill_gaps
from dlcli.linear.data.split import VALIDATION
from dlcli.linear.objectives.least_squares import Standardizer
from dlcli.linear.objectives.moments import Moments
from dlcli.linear.objectives.responses import RowResponses
from dlcli.linear.objectives.stored_rows import RowsElsewhere
from dlcli.tables.table import Chunk, Schema, TrainingRows

Block = tuple[FloatArray, RowResponses, IntArray]  # rows of X, what they are to give, and groups
NOTHING = 1e-12  # of the weight of all rows: less is rounding
ROWS = 1 << 16  # whose moments are taken at once, where the rows are in memory


class ChunkSource(Protocol):
    """A table being read, or the built-in example."""

    @property
    def warnings(self) -> list[str]:
        """Lines for the user."""

    @property
    def dropped(self) -> int:
        """Rows left out for missing values."""

    @property
    def schema(self) -> Schema:
        """The columns, once they are settled."""

    @property
    def ranks(self) -> Ranks:
        """The processes that read it together."""

    @property
    def has_gaps(self) -> bool:
        """Whether X may be nan where values are missing."""

    def settle(self, training: TrainingRows | None = None, *, wholly: bool = False) -> None:
        """Decide how columns are used, by the rows to train on; ``wholly``: whatever the first rows say."""

    def chunks(self) -> Iterator[Chunk]:
        """Chunks of encoded rows; can be started again."""

    def anchors(self) -> IntArray:
        """For each column of X, one that is NaN wherever its value is missing."""


@dataclass(frozen=True)
class RereadRows:
    """Another pass over X (of the schema's columns, nan where missing), responses and groups.

    ``kept`` are the columns that are left.
    """

    again: Callable[[], Iterator[Block]]
    kept: IntArray | None = None

    def columns(self, keep: IntArray) -> "RereadRows":
        """The same for some of the columns."""
        return replace(self, kept=keep if self.kept is None else self.kept[keep])

    def blocks(self) -> Iterator[Block]:
        """Blocks of X (m, d), responses and groups (m,)."""
        for X, responses, groups in self.again():
            yield X if self.kept is None else X[:, self.kept], responses, groups


class Reread(Protocol):
    """Rows that are not in memory."""

    def columns(self, keep: IntArray) -> "Reread":
        """The same for some of the columns."""

    def blocks(self) -> Iterator[Block]:
        """Blocks of X (m, d), nan where missing, responses and groups (m,)."""


class TableElsewhere(ABC):
    """The rows of a table of which other processes have some, too: never a row itself, only sums over them."""

    @abstractmethod
    def columns(self, keep: IntArray) -> "TableElsewhere":
        """The same for some of the columns."""

    def blocks(self) -> Iterator[Block]:
        """Rows are never all in one process."""
        raise NotImplementedError

    @abstractmethod
    def class_counts(self, classes: int, groups: Sequence[int] | None = None) -> FloatArray:
        """See ``TableData.class_counts``."""

    @abstractmethod
    def squared_residuals(
        self, intercept: float, coefficients: FloatArray, fill: FloatArray, groups: list[int]
    ) -> tuple[float, float]:  # fmt: skip
        """See ``TableData.squared_residuals``."""

    @abstractmethod
    def standardized(
        self, fill: FloatArray, units: Standardizer, trained: list[int], held: list[list[int]], in_place: bool
    ) -> None:  # fmt: skip
        """Have all put the rows of some groups into training ``units``: see ``standardized_rows``."""

    def distances(
        self, on: Any, fill: FloatArray, groups: list[int]
    ) -> tuple[FloatArray, FloatArray, int] | None:  # fmt: skip
        """What ``OnOthers.distances`` gives, as ``on``; None where nobody is asked for it."""
        del on, fill, groups
        return None

    @abstractmethod
    def part(self, name: str, shape: tuple[int, ...]) -> RowsElsewhere:
        """The rows (n, p) of those that are "train", "scored" or "watched"."""


@dataclass(frozen=True)
class TableData:
    """A table in the form that training takes.

    moments: by group, y in column 0. ones_X (n, 1 + d), responses, groups (n,): the rows after a column of ones,
    for methods that need them.
    fill (d,): what stands in for a missing value, the mean over the training rows. ``gaps``: where each fold has its
    own; then missing values are nan in ones_X.
    exponents: of each of the schema's columns the power of 2 that it and its fill are divided by, so that squares have
    room.
    reread: another pass over the rows, where they are not kept.
    names (d,): those of the columns. level_of (d,): the number of the text feature whose level a column is, or -1.
    """

    schema: Schema
    moments: dict[int, Moments]
    fill: FloatArray
    rows: int
    names: tuple[str, ...]
    level_of: IntArray
    ones_X: FloatArray | None = None  # noqa: N815
    responses: RowResponses | None = None
    groups: IntArray | None = None
    gaps: Gaps | None = None
    exponents: IntArray | None = None
    reread: Reread | None = None

    def merged(self, groups: Sequence[int]) -> Moments:
        """Moments of the rows in ``groups``."""
        total = Moments.empty(len(self.fill) + 1)
        for group in groups:
            total = total.merged(self.moments[group])
        return total

    def training_groups(self) -> list[int]:
        """All groups but the validation rows'."""
        return sorted(g for g in self.moments if g != VALIDATION)

    def columns(self, keep: IntArray) -> "TableData":
        """The same rows with some of the columns; the schema stays that of the whole table."""
        if len(keep) == len(self.fill):
            return self
        chosen = np.concatenate([[0], keep + 1])
        return replace(
            self,
            moments={g: m.select(chosen) for g, m in self.moments.items()},
            fill=self.fill[keep],
            names=tuple(self.names[i] for i in keep),
            level_of=self.level_of[keep],
            ones_X=None if self.ones_X is None else self.ones_X[:, chosen],
            gaps=None if self.gaps is None else self.gaps.columns(keep),
            reread=None if self.reread is None else self.reread.columns(keep),
        )

    def mean_square_residual(self, intercept: float, coefficients: FloatArray, groups: Sequence[int]) -> float:
        """Mean of (y - intercept - x'coefficients)^2 over the rows in ``groups``, one by one: nothing cancels.

        Reads the table once more where its rows are not kept. ``ones_X`` must be in the data's units still.
        """
        total, count = self.squared_residuals(intercept, coefficients, groups)
        return total / count if count else 0.0

    def squared_residuals(
        self, intercept: float, coefficients: FloatArray, groups: Sequence[int]
    ) -> tuple[float, float]:  # fmt: skip
        """The sum of squared residuals, and the rows' weight: see ``mean_square_residual``."""
        if isinstance(self.reread, TableElsewhere):
            return self.reread.squared_residuals(intercept, coefficients, self.fill, list(groups))
        total, count = 0.0, 0.0
        for X, responses, owners in self.passed_again():
            rows = np.isin(owners, list(groups))
            X, own = X[rows], responses.of_rows(rows)
            fill_gaps(X, self.fill)
            residual = own.y - intercept - X @ coefficients
            total, count = total + float(residual @ own.weighted(residual)), count + own.total()
        return total, count

    def class_counts(self, classes: int, groups: Sequence[int] | None = None) -> FloatArray:
        """How much the training rows of each class weigh, (classes,), in all groups or in some."""
        if isinstance(self.reread, TableElsewhere):
            return self.reread.class_counts(classes, groups)
        counts = np.zeros(classes)
        for _, responses, owners in self.passed_again():
            rows = owners != VALIDATION if groups is None else np.isin(owners, list(groups))
            counts += responses.of_rows(rows).class_counts(classes)
        return counts

    def passed_again(self) -> Iterator[Block]:
        """Blocks of X (m, d), responses and groups (m,)."""
        if self.reread is not None:
            yield from self.reread.blocks()
            return
        assert self.ones_X is not None
        assert self.responses is not None
        assert self.groups is not None
        for block in row_blocks(len(self.responses)):
            yield self.ones_X[block, 1:], self.responses[block], self.groups[block]

    def as_seen_from(self, groups: Sequence[int]) -> "TableData":
        """The data as they would be if only the training rows in ``groups`` had been there to learn from.

        Missing values have their means; a column that doesn't vary among them is left out, and so is the first level
        of a text whose reference level they don't have.
        """
        if len(groups) == len(self.training_groups()):
            return self
        data = self
        if self.gaps is not None:
            fill = self.gaps.means(groups)
            data = replace(self, moments=self.gaps.filled(fill), fill=fill)
        seen = data.merged(groups)
        nothing = 0.5 / max(seen.number, 1) if seen.weighted is None else NOTHING
        keep = (seen.diagonal[1:] != 0) | (seen.mean[1:] != 0)
        for text in np.unique(self.level_of[self.level_of >= 0]):
            levels = np.flatnonzero((self.level_of == text) & keep)
            if len(levels) and 1 - seen.mean[1 + levels].sum() < nothing:
                keep[levels[0]] = False
        return data.columns(np.flatnonzero(keep))


def row_blocks(rows: int) -> Iterator[slice]:
    """Blocks of rows that are taken at once."""
    return (slice(start, start + ROWS) for start in range(0, rows, ROWS))
