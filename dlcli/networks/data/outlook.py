"""What train-deconv would do with images that were looked at, and what may go wrong: told before it is run."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dlcli.config.train_deconv import TrainDeconvConfig
from dlcli.errors import DlcliError
from dlcli.images.conversion import UINT16, common_dtype
from dlcli.images.sources import Kin
from dlcli.images.survey.survey import Survey
from dlcli.memory import available_memory
from dlcli.networks.data.load import LEAST_SIDE, MIN_CLASS_IMAGES
from dlcli.networks.data.parts import parts_of
from dlcli.networks.data.sequences import sequences
from dlcli.networks.data.split import SIDE, split, usual_fraction
from dlcli.networks.data.squares import class_side
from dlcli.reports.data import ClassCount, Duplicates, Hint, Kind, Sizes
from dlcli.text import counted, listed, quoted

DIM = 0.25  # of a type's range: what the brightest values stay below
NOISY = 0.025  # of the range that values take: noise of 6.4 of 255; nine of ten clean photographs stay below it
SHARE = 0.01  # of the images, from which on empty and saturated ones are worth a word
UNEVEN = 10  # times the images of the smallest class that the largest one has
BATCH = 32  # images of a classifier's batch


@dataclass(frozen=True)
class Found:
    """What the report has, which the hints are about."""

    survey: Survey
    sizes: Sizes | None
    kinds: Sequence[Kind]
    duplicates: Duplicates
    classes: Sequence[ClassCount] | None
    why_no_classes: str = ""


def straddling(survey: Survey, groups: Sequence[Sequence[int]], seed: int, classes: Sequence[str]) -> int:
    """How many ``groups`` of images, which number those looked at, validation would hold out in part.

    That is by the default --val and the seed, with the images that are large enough to train on.
    """
    usable = [i for i, one in enumerate(survey.images) if classes or min(_shape(survey, i)) >= LEAST_SIDE]
    if len(usable) < 2:
        return 0
    shapes = [_shape(survey, i) for i in usable]
    labels: NDArray[np.int64] | None = None
    if classes:
        codes = {name: code for code, name in enumerate(classes)}
        labels = np.array([codes[survey.images[i].label or ""] for i in usable], dtype=np.int64)
    middle = sorted(min(shape) for shape in shapes)[len(shapes) // 2]
    least = float(TrainDeconvConfig.model_fields["val"].default)
    thumbnails = {one.place: one.measures.thumbnail for one in survey.looked}
    candidates = [survey.images[i].candidate for i in usable]
    names, known = [one.name for one in candidates], [one.kin for one in candidates]
    kin = sequences(names, shapes, known, lambda number: thumbnails.get(usable[number]))
    kin = kin if any(kin) else ()
    if not classes and _are_parted(shapes, least, kin):
        return 0  # of equal images the same part is held out
    fraction = usual_fraction(least, shapes, min(SIDE, middle), labels, kin)
    held = {usable[i] for i in split(len(usable), fraction, seed, labels, kin)[1]}
    places = [[survey.looked[i].place for i in group] for group in groups]
    return sum(0 < sum(place in held for place in group) < len(group) for group in places)


def _are_parted(shapes: Sequence[tuple[int, int]], fraction: float, kin: Sequence[Kin | None]) -> bool:
    try:
        return parts_of(shapes, [""] * len(shapes), fraction, kin) is not None
    except DlcliError:  # a single stack, which is too small for it
        return True


def _shape(survey: Survey, i: int) -> tuple[int, int]:
    header = survey.images[i].header
    return header.height, header.width


def hints(found: Found) -> list[Hint]:
    """Lines for the user, the gravest first."""
    return [
        Hint(about=about, text=text) for about, text in (*_of_files(found), *_of_values(found), *_of_training(found))
    ]


def paired(survey: Survey) -> list[Path]:
    """The two folders whose files have the same names, as those of inputs and targets do; else []."""
    names: dict[Path, set[str]] = {}
    for one in survey.images:
        if one.candidate.path is None:
            return []
        names.setdefault(one.candidate.path.parent, set()).add(one.candidate.path.stem)
    folders = sorted(names)
    return (
        folders if len(folders) == 2 and len(names[folders[0]]) > 1 and names[folders[0]] == names[folders[1]] else []
    )


def _of_files(found: Found) -> Iterator[tuple[str, str]]:
    readable, skipped = len(found.survey.images), len(found.survey.skipped)
    if skipped:
        yield "unreadable", f"{counted(skipped, 'file')} cannot be read; train-deconv leaves them out, with a warning"
    if readable < MIN_CLASS_IMAGES:
        yield (
            "few-images",
            f"{counted(readable, 'image')} can be read; train-deconv holds a part of a single one out, and "
            f"--task classify needs {MIN_CLASS_IMAGES} or more",
        )
    small = sum(min(_shape(found.survey, i)) < LEAST_SIDE for i in range(readable))
    if small and found.classes is None:
        yield (
            "small-images",
            f"{counted(small, 'image')} of fewer than {LEAST_SIDE} pixels on a side; train-deconv leaves them out",
        )
    elif found.sizes is not None and found.classes is None and found.sizes.median_side < SIDE:
        side = found.sizes.median_side
        yield (
            "small-images",
            f"half of the images are at most {side} pixels on their shorter side; train-deconv cuts crops of "
            f"{side} x {side} instead of {SIDE} x {SIDE}",
        )


def _of_values(found: Found) -> Iterator[tuple[str, str]]:
    looked, kinds = len(found.survey.looked), found.kinds
    if bad := sum(kind.not_finite for kind in kinds):
        yield "not-finite", f"{counted(bad, 'image')} with values that are NaN or infinite; mend them or leave them out"
    types = sorted({kind.dtype for kind in kinds})
    if len(types) > 1:
        common = common_dtype({np.dtype(name) for name in types})
        white = "8 bits as bright as 16" if common == UINT16 else "each on its own scale: make them one type first"
        yield "mixed-types", f"types differ ({listed(types)}); train-deconv reads all as {common.name}, {white}"
    channels = sorted({kind.channels for kind in kinds})
    if channels == [1, 3]:
        gray = sum(kind.images for kind in kinds if kind.channels == 1)
        yield (
            "mixed-color",
            f"{gray:,} gray among {counted(looked, 'image')}; train-deconv trains on color then, the gray ones as "
            "gray RGB; --gray takes the luminance of all",
        )
    elif len(channels) > 1:
        yield "mixed-color", f"numbers of channels differ ({listed(map(str, channels))}); keep those of one kind"
    for kind in kinds:
        yield from _of_kind(kind)
    empty, saturated = sum(kind.empty for kind in kinds), sum(kind.saturated for kind in kinds)
    if empty > SHARE * looked:
        yield "empty", f"{counted(empty, 'image')} of one value only: nothing is learned from them; leave them out"
    if saturated > SHARE * looked:
        yield (
            "saturated",
            f"{counted(saturated, 'image')} with more than 1% of their values at the ceiling; what was cut off there "
            "cannot be learned",
        )
    yield from _of_duplicates(found)


def _of_kind(kind: Kind) -> Iterator[tuple[str, str]]:
    top = np.iinfo(kind.dtype).max if np.dtype(kind.dtype).kind in "iu" else 0
    bright = kind.percentiles.get("99.9", 0.0)
    if top and kind.images > kind.empty and bright < DIM * top:
        yield (
            "dim",
            f"{kind.dtype}: values take little of the type's range, 99.9% of them stay below {bright:,.5g} of {top:,}"
            + ("; train-deconv learns their range and trains on all of it" if kind.dtype != "uint8" else ""),
        )
    span = kind.percentiles.get("99.9", 0.0) - kind.percentiles.get("0.1", 0.0)
    if kind.noise is not None and span > 0 and kind.noise.median > NOISY * span:
        yield (
            "noisy",
            f"the images are noisy themselves, by about {kind.noise.median:.3g} (standard deviation): a network that "
            "learns to restore them learns to keep that noise; pairs with clean targets (--task pairs) would not",
        )


def _of_duplicates(found: Found) -> Iterator[tuple[str, str]]:
    if pair := paired(found.survey):
        first, second = (quoted(str(folder)) for folder in pair)
        yield (
            "pairs",
            "two folders hold files of the same names; if one has the inputs and the other the targets, train with "
            f"'dlcli train-deconv {first} {second} --task pairs', inputs first",
        )
        return
    groups, torn = len(found.duplicates.groups), found.duplicates.straddling
    if torn:
        yield (
            "duplicates",
            f"of {counted(groups, 'group')} of equal or nearly equal images, validation would hold out {torn:,} in "
            "part: its score would flatter the network; keep one image of each group",
        )
    elif found.duplicates.exact + found.duplicates.near > SHARE * len(found.survey.looked):
        more = found.duplicates.exact + found.duplicates.near
        yield (
            "duplicates",
            f"{counted(more, 'image')} nearly or exactly as an earlier one; they count double in training",
        )


def _of_training(found: Found) -> Iterator[tuple[str, str]]:
    if found.classes is not None:
        yield from _of_classes(found, found.classes)
    elif found.why_no_classes:
        yield "classes", f"as class folders, train-deconv --task classify refuses it: {found.why_no_classes}"
    decoded = _decoded_bytes(found)
    if decoded > available_memory() / 2:
        yield (
            "memory",
            f"decoded, the images take {decoded / 2**30:.1f} GiB, more than half of the free memory; "
            "train-deconv reads them from disk while it trains",
        )


def _of_classes(found: Found, classes: Sequence[ClassCount]) -> Iterator[tuple[str, str]]:
    if len(classes) < 2:
        yield "classes", "one class only; train-deconv --task classify needs two or more"
        return
    if lonely := [one.name for one in classes if one.images == 1]:
        yield "classes", f"one image only of {listed(lonely)}; validation has none of them"
    fewest, most = min(one.images for one in classes), max(one.images for one in classes)
    if most >= UNEVEN * max(fewest, 1):
        yield "classes", f"classes are uneven: the largest has {most:,} images, the smallest {fewest:,}"
    shapes = sorted({_shape(found.survey, i) for i in range(len(found.survey.images))})
    if shapes and (side := class_side(shapes, BATCH)) and shapes != [(side, side)]:
        yield (
            "mixed-sizes" if len(shapes) > 1 else "small-images",
            f"to be classified, images become {side} x {side}: scaled, and cut in the middle; --crop N takes "
            "another side",
        )


def _decoded_bytes(found: Found) -> int:
    """What all images take in memory as training reads them."""
    pixels = sum(height * width for height, width in (_shape(found.survey, i) for i in range(len(found.survey.images))))
    widest = max((np.dtype(kind.dtype).itemsize for kind in found.kinds), default=1)
    channels = max((kind.channels for kind in found.kinds), default=1)
    return pixels * min(widest, 4) * channels
