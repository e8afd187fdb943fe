"""Variance inflation: how much more uncertain coefficients are, as columns move together.

Of one column the factor 1 / (1 - R2) of the regression on all others; of several that belong together the generalized
factor det(R11) det(R22) / det(R), whose root 1 / (2 df) is comparable between parts (Fox and Monette, Generalized
Collinearity Diagnostics, JASA 87, 1992). R holds the correlations of the columns of X.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from dlcli.engine.arrays import BoolArray, FloatArray
from dlcli.linear.explain.parts import Part
from dlcli.linear.model import LinearModel
from dlcli.linear.objectives.moments import Moments
from dlcli.tables.table import Chunk

MOST_COLUMNS = 2000  # of X: an inverse takes time with their cube
RESOLUTION = 1e-11  # of the largest eigenvalue of R: what is smaller is dependence
PART_OF = 1e-6  # of a vector without spread: columns with less have no part in it
LARGE = 10.0  # from which a factor is called large (Marquardt 1970)


@dataclass(frozen=True)
class Inflation:
    """The factor of a part of ``df`` columns of X that vary; infinite where these follow from others."""

    factor: float
    df: int

    @property
    def scaled(self) -> float:
        """Comparable between parts: the root of the factor of one column."""
        return float(self.factor ** (1 / (2 * self.df)))

    @property
    def large(self) -> bool:
        """Whether it is large."""
        return self.scaled**2 > LARGE


def moments_of(model: LinearModel, chunks: Iterable[Chunk]) -> Moments:
    """Those of the columns of X, of rows of a table, with their weights."""
    moments = Moments.empty()
    for chunk in chunks:
        moments = moments.merged(Moments.of(np.array(model.filled(chunk.X)), weights=chunk.weights))
    return moments


def inflation(moments: Moments, parts: Sequence[Part], *, intercept: bool) -> list[Inflation | None]:
    """The factor of each part, None for one that doesn't vary; without an ``intercept`` about 0, not the mean."""
    scatter = moments.scatter
    if not intercept:
        scatter = scatter + moments.count * np.outer(moments.mean, moments.mean)
    size = np.sqrt(np.diag(scatter))
    floor = np.abs(moments.mean) * np.sqrt(max(moments.count, 1.0)) * 1e-14
    varying = np.flatnonzero(size > (floor if intercept else 0.0))
    if not len(varying):
        return [None] * len(parts)
    R = scatter[np.ix_(varying, varying)] / np.outer(size[varying], size[varying])
    values, vectors = np.linalg.eigh(R)
    lost = values <= RESOLUTION * values.max()
    dependent = np.zeros(len(R), dtype=np.bool_)
    if lost.any():
        dependent = (np.abs(vectors[:, lost]) > PART_OF).any(axis=1)
    inverse = (vectors[:, ~lost] / values[~lost]) @ vectors[:, ~lost].T
    place = {int(column): i for i, column in enumerate(varying)}
    return [_of_part(R, inverse, dependent, [place[j] for j in part.places.tolist() if j in place]) for part in parts]


def _of_part(R: FloatArray, inverse: FloatArray, dependent: BoolArray, own: list[int]) -> Inflation | None:
    """det(R11) det((R^-1)11), as det(R22) / det(R) is the latter."""
    if not own:
        return None
    if dependent[own].any():
        return Inflation(np.inf, len(own))
    block = np.ix_(own, own)
    (_, first), (_, second) = np.linalg.slogdet(R[block]), np.linalg.slogdet(inverse[block])
    return Inflation(max(float(np.exp(first + second)), 1.0), len(own))
