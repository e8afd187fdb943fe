"""One image through a network that restores: channels, transparency, what is missing, and memory."""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from dlcli.degradations.base import Degradation, Mask
from dlcli.degradations.downsample import enlarge
from dlcli.errors import DlcliError
from dlcli.images.formats.codecs import limited
from dlcli.images.formats.writing import Frame
from dlcli.images.transparency import without_holes
from dlcli.memory import available_memory
from dlcli.networks.inference.trained import TrainedNetwork, exactly
from dlcli.networks.tensors import Image, float64, image_to_tensor, tensor_to_image, white_of

LUMA = (0.299, 0.587, 0.114)  # ITU-R BT.601, as gray images are made elsewhere
COPIES = 6  # of an image, in float32, that are alive at once beside the network's own memory
SMALL = 256 << 20  # bytes: asking for the free memory takes longer than it is worth below


class MemoryShortError(DlcliError):
    """An image takes more memory than is free."""


@dataclass
class Changes:
    """How many images were restored, and whether the network has changed a pixel of any."""

    images: int = 0
    any: bool = False

    def add(self, before: Callable[[], Image], after: Image) -> None:
        """One more image; ``before`` is asked for only as long as nothing has changed."""
        self.images += 1
        self.any = self.any or not np.array_equal(before(), after)

    def take(self, others: "Changes") -> None:
        """Count ``others`` as well."""
        self.images += others.images
        self.any = self.any or others.any


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
        return self.trained.degradation.scale

    def restored(self, image: Frame) -> Frame:
        """The image, as deep as it was. Raises DlcliError where memory is short or what is missing isn't known."""
        limited(image.pixels)
        with exactly():
            return _restored(self, image)


def _restored(restorer: Restorer, image: Frame) -> Frame:
    check_memory(image.pixels.size * restorer.scale**2 * restorer.trained.beside)
    try:
        return _through(restorer, image)
    except (MemoryError, RuntimeError) as error:
        # Torch says that memory ran out by a RuntimeError, or by a kind of it.
        if isinstance(error, RuntimeError) and "memory" not in str(error).lower():
            raise
        raise MemoryShortError("needs more memory than there is", "give a smaller --tile, or cut the image") from None


def _through(restorer: Restorer, image: Frame) -> Frame:
    trained, degradation, alpha = restorer.trained, restorer.trained.degradation, image.alpha
    missing = _missing(degradation, image, restorer.mask) if degradation.needs_mask else None
    observed = degradation.prepare_known(_input(trained, image), restorer.kernel, missing)
    if missing is not None and alpha is not None:
        alpha = np.where(missing, alpha.dtype.type(white_of(alpha.dtype)), alpha)  # what was filled can be seen
    pixels = _output(trained, trained.restored(observed), image)
    restorer.changes.add(lambda: _output(trained, observed.base, image), pixels)
    if image.alpha is not None and restorer.scale == 1 and not degradation.needs_mask:
        pixels = np.where(image.alpha[:, :, None] == 0, image.pixels, pixels)  # unseen, and so none of our business
    return Frame(pixels, _enlarged(alpha, restorer.scale))


def _input(trained: TrainedNetwork, image: Frame) -> Tensor:
    """The image with the network's channels; for a gray network each channel by itself, (C, 1, H, W)."""
    x = image_to_tensor(image.pixels, trained.device)
    if image.alpha is not None and not trained.degradation.needs_mask:
        x = without_holes(x, image_to_tensor(image.alpha[:, :, None], trained.device))
    if trained.channels == 1:
        return x.transpose(0, 1)
    return x.expand(-1, 3, -1, -1) if image.pixels.shape[2] == 1 else x


def _output(trained: TrainedNetwork, y: Tensor, image: Frame) -> Image:
    """The network's images as one with the channels and the type of ``image``."""
    if trained.channels == 1:
        y = y.transpose(0, 1)
    elif image.pixels.shape[2] == 1:
        y = (y * torch.tensor(LUMA, device=y.device).view(1, 3, 1, 1)).sum(1, keepdim=True)
    return tensor_to_image(float64(y), image.pixels.dtype)


def _missing(degradation: Degradation, image: Frame, mask: Mask | None) -> Mask:
    """The pixels to fill: those of --mask, else of the network's own mask if it fits, else the transparent ones."""
    if mask is not None:
        return mask
    own = degradation.mask
    if own is not None and own.shape == image.pixels.shape[:2]:
        return own
    if image.alpha is not None and (image.alpha == 0).any():
        transparent: Mask = image.alpha == 0
        if transparent.all():
            raise DlcliError("is entirely transparent, so no pixel is known", "give --mask FILE")
        return transparent
    if own is not None:
        return own  # prepare tells the two shapes
    raise DlcliError(
        "does not say which pixels are missing: it has no transparent ones",
        "give --mask FILE, an image of its size that is white where pixels are missing",
    )


def _enlarged(alpha: Image | None, scale: int) -> Image | None:
    if alpha is None or scale == 1:
        return alpha
    return tensor_to_image(enlarge(image_to_tensor(alpha[:, :, None], "cpu"), scale).double(), alpha.dtype)[:, :, 0]


def check_memory(values: int) -> None:
    """Raise MemoryShortError where an image of so many values takes more memory than is free."""
    needed = values * 4 * COPIES
    if needed > SMALL and needed > available_memory():
        raise MemoryShortError(f"needs about {needed / 2**30:.1f} GiB of memory, more than is free", "cut the image")
