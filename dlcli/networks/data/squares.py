"""Images of classes as squares of one side."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from dlcli.errors import DlcliError
from dlcli.images.cache import usable_cores
from dlcli.images.conversion import UINT8
from dlcli.images.image_set import ImageSet, ReadLimits, Skipped
from dlcli.images.normalization import Normalization, mapped_to_bytes
from dlcli.memory import available_memory
from dlcli.text import printable, printable_path

DEFAULT_SIDE, LEAST_SIDE = 64, 32
MODEST = 256 << 20
BYTES_PER_PIXEL = 250  # of a batch, that training the default classifier takes: 8.2 GB for 128 images of 512 x 512
# Of images that take more than this only the squares are held: they are decoded one by one, and made smaller at once.
SHRUNK = ReadLimits(MODEST, once=True)


def squares(
    image_set: ImageSet, asked: int | None, batch_size: int, scale: Normalization, notes: list[str]
) -> tuple[ImageSet, int]:
    """Images of classes as squares of one side, which is added to ``notes`` where it is not their own.

    They become 8 bits by ``scale``.

    ``asked`` is the side that is asked for. Raises DlcliError where there is no memory for so many of that side.
    """
    if image_set.channels not in (1, 3):
        what = f"images of classes have {image_set.channels} channels, expected gray or color"
        raise DlcliError(what, "save one channel, or three as red, green and blue")
    every = [image_set.shape(i) for i in range(len(image_set))]
    shapes, side = set(every), asked or class_side(every, batch_size)
    if shapes != {(side, side)}:
        (low, wide), (high, broad) = min(shapes), max(shapes)
        own = f"{wide} x {low}" + ("" if len(shapes) == 1 else f" to {broad} x {high}")
        more = "" if asked else "; --side N takes another side"
        notes.append(f"class images of {own} pixels become {side} x {side}: scaled, and cut in the middle{more}")
    return same_size(image_set, side, scale), side


def class_side(shapes: Sequence[tuple[int, int]], batch_size: int) -> int:
    """The default side of class images in training: the median of their shorter sides, but at most 64.

    Halved until a batch's activations, and all images together, take at most a quarter of the free memory each.
    """
    sides = sorted(min(shape) for shape in shapes)
    side = max(min(DEFAULT_SIDE, sides[len(sides) // 2]), 8)
    while side >= 2 * LEAST_SIDE and _too_much(side**2 * max(BYTES_PER_PIXEL * batch_size, 3 * len(shapes)), 0.25):
        side //= 2
    return side


def _too_much(needed: int, share: float) -> bool:
    """Whether so many bytes are more than a share of the free memory, which takes a while to ask."""
    return needed > MODEST and needed > available_memory() * share


def same_size(image_set: ImageSet, side: int, scale: Normalization) -> ImageSet:
    """The images ``shrunk``. Raises DlcliError where there is no memory for them, or a class loses all its images."""
    size = len(image_set) * side**2 * image_set.channels
    if _too_much(size, 0.9):
        raise DlcliError(
            f"{len(image_set):,} class images of {side} x {side} pixels take {size / 2**30:.1f} GiB, more than there "
            "is memory for", "give a smaller --side",
        )  # fmt: skip
    made = shrunk(image_set, side, scale)
    if len(made) < len(image_set):
        _check(image_set, made, made.skipped[-1])
    return made


def shrunk(image_set: ImageSet, side: int, scale: Normalization) -> ImageSet:
    """The images as squares of one side, in 8 bits by ``scale``: with the shorter side fitting, cut in the middle.

    They are decoded and scaled by as many threads as there are cores, and only the squares are kept; those that can't
    be decoded are skipped.
    """
    image_set = image_set.mapped(partial(mapped_to_bytes, scale=scale), UINT8)
    if image_set.in_memory and all(image_set.shape(i) == (side, side) for i in range(len(image_set))):
        return image_set
    with ThreadPoolExecutor(usable_cores()) as pool:
        try:
            made = list(pool.map(lambda i: _square(image_set, i, side), range(len(image_set))))
        except BaseException:  # Ctrl-C must not wait for thousands of images
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    whole = image_set.subset(i for i, one in enumerate(made) if not isinstance(one, Skipped))
    arrays = [one for one in made if not isinstance(one, Skipped)]
    same = ImageSet.of_arrays(arrays, whole.names, whole.labels, whole.classes)
    lost = [one for one in made if isinstance(one, Skipped)]
    return replace(same, paths=whole.paths, kin=whole.kin, skipped=(*image_set.skipped, *lost), notes=image_set.notes)


def _check(before: ImageSet, after: ImageSet, first: Skipped) -> None:
    """Raises DlcliError where none is left, of all or of a class."""
    if not len(after):
        raise DlcliError(f"none of the images can be used; {first.name}: {first.why}", "fix them, or give others")
    if before.labels is not None and after.labels is not None:
        for code in sorted(set(before.labels.tolist()) - set(after.labels.tolist())):
            message = f"no image of the class {printable(before.classes[code])} can be used; {first.name}: {first.why}"
            raise DlcliError(message, "fix its images, or delete its folder")


def _square(image_set: ImageSet, index: int, side: int) -> NDArray[np.uint8] | Skipped:
    from PIL import Image

    try:
        pixels = image_set.pixels(index)
    except DlcliError as error:
        name = printable_path(image_set.names[index])
        return Skipped(name, error.message.removeprefix(name).lstrip(" :"))
    height, width = pixels.shape[:2]
    if (height, width) == (side, side):
        return np.ascontiguousarray(pixels)
    factor = side / min(height, width)
    wide, high = (max(side, round(length * factor)) for length in (width, height))
    left, top = (wide - side) // 2, (high - side) // 2
    # Pillow knows one channel and three; of any other number each is scaled alone.
    parts = [pixels] if pixels.shape[2] == 3 else [pixels[..., c] for c in range(pixels.shape[2])]
    cut = [
        np.asarray(
            Image.fromarray(np.ascontiguousarray(part))
            .resize((wide, high), Image.Resampling.BICUBIC)
            .crop((left, top, left + side, top + side))
        )
        for part in parts
    ]
    return cut[0] if pixels.shape[2] == 3 else np.stack(cut, axis=2)
