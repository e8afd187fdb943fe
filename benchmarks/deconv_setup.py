"""What every contender of deconv.py trains on: the images and the plan that dlcli makes."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from statistics import median

import numpy as np

from dlcli.config.train_deconv import TrainDeconvConfig
from dlcli.degradations.task import Restoration
from dlcli.engine.progress import Silent
from dlcli.networks.data.facts import ImageFacts
from dlcli.networks.data.load import TrainingImages, read_images
from dlcli.networks.training.plan import image_settings, make_plan, restoration_of
from dlcli.networks.training.settings import NetworkPlan

CHANNELS = {"article": 3, "fast": 1}
ENDLESS = 10**9  # steps, so that no schedule comes to its end


@dataclass
class Stopwatch:
    """Runs from the first time that it is asked whether it is over; with ``steps`` it counts questions instead.

    It is asked before each step, so ``ticks`` are the times at which the steps began.
    """

    clock: Callable[[], float]
    seconds: float = float("inf")
    steps: int = 10**18
    begin: float | None = None
    elapsed: float = field(default=0.0)
    asked: int = -1
    ticks: list[float] = field(default_factory=list)

    def over(self) -> bool:
        """Whether the seconds, or the steps, have passed."""
        now = self.clock()
        self.begin = now if self.begin is None else self.begin
        self.elapsed = now - self.begin
        self.asked += 1
        self.ticks.append(now)
        return self.elapsed >= self.seconds or self.asked >= self.steps

    def median_step(self) -> float:
        """Seconds of a step: other programs lengthen some, and the median hardly moves."""
        return median(b - a for a, b in pairwise(self.ticks))


@dataclass(frozen=True)
class Case:
    """One preset on one set of images."""

    config: TrainDeconvConfig
    images: TrainingImages
    restoration: Restoration
    plan: NetworkPlan

    @property
    def pixels(self) -> Sequence[np.ndarray]:
        """The training images, (H, W, C) of uint8."""
        return [self.images.train.pixels(i) for i in range(len(self.images.train))]

    @property
    def sigma(self) -> float:
        """Deviation of the noise, for images in [0, 1]."""
        return self.config.sigma_range[0] / 255


def make_case(
    preset: str, data: str, *, compiled: bool = False, optimizer: str | None = None, device: str = "cpu", **more: object
) -> Case:
    """What ``dlcli train-deconv DATA --arch PRESET`` trains, color for the article's network; ``more`` options."""
    config = TrainDeconvConfig.build(
        {"data": [data], "arch": preset, "color": CHANNELS.get(preset) == 3, "steps": ENDLESS, "device": device,
         "compile": "on" if compiled else "off", "optimizer": optimizer, **more}
    )  # fmt: skip
    images = read_images(image_settings(config), Silent())
    restoration = restoration_of(config)
    plan = make_plan(config, ImageFacts.of(images, restoration), device)
    return Case(config, images, restoration, plan)
