"""An image through a network once, or also as the phases of its pixels, whose noise is nearer to white.

Pixel-shuffle down-sampling (Zhou et al., "When AWGN-based denoiser meets real noises", AAAI 2020): of every other pixel
along rows and columns four small images are made, in which neighbors share less of the noise, and each is restored.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from dlcli.degradations.base import Degradation, Mask, Observation
from dlcli.networks.inference.trained import TrainedNetwork


@dataclass(frozen=True)
class Pass:
    """What the network undoes in an image, or in its ``stride`` x ``stride`` phases."""

    degradation: Degradation
    stride: int = 1


@dataclass(frozen=True)
class Passes:
    """Several, of whose results the mean is taken; the first is of the whole image."""

    each: Sequence[Pass]

    @classmethod
    def of(cls, degradation: Degradation) -> "Passes":
        """One."""
        return cls((Pass(degradation),))

    @property
    def stride(self) -> int:
        """The largest one: so many times farther the network looks, and so many times larger are its cells."""
        return max(one.stride for one in self.each)

    def observed(self, x: Tensor, kernel: int, missing: Mask | None) -> Observation:
        """What the network is given of images (B, C, H, W), and what its change is of."""
        return self.each[0].degradation.prepare_known(x, kernel, missing)

    def restored(self, trained: TrainedNetwork, observed: Observation, rows: slice) -> Tensor:
        """``rows`` of the restored images."""
        made = trained.restored(observed, rows)
        for one in self.each[1:]:
            made = made + _by_phases(trained, one, observed.base, rows).to(made.dtype)
        return made / len(self.each) if len(self.each) > 1 else made


def phases_of(images: Tensor, stride: int) -> Tensor:
    """The phases (B stride^2, C, H / stride, W / stride) of images (B, C, H, W) whose sides are multiples."""
    count, channels, height, width = images.shape
    cells = images.reshape(count, channels, height // stride, stride, width // stride, stride)
    return cells.permute(0, 3, 5, 1, 2, 4).reshape(-1, channels, height // stride, width // stride)


def images_of(phases: Tensor, stride: int) -> Tensor:
    """The images of which ``phases_of`` made these."""
    count, channels, height, width = phases.shape
    cells = phases.reshape(count // stride**2, stride, stride, channels, height, width)
    return cells.permute(0, 3, 4, 1, 5, 2).reshape(-1, channels, height * stride, width * stride)


def _by_phases(trained: TrainedNetwork, one: Pass, images: Tensor, rows: slice) -> Tensor:
    """``rows`` of the images, which begin at a multiple of the stride and of the network's in the phases."""
    (height, width), stride = images.shape[2:], one.stride
    whole = functional.pad(images, (0, -width % stride, 0, -height % stride), mode="replicate")
    phases = phases_of(whole, stride).to(memory_format=torch.contiguous_format)
    some = slice(rows.start // stride, -(-rows.stop // stride))
    made = trained.restored(one.degradation.prepare_known(phases, 0, None), some)
    return images_of(made, stride)[..., : rows.stop - rows.start, :width]
