"""Successive halving (Jamieson and Talwalkar 2016): short runs for all points, longer ones for the best.

Every run is a whole one, with its learning rate annealed over its own, shorter time: half a long run says little of
how it will end, as the rate is still high then.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from dlcli.search.ranking import ranked
from dlcli.search.records import Record

FRACTIONS = (1 / 16, 1 / 5, 1.0)  # of the full time that a run gets on each rung
REDUCTION = 4  # of the number of points above the bottom
LAST = 3  # points that get the full time: the shorter runs can't tell near neighbors apart
THREE_RUNGS = 16  # points from which the bottom rung pays


@dataclass(frozen=True)
class HalvingSchedule:
    """Rungs from the bottom: the share of the full time that a run gets there, and how many points."""

    fractions: tuple[float, ...] = (1.0,)
    counts: tuple[int, ...] = (0,)

    @property
    def rungs(self) -> int:
        """How many rungs there are."""
        return len(self.fractions)

    @property
    def cost(self) -> float:
        """Time of the whole search, in full runs."""
        return sum(fraction * count for fraction, count in zip(self.fractions, self.counts, strict=True))

    @property
    def runs(self) -> int:
        """How many runs the search takes."""
        return sum(self.counts)

    def for_points(self, points: int) -> "HalvingSchedule":
        """The same rungs for another number of points: a study keeps those that it began with as it grows."""
        return replace(self, counts=_counts(self.rungs, points))

    def promoted(self, rung: int, records: Sequence[Record], *, larger: bool) -> list[Record]:
        """The best of the ``records`` of a rung, as many as the next one takes.

        Short runs compare rates well, but not networks: small ones learn faster at first. So each combination of the
        other options sends its best rate before any sends its second, and of the seconds those go first that are
        nearest to their combination's best.
        """
        groups: dict[str, list[Record]] = {}
        for record in ranked([r for r in records if r.state == "complete"], larger=larger):
            others = sorted((name, str(value)) for name, value in record.params.items() if name != "lr")
            groups.setdefault(str(others), []).append(record)
        turns = [
            (turn, abs(record.value - group[0].value), place, record)
            for place, group in enumerate(groups.values())
            for turn, record in enumerate(group)
        ]
        return [record for *_, record in sorted(turns, key=lambda entry: entry[:3])][: self.counts[rung + 1]]

    def shown(self, record: Record) -> Record:
        """The record as the user sees it: one that wasn't promoted is pruned."""
        if record.state == "complete" and record.rung < self.rungs - 1:
            return replace(record, state="pruned")
        return record


def make_halving_schedule(points: int) -> HalvingSchedule:
    """The schedule for so many points.

    The middle rung takes twice as many as the last, at the least: the best rate moves as runs grow longer.

    >>> make_halving_schedule(16)
    HalvingSchedule(fractions=(0.0625, 0.2, 1.0), counts=(16, 6, 3))
    >>> make_halving_schedule(8)
    HalvingSchedule(fractions=(0.2, 1.0), counts=(8, 3))
    >>> make_halving_schedule(3)
    HalvingSchedule(fractions=(1.0,), counts=(3,))
    """
    rungs = 1 if points <= LAST + 1 else 2 if points < THREE_RUNGS else 3
    return HalvingSchedule(FRACTIONS[-rungs:], _counts(rungs, points))


def _counts(rungs: int, points: int) -> tuple[int, ...]:
    """How many points each of so many rungs takes."""
    middle = max(2 * LAST, math.ceil(points / REDUCTION))
    return {1: (points,), 2: (points, LAST), 3: (points, middle, LAST)}[rungs]
