"""The linear program of quantile regression, and an interior point near its solution.

  minimize over theta  sum of upper r+ + lower r-  + pull'theta,   r = y - X theta

A row of weight w at quantile q has upper w q and lower w (1 - q); a penalty of c |theta_j| is a row -e_j, 0 with both
c. The dual is to maximize y'd with X'd = pull and d between -lower and upper (Koenker and Bassett 1978): d is what a
row gains by its residual, upper above the plane, -lower below it.
"""

from dataclasses import dataclass

import numpy as np

from dlcli.engine.arrays import FloatArray, IntArray

MOST_STEPS = 80
MOST_UNDECIDED = 1e100  # what can be squared
GAP = 1e-9  # the duality gap, as a share of the objective, from which the vertex is near


@dataclass(frozen=True)
class Program:
    """X (n, p), y, lower and upper (n,), pull (p,)."""

    X: FloatArray
    y: FloatArray
    lower: FloatArray
    upper: FloatArray
    pull: FloatArray

    def value(self, theta: FloatArray) -> float:
        """The objective at theta (p,)."""
        r = self.y - self.X @ theta
        return float(np.sum(np.where(r > 0, self.upper, -self.lower) * r) + self.pull @ theta)

    def of(self, rows: IntArray) -> "Program":
        """The program of some rows."""
        return Program(self.X[rows], self.y[rows], self.lower[rows], self.upper[rows], self.pull)

    def and_also(self, other: "Program") -> "Program":
        """The program with the rows of another; the pull is this one's."""
        X, y = np.concatenate([self.X, other.X]), np.concatenate([self.y, other.y])
        lower, upper = np.concatenate([self.lower, other.lower]), np.concatenate([self.upper, other.upper])
        return Program(X, y, lower, upper, self.pull)


@dataclass(frozen=True)
class Interior:
    """A point near the solution: theta (p,), and how far each row is from having a side, (n,): large on the plane."""

    theta: FloatArray
    undecided: FloatArray


def interior(program: Program) -> Interior:
    """Mehrotra's predictor-corrector method from any start (Portnoy and Koenker 1997; "fn" of R's quantreg).

    With a = d + lower in [0, c], s = c - a, and r = w - z: X'a = pull + X'lower, a z = 0, s w = 0 at the solution.
    """
    X, y = program.X, program.y
    c = program.lower + program.upper
    target = program.pull + X.T @ program.lower
    root = np.sqrt(c)
    theta = np.asarray(np.linalg.lstsq(X * root[:, None], y * root, rcond=None)[0], dtype=np.float64)
    r = y - X @ theta
    size = float(np.mean(np.abs(r))) or 1.0
    a, z, w = program.lower.copy(), np.maximum(-r, 0) + size, np.maximum(r, 0) + size
    flat = a <= 0
    a[flat] = 0.5 * c[flat]
    for _ in range(MOST_STEPS):
        s = c - a
        short, off = target - X.T @ a, w - z - (y - X @ theta)
        gap = float(a @ z + s @ w)
        if gap <= GAP * (1e-300 + abs(float(np.sum(np.where(r > 0, program.upper, -program.lower) * r)))):
            break
        system = _System(X, a, s, z, w)
        near = system.solve(short, off, -a * z, -s * w)
        t_a, t_z = system.longest(near)
        da, dz, dw = near[1:]
        after = float((a + t_a * da) @ (z + t_z * dz) + (s - t_a * da) @ (w + t_z * dw))
        mu = gap / (2 * len(y)) * (after / gap) ** 3
        step = system.solve(short, off, mu - a * z - da * dz, mu - s * w + da * dw)
        t_a, t_z = system.longest(step)
        theta, a = theta + t_z * step[0], a + t_a * step[1]
        z, w = z + t_z * step[2], w + t_z * step[3]
        r = y - X @ theta
        if not np.isfinite(theta).all():
            break
    tiny = np.finfo(np.float64).tiny
    with np.errstate(over="ignore"):
        undecided = 1 / (z / np.maximum(a, tiny) + w / np.maximum(c - a, tiny))
    return Interior(theta, np.minimum(undecided, MOST_UNDECIDED))


class _System:
    """Newton's equations at a point."""

    def __init__(self, X: FloatArray, a: FloatArray, s: FloatArray, z: FloatArray, w: FloatArray) -> None:
        self.X, self.a, self.s, self.z, self.w = X, a, s, z, w
        self.weights = 1 / (z / a + w / s)
        self.matrix = (X * self.weights[:, None]).T @ X

    def solve(
        self, short: FloatArray, off: FloatArray, az: FloatArray, sw: FloatArray
    ) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
        """Steps of theta, a, z and w: X'da = short, w - z + X theta - y changes by -off, a z by az, s w by sw."""
        known = sw / self.s - az / self.a + off
        right = short + self.X.T @ (self.weights * known)
        try:
            move = -np.asarray(np.linalg.solve(self.matrix, right), dtype=np.float64)
        except np.linalg.LinAlgError:
            move = -np.asarray(np.linalg.lstsq(self.matrix, right, rcond=None)[0], dtype=np.float64)
        da = -self.weights * (self.X @ move + known)
        dz = (az - self.z * da) / self.a
        dw = (sw + self.w * da) / self.s
        return move, da, dz, dw

    def longest(self, step: tuple[FloatArray, FloatArray, FloatArray, FloatArray]) -> tuple[float, float]:
        """How much of the steps can be taken of a, and of theta, z and w, all staying inside."""
        _, da, dz, dw = step
        t_a = min(_room(self.a, da), _room(self.s, -da))
        return min(1.0, 0.99995 * t_a), min(1.0, 0.99995 * min(_room(self.z, dz), _room(self.w, dw)))


def _room(value: FloatArray, change: FloatArray) -> float:
    falling = change < 0
    return float(np.min(-value[falling] / change[falling], initial=np.inf))
