"""Which images are held out for validation: at random, class by class, the same ones for the same seed."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

# Fewer class images than this don't tell two states of a network apart: one image is several percent.
ENOUGH_CLASS_IMAGES = 32
ENOUGH_IMAGES = 8  # of restoration, where each has thousands of pixels
LARGEST_SHARE = 0.25  # of the images that are held out to reach those numbers, where --val was not given
SIDE = 96  # of the crops that restoration is measured on, in pixels; the default of those that train
GAP, LEAST = 16, 32  # pixels between those crops and what trains of the same image; their least side


def split(
    count: int, fraction: float, seed: int, labels: NDArray[np.int64] | None = None
) -> tuple[list[int], list[int]]:
    """Numbers of the training and of the validation images; at least one of each where ``fraction`` is positive.

    With ``labels`` (count,) each class gives its own share: at least one image where it has two, none where it has one.
    """
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
    count: int, folds: int, number: int, seed: int, labels: NDArray[np.int64] | None = None
) -> tuple[list[int], list[int]]:
    """Numbers of the images that fold ``number`` trains on and of those that it holds out.

    Each image is held out in one fold; with ``labels`` (count,) the images of each class are dealt out evenly.
    """
    order = np.random.default_rng((seed, 0)).permutation(count)
    if labels is not None:
        order = order[np.argsort(labels[order], kind="stable")]
    held = order[number::folds]
    return np.setdiff1d(order, held).tolist(), np.sort(held).tolist()


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
    least: float, shapes: Sequence[tuple[int, int]], needed: int, labels: NDArray[np.int64] | None
) -> float:
    """The default validation fraction: ``least``, or more where that leaves too few images.

    Images of restoration that can lend a strip instead (for training crops of ``needed`` pixels) need not.
    """
    count = len(shapes)
    if labels is not None:
        return min(LARGEST_SHARE, max(least, ENOUGH_CLASS_IMAGES / count))
    able = sum(widest_strip(shape, needed) > 0 for shape in shapes)
    if able >= min(ENOUGH_IMAGES, count):
        return least
    return min(LARGEST_SHARE, max(least, ENOUGH_IMAGES / count))
