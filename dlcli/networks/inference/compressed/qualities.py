"""How strongly the JPEG files that predict is given were compressed, beside those of the training."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from torch import Tensor

from dlcli.config.values.quality import QualityRange
from dlcli.images.formats.layout.lossy import quality_of
from dlcli.networks.inference.trained import TrainedNetwork
from dlcli.text import counted

# Rounding this many times coarser or finer than that of the training is said.
FAR = 1.6
LUMA = (0.299, 0.587, 0.114)  # ITU-R BT.601, which JPEG takes, too


@dataclass
class Qualities:
    """The qualities of JPEG files that a network was given for which compression is what it undoes.

    ``more`` and ``less`` are those of files that were compressed far more or less than in training; ``in_color`` images
    were given to a network of gray ones.
    """

    more: list[float] = field(default_factory=list)
    less: list[float] = field(default_factory=list)
    in_color: int = 0

    def look(self, trained: TrainedNetwork, stored: Mapping[str, Any], channels: int) -> None:
        """Count an image, of which ``stored`` is what its file says of its compression."""
        known = trained.restoration.quality
        if trained.task != "dejpeg" or known is None:
            return
        self.in_color += by_luma(trained, channels)
        if "qtables" not in stored:
            return
        quality = quality_of(stored["qtables"])
        if is_more(quality, known):
            self.more.append(quality)
        if is_less(quality, known):
            self.less.append(quality)

    def take(self, others: "Qualities") -> None:
        """Count ``others`` as well."""
        self.more += others.more
        self.less += others.less
        self.in_color += others.in_color

    def lines(self, known: QualityRange | None) -> list[str]:
        """What a user should know of them; ``known`` are the qualities of the training."""
        lines = []
        for found, than, cost in (
            (self.more, "more", "some artifacts remain"),
            (self.less, "less", "detail goes with the artifacts"),
        ):
            if found:
                lines.append(
                    f"{counted(len(found), 'image')} compressed far {than} (quality about {_spread(found)}) than those "
                    f"that the network was trained on ({known}): {cost}; train one with a wider --quality"
                )
        if self.in_color:
            lines.append(
                f"{counted(self.in_color, 'image')} in color, and the network was trained on gray images: their "
                "brightness was restored, their colors are as they were; train with --color for both"
            )
        return lines


def is_more(quality: float, known: QualityRange) -> bool:
    """Whether ``quality`` stands for far stronger compression than any of the training."""
    return _coarseness(quality) > FAR * _coarseness(known.low)


def is_less(quality: float, known: QualityRange) -> bool:
    """Whether it stands for far weaker compression."""
    return FAR * _coarseness(quality) < _coarseness(known.high)


def by_luma(trained: TrainedNetwork, channels: int) -> bool:
    """Whether of an image with so many channels only the brightness is restored: what JPEG does to color is no matter
    of red, green and blue one by one.
    """
    return trained.task == "dejpeg" and trained.channels == 1 and channels == 3


def luma_of(channels: Tensor) -> Tensor:
    """The brightness (1, 1, H, W) of red, green and blue (3, 1, H, W)."""
    return (channels * channels.new_tensor(LUMA).view(3, 1, 1, 1)).sum(0, keepdim=True)


def _coarseness(quality: float) -> float:
    """By what libjpeg multiplies its tables, in percent; 2 at the least, as all steps are 1 then."""
    return max(5000 / quality if quality < 50 else 200 - 2 * quality, 2.0)


def _spread(found: Sequence[float]) -> str:
    low, high = (f"{value:.0f}" for value in (np.min(found), np.max(found)))
    return low if low == high else f"{low} to {high}"
