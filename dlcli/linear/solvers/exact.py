"""Least squares as exact as float64 input allows: Householder QR, then refinement in double-double.

Björck (1967), "Iterative refinement of linear least squares solutions", as in Higham, "Accuracy and Stability of
Numerical Algorithms", 2nd ed., section 20.5: coefficients theta and residuals r are corrected together, in
  [ I  A ] [   r   ]   [ b ]
  [ A' 0 ] [ theta ] = [ c ],
with what is left over of both equations computed in twice the working precision. Each pass gains the digits that
the QR factors have, 16 less those of the condition number of A. Nowhere is A'A formed.
"""

from dataclasses import dataclass

import numpy as np

from dlcli.engine.arrays import FloatArray, IntArray
from dlcli.linear.inference.covariance import Covariance, is_kept, of_training
from dlcli.linear.solvers.design import BLOCK_VALUES, Design, Factors, RowWeights
from dlcli.linear.solvers.double_double import DoubleDouble, dot

MAX_PASSES = 10
# A correction this small against theta cannot change a digit, not even of an entry a million times below the rest.
NEGLIGIBLE = 1e-22
# A column is aliased when less than this share of it lies outside the span of the columns before it. Rounding in
# the QR leaves 1e-15 of a duplicate; the tenth power of NIST's Filip data keeps 1e-8.
ALIAS_TOLERANCE = 1e-11
# Standard errors are refined too up to this much work, n d^2: about 2 s.
REFINE_ERRORS_UP_TO = 20_000_000
# Coefficients and residuals below this share of the response are rounding, in double-double too.
SMALLEST = 1e-22


@dataclass(frozen=True)
class ExactSolution:
    """Minimizer of 1/(2n) sum (y - yhat)^2 + l2/2 sum_j (scale_j coefficient_j)^2, and what goes with it.

    Everything is in the units of X and y. Standard errors hold without a penalty only and are nan with one.
    """

    coefficients: FloatArray  # (d,)
    intercept: float  # 0.0 without intercept
    std_errors: FloatArray  # (d,), nan where aliased or without degrees of freedom
    intercept_std_error: float
    residual_sd: float  # sqrt(rss / (n - rank)), nan without degrees of freedom
    r2: float  # uncentered without intercept; nan when y doesn't vary
    rss: float  # of the data, without the penalty
    condition_number: float  # l_max / l_min of X'X/n + l2; X centered, to unit sd (no intercept: unit rms), not aliased
    aliased: tuple[int, ...]  # columns that depend linearly on earlier ones: coefficient 0, as in R's lm
    off: float = 0.0  # the largest error that refinement may have left in a coefficient, as a share of it
    errors_known: bool = True  # whether rounding leaves the standard errors six digits
    residuals_known: bool = True  # and the residuals, or whether they are nothing but rounding
    covariance: Covariance | None = None  # that of the coefficients for residuals of sd 1; None where it isn't kept


def solve_exact(
    X: FloatArray, y: FloatArray, *, intercept: bool, l2: float = 0.0, scale: FloatArray | None = None,
    rows: RowWeights | None = None,
) -> ExactSolution:  # fmt: skip
    """Least squares of y (n,) on the columns of X (n, d); ``scale`` (d,), by default ones, weights the penalty.

    The intercept isn't penalized. The penalty enters as d more rows, sqrt(n l2) scale_j coefficient_j = 0, with n the
    sum of the weights of the ``rows`` if they have any: then each is multiplied by the root of its own. Raises
    ValueError for no rows, shapes that don't fit or a negative l2.
    """
    X, y = np.asarray(X, dtype=np.float64), np.asarray(y, dtype=np.float64)
    weights = np.ones(X.shape[-1]) if scale is None else np.asarray(scale, dtype=np.float64)
    if X.ndim != 2 or y.shape != X.shape[:1] or weights.shape != X.shape[1:] or not len(y) or l2 < 0:
        raise ValueError(f"no least squares with X {X.shape}, y {y.shape}, scale {weights.shape} and l2 {l2}")
    n = len(y)
    y_mean, y_unit = (float(v[0]) for v in _units(y[:, None], intercept, rows)[:2])
    design, factors, kept = _factored(X, weights, intercept, l2, rows)
    target = DoubleDouble.difference(y, np.asarray(y_mean)).scaled(1 / y_unit)
    if design.root is not None:
        target = target * design.root
    b = DoubleDouble.of(np.zeros(design.height))
    b.hi[:n], b.lo[:n] = target.hi, target.lo
    r, theta, left = _refine(design, factors, b, DoubleDouble.of(np.zeros(design.width)))

    slopes = theta[int(intercept) :].scaled(y_unit / design.scale)
    first = DoubleDouble.of(0.0)
    if intercept:
        # The terms can be far larger than what is left of them, so they too are summed in double-double.
        first = theta[0].scaled(y_unit) + DoubleDouble.of(y_mean) - dot(slopes, DoubleDouble.of(design.mean))
    size = 1 + float(np.abs(theta.hi).sum())  # of the response is of the order of 1
    off = _share_left(left[int(intercept) :], theta[int(intercept) :].hi, SMALLEST * size)
    rss, r2 = _fit_quality(r[:n], target, intercept, design.root)
    freedom = (n if rows is None else rows.observations) - design.width
    sd = float(np.sqrt(rss / freedom)) * y_unit if freedom > 0 else float("nan")
    condition = _condition_number(design, factors, l2)
    errors_known = bool(_refines_errors(design) or np.sqrt(condition) * np.finfo(float).eps * design.width < 1e-7)
    coefficients, errors, first_error = np.zeros(X.shape[1]), np.full(X.shape[1], np.nan), float("nan")
    coefficients[kept] = slopes.round()
    if freedom > 0 and not l2:
        first_error, errors[kept] = _std_errors(design, factors, sd)
    return ExactSolution(
        coefficients, float(first.round()), errors, first_error, sd, r2, rss * y_unit**2,
        condition, tuple(j for j in range(X.shape[1]) if j not in set(kept.tolist())), off, errors_known,
        rss == 0 or bool(np.sqrt(rss / n) > SMALLEST * size),
        _covariance(design, factors, kept, X.shape[1]) if freedom > 0 and not l2 else None,
    )  # fmt: skip


def _factored(
    X: FloatArray, weights: FloatArray, intercept: bool, l2: float, rows: RowWeights | None
) -> tuple[Design, Factors, IntArray]:
    """The design of the columns that are independent, its QR factors, and which columns of X those are."""
    root = None if rows is None else DoubleDouble.of(rows.weights).sqrt()
    n = float(len(X) if rows is None else rows.weights.sum())
    mean, units, typical = _units(X, intercept, rows)
    penalty = None
    if l2:
        strength = (DoubleDouble.of(n) * DoubleDouble.of(l2)).sqrt()
        penalty = (strength * DoubleDouble.of(weights)).scaled(1 / units)
    design = Design(X, mean, units, intercept, penalty, root)
    factors = Factors.of(design.blocks(design.qr_rows))
    kept = _independent(factors.R, 2 * np.finfo(float).eps * np.sqrt(n) * typical / units, intercept)
    if len(kept) < X.shape[1]:
        design = design.columns(kept)
        factors = Factors.of(design.blocks(design.qr_rows))
    return design, factors, kept


def _units(
    X: FloatArray, center: bool, weighted: RowWeights | None
) -> tuple[FloatArray, FloatArray, FloatArray]:  # fmt: skip
    """Per column of X (n, d): the mean (0 unless ``center``), a power of two near the spread, the mean of |x|."""
    n, d = X.shape
    rows = max(BLOCK_VALUES // max(d, 1), 1)
    parts = [X[start : start + rows] for start in range(0, n, rows)]
    mean = np.zeros(d)
    if center and weighted is None:
        mean = sum((part.sum(axis=0) / n for part in parts), mean)
    elif center and weighted is not None:
        mean = weighted.weights @ X / weighted.weights.sum()
    typical = sum((np.abs(part).sum(axis=0) / n for part in parts), np.zeros(d))
    # Mean absolute deviations, as squares could overflow.
    spread = sum((np.abs(part - mean).sum(axis=0) / n for part in parts), np.zeros(d))
    units = np.ldexp(1.0, np.where(spread > 0, np.frexp(spread)[1], 0))
    return mean, units, typical


def _independent(R: FloatArray, resolution: FloatArray, intercept: bool) -> IntArray:
    """The columns of X that don't depend linearly on the intercept and earlier ones, from R (k, p) of A.

    Gram-Schmidt, twice for orthogonality ("twice is enough", Parlett). R alone would mislead: after an aliased
    column its rows hold rounding errors, which later columns may fit. ``resolution`` (d,) is the length that
    the rounding of the data themselves has in a column.
    """
    basis = np.zeros((len(R), min(R.shape)))
    kept: list[int] = []
    first, rank = int(intercept), 0
    for j in range(R.shape[1]):
        column = R[:, j]
        for _ in range(2):
            column = column - basis[:, :rank] @ (basis[:, :rank].T @ column)
        length = float(np.linalg.norm(column))
        floor = max(ALIAS_TOLERANCE * float(np.linalg.norm(R[:, j])), resolution[j - first] if j >= first else 0.0)
        if length > floor and rank < basis.shape[1]:
            basis[:, rank] = column / length
            rank += 1
            kept += [j - first] if j >= first else []
    return np.array(kept, dtype=np.int64)


def _refine(
    design: Design, factors: Factors, b: DoubleDouble, c: DoubleDouble
) -> tuple[DoubleDouble, DoubleDouble, FloatArray]:
    """r (m,) and theta (p,) with r + A theta = b (m,) and A'r = c (p,), by Björck's refinement.

    The third value is the size (p,) of the correction that would follow, in theta.
    """
    r, theta = DoubleDouble.of(np.zeros(design.height)), DoubleDouble.of(np.zeros(design.width))
    f, g, before, left = b.round(), c.round(), np.inf, np.zeros(design.width)
    for done in range(MAX_PASSES):
        dr, dtheta = factors.correct(f, g)
        r, theta = r + DoubleDouble.of(dr), theta + DoubleDouble.of(dtheta)
        size = float(np.linalg.norm(dtheta))
        # Corrections shrink at a steady rate, so the next one is known without the pass that computes it.
        following = size * min(size / before, 1.0) if before else 0.0
        left = np.abs(dtheta) * min(size / before, 1.0) if before else np.zeros(design.width)
        if done and (size > before / 2 or following <= NEGLIGIBLE * float(np.linalg.norm(theta.hi))):
            break
        before = size
        f, g = design.left_over(r, theta, b, c)
    return r, theta, left


def _share_left(left: FloatArray, theta: FloatArray, least: float) -> float:
    """The largest of ``left`` as a share of its coefficient; those that are 0 to the last digit of the rest are.

    So are those below ``least``: to the last digit of the response.
    """
    size = np.maximum(np.abs(theta), NEGLIGIBLE / np.finfo(float).eps * np.abs(theta).max(initial=0.0))
    size = np.maximum(size, least)
    return float(np.max(np.where(left > 0, left / np.where(size > 0, size, 1.0), 0.0), initial=0.0))


def _refines_errors(design: Design) -> bool:
    """Whether standard errors are worth refining."""
    return design.height * design.width**2 <= REFINE_ERRORS_UP_TO


def _fit_quality(
    r: DoubleDouble, target: DoubleDouble, centered: bool, root: DoubleDouble | None
) -> tuple[float, float]:  # fmt: skip
    """Residual sum of squares and R^2 from the residuals (n,) and the response (n,), both in units of y.

    Both are multiplied by the ``root`` of the weights, if there are any.
    """
    rss, tss = dot(r, r), dot(target, target)
    if centered:
        # The response was centered at the float64 mean, which isn't quite the mean.
        total = target.total() if root is None else (target * root).total()
        weight = DoubleDouble.of(float(len(target.hi))) if root is None else dot(root, root)
        tss = tss - total * total / weight
    r2 = float(((tss - rss) / tss).round()) if tss.hi > 0 else float("nan")
    return float(rss.round()), r2


def _std_errors(design: Design, factors: Factors, sd: float) -> tuple[float, FloatArray]:
    """Standard errors of the intercept (nan without one) and of the coefficients (d,), for residuals of ``sd``."""
    spread = sd * _spreads(design, factors)
    first = float(spread[0]) if design.intercept else float("nan")
    return first, spread[int(design.intercept) :] / design.scale


def _covariance(design: Design, factors: Factors, used: IntArray, columns: int) -> Covariance | None:
    """That of the coefficients of all columns, of which some are ``used``, for residuals of sd 1."""
    if not is_kept(1, columns):
        return None
    inverse = factors.inverse @ factors.inverse.T
    return of_training(inverse, design.mean, design.scale, design.intercept).expanded(used, columns)


def _spreads(design: Design, factors: Factors) -> FloatArray:
    """sqrt(w'(A'A)^-1 w), of shape (p,), for each unit vector w; in place of the first, the intercept's direction.

    The intercept in the data's units is w'theta with w = (1, -mean / scale). With r + A z = 0 and A'r = w the value
    is the length of r, a sum of squares in which nothing cancels; unrefined, it is the length of R^-T w.
    """
    directions = np.eye(design.width)
    if design.intercept:
        directions[0, 1:] = -design.mean / design.scale
    if not _refines_errors(design):
        lengths: FloatArray = np.linalg.norm(directions @ factors.inverse, axis=1)
        return lengths
    zero = DoubleDouble.of(np.zeros(design.height))
    solved = (_refine(design, factors, zero, DoubleDouble.of(w))[0] for w in directions)
    squares: FloatArray = np.array([float(dot(r, r).round()) for r in solved])
    return np.asarray(np.sqrt(squares))


def _condition_number(design: Design, factors: Factors, l2: float) -> float:
    """Largest by smallest eigenvalue of X'X/n + l2, X to mean 0 and sd 1 (no intercept: rms 1): squared, from R."""
    if not len(design.mean):
        return 1.0
    R = factors.R if not l2 else Factors.of(design.data_blocks(design.qr_rows)).R
    # Below the intercept's row are the coordinates of the centered columns.
    first = int(design.intercept)
    centered = R[first:, first:]
    length = np.linalg.norm(centered, axis=0)
    values = np.zeros(len(design.mean))
    found = np.linalg.svd(centered / np.where(length > 0, length, 1.0), compute_uv=False) ** 2 + l2
    values[: len(found)], values[len(found) :] = found, l2
    return float(values[0] / values[-1]) if values[-1] > 0 else float("inf")
