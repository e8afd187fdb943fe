"""Double-double arithmetic on NumPy arrays: numbers as unevaluated sums hi + lo of two float64, about 32 digits.

Dekker (1971), "A floating-point technique for extending the available precision"; Knuth, TAOCP vol. 2, 4.2.2;
Joldes, Muller, Popescu (2017), "Tight and rigorous error bounds for basic building blocks of double-word
arithmetic"; Ogita, Rump, Oishi (2005), "Accurate sum and dot product". Only IEEE float64 additions and
multiplications are used, so results are the same on every platform.

Products need factors below 2**996 in size, and are exact to the last bit above 2**-969.
"""

from dataclasses import dataclass

import numpy as np

from dlcli.engine.arrays import FloatArray

SPLITTER = 134217729.0  # 2**27 + 1: halves the 53 bits of a float64


def two_sum(a: FloatArray, b: FloatArray) -> tuple[FloatArray, FloatArray]:
    """s = fl(a + b) and the rounding error e, a + b = s + e exactly (Knuth). Shapes broadcast."""
    s = a + b
    t = s - a
    return s, (a - (s - t)) + (b - t)


def fast_two_sum(a: FloatArray, b: FloatArray) -> tuple[FloatArray, FloatArray]:
    """As ``two_sum``, for |a| >= |b| or a = 0 (Dekker). Shapes broadcast."""
    s = a + b
    return s, b - (s - a)


def split(a: FloatArray) -> tuple[FloatArray, FloatArray]:
    """a = high + low exactly, each of at most 26 bits (Veltkamp)."""
    t = SPLITTER * a
    high = t - (t - a)
    return high, a - high


def two_prod(a: FloatArray, b: FloatArray) -> tuple[FloatArray, FloatArray]:
    """p = fl(a b) and the rounding error e, a b = p + e exactly (Dekker). Shapes broadcast."""
    p = a * b
    a1, a2 = split(a)
    b1, b2 = split(b)
    return p, ((a1 * b1 - p) + a1 * b2 + a2 * b1) + a2 * b2


@dataclass(frozen=True)
class DoubleDouble:
    """An array of numbers hi + lo with |lo| <= ulp(hi) / 2; both of the same shape. Operators broadcast."""

    hi: FloatArray
    lo: FloatArray

    @classmethod
    def of(cls, value: FloatArray | float) -> "DoubleDouble":
        """The float64 ``value``, of any shape, with nothing below it."""
        hi = np.asarray(value, dtype=np.float64)
        return cls(hi, np.zeros_like(hi))

    @classmethod
    def difference(cls, a: FloatArray, b: FloatArray) -> "DoubleDouble":
        """The exact difference a - b of float64 arrays; shapes broadcast."""
        return cls(*two_sum(a, -b))

    def __getitem__(self, key: slice | int | tuple[slice | int | None, ...]) -> "DoubleDouble":
        return DoubleDouble(self.hi[key], self.lo[key])

    def __neg__(self) -> "DoubleDouble":
        return DoubleDouble(-self.hi, -self.lo)

    def __add__(self, other: "DoubleDouble") -> "DoubleDouble":
        # Joldes et al., algorithm 6 (AccurateDWPlusDW): relative error below 3 * 2**-106, even with cancellation.
        s, e = two_sum(self.hi, other.hi)
        t, f = two_sum(self.lo, other.lo)
        s, e = fast_two_sum(s, e + t)
        return DoubleDouble(*fast_two_sum(s, e + f))

    def __sub__(self, other: "DoubleDouble") -> "DoubleDouble":
        return self + -other

    def __mul__(self, other: "DoubleDouble") -> "DoubleDouble":
        # Joldes et al., algorithm 10 (DWTimesDW1): relative error below 7 * 2**-106.
        p, e = two_prod(self.hi, other.hi)
        return DoubleDouble(*fast_two_sum(p, e + (self.hi * other.lo + self.lo * other.hi)))

    def __truediv__(self, other: "DoubleDouble") -> "DoubleDouble":
        # Long division with three float64 digits, each the quotient of what the ones before leave over.
        first = DoubleDouble.of(self.hi / other.hi)
        left = self - first * other
        second = DoubleDouble.of(left.hi / other.hi)
        left = left - second * other
        return first + second + DoubleDouble.of(left.hi / other.hi)

    def sqrt(self) -> "DoubleDouble":
        """Square root of numbers >= 0: one Newton step from the float64 root (Karp, Markstein 1997)."""
        root = np.sqrt(self.hi)
        p, e = two_prod(root, root)
        left = self - DoubleDouble(p, e)
        safe = np.where(root > 0, root, 1.0)
        return DoubleDouble(*fast_two_sum(root, left.hi / (2 * safe)))

    def scaled(self, power: FloatArray | float) -> "DoubleDouble":
        """The product with ``power``, which must hold powers of two: exact. Shapes broadcast."""
        return DoubleDouble(self.hi * power, self.lo * power)

    def total(self, axis: int = 0) -> "DoubleDouble":
        """Sum along ``axis``; the error is below 1e-30 of the sum of absolute values (Ogita, Rump, Oishi: Sum2).

        Halves are added to each other, so that the work is in long arrays.
        """
        hi, lo = np.moveaxis(self.hi, axis, 0), np.moveaxis(self.lo, axis, 0)
        if len(hi) == 0:
            return DoubleDouble.of(np.zeros(hi.shape[1:]))
        while len(hi) > 1:
            half, odd = divmod(len(hi), 2)
            s, e = two_sum(hi[:half], hi[half : 2 * half])
            e += lo[:half] + lo[half : 2 * half]
            if odd:
                s[0], f = two_sum(s[0], hi[-1])
                e[0] += f + lo[-1]
            hi, lo = s, e
        return DoubleDouble(*fast_two_sum(hi[0], lo[0]))

    def round(self) -> FloatArray:
        """The nearest float64 numbers, of the same shape."""
        return self.hi + self.lo


def dot(a: DoubleDouble, b: DoubleDouble) -> DoubleDouble:
    """a'b along the first axis; the error is below 1e-30 of |a|'|b|. Shapes broadcast."""
    return (a * b).total()
