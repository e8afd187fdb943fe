"""Tail probabilities and quantiles, to twelve digits down to 1e-300.

A p-value is never one less a probability: each is an incomplete beta or gamma function of the small argument, so
that no digit is lost in the tails. Written here, as importing SciPy's takes a sixth of the time in which a million rows
are fitted; the tests compare with SciPy and mpmath. Continued fractions by Lentz's method, DLMF 8.9.2 and 8.17.22.
"""

import math
from collections.abc import Iterator
from itertools import count

import numpy as np

from dlcli.engine.arrays import FloatArray

TINY = 1e-300  # in place of a denominator of 0
SETTLED = 2e-16
MOST_TERMS = 1_000_000
LARGE = 10.0  # from which the Stirling series has all digits


def two_sided(statistic: FloatArray, df: float | None) -> FloatArray:
    """P(|T| >= |statistic|) for Student's t with ``df`` degrees of freedom, or (None) for the normal distribution."""
    flat = [_two_sided(abs(value), df) for value in np.ravel(statistic).tolist()]
    return np.array(flat, dtype=np.float64).reshape(np.shape(statistic))


def _two_sided(size: float, df: float | None) -> float:
    if math.isnan(size):
        return size
    if df is None:
        return math.erfc(size / math.sqrt(2))
    return f_tail(size * size, 1.0, df)


def f_tail(value: float, df: float, df_residual: float) -> float:
    """P(F >= value) for Fisher's F."""
    if math.isnan(value):
        return value
    if value <= 0:
        return 1.0
    ratio = df * value / df_residual
    # x is the small one of the two arguments that add up to 1, or its complement, either without cancellation.
    return _beta(df_residual / 2, df / 2, 1 / (1 + ratio), 1 / (1 + 1 / ratio) if ratio else 0.0)


def chi_square_tail(value: float, df: float) -> float:
    """P(X >= value) for the chi-square distribution."""
    if math.isnan(value):
        return value
    a, x = df / 2, value / 2
    if x <= 0:
        return 1.0
    if math.isinf(x):
        return 0.0
    scale = math.exp(_log_gamma_terms(a, x))
    if x < a + 1:
        return 1 - scale * _gamma_series(a, x)
    return scale * _lentz(((k * (a - k), x + 2 * k + 1 - a) for k in count(1)), x + 1 - a)


def _log_gamma_terms(a: float, x: float) -> float:
    """log(x^a e^-x / Gamma(a))."""
    if a < LARGE:
        return a * math.log(x) - x - math.lgamma(a)
    # a log x - x - log Gamma(a) is a small difference of large numbers near x = a
    off = (x - a) / a
    return a * (_log1p_less(off)) + 0.5 * math.log(a / (2 * math.pi)) - _stirling(a)


def _log1p_less(x: float) -> float:
    """log(1 + x) - x."""
    if abs(x) > 0.1:
        return math.log1p(x) - x
    total, power = 0.0, x
    for k in range(2, 40):
        power *= -x
        total += power / k
    return total


def _gamma_series(a: float, x: float) -> float:
    """The sum of x^k / (a (a + 1) ... (a + k)) (DLMF 8.7.1)."""
    term = total = 1 / a
    for k in range(1, MOST_TERMS):
        term *= x / (a + k)
        total += term
        if term < total * SETTLED:
            break
    return total


def _beta(a: float, b: float, x: float, rest: float) -> float:
    """The regularized incomplete beta function I_x(a, b), with ``rest`` = 1 - x."""
    if x <= 0 or rest <= 0:
        return 0.0 if x <= 0 else 1.0
    logarithm = _power(a, x, rest) + _power(b, rest, x) - _log_beta(a, b)
    if x > (a + 1) / (a + b + 2):
        return 1 - math.exp(logarithm) / b * _beta_fraction(b, a, rest)
    return math.exp(logarithm) / a * _beta_fraction(a, b, x)


def _power(a: float, x: float, rest: float) -> float:
    """a log x, by the smaller of x and ``rest`` = 1 - x."""
    return a * (math.log(x) if x < 0.5 else math.log1p(-rest))


def _beta_fraction(a: float, b: float, x: float) -> float:
    def terms() -> Iterator[tuple[float, float]]:
        for m in count():
            yield -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1)), 1.0
            m += 1
            yield m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m)), 1.0

    return _lentz(terms(), 1.0)


def _lentz(terms: Iterator[tuple[float, float]], first: float) -> float:
    """1 / (first + a1 / (b1 + a2 / (b2 + ...))) for ``terms`` (a, b)."""
    value = c = first or TINY
    d = 0.0
    for _ in range(MOST_TERMS):
        a, b = next(terms)
        d = 1 / ((b + a * d) or TINY)
        c = (b + a / c) or TINY
        value *= c * d
        if abs(c * d - 1) < SETTLED:
            break
    return 1 / value


def _log_beta(a: float, b: float) -> float:
    """log of the beta function, without the cancellation of log-gammas of large numbers."""
    small, large = min(a, b), max(a, b)
    if large < LARGE:
        return math.lgamma(a) + math.lgamma(b) - math.lgamma(a + b)
    whole = small + large
    if small < LARGE:
        change = small - small * math.log(whole) - (large - 0.5) * math.log1p(small / large)
        return math.lgamma(small) + change + _stirling(large) - _stirling(whole)
    change = -(small - 0.5) * math.log1p(large / small) - large * math.log1p(small / large)
    corrections = _stirling(small) + _stirling(large) - _stirling(whole)
    return change + corrections + 0.5 * math.log(2 * math.pi) - 0.5 * math.log(large)


def _stirling(z: float) -> float:
    """log Gamma(z) less (z - 1/2) log z - z + log(2 pi) / 2, for z >= 10 (DLMF 5.11.1)."""
    terms = (1 / 12, -1 / 360, 1 / 1260, -1 / 1680, 1 / 1188, -691 / 360360, 1 / 156, -3617 / 122400)
    square, power, total = z * z, z, 0.0
    for term in terms:
        total += term / power
        power *= square
    return total


def quantile(confidence: float, df: float | None) -> float:
    """What a symmetric interval of this confidence reaches from its middle, in standard errors."""
    if df is None:
        at, log_density = 0.0, 0.5 * math.log(2 / math.pi)
    else:
        at, log_density = 1 / df, math.log(2) - _log_beta(df / 2, 0.5) - 0.5 * math.log(df)
    # Newton's method on log P(|T| >= t) against log t, which is concave and nearly a line for few degrees of freedom.
    t, outside = 1.0, math.log(1 - confidence)
    for _ in range(200):
        tail = _two_sided(t, df)
        decay = -t * t / 2 if df is None else -(df + 1) / 2 * math.log1p(t * t * at)
        slope = -t * math.exp(log_density + decay) / tail
        step = (outside - math.log(tail)) / slope
        t *= math.exp(max(-1.0, min(1.0, step)))
        if abs(step) < 4e-16:
            break
    return t
