"""A problem of the audit: a table, the options of fit-linear, and the numbers that another program makes of it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Sample:
    """Rows X (n, d) and targets y (n,), with what each of them counts, adds or belongs to, and how they are fitted."""

    X: np.ndarray
    y: np.ndarray
    weights: np.ndarray | None = None
    precise: bool = False
    offset: np.ndarray | None = None
    groups: np.ndarray | None = None
    robust: str = "classical"
    intercept: bool = True
    confidence: float = 0.95

    @cached_property
    def repeated(self) -> "Sample":
        """The same with each row so many times as its frequency says."""
        if self.weights is None or self.precise:
            return self
        times = self.weights.astype(int)

        def repeat(values):
            return None if values is None else np.repeat(values, times, axis=0)

        own = {name: repeat(getattr(self, name)) for name in ("X", "y", "offset", "groups")}
        return replace(self, weights=None, **own)

    @cached_property
    def shift(self) -> np.ndarray:
        """What the columns are taken about, so that no reference loses digits to their units: 0 without intercept."""
        return self.X.mean(axis=0) * self.intercept

    @cached_property
    def scale(self) -> np.ndarray:
        """And what they are divided by."""
        return np.sqrt(np.mean((self.X - self.shift) ** 2, axis=0))

    @cached_property
    def design(self) -> np.ndarray:
        """Standardized columns, those of the intercept first."""
        Z = (self.X - self.shift) / self.scale
        return np.column_stack([np.ones(len(Z)), Z]) if self.intercept else Z

    @cached_property
    def to_data(self) -> np.ndarray:
        """From coefficients of the design to those of the data's units."""
        T = np.diag(1 / self.scale)
        if not self.intercept:
            return T
        first = np.concatenate([[1.0], -self.shift / self.scale])
        return np.vstack([first, np.column_stack([np.zeros(len(T)), T])])

    def columns(self) -> dict[str, np.ndarray]:
        """The table as it is written."""
        table = {f"x{j}": self.X[:, j] for j in range(self.X.shape[1])}
        beside = {"y": self.y, "w": self.weights, "o": self.offset, "g": self.groups}
        return table | {name: values for name, values in beside.items() if values is not None}

    def words(self) -> list[str]:
        """The options that say the same."""
        words = ["--target", "y", "--confidence", str(self.confidence)]
        words += [] if self.intercept else ["--no-intercept"]
        if self.weights is not None:
            words += ["--weights", "w", *(["--weights-kind", "precision"] if self.precise else [])]
        if self.offset is not None:
            words += ["--offset", "o"]
        if self.groups is not None:
            words += ["--cluster", "g"]
        elif self.robust != "classical":
            words += ["--robust", self.robust]
        return words


@dataclass(frozen=True)
class Problem:
    """``kind`` is its row in the table of errors; ``expected`` maps a number's place in the report to its value."""

    kind: str
    name: str
    columns: Mapping[str, Any]
    words: list[str]
    expected: Callable[[], dict[str, Any]]
    tolerance: float = 1e-8
    real: str | None = None  # the table that is real
