"""Covariances of quantile regression's coefficients, where rows may differ in spread.

  q (1 - q) H^-1 J H^-1,   J = sum w z z',   H = sum w f z z'

with f the density of a row's target at its quantile, by the difference of the quantiles at q - h and q + h (Hendricks
and Koenker 1992; ``se = "nid"`` of R's quantreg, whose defaults these are).
"""

from collections.abc import Callable
from statistics import NormalDist

import numpy as np

from dlcli.engine.arrays import FloatArray
from dlcli.linear.quantile.fit import QuantileRows

NORMAL = NormalDist()
EPS = float(np.sqrt(np.finfo(np.float64).eps))


def bandwidth(n: float, q: float, alpha: float = 0.05) -> float:
    """Hall and Sheather's (1988), halved until q - h and q + h are quantiles.

    >>> round(bandwidth(235, 0.5), 7)
    0.1574393
    """
    z = NORMAL.inv_cdf(q)
    density = NORMAL.pdf(z)
    h = n ** (-1 / 3) * NORMAL.inv_cdf(1 - alpha / 2) ** (2 / 3) * (1.5 * density**2 / (2 * z**2 + 1)) ** (1 / 3)
    while q - h < 0 or q + h > 1:
        h /= 2
    return float(h)


def covariance(
    rows: QuantileRows, solve: Callable[[QuantileRows], FloatArray]
) -> tuple[FloatArray, int] | None:  # fmt: skip
    """The covariance (p, p), and of how many rows the two quantiles cross; None where H can't be inverted.

    ``solve`` gives theta (p,) of rows at a quantile. n is the sum of the weights.
    """
    n, q = rows.responses.total(), rows.quantile
    h = bandwidth(n, q)
    apart = solve(rows.at(q + h)) - solve(rows.at(q - h))
    p, crossed = rows.width, 0
    J, H = np.zeros((p, p)), np.zeros((p, p))
    for _, Z, responses in rows.blocks():
        between = Z @ apart
        crossed += int(np.count_nonzero(between <= 0))
        f = np.maximum(2 * h / np.where(between == EPS, np.inf, between - EPS), 0.0)
        J += responses.weighted(Z).T @ Z
        H += responses.weighted(Z * f[:, None]).T @ Z
    try:
        inverse = np.linalg.inv(H)
    except np.linalg.LinAlgError:
        return None
    found: FloatArray = q * (1 - q) * inverse @ J @ inverse
    return (found, crossed) if np.isfinite(found).all() else None
