"""How restored images are compared with their targets: one definition, for validation in training and for eval."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from dlcli.images.normalization import EIGHT_BIT, Normalization
from dlcli.networks.metrics import LUMA, ImageMetric, image_metrics, luminance, psnr, qualities
from dlcli.networks.quality import RunningQuality

Compared = Literal["values", "luminance", "luminance and values"]


@dataclass(frozen=True)
class Comparison:
    """Images are compared by these metrics, in this normalization; ``border`` pixels on each side don't count.

    ``on_luminance``: of color images the luma is compared, of gray ones the values, also where a gray image has three
    equal channels. The luma of 8-bit images reaches from 16 to 235 only, as papers have it, which makes PSNR 1.32 dB
    higher.
    """

    metrics: tuple[ImageMetric, ...] = image_metrics(EIGHT_BIT)
    scale: Normalization = EIGHT_BIT
    border: int = 0
    on_luminance: bool = False

    @classmethod
    def of(cls, factor: int, scale: Normalization, *others: Normalization) -> "Comparison":
        """That of images which a network makes ``factor`` times larger; enlarged ones as papers on that do it.

        The error is in the data's units where this or another normalization is not that of 8-bit images.
        """
        larger = factor > 1
        return cls(image_metrics(scale, *others), scale, factor if larger else 0, larger)

    def qualities(self, output: Tensor, target: Tensor) -> dict[str, Tensor]:
        """Every metric of images (B, C, H, W), each (B,), by name."""
        return qualities(*self._compared(output, target), self.border, self.scale, self.metrics)

    def quality(self, output: Tensor, target: Tensor) -> dict[str, float]:
        """Every metric of one image (1, C, H, W), by name."""
        running = self.running(target.shape[-2], color=bool(_has_color(target)[0]))
        running.add(output, target)
        return running.found()

    def running(self, height: int, *, color: bool) -> RunningQuality:
        """The same of an image of so many rows that come from the top down; ``color``: as ``has_color`` of it says."""

        def compared(output: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
            return self._compared(output, target, torch.tensor([color], device=target.device))

        return RunningQuality(self.metrics, self.scale, self.border, height, compared)

    def psnr(self, output: Tensor, target: Tensor) -> Tensor:
        """That alone, (B,)."""
        return psnr(*self._compared(output, target), self.border, self.scale)

    def means(self, found: Mapping[str, Iterable[float]]) -> dict[str, float]:
        """Every metric on average over images, each given by its values."""
        return {metric.name: metric.mean(found[metric.name]) for metric in self.metrics}

    def takes_luminance(self, target: Tensor) -> bool:
        """Whether of this target (1, C, H, W) the luma counts."""
        return self.on_luminance and bool(_has_color(target)[0])

    def _compared(self, output: Tensor, target: Tensor, color: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """What of them is compared; ``color`` says which are in color, where the whole of them isn't at hand."""
        if not self.on_luminance or target.shape[1] != 3:
            return output, target
        output = output.clamp(0, 1) if self.scale.eight_bit else output
        weights = torch.tensor(LUMA, dtype=output.dtype, device=output.device).view(1, 3, 1, 1) / sum(LUMA)
        gray = (output * weights).sum(dim=1, keepdim=True)  # as predict makes gray images
        color = (_has_color(target) if color is None else color).view(-1, 1, 1, 1)
        output, luma = (luminance(images, whole=not self.scale.eight_bit) for images in (output, target))
        return torch.where(color, output, gray), torch.where(color, luma, target[:, :1])


USUAL = Comparison()


def compared_of(on_luminance: Iterable[bool]) -> Compared:
    """What is compared of several images, some or all of them by their luma."""
    found = set(on_luminance)
    return "luminance and values" if len(found) > 1 else "luminance" if True in found else "values"


def _has_color(images: Tensor) -> Tensor:
    """Which of the images (B, C, H, W) are in color, (B,): of three channels that aren't equal."""
    if images.shape[1] != 3:
        return torch.zeros(len(images), dtype=torch.bool, device=images.device)
    return (images != images[:, :1]).flatten(1).any(1)
