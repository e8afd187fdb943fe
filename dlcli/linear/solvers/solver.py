"""What fits ask of a solver of linear models."""

from dataclasses import dataclass
from typing import Protocol

from dlcli.engine.arrays import FloatArray
from dlcli.engine.solver import Solver


@dataclass(frozen=True)
class PassedStep:
    """The training loss (without penalties) at a step that no report was of, and theta (p, k) where it is known."""

    step: int
    loss: float
    theta: FloatArray | None = None


class LinearSolver(Solver[FloatArray], Protocol):
    """A ``Solver`` whose parameters are theta, (p, k)."""

    @property
    def separated(self) -> str:
        """``perfect`` or ``partial`` where it found that the classes are separable, else empty."""

    def passed(self, last: int) -> list[PassedStep]:
        """Log-spaced steps before ``last`` for a chart, in order: those whose losses cost nothing."""
