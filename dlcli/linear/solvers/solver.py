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


@dataclass(frozen=True)
class Separation:
    """``how`` is "perfect" where every row is put on its right side, "partial" where some are, else "".

    ``taking_part`` says which rows of theta do it, the intercept aside; empty where that isn't known.
    """

    how: str = ""
    taking_part: tuple[int, ...] = ()


NOT_SEPARATED = Separation()


class LinearSolver(Solver[FloatArray], Protocol):
    """A ``Solver`` whose parameters are theta, (p, k)."""

    @property
    def separation(self) -> Separation:
        """What it found of the classes being separable."""

    def passed(self, last: int) -> list[PassedStep]:
        """Log-spaced steps before ``last`` for a chart, in order: those whose losses cost nothing."""
