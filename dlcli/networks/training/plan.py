"""How a network is to be shaped and trained: presets, and every ``auto`` and default resolved."""

import math
from dataclasses import dataclass
from typing import Any, Literal

from dlcli.config.common import DECAY_FACTORS
from dlcli.config.train_deconv import TrainDeconvConfig
from dlcli.engine.schedules import ScheduleSettings
from dlcli.errors import DlcliError
from dlcli.networks.model.deconv import DeconvSpec
from dlcli.networks.optim.optimizers import RATES

# What each preset means; the options of the same names change it.
PRESETS: dict[str, dict[str, Any]] = {
    # Half resolution by pixel-unshuffle; residual blocks between one convolution and one deconvolution.
    "fast": {"filters": "64", "stride": "1", "depth": 4, "unshuffle": 2, "optimizer": "muon", "crop": 96,
             "batch_size": 8},
    # The article's listing: conv 32, conv 64, deconv 32, deconv 3 with a sigmoid.
    "article": {
        "filters": "32,64", "stride": "1", "output": "sigmoid", "optimizer": "adam", "lr": 1e-3, "loss": "bce",
        "batch_size": 32, "epochs": 10.0, "schedule": "constant", "crop": 32,
    },
    # Mao, Shen and Yang (2016), RED10: five convolutions, five deconvolutions, symmetric skips.
    "rednet": {"filters": "64,64,64,64,64", "stride": "1", "skip": True, "optimizer": "adam", "lr": 1e-3},
    # Half as wide as DRUNet (Zhang et al. 2021): strided convolutions down, strided deconvolutions up.
    "large": {"filters": "32,64,128,256", "stride": "1,2,2,2", "depth": 4, "skip": True, "optimizer": "muon",
              "crop": 128, "batch_size": 32},
}  # fmt: skip
CLASSIFIER: dict[str, Any] = {
    "filters": "32,64", "stride": "1,2", "depth": 1, "unshuffle": 2, "batch_size": 128, "ema": 0.998,
    "dropout": 0.1,
}  # fmt: skip
BOTTLENECK: dict[str, Any] = {"filters": "32,64,16", "stride": "2,2,2", "depth": 0, "unshuffle": 1, "skip": False}
# The fast network for longer runs: what a deeper one loses in steps it then gains in what it can learn.
LONG_RUN, LONGER = 240.0, {"depth": 8}
DEFAULT_MINUTES, DEMO_MINUTES = 2.0, 1.0
REPORTS = 20
WARMUP = 20  # Muon's steps are as long at once as later, and its first directions are those of one batch


@dataclass(frozen=True)
class NetworkPlan:
    """How to train a network; ``steps`` or ``seconds`` limits the run, the other is None."""

    spec: DeconvSpec
    optimizer: str
    lr: float
    loss: str
    schedule: ScheduleSettings
    batch_size: int
    side: int
    augment: Literal["none", "flips", "shifts"]
    steps: int | None
    seconds: float | None
    report_every: int
    ema: float
    warmup: int
    val: float | None = None  # the fraction that is held out, where it is one


def make_plan(
    config: TrainDeconvConfig, input_channels: int, channels: int, classes: int, images: int, side: int
) -> NetworkPlan:
    """Resolve every default for ``images`` training images, of which half have room for crops of ``side`` pixels."""
    preset = settings_of(config)
    batch_size = config.batch_size or preset.get("batch_size", 16)
    steps, seconds = _limits(config, preset, images, batch_size)
    if config.arch == "fast" and config.task not in ("classify", "reconstruct") and (seconds or 0) >= LONG_RUN:
        preset |= LONGER
    optimizer = config.optimizer or preset["optimizer"]
    lr = config.lr or (preset.get("lr") if optimizer == preset["optimizer"] else None) or RATES[optimizer]
    loss = config.loss or ("cross-entropy" if classes else preset.get("loss", "mse"))
    crop = side if classes else min(config.crop or preset.get("crop", 64), side)
    augment = config.augment
    if augment == "auto":
        augment = "shifts" if classes else "flips"
    total = steps or 10_000
    schedule = ScheduleSettings(
        name=(config.schedule or preset.get("schedule", "polynomial")).replace("-", "_"),
        decay_rate=config.decay_rate,
        decay_factor=config.decay_factor or DECAY_FACTORS.get(config.schedule or "", 0.5),
        decay_every=config.decay_every,
        decay_power=config.decay_power,
        hyper_lr=config.hyper_lr,
        polyak_target=config.polyak_target,
        plateau_patience=config.plateau_patience,
        total_steps=total,
    )
    ema = config.ema if config.ema is not None else preset.get("ema", 0.0)
    every = config.report_every or (max(1, math.ceil(steps / REPORTS)) if steps else 2**62)
    spec = make_spec(config, preset, input_channels, channels, classes, crop)
    warmup = config.warmup if config.warmup is not None else WARMUP if optimizer == "muon" else 0
    return NetworkPlan(
        spec, optimizer, lr, loss, schedule, batch_size, crop, augment, steps, seconds, every, ema, warmup
    )  # fmt: skip


def resolved(config: TrainDeconvConfig, plan: NetworkPlan) -> TrainDeconvConfig:
    """The config with every choice that the plan made, so that it repeats the run whatever the defaults become."""
    spec, limits = plan.spec, (config.epochs, config.steps, config.minutes)
    chosen: dict[str, Any] = {
        "filters": ",".join(map(str, spec.filters)),
        "stride": ",".join(map(str, spec.strides)),
        "kernel": spec.kernel,
        "depth": spec.depth,
        "skip": spec.skip,
        "activation": spec.activation,
        "dropout": spec.dropout,
        "optimizer": plan.optimizer,
        "lr": plan.lr,
        "loss": plan.loss,
        "schedule": plan.schedule.name.replace("_", "-"),
        "decay_factor": plan.schedule.decay_factor,
        "batch_size": plan.batch_size,
        "crop": max(plan.side, 8),
        "augment": plan.augment,
        "ema": plan.ema,
        "warmup": plan.warmup,
    }
    if plan.val is not None:
        chosen["val"] = plan.val
    if limits == (None, None, None):
        chosen |= {"steps": plan.steps} if plan.steps else {"minutes": (plan.seconds or 0) / 60}
    return config.model_copy(update=chosen)


def settings_of(config: TrainDeconvConfig) -> dict[str, Any]:
    """The preset of ``--arch``, as the task changes it."""
    preset = dict(PRESETS[config.arch])
    if config.arch == "fast" and config.task == "classify":
        preset |= CLASSIFIER
    if config.arch == "fast" and config.task == "reconstruct":
        preset |= BOTTLENECK
    return preset


def make_spec(
    config: TrainDeconvConfig, preset: dict[str, Any], input_channels: int, channels: int, classes: int, side: int
) -> DeconvSpec:
    """The network's shape. Raises DlcliError where filters and strides don't fit together."""
    filters = _numbers(config.filters or preset["filters"])
    strides = _numbers(config.stride or preset["stride"])
    if config.filters and not config.stride and len(strides) not in (1, len(filters)):
        strides = (*strides, *[strides[-1]] * len(filters))[: len(filters)]
    if len(strides) == 1:
        strides = strides * len(filters)
    if len(strides) != len(filters):
        raise DlcliError(
            f"--stride {config.stride} has {len(strides)} numbers, and there are {len(filters)} convolutions",
            "give one stride, or one for each",
        )
    kernel = config.kernel or preset.get("kernel", 3)
    depth = config.depth if config.depth is not None else preset.get("depth", 0)
    if kernel % 2 == 0 and (1 in strides or depth):
        raise DlcliError(f"--kernel {kernel} is even, which moves the image by half a pixel", "give an odd number")
    restores = config.task not in ("reconstruct", "classify")
    # The article's listing ends in deconvolutions whatever the task; the others classify straight from the features.
    decoder = not classes or config.arch == "article"
    spec = DeconvSpec(
        input_channels=input_channels,
        output_channels=channels,
        filters=filters,
        strides=strides,
        kernel=kernel,
        depth=depth,
        unshuffle=preset.get("unshuffle", 1),
        skip=config.skip if config.skip is not None else preset.get("skip", False),
        activation=config.activation or preset.get("activation", "relu"),
        dropout=config.dropout if config.dropout is not None else preset.get("dropout", 0.0),
        output=preset.get("output", "residual" if restores else "linear"),
        decoder=decoder,
        classes=classes,
        side=side if classes else 0,
        masked=config.task == "inpaint",
    )
    if classes and spec.filters and side < spec.multiple:
        raise DlcliError(
            f"images of {side} pixels are too small for strides that multiply to {spec.multiple}",
            "give a larger --crop, or smaller --stride",
        )
    return spec


def _limits(
    config: TrainDeconvConfig, preset: dict[str, Any], images: int, batch_size: int
) -> tuple[int | None, float | None]:
    """Steps or seconds to train for."""
    if config.steps:
        return config.steps, None
    if config.minutes:
        return None, config.minutes * 60
    epochs = config.epochs or preset.get("epochs")
    if epochs:
        return max(1, math.ceil(epochs * images / batch_size)), None
    return None, 60 * (DEFAULT_MINUTES if config.data else DEMO_MINUTES)


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split(","))
