"""What JPEG does to images: compressed and decoded in memory by Pillow, that is by libjpeg, as files of cameras are."""

import io
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from dlcli.degradations.base import Common, Degradation, Kernel, Mask, Observation
from dlcli.degradations.rows import CleanRows, Rows
from dlcli.engine.arrays import AnyArray
from dlcli.errors import DlcliError

BLOCK = 8  # pixels of a side of what JPEG transforms at once
LONGEST = 65_500  # pixels of a side: libjpeg's limit
PARTS = 3  # of a range of qualities, that are measured
MODES = {1: "L", 3: "RGB"}
ROWS = 256  # of a large image that are turned to bytes at a time


@dataclass(frozen=True)
class Jpeg(Common):
    """JPEG of a quality drawn evenly from low..high (libjpeg's scale) for each image; color with chroma at half size.

    An image is compressed whole, so that the blocks begin at its corner, as in a file. With ``moved``, for training on
    crops, they begin anywhere: an image that was cut, turned or pasted after it was compressed has them so, too, and a
    crop's corner must not tell where they are.

    Raises DlcliError for a range that is not 1 <= low <= high <= 100, and for images of other than 1 or 3 channels.
    """

    low: int
    high: int
    moved: bool = False
    multiple: ClassVar[int] = 1
    scale: ClassVar[int] = 1
    reach: ClassVar[int | None] = 0
    kernels: ClassVar[Sequence[Kernel]] = ()
    mask: ClassVar[Mask | None] = None
    by_processor: ClassVar[bool] = True

    def __post_init__(self) -> None:
        if not 1 <= self.low <= self.high <= 100:
            raise DlcliError(
                f"JPEG quality {self.low}..{self.high} is not a range within 1..100", "give it such as 10:90, or 10"
            )

    @property
    def margin(self) -> int:
        """A block, so that what is left has neighbors on all sides however the blocks lie."""
        return BLOCK if self.moved else 0

    @property
    def level(self) -> float:
        """There is no noise, but several ``levels``."""
        return 0.0

    @property
    def quality(self) -> int | None:
        """The one quality; None for a range."""
        return self.low if self.low == self.high else None

    def input_channels(self, channels: int) -> int:
        """The image's own channels. Raises DlcliError for what JPEG doesn't hold."""
        if channels not in MODES:
            raise DlcliError(
                f"JPEG holds gray images and color, and these have {channels} channels", "add --gray or --color"
            )
        return channels

    def levels(self) -> Sequence[Degradation]:
        """For a range the middles of its thirds."""
        width = (self.high - self.low) / PARTS
        middles = dict.fromkeys(round(self.low + (place + 0.5) * width) for place in range(PARTS))
        return [replace(self, low=quality, high=quality, moved=False) for quality in middles]

    def observe(self, clean: Tensor, generator: torch.Generator) -> Observation:
        """Compress clean images (B, C, H, W), rounded to 8 bits, and decode them.

        Raises DlcliError for a side longer than JPEG holds.
        """
        draws = torch.rand((len(clean), 3), generator=generator, device=generator.device).tolist()
        pixels = _as_bytes(clean)
        made = np.empty_like(pixels)
        for image, (quality, down, right), target in zip(pixels, draws, made, strict=True):
            top, left = (int(draw * BLOCK) if self.moved else 0 for draw in (down, right))
            target[:] = image  # what is left of the first blocks is in the margin, and doesn't count
            target[top:, left:] = compressed(image[top:, left:], self._drawn(quality))
        # Channels last, as networks have them.
        seen = torch.from_numpy(made).permute(0, 3, 1, 2).to(clean.device).float().div_(255)
        return self.prepare(seen)

    def prepare(self, observed: Tensor) -> Observation:
        """The decoded image (B, C, H, W), as it is."""
        return Observation(observed, observed, observed)

    def observed_rows(self, clean: CleanRows, generator: torch.Generator) -> Rows:
        """Rows of the image as it is whole, which is held in bytes: blocks of one row of them share their codes."""
        channels, height, width = clean.shape
        quality = self._drawn(float(torch.rand((1, 3), generator=generator, device=generator.device)[0, 0]))
        pixels, device = np.empty((height, width, channels), np.uint8), torch.device("cpu")
        for top in range(0, height, ROWS):
            rows = clean.of(slice(top, min(top + ROWS, height)))
            device, pixels[top : top + ROWS] = rows.device, _as_bytes(rows)[0]
        made = compressed(pixels, quality)

        def decoded(rows: slice) -> Tensor:
            return torch.from_numpy(made[rows].copy()).permute(2, 0, 1)[None].to(device).float().div_(255)

        return decoded

    def _drawn(self, draw: float) -> int:
        """The quality for a number from 0 to 1."""
        return min(self.low + int(draw * (self.high - self.low + 1)), self.high)


def compressed(pixels: AnyArray, quality: int) -> AnyArray:
    """An image (H, W, C) of uint8 after JPEG; of color chroma is kept at half the height and width, as cameras do.

    Raises DlcliError for a side longer than JPEG holds.
    """
    height, width, channels = pixels.shape
    if max(height, width) > LONGEST:
        raise DlcliError(f"has a side of {max(height, width):,} pixels, and JPEG holds {LONGEST:,}", "cut the image")
    gray = channels == 1
    image = Image.fromarray(np.ascontiguousarray(pixels[:, :, 0] if gray else pixels))
    file = io.BytesIO()
    image.save(file, "JPEG", quality=quality, **({} if gray else {"subsampling": "4:2:0"}))
    with Image.open(file, formats=["JPEG"]) as again:
        return np.asarray(again).reshape(height, width, channels)


def _as_bytes(images: Tensor) -> AnyArray:
    """Images (B, C, H, W) from 0 to 1 as bytes (B, H, W, C)."""
    values = (images * 255).round_().clamp_(0, 255).to(torch.uint8)
    return np.ascontiguousarray(values.permute(0, 2, 3, 1).cpu().numpy())
