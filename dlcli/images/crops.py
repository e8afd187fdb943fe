"""Batches of crops from an image set, as uint8 arrays; every batch depends on the seed and its number only."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from dlcli.images.image_set import ImageSet

Pixels = NDArray[np.uint8]
TURNS = 8  # mirrored or not, and turned by 0, 1, 2 or 3 quarters


class CropSampler:
    """Random square crops of the images of several sets in step: ``sets[0]`` alone, or inputs and targets.

    ``side`` is the side of the crop, ``margin`` what each side of it needs in excess; images that are too small for
    the margin are continued by reflection. Each pass over the images takes each of them once, in random order. No
    state is kept between batches, so a run taken up again gets the very crops that it would have had.
    """

    def __init__(self, sets: Sequence[ImageSet], side: int, margin: int, *, flips: bool, seed: int) -> None:
        self.sets, self.side, self.margin, self.flips, self.seed = tuple(sets), side, margin, flips, seed
        self._epoch, self._order = -1, np.zeros(0, dtype=np.int64)

    def indices(self, step: int, size: int) -> list[int]:
        """Numbers of the images of batch ``step`` of ``size`` images."""
        count = len(self.sets[0])
        chosen = []
        for position in range(step * size, (step + 1) * size):
            epoch, place = divmod(position, count)
            if epoch != self._epoch:
                self._epoch, self._order = epoch, np.random.default_rng((self.seed, 1, epoch)).permutation(count)
            chosen.append(int(self._order[place]))
        return chosen

    @property
    def width(self) -> int:
        """The side of a crop with its margins."""
        return self.side + 2 * self.margin

    def draws(self, step: int, size: int) -> NDArray[np.float64]:
        """What chance says of each crop of batch ``step``, (size, 3): how far down and right, and how it is turned."""
        return np.random.default_rng((self.seed, 2, step)).random((size, 3))

    def batch(self, step: int, size: int) -> list[Pixels]:
        """One array (size, channels, side + 2 margin, side + 2 margin) for each set."""
        chosen = self.indices(step, size)
        draws, width = self.draws(step, size), self.width
        batches = [np.empty((size, s.channels, width, width), np.uint8) for s in self.sets]
        for place, (index, (top, left, turn)) in enumerate(zip(chosen, draws, strict=True)):
            number = int(turn * TURNS) if self.flips else 0
            for batch, image_set in zip(batches, self.sets, strict=True):
                batch[place] = turned(_cut(image_set.pixels(index), width, top, left), number).transpose(2, 0, 1)
        return batches


def turned(pixels: Pixels, number: int) -> Pixels:
    """``pixels`` (H, W, C) turned by ``number % 4`` quarters, and mirrored from 4 on; a view."""
    quarters = number % 4
    if quarters % 2:
        pixels = pixels.transpose(1, 0, 2)
    result = pixels[:: -1 if quarters in (1, 2) else 1, :: -1 if quarters in (2, 3) else 1]
    return result[:, ::-1] if number >= 4 else result


def continued(pixels: Pixels, width: int) -> Pixels:
    """``pixels`` (H, W, C), continued by reflection to ``width`` on each side that is shorter."""
    down, right = max(width - pixels.shape[0], 0), max(width - pixels.shape[1], 0)
    if not down and not right:
        return pixels
    pads = ((down // 2, down - down // 2), (right // 2, right - right // 2), (0, 0))
    return np.pad(pixels, pads, mode="symmetric")


def _cut(pixels: Pixels, width: int, top: float, left: float) -> Pixels:
    """The square of ``width`` at this fraction of the free play."""
    pixels = continued(pixels, width)
    height_free, width_free = pixels.shape[0] - width, pixels.shape[1] - width
    y, x = int(top * (height_free + 1)), int(left * (width_free + 1))
    return pixels[y : y + width, x : x + width]
