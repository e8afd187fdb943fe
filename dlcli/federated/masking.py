"""Masks that pairs of clients share, one adding what the other takes off: they cancel in the sum of all.

As in Bonawitz et al. 2017 ("Practical secure aggregation for privacy-preserving machine learning"), without its second
mask: the server is trusted not to unmask a message that comes after it was told that its client is lost. Between
machines each pair agrees on a seed by a key exchange; here it comes from the run's.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from dlcli.federated.fixed_point import WORDS, Words


@dataclass(frozen=True)
class MaskKey:
    """What all seeds of a run come from."""

    seed: int

    def pair(self, one: int, other: int, number: int, size: int) -> Words:
        """The mask (WORDS, size) of a pair in a round, whichever of the two asks: uniform on all 64 bits of a word."""
        low, high = sorted((one, other))
        stream = np.random.SeedSequence([self.seed, 0x5EC, low, high, number])
        words: Words = np.random.Generator(np.random.PCG64DXSM(stream)).integers(
            0, 1 << 64, (WORDS, size), dtype=np.uint64
        )
        return words

    def of_client(self, client: int, others: Iterable[int], number: int, size: int) -> Words:
        """What a client adds to its message: the masks with all ``others``, added to the one, taken off the other."""
        total = np.zeros((WORDS, size), dtype=np.uint64)
        for other in others:
            if other != client:
                mask = self.pair(client, other, number, size)
                total = total + mask if client < other else total - mask
        return total
