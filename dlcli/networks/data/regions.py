"""Which parts of the images train a restoring network, and which crops it is measured on."""

from collections.abc import Sequence
from dataclasses import dataclass

from dlcli.images.image_set import Box, ImageSet
from dlcli.networks.data.load import NAMED, TrainingImages
from dlcli.networks.data.split import ENOUGH_IMAGES, GAP, SIDE, spread, widest_strip
from dlcli.text import counted, printable_path

CROPS, CROPS_OF_LEVEL = 32, 16  # in all: cheap beside the steps between two reports; where each has several noises


@dataclass(frozen=True)
class Regions:
    """What trains, and the crops that are measured, each set with its inputs in front where there are pairs.

    ``checked`` is empty where nothing is held out; its images bear the names of those that they are cut from.
    ``held`` images were held out whole; ``lent`` is how many training images give a strip, which doesn't train.
    """

    train: tuple[ImageSet, ...]
    checked: tuple[ImageSet, ...]
    held: int
    lent: int
    notes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    small: tuple[int, ...] = ()  # training images that are left out

    @property
    def enough(self) -> bool:
        """Whether the validation data suffice to tell which of two states of a network is better."""
        return bool(self.checked) and (self.held + self.lent >= ENOUGH_IMAGES or len(self.checked[0]) >= CROPS)


def make_regions(images: TrainingImages, side: int, margin: int, multiple: int, levels: int) -> Regions:
    """Choose them for training crops of ``side`` pixels with ``margin`` around; sides are multiples of ``multiple``.

    Images of less than half the crop are left out, where two or more others remain. Where few images were held out,
    a strip at the end of some training images is measured, too.
    """
    train, val = _pairs(images.train_inputs, images.train), _pairs(images.val_inputs, images.val)
    targets, notes, warnings = train[-1], [], []
    kept = [i for i in range(len(targets)) if min(targets.shape(i)) >= side / 2]
    kept = kept if len(kept) >= 2 else list(range(len(targets)))
    small = tuple(sorted(set(range(len(targets))) - set(kept)))
    if small:
        warnings.append(_said(targets, small, "left out of training, being smaller than half of", side))
    padded = [i for i in kept if min(targets.shape(i)) < side]
    if padded:
        notes.append(_said(targets, padded, "continued by mirroring, being smaller than", side))
    if not val:
        return Regions(tuple(s.subset(kept) for s in train), (), 0, 0, tuple(notes), tuple(warnings), small)
    wanted = CROPS_OF_LEVEL if levels > 1 and len(val[-1]) >= ENOUGH_IMAGES else CROPS
    held = [i for i in range(len(val[-1])) if min(val[-1].shape(i)) >= side / 2] or list(range(len(val[-1])))
    largest = max(SIDE, 2 * margin) // multiple * multiple  # a blur reaches far, and wraps around in a crop
    boxes = _boxes(val[-1], held, wanted, largest, multiple)
    checked = [s.parts(boxes) for s in val]
    rest = {i: Box(i, 0, 0, *targets.shape(i)) for i in kept}
    lent: list[int] = []
    if images.may_lend and len(held) < ENOUGH_IMAGES and len(boxes) < CROPS:
        strips, rest_of_lenders = _strips(targets, kept, ENOUGH_IMAGES - len(held), side, margin, multiple)
        lent, rest = [box.image for box in strips], rest | rest_of_lenders
        given = _cut_up(strips, CROPS - len(boxes), largest, multiple)
        checked = [first.followed_by(s.parts(given)) for first, s in zip(checked, train, strict=True)]
    if lent:
        notes.append(
            f"validation: {counted(len(held), 'image')} held out, and a strip of {counted(len(lent), 'other')} with "
            f"{GAP} pixels between it and what trains: {counted(len(checked[0]), 'crop')}"
        )
    elif images.may_lend and len(held) < ENOUGH_IMAGES and len(boxes) < CROPS:
        warnings.append(
            f"validation measures {counted(len(boxes), 'crop')} of {counted(len(held), 'image')} only, as the others "
            f"are too small to give strips beside crops of {side} pixels: its numbers are rough; more images, a "
            "smaller --crop or a larger --val make them steadier"
        )
    parts = [s.parts([rest[i] for i in kept]) if lent else s.subset(kept) for s in train]
    return Regions(tuple(parts), tuple(checked), len(held), len(lent), tuple(notes), tuple(warnings), small)


def _pairs(inputs: ImageSet | None, targets: ImageSet | None) -> list[ImageSet]:
    return [s for s in (inputs, targets) if s is not None]


def _said(image_set: ImageSet, numbers: Sequence[int], what: str, side: int) -> str:
    """How many images are treated so, and the first names with sizes."""
    shown = [
        f"{printable_path(image_set.names[i])} ({image_set.shape(i)[1]} x {image_set.shape(i)[0]})"
        for i in numbers[:NAMED]
    ]
    more = f" and {len(numbers) - NAMED:,} more" if len(numbers) > NAMED else ""
    be = "is" if len(numbers) == 1 else "are"
    return f"{counted(len(numbers), 'image')} {be} {what} the crop of {side} pixels: {', '.join(shown)}{more}"


def _boxes(image_set: ImageSet, numbers: Sequence[int], wanted: int, largest: int, multiple: int) -> list[Box]:
    """About ``wanted`` crops, as many of each image as it has room for without overlap, spread over images and each."""
    numbers = [numbers[i] for i in spread(len(numbers), wanted)]
    return _cut_up([Box(i, 0, 0, *image_set.shape(i)) for i in numbers], wanted, largest, multiple)


def _cut_up(places: Sequence[Box], wanted: int, largest: int, multiple: int) -> list[Box]:
    """About ``wanted`` crops of the places of up to ``largest`` pixels a side, as many of each."""
    each = -(-wanted // max(len(places), 1))
    boxes: list[Box] = []
    for place in places:
        grid = _grid(place, largest, multiple)
        boxes.extend(grid[i] for i in spread(len(grid), each))
    return boxes


def _grid(place: Box, largest: int, multiple: int) -> list[Box]:
    """Crops of one size that don't overlap, at equal distances over the place."""
    high, wide = (max(min(length, largest) // multiple * multiple, 1) for length in (place.height, place.width))
    tops, lefts = _starts(place.height, high), _starts(place.width, wide)
    return [Box(place.image, place.top + top, place.left + left, high, wide) for top in tops for left in lefts]


def _starts(length: int, part: int) -> list[int]:
    count = length // part
    free = length - part
    return [free // 2] if count == 1 else [round(place * free / (count - 1)) for place in range(count)]


def _strips(
    image_set: ImageSet, numbers: Sequence[int], wanted: int, side: int, margin: int, multiple: int
) -> tuple[list[Box], dict[int, Box]]:
    """Strips of up to ``wanted`` images to measure, and what is left of those images to train on, by number."""
    widths = {i: widest_strip(image_set.shape(i), side + 2 * margin) // multiple * multiple for i in numbers}
    able = [i for i in numbers if widths[i] > margin]
    strips, rest = [], {}
    for i in (able[place] for place in spread(len(able), wanted)):
        (height, width), strip = image_set.shape(i), widths[i]
        if height >= width:
            strips.append(Box(i, height - strip, 0, strip, width))
            rest[i] = Box(i, 0, 0, height - strip - GAP, width)
        else:
            strips.append(Box(i, 0, width - strip, height, strip))
            rest[i] = Box(i, 0, 0, height, width - strip - GAP)
    return strips, rest
