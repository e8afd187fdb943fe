"""How many rows there are of each value of a column, of a table of any length."""

import hashlib
from typing import TYPE_CHECKING

import numpy as np

from dlcli.engine.arrays import AnyArray, FloatArray, IntArray

if TYPE_CHECKING:
    import polars as pl

PENDING = 1 << 20  # values that are collected before they are counted
MISSING = np.uint64(0)


class Tally:
    """Counts the rows of each value, as long as there are at most ``most`` of these.

    Of more, ``coarse`` counts neighbors together, under the larger one; else nothing is known but that they are many.
    """

    def __init__(self, dtype: type, most: int, *, coarse: bool) -> None:
        self._most, self._coarse = most, coarse
        self._values: list[AnyArray] = [np.zeros(0, dtype)]
        self._counts: list[IntArray] = [np.zeros(0, np.int64)]
        self._waiting = 0
        self.many = False

    def add(self, values: AnyArray) -> None:
        """Count rows (n,)."""
        if self.many and not self._coarse:
            return
        found, counts = np.unique(values, return_counts=True)
        self._values.append(found)
        self._counts.append(counts.astype(np.int64))
        self._waiting += len(found)
        if self._waiting > max(PENDING, len(self._values[0])):
            self._join()

    def _join(self) -> None:
        values, places = np.unique(np.concatenate(self._values), return_inverse=True)
        # Whole numbers are exact in float64 far beyond the rows of any table.
        counts = np.bincount(places, np.concatenate(self._counts), minlength=len(values)).astype(np.int64)
        while len(values) > self._most and self._coarse:
            self.many = True
            starts = np.arange(0, len(values), 2)
            values, counts = values[np.minimum(starts + 1, len(values) - 1)], np.add.reduceat(counts, starts)
        if len(values) > self._most:
            self.many = True
        self._values, self._counts, self._waiting = [values], [counts], 0

    def found(self) -> tuple[AnyArray, IntArray]:
        """The values (k,), ascending, and how many rows have each (k,)."""
        self._join()
        return self._values[0], self._counts[0]


def keys_of(texts: "pl.Series") -> AnyArray:
    """A number (n,) for each text of a group, the same wherever and whenever it is read; MISSING for none."""
    import polars as pl

    different = texts.drop_nulls().unique()
    digests = b"".join(hashlib.blake2b(text.encode(), digest_size=8).digest() for text in different.to_list())
    keys = np.maximum(np.frombuffer(digests, np.uint64), 1)
    places = texts.replace_strict(different, pl.Series(range(len(different)), dtype=pl.Int64), default=None)
    found = np.full(len(texts), MISSING)
    there = places.is_not_null().to_numpy()
    found[there] = keys[places.drop_nulls().to_numpy()]
    return found


def scattered(keys: AnyArray, seed: int, purpose: int) -> FloatArray:
    """For each key (k,) a number from 0 to 1, as if drawn at random: by the seed, what it is for, and the key alone."""
    first = np.random.default_rng([seed, purpose]).integers(1 << 63, dtype=np.uint64)
    mixed = keys.astype(np.uint64) + first
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):  # Steele et al. 2014: SplitMix64
        mixed = (mixed ^ (mixed >> np.uint64(shift))) * np.uint64(factor)
    mixed ^= mixed >> np.uint64(31)
    return (mixed >> np.uint64(11)).astype(np.float64) / float(1 << 53)
