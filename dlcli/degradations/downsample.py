"""Small images and their bicubic enlargement, as super-resolution is measured."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor
from torch.nn import functional

from dlcli.degradations.base import Common, Kernel, Mask, Observation
from dlcli.degradations.rows import CleanRows, Rows
from dlcli.errors import DlcliError


@dataclass(frozen=True)
class Upscale(Common):
    """The image made ``scale`` (2, 3 or 4) times smaller, in 8 bits, then enlarged to its old size, both bicubically.

    The published protocol, of Dong et al. (SRCNN, 2014) and after: MATLAB's imresize with antialiasing. With ``deep``
    the small image isn't rounded to 8 bits. Raises DlcliError for another scale.
    """

    scale: int
    deep: bool = False
    reach: ClassVar[int | None] = 4  # two for the cubic, two that are mirrored at the border
    kernels: ClassVar[Sequence[Kernel]] = ()
    mask: ClassVar[Mask | None] = None

    def __post_init__(self) -> None:
        if self.scale not in (2, 3, 4):
            raise DlcliError(f"scale {self.scale} is not 2, 3 or 4", "give one of these")

    @property
    def margin(self) -> int:
        """How far a pixel of the enlarged image sees: two small pixels, each made from four on each side."""
        return 4 * self.scale

    @property
    def multiple(self) -> int:
        """Whole small pixels only."""
        return self.scale

    def input_channels(self, channels: int) -> int:
        """The enlarged image's."""
        return channels

    def observe(self, clean: Tensor, _generator: torch.Generator) -> Observation:
        """Make clean images (B, C, H, W) smaller and enlarge them; nothing is left to chance.

        Raises DlcliError where H or W is not a multiple of the scale.
        """
        height, width = clean.shape[-2:]
        if height % self.scale or width % self.scale:
            raise DlcliError(
                f"an image of {height}x{width} cannot be made {self.scale} times smaller",
                f"cut its sides to multiples of {self.scale}",
            )
        return self.prepare(shrink(clean, self.scale, deep=self.deep))

    def observed_rows(self, clean: CleanRows, generator: torch.Generator) -> Rows:
        """Made of the rows themselves and those around that they see; both begin and end at small pixels."""
        height, scale = clean.shape[1], self.scale

        def enlarged(rows: slice) -> Tensor:
            top = max(rows.start // scale * scale - self.margin, 0)
            stop = min(-(-rows.stop // scale) * scale + self.margin, height)
            made = self.observe(clean.of(slice(top, stop)), generator).shown
            return made[..., rows.start - top : rows.stop - top, :]

        return enlarged

    def prepare(self, observed: Tensor) -> Observation:
        """Enlarge small images (B, C, h, w) to (B, C, h * scale, w * scale)."""
        enlarged = enlarge(observed, self.scale)
        return Observation(enlarged, enlarged, enlarged)


def shrink(images: Tensor, scale: int, *, deep: bool = False) -> Tensor:
    """Images (B, C, H, W), H and W multiples of ``scale``, made smaller and, unless ``deep``, rounded to 8 bits."""
    # 0-255 before, not after: the weights of scales 2 and 4 are then exact, and halves round up as in MATLAB.
    small = _bicubic(_mirrored(images * 255, 2 * scale), 1 / scale)[..., 2:-2, 2:-2]
    return small / 255 if deep else (small + 0.5).floor().clamp(0, 255) / 255


def enlarge(images: Tensor, scale: int) -> Tensor:
    """Images (B, C, h, w) made ``scale`` times larger; not clipped."""
    cut = 2 * scale
    return _bicubic(_mirrored(images, 2), scale)[..., cut:-cut, cut:-cut]


def _bicubic(images: Tensor, factor: float) -> Tensor:
    """Cubic convolution with a = -0.5 (Keys 1981), which is torch's choice only with antialiasing."""
    size = [round(side * factor) for side in images.shape[-2:]]
    return functional.interpolate(images, size=size, mode="bicubic", antialias=True, align_corners=False)


def _mirrored(images: Tensor, pad: int) -> Tensor:
    """``images`` with ``pad`` pixels more on each side, mirrored with the border pixel repeated, as imresize does."""
    for dim in (-2, -1):
        size = images.shape[dim]
        place = torch.arange(-pad, size + pad, device=images.device) % (2 * size)
        images = images.index_select(dim, torch.where(place < size, place, 2 * size - 1 - place))
    return images
