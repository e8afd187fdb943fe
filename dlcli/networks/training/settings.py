"""What is left of a command's config once it is resolved: small settings, each what one part of a training needs."""

import math
from dataclasses import dataclass
from typing import Literal

from dlcli.engine.loop import UNLIMITED, StoppingCriteria
from dlcli.engine.ranks import ALONE, Ranks
from dlcli.engine.schedules.base import ScheduleSettings
from dlcli.networks.model.spec import DeconvSpec

Augment = Literal["none", "flips", "shifts", "photos"]


@dataclass(frozen=True)
class OptimizerSettings:
    """How a step changes the weights; ``warmup`` is in steps, ``ema`` the decay of the averaged weights (0: none)."""

    name: str
    lr: float
    schedule: ScheduleSettings
    momentum: float = 0.9
    l1: float = 0.0
    l2: float = 0.0
    clip: float | None = None
    ema: float = 0.0
    warmup: int = 0


@dataclass(frozen=True)
class BatchSettings:
    """What a batch is: how many images of which side, how they are moved, and the seed of all chance in them."""

    size: int
    side: int
    augment: Augment
    seed: int


@dataclass(frozen=True)
class ClassSettings:
    """How class images are changed besides, and what the network should say of them; with 0 and None nothing is done.

    ``jitter``: of the colors; ``smoothing``: of the targets; ``mixup`` and ``cutmix``: parameters of the Beta
    distributions of the shares of two images; ``weight`` as --class-weight. ``whitens``: the first convolution begins
    with the principal directions of the images. ``reason``: why it was chosen, in words.
    """

    jitter: float = 0.0
    smoothing: float = 0.0
    mixup: float = 0.0
    cutmix: float = 0.0
    weight: str | None = None
    whitens: bool = False
    reason: str = ""


@dataclass(frozen=True)
class LimitSettings:
    """How long is trained, and when it reports: ``steps`` or ``seconds`` limits the run, the other is None.

    ``note`` says what an epoch is, where the steps are those of some.
    """

    steps: int | None
    seconds: float | None
    report_every: int
    report_seconds: float = math.inf
    patience: int | None = None  # reports without a better validation loss after which training stops
    note: str = ""

    def criteria(self) -> StoppingCriteria:
        """The same, as the loop takes it."""
        minutes = None if self.seconds is None else self.seconds / 60
        return StoppingCriteria(
            self.steps or UNLIMITED, self.report_every, minutes, self.patience, self.report_seconds
        )  # fmt: skip


@dataclass(frozen=True)
class ExecutionSettings:
    """How it is computed: where, in bfloat16 (``half``) or float32, compiled or not, and by which of how many.

    ``unread``: steps are not waited for, which only a GPU gains by.
    """

    device: str
    half: bool = False
    compiled: bool = False
    ranks: Ranks = ALONE
    unread: bool = False


@dataclass(frozen=True)
class ValidationSettings:
    """``fraction`` of the images is held out (None: not by a fraction); ``seed`` draws them and their noise."""

    fraction: float | None
    seed: int


@dataclass(frozen=True)
class NetworkPlan:
    """How to train one network, with nothing left open; ``keeps_flat``: a flat image is to stay what it is."""

    spec: DeconvSpec
    loss: str
    optimizer: OptimizerSettings
    batches: BatchSettings
    limits: LimitSettings
    execution: ExecutionSettings
    validation: ValidationSettings
    classes: ClassSettings = ClassSettings()
    keeps_flat: bool = False
