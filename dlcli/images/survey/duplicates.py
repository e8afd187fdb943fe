"""Images that are there more than once, as they are or nearly so."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from dlcli.images.survey.measures import Measures

ALIKE = 0.99  # correlation of thumbnails; of different photographs it stays below 0.92, of MNIST's digits below 0.99
BLOCK = 1024  # thumbnails that are compared with all others at a time
METHOD = f"near: thumbnails of 16 x 16 cell means whose correlation is {ALIKE} or more"


@dataclass(frozen=True)
class Group:
    """Images, by their places, that are equal (``exact``: pixel by pixel) or nearly so."""

    members: tuple[int, ...]
    exact: bool


def duplicates(measures: Sequence[Measures]) -> list[Group]:
    """Groups of two images or more, in the order of their first ones.

    Equal pixels make a group; so does a correlation of 0.99 or more of two thumbnails, which finds an image that was
    scaled, saved as JPEG, made brighter, or has other noise. What was cropped, turned or mirrored is not found. Images
    that are all of one value are no duplicates.
    """
    first: dict[bytes, int] = {}
    exact, near = _Joined(len(measures)), _Joined(len(measures))
    for place, one in enumerate(measures):
        if not one.empty:
            exact.join(first.setdefault(one.digest, place), place)
    distinct = [place for place in first.values() if measures[place].thumbnail.any()]
    for a, b in _alike(measures, distinct):
        near.join(a, b)
    groups = [Group(members, True) for members in exact.groups()]
    whole = {members[0]: members for members in exact.groups()}
    for members in near.groups():
        every = sorted(place for member in members for place in whole.get(member, (member,)))
        groups = [group for group in groups if group.members[0] not in members]
        groups.append(Group(tuple(every), False))
    return sorted(groups, key=lambda group: group.members)


def _alike(measures: Sequence[Measures], places: Sequence[int]) -> Iterable[tuple[int, int]]:
    """Pairs of images whose thumbnails correlate."""
    if not places:
        return
    thumbnails = np.stack([measures[place].thumbnail for place in places])
    for start in range(0, len(places), BLOCK):
        likeness = thumbnails[start : start + BLOCK] @ thumbnails[start:].T
        for row, column in zip(*np.nonzero(likeness >= ALIKE), strict=True):
            if column > row:
                yield places[start + int(row)], places[start + int(column)]


class _Joined:
    """Numbers that are joined into groups (union-find)."""

    def __init__(self, count: int) -> None:
        self._parents = list(range(count))

    def _root(self, number: int) -> int:
        while self._parents[number] != number:
            self._parents[number] = number = self._parents[self._parents[number]]
        return number

    def join(self, a: int, b: int) -> None:
        a, b = sorted((self._root(a), self._root(b)))
        self._parents[b] = a

    def groups(self) -> list[tuple[int, ...]]:
        """Those of two or more."""
        found: dict[int, list[int]] = {}
        for number in range(len(self._parents)):
            found.setdefault(self._root(number), []).append(number)
        return [tuple(members) for members in found.values() if len(members) > 1]
