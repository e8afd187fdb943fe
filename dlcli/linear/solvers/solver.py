"""What fits ask of a solver of linear models."""

from typing import Protocol

from dlcli.engine.arrays import FloatArray
from dlcli.engine.solver import Solver


class LinearSolver(Solver[FloatArray], Protocol):
    """A ``Solver`` whose parameters are theta, (p, k)."""

    @property
    def separated(self) -> str:
        """``perfect`` or ``partial`` where it found that the classes are separable, else empty."""
