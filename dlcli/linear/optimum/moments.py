"""How near parameters are to the optimum of least squares, from moments alone; see ``nearness``."""

from dataclasses import dataclass, replace

import numpy as np

from dlcli.engine.arrays import BoolArray, FloatArray
from dlcli.linear.inference.covariance import Covariance, is_kept
from dlcli.linear.objectives.least_squares import Standardizer
from dlcli.linear.objectives.moments import Moments
from dlcli.linear.objectives.penalty import Penalty
from dlcli.linear.optimum.nearness import (
    AWAY,
    KNOWN,
    PENALIZED,
    SHARE_OF_ERROR,
    SINGULAR,
    TINY,
    UNIT,
    Nearness,
    inverse_of,
    share_of_size,
)

# Entries of a matrix of cross-products are off by about this many units in the last place.
ROUNDINGS = 4.0
# Residuals below this share of the response are rounding, and so is a coefficient below that share of its natural size.
PERFECT, PERFECT_SHARE = 1e-12, 1e-8
LARGE_TABLE = 50_000  # rows above which moments are merged from chunks


@dataclass(frozen=True)
class Products:
    """Mean products of columns, less those of the means where there is an intercept.

    Of the columns with each other ``second`` (d, d) and with y ``cross`` (d,), and y's ``square``. ``own`` (d,) are
    the square roots of the diagonal; ``mean`` (d,) and ``y_mean`` the means of ``count`` rows.
    """

    mean: FloatArray
    y_mean: float
    second: FloatArray
    cross: FloatArray
    square: float
    own: FloatArray
    count: float
    intercept: bool


@dataclass(frozen=True)
class Place:
    """Where the parameters are: in the data's units, and in equilibrated ones (d,), ``at``.

    ``gradient`` (d,) is minus that of the objective there, ``ridge`` (d, d) its Hessian, ``free`` (d,) says which
    coefficients may move a little (with L1: those not 0), and ``settled`` whether the others stay. ``size`` is that
    of the terms of a residual.
    """

    intercept: float
    slopes: FloatArray
    at: FloatArray
    ridge: FloatArray
    gradient: FloatArray
    free: BoolArray
    settled: bool
    size: float


@dataclass(frozen=True)
class Optimum:
    """The ``change`` of intercept and coefficients (1 + d,) to the optimum, in the data's units, and its ``error``.

    ``spread`` (1 + d,) is that of ``Nearness``, ``known`` whether it has six digits; ``excess`` is what the mean
    square is above its minimum. ``inverse`` (d, d) is that of the slopes' mean products, in the data's units.
    """

    change: FloatArray
    error: FloatArray
    spread: FloatArray
    excess: float
    known: bool
    inverse: FloatArray | None = None


def moments_nearness(
    moments: Moments,
    units: Standardizer,
    theta: FloatArray,
    mse: float,
    penalty: Penalty,
    measured: bool = False,
) -> Nearness:
    """Nearness of theta (p,), in training ``units``, to the optimum of least squares with these penalties.

    The optimum is solved for anew from the centered moments, whatever the units of training. ``mse`` was ``measured``
    by residuals, or is a difference of moments.
    """
    if not np.isfinite(theta).all():
        return AWAY
    if not len(units.scale):
        return _mean_only(moments, theta)
    products = _products(moments, units.intercept)
    if not (products.own > 0).all():
        return SINGULAR
    place = _place(products, units, theta, penalty)
    if not place.settled:
        return AWAY
    optimum = _optimum(products, place, moments.count, units.intercept)
    if optimum is None:
        return SINGULAR
    found = nearness_of(optimum, products, place, mse, penalized=penalty.present)
    return replace(found, residuals_known=_residuals_known(products, place, mse, optimum.excess, measured))


def nearness_of(optimum: Optimum, products: Products, place: Place, mse: float, *, penalized: bool) -> Nearness:
    """What the optimum of the slopes says of all coefficients."""
    if products.intercept:
        optimum = _with_intercept(optimum, products, place)
    kept = slice(0 if products.intercept else 1, None)
    values = np.concatenate([[place.intercept], place.slopes])
    error_of_mean = np.sqrt(max(mse, 0.0) / products.count)
    noise = _noise(optimum, products, place, mse, error_of_mean * (PENALIZED if penalized else 1.0))
    off = share_of_size(values[kept], (np.abs(optimum.change) + optimum.error)[kept], noise[kept])
    standard_errors = error_of_mean * optimum.spread
    distance = np.abs(optimum.change) / np.maximum(np.abs(values + optimum.change), standard_errors + TINY)
    spread = optimum.spread[:, None] if optimum.known else None
    covariance = _covariance(optimum, products) if optimum.known and not penalized else None
    return Nearness(off, True, spread, away=float(np.max(distance[kept])), covariance=covariance)


def _covariance(optimum: Optimum, products: Products) -> Covariance | None:
    """That of coefficients whose errors are ``spread``; None where it isn't kept."""
    if optimum.inverse is None:
        return None
    matrix = np.zeros((1 + len(products.own),) * 2)
    matrix[0, 0], matrix[1:, 1:] = float(products.intercept), optimum.inverse
    return Covariance(matrix, products.mean if products.intercept else np.zeros_like(products.mean))


def _mean_only(moments: Moments, theta: FloatArray) -> Nearness:
    """The same for an intercept alone."""
    mean = float(moments.mean[0])
    off = abs(theta[0] - mean) / abs(mean) if mean else float(abs(theta[0]) > 0)
    return Nearness(off, True, np.ones((1, 1)), covariance=Covariance(np.ones((1, 1)), np.zeros(0)))


def _products(moments: Moments, intercept: bool) -> Products:
    n, mean, y_mean = moments.count, moments.mean[1:], float(moments.mean[0])
    second, cross = moments.scatter[1:, 1:] / n, moments.scatter[1:, 0] / n
    square = float(moments.scatter[0, 0]) / n
    if not intercept:
        second, cross, square = second + np.outer(mean, mean), cross + mean * y_mean, square + y_mean * y_mean
    own = np.sqrt(np.maximum(np.diag(second), 0.0))
    return Products(mean, y_mean, second, cross, square, own, n, intercept)


def _place(products: Products, units: Standardizer, theta: FloatArray, penalty: Penalty) -> Place:
    own = products.own
    R, r = products.second / own[:, None] / own, products.cross / own
    weight = units.scale / own
    intercept, slopes = units.to_data(theta[:, None])
    at = slopes[:, 0] * own
    free = at != 0 if penalty.l1 else np.ones(len(own), dtype=bool)
    ridge = R + penalty.l2 * np.diag(weight**2)
    left = r - ridge @ at
    threshold = penalty.l1 * weight
    settled = not (penalty.l1 and np.any(np.abs(left[~free]) > threshold[~free] * (1 + 1e-9)))
    size = float(np.sum(np.abs(at))) + np.sqrt(products.square)
    gradient = left - threshold * np.sign(at)
    return Place(float(intercept[0]), slopes[:, 0], at, ridge, gradient, free, settled, size)


def _optimum(products: Products, place: Place, count: float, intercept: bool) -> Optimum | None:
    """The optimum of the coefficients, and what follows of the intercept; None where they are not determined."""
    mean, own, free = products.mean, products.own, place.free
    d = len(own)
    if not free.any():
        return Optimum(np.zeros(1 + d), np.zeros(1 + d), np.zeros(1 + d), 0.0, True)
    solved = inverse_of(place.ridge[np.ix_(free, free)])
    if solved is None:
        return None
    inverse, _ = solved
    to_data = np.concatenate([-(mean / own)[None, free], np.diag(1 / own)[:, free]])
    G = to_data @ inverse  # (1 + d, free)
    gradient = place.gradient[free]
    # Merged chunks lose what the rounding of a large mean does to their distance.
    roundings = ROUNDINGS + (0.1 * np.abs(mean / own) if count > LARGE_TABLE else 0.0) * np.ones(d)
    blurred = roundings[free] * UNIT * place.size
    excess = float(np.sum((np.abs(gradient) + blurred) ** 2) * np.trace(inverse))
    spread = np.sqrt(np.maximum(np.einsum("ij,ij->i", G, to_data), 0.0))
    blur = UNIT * float(roundings.max()) * np.sum(np.abs(G), axis=1) ** 2 / np.maximum(spread**2, TINY) / 2
    known = bool(blur[1:].max(initial=0.0) <= KNOWN) and (not intercept or bool(blur[0] <= KNOWN))
    whole = inverse / np.outer(own, own) if free.all() and is_kept(1, d) else None
    return Optimum(G @ gradient, np.abs(G) @ blurred, spread, excess, known, whole)


def _with_intercept(optimum: Optimum, products: Products, place: Place) -> Optimum:
    """The same with what the intercept adds: the mean of y, its rounding and its own spread."""
    mean, y_mean, slopes = products.mean, products.y_mean, place.slopes
    change, error, spread = optimum.change.copy(), optimum.error.copy(), optimum.spread.copy()
    error[0] += UNIT * (abs(y_mean) + float(np.sum(np.abs(mean * slopes))))
    change[0] += y_mean - float(mean @ slopes) - place.intercept
    spread[0] = np.sqrt(spread[0] ** 2 + 1)
    return replace(optimum, change=change, error=error, spread=spread)


def _noise(optimum: Optimum, products: Products, place: Place, mse: float, unit: float) -> FloatArray:
    """What coefficients (1 + d,) far below it are measured against: standard errors, with penalties a share of them.

    ``unit`` is what a spread of 1 comes to.
    """
    noise: FloatArray = unit * optimum.spread
    if mse <= PERFECT**2 * products.square:  # with nothing left to explain, a 0 is known as well as its terms are
        by_terms = np.concatenate([[float(np.abs(products.mean) @ np.abs(place.slopes))], np.zeros(len(place.slopes))])
        natural = by_terms + place.size * np.concatenate([[1.0], 1 / products.own])
        noise = np.maximum(noise, PERFECT_SHARE / SHARE_OF_ERROR * natural)
    return noise


def _residuals_known(products: Products, place: Place, mse: float, excess: float, measured: bool) -> bool:
    """Whether the mean square of residuals has six digits.

    Each residual is off by the rounding of what it is the difference of, and of the coefficients.
    """
    whole = place.size + abs(products.y_mean) + float(np.sum(np.abs(products.mean * place.slopes)))
    if measured:
        return bool(UNIT * whole <= KNOWN * np.sqrt(mse) and excess <= KNOWN * mse)
    return bool(ROUNDINGS * UNIT * place.size**2 <= 2 * KNOWN * mse and (UNIT * whole) ** 2 <= KNOWN * mse)
