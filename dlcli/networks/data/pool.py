"""All images of a training on the device that trains: a batch of crops is one gather there, and nothing is copied.

The pixels stay of the type that they are, and become floats with the crops. A crop is turned by the order in which
its pixels are gathered.
"""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from dlcli.engine.arrays import AnyDtype, IntArray
from dlcli.images.crops import TURNS, CropSampler, continued
from dlcli.images.image_set import ImageSet

SHARE = 0.25  # of the device's free memory that the images may take: most is for the network

# The top left pixel of a turned crop, in units of its side less one, and the steps down and right from it, each as
# (rows, columns) of the image; by the number of the turn. See ``turned`` in dlcli/images/crops.py.
_CORNER = np.array([(0, 0), (0, 1), (1, 1), (1, 0), (0, 1), (1, 1), (1, 0), (0, 0)])
_DOWN = np.array([(1, 0), (0, -1), (-1, 0), (0, 1), (1, 0), (0, -1), (-1, 0), (0, 1)])
_RIGHT = np.array([(0, 1), (1, 0), (0, -1), (-1, 0), (0, -1), (-1, 0), (0, 1), (1, 0)])


class ImagePool:
    """The crops of a ``CropSampler``, the very ones, cut on ``device``."""

    def __init__(self, sampler: CropSampler, device: str) -> None:
        self.sampler, self.device = sampler, device
        shapes = np.array([_held_shape(sampler, i) for i in range(len(sampler.sets[0]))]).reshape(-1, 2)
        self._free, self._widths = shapes - sampler.width, shapes[:, 1]
        areas = shapes.prod(axis=1)
        self._starts = np.concatenate([[0], np.cumsum(areas)[:-1]])
        self.pixels = [self._gathered(image_set, int(areas.sum())) for image_set in sampler.sets]
        places = torch.arange(sampler.width, device=device)
        self._rows, self._columns = places.view(1, -1, 1), places.view(1, 1, -1)

    def _gathered(self, image_set: ImageSet, total: int) -> Tensor:
        """The images of a set one after the other, (pixels, channels)."""
        dtype = _held_as(image_set.dtype)
        held = torch.from_numpy(np.empty(0, dtype)).dtype
        pool = torch.empty((total, image_set.channels), dtype=held, device=self.device)
        for number, start in enumerate(self._starts.tolist()):
            image = np.ascontiguousarray(continued(image_set.pixels(number), self.sampler.width)).view(dtype)
            flat = torch.from_numpy(image.copy() if not image.flags.writeable else image).view(-1, image.shape[2])
            pool[start : start + len(flat)].copy_(flat)
        return pool

    def batch(self, step: int, size: int) -> list[Tensor]:
        """The crops of ``sampler.batch(step, size)``: (size, channels, width, width) each, channels-last."""
        chosen = np.array(self.sampler.indices(step, size))
        places = moved(torch.from_numpy(self._places(chosen, self.sampler.draws(step, size))), self.device)
        start, down, right = places.view(3, size, 1, 1)
        index = start + self._rows * down + self._columns * right
        cut = [pixels[index].permute(0, 3, 1, 2) for pixels in self.pixels]
        return [crops.view(torch.uint16) if crops.dtype == torch.int16 else crops for crops in cut]

    def _places(self, chosen: IntArray, draws: np.ndarray) -> IntArray:
        """Where each crop's first pixel is in the pool, and how far those below and on the right of it, (3, size)."""
        width = self._widths[chosen]
        # Rounded down as the sampler does, each as one product of float64.
        corner = (draws[:, :2] * (self._free[chosen] + 1)).astype(np.int64)
        turn = (draws[:, 2] * TURNS).astype(np.int64) if self.sampler.flips else np.zeros(len(chosen), np.int64)
        corner = corner + _CORNER[turn] * (self.sampler.width - 1)
        rows_columns = np.stack([corner, _DOWN[turn], _RIGHT[turn]])
        places: IntArray = rows_columns[:, :, 0] * width + rows_columns[:, :, 1]
        places[0] += self._starts[chosen]
        return places


def fits(sampler: CropSampler, device: str) -> bool:
    """Whether a pool is worth its memory: on a GPU that has room for images that are in memory already.

    Images that are decoded when asked for are more than the machine has memory for, or would take long to decode.
    """
    if not device.startswith("cuda") or not sampler.in_memory:
        return False
    pixels = sum(int(np.prod(_held_shape(sampler, i))) for i in range(len(sampler.sets[0])))
    size = pixels * sum(image_set.channels * image_set.dtype.itemsize for image_set in sampler.sets)
    return bool(size <= SHARE * torch.cuda.mem_get_info(device)[0])


def _held_as(dtype: AnyDtype) -> AnyDtype:
    """The type that holds the bits of ``dtype`` in a pool: torch gathers no uint16."""
    return np.dtype(np.int16) if dtype == np.uint16 else dtype


def moved(tensor: Tensor, device: str) -> Tensor:
    """``tensor`` on the device; a GPU is not waited for, as what it copies from is page-locked and stays until then."""
    if not device.startswith("cuda"):
        return tensor.to(device)
    return tensor.pin_memory().to(device, non_blocking=True)


def _held_shape(sampler: CropSampler, number: int) -> Sequence[int]:
    """Height and width of an image as the pool holds it: with room for a crop."""
    return [max(side, sampler.width) for side in sampler.sets[0].shape(number)]
