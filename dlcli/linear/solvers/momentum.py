"""Momentum, as all gradient solvers of linear models take it."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Momentum:
    """The share of the last move that a step repeats, and whether the gradient is taken ahead, at its end."""

    factor: float = 0.0
    nesterov: bool = False


NO_MOMENTUM = Momentum()
