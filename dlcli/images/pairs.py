"""Input and target images, pair by pair."""

import os
from dataclasses import replace
from pathlib import PurePosixPath

from dlcli.errors import DlcliError
from dlcli.images.folders import Skipped
from dlcli.images.image_set import ImageSet, ReadLimits, open_image_set
from dlcli.text import printable_path


def open_pairs(
    inputs: str,
    targets: str,
    *,
    channels: int | None = None,
    memory: int | None = None,
    min_side: int = 1,
    axes: str = "",
) -> tuple[ImageSet, ImageSet]:
    """Input and target images, pair by pair in the same order, for the same number of channels.

    Files match by relative name without extension (two single files match as they are), arrays by position. Images
    without a partner of the same size are in ``skipped`` of their side. Raises DlcliError when no pair remains.
    """
    limits = ReadLimits(None if memory is None else memory // 2, min_side)
    first = open_image_set([inputs], channels=channels, limits=limits, axes=axes)
    second = open_image_set([targets], channels=channels, limits=limits, axes=axes)
    if first.channels != second.channels:
        return open_pairs(inputs, targets, channels=3, memory=memory, min_side=min_side, axes=axes)
    wanted, alone = _keys(first, inputs)
    offered, others = _keys(second, targets)
    pairs: list[tuple[int, int]] = []
    for key, i in wanted.items():
        if (j := offered.get(key)) is None:
            why = "has no target of the same name"
        elif first.shape(i) != second.shape(j):
            (high, wide), (height, width) = first.shape(i), second.shape(j)
            why = f"is {wide} x {high} pixels and its target {width} x {height}"
        else:
            pairs.append((i, j))
            continue
        alone.append(Skipped(printable_path(first.names[i]), why))
    if not pairs:
        message = f"{printable_path(inputs)} and {printable_path(targets)} have no pair of images of one name and size"
        raise DlcliError(f"{message}: {alone[0].name} {alone[0].why}", "name every input as its target is named")
    for key in offered.keys() - wanted.keys():
        others.append(Skipped(printable_path(second.names[offered[key]]), "has no input of the same name"))
    others.sort(key=lambda skip: skip.name)
    ours = replace(first.subset(i for i, _ in pairs), skipped=(*first.skipped, *alone))
    return ours, replace(second.subset(j for _, j in pairs), skipped=(*second.skipped, *others))


def _keys(image_set: ImageSet, given: str) -> tuple[dict[str, int], list[Skipped]]:
    """Image numbers by what pairs match on, and those whose name but for the extension occurred before."""
    if os.path.isfile(given) and image_set.paths[0] is not None:
        # One file, whatever its name: what is behind it is the place of a frame.
        return {name.partition("/")[2].rpartition(".")[0]: i for i, name in enumerate(image_set.names)}, []
    if all(path is None for path in image_set.paths):
        return {str(i): i for i in range(len(image_set))}, []
    keys: dict[str, int] = {}
    repeated: list[Skipped] = []
    for i, name in enumerate(image_set.names):
        key = PurePosixPath(name).with_suffix("").as_posix()
        if keys.setdefault(key, i) != i:
            first = printable_path(image_set.names[keys[key]])
            repeated.append(Skipped(printable_path(name), f"has the name of {first} but for the extension"))
    return keys, repeated
