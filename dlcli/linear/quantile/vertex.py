"""From near the solution of a program to the solution: a vertex, where p rows lie on the plane, with its proof."""

from dataclasses import dataclass

import numpy as np

from dlcli.engine.arrays import FloatArray, IntArray
from dlcli.linear.quantile.program import Interior, Program

NUDGE = 1e-9  # of the targets' size: no two rows are to meet the plane at once
FREE = 1e-6  # of the targets' size: a way that is no work of the nudges
SLACK = 1e-9  # of a row's range by which its dual may be outside, or above which it is inside


@dataclass(frozen=True)
class Vertex:
    """The solution theta (p,), the rows on the plane ``basis`` (p,), and their duals.

    ``proven`` says whether every dual is in its range, ``unique`` that no other theta is as good.
    """

    theta: FloatArray
    basis: IntArray
    proven: bool
    unique: bool


def vertex_near(program: Program, near: Interior) -> Vertex:
    """The solution, from an interior point."""
    return descend(program, _first_basis(program.X, near.undecided))


def descend(program: Program, basis: IntArray) -> Vertex:
    """The solution, from the vertex of a basis: from vertex to vertex, downhill (Barrodale and Roberts 1973).

    Where more rows than p lie on a vertex it could go in circles; so targets are nudged, each by another amount. The
    duals that prove the solution then prove it without.
    """
    X, y, c = program.X, program.y, program.lower + program.upper
    size = float(np.max(np.abs(y), initial=0.0)) or 1.0
    nudged = y + NUDGE * size * np.random.default_rng(0).uniform(-1, 1, len(y))
    basis, most = basis.copy(), 50 * X.shape[1] + 1000
    for _ in range(most):
        inverse = np.linalg.inv(X[basis])
        r = nudged - X @ (inverse @ nudged[basis])
        r[basis] = 0.0
        d = np.where(r > 0, program.upper, -program.lower)
        d[basis] = 0.0
        dual = inverse.T @ (program.pull - X.T @ d)
        above, below = dual - program.upper[basis], -program.lower[basis] - dual
        outside = np.maximum(above, below)
        j = int(np.argmax(outside / c[basis]))
        if outside[j] <= SLACK * c[basis[j]]:
            break
        side = 1.0 if above[j] > below[j] else -1.0
        entering = _first_that_stops(r, X @ (-side * inverse[:, j]), c, basis, float(outside[j]))
        if entering is None:
            return Vertex(inverse @ y[basis], basis, False, False)
        basis[j] = entering
    theta = np.asarray(np.linalg.solve(X[basis], y[basis]), dtype=np.float64)
    found = y - X @ theta
    agrees = bool(np.all(np.where(r > 0, found, -found) >= -1e-7 * size))
    inside = np.minimum(program.upper[basis] - dual, dual + program.lower[basis]) / c[basis]
    proven = bool(outside[j] <= SLACK * c[basis[j]]) and agrees
    ends = [(j, 1.0 if dual[j] > 0 else -1.0) for j in np.flatnonzero(inside <= SLACK)]
    others = any(_free_along(r, X @ (-side * inverse[:, j]), basis) > FREE * size for j, side in ends)
    return Vertex(theta, basis, proven, not others)


def _free_along(r: FloatArray, h: FloatArray, basis: IntArray) -> float:
    """How far r - t h goes before a row meets the plane: a way on which the objective stays as it is."""
    with np.errstate(divide="ignore", invalid="ignore"):
        t = r / h
    t[basis] = np.inf
    return float(np.min(t[t > 0], initial=np.inf))


def _first_that_stops(r: FloatArray, h: FloatArray, c: FloatArray, basis: IntArray, slope: float) -> int | None:
    """The row at which a descent of r - t h ends, that falls by ``slope`` at first: the next basic one."""
    with np.errstate(divide="ignore", invalid="ignore"):
        t = r / h
    t[basis] = np.inf
    ahead = np.flatnonzero((t > 0) & np.isfinite(t))
    order = ahead[np.argsort(t[ahead], kind="stable")]
    gained = np.cumsum(c[order] * np.abs(h[order]))
    at = int(np.searchsorted(gained, slope))
    return int(order[at]) if at < len(order) else None


def _first_basis(X: FloatArray, undecided: FloatArray) -> IntArray:
    """Independent rows, those nearest to the plane first: Gram-Schmidt with the largest remainder next."""
    p, candidates = X.shape[1], np.argsort(-undecided, kind="stable")
    at = 0
    chosen: list[int] = []
    directions = np.zeros((0, p))
    while len(chosen) < p and at < len(candidates):
        some = candidates[at : at + 20 * p]
        at += 20 * p
        left = X[some] * np.sqrt(undecided[some])[:, None]
        left = left - (left @ directions.T) @ directions
        lengths = np.linalg.norm(X[some], axis=1) * np.sqrt(undecided[some])
        while len(chosen) < p:
            remainder = np.linalg.norm(left, axis=1)
            j = int(np.argmax(remainder))
            if remainder[j] <= 1e-8 * max(lengths[j], 1e-300):
                break
            direction = left[j] / remainder[j]
            direction = direction - directions.T @ (directions @ direction)
            direction /= np.linalg.norm(direction)
            directions = np.concatenate([directions, direction[None]])
            chosen.append(int(some[j]))
            left = left - np.outer(left @ direction, direction)
    return np.array(chosen)
