"""The images of a training, dealt out to those who have them."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dlcli.errors import DlcliError
from dlcli.images.image_set import ImageSet
from dlcli.images.normalization import Normalization, Scales, learned
from dlcli.images.sources import find_images, unique_file_names
from dlcli.networks.data.load import TrainingImages
from dlcli.text import printable, printable_path

Owners = NDArray[np.int64]  # the number of the client of each image


def labels_of(images: TrainingImages) -> Owners:
    """The classes of the images that train, and then of those held out; all 0 where there are none."""
    sets = [images.train] if images.parts or images.val is None else [images.train, images.val]
    return np.concatenate([np.zeros(len(s), np.int64) if s.labels is None else s.labels for s in sets])


def owners_by_source(images: TrainingImages, data: Sequence[str], axes: str) -> Owners:
    """Which of ``data``, each a client's, the images came from, in the order of ``labels_of``."""
    places = {Path(text).resolve(): number for number, text in enumerate(data)}
    sets = [images.train] if images.parts or images.val is None else [images.train, images.val]
    arrays: dict[str, int] = {}
    if any(path is None for image_set in sets for path in image_set.paths):
        arrays = _of_arrays(data, images.train.labels is not None, axes)
    owners = [
        arrays[name] if path is None else _place(path, places)
        for image_set in sets
        for name, path in zip(image_set.names, image_set.paths, strict=True)
    ]
    return np.array(owners, dtype=np.int64)


def _place(path: Path, places: dict[Path, int]) -> int:
    """The innermost of ``places`` that ``path`` lies in."""
    whole = path.resolve()
    for part in (whole, *whole.parents):
        if part in places:
            return places[part]
    raise DlcliError(f"{printable_path(str(path))} is in no client's folder", "give folders or files, not patterns")


def _of_arrays(data: Sequence[str], labeled: bool, axes: str) -> dict[str, int]:
    """The number of the file that each image of array files came from, by the name that it has among all."""
    found = [(c.name, number) for number, text in enumerate(data)
             for c in find_images([text], labeled, "train", axes).candidates]  # fmt: skip
    names = unique_file_names(name for name, _ in found)
    return {name: number for name, (_, number) in zip(names, found, strict=True)}


def dealt(images: TrainingImages, owners: Owners, names: Sequence[str]) -> list[TrainingImages]:
    """The images of each client of these ``names``. Raises DlcliError for one that has none to train on."""
    train = owners[: len(images.train)]
    val = train if images.parts else owners[len(images.train) :]
    return [_of(images, np.flatnonzero(train == i), np.flatnonzero(val == i), name) for i, name in enumerate(names)]


def _of(images: TrainingImages, train: Owners, val: Owners, name: str) -> TrainingImages:
    if not len(train):
        raise DlcliError(
            f"client {printable(name)} has no image to train on",
            "give it some, leave it out, or take fewer --clients, another --seed or a --partition less uneven",
        )
    held = images.val.subset(val) if images.val is not None and len(val) else None
    given = images.val_inputs.subset(val) if images.val_inputs is not None and len(val) else None
    inputs = images.train_inputs.subset(train) if images.train_inputs is not None else None
    return replace(
        images, train=images.train.subset(train), val=held, train_inputs=inputs, val_inputs=given, parts=None,
        may_lend=False, notes=(),
    )  # fmt: skip


def agreed(clients: Sequence[TrainingImages], pooled: Scales) -> Scales:
    """One normalization for all: the lowest and the highest value that becomes 0 and 1 to any of the clients.

    That is what each tells of its images. Of 8 bits nothing is told. Where one client has a range for each channel and
    another has one for all, the latter's counts for each.
    """
    if pooled.eight_bit:
        return pooled
    found = [learned(images.train, images.train_inputs) for images in clients]
    return Scales(_widest([s.inputs for s in found]), _widest([s.targets for s in found]))


def _widest(scales: Sequence[Normalization]) -> Normalization:
    channels = max(len(scale.low) for scale in scales)
    lows = [scale.low * (channels if len(scale.low) == 1 else 1) for scale in scales]
    highs = [scale.high * (channels if len(scale.high) == 1 else 1) for scale in scales]
    low, high = (
        tuple(map(min, *lows)) if len(lows) > 1 else lows[0],
        tuple(map(max, *highs)) if len(highs) > 1 else highs[0],
    )
    return Normalization(scales[0].dtype, low, high)


def has_images(image_set: ImageSet | None) -> int:
    """How many."""
    return 0 if image_set is None else len(image_set)
