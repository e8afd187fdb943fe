"""Differential privacy of clients: what each sends is cut to a length, and the sum gets Gaussian noise."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from dlcli.engine.arrays import FloatArray

NOISE = 0xD9  # tells the stream of the noise from others
COVERS = (
    "the coefficients after every round, for all of a client's rows together; not what was agreed on before (columns, "
    "levels, means and spreads by which columns are standardized, the learning rate), nor losses, metrics and numbers "
    "of rows, which are of all rows without noise. The noise comes of --seed: whoever knows that can take it off"
)


@dataclass
class Noise:
    """Cuts moves to the length ``clip``; the noise on their sum has ``times`` that as its standard deviation.

    All clients count alike, and the sum is divided by the number of those who were asked, which no answer changes
    (McMahan et al. 2018, "Learning differentially private recurrent language models").
    """

    clip: float
    times: float
    seed: int
    counts: dict[str, int] = field(default_factory=lambda: {"messages": 0, "clipped": 0})

    def cut(self, moves: Mapping[int, FloatArray]) -> dict[int, FloatArray]:
        """The moves, none longer than ``clip``."""
        found = {}
        for client, move in moves.items():
            length = float(np.linalg.norm(move))
            self.counts["messages"] += 1
            self.counts["clipped"] += length > self.clip
            found[client] = move * min(1.0, self.clip / max(length, 1e-300))
        return found

    def added(self, total: FloatArray, asked: int, number: int) -> FloatArray:
        """The noisy mean of a round."""
        rng = np.random.default_rng([self.seed, NOISE, number])
        noisy: FloatArray = (total + rng.normal(0.0, self.times * self.clip, total.shape)) / asked
        return noisy
