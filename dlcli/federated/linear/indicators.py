"""What the largest of some numbers is, from sums: each says which levels its own number reaches, and sums tell.

So the sum over clients says how many reach a level, and not which.
"""

import numpy as np

from dlcli.engine.arrays import FloatArray

LEVELS = 2.0 ** np.arange(-30, 31)


def reached(value: float) -> FloatArray:
    """For each level 1 where a number is at least as large, else 0."""
    return np.asarray(value >= LEVELS, dtype=np.float64)


def largest(counts: FloatArray) -> float:
    """The highest level that any number reaches, from the sum of what each ``reached``; 0 for none.

    >>> largest(reached(0.3) + reached(5.0))
    4.0
    """
    found = np.flatnonzero(counts > 0.5)
    return float(LEVELS[found[-1]]) if len(found) else 0.0
