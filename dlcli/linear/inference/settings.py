"""What is asked of the summary of a fit."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Clusters:
    """Of each row that is kept its cluster, ``codes`` (n,) from 0 to ``count`` - 1, by the column ``name``."""

    name: str
    codes: NDArray[np.int32]
    count: int


@dataclass(frozen=True)
class InferenceSettings:
    """The ``confidence`` of intervals, the class that others are compared with, and whether slopes are also shown
    standardized. ``robust`` is HC0 to HC3, or None; with ``clusters`` their rows hang together.
    """

    confidence: float = 0.95
    baseline: str | None = None
    standardized: bool = False
    robust: str | None = None
    clusters: Clusters | None = None

    @property
    def covariance(self) -> str:
        """How standard errors are computed: classical, HC0 to HC3, or cluster."""
        return "cluster" if self.clusters is not None else self.robust or "classical"
