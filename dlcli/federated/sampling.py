"""Which clients are asked in a round, and which of them give no answer: by seed and round, whatever came before."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

ASKED, LOST = 1, 2  # streams of random numbers


@dataclass(frozen=True)
class Participation:
    """Of so many ``clients`` a ``fraction`` is asked in a round; each of them is lost by the chance ``failures``."""

    clients: int
    fraction: float
    failures: float
    seed: int

    @property
    def each_round(self) -> int:
        """How many are asked in a round: at least one."""
        return max(1, round(self.fraction * self.clients))

    def asked(self, number: int) -> list[int]:
        """Those who are asked in a round, in order.

        >>> Participation(10, 0.3, 0.0, 0).asked(1) == Participation(10, 0.3, 0.0, 0).asked(1)
        True
        """
        if self.each_round == self.clients:
            return list(range(self.clients))
        chosen = self._rng(ASKED, number).choice(self.clients, self.each_round, replace=False)
        return sorted(int(client) for client in chosen)

    def lost(self, number: int, asked: Sequence[int]) -> set[int]:
        """Those of the ``asked`` who give no answer."""
        if not self.failures:
            return set()
        drawn = self._rng(LOST, number).random(self.clients) < self.failures
        return {client for client in asked if drawn[client]}

    def _rng(self, stream: int, number: int) -> np.random.Generator:
        return np.random.default_rng([self.seed, stream, number])
