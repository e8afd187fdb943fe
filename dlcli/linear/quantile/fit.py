"""Quantile regression on any number of rows: the exact solution, from a program of the rows near the plane.

A sample says about where the plane lies. Rows that are surely above or below it only pull on it: their sum stands for
them. The program of the others is solved exactly, every row is asked on which side it is, those that were wrong join,
until none is (Portnoy and Koenker 1997, "The Gaussian hare and the Laplacian tortoise", Statistical Science 12).
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from dlcli.engine.arrays import FloatArray, IntArray
from dlcli.linear.objectives.responses import Responses, RowResponses
from dlcli.linear.objectives.stored_rows import AnyRows
from dlcli.linear.quantile.program import Program, interior
from dlcli.linear.quantile.vertex import Vertex, descend, vertex_near

Sides: TypeAlias = NDArray[np.int8]
WHOLE = 10_000  # rows whose program is solved at once
BLOCK = 1 << 16
MOST_ROUNDS = 50
KEPT = 0.8  # of a sample's size: the rows that are taken to be near the plane


@dataclass(frozen=True)
class QuantileRows:
    """Rows Z (n, p) and responses, the quantile, and what |theta| costs (p,) beside the mean pinball loss.

    ``columns`` are those of Z that p counts; None: all.
    """

    Z: AnyRows
    responses: Responses
    quantile: float
    l1: FloatArray
    columns: IntArray | None = None

    @property
    def width(self) -> int:
        """How many columns p there are."""
        return len(self.l1)

    def take(self, which: slice | IntArray) -> FloatArray:
        """Some rows of Z, (m, p)."""
        Z = self.Z[which]
        return Z if self.columns is None else Z[:, self.columns]

    @property
    def rows(self) -> int:
        """How many there are."""
        return len(self.responses)

    def blocks(self) -> Iterator[tuple[slice, FloatArray, RowResponses]]:
        """All rows, block by block."""
        for start in range(0, self.rows, BLOCK):
            block = slice(start, start + BLOCK)
            yield block, self.take(block), self.responses[block]

    def at(self, quantile: float) -> "QuantileRows":
        """The same at another quantile."""
        return replace(self, quantile=quantile)


@dataclass(frozen=True)
class QuantileSolution:
    """Theta (p,), whether it is proven to be the solution, whether the only one, and rows that were solved at once."""

    theta: FloatArray
    proven: bool
    unique: bool
    solved: int


def solve_quantile(rows: QuantileRows) -> QuantileSolution:
    """The theta that minimizes the mean pinball loss plus ``l1`` |theta|, exactly.

    The columns must be independent. Memory is that of some 9 bytes a row beside the rows near the plane.
    """
    every = np.arange(rows.rows)
    if rows.rows <= WHOLE:
        program = _program(rows, every, 1.0)
        vertex = vertex_near(program, interior(program))
        return _solution(vertex, len(program.y), rows)
    p, random = rows.width, np.random.default_rng(0)
    size = min(rows.rows, max(WHOLE, int(((p + 1) * rows.rows) ** (2 / 3))))
    while 2 * size <= rows.rows:
        sample = np.sort(random.choice(rows.rows, size, replace=False))
        found = _by_sample(rows, _program(rows, sample, rows.rows / size))
        if found is not None:
            return found
        size *= 2
    program = _program(rows, every, 1.0)
    return _solution(vertex_near(program, interior(program)), rows.rows, rows)


def residuals(rows: QuantileRows, theta: FloatArray) -> FloatArray:
    """Targets less the quantiles of theta (p,), (n,)."""
    found = np.empty(rows.rows)
    for block, Z, responses in rows.blocks():
        found[block] = _targets(responses) - Z @ theta
    return found


def _by_sample(rows: QuantileRows, sample: Program) -> QuantileSolution | None:
    """The solution from a sample's program; None where the sample misled."""
    size = len(sample.y)
    first = interior(sample)
    spread = np.asarray(np.linalg.inv(sample.X.T @ sample.X / size), dtype=np.float64)
    sides = _sides(rows, first.theta, spread, KEPT * size / rows.rows)
    chosen = np.flatnonzero(sides == 0)
    program = replace(_program(rows, chosen, 1.0), pull=_pull(rows, sides))
    vertex: Vertex | None = None
    for _ in range(MOST_ROUNDS):
        if vertex is None:
            vertex = vertex_near(program, interior(program))
        else:
            vertex = descend(program, vertex.basis)
        if not vertex.proven:
            return None
        wrong = _wrong(rows, vertex.theta, sides)
        if not len(wrong):
            return _solution(vertex, len(program.y), rows)
        if len(wrong) > len(program.y):
            return None
        sides[wrong] = 0
        joined = _program(replace(rows, l1=np.zeros_like(rows.l1)), wrong, 1.0)
        program = replace(program.and_also(joined), pull=_pull(rows, sides))
    return None


def _solution(vertex: Vertex, solved: int, rows: QuantileRows) -> QuantileSolution:
    theta = vertex.theta
    if rows.l1.any():  # those that lie on their own penalty's row are 0, but for rounding
        theta = np.where(np.abs(theta) <= 1e-13 * np.abs(theta).max(initial=0.0), 0.0, theta)
    return QuantileSolution(theta, vertex.proven, vertex.unique, solved)


def _targets(responses: RowResponses) -> FloatArray:
    return responses.y if responses.offset is None else responses.y - responses.offset


def _program(rows: QuantileRows, which: IntArray, factor: float) -> Program:
    """The program of some rows, each standing for ``factor`` of them, and of the penalty."""
    chosen = slice(None) if len(which) == rows.rows else which
    Z, responses = rows.take(chosen), rows.responses[chosen]
    weights = np.full(len(which), factor) if responses.weights is None else responses.weights * factor
    counts = np.flatnonzero(weights > 0)
    if len(counts) < len(weights):
        Z, responses, weights = Z[counts], responses[counts], weights[counts]
    q, p = rows.quantile, Z.shape[1]
    program = Program(Z, _targets(responses), weights * (1 - q), weights * q, np.zeros(p))
    if not rows.l1.any():
        return program
    penalized = np.flatnonzero(rows.l1)
    cost = rows.l1[penalized] * rows.responses.total()
    return program.and_also(Program(-np.eye(p)[penalized], np.zeros(len(penalized)), cost, cost, np.zeros(p)))


def _sides(rows: QuantileRows, theta: FloatArray, spread: FloatArray, share: float) -> Sides:
    """1 of rows surely above the plane, -1 of those surely below, 0 of the ``share`` that is nearest, (n,) int8.

    Distances count by what the sample says of the plane where the row is: ``spread`` is its covariance, but for scale.
    """
    away = np.empty(rows.rows)
    for block, Z, responses in rows.blocks():
        band = np.sqrt(np.einsum("ij,ij->i", Z @ spread, Z))
        away[block] = (_targets(responses) - Z @ theta) / np.maximum(band, 1e-12)
    q = float(np.mean(away < 0))
    low, high = np.quantile(away, [max(q - share / 2, 0.0), min(q + share / 2, 1.0)])
    return np.where(away > high, 1, np.where(away < low, -1, 0)).astype(np.int8)


def _pull(rows: QuantileRows, sides: Sides) -> FloatArray:
    """What the rows with a side pull with, (p,)."""
    total, q = np.zeros(rows.width), rows.quantile
    for block, Z, responses in rows.blocks():
        side = sides[block]
        total -= Z.T @ responses.weighted(np.where(side > 0, q, np.where(side < 0, q - 1, 0.0)))
    return total


def _wrong(rows: QuantileRows, theta: FloatArray, sides: Sides) -> IntArray:
    """Rows that lie on the other side than they were taken to, or on the plane."""
    found = []
    for block, Z, responses in rows.blocks():
        r = _targets(responses) - Z @ theta
        found.append(block.start + np.flatnonzero(sides[block] * r < 0))
    return np.concatenate(found)
