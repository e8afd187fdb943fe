"""How near parameters are to the optimum, and how well the data determine each coefficient there.

A small gradient proves little: along a direction of little curvature it stays small however far the optimum is. What
counts is Newton's step from where the parameters are, H^-1 g, against each coefficient's own size, in the data's units.
To it comes what rounding may hide. Everything is solved in equilibrated units, so that scales of columns don't matter.
"""

from dataclasses import dataclass

import numpy as np

from dlcli.engine.arrays import BoolArray, FloatArray
from dlcli.linear.inference.covariance import Covariance, is_kept, of_training
from dlcli.linear.losses.families import family_of
from dlcli.linear.objectives.glm import RowObjective
from dlcli.linear.objectives.least_squares import SpanUnits, Standardizer
from dlcli.linear.objectives.loss import of_family, of_huber

UNIT = float(np.finfo(np.float64).eps) / 2
# A coefficient far below its own standard error is measured against this share of it: an exact 0 has no digits.
SHARE_OF_ERROR = 1e-4
PENALIZED = 1e-2  # with penalties, which shrink coefficients far below their errors, against this much of that share
# Standard errors are known where rounding leaves them six digits.
KNOWN = 3e-7
TINY = 1e-300
MANY = 1000  # parameters from which the time of an eigendecomposition matters


@dataclass(frozen=True)
class Nearness:
    """``off`` is the largest error of a coefficient as a share of its size; infinite where it can't be told.

    ``spread`` (1 + d, k) times sd / sqrt(n) are the standard errors at an optimum without penalties (sd is 1 for
    classes), or None where rounding leaves them no six digits. ``determined`` says whether the data (and penalties)
    determine every coefficient; ``move`` (p, k) is Newton's step in training units, where rows were used;
    ``residuals_known`` whether the mean squared error has six digits, too. ``away`` is the largest distance of a
    coefficient from its optimum, as a share of its size there or of its standard error, whichever is larger. Without
    the Hessian ``formed`` there is no spread. ``covariance``, where there is one, has the spread's squares.
    """

    off: float
    determined: bool
    spread: FloatArray | None
    move: FloatArray | None = None
    residuals_known: bool = True
    away: float | None = None
    formed: bool = True
    covariance: Covariance | None = None


SINGULAR = Nearness(np.inf, False, None)
AWAY = Nearness(np.inf, True, None)


def inverse_of(M: FloatArray) -> tuple[FloatArray, float] | None:
    """Inverse of a symmetric positive definite matrix and its condition number, both equilibrated; None if singular.

    Equilibrated: with a diagonal of ones, which is within a factor of the size of the best scaling (van der Sluis).
    """
    diagonal = np.diag(M)
    if not len(M) or not np.isfinite(M).all() or not (diagonal > 0).all():
        return None
    scale = np.sqrt(diagonal)
    C = M / scale[:, None] / scale
    if len(M) > MANY:
        found = _by_cholesky(C)
        return None if found is None else (found[0] / scale[:, None] / scale, found[1])
    values, vectors = np.linalg.eigh(C)
    if values[0] <= 4 * len(M) * 2 * UNIT * values[-1]:
        return None
    return (vectors / values) @ vectors.T / scale[:, None] / scale, float(values[-1] / values[0])


def _by_cholesky(C: FloatArray) -> tuple[FloatArray, float] | None:
    """The same of a large matrix with a diagonal of ones, in a fifth of the time that its eigenvectors take.

    A matrix that is singular to rounding has a pivot that is, and ends here, after a thirtieth.
    """
    floor = 4 * len(C) * 2 * UNIT
    try:
        pivots = np.diag(np.linalg.cholesky(C)) ** 2
    except np.linalg.LinAlgError:
        return None
    if pivots.min() <= floor:
        return None
    inverse: FloatArray = np.asarray(np.linalg.inv(C), dtype=np.float64)
    condition = _largest_eigenvalue(C) * _largest_eigenvalue(inverse)
    return (inverse, condition) if condition < 1 / floor else None


def _largest_eigenvalue(M: FloatArray) -> float:
    """That of a symmetric positive matrix, by power iteration, to a few percent."""
    v = np.random.default_rng(0).normal(size=len(M))
    for _ in range(40):
        v = M @ (v / np.linalg.norm(v))
    return float(np.linalg.norm(v))


def rows_nearness(objective: RowObjective, theta: FloatArray, units: Standardizer) -> Nearness:
    """Nearness of theta (p, k) to the optimum of an objective over rows; one pass for the Hessian."""
    p, k = theta.shape
    value, smooth = objective.value_and_gradient(theta)
    H = objective.hessian(theta)
    if not np.isfinite(value) or not np.isfinite(H).all():
        return AWAY
    rms = np.sqrt(np.maximum(objective.mean_squares(), 0.0))
    gradient, free = _subgradient(objective, theta, smooth, rms)
    if not np.isfinite(gradient).all():
        return AWAY
    basis = _basis(k, free)
    if basis is None:
        if k > 1:  # with L1 alone: the intercepts' sum over classes is of no consequence
            H = H + np.kron(np.full((k, k), 1 / k), np.diag((objective.penalized[:, 0] == 0) * np.diag(H)[:p].max()))
        chosen = np.flatnonzero(free.T.ravel())
        solved = inverse_of(H[np.ix_(chosen, chosen)])
    else:
        reduced = np.einsum("ca,cidj,db->aibj", basis, H.reshape(k, p, k, p), basis, optimize=theta.size > MANY)
        solved = inverse_of(reduced.reshape(-1, (k - 1) * p))
    if solved is None:
        return SINGULAR
    inverse, condition = solved
    if basis is None:
        whole = np.zeros((k * p, k * p))
        whole[np.ix_(chosen, chosen)] = inverse
    else:
        small = inverse.reshape(k - 1, p, k - 1, p)
        whole = np.einsum("ca,aibj,db->cidj", basis, small, basis, optimize=theta.size > MANY).reshape(k * p, k * p)
    move = -(whole @ gradient.T.ravel()).reshape(k, p).T
    if (expected := _expected(objective, theta, free)) is not None:
        whole, condition = expected
    blocks = [whole[c * p : (c + 1) * p, c * p : (c + 1) * p] for c in range(k)]
    spread = np.stack([np.sqrt(_variances(block, units)) for block in blocks], axis=1)
    # Rounding of the scores, and of sums over the rows along a direction of little curvature.
    scores = float(np.max(rms @ np.abs(theta))) + objective.unit
    n, sd = objective.total, objective.unit
    rounding = UNIT * (2 * np.sqrt(p * k) * scores + np.sqrt(n * condition) * sd) * spread / np.sqrt(n)
    noise = sd * spread / np.sqrt(n) * (PENALIZED if objective.l1 or objective.l2 else 1.0)
    off = _worst(units, theta, move, noise, rounding)
    known = 4 * UNIT * condition <= KNOWN
    there = _values(units, theta + move)
    away = float(np.max(np.abs(_values(units, move)) / np.maximum(np.abs(there), sd * spread / np.sqrt(n) + TINY)))
    keeps = known and is_kept(k, len(units.scale)) and not isinstance(units, SpanUnits)
    covariance = of_training(whole, units.shift, units.scale, units.intercept) if keeps else None
    return Nearness(off, True, spread if known else None, move, away=away, covariance=covariance)


def _expected(objective: RowObjective, theta: FloatArray, free: BoolArray) -> tuple[FloatArray, float] | None:
    """The inverse (p, p) of the information and its condition number; None where it is the Hessian, or singular."""
    if not of_huber(objective.kind) and (not of_family(objective.kind) or family_of(objective.kind).canonical):
        return None
    solved = inverse_of(objective.information(theta)[np.ix_(free[:, 0], free[:, 0])])
    if solved is None:
        return None
    whole = np.zeros((len(theta), len(theta)))
    whole[np.ix_(free[:, 0], free[:, 0])] = solved[0]
    return whole, solved[1]


def _subgradient(
    objective: RowObjective, theta: FloatArray, smooth: FloatArray, rms: FloatArray
) -> tuple[FloatArray, BoolArray]:
    """The smallest subgradient (p, k), and which parameters are free to move a little (with L1: those not 0)."""
    if not objective.l1:
        return smooth, np.ones(theta.shape, dtype=bool)
    threshold = objective.l1 * objective.penalized * np.ones_like(theta)
    free = (theta != 0) | (threshold == 0)
    over = np.abs(smooth) > threshold * (1 + 1e-9) + 8 * UNIT * rms[:, None]
    gradient = np.where(free, smooth + threshold * np.sign(theta), 0.0)
    # A zero that its gradient would move isn't settled: no finite step is enough.
    return np.where(~free & over, np.inf, gradient), free


def _basis(k: int, free: BoolArray) -> FloatArray | None:
    """An orthonormal basis (k, k - 1) of what sums to zero over classes; None where parameters stand for themselves."""
    if k == 1 or not free.all():
        return None
    vectors: FloatArray = np.linalg.qr(np.concatenate([np.ones((k, 1)), np.eye(k)[:, : k - 1]], axis=1))[0][:, 1:]
    return vectors


def _variances(block: FloatArray, units: Standardizer) -> FloatArray:
    """Diagonal (1 + d,) of T block T' in the data's units; 0 for an intercept that there isn't."""
    T = units.transform
    found = np.maximum(np.einsum("ij,jk,ik->i", T, block, T, optimize=len(T) > MANY), 0.0)
    return found if units.intercept else np.concatenate([[0.0], found])


def _values(units: Standardizer, theta: FloatArray) -> FloatArray:
    """Intercept and coefficients (1 + d, k) in the data's units."""
    first, slopes = units.to_data(theta)
    return np.concatenate([first[None], slopes])


def _worst(units: Standardizer, theta: FloatArray, move: FloatArray, noise: FloatArray, rounding: FloatArray) -> float:
    """The largest error of any coefficient in the data's units, as a share of its size."""
    first, slopes = units.to_data(theta)
    change_first, change = units.to_data(move)
    values = np.concatenate([first[None], slopes])
    canceled = 2 * UNIT * units.shifted(slopes)
    errors = np.abs(np.concatenate([change_first[None], change])) + rounding
    errors[0] += canceled
    kept = slice(0 if units.intercept else 1, None)
    return share_of_size(values[kept], errors[kept], noise[kept])


def share_of_size(values: FloatArray, errors: FloatArray, noise: FloatArray) -> float:
    """The largest error as a share of its value, or of ``SHARE_OF_ERROR`` of its ``noise`` where that is more."""
    size = np.maximum(np.abs(values), SHARE_OF_ERROR * noise)
    with np.errstate(invalid="ignore", divide="ignore"):
        share = np.where(errors > 0, errors / size, 0.0)
    worst = float(np.max(share, initial=0.0))
    return worst if np.isfinite(worst) else float("inf")
