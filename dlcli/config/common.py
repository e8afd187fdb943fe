"""Options that several commands share."""

from pathlib import Path
from typing import Literal

from pydantic import field_validator

from dlcli.config import aliases
from dlcli.config.base import Config
from dlcli.config.option import option

DATA = "Data"
OUTPUT = "Output"
SCHEDULE = "Schedule"
IMAGES = "Images"
MODEL = "Model"
TRAINING = "Training"
REGULARIZATION = "Regularization"
INFERENCE = "Inference"

ScheduleName = Literal[
    "constant", "time", "step", "exponential", "polynomial", "cosine", "one-cycle",
    "adagrad", "hypergradient", "polyak", "barzilai-borwein", "plateau",
]  # fmt: skip

PlotFormat = Literal["png", "svg", "pdf", "none"]


def known_device(value: str) -> str:
    """The name of a device, checked. Raises ValueError for one that can't be."""
    base, _, number = value.partition(":")
    if base not in ("auto", "cpu", "cuda", "mps") or (number and (base != "cuda" or not number.isdigit())):
        raise ValueError("expected auto, cpu, cuda, cuda:N or mps")
    return value


def known_axes(value: str | None) -> str | None:
    """Letters of the dimensions of image files, in capitals. Raises ValueError for what can't be."""
    if value is None:
        return None
    letters = value.upper()
    if not letters.isalpha() or len(set(letters)) < len(letters) or not {"Y", "X"} <= set(letters):
        raise ValueError("expected a letter for each dimension, Y and X among them, such as ZYX, TZCYX or YXC")
    return letters


AXES = (
    "Dimensions of arrays and of files with several frames, a letter each: Y and X, C for channels; along others, such "
    "as T and Z, are frames. By default as the files tell."
)
AXES_ALSO = "dims dimensions dimension_order axis_order order axis"


def by_commas(value: object) -> object:
    """Names in lists that are separated by commas, one by one."""
    if isinstance(value, (list, tuple)):
        return tuple(name.strip() for item in value for name in str(item).split(",") if name.strip())
    return value


class OutputOptions(Config):
    """How results are shown."""

    json_output: bool = option(
        False,
        "Print one JSON document, the report, to stdout.",
        panel=OUTPUT,
        flags=("--json",),
        cli_only=True,
        also="format output_format report",
    )
    quiet: bool = option(
        False,
        "Print only errors, and the report with --json.",
        panel=OUTPUT,
        flags=("--quiet", "-q"),
        cli_only=True,
        also="silent no_progress no_progress_bar",
    )

    @property
    def reading_threads(self) -> int | None:
        """The most threads that read tables; None: as many as there are cores."""
        return None


class DirectoryOptions(OutputOptions):
    """The run directory, and what makes a run repeatable."""

    out: Path | None = option(
        None,
        "Run directory; by default runs/COMMAND-NNN.",
        panel=OUTPUT,
        complete="dir",
        cli_only=True,
        also="o output output_dir out_dir save save_dir save_path run_dir log_dir default_root_dir dest",
    )
    force: bool = option(
        False,
        "Write into an --out directory that is not empty.",
        panel=OUTPUT,
        flags=("--force",),
        cli_only=True,
        also="f overwrite exist_ok clobber yes y",
    )
    plots: PlotFormat = option(
        "png",
        "Format of the charts in plots/; none draws no charts and no sheets of images (those are always PNG).",
        panel=OUTPUT,
        also="plot charts figures plot_format",
        also_as={"no_plots": "none", "no_plot": "none", "no_charts": "none", "svg": "svg", "pdf": "pdf"},
    )
    seed: int = option(0, "Seed of every random choice.", panel=OUTPUT, ge=0, lt=2**63, also=aliases.SEED)


class RunOptions(DirectoryOptions):
    """Where results go, what makes a run repeatable, and where it is computed."""

    device: str = option(
        "auto",
        "auto, cpu, cuda or cuda:N; auto takes a GPU where it is faster.",
        panel=OUTPUT,
        also=aliases.DEVICE,
        also_as=aliases.DEVICE_VALUES,
    )

    @field_validator("device")
    @classmethod
    def _known_device(cls, value: str) -> str:
        return known_device(value)


class LogOptions(Config):
    """Where else a run is written."""

    log_to: Literal["none", "tensorboard", "mlflow"] = option(
        "none",
        "Write the run also for TensorBoard (into tensorboard/ of the run directory) or MLflow (MLFLOW_TRACKING_URI, "
        "else mlflow.db).",
        panel=OUTPUT,
        also="logger loggers tracker tracking report_to track",
        also_as={"tensorboard": "tensorboard", "mlflow": "mlflow"},
    )


class TrainingOptions(LogOptions, RunOptions):
    """Options of every training command."""

    data_seed: int | None = option(
        None,
        "Seed of the validation split and of the built-in examples; by default --seed.",
        panel=DATA,
        ge=0,
        lt=2**63,
        also="split_seed data_random_state",
    )

    @property
    def seed_of_data(self) -> int:
        """The seed by which data are split."""
        return self.seed if self.data_seed is None else self.data_seed


DECAY_FACTORS = {"step": 0.5, "exponential": 0.999, "plateau": 0.5}  # where --decay-factor isn't given


class ScheduleOptions(Config):
    """How the learning rate changes, and the constants of the formulas."""

    schedule: ScheduleName = option("constant", "How the learning rate changes.", panel=SCHEDULE, also=aliases.SCHEDULE)
    decay_rate: float = option(0.01, "k of time decay, a0 / (1 + k t).", panel=SCHEDULE, ge=0, also="lr_decay_rate")
    decay_factor: float | None = option(
        None,
        "g of step (0.5), exponential (0.999) and plateau (0.5) decay.",
        panel=SCHEDULE,
        gt=0,
        le=1,
        also="gamma lr_gamma lr_decay lr_decay_factor lr_factor factor",
    )
    decay_every: int = option(
        1000, "s of step decay, a0 g^floor(t/s).", panel=SCHEDULE, ge=1, also="decay_steps lr_step_size lr_step"
    )
    decay_power: float = option(
        1.0, "p of polynomial decay, a0 (1 - t/T)^p.", panel=SCHEDULE, gt=0, also="power power_t lr_power"
    )
    hyper_lr: float = option(
        0.001, "beta of hypergradient descent.", panel=SCHEDULE, ge=0, also="hypergrad_lr hyper_learning_rate"
    )
    polyak_target: float | None = option(
        None, "f* of Polyak's step; by default the optimum where it is known, else 0.", panel=SCHEDULE
    )
    plateau_patience: int = option(
        5,
        "Reports without improvement before plateau lowers the learning rate.",
        panel=SCHEDULE,
        ge=1,
        also="lr_patience scheduler_patience",
    )
