"""Settings of ``dlcli train-deconv``."""

import math
from pathlib import Path
from typing import Literal, Self

from pydantic import field_validator, model_validator

from dlcli.config.base import option
from dlcli.config.common import DATA, OUTPUT, SCHEDULE, ScheduleName, ScheduleOptions, TrainingOptions

TASK = "Task"
MODEL = "Model"
TRAINING = "Training"
REGULARISE = "Against overfitting"

Task = Literal["denoise", "deblur", "upscale", "inpaint", "reconstruct", "pairs", "classify"]
Activation = Literal["relu", "sigmoid", "tanh", "leaky-relu", "gelu"]
Loss = Literal["mse", "l1", "charbonnier", "bce", "cross-entropy"]
Optimizer = Literal["adam", "adamw", "sgd", "muon"]


class TrainDeconvConfig(ScheduleOptions, TrainingOptions):
    """Networks of convolutions and deconvolutions that restore or classify images."""

    data: tuple[str, ...] = option(
        (),
        "Folders of images (class folders for classify; inputs, then targets, for pairs), image files, globs, .npy, "
        ".npz, MNIST's IDX. None: images generated on the fly.",
        argument=True,
        complete="dir",
    )
    task: Task = option("denoise", "What the network learns to do.", panel=TASK)
    sigma: str | None = option(
        None,
        "Gaussian noise, on the scale 0 to 255: a number, or LOW:HIGH for a blind model; by default 25 for denoise, "
        "2.55 for deblur, 0 else.",
        panel=TASK,
        metavar="NUMBER|LOW:HIGH",
    )
    poisson: float | None = option(
        None, "Poisson noise instead: photons in a white pixel.", panel=TASK, gt=0, metavar="PEAK"
    )
    blur: str = option(
        "gaussian:1.6",
        "What deblur undoes: gaussian:SD, motion:LENGTH:ANGLE, or a kernel file (.npy, .npz, an image; FILE:NAME for "
        "one array of an .npz).",
        panel=TASK,
        metavar="KIND|FILE",
    )
    scale: Literal["2", "3", "4"] = option("2", "How many times larger upscale makes an image.", panel=TASK)
    holes: float = option(0.5, "Fraction of the pixels that inpaint misses.", panel=TASK, gt=0, lt=1)
    mask: Path | None = option(
        None, "Image of the pixels that inpaint misses (white: missing).", panel=TASK, complete="file"
    )
    colour: bool | None = option(
        None,
        "Train on colour or on gray images; by default as the images are.",
        panel=DATA,
        flags=("--colour/--gray",),
    )
    val: float = option(
        0.05,
        "Fraction of the images held out for validation; more than the default where it is not given and would be few.",
        panel=DATA,
        ge=0,
        lt=1,
    )
    crop: int | None = option(
        None,
        "Side of the square that is cut from each image, in pixels; by default 96 (article 32, rednet 64), or less "
        "where most images are smaller. For classify: the side that images are scaled to; by default their own up to "
        "128, else 64.",
        panel=DATA,
        ge=8,
        le=4096,
    )
    augment: Literal["auto", "none", "flips", "shifts"] = option(
        "auto",
        "flips: mirrored and turned by quarters; shifts: moved, turned and scaled a little. auto: flips for "
        "restoration, shifts for classify.",
        panel=REGULARISE,
    )
    memory: float | None = option(
        None, "Most memory for decoded images, in GB; beyond it they stream. By default half of what is free.",
        panel=DATA, gt=0, metavar="GB",
    )  # fmt: skip
    arch: Literal["fast", "article", "rednet", "large"] = option(
        "fast",
        "Shape of the network: fast; article (two convolutions, two deconvolutions); rednet (Mao et al. 2016); large "
        "(for a GPU). The options below change it.",
        panel=MODEL,
    )
    filters: str | None = option(
        None, "Filters of each convolution, mirrored by the deconvolutions.", panel=MODEL, metavar="N,N,..."
    )
    kernel: int | None = option(None, "Side of the filters.", panel=MODEL, ge=1, le=31)
    stride: str | None = option(None, "Stride of the convolutions: one, or one for each.", panel=MODEL, metavar="N,...")
    depth: int | None = option(None, "Residual blocks after each convolution.", panel=MODEL, ge=0, le=64)
    skip: bool | None = option(
        None, "Add each convolution's output to its mirror deconvolution's.", panel=MODEL, flags=("--skip/--no-skip",)
    )
    activation: Activation | None = option(None, "Activation of the hidden layers.", panel=MODEL)
    head: Literal["auto", "image", "classes"] = option(
        "auto", "What the network ends in; auto: classes for classify, else an image.", panel=MODEL
    )
    epochs: float | None = option(None, "Passes over the images (one crop of each).", panel=TRAINING, gt=0)
    steps: int | None = option(None, "Steps to take.", panel=TRAINING, ge=1)
    minutes: float | None = option(
        None,
        "Time to train. The learning rate anneals over whichever limit is given; by default 2 minutes (1 on the "
        "built-in images; article: 10 epochs).",
        panel=TRAINING,
        gt=0,
    )
    optimizer: Optimizer | None = option(
        None, "muon: on the hidden layers, adam on the rest. By default the network's own.", panel=TRAINING
    )
    lr: float | None = option(None, "Learning rate; by default one that suits the optimizer.", panel=TRAINING, gt=0)
    warmup: int | None = option(
        None, "Steps in which the rate rises from near 0 to its schedule; by default 20 for muon, else 0.",
        panel=TRAINING, ge=0,
    )  # fmt: skip
    momentum: float = option(0.9, "Momentum of sgd.", panel=TRAINING, ge=0, lt=1)
    batch_size: int | None = option(
        None, "Images a step; by default 8 (article 32, rednet 16), classify 128.", panel=TRAINING, ge=1
    )
    loss: Loss | None = option(None, "By default mse; article: bce; classify: cross-entropy.", panel=TRAINING)
    clip: float | None = option(None, "Largest norm of the gradient; longer ones are shortened.", panel=TRAINING, gt=0)
    ema: float | None = option(
        None, "Decay of the averaged weights, which are the ones saved; 0: none.", panel=TRAINING, ge=0, lt=1
    )
    amp: Literal["auto", "on", "off"] = option(
        "auto", "bfloat16 arithmetic; auto: where the processor has it.", panel=TRAINING
    )
    compile: Literal["auto", "on", "off"] = option(
        "auto", "torch.compile; auto: on a GPU, for runs of five minutes or more.", panel=TRAINING
    )
    threads: int | None = option(None, "CPU threads; by default all.", panel=TRAINING, ge=1)
    report_every: int = option(0, "Steps between reports; 0: about twenty reports in a run.", panel=TRAINING, ge=0)
    schedule: ScheduleName | None = option(  # type: ignore[assignment]
        None, "How the learning rate changes; by default polynomial (article: constant).", panel=SCHEDULE
    )
    l1: float = option(
        0.0,
        "L1 penalty on the weights: exact zeros. With adamw and muon it is decoupled from the loss, as L2 is.",
        panel=REGULARISE,
        ge=0,
    )
    l2: float = option(
        0.0, "L2 penalty on the weights, half the sum of squares times this (adamw, muon: weight decay).",
        panel=REGULARISE, ge=0,
    )  # fmt: skip
    dropout: float | None = option(
        None, "Dropout after each hidden layer; by default 0, for classes 0.1.", panel=REGULARISE, ge=0, lt=1
    )
    early_stop: int | None = option(
        None,
        "Stop after this many reports without a lower validation loss.",
        panel=REGULARISE,
        ge=1,
        metavar="PATIENCE",
    )
    resume: Path | None = option(
        None, "Continue this run from its last checkpoint, with its settings.", panel=OUTPUT, complete="dir",
        cli_only=True, metavar="RUN",
    )  # fmt: skip

    @property
    def sigma_range(self) -> tuple[float, float]:
        """Lowest and highest noise, on the scale 0 to 255."""
        default = {"denoise": "25", "deblur": "2.55"}.get(self.task, "0")
        low, _, high = (self.sigma or default).partition(":")
        return float(low), float(high or low)

    @field_validator("sigma", mode="before")
    @classmethod
    def _noise(cls, value: object) -> object:
        if value is None:
            return None
        try:
            low, _, high = str(value).partition(":")
            bounds = float(low), float(high or low)
        except ValueError:
            raise ValueError("expected a number such as 25, or a range such as 0:55") from None
        if not (0 <= bounds[0] <= bounds[1] <= 255 and all(map(math.isfinite, bounds))):
            raise ValueError("expected 0 <= LOW <= HIGH <= 255")
        return str(value)

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
    def _consistent(self) -> Self:
        if sum(limit is not None for limit in (self.epochs, self.steps, self.minutes)) > 1:
            raise ValueError("give one of --epochs, --steps and --minutes")
        if self.task == "pairs" and len(self.data) != 2:
            raise ValueError(f"--task pairs: give two folders, inputs and targets; got {len(self.data)}")
        if self.poisson is not None and self.task != "denoise":
            raise ValueError(f"--poisson goes with --task denoise, not {self.task}: leave it out")
        if self.poisson is not None and self.sigma is not None:
            raise ValueError("give --sigma or --poisson, not both")
        if self.task not in ("denoise", "deblur") and self.sigma_range[1]:
            raise ValueError(f"--sigma goes with --task denoise or deblur, not {self.task}: leave it out")
        if self.task == "deblur" and self.sigma_range[0] != self.sigma_range[1]:
            raise ValueError(f"--sigma {self.sigma}: deblur needs one number, as its filter depends on it")
        if self.early_stop and not self.val:
            raise ValueError("--early-stop needs validation images: add --val 0.1")
        classes = self.head == "classes" or (self.head == "auto" and self.task == "classify")
        if classes != (self.task == "classify"):
            raise ValueError(f"--head {self.head} doesn't go with --task {self.task}: leave it out")
        if self.loss is not None and (self.loss == "cross-entropy") != classes:
            raise ValueError(f"--loss {self.loss} doesn't go with --task {self.task}: leave it out")
        return self
