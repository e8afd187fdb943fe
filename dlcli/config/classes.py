"""Options of ``train-deconv --task classify``."""

import math
from collections.abc import Collection

from pydantic import field_validator

from dlcli.config.base import Config
from dlcli.config.common import DATA, REGULARIZATION, TRAINING
from dlcli.config.option import flag_of, option

BALANCED = "balanced"
ONLY_CLASSES = ("side", "class_weight", "label_smoothing", "mixup", "cutmix", "jitter")


class ClassOptions(Config):
    """How images are classified; refused for other tasks."""

    side: int | None = option(
        None,
        "For classify: the side to which images are scaled, by their shorter side, and cut in the middle; by default "
        "their own where all are equal squares of up to 64, else 64 or less, by their sizes and memory.",
        panel=DATA,
        ge=8,
        le=4096,
        also="image_size img_size imgsz input_size resize size resolution",
    )
    class_weight: str | None = option(
        None,
        "Weights of the classes in the loss: balanced (each class counts as much as any other), or one for each that "
        "is named, 1 for the others.",
        panel=TRAINING,
        metavar="balanced|NAME=W,...",
        also="class_weights weights pos_weight balanced balance",
    )
    label_smoothing: float | None = option(
        None,
        "Share of the target that is spread over all classes (Szegedy et al. 2016); by default 0.1 for photographs, "
        "else 0.",
        panel=REGULARIZATION,
        ge=0,
        lt=1,
        also="smoothing label_smooth",
    )
    mixup: float | None = option(
        None,
        "Mix images in pairs, their classes too (Zhang et al. 2018), in shares drawn from Beta(A, A); 0: not. By "
        "default 0. Both --mixup and --cutmix: by turns.",
        panel=REGULARIZATION,
        ge=0,
        le=10,
        metavar="A",
        also="mixup_alpha mix",
    )
    cutmix: float | None = option(
        None,
        "Paste a rectangle of another image, whose class gets the share of its area (Yun et al. 2019), drawn from "
        "Beta(A, A); 0: not. By default 1 for photographs in runs of many epochs, else 0.",
        panel=REGULARIZATION,
        ge=0,
        le=10,
        metavar="A",
        also="cutmix_alpha cutout",
    )
    jitter: float | None = option(
        None,
        "Brightness, contrast and saturation of each image change by up to this factor, less one; by default 0.1 for "
        "photographs, else 0.",
        panel=REGULARIZATION,
        ge=0,
        le=1,
        also="color_jitter colour_jitter brightness contrast saturation",
    )

    @field_validator("class_weight")
    @classmethod
    def _weights(cls, value: str | None) -> str | None:
        if value is not None:
            weights_by_name(value)
        return value


def weights_by_name(text: str) -> dict[str, float] | None:
    """What --class-weight says of each class that it names; None for ``balanced``. Raises ValueError for others.

    >>> weights_by_name("cat=2,dog=0.5"), weights_by_name("balanced")
    ({'cat': 2.0, 'dog': 0.5}, None)
    """
    if text == BALANCED:
        return None
    found: dict[str, float] = {}
    for part in text.split(","):
        name, joined, number = part.strip().rpartition("=")
        try:
            weight = float(number) if joined and name else math.nan
        except ValueError:
            weight = math.nan
        if not 0 < weight < math.inf or name in found:
            raise ValueError("expected balanced, or NAME=WEIGHT,... with each class once and weights above 0")
        found[name] = weight
    return found


def check_classes(config: ClassOptions, task: str, given: Collection[str]) -> None:
    """Raises ValueError for an option of classes with another task, and for two names of one side."""
    for name in ONLY_CLASSES:
        if task != "classify" and getattr(config, name) is not None:
            raise ValueError(f"{flag_of(type(config), name)} goes with --task classify, not {task}: leave it out")
    if task == "classify" and config.side is not None and "crop" in given:
        raise ValueError("--side and --crop both set the side of class images: give --side alone")
