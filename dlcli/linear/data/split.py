"""Which rows are held out, and which fold each of the others is in."""

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from dlcli.engine.arrays import FloatArray, IntArray
from dlcli.tables.table import Chunk

VALIDATION = -1
# Rows that are dealt out together: enough for chance, few enough to wait for.
BLOCK = 4096


@dataclass(frozen=True)
class Split:
    """How rows are dealt out: a validation fraction and a number of folds (0: none).

    The group of a row depends on its number among all rows, on how many there are and on the seed: not on files,
    formats and chunks.
    """

    validation: float
    folds: int
    seed: int

    @property
    def deals(self) -> bool:
        """Whether there is more than one group."""
        return bool(self.validation or self.folds)

    def block(self, number: int, count: int) -> IntArray:
        """Groups (count,) of the rows of a block: VALIDATION, or a fold from 0. All but the last have BLOCK rows.

        However many blocks there are, the shares are those of the whole, exact to a row.
        """
        first = number * BLOCK
        before, after = (round(self.validation * rows) for rows in (first, first + count))
        groups = np.zeros(count, dtype=np.int64)
        shuffled = np.random.default_rng([self.seed, number]).permutation(count)
        held = after - before
        if self.folds:
            groups[shuffled[held:]] = (np.arange(count - held) + first - before) % self.folds
        groups[shuffled[:held]] = VALIDATION
        return groups

    def groups(self, rows: int) -> IntArray:
        """Groups of all ``rows`` rows of a table."""
        if not self.deals:
            return np.zeros(rows, dtype=np.int64)
        sizes = [min(BLOCK, rows - first) for first in range(0, rows, BLOCK)]
        return np.concatenate([np.zeros(0, np.int64), *(self.block(i, size) for i, size in enumerate(sizes))])

    def stratified(self, y: FloatArray) -> IntArray:
        """Groups dealt out within each class of y (n,), so that every group has every class.

        A class gives its share of the validation rows, rounded so that they are a fraction of the whole, and keeps
        at least one row to train on.
        """
        codes, counts = np.unique(y, return_counts=True)
        groups = np.zeros(len(y), dtype=np.int64)
        offset = 0
        for number, (code, held) in enumerate(zip(codes, self._held_of_classes(counts), strict=True)):
            rows = np.flatnonzero(y == code)
            shuffled = rows[np.random.default_rng([self.seed, number]).permutation(len(rows))]
            groups[shuffled[:held]] = VALIDATION
            free = np.sort(shuffled[held:])
            if self.folds:
                order = np.random.default_rng([self.seed, number, 1]).permutation(len(free))
                # Starting each class at another fold keeps the folds' sizes even.
                groups[free[order]] = (np.arange(len(free)) + offset) % self.folds
                offset += len(free)
        return groups

    def _held_of_classes(self, counts: IntArray) -> list[int]:
        """How many rows of each class are held out: its share, rounded so that all are a fraction of the whole."""
        exact = self.validation * counts
        held = np.minimum(np.round(exact).astype(np.int64), counts - 1)
        short = round(self.validation * int(counts.sum())) - int(held.sum())
        ties = np.random.default_rng([self.seed, len(counts), 2]).random(len(counts))
        step = 1 if short > 0 else -1
        for number in np.lexsort((ties, step * (held - exact))).tolist():
            if short and 0 <= held[number] + step < counts[number]:
                held[number] += step
                short -= step
        return [int(count) for count in held]


def dealt_shares(chunks: Iterable[Chunk], split: Split) -> Iterator[tuple[Chunk, IntArray]]:
    """The same of the chunks that one of several processes has: each knows its place among all rows."""
    waiting: deque[Chunk] = deque()
    reached = 0
    for chunk in chunks:
        reached = chunk.reached
        if not split.deals or not len(chunk.y):
            yield chunk, np.zeros(len(chunk.y), dtype=np.int64)
            continue
        waiting.append(chunk)
        while waiting and waiting[0].place + len(waiting[0].y) <= reached - reached % BLOCK:
            yield waiting[0], _groups_of(waiting.popleft(), split, reached)
    for chunk in waiting:
        yield chunk, _groups_of(chunk, split, reached)


def _groups_of(chunk: Chunk, split: Split, rows: int) -> IntArray:
    """The groups of a chunk's rows, of ``rows`` in all."""
    start, stop = chunk.place, chunk.place + len(chunk.y)
    first = start // BLOCK
    blocks = [split.block(i, min(BLOCK, rows - i * BLOCK)) for i in range(first, (stop - 1) // BLOCK + 1)]
    return np.concatenate(blocks)[start - first * BLOCK : stop - first * BLOCK]


def dealt(chunks: Iterable[Chunk], split: Split) -> Iterator[tuple[Chunk, IntArray]]:
    """Each chunk with the groups of its rows; a chunk waits until its last block of rows is whole."""
    waiting: deque[Chunk] = deque()
    known = np.zeros(0, dtype=np.int64)  # of the waiting rows, from the first on
    blocks = rows = 0
    for chunk in chunks:
        if not split.deals:
            yield chunk, np.zeros(len(chunk.y), dtype=np.int64)
            continue
        waiting.append(chunk)
        rows += len(chunk.y)
        whole = range(blocks, rows // BLOCK)
        known = np.concatenate([known, *(split.block(number, BLOCK) for number in whole)])
        blocks = rows // BLOCK
        while waiting and len(waiting[0].y) <= len(known):
            count = len(waiting[0].y)
            yield waiting.popleft(), known[:count]
            known = known[count:]
    if rest := rows - blocks * BLOCK:
        known = np.concatenate([known, split.block(blocks, rest)])
    for chunk in waiting:
        yield chunk, known[: len(chunk.y)]
        known = known[len(chunk.y) :]
