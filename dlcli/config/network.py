"""Options of the network and of its training, in groups."""

from collections.abc import Collection
from typing import Literal

from pydantic import field_validator

from dlcli.config import aliases
from dlcli.config.base import Config
from dlcli.config.common import DATA, MODEL, REGULARIZATION, SCHEDULE, TRAINING, ScheduleName, ScheduleOptions
from dlcli.config.option import flag_of, option
from dlcli.config.values.class_weights import weights_by_name

Activation = Literal["relu", "sigmoid", "tanh", "leaky-relu", "gelu"]
Loss = Literal["mse", "l1", "charbonnier", "bce", "cross-entropy"]
Optimizer = Literal["adam", "adamw", "sgd", "muon"]


class NetworkOptions(Config):
    """The shape of the network."""

    arch: Literal["fast", "article", "rednet", "large", "deep"] = option(
        "fast",
        "Architecture: fast; article (two convolutions, two deconvolutions); rednet (Mao et al. 2016); large (for a "
        "GPU); deep (of classes, what fast is for photographs). The options below change it.",
        panel=MODEL,
        also="model m architecture net network backbone preset model_name model_type",
    )
    filters: str | None = option(
        None, "Filters of each convolution, mirrored by the deconvolutions.", panel=MODEL, metavar="N,N,...",
        also="channels features width num_filters n_filters hidden hidden_size hidden_sizes hidden_layer_sizes layers "
        "out_channels dim",
    )  # fmt: skip
    kernel: int | None = option(
        None, "Side of the filters, in pixels.", panel=MODEL, ge=1, le=31, also="kernel_size filter_size ksize k"
    )
    stride: str | None = option(
        None, "Stride of the convolutions: one, or one for each.", panel=MODEL, metavar="N,...", also="strides"
    )
    depth: int | None = option(
        None, "Residual blocks after each convolution.", panel=MODEL, ge=0, le=64,
        also="blocks num_blocks n_blocks res_blocks residual_blocks num_layers n_layers",
    )  # fmt: skip
    skip: bool | None = option(
        None,
        "Add each convolution's output to that of its mirror deconvolution.",
        panel=MODEL,
        flags=("--skip/--no-skip",),
        also="skip_connections residual shortcut",
        also_as={"no_skip_connections": False, "no_residual": False},
    )
    unshuffle: int | None = option(
        None,
        "Compute at 1/N of the resolution: squares of N x N pixels become channels in front of the first convolution, "
        "and pixels again behind the last deconvolution (pixel unshuffle and shuffle). By default that of the "
        "architecture: 2 for fast, else 1.",
        panel=MODEL, ge=1, le=8, metavar="N", also="pixel_unshuffle downscale patch_embed space_to_depth",
    )  # fmt: skip
    activation: Activation | None = option(
        None, "Activation of the hidden layers.", panel=MODEL, also="act activation_function nonlinearity",
        also_as={"relu": "relu", "gelu": "gelu", "leaky_relu": "leaky-relu"},
    )  # fmt: skip
    head: Literal["auto", "image", "classes"] = option(
        "auto", "What the network outputs; auto: classes for classify, else an image.", panel=MODEL,
        also="output_type output_layer",
    )  # fmt: skip


class LimitOptions(Config):
    """How long is trained; at most one is given."""

    epochs: float | None = option(
        None,
        "Passes over the images, for classify each image once, else as many crops as have the pixels of all images; "
        "how many steps that is, is said.",
        panel=TRAINING,
        gt=0,
        also="e epoch max_epochs max_epoch num_epochs n_epochs nb_epochs nb_epoch num_train_epochs passes",
    )
    steps: int | None = option(None, "Steps to take.", panel=TRAINING, ge=1, also=aliases.STEPS)
    minutes: float | None = option(
        None,
        "Time to train. The learning rate anneals over whichever limit is given; by default 2 minutes (1 on the "
        "built-in images; article: 10 epochs, at most 2,000 steps or 10 crops of each image).",
        panel=TRAINING,
        gt=0,
        also=aliases.MINUTES,
    )


class NetworkTrainingOptions(Config):
    """How the network is trained."""

    optimizer: Optimizer | None = option(
        None, "muon: muon on the hidden layers, adam on the rest. By default that of the architecture.",
        panel=TRAINING, also=aliases.OPTIMIZER, also_as={name: name for name in ("adam", "adamw", "sgd", "muon")},
    )  # fmt: skip
    lr: float | None = option(
        None, "Learning rate; by default one that suits the optimizer.", panel=TRAINING, gt=0, also=aliases.LR
    )
    warmup: int | None = option(
        None, "Steps in which the learning rate rises from near 0 to its schedule; by default 20 for muon, else 0.",
        panel=TRAINING, ge=0, also="warmup_steps num_warmup_steps warm_up lr_warmup warmup_iters lr_warmup_steps",
    )  # fmt: skip
    momentum: float = option(0.9, "Momentum of sgd.", panel=TRAINING, ge=0, lt=1, also="mom")
    batch_size: int | None = option(
        None, "Images per step; by default 8 (article 32, rednet 16), classify 128.", panel=TRAINING, ge=1,
        also=aliases.BATCH_SIZE,
    )  # fmt: skip
    loss: Loss | None = option(
        None, "By default mse; article: bce; classify: cross-entropy.", panel=TRAINING,
        also="criterion loss_fn loss_function",
        also_as={"mse": "mse", "mae": "l1", "charbonnier": "charbonnier", "bce": "bce"},
    )  # fmt: skip
    clip: float | None = option(
        None, "Gradient clipping: the largest norm of the gradient.", panel=TRAINING, gt=0,
        also="clip_grad grad_clip gradient_clip gradient_clipping gradient_clip_val clipnorm clip_norm clip_grad_norm "
        "max_grad_norm max_norm grad_norm_clip",
    )  # fmt: skip
    ema: float | None = option(
        None, "Decay of the moving average of the weights, which is what is saved; 0: none.", panel=TRAINING, ge=0,
        lt=1, also="ema_decay ema_rate use_ema swa model_ema",
    )  # fmt: skip


class ExecutionOptions(Config):
    """How the training is computed, and how often it reports."""

    amp: Literal["auto", "on", "off"] = option(
        "auto", "bfloat16 arithmetic; auto: where the processor has it.", panel=TRAINING,
        also="precision mixed_precision autocast dtype",
        also_as={"bf16": "on", "fp16": "on", "half": "on", "bfloat16": "on", "fp32": "off", "no_amp": "off"},
    )  # fmt: skip
    compile: Literal["auto", "on", "off"] = option(
        "auto", "torch.compile; auto: on a GPU, for runs of five minutes or more.", panel=TRAINING,
        also="torch_compile jit", also_as={"no_compile": "off"},
    )  # fmt: skip
    threads: int | None = option(None, "CPU threads; by default all.", panel=TRAINING, ge=1, also=aliases.THREADS)
    report_every: int = option(
        0, "Steps between reports; 0: about twenty reports in a run.", panel=TRAINING, ge=0, also=aliases.REPORT_EVERY
    )


class NetworkRegularization(Config):
    """Penalties, dropout, augmentation, early stopping."""

    l1: float = option(
        0.0,
        "L1 penalty on the weights: exact zeros. With adamw and muon it is decoupled from the loss, as L2 is.",
        panel=REGULARIZATION,
        ge=0,
        also=aliases.L1,
    )
    l2: float = option(
        0.0, "L2 penalty on the weights: this times half the sum of squares (adamw, muon: weight decay).",
        panel=REGULARIZATION, ge=0, also=aliases.L2,
    )  # fmt: skip
    dropout: float | None = option(
        None, "Dropout after each hidden layer; by default 0, for classes 0.1.", panel=REGULARIZATION, ge=0, lt=1,
        also="dropout_rate drop_rate drop p_drop",
    )  # fmt: skip
    augment: Literal["auto", "none", "flips", "shifts", "photos"] = option(
        "auto",
        "flips: mirror images and turn them by 90 degrees; of classes, shifts: move, turn and scale them a little, as "
        "suits digits; photos: mirror them left and right, move them, change their colors. auto: flips for "
        "restoration, for classify shifts or photos, by how the images look.",
        panel=REGULARIZATION,
        also="augmentation augmentations data_augmentation aug transforms",
        also_as={"no_augment": "none", "no_augmentation": "none", "flip": "flips", "hflip": "flips"},
    )
    early_stop: int | None = option(
        None,
        "Stop after this many reports without a lower validation loss.",
        panel=REGULARIZATION,
        ge=1,
        metavar="PATIENCE",
        also=aliases.EARLY_STOP,
    )


class NetworkScheduleOptions(ScheduleOptions):
    """The schedule, whose default depends on the architecture."""

    schedule: ScheduleName | None = option(  # type: ignore[assignment]
        None,
        "How the learning rate changes; by default polynomial (article: constant).",
        panel=SCHEDULE,
        also=aliases.SCHEDULE,
    )


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


def check_classes(config: ClassOptions, task: str, given: Collection[str]) -> None:
    """Raises ValueError for an option of classes with another task, and for two names of one side."""
    for name in ONLY_CLASSES:
        if task != "classify" and getattr(config, name) is not None:
            raise ValueError(f"{flag_of(type(config), name)} goes with --task classify, not {task}: leave it out")
    if task == "classify" and config.side is not None and "crop" in given:
        raise ValueError("--side and --crop both set the side of class images: give --side alone")
