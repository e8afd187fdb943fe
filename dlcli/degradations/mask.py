"""Missing pixels, and a smooth guess at them from the known ones around."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar

import torch
from torch import Tensor
from torch.nn import functional

from dlcli.degradations.base import Common, Kernel, Mask, Observation
from dlcli.errors import DlcliError

# Share of known pixels below which half a resolution knows better. Measured on Set12 with 30 to 95% of the pixels
# missing and with holes of up to 50 pixels: from 0.003 to 0.03 it changes the PSNR by less than 0.3 dB.
TRUST = 0.01


@dataclass(frozen=True, eq=False)
class Inpaint(Common):
    """Each pixel missing with probability ``fraction``, or those where ``mask`` (H, W) is true; for all channels alike.

    A mask fits images of its own shape, and is never resized. With ``tiled``, for training on crops, it is instead
    repeated without end and seen from a random place for each image.

    The base is the image with its missing pixels filled by normalized convolution, and the input is that beside the
    mask (C + 1 channels; 1 is missing). Raises DlcliError for a fraction not in 0..1, for a mask that is not 2-D or
    leaves nothing known, and unless exactly one of the two is given.
    """

    fraction: float | None = None
    mask: Mask | None = None
    tiled: bool = False
    _moved: dict[torch.device, Tensor] = field(default_factory=dict, init=False, repr=False)
    margin: ClassVar[int] = 0
    multiple: ClassVar[int] = 1
    scale: ClassVar[int] = 1
    kernels: ClassVar[Sequence[Kernel]] = ()
    needs_mask: ClassVar[bool] = True

    def __post_init__(self) -> None:
        if (self.fraction is None) == (self.mask is None):
            raise DlcliError("missing pixels are given either by a fraction or by a mask", "give one of the two")
        if self.fraction is not None and not 0 <= self.fraction < 1:
            raise DlcliError(f"{self.fraction:g} is not a fraction of missing pixels", "give one from 0 to below 1")
        if self.mask is not None and (self.mask.ndim != 2 or not self.mask.size or self.mask.astype(bool).all()):
            shape = "x".join(map(str, self.mask.shape)) + (", all missing" if self.mask.all() else "")
            raise DlcliError(
                f"a mask is a 2-D array that leaves some pixels known; this is {shape}",
                "give true where a pixel is missing, false where it is known",
            )

    def input_channels(self, channels: int) -> int:
        """The filled image's, and the mask."""
        return channels + 1

    def observe(self, clean: Tensor, generator: torch.Generator) -> Observation:
        """Drop pixels of clean images (B, C, H, W) and fill them.

        Raises DlcliError where a mask that is not tiled has another shape.
        """
        batch, _, height, width = clean.shape
        if self.fraction is not None:
            draw = torch.rand((batch, 1, height, width), generator=generator, device=generator.device)
            return self.prepare(clean, draw < self.fraction)
        return self.prepare(clean, self._tiles(batch, height, width, generator) if self.tiled else None)

    def prepare(self, observed: Tensor, mask: Tensor | Mask | None = None) -> Observation:
        """Fill the missing pixels of images (B, C, H, W): where ``mask``, (H, W) or (B, 1, H, W), is true.

        Without one, the degradation's own. Raises DlcliError where there is none, or its shape is another.
        """
        mask = self.mask if mask is None else mask
        if mask is None:
            raise DlcliError("which pixels of the image are missing is not known", "give a mask of the image's size")
        if mask.shape[-2:] != observed.shape[-2:]:
            have, need = ("x".join(map(str, shape[-2:])) for shape in (mask.shape, observed.shape))
            raise DlcliError(f"the mask is {have}, the image {need}", "give a mask of the image's height and width")
        missing = torch.as_tensor(mask, device=observed.device).bool().expand(len(observed), 1, *observed.shape[-2:])
        shown = observed.masked_fill(missing, 0)
        base = fill_missing(shown, missing)
        return Observation(torch.cat([base, missing.to(base.dtype)], dim=1), base, shown)

    def prepare_known(self, observed: Tensor, _kernel: int, mask: Mask | None) -> Observation:
        """Fill the pixels of ``mask``."""
        return self.prepare(observed, mask)

    def _tiles(self, batch: int, height: int, width: int, generator: torch.Generator) -> Tensor:
        """(B, 1, H, W) views of the repeated mask."""
        # Where the draws are, so that nothing has to wait for them.
        device = generator.device
        if device not in self._moved:
            self._moved[device] = torch.as_tensor(self.mask, device=device).bool()
        mask = self._moved[device]
        rows, columns = (
            (torch.randint(side, (batch, 1), generator=generator, device=device) + torch.arange(length, device=device))
            % side
            for side, length in zip(mask.shape, (height, width), strict=True)
        )
        return mask[rows[:, None, :, None], columns[:, None, None, :]]


def fill_missing(images: Tensor, missing: Tensor) -> Tensor:
    """``images`` (B, C, H, W), 0 where ``missing`` (B, 1, H, W), with those pixels filled; the known ones are kept.

    Normalized convolution (Knutsson and Westin, CVPR 1993) over an image pyramid: a pixel becomes the Gaussian-weighted
    mean of the known ones around, and, the fewer there are, the more of the same at half the resolution. An image
    with nothing known becomes 0.
    """
    known = (~missing).to(images.dtype)
    return torch.where(missing, _local_mean(torch.cat([images, known], dim=1)), images)


def _local_mean(sums: Tensor) -> Tensor:
    """Weighted local means (B, C, H, W) of ``sums`` (B, C + 1, H, W): values times weights, and the weights last."""
    height, width = sums.shape[-2:]
    if height == 1 and width == 1:
        return sums[:, :-1] / sums[:, -1:].clamp(min=1e-6)
    sums = functional.pad(sums, (0, width % 2, 0, height % 2))
    coarse = functional.interpolate(_local_mean(functional.avg_pool2d(sums, 2)), scale_factor=2.0, mode="bilinear")
    # Twice the mean of four: the binomial weights 1 2 1 along each side, a Gaussian of deviation 0.7. Outside is 0.
    blurred = functional.avg_pool2d(functional.avg_pool2d(sums, 2, stride=1, padding=1), 2, stride=1)
    means = (blurred[:, :-1] + TRUST * coarse) / (blurred[:, -1:] + TRUST)
    return means[..., :height, :width]
