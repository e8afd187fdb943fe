"""Which images are held out for validation: at random, class by class, the same ones for the same seed."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from dlcli.images.sources import Kin

# Fewer class images than this don't tell two states of a network apart: one image is several percent.
ENOUGH_CLASS_IMAGES = 32
ENOUGH_IMAGES = 8  # of restoration, where each has thousands of pixels
LARGEST_SHARE = 0.25  # of the images that are held out to reach those numbers, where --val was not given
SIDE = 96  # of the crops that restoration is measured on, in pixels; the default of those that train
# Fewer stacks of frames than this are not held out whole, but their ends, where they have as many places as that.
ENOUGH_STACKS, DIVISIBLE = 8, 5
GAP, LEAST = 16, 32  # pixels between those crops and what trains of the same image; their least side


def split(
    count: int,
    fraction: float,
    seed: int,
    labels: NDArray[np.int64] | None = None,
    kin: Sequence[Kin | None] = (),
) -> tuple[list[int], list[int]]:
    """Numbers of the training and of the validation images; at least one of each where ``fraction`` is positive.

    With ``labels`` (count,) each class gives its own share: at least one image where it has two, none where it has one.
    With ``kin`` stacks are held out whole, or where they are few, their ends, with a gap that neither has.
    """
    if fraction and any(kin):
        return _split_stacks(kin, fraction, seed, labels)
    order = np.random.default_rng((seed, 0)).permutation(count)
    if labels is None:
        held = _share(count, fraction)
        return sorted(order[held:].tolist()), sorted(order[:held].tolist())
    codes, counts = np.unique(labels, return_counts=True)
    shares = _shares(counts, round(count * fraction)) if fraction else np.zeros_like(counts)
    shares = np.minimum(shares, counts - 1)
    chosen = [order[labels[order] == code][:share] for code, share in zip(codes, shares, strict=True)]
    val = np.concatenate(chosen)
    return np.setdiff1d(order, val).tolist(), sorted(val.tolist())


def _split_stacks(
    kin: Sequence[Kin | None], fraction: float, seed: int, labels: NDArray[np.int64] | None
) -> tuple[list[int], list[int]]:
    stacks = stacks_of(kin)
    long = [stack for stack in stacks if len(places_of(kin, stack)) >= DIVISIBLE]
    if len(stacks) >= ENOUGH_STACKS or not long:
        kinds = None if labels is None else labels[[stack[0] for stack in stacks]]
        train, val = split(len(stacks), fraction, seed, kinds)
        return _members(stacks, train), _members(stacks, val)
    held: list[int] = []
    lost: list[int] = []
    for stack in long:
        places = places_of(kin, stack)
        share = min(max(1, round(fraction * len(places))), len(places) - 2)
        last, gap = set(places[-share:]), places[-share - 1]
        held.extend(i for i in stack if _place(kin, i) in last)
        lost.extend(i for i in stack if _place(kin, i) == gap)
    return sorted(set(range(len(kin))) - {*held, *lost}), sorted(held)


def stacks_of(kin: Sequence[Kin | None]) -> list[list[int]]:
    """The images of each stack, and each that is of none by itself."""
    found: dict[object, list[int]] = {}
    for number, one in enumerate(kin):
        found.setdefault(number if one is None else one.stack, []).append(number)
    return list(found.values())


def _place(kin: Sequence[Kin | None], number: int) -> int:
    one = kin[number]
    return -1 if one is None else one.place


def places_of(kin: Sequence[Kin | None], stack: Sequence[int]) -> list[int]:
    """The places on the slowest axis that the images of a stack have, in order."""
    return sorted({_place(kin, number) for number in stack})


def _members(stacks: Sequence[Sequence[int]], numbers: Sequence[int]) -> list[int]:
    return sorted(member for number in numbers for member in stacks[number])


def _share(count: int, fraction: float) -> int:
    return min(max(1, round(count * fraction)), count - 1) if fraction and count > 1 else 0


def _shares(counts: NDArray[np.int64], wanted: int) -> NDArray[np.int64]:
    """``wanted`` dealt out in proportion to ``counts``, by largest remainders, but at least one each."""
    exact = counts * (wanted / counts.sum())
    shares: NDArray[np.int64] = np.floor(exact).astype(np.int64)
    left = wanted - int(shares.sum())
    shares[np.argsort(shares - exact, kind="stable")[:left]] += 1
    shares[shares < 1] = 1
    return shares


def fold(
    count: int,
    folds: int,
    number: int,
    seed: int,
    labels: NDArray[np.int64] | None = None,
    kin: Sequence[Kin | None] = (),
) -> tuple[list[int], list[int]]:
    """Numbers of the images that fold ``number`` trains on and of those that it holds out.

    Each image is held out in one fold; with ``labels`` (count,) the images of each class are dealt out evenly. With
    ``kin`` whole stacks are dealt out, or where they are fewer than the folds, parts of each, with gaps beside them.
    """
    if any(kin):
        return _fold_of_stacks(kin, folds, number, seed)
    order = np.random.default_rng((seed, 0)).permutation(count)
    if labels is not None:
        order = order[np.argsort(labels[order], kind="stable")]
    held = order[number::folds]
    return np.setdiff1d(order, held).tolist(), np.sort(held).tolist()


def _fold_of_stacks(kin: Sequence[Kin | None], folds: int, number: int, seed: int) -> tuple[list[int], list[int]]:
    stacks = stacks_of(kin)
    if len(stacks) >= folds:
        train, val = fold(len(stacks), folds, number, seed)
        return _members(stacks, train), _members(stacks, val)
    held: set[int] = set()
    lost: set[int] = set()
    for stack in stacks:
        places = places_of(kin, stack)
        start, end = (place * len(places) // folds for place in (number, number + 1))
        inside = set(places[start:end])
        beside = {*places[max(start - 1, 0) : start], *places[end : end + 1]} if inside else set()
        held.update(i for i in stack if _place(kin, i) in inside)
        lost.update(i for i in stack if _place(kin, i) in beside)
    return sorted(set(range(len(kin))) - held - lost), sorted(held)


def spread(count: int, wanted: int) -> list[int]:
    """``wanted`` of the numbers below ``count`` (all where there are fewer), evenly spaced.

    >>> spread(10, 3), spread(2, 5)
    ([1, 5, 8], [0, 1])
    """
    if wanted >= count:
        return list(range(count))
    return [int((place + 0.5) * count / wanted) for place in range(wanted)]


def stratified(labels: NDArray[np.int64], wanted: int) -> list[int]:
    """About ``wanted`` of the images (all where there are fewer), every class by its share and at least once."""
    if wanted >= len(labels):
        return list(range(len(labels)))
    chosen: list[int] = []
    codes, counts = np.unique(labels, return_counts=True)
    for code, share in zip(codes, _shares(counts, wanted), strict=True):
        members = np.flatnonzero(labels == code)
        chosen.extend(members[spread(len(members), int(share))].tolist())
    return sorted(chosen)


def alone(labels: NDArray[np.int64], classes: Sequence[str]) -> list[str]:
    """Classes with a single image, which trains: none is left to hold out."""
    counts = np.bincount(labels, minlength=len(classes))
    return [name for name, count in zip(classes, counts, strict=True) if count == 1]


def widest_strip(shape: tuple[int, int], needed: int) -> int:
    """How much of the longer side of an image can be kept from training, which needs ``needed`` pixels of it; or 0.

    At most 45% with the gap, so that training keeps most of the image.
    """
    longer = max(shape)
    width = min(SIDE, int(0.45 * longer) - GAP, longer - needed - GAP)
    return width if min(width, *shape) >= LEAST else 0


def usual_fraction(
    least: float,
    shapes: Sequence[tuple[int, int]],
    needed: int,
    labels: NDArray[np.int64] | None,
    kin: Sequence[Kin | None] = (),
) -> float:
    """The default validation fraction: ``least``, or more where that leaves too few images.

    Images of restoration that can lend a strip instead (for training crops of ``needed`` pixels) need not; frames of
    stacks, ``kin``, can't, as their neighbors show the same place.
    """
    count = len(shapes)
    if labels is not None:
        return min(LARGEST_SHARE, max(least, ENOUGH_CLASS_IMAGES / count))
    able = 0 if any(kin) else sum(widest_strip(shape, needed) > 0 for shape in shapes)
    if able >= min(ENOUGH_IMAGES, count):
        return least
    return min(LARGEST_SHARE, max(least, ENOUGH_IMAGES / count))
