"""Which rows are held out, and which fold each of the others is in."""

from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from dlcli.engine.arrays import BoolArray, FloatArray, IntArray
from dlcli.errors import DlcliError
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

    @property
    def option(self) -> str:
        """What asked for rows to be held out."""
        return f"--val {self.validation}"

    def scored(self, groups: Sequence[int]) -> list[int]:
        """Which of the ``groups`` that are trained on cross-validation leaves out in turn."""
        return list(groups)

    def beside(self, fold: int, groups: Sequence[int]) -> list[int]:
        """Which of the ``groups`` are trained on where a fold is left out."""
        return [group for group in groups if group != fold]

    def of_kept(self, stay: BoolArray, codes: FloatArray | None) -> IntArray:
        """Groups of the rows that ``stay`` (n,) of a source; ``codes`` of their classes, if groups go by these."""
        return self.groups(int(np.count_nonzero(stay))) if codes is None else self.stratified(codes)

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


@dataclass(frozen=True)
class Assigned(Split):
    """Groups of rows (n,) by what they hold, in order of the sources' rows: those that were left out count, too.

    Of ``kind`` "dealt" the rows that aren't held out go to folds at random, of "grouped" each group is in one; of
    "forward" a fold is trained on those before it, of which the first is never left out. ``validation`` is the share
    that is held out, as ``by`` says. By part, ``counts`` has the number of groups, ``since`` the first time.
    """

    of_rows: IntArray = field(default_factory=lambda: np.zeros(0, np.int64), repr=False, compare=False)
    kind: Literal["dealt", "grouped", "forward"] = "dealt"
    by: str = ""
    counts: Mapping[int, int] = field(default_factory=dict, compare=False)
    since: Mapping[int, str] = field(default_factory=dict, compare=False)

    @property
    def option(self) -> str:
        """What asked for rows to be held out."""
        return self.by

    def scored(self, groups: Sequence[int]) -> list[int]:
        """Going forward, all but the first."""
        return [group for group in groups if group > 0] if self.kind == "forward" else list(groups)

    def beside(self, fold: int, groups: Sequence[int]) -> list[int]:
        """Going forward, those before."""
        return [group for group in groups if (group < fold if self.kind == "forward" else group != fold)]

    def of_kept(self, stay: BoolArray, codes: FloatArray | None) -> IntArray:  # noqa: ARG002 - they don't matter
        """Groups of the rows that ``stay`` (n,), whatever classes they are of."""
        return self.checked(len(stay))[: len(stay)][stay].astype(np.int64)

    def of_chunk(self, chunk: Chunk) -> IntArray:
        """Groups of a chunk's rows."""
        numbers = chunk.numbers - 1
        return self.checked(int(numbers.max(initial=-1)) + 1)[numbers].astype(np.int64)

    def checked(self, rows: int) -> IntArray:
        """The groups of all rows, of which there should be so many at least. Raises DlcliError."""
        if rows > len(self.of_rows):
            raise DlcliError("the table has more rows than before: it changed while it was read", "run it again")
        return self.of_rows

    def with_folds(self, groups: IntArray, y: FloatArray) -> IntArray:
        """``groups`` (n,) of rows of classes y (n,), those that aren't held out dealt to folds within each class."""
        if self.kind != "dealt" or not self.folds:
            return groups
        free = groups != VALIDATION
        made = groups.copy()
        made[free] = Split(0.0, self.folds, self.seed).stratified(y[free])
        return made


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


def dealt_by_rows(chunks: Iterable[Chunk], split: Split) -> Iterator[tuple[Chunk, IntArray]]:
    """The same where the groups of all rows are known."""
    assert isinstance(split, Assigned)
    for chunk in chunks:
        yield chunk, split.of_chunk(chunk)


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
