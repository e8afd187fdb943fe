"""The config of train-deconv resolved: every ``auto`` and default chosen. Below, only what is made here travels."""

import math
from dataclasses import replace
from typing import Any, TypeVar

import numpy as np

from dlcli.config.common import DECAY_FACTORS
from dlcli.config.train_deconv import TrainDeconvConfig
from dlcli.config.values.noise_kind import CAMERA
from dlcli.degradations.task import BOTH, MEASURED, ByChannel, Restoration, kernel_arrays, mask_arrays
from dlcli.engine.precision import bfloat16_is_fast
from dlcli.engine.ranks import ALONE, Ranks
from dlcli.engine.schedules.base import ScheduleSettings
from dlcli.errors import DlcliError
from dlcli.images.normalization import EIGHT_BITS, Normalization, Scales
from dlcli.networks.data.epochs import samples_of_epoch, steps_of, told, usual_steps
from dlcli.networks.data.facts import ImageFacts
from dlcli.networks.data.load import ImageSettings, TrainingImages
from dlcli.networks.data.noise.measured import noise_of
from dlcli.networks.data.noise.set_noise import SetNoise, given_noise
from dlcli.networks.model.spec import DeconvSpec
from dlcli.networks.noise import noise_on, weights_of
from dlcli.networks.optim.optimizers import RATES
from dlcli.networks.training.classes.choice import augmentation, resolved_classes
from dlcli.networks.training.noisy.kinds import noise_in_words
from dlcli.networks.training.noisy.method import with_method
from dlcli.networks.training.presets import (
    LARGE_IMAGE,
    LONGER_DEPTH,
    QUICK_CLASSES,
    SHORT_RUN,
    Preset,
    make_spec,
    preset_of,
    preset_on,
)
from dlcli.networks.training.settings import (
    Augment,
    BatchSettings,
    ExecutionSettings,
    LimitSettings,
    NetworkPlan,
    OptimizerSettings,
    ValidationSettings,
)

ConfigT = TypeVar("ConfigT", bound=TrainDeconvConfig)

LONG_RUN = 240.0  # seconds from which "fast" is deeper
LONG_ENOUGH_TO_COMPILE = 300.0  # seconds; compiling takes up to a minute
DEFAULT_MINUTES, DEMO_MINUTES = 2.0, 1.0
REPORTS = 20
# These tasks leave a flat image as it is; pairs may not.
KEEP_FLAT = ("denoise", "deblur", "upscale", "inpaint", "dejpeg")
FINE = 0.1  # of the usual rate, where the weights are trained ones
WARMUP = 20  # Muon's steps are as long at once as later, and its first directions are those of one batch


def image_settings(config: TrainDeconvConfig) -> ImageSettings:
    """Which images are read, and how they are parted."""
    recipe = preset_of(config.arch, config.task).recipe
    return ImageSettings(
        data=config.data,
        task=config.task,
        channels=config.channels if config.color is None else 3 if config.color else 1,
        memory=None if config.memory is None else int(config.memory * 1e9),
        val=config.val,
        val_is_given="val" in config.model_fields_set,
        crop=config.class_side if config.task == "classify" else config.crop,
        usual_crop=recipe.crop,
        batch_size=config.batch_size or recipe.batch_size,
        seed=config.seed_of_data,
        axes=config.axes or "",
        generated=config.generated,
    )


def noise_in(config: TrainDeconvConfig, images: TrainingImages) -> SetNoise | None:
    """That of noisy images which are to be trained on; None for clean ones. Raises DlcliError if it can't be told."""
    if config.targets == "clean":
        return None
    scale = images.scales.targets
    if config.sigma is None and config.poisson is None:
        return with_method(noise_of(images.train, scale), config.method, given=False)
    sigma = noise_on(config.amounts[0], scale, f"--sigma {config.sigma}") if config.sigma else None
    known = given_noise(sigma, config.poisson, images.train.channels, clipped=images.train.dtype == np.uint8)
    return with_method(known, config.method, given=True)


def restoration_of(
    config: TrainDeconvConfig, scales: Scales = EIGHT_BITS, noise: SetNoise | None = None, like: SetNoise | None = None
) -> Restoration:
    """What the network learns to undo in images of these scales, which may have ``noise`` already.

    ``like`` is what was measured of other images, whose noise clean ones get.

    Raises DlcliError for a kernel or mask that can't be read, and for noise beyond the range of the images.
    """
    arrays = {}
    if config.task == "dejpeg" and not scales.eight_bit:
        raise DlcliError(
            f"--task dejpeg compresses images, and JPEG holds 8 bits; these are {scales.targets.dtype} from "
            f"{scales.targets.shown}", "convert them to 8 bits first",
        )  # fmt: skip
    if config.task == "deblur":
        arrays = kernel_arrays(config.blur)
    if config.task == "inpaint" and config.mask is not None:
        arrays = mask_arrays(config.mask)
    low, high = (noise_on(amount, scales.targets, f"--sigma {config.sigma}") for amount in config.amounts)
    if noise is not None:
        low, high = noise.range_255
    if like is not None:
        low, high = 255 * float(like.sigmas.min()), min(255 * float(like.sigmas.max()), 255.0)
        arrays = like.arrays()
    kind = CAMERA if config.noise == CAMERA else MEASURED if config.noise else ""
    if config.poisson is not None and noise is None and (config.sigma is not None or config.noise_map):
        kind = BOTH
        low, high = (low, high) if config.sigma is not None else (0.0, 0.0)
    weights = weights_of(config.amounts, scales.targets) if config.task in ("denoise", "deblur") else ()
    line = () if noise is None or config.start else noise.line
    return Restoration(
        config.task, (low, high), None if noise else config.poisson, int(config.scale), config.holes, arrays,
        ByChannel(weights, line), deep=not scales.eight_bit, blur=config.blur if config.task == "deblur" else "",
        noise_map=config.noise_map or (noise is not None and noise.method == "recorrupted"), noise=kind,
        quality=config.qualities,
    )  # fmt: skip


def usual_rate(config: TrainDeconvConfig) -> float:
    """That of the config's optimizer, lower where it starts from trained weights."""
    rate = RATES[config.optimizer or preset_of(config.arch, config.task).recipe.optimizer]
    return rate * FINE if config.start else rate


def make_plan(config: TrainDeconvConfig, facts: ImageFacts, device: str, ranks: Ranks = ALONE) -> NetworkPlan:
    """Resolve every default for these images, as all ``ranks`` do. Raises DlcliError for a network that can't be."""
    if facts.classes and config.arch == "fast" and facts.photographs:
        config = config.model_copy(update={"arch": "deep"})
    preset = preset_on(device, config.arch, config.task, _seconds(config, preset_of(config.arch, config.task)))
    if config.arch == "deep" and facts.side >= LARGE_IMAGE:
        preset = replace(preset, stride=preset.stride.replace("1", "2", 1))
    recipe = preset.recipe
    batch_size = config.batch_size or recipe.batch_size
    crop = facts.side if facts.classes else min(config.crop or recipe.crop, facts.side)
    limits = _limits(config, preset, facts, crop, batch_size)
    if facts.classes and config.arch == "fast" and (limits.seconds or SHORT_RUN) < SHORT_RUN:
        preset = QUICK_CLASSES
    fast = config.arch == "fast" and config.task not in ("classify", "reconstruct")
    if fast and not device.startswith("cuda") and (limits.seconds or 0) >= LONG_RUN:
        preset = replace(preset, depth=LONGER_DEPTH)
    augment, classes = augmentation(config, facts)
    classes = replace(classes, whitens=preset.whitens)
    return NetworkPlan(
        _mirrored(make_spec(config, preset, facts, crop), augment),
        config.loss or ("cross-entropy" if facts.classes else recipe.loss),
        _optimizer(config, preset, limits.steps or 10_000),
        BatchSettings(batch_size, crop, augment, config.seed),
        limits,
        _execution(config, limits.seconds, device, ranks),
        ValidationSettings(facts.held_out, config.seed_of_data),
        classes,
        keeps_flat=config.task in KEEP_FLAT,
    )


def _mirrored(spec: DeconvSpec, augment: Augment) -> DeconvSpec:
    """A classifier that is trained on mirrored images, too, is asked about both."""
    both = augment == "photos" and not spec.head.decoder
    return replace(spec, head=replace(spec.head, mirrored=both)) if both else spec


def _optimizer(config: TrainDeconvConfig, preset: Preset, steps: int) -> OptimizerSettings:
    recipe = preset.recipe
    name = config.optimizer or recipe.optimizer
    schedule = ScheduleSettings(
        name=(config.schedule or recipe.schedule).replace("-", "_"),
        decay_rate=config.decay_rate,
        decay_factor=config.decay_factor or DECAY_FACTORS.get(config.schedule or "", 0.5),
        decay_every=config.decay_every,
        decay_power=config.decay_power,
        hyper_lr=config.hyper_lr,
        polyak_target=config.polyak_target,
        plateau_patience=config.plateau_patience,
        total_steps=steps,
    )
    return OptimizerSettings(
        name,
        config.lr or ((recipe.lr if name == recipe.optimizer else None) or RATES[name]) * (FINE if config.start else 1),
        schedule,
        momentum=config.momentum,
        l1=config.l1,
        l2=config.l2,
        clip=config.clip,
        ema=config.ema if config.ema is not None else recipe.ema,
        warmup=config.warmup if config.warmup is not None else WARMUP if name == "muon" else 0,
    )


def _execution(config: TrainDeconvConfig, seconds: float | None, device: str, ranks: Ranks) -> ExecutionSettings:
    long = device.startswith("cuda") and (seconds or 0.0) >= LONG_ENOUGH_TO_COMPILE
    return ExecutionSettings(
        device,
        half=config.amp == "on" or (config.amp == "auto" and all(ranks.gather(bfloat16_is_fast(device)))),
        compiled=config.compile == "on" or (config.compile == "auto" and long),
        ranks=ranks,
        unread=device.startswith("cuda"),
    )


def resolved(config: ConfigT, plan: NetworkPlan) -> ConfigT:
    """The config with every choice that the plan made, so that it repeats the run whatever the defaults become."""
    spec, optimizer, limits = plan.spec, plan.optimizer, (config.epochs, config.steps, config.minutes)
    chosen: dict[str, Any] = {
        "filters": ",".join(map(str, spec.filters)),
        "stride": ",".join(map(str, spec.strides)),
        "kernel": spec.kernel,
        "depth": spec.depth,
        "skip": spec.skip,
        "unshuffle": spec.unshuffle,
        "activation": spec.activation,
        "dropout": spec.dropout,
        "optimizer": optimizer.name,
        "lr": optimizer.lr,
        "loss": plan.loss,
        "schedule": optimizer.schedule.name.replace("_", "-"),
        "decay_factor": optimizer.schedule.decay_factor,
        "batch_size": plan.batches.size,
        "augment": plan.batches.augment,
        "ema": optimizer.ema,
        "warmup": optimizer.warmup,
    }
    if config.task == "classify":
        chosen["arch"] = "deep" if plan.spec.head.pool else config.arch
        chosen |= {"side": max(plan.batches.side, 8), "crop": None} | resolved_classes(plan.classes)
    else:
        chosen["crop"] = max(plan.batches.side, 8)
    if plan.validation.fraction is not None:
        chosen["val"] = plan.validation.fraction
    if limits == (None, None, None):
        chosen |= {"steps": plan.limits.steps} if plan.limits.steps else {"minutes": (plan.limits.seconds or 0) / 60}
    return config.model_copy(update=chosen)


def _limits(config: TrainDeconvConfig, preset: Preset, facts: ImageFacts, side: int, batch_size: int) -> LimitSettings:
    steps, seconds, note = config.steps, _seconds(config, preset), ""
    if config.epochs:
        steps = steps_of(config.epochs, samples_of_epoch(facts, side), batch_size)
        note = told(facts, side, batch_size)
    elif not steps and not seconds and preset.recipe.epochs:
        steps = usual_steps(preset.recipe.epochs, facts, side, batch_size)
    every = config.report_every or (max(1, math.ceil(steps / REPORTS)) if steps else 2**62)
    by_time = seconds / REPORTS if seconds and not config.report_every else math.inf
    return LimitSettings(steps, seconds, every, by_time, config.early_stop, note)


def _seconds(config: TrainDeconvConfig, preset: Preset) -> float | None:
    """How long is trained; None where steps or epochs limit the run."""
    if config.steps:
        return None
    if config.minutes:
        return config.minutes * 60
    if config.epochs or preset.recipe.epochs:
        return None
    return 60 * (DEFAULT_MINUTES if config.data else DEMO_MINUTES)


def describe_task(config: TrainDeconvConfig, restoration: Restoration, scale: Normalization) -> str:
    """The task with its constants, as the header names it; noise in the units of the images."""
    sigma = noise_in_words(config, restoration, scale)
    constants = {
        "denoise": sigma,
        "deblur": f" {config.blur}{sigma}",
        "upscale": f" x{config.scale}",
        "dejpeg": f" of quality {config.qualities}",
        "inpaint": " by a mask" if config.mask else f" {config.holes:.0%}",
    }
    return config.task + constants.get(config.task, "")
