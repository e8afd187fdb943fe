"""The built-in example: the article's 100 points on y = 3x + 2, with noise that raises the line by a half."""

from collections.abc import Iterator

import numpy as np

from dlcli.engine.ranks import ALONE
from dlcli.tables.table import Chunk, Column, Schema, TrainingRows


class LineExample:
    """100 points: x uniform on [0, 1), y = 3x + 2 + noise uniform on [0, 1).

    The noise has the mean 1/2, so least squares finds an intercept near 2.5.
    """

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.warnings: list[str] = []
        self.dropped = 0
        self.ranks = ALONE
        self.target = Column("y", "number")

    def chunks(self) -> Iterator[Chunk]:
        """The whole example as one chunk."""
        random = np.random.default_rng(self.seed)
        x = random.random(100)
        y = 3 * x + 2 + random.random(100)
        yield Chunk(X=x[:, None].copy(), y=y, first_row=0, rows=None)

    @property
    def schema(self) -> Schema:
        """Schema of the example."""
        return Schema(features=(Column("x", "number"),), target=self.target)

    @property
    def has_gaps(self) -> bool:
        """Nothing is missing."""
        return False

    def settle(self, training: TrainingRows | None = None, *, wholly: bool = False) -> None:
        """There is nothing to decide."""

    def anchors(self) -> np.ndarray:
        """Its one column tells itself."""
        return np.array([0])
