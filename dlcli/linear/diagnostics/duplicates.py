"""Columns that are the same up to shift and scale."""

from collections.abc import Iterator, Sequence

import numpy as np

from dlcli.engine.arrays import FloatArray
from dlcli.engine.progress import Progress
from dlcli.linear.objectives.moments import Moments
from dlcli.text import printable

SAME = 1 - 1e-14  # correlation from which two columns are
NEAR = 2e-7  # at that correlation, how far apart columns of length 1 can be along any direction
BLOCK = 256  # columns whose correlations are looked at together
SHOWN = 20


def warn_of_duplicates(names: Sequence[str], moments: Moments, progress: Progress) -> None:
    """Warn of duplicates of earlier columns; ``moments`` are those of y and the columns ``names`` (d,)."""
    found: dict[int, int] = {}
    for i, j in _pairs_of_rows(moments) if moments.wide else _pairs_of_products(moments.scatter[1:, 1:]):
        found.setdefault(j, i)
    for j, i in list(found.items())[:SHOWN]:
        progress.warn(f"columns {printable(names[i])!r} and {printable(names[j])!r} are duplicates up to scale")
    if len(found) > SHOWN:
        progress.warn(f"{len(found) - SHOWN:,} more columns are duplicates of others")


def _pairs_of_products(scatter: FloatArray) -> Iterator[tuple[int, int]]:
    """Pairs i < j, by i: a block of columns at a time, so that no second matrix of products is needed."""
    length = np.sqrt(np.diag(scatter))
    length[length == 0] = 1.0
    for start in range(0, len(scatter), BLOCK):
        block = np.abs(scatter[start : start + BLOCK] / np.outer(length[start : start + BLOCK], length))
        for i, j in np.argwhere(np.triu(block, start + 1) > SAME).tolist():
            yield start + i, j


def _pairs_of_rows(moments: Moments) -> Iterator[tuple[int, int]]:
    """The same for a wide table: columns that are the same lie side by side along any direction, a random one too."""
    F = moments.centered[:, 1:]
    length = np.sqrt(np.einsum("ij,ij->j", F, F))
    direction = np.random.default_rng(0).normal(size=len(F))
    with np.errstate(divide="ignore", invalid="ignore"):
        along = np.abs(direction @ F) / np.linalg.norm(direction) / length
    order = np.argsort(along)
    order = order[length[order] > 0]
    ends = np.flatnonzero(np.diff(along[order]) > NEAR) + 1
    pairs = []
    for group in np.split(order, ends):
        rest = np.sort(group)
        while len(rest) > 1:
            first, others = rest[0], rest[1:]
            same = np.abs(F[:, first] @ F[:, others]) > SAME * length[first] * length[others]
            pairs += [(int(first), int(j)) for j in others[same]]
            rest = others[~same]
    yield from sorted(pairs)
