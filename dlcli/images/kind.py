"""What all images of a set have in common: their number of channels, and the type that holds them all."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from dlcli.engine.arrays import AnyDtype
from dlcli.images.conversion import FLOAT32, UINT8, UINT16, common_dtype
from dlcli.images.reading import Opened
from dlcli.text import counted, listed

ORDINARY = {1, 3}


@dataclass(frozen=True)
class Kind:
    """``channels`` and ``dtype`` of a set, and lines for the user on images that are of another kind."""

    channels: int
    dtype: AnyDtype
    notes: tuple[str, ...] = ()


def kind_of(opened: Sequence[Opened], channels: int | None) -> Kind:
    """The kind of a set of these images; ``channels`` None: as they are."""
    found = Counter(one.header.channels for one in opened)
    types = Counter(one.header.dtype for one in opened)
    chosen = channels or _usual(found)
    notes = _of_types(types)
    if channels is None and chosen not in ORDINARY:
        notes.insert(0, f"the images have {chosen} channels each; --channels N takes another number")
    return Kind(chosen, common_dtype(set(types)), tuple(notes))


def _usual(found: Counter[int]) -> int:
    """1 where all are gray, 3 where some are in color, or the number that most have where that is another."""
    if set(found) <= ORDINARY:
        return max(found, default=1)
    return max(found, key=lambda channels: (found[channels], channels))


def _of_types(types: Counter[AnyDtype]) -> list[str]:
    """Lines on what becomes of values of several types, or of types that don't fit."""
    notes = []
    if set(types) == {UINT8, UINT16}:
        notes.append(
            f"{counted(types[UINT8], 'image')} of 8 bits among {types[UINT16]:,} of 16: multiplied by 257, so that "
            "white stays white"
        )
    elif len(types) > 1:
        named = listed([f"{count:,} of {dtype}" for dtype, count in types.most_common()])
        notes.append(f"the images are of several types ({named}): their values are taken as if on one scale")
    if rounded := [str(dtype) for dtype in types if dtype != FLOAT32 and not _is_held(dtype)]:
        notes.append(f"values of {listed(sorted(rounded))} are rounded to float32, which holds 7 digits")
    return notes


def _is_held(dtype: AnyDtype) -> bool:
    """Whether float32 holds all values of the type."""
    return bool(np.can_cast(dtype, FLOAT32, "safe"))
