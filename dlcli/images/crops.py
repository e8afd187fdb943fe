"""Batches of crops from an image set, in its own type; every batch depends on the seed and its number only."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property, lru_cache

import numpy as np
from numpy.typing import NDArray

from dlcli.engine.arrays import AnyArray
from dlcli.images.cache import usable_cores
from dlcli.images.image_set import ImageSet

Pixels = AnyArray
TURNS = 8  # mirrored or not, and turned by 0, 1, 2 or 3 quarters
MOST_AT_A_TIME = 16  # crops of an image that is decoded for them


class CropSampler:
    """Random square crops of the images of several sets in step: ``sets[0]`` alone, or inputs and targets.

    ``side`` is the side of the crop, ``margin`` what each side of it needs in excess; images that are too small for
    the margin are continued by reflection. Each pass over the images takes each of them once, in random order; of
    large ones that are decoded when asked for it takes several crops, as many images at a time as are held: decoding
    a photograph of 12 megapixels takes longer than a step. No state is kept between batches, so a run taken up again
    gets the very crops that it would have had.
    """

    def __init__(self, sets: Sequence[ImageSet], side: int, margin: int, *, flips: bool, seed: int) -> None:
        self.sets, self.side, self.margin, self.flips, self.seed = tuple(sets), side, margin, flips, seed
        self._pass = -1, np.zeros(0, dtype=np.int64)  # its number and the order of the images, which threads share

    def indices(self, step: int, size: int) -> list[int]:
        """Numbers of the images of batch ``step`` of ``size`` images."""
        count = len(self.sets[0]) * self.at_a_time
        chosen = []
        for position in range(step * size, (step + 1) * size):
            epoch, place = divmod(position, count)
            known, order = self._pass
            if epoch != known:
                order = self._order(epoch)
                self._pass = epoch, order
            chosen.append(int(order[place]))
        return chosen

    def _order(self, epoch: int) -> NDArray[np.int64]:
        """The numbers of the images as the pass takes them."""
        random, count = np.random.default_rng((self.seed, 1, epoch)), len(self.sets[0])
        order = random.permutation(count)
        if self.at_a_time == 1:
            return order
        held = min(image_set.at_hand for image_set in self.sets)
        groups = [np.repeat(order[i : i + held], self.at_a_time) for i in range(0, count, held)]
        return np.concatenate([random.permutation(group) for group in groups])

    @cached_property
    def at_a_time(self) -> int:
        """How many crops are taken of an image while it is held."""
        return 1 if self.in_memory else crops_at_a_time(self.sets[0], self.width)

    @property
    def in_memory(self) -> bool:
        """Whether all images are held decoded."""
        return all(image_set.in_memory for image_set in self.sets)

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
        batches = [np.empty((size, s.channels, width, width), s.dtype) for s in self.sets]

        def cut(place: int) -> None:
            top, left, turn = draws[place]
            number = int(turn * TURNS) if self.flips else 0
            for batch, image_set in zip(batches, self.sets, strict=True):
                pixels = _cut(image_set.pixels(chosen[place]), width, top, left)
                batch[place] = turned(pixels, number).transpose(2, 0, 1)

        for _ in map(cut, range(size)) if self.in_memory else _decoders().map(cut, range(size)):
            pass
        return batches


@lru_cache(1)
def _decoders() -> ThreadPoolExecutor:
    """Threads that decode the images of a batch side by side."""
    return ThreadPoolExecutor(usable_cores(), "dlcli-decoder")


def crops_at_a_time(image_set: ImageSet, width: int) -> int:
    """How many crops of ``width`` an image gives when it is decoded for them: as many as have room, up to a limit."""
    pixels = sum(height * width for height, width in map(image_set.shape, range(len(image_set))))
    return max(1, min(MOST_AT_A_TIME, pixels // (max(len(image_set), 1) * width**2)))


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
