"""Numbers as whole ones that can be added up modulo 2^64, in any order, to the exact sum.

A number is written in digits of 48 bits, each in a word of 64, from 2^-144 up to 2^144: every float64 from about
1e-27 to 1e43 keeps all its bits, and smaller ones are rounded at 2^-144. Sums of up to 2^15 of them have room in a
word, so masks that are uniform on all 64 bits may be added to each word and taken off again.
"""

import numpy as np
from numpy.typing import NDArray

from dlcli.engine.arrays import FloatArray

WORDS = 6
BITS = 48
LOWEST = -144  # the exponent of the lowest bit
LARGEST = 2.0 ** (WORDS * BITS + LOWEST - 16)
MOST = 1 << 15  # numbers in a sum
Words = NDArray[np.uint64]
DIGIT = np.int64((1 << BITS) - 1)


def to_words(values: FloatArray) -> Words:
    """Values (n,) as words (WORDS, n). Raises ValueError for what isn't finite, or is beyond them."""
    size = np.abs(values)
    if not np.isfinite(values).all() or size.max(initial=0.0) >= LARGEST:
        raise ValueError("a number that isn't finite, or is too large for a sum in fixed point")
    fraction, exponent = np.frexp(size)
    whole = np.ldexp(fraction, 53).astype(np.int64)
    lowest = exponent.astype(np.int64) - 53 - LOWEST  # the place of the mantissa's last bit
    under = np.minimum(lowest, 0)  # of what is below the lowest place, the nearest multiple of it is taken
    whole = np.where(under < 0, np.rint(np.ldexp(whole.astype(np.float64), under)).astype(np.int64), whole)
    lowest = np.maximum(lowest, 0)
    word, shift = lowest // BITS, lowest % BITS
    digits = np.zeros((WORDS + 2, len(values)), dtype=np.int64)
    at = np.arange(len(values))
    low, rest = whole & ((np.int64(1) << (BITS - shift)) - 1), whole >> (BITS - shift)
    digits[word, at] = low << shift
    digits[word + 1, at] = rest & DIGIT
    digits[word + 2, at] = rest >> BITS
    signed: Words = np.where(values < 0, -digits[:WORDS], digits[:WORDS]).view(np.uint64)
    return signed


def from_words(words: Words) -> FloatArray:
    """The numbers (n,) that words (WORDS, n), or sums of them modulo 2^64, stand for; each to its last bit or so."""
    digits = _carried(words.view(np.int64).copy())
    negative = digits[-1] < 0
    digits[:, negative] = _carried(-digits[:, negative])
    total = np.zeros(words.shape[1])
    for place in range(WORDS):  # of one sign, from the least on: nothing cancels
        total += np.ldexp(digits[place].astype(np.float64), place * BITS + LOWEST)
    return np.where(negative, -total, total)


def _carried(digits: NDArray[np.int64]) -> NDArray[np.int64]:
    """The same number with digits from 0 on, but for the highest, which has the sign."""
    for place in range(WORDS - 1):
        carry = digits[place] >> BITS
        digits[place] -= carry << BITS
        digits[place + 1] += carry
    return digits
