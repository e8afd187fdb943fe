"""The images of a training run: read, split by image, and brought to size for classes."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from dlcli.config.train_deconv import TrainDeconvConfig
from dlcli.data.dead_leaves import dead_leaves
from dlcli.data.names import printable_path
from dlcli.data.pictures import Pictures, Skipped, open_pairs, open_pictures
from dlcli.errors import DlcliError
from dlcli.tasks.progress import Progress

DEMO_IMAGES, DEMO_SIDE = 240, 180
DEFAULT_CLASS_SIDE = 64
MIN_IMAGES = 2
NAMED = 3  # skipped files that a warning names


@dataclass(frozen=True)
class TrainingImages:
    """Training and validation images; ``inputs`` are the degraded ones of pairs."""

    train: Pictures
    val: Pictures | None
    train_inputs: Pictures | None = None
    val_inputs: Pictures | None = None
    side: int = 0


def read_images(config: TrainDeconvConfig, progress: Progress) -> TrainingImages:
    """Read and split. Raises DlcliError when there is too little to train on."""
    channels = None if config.colour is None else 3 if config.colour else 1
    memory = None if config.memory is None else int(config.memory * 1e9)
    inputs = None
    if config.task == "pairs":
        inputs, pictures = open_pairs(config.data[0], config.data[1], channels=channels, memory=memory, min_side=8)
        if len(pictures) < MIN_IMAGES:
            both = f"{printable_path(config.data[0])} and {printable_path(config.data[1])}"
            raise DlcliError(f"{both}: one pair of images, expected {MIN_IMAGES} or more", "add pairs")
        report_skipped(inputs, progress)
    elif not config.data:
        if config.task == "classify":
            raise DlcliError("--task classify needs DATA", "give a folder of class folders, or MNIST's IDX files")
        progress.note(f"no DATA given: training on {DEMO_IMAGES} generated images (dead leaves)")
        pictures = dead_leaves(DEMO_IMAGES, DEMO_SIDE, config.seed_of_data, channels or 1)
    else:
        pictures = open_pictures(
            config.data, channels=channels, labelled=config.task == "classify", memory=memory,
            min_side=1 if config.task == "classify" else 8, min_count=MIN_IMAGES,
        )  # fmt: skip
    report_skipped(pictures, progress)
    side = 0
    if config.task == "classify":
        pictures, side = same_size(pictures, config.crop)
    train, val = split(len(pictures), config.val, config.seed_of_data, pictures.labels)
    if not len(train):
        raise DlcliError(f"--val {config.val} leaves no image of {len(pictures)} to train on", "give a smaller one")
    if not side:
        side = min(min(pictures.shape(i)) for i in train)
    return _parted(pictures, inputs, train, val, side)


def _parted(
    pictures: Pictures, inputs: Pictures | None, train: Sequence[int], val: Sequence[int], side: int
) -> TrainingImages:
    return TrainingImages(
        pictures.subset(train),
        pictures.subset(val) if len(val) else None,
        inputs.subset(train) if inputs else None,
        inputs.subset(val) if inputs and len(val) else None,
        side,
    )


def fold_of(images: TrainingImages, folds: int, fold: int, seed: int) -> TrainingImages:
    """Part ``fold`` of ``folds`` of the training images held out, and the others to train on.

    Raises DlcliError where there are fewer images than folds.
    """
    count = len(images.train)
    if count < folds:
        raise DlcliError(f"--cv {folds}: there are {count} images", "give at most as many folds as images")
    order = np.random.default_rng((seed, 0)).permutation(count)
    held = order[fold::folds]
    kept = np.setdiff1d(order, held)
    return _parted(images.train, images.train_inputs, kept.tolist(), np.sort(held).tolist(), images.side)


def report_skipped(pictures: Pictures, progress: Progress) -> None:
    """Name the images that could not be read, and count them."""
    for note in pictures.notes:
        progress.note(note)
    warn_of_skipped(pictures.skipped, len(pictures) + len(pictures.skipped), progress)


def warn_of_skipped(skipped: Sequence[Skipped], total: int, progress: Progress) -> None:
    """Name the first images that were left out of ``total``, and count them."""
    if skipped:
        named = "; ".join(f"{s.name}: {s.why}" for s in skipped[:NAMED])
        more = len(skipped) - NAMED
        progress.warn(
            f"skipped {len(skipped):,} of {total:,} images: {named}" + (f"; and {more:,} more" if more > 0 else "")
        )


def split(count: int, fraction: float, seed: int, labels: np.ndarray | None = None) -> tuple[list[int], list[int]]:
    """Numbers of the training and of the validation images; at least one of each where ``fraction`` is positive."""
    order = np.random.default_rng((seed, 0)).permutation(count)
    held = min(max(1, round(count * fraction)), count - 1) if fraction and count > 1 else 0
    return sorted(order[held:].tolist()), sorted(order[:held].tolist())


def same_size(pictures: Pictures, side: int | None) -> tuple[Pictures, int]:
    """The images as squares of one side: as they are, or scaled so that the shorter side fits and cut in the middle."""
    from PIL import Image

    shapes = {pictures.shape(i) for i in range(len(pictures))}
    first = next(iter(shapes))
    if len(shapes) == 1 and first[0] == first[1] and side in (None, first[0]):
        return pictures, first[0]
    side = side or DEFAULT_CLASS_SIDE
    squares = []
    for index in range(len(pictures)):
        pixels = pictures.pixels(index)
        image = Image.fromarray(pixels if pictures.channels == 3 else pixels[..., 0])
        factor = side / min(image.size)
        wide, high = (max(side, round(length * factor)) for length in image.size)
        image = image.resize((wide, high), Image.Resampling.BICUBIC)
        left, top = (wide - side) // 2, (high - side) // 2
        cut = np.asarray(image.crop((left, top, left + side, top + side)))
        squares.append(cut.reshape(side, side, pictures.channels))
    return Pictures.of_arrays(squares, pictures.names, pictures.labels, pictures.classes), side
