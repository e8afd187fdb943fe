"""Losses and gradients at many thetas at once: one pass over the rows for all of them.

The scores of a block of rows are one product, theta Z', and the gradients one more. Replicas don't mix: a row of
either product depends on one replica alone, so one that overflows leaves the others as they are. The losses are
defined in ``dlcli.linear.objectives.glm``; they are written out here once more, since sums over other axes, in place,
round in another order, and sharing them would change either's last bits or the time.

BLAS starts threads of its own for large products, and those get in the way of threads that each take some of the
rows (2 to 10 times slower on two busy cores). So the products of a block are a batch of small ones.
"""

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from dlcli.engine.arrays import FloatArray
from dlcli.linear.objectives.loss import Kind

SCORES = 65_536  # of a block, all replicas together: 512 KiB, which stays in a core's cache
PRODUCT = 500_000  # multiplications; OpenBLAS shares out a product from 2^19
FEWEST_ROWS = 32  # in a product
SPAN = 8  # blocks that a thread takes at a time
WORTH_THREADS = 1_000_000  # scores
Part = tuple[FloatArray, FloatArray]  # sums of losses (replicas,) and gradients (outputs * replicas, p)


class BatchedSums:
    """Sums over rows Z (n, p) and y (n,), in an order that doesn't depend on the number of threads."""

    def __init__(self, Z: FloatArray, y: FloatArray, kind: Kind) -> None:
        self.Z, self.y = Z, y
        self._residuals = _RESIDUALS[kind]

    def __call__(self, thetas: FloatArray, losses: bool) -> Part:
        """Sums of losses (replicas,) and gradients (replicas, outputs, p) at ``thetas`` (replicas, outputs, p).

        Those of the losses are nan unless asked for: a step doesn't need them.
        """
        count, outputs, p = thetas.shape
        n, width = len(self.y), max(count * outputs, 1)
        product = min(PRODUCT // (width * p), SCORES // width)
        threads = n * width >= WORTH_THREADS and product >= FEWEST_ROWS
        if product < FEWEST_ROWS:  # so wide that BLAS's own threads do better
            product = max(SCORES // width, FEWEST_ROWS)
        block = product * max(SCORES // (width * product), 1)
        total, gradient = _add(self._parts(thetas.swapaxes(0, 1), losses, product, block, threads))
        return total, gradient.reshape(outputs, count, p).swapaxes(0, 1)

    def _parts(self, thetas: FloatArray, losses: bool, product: int, block: int, threads: bool) -> list[Part]:
        """Sums over spans of the rows, in their order."""
        n = len(self.y)

        def span(start: int) -> Part:
            end = min(start + SPAN * block, n)
            whole = end - (end - start) % product
            # NumPy's error state belongs to a thread, so each sets its own.
            with np.errstate(over="ignore", invalid="ignore"):
                parts = [
                    self._block(thetas, losses, slice(first, min(first + block, whole)), product)
                    for first in range(start, whole, block)
                ]
                if whole < end:
                    parts.append(self._block(thetas, losses, slice(whole, end), end - whole))
            return _add(parts)

        starts = range(0, n, SPAN * block)
        if not threads:
            return list(map(span, starts))
        # NumPy lets go of the interpreter inside a block's products and functions.
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            return list(pool.map(span, starts))

    def _block(self, thetas: FloatArray, losses: bool, rows: slice, product: int) -> Part:
        """Sums over ``rows``, a multiple of ``product``; thetas are (outputs, replicas, p)."""
        outputs, count, p = thetas.shape
        Z, y = self.Z[rows].reshape(-1, product, p), self.y[rows].reshape(-1, 1, 1, product)
        scores = thetas.reshape(-1, p) @ Z.transpose(0, 2, 1)  # (products, outputs * replicas, rows of a product)
        total = self._residuals(scores.reshape(-1, outputs, count, product), y, losses)
        return total, (scores @ Z).sum(axis=0)


def _add(parts: Sequence[Part]) -> Part:
    total, gradient = (part.copy() for part in parts[0])
    for part in parts[1:]:
        total += part[0]
        gradient += part[1]
    return total, gradient


def _squares(scores: FloatArray, y: FloatArray, losses: bool) -> FloatArray:
    """Turn scores into prediction - y in place; the sums (replicas,) of the losses.

    Scores are (products, outputs, replicas, rows), so that inner loops are long whatever is few; y (products, 1, 1,
    rows).
    """
    scores -= y
    return 0.5 * np.einsum("bomr,bomr->m", scores, scores) if losses else _none(scores)


def _logistic(scores: FloatArray, y: FloatArray, losses: bool) -> FloatArray:
    """As ``_squares``."""
    total = _none(scores)
    if losses:
        # log(1 + e^s) = max(s, 0) + log1p(e^-|s|) does not overflow.
        small = np.exp(-np.abs(scores))
        total = np.sum(np.log1p(small), axis=(0, 1, 3)) + np.sum(np.maximum(scores, 0) - scores * y, axis=(0, 1, 3))
    # 1 / (1 + e^-s): e^-s overflows to inf where the sigmoid is 0 anyway.
    np.negative(scores, out=scores)
    np.exp(scores, out=scores)
    scores += 1
    np.divide(1, scores, out=scores)
    scores -= y
    return total


def _softmax(scores: FloatArray, y: FloatArray, losses: bool) -> FloatArray:
    """As ``_squares``."""
    codes = y.astype(np.int64)
    scores -= scores.max(axis=1, keepdims=True)
    total = np.take_along_axis(scores, codes, axis=1).sum(axis=(0, 1, 3)) if losses else _none(scores)
    np.exp(scores, out=scores)
    normalizer = scores.sum(axis=1, keepdims=True)
    scores /= normalizer
    scores -= (codes == np.arange(scores.shape[1])[:, None, None]).astype(np.float64)
    return np.log(normalizer).sum(axis=(0, 1, 3)) - total if losses else total


def _none(scores: FloatArray) -> FloatArray:
    return np.full(scores.shape[2], np.nan)


_RESIDUALS: dict[Kind, Callable[[FloatArray, FloatArray, bool], FloatArray]] = {
    "mse": _squares,
    "logistic": _logistic,
    "softmax": _softmax,
}
