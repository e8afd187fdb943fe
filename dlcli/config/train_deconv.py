"""Settings of ``dlcli train-deconv``."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import ClassVar, Self

from pydantic import field_validator, model_validator

from dlcli.config.common import OUTPUT, TRAINING, TrainingOptions
from dlcli.config.images.options import BUNDLED, NO_INIT, ImageOptions, TaskOptions
from dlcli.config.network import (
    ClassOptions,
    ExecutionOptions,
    LimitOptions,
    NetworkOptions,
    NetworkRegularization,
    NetworkScheduleOptions,
    NetworkTrainingOptions,
    check_classes,
)
from dlcli.config.option import option
from dlcli.config.values.blur import BlurRange
from dlcli.config.values.noise import Amount, parse_range
from dlcli.config.values.noise_kind import CAMERA, LIKE, checked, images_of
from dlcli.config.values.quality import QualityRange


class TrainDeconvConfig(
    TrainingOptions,
    NetworkRegularization,
    NetworkScheduleOptions,
    ExecutionOptions,
    NetworkTrainingOptions,
    LimitOptions,
    NetworkOptions,
    ClassOptions,
    ImageOptions,
    TaskOptions,
):
    """Networks of convolutions and deconvolutions that restore or classify images."""

    command: ClassVar[str] = "train-deconv"
    path_fields: ClassVar[tuple[str, ...]] = ("data", "mask", "init")

    init: Path | None = option(
        None,
        "Start from the weights of this run, model file or bundled:NAME ('dlcli models' lists them), and with its "
        "shape where no option gives one. A few noisy images start from the network in the box that fits, unless this "
        "is none.",
        panel=TRAINING, complete="dir", metavar="RUN|FILE|bundled:NAME|none",
        also="pretrained init_from weights load_weights finetune fine_tune warm_start initial_weights from_pretrained",
    )  # fmt: skip
    resume: Path | None = option(
        None, "Continue this run from its last checkpoint, with its settings.", panel=OUTPUT, complete="dir",
        cli_only=True, metavar="RUN",
        also="continue checkpoint ckpt ckpt_path resume_from resume_from_checkpoint restart load restore",
    )  # fmt: skip

    @classmethod
    def changed(cls, name: str, value: object, change: Callable[[str], str]) -> object:
        """Likewise, also for the file of a blur, which may have the name of one of its arrays behind it."""
        if name == "init" and isinstance(value, str) and (value.startswith(BUNDLED) or value == NO_INIT):
            return value
        if name == "noise":
            found = images_of(value if isinstance(value, str) else None)
            return value if found is None else LIKE + change(found)
        if name != "blur" or not isinstance(value, str) or value.partition(":")[0] in ("gaussian", "motion"):
            return super().changed(name, value, change)
        array = re.fullmatch(r"(.+\.npz):([^:/\\]+)", value, re.IGNORECASE)
        return f"{change(array[1])}:{array[2]}" if array else change(value)

    @property
    def start(self) -> Path | None:
        """The network whose weights it starts from; None where it begins anew."""
        return None if str(self.init) == NO_INIT else self.init

    @property
    def class_side(self) -> int | None:
        """The side that is asked for of class images."""
        return self.side or self.crop

    @property
    def amounts(self) -> tuple[Amount, Amount]:
        """Lowest and highest noise."""
        usual = {"denoise": "0:10" if self.noise == CAMERA else "25/255", "deblur": "2.55/255"}
        return parse_range(self.sigma or usual.get(self.task, "0"))

    @property
    def sigma_range(self) -> tuple[float, float]:
        """Lowest and highest noise of images of 8 bits, on the scale 0 to 255."""
        low, high = self.amounts
        return low.of_255(None), high.of_255(None)

    @property
    def qualities(self) -> QualityRange | None:
        """Those of dejpeg."""
        return QualityRange.parse(self.quality or "10:90") if self.task == "dejpeg" else None

    @field_validator("quality", mode="before")
    @classmethod
    def _quality(cls, value: object) -> object:
        if value is None:
            return None
        QualityRange.parse(str(value))
        return str(value)

    @field_validator("sigma", mode="before")
    @classmethod
    def _noise(cls, value: object) -> object:
        if value is None:
            return None
        parse_range(str(value))
        return str(value)

    @field_validator("noise")
    @classmethod
    def _kind_of_noise(cls, value: str | None) -> str | None:
        return None if value is None else checked(value)

    @field_validator("blur")
    @classmethod
    def _blur(cls, value: str) -> str:
        BlurRange.parse(value)
        return value

    @field_validator("scale", mode="before")
    @classmethod
    def _scale(cls, value: object) -> object:
        return str(value)

    @field_validator("filters", "stride", mode="before")
    @classmethod
    def _numbers(cls, value: object) -> object:
        if value is None:
            return None
        text = ",".join(map(str, value)) if isinstance(value, (list, tuple)) else str(value).replace("x", ",")
        parts = text.split(",")
        if not all(p.strip().isdigit() and 1 <= int(p) <= 4096 for p in parts) or len(parts) > 64:
            raise ValueError("expected whole numbers such as 32,64")
        return ",".join(p.strip() for p in parts)

    @model_validator(mode="after")
    def _channels_consistent(self) -> Self:
        if self.color is not None and self.channels not in (None, 3 if self.color else 1):
            raise ValueError(f"--channels {self.channels} doesn't go with --{'color' if self.color else 'gray'}")
        if self.task == "classify" and self.channels not in (None, 1, 3):
            raise ValueError(f"--channels {self.channels}: images of classes are gray (1) or in color (3)")
        if self.channels not in (None, 1, 3) and not self.data:
            raise ValueError(f"--channels {self.channels} needs DATA: generated images are gray (1) or in color (3)")
        return self

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if sum(limit is not None for limit in (self.epochs, self.steps, self.minutes)) > 1:
            raise ValueError("give one of --epochs, --steps and --minutes")
        if self.task == "pairs" and len(self.data) != 2:
            raise ValueError(f"--task pairs: give two folders, inputs and targets; got {len(self.data)}")
        if self.poisson is not None and self.task != "denoise":
            raise ValueError(f"--poisson goes with --task denoise, not {self.task}: leave it out")
        if self.task not in ("denoise", "deblur") and self.sigma_range[1]:
            raise ValueError(f"--sigma goes with --task denoise or deblur, not {self.task}: leave it out")
        if self.task == "deblur" and self.sigma_range[0] != self.sigma_range[1] and BlurRange.parse(self.blur) is None:
            raise ValueError(
                f"--sigma {self.sigma}: deblur needs one number, as its filter depends on it; with a range of blurs, "
                "such as --blur gaussian:0.8:3, it takes one of noise"
            )
        if self.early_stop and not self.val:
            raise ValueError("--early-stop needs validation images: add --val 0.1")
        classes = self.head == "classes" or (self.head == "auto" and self.task == "classify")
        if classes != (self.task == "classify"):
            raise ValueError(f"--head {self.head} doesn't go with --task {self.task}: leave it out")
        if self.loss is not None and (self.loss == "cross-entropy") != classes:
            raise ValueError(f"--loss {self.loss} doesn't go with --task {self.task}: leave it out")
        return self

    @model_validator(mode="after")
    def _noise_consistent(self) -> Self:
        if self.quality is not None and self.task != "dejpeg":
            raise ValueError(f"--quality goes with --task dejpeg, not {self.task}: leave it out")
        if self.noise_map and self.task != "denoise":
            raise ValueError(f"--noise-map goes with --task denoise, not with --task {self.task}: leave it out")
        if self.noise is not None:
            self._check_kind(self.noise)
        if self.targets == "clean" and self.method != "auto":
            raise ValueError(f"--method {self.method} goes with --targets noisy: add that, or leave it out")
        if self.targets == "noisy":
            self._check_noisy()
        if self.generated is not None and self.data:
            raise ValueError("--generated goes without DATA: leave one of them out")
        return self

    def _check_kind(self, noise: str) -> None:
        """Raises ValueError where --noise doesn't go with the other options."""
        given = f"--noise {noise}"
        if self.task != "denoise":
            raise ValueError(f"{given} goes with --task denoise, not {self.task}: leave it out")
        if self.targets == "noisy":
            raise ValueError(f"{given} is for clean images; the noise of noisy ones is measured: leave it out")
        if self.poisson is not None:
            raise ValueError(f"{given} has photon noise already: leave --poisson out")
        if noise != CAMERA and self.sigma is not None:
            raise ValueError(f"{given} measures how much noise there is: leave --sigma out")
        if self.channels not in (None, 1, 3) and noise == CAMERA:
            raise ValueError(f"--channels {self.channels}: {given} is for gray images (1) and color (3)")

    def _check_noisy(self) -> None:
        """Raises ValueError for what training on noisy images can't have."""
        low, high = self.amounts
        if self.task != "denoise":
            raise ValueError(f"--targets noisy goes with --task denoise, not {self.task}: leave it out")
        if not self.data:
            raise ValueError("--targets noisy needs DATA, noisy images")
        if low != high:
            raise ValueError(f"--sigma {self.sigma}: noisy images have one level; leave --sigma out to measure it")
        if self.loss not in (None, "mse"):
            raise ValueError(f"--loss {self.loss}: only the mean of noisy images is the clean one, so that needs mse")
        if self.noise_map and self.method not in ("auto", "recorrupted"):
            raise ValueError(f"--noise-map: --method {self.method} needs no level of noise: leave one of them out")

    @model_validator(mode="after")
    def _classes_consistent(self) -> Self:
        if self.task != "classify" and self.augment in ("shifts", "photos"):
            raise ValueError(f"--augment {self.augment} goes with --task classify, not {self.task}: give flips or none")
        if self.task != "classify" and self.arch == "deep":
            raise ValueError(f"--arch deep goes with --task classify, not {self.task}: give fast or large")
        check_classes(self, self.task, [name for name in self.model_fields_set if getattr(self, name) is not None])
        return self
