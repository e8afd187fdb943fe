"""The numbers of a grid's points, in a study that other grids may extend: one combination has one number.

Processes that extend a study at the same moment may put up one combination twice, or two under one number. Everyone
reads the trials in the order of their creation, and the first one counts.
"""

from collections.abc import Iterator, Mapping, Sequence
from itertools import count
from typing import TYPE_CHECKING, TypeAlias

from dlcli.search.space import Point, Value
from dlcli.search.study.codec import PARAMS, POINT

if TYPE_CHECKING:
    from optuna.trial import FrozenTrial

Combination: TypeAlias = frozenset[tuple[str, Value]]
Numbers: TypeAlias = dict[Combination, int]


def combination(params: Mapping[str, Value]) -> Combination:
    """What tells a point of a grid from all others."""
    return frozenset(params.items())


def numbers_of(trials: "Sequence[FrozenTrial]") -> Numbers:
    """The number of each combination: the one that it was put up with, unless another had that before it."""
    numbers: Numbers = {}
    taken: set[int] = set()
    for trial in trials:
        if POINT not in trial.user_attrs:
            continue
        key, number = combination(trial.user_attrs[PARAMS]), int(trial.user_attrs[POINT])
        if key not in numbers:
            numbers[key] = max(taken) + 1 if number in taken else number
            taken.add(numbers[key])
    return numbers


def numbered(points: Sequence[Point], known: Numbers) -> list[Point]:
    """The points with their numbers in a study: those ``known``, and for others, in the grid's order, the least free.

    In a new study that is the point's place in the grid.
    """
    free = _free(known)
    numbers = dict(known)
    for point in sorted(points, key=lambda point: point.number):
        if (key := combination(point.params)) not in numbers:
            numbers[key] = next(free)
    return [Point(numbers[combination(point.params)], point.params) for point in points]


def _free(known: Numbers) -> Iterator[int]:
    taken = set(known.values())
    return (number for number in count() if number not in taken)
