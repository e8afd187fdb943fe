"""The images of a training run: read, split by image, and brought to size for classes."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from dlcli.engine.progress import Progress
from dlcli.errors import DlcliError
from dlcli.images.crops import crops_at_a_time
from dlcli.images.dead_leaves import dead_leaves
from dlcli.images.image_set import ImageSet, ReadLimits, Skipped, open_image_set
from dlcli.images.normalization import (
    EIGHT_BIT,
    EIGHT_BITS,
    Normalization,
    Scales,
    learned,
    of_images,
    outliers,
)
from dlcli.images.pairs import open_pairs
from dlcli.networks.data.looks import looks_drawn
from dlcli.networks.data.noise.set_noise import SetNoise
from dlcli.networks.data.parts import Parts, parts_of
from dlcli.networks.data.sequences import with_sequences
from dlcli.networks.data.split import alone, fold, split, usual_fraction
from dlcli.networks.data.squares import SHRUNK, squares
from dlcli.text import counted, listed

DEMO_IMAGES, DEMO_SIDE = 240, 180
MIN_CLASS_IMAGES, LEAST_SIDE = 2, 8
NAMED = 3  # skipped files that a warning names


@dataclass(frozen=True)
class ImageSettings:
    """Which images are read, and how they are parted.

    ``channels`` None is as the images are, ``memory`` (bytes) None half of what is free. ``val`` is the fraction to
    hold out, taken as it is only where ``val_is_given``. ``crop`` is the side that is asked for, ``usual_crop`` that
    of a restoring network that isn't told.
    """

    data: tuple[str, ...]
    task: str
    channels: int | None
    memory: int | None
    val: float
    val_is_given: bool
    crop: int | None
    usual_crop: int
    batch_size: int
    seed: int
    axes: str = ""
    generated: int | None = None


@dataclass(frozen=True)
class TrainingImages:
    """Training and validation images; ``inputs`` are the degraded ones of pairs.

    ``side`` is the largest crop that half of the training images have room for; of classes, the side of all images.
    ``fraction`` is --val as it was taken; ``may_lend`` says whether parts of training images may be measured
    as well; ``photographs`` whether images of classes look like some; ``notes`` say what was decided; ``scales``
    normalize the images, as learned from those that train. ``parts`` is set where the images are few: the training and
    the validation images are then parts of the same ones. ``noise`` is what they have already, where there are no clean
    ones.
    """

    train: ImageSet
    val: ImageSet | None
    train_inputs: ImageSet | None = None
    val_inputs: ImageSet | None = None
    side: int = 0
    fraction: float | None = None
    may_lend: bool = True
    photographs: bool = False
    notes: tuple[str, ...] = ()
    scales: Scales = EIGHT_BITS
    parts: Parts | None = None
    noise: SetNoise | None = None


def read_images(settings: ImageSettings, progress: Progress) -> TrainingImages:
    """Read and split. Raises DlcliError when there is too little to train on."""
    image_set, inputs = _opened(settings, progress)
    classes, notes, side = settings.task == "classify", list[str](), 0
    image_set = with_sequences(image_set, notes)
    scale = _range_of_training(image_set, settings) if classes else EIGHT_BIT
    if classes:
        image_set, side = squares(image_set, settings.crop, settings.batch_size, scale, notes)
    for source in (inputs, image_set):
        if source is not None:
            report_skipped(source, progress)
    if classes or (parted := _in_parts(image_set, inputs, settings.val)) is None:
        parted = _split(image_set, inputs, settings, side, notes)
    if not image_set.in_memory:
        many = crops_at_a_time(image_set, min(settings.crop or settings.usual_crop, parted.side))
        notes.append(f"up to {counted(many, 'crop')} of each image that is read from disk follow each other")
    if classes and parted.val and (single := alone(_labels(image_set), image_set.classes)):
        progress.warn(f"one image only of {listed(single)}: it trains, and validation has none")
    parted = replace(parted, scales=Scales(scale, scale) if classes else parted.scales)
    _warn_of_outliers(parted, progress)
    photographs = classes and not looks_drawn(parted.train)
    told = (*filter(None, [parted.scales.note]), *parted.notes, *notes)
    return replace(parted, photographs=photographs, notes=told)


def _in_parts(image_set: ImageSet, inputs: ImageSet | None, fraction: float) -> TrainingImages | None:
    """A part of each held out, where the images are few; else None."""
    shapes = [image_set.shape(i) for i in range(len(image_set))]
    parts = parts_of(shapes, image_set.names, fraction, image_set.kin)
    if parts is None:
        return None
    train, given = image_set.parts(parts.train), inputs.parts(parts.train) if inputs else None
    return TrainingImages(
        train,
        image_set.parts(parts.held),
        given,
        inputs.parts(parts.held) if inputs else None,
        _middle_side(train, range(len(train))),
        fraction,
        may_lend=False,
        notes=(parts.note(image_set.names),),
        scales=learned(train, given),
        parts=parts,
    )


def _split(
    image_set: ImageSet, inputs: ImageSet | None, settings: ImageSettings, side: int, notes: list[str]
) -> TrainingImages:
    """Whole images held out; ``side`` is that of classes, else 0. ``notes`` grow by what was decided."""
    usual_side, kin = side or _middle_side(image_set, range(len(image_set))), image_set.kin
    labels = _labels(image_set) if settings.task == "classify" else None
    fraction = settings.val
    if fraction and not settings.val_is_given:
        crop = min(settings.crop or settings.usual_crop, usual_side)
        fraction = usual_fraction(fraction, [image_set.shape(i) for i in range(len(image_set))], crop, labels, kin)
    train, val = split(len(image_set), fraction, settings.seed, labels, kin)
    if left := len(image_set) - len(train) - len(val):
        notes.append(f"{counted(left, 'frame')} between those that train and those held out are used for neither")
    if (usual := max(1, round(len(image_set) * settings.val))) < len(val) and fraction > settings.val:
        notes.append(
            f"held out {counted(len(val), 'image')}, as the usual {settings.val:.0%} are {usual}; "
            "--val takes another share"
        )
    if not len(train):
        raise DlcliError(f"--val {settings.val} leaves no image of {len(image_set)} to train on", "give a smaller one")
    return replace(_parted(image_set, inputs, train, val, side, fraction), may_lend=not kin)


def _labels(image_set: ImageSet) -> NDArray[np.int64]:
    assert image_set.labels is not None
    return image_set.labels


def _warn_of_outliers(images: TrainingImages, progress: Progress) -> None:
    shown = images.train if images.train_inputs is None else images.train_inputs
    if shown.dtype != np.uint8 and (text := outliers(shown, images.scales.inputs)):
        progress.warn(text)


def _range_of_training(image_set: ImageSet, settings: ImageSettings) -> Normalization:
    """What becomes black and white of class images, which are squares of 8 bits from then on: by those that train."""
    shapes = [image_set.shape(i) for i in range(len(image_set))]
    fraction = settings.val
    if fraction and not settings.val_is_given:
        fraction = usual_fraction(fraction, shapes, 0, image_set.labels, image_set.kin)
    train, _ = split(len(image_set), fraction, settings.seed, image_set.labels, image_set.kin)
    return of_images(image_set.subset(train) if train else image_set)


def _opened(settings: ImageSettings, progress: Progress) -> tuple[ImageSet, ImageSet | None]:
    """All images, and the inputs of pairs."""
    data, channels, memory = settings.data, settings.channels, settings.memory
    classes = settings.task == "classify"
    if settings.task == "pairs":
        inputs, targets = open_pairs(
            data[0], data[1], channels=channels, memory=memory, min_side=LEAST_SIDE, axes=settings.axes
        )
        return targets, inputs
    if data:
        limits = replace(SHRUNK, min_count=MIN_CLASS_IMAGES) if classes else ReadLimits(memory, LEAST_SIDE)
        return open_image_set(data, channels=channels, labeled=classes, limits=limits, axes=settings.axes), None
    if classes:
        raise DlcliError("--task classify needs DATA", "give a folder of class folders, or MNIST's IDX files")
    count = settings.generated or DEMO_IMAGES
    progress.note(f"no DATA given: training on {count:,} generated images (dead leaves)")
    return dead_leaves(count, DEMO_SIDE, settings.seed, channels or 1), None


def _middle_side(image_set: ImageSet, numbers: Sequence[int]) -> int:
    """The upper median of the shorter sides, so that one small image doesn't shrink the crops of all."""
    sides = sorted(min(image_set.shape(i)) for i in numbers)
    return sides[len(sides) // 2]


def _parted(
    image_set: ImageSet, inputs: ImageSet | None, train: Sequence[int], val: Sequence[int], side: int, fraction: float
) -> TrainingImages:
    """``side`` 0 stands for the middle one of the training images."""
    targets, given = image_set.subset(train), inputs.subset(train) if inputs else None
    return TrainingImages(
        targets,
        image_set.subset(val) if len(val) else None,
        given,
        inputs.subset(val) if inputs and len(val) else None,
        side or _middle_side(image_set, train),
        fraction,
        scales=learned(targets, given),
    )


def fold_of(images: TrainingImages, folds: int, number: int, seed: int) -> TrainingImages:
    """Part ``number`` of ``folds`` of the training images held out, and the others to train on.

    Raises DlcliError where there are fewer images than folds.
    """
    count = len(images.train)
    if count < folds:
        raise DlcliError(
            f"--cv {folds}: there {'is' if count == 1 else 'are'} {counted(count, 'image')}",
            "give at most as many folds as images",
        )
    labels = images.train.labels if images.train.classes else None
    train, val = fold(count, folds, number, seed, labels, images.train.kin)
    parted = _parted(images.train, images.train_inputs, train, val, images.side, 0.0)
    # Each image is measured in one fold, so none may lend a part to another.
    return replace(parted, fraction=None, may_lend=False, photographs=images.photographs)


def report_skipped(image_set: ImageSet, progress: Progress) -> None:
    """Warn of the images that could not be read: their names and number."""
    for note in image_set.notes:
        progress.note(note)
    warn_of_skipped(image_set.skipped, len(image_set) + len(image_set.skipped), progress)


def warn_of_skipped(skipped: Sequence[Skipped], total: int, progress: Progress) -> None:
    """Name the first images that were left out of ``total``, and count them."""
    if skipped:
        named = "; ".join(f"{s.name}: {s.why}" for s in skipped[:NAMED])
        more = len(skipped) - NAMED
        progress.warn(
            f"skipped {len(skipped):,} of {counted(total, 'image')}: {named}"
            + (f"; and {more:,} more" if more > 0 else "")
        )
