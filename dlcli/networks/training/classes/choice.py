"""How class images are augmented where nobody says so: by how they look."""

from typing import Any

from dlcli.config.train_deconv import TrainDeconvConfig
from dlcli.networks.data.facts import ImageFacts
from dlcli.networks.training.settings import Augment, BatchSettings, ClassSettings

JITTER, SMOOTHING = 0.1, 0.1  # of photographs
MANY_EPOCHS, CUTMIX = 40.0, 1.0  # from which on pasting parts of other images gives more than it costs


def augmentation(config: TrainDeconvConfig, facts: ImageFacts) -> tuple[Augment, ClassSettings]:
    """How images change from one pass to the next."""
    if not facts.classes:
        return ("flips" if config.augment == "auto" else config.augment), ClassSettings()
    augment: Augment = config.augment if config.augment != "auto" else "photos" if facts.photographs else "shifts"
    reason = ""
    if config.augment == "auto":
        reason = (
            "as they look like photographs; --augment shifts is for what must not be mirrored, as letters"
            if facts.photographs
            else "as they look like drawings on a ground; --augment photos mirrors them"
        )
    by_photos = augment == "photos"
    return augment, ClassSettings(
        jitter=_or(config.jitter, JITTER if by_photos else 0.0),
        smoothing=_or(config.label_smoothing, SMOOTHING if by_photos else 0.0),
        mixup=_or(config.mixup, 0.0),
        cutmix=_or(config.cutmix, CUTMIX if by_photos and (config.epochs or 0) >= MANY_EPOCHS else 0.0),
        weight=config.class_weight,
        reason=reason,
    )


def _or(given: float | None, usual: float) -> float:
    return usual if given is None else given


def resolved_classes(settings: ClassSettings) -> dict[str, Any]:
    """The options that give the same settings."""
    return {
        "jitter": settings.jitter, "label_smoothing": settings.smoothing, "mixup": settings.mixup,
        "cutmix": settings.cutmix,
    }  # fmt: skip


def described(batches: BatchSettings, classes: ClassSettings) -> str:
    """One line: how the images of classes are augmented, and why so."""
    most = max(1, round(batches.side / 8))
    parts = [
        {
            "none": "images as they are",
            "flips": "images mirrored and turned by 90 degrees",
            "shifts": "images moved, turned and scaled a little",
            "photos": f"images mirrored left and right, and moved by up to {most} pixels",
        }[batches.augment]
    ]
    numbers = (("colors by", classes.jitter), ("label smoothing", classes.smoothing), ("mixup", classes.mixup),
               ("cutmix", classes.cutmix))  # fmt: skip
    parts += [f"{name} {value:g}" for name, value in numbers if value]
    parts += [f"class weights {classes.weight}"] if classes.weight else []
    return ", ".join(parts) + (f", {classes.reason}" if classes.reason else "")
