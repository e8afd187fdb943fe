"""Numbered images whose neighbors show nearly the same, as frames of a video do: found by a look at some of them."""

import itertools
import re
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from dlcli.images.image_set import ImageSet
from dlcli.images.sources import Kin
from dlcli.images.survey.measures import thumbnail
from dlcli.text import printable_path

FEWEST = 8  # numbered images that may be a sequence
GROUPS = 8  # that are looked at until one is found
PAIRS = 8  # of neighbors that are looked at; two of them where neither is alike
# Correlations of thumbnails of 16 x 16 means. Of different photographs they stay below 0.92, mostly far below; images
# that are all aligned (digits, faces, wells of a plate) may all be alike, so neighbors must be more alike than others.
ALIKE, NEARER = 0.9, 0.5
MOST = 0.25  # of the pairs may be less alike, as at cuts: half of them are alike by chance where images are simple
NUMBER = re.compile(r"([0-9]{1,15})([^0-9/]*(?:\.[a-z0-9]{1,5})?)$", re.IGNORECASE)  # the last one before the ending

Thumbnail = NDArray[np.float32]


def with_sequences(image_set: ImageSet, notes: list[str]) -> ImageSet:
    """The images with ``kin`` where they are of a sequence, which is told in ``notes``."""
    count = len(image_set)
    shapes = [image_set.shape(i) for i in range(count)]
    known = image_set.kin or (None,) * count
    kin = sequences(image_set.names, shapes, known, lambda i: thumbnail(image_set.pixels(i)))
    if kin == known:
        return image_set
    found = sorted({one.stack for one, before in zip(kin, known, strict=True) if one is not None and before is None})
    members = sum(one is not None and before is None for one, before in zip(kin, known, strict=True))
    more = f" and {len(found) - 1:,} more" if len(found) > 1 else ""
    notes.append(
        f"{printable_path(found[0])}{more}: {members:,} numbered images whose neighbors show nearly the same, as "
        "frames of a video; neighbors are held out together"
    )
    return replace(image_set, kin=kin)


def sequences(
    names: Sequence[str],
    shapes: Sequence[tuple[int, int]],
    known: Sequence[Kin | None],
    thumbnail_of: Callable[[int], Thumbnail | None],
) -> tuple[Kin | None, ...]:
    """What stack each image is of, and its place there: as ``known``, or as a look at some thumbnails shows."""
    kin = list(known)
    looked_at = 0
    for stack, members in _numbered(names, shapes, known).items():
        if len(members) < FEWEST:
            continue
        if looked_at == GROUPS and kin == list(known):
            break
        looked_at += 1
        if _is_sequence(members, thumbnail_of):
            for place, member in enumerate(members):
                kin[member] = Kin(stack, place)
    return tuple(kin)


def _numbered(
    names: Sequence[str], shapes: Sequence[tuple[int, int]], known: Sequence[Kin | None]
) -> dict[str, list[int]]:
    """Images of one size whose names differ by the last number in them alone, in its order: ``frames/f_*.png``."""
    found: dict[tuple[str, tuple[int, int]], list[tuple[int, int]]] = {}
    for i, (name, shape, kin) in enumerate(zip(names, shapes, known, strict=True)):
        match = NUMBER.search(name) if kin is None else None
        if match:
            stack = f"{name[: match.start()]}*{match[2]}"
            found.setdefault((stack, shape), []).append((int(match[1]), i))
    most: dict[str, list[tuple[int, int]]] = {}
    for (stack, _), members in found.items():
        if len(members) > len(most.get(stack, ())):
            most[stack] = members
    return {stack: [i for _, i in sorted(members)] for stack, members in most.items()}


def _is_sequence(members: Sequence[int], thumbnail_of: Callable[[int], Thumbnail | None]) -> bool:
    """Whether neighbors are alike, and more so than images further apart."""
    places = np.unique(np.linspace(0, len(members) - 2, PAIRS).round().astype(int)).tolist()
    middle = len(places) // 2
    order = [places[0], places[middle], *places[1:middle], *places[middle + 1 :]]
    near: list[float] = []
    first: list[Thumbnail] = []
    for place in order:
        one, other = (thumbnail_of(members[i]) for i in (place, place + 1))
        if one is None or other is None:
            return False
        near.append(float(one @ other))
        first.append(one)
        if len(near) == 2 and max(near) < ALIKE:
            return False
    far = [float(a @ b) for a, b in itertools.pairwise(first)]
    return bool(np.quantile(near, MOST) >= ALIKE and 1 - np.median(near) <= NEARER * (1 - np.median(far)))
