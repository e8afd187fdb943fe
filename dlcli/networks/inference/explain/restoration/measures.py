"""All that is measured of a restoring network, on the images that it is explained on."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from dlcli.config.values.region import Region
from dlcli.networks.inference.explain.restoration.attribution import Attribution, attributed
from dlcli.networks.inference.explain.restoration.checkerboard import Checkerboard, measured_checkerboard
from dlcli.networks.inference.explain.restoration.field import Field, effective
from dlcli.networks.inference.explain.restoration.noise_gain import Gain, measured_gain
from dlcli.networks.inference.explain.restoration.region import detailed_box, given_box
from dlcli.networks.inference.explain.restoration.subjects import LARGE, Subject, Subjects
from dlcli.networks.inference.explain.restoration.traced import Box
from dlcli.networks.inference.trained import TrainedNetwork
from dlcli.networks.model.receptive_field import receptive_radius

SIDE, ENOUGH = 400, 1 << 17  # restored pixels a side of an image, and of all, that fields and patterns are measured on
GAIN_SIDE, GAIN_ENOUGH = 512, 3 << 18  # and gains: the error of SURE is one of few pixels
USUAL = 25 / 255  # noise where that of the images isn't known


@dataclass(frozen=True, eq=False)
class RegionFound:
    """A part of an image, and in it the ``box`` that is explained: ``restored`` (1, C, H, W), and the maps."""

    subject: Subject
    box: Box
    chosen: bool
    restored: Tensor
    maps: Attribution


@dataclass(frozen=True, eq=False)
class Measuring:
    """What is measured on ``subjects``; each draws its own numbers from the ``seed``. Within ``differentiably``."""

    trained: TrainedNetwork
    subjects: Subjects
    box: Box | None
    seed: int

    @classmethod
    def of(cls, trained: TrainedNetwork, subjects: Subjects, region: Region | None, seed: int) -> "Measuring":
        """With a region of the first image. Raises DlcliError where it isn't in it."""
        first = subjects.each[0]
        return cls(trained, subjects, None if region is None else given_box(region, first.size, first.name), seed)

    def region(self, *, path: bool) -> RegionFound:
        """The maps of the region, or where none is given of one with much detail."""
        part = self._part(LARGE)
        traced = part.traced(self.trained)
        with torch.no_grad():
            restored = traced.whole(part.observed)
        if self.box is not None:
            top, left = part.offset
            box = Box(self.box.top - top, self.box.left - left, self.box.height, self.box.width)
        else:
            box = detailed_box(restored, receptive_radius(self.trained.network.spec))
        maps = attributed(traced, part.observed, box, path=path)
        return RegionFound(part, box, self.box is None, restored, maps)

    def field(self) -> tuple[Field, int]:
        """The effective receptive field, and of how many images."""
        parts = self._parts(SIDE, ENOUGH)
        pairs = [(part.traced(self.trained), part.observed) for part in parts]
        return effective(pairs, parts[0].degradation.reach), len(parts)

    def checkerboard(self) -> Checkerboard:
        """The patterns, the real one on the first image."""
        part = self._part(SIDE)
        deviation = USUAL if part.variance is None else part.variance**0.5
        return measured_checkerboard(part.traced(self.trained), part.observed, deviation, self._generator())

    def gains(self) -> list[tuple[Subject, Gain]]:
        """What becomes of noise in some images."""
        draws = self._generator()
        return [
            (part, measured_gain(part.traced(self.trained), part.observed, draws))
            for part in self._parts(GAIN_SIDE, GAIN_ENOUGH)
        ]

    def _part(self, side: int) -> Subject:
        return self.subjects.each[0].around(self.box, side, self.trained.network.spec.multiple)

    def _parts(self, side: int, enough: int) -> list[Subject]:
        """The first images, until there are enough pixels."""
        found, pixels = list[Subject](), 0
        for number, subject in enumerate(self.subjects.each):
            if pixels >= enough:
                break
            found.append(subject.around(None if number else self.box, side, self.trained.network.spec.multiple))
            pixels += found[-1].observed[0, 0].numel() * subject.degradation.scale**2
        return found

    def _generator(self) -> torch.Generator:
        return torch.Generator().manual_seed(self.seed)


def true_mse(subject: Subject, restored: Tensor) -> float | None:
    """The mean squared error on a range of 1, where the clean image is known and as large."""
    if subject.clean is None or subject.clean.shape != restored.shape:
        return None
    return float((restored.double() - subject.clean.double()).square().mean())


def psnr_of(mse: float) -> float:
    """In dB, of a range of 1; nan for what is no error."""
    return float(-10 * np.log10(mse)) if mse > 0 else float("nan")
