"""One image through a network that restores: channels, transparency, what is missing, and memory."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from dlcli.degradations.base import Observation
from dlcli.degradations.blur import Deblur
from dlcli.degradations.downsample import Upscale, enlarge
from dlcli.degradations.mask import Inpaint
from dlcli.errors import DlcliError
from dlcli.images.formats.writing import Frame
from dlcli.images.transparency import without_holes
from dlcli.memory import available_memory
from dlcli.networks.inference.trained import TrainedNetwork, as_image, as_pixels, exactly

LUMA = (0.299, 0.587, 0.114)  # ITU-R BT.601, as gray images are made elsewhere
COPIES = 6  # of an image, in float32, that are alive at once beside the network's own memory
SMALL = 256 << 20  # bytes: asking for the free memory takes longer than it is worth below
Mask = NDArray[np.bool_]


@dataclass
class Changes:
    """How many images were restored, and whether the network has changed a pixel of any."""

    images: int = 0
    any: bool = False

    def add(self, before: Callable[[], NDArray[Any]], after: NDArray[Any]) -> None:
        """One more image; ``before`` is asked for only as long as nothing has changed."""
        self.images += 1
        self.any = self.any or not np.array_equal(before(), after)


@dataclass(frozen=True)
class Restorer:
    """A network with what --mask and --kernel say of all images; ``changes`` is what became of those so far."""

    trained: TrainedNetwork
    mask: Mask | None
    kernel: int
    changes: Changes = field(default_factory=Changes)

    @property
    def scale(self) -> int:
        """How many times larger images become."""
        degradation = self.trained.degradation
        return degradation.scale if isinstance(degradation, Upscale) else 1

    def restored(self, image: Frame) -> Frame:
        """The image, as deep as it was. Raises DlcliError where memory is short or what is missing isn't known."""
        with exactly():
            return _restored(self, image)


def _restored(restorer: Restorer, image: Frame) -> Frame:
    trained, scale = restorer.trained, restorer.scale
    check_memory(image.pixels.size * scale**2)
    alpha = image.alpha
    try:
        x = as_image(image.pixels, trained.device)
        gray = image.pixels.shape[2] == 1
        if alpha is not None and not isinstance(trained.degradation, Inpaint):
            x = without_holes(x, as_image(alpha[:, :, None], trained.device))
        if trained.channels == 1:
            x = x.transpose(0, 1)  # each channel by itself
        elif gray:
            x = x.expand(-1, 3, -1, -1)
        if isinstance(trained.degradation, Inpaint):
            missing = _missing(trained.degradation, image, restorer.mask)
            observed = trained.degradation.prepare(x, missing)
            if missing is not None and alpha is not None:
                alpha = np.where(missing, _white(alpha), alpha)  # what was filled can be seen
        else:
            observed = _prepared(trained, x, restorer.kernel)

        def channels(y: Tensor) -> NDArray[Any]:
            if trained.channels == 1:
                y = y.transpose(0, 1)
            elif gray:
                y = (y * torch.tensor(LUMA, device=y.device).view(1, 3, 1, 1)).sum(1, keepdim=True)
            return as_pixels(y, image.pixels.dtype)

        pixels = channels(trained.restored(observed))
        restorer.changes.add(lambda: channels(observed.base), pixels)
        if image.alpha is not None and scale == 1 and not isinstance(trained.degradation, Inpaint):
            pixels = np.where(image.alpha[:, :, None] == 0, image.pixels, pixels)  # unseen, and so none of our business
        return Frame(pixels, _enlarged(alpha, scale))
    except (MemoryError, RuntimeError) as error:
        # Torch says that memory ran out by a RuntimeError, or by a kind of it.
        if isinstance(error, RuntimeError) and "memory" not in str(error).lower():
            raise
        raise DlcliError("needs more memory than there is", "give a smaller --tile, or cut the image") from None


def _prepared(trained: TrainedNetwork, x: Tensor, kernel: int) -> Observation:
    if isinstance(trained.degradation, Deblur):
        return trained.degradation.prepare(x, kernel)
    return trained.degradation.prepare(x)


def _missing(degradation: Inpaint, image: Frame, mask: Mask | None) -> Mask | None:
    """The pixels to fill: those of --mask, else of the network's own mask if it fits, else the transparent ones."""
    if mask is not None:
        return mask
    own = degradation.mask
    if own is not None and own.shape == image.pixels.shape[:2]:
        return own
    if image.alpha is not None and (image.alpha == 0).any():
        transparent: Mask = image.alpha == 0
        if transparent.all():
            raise DlcliError("is transparent throughout, which leaves nothing known", "give --mask FILE")
        return transparent
    if own is not None:
        return own  # prepare tells the two shapes
    raise DlcliError(
        "does not say which pixels are missing: it has no transparent ones",
        "give --mask FILE, an image of its size that is white where pixels are missing",
    )


def _enlarged(alpha: NDArray[Any] | None, scale: int) -> NDArray[Any] | None:
    if alpha is None or scale == 1:
        return alpha
    return as_pixels(enlarge(as_image(alpha[:, :, None], "cpu"), scale), alpha.dtype)[:, :, 0]


def _white(values: NDArray[Any]) -> Any:
    return values.dtype.type(1 if values.dtype.kind == "f" else np.iinfo(values.dtype).max)


def check_memory(values: int) -> None:
    """Raise DlcliError where an image of so many values takes more memory than is free."""
    """Raise DlcliError where an image of so many values takes more memory than is free."""
    needed = values * 4 * COPIES
    if needed > SMALL and needed > available_memory():
        raise DlcliError(f"needs about {needed / 2**30:.1f} GiB of memory, more than is free", "cut the image")
