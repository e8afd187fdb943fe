"""Learning rates from eigenvalues: the largest stable one, and the one that ``auto`` takes."""

import numpy as np

from dlcli.engine.arrays import FloatArray


def largest_stable_rate(l_max: float, momentum: float = 0.0, nesterov: bool = False) -> float:
    """The rate above which the steepest direction grows (Polyak 1964 for momentum).

    Plain: 2/l; heavy ball: 2(1+m)/l; Nesterov: 2(1+m)/((1+2m) l).

    >>> largest_stable_rate(4.0), largest_stable_rate(4.0, 0.5), largest_stable_rate(4.0, 0.5, True)
    (0.5, 0.75, 0.375)
    """
    if l_max <= 0:
        return float("inf")
    rate = 2 * (1 + momentum) / l_max
    return rate / (1 + 2 * momentum) if nesterov else rate


def automatic_rate(l_max: float, l_min: float, momentum: float = 0.0) -> float:
    """2/(l_max + l_min), the best constant rate, but at most 1.9/l_max, and 1/l_max with momentum.

    The best rate for the slowest direction barely damps the steepest one when l_min is tiny: at 1.9/l_max that
    one shrinks tenfold a step, for 5% more steps in the slowest.
    """
    if l_max <= 0:
        return 1.0
    return 1 / l_max if momentum else min(2 / (l_max + l_min), 1.9 / l_max)


def largest_stable_batch_rate(A: FloatArray, fourth: FloatArray, batch: int, rows: int, ridge: FloatArray) -> float:
    """The rate up to which every step with a random mini-batch brings theta nearer to the optimum on average.

    A step multiplies the error e by 1 - a H, H being the batch's own Hessian, so that E|e|^2 shrinks wherever
    a E[H^2] < 2 E[H]. For ``batch`` of ``rows`` drawn without replacement, E[H^2] = E[H]^2 + (fourth - A^2) / batch
    * (rows - batch) / (rows - 1), with A = Z'Z/n and ``fourth`` the mean of |z|^2 zz', both (p, p); ridge (p, p) is
    what the penalty adds to A.

    >>> one = np.ones((1, 1))
    >>> round(largest_stable_batch_rate(one, 3 * one, 1, 10**9, 0 * one), 6)  # z is normal: E z^4 = 3
    0.666667
    """
    mean = A + ridge
    square = mean @ mean + (fourth - A @ A) / batch * (rows - batch) / max(rows - 1, 1)
    values, vectors = np.linalg.eigh(mean)
    live = values > values[-1] * len(values) * np.finfo(np.float64).eps
    root = vectors[:, live] / np.sqrt(values[live])
    largest = float(np.linalg.eigvalsh(root.T @ square @ root)[-1]) if live.any() else 0.0
    return 2 / largest if largest > 0 else float("inf")
