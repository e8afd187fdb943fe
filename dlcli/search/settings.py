"""Settings of a search, resolved: each holds what its user needs of the command's options."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from dlcli.config.common import PlotFormat
from dlcli.config.fit_linear import FitLinearConfig
from dlcli.config.train_deconv import TrainDeconvConfig
from dlcli.config.tune_lr import Method, TuneLrConfig
from dlcli.passwords import without_password
from dlcli.reports.tune_lr import TrainingName
from dlcli.search.space import Point, point_seed

if TYPE_CHECKING:
    from optuna.pruners import BasePruner
    from optuna.samplers import BaseSampler

TrainingConfig: TypeAlias = FitLinearConfig | TrainDeconvConfig

# These judge a trial by those that have ended, so trials must end one after the other.
LEARNING_PRUNERS = ("median", "hyperband")


@dataclass(frozen=True)
class StudyPlace:
    """Where a study is kept: a ``url``, or None for memory; ``heartbeat`` is in seconds."""

    url: str | None = None
    name: str | None = None
    heartbeat: float = 10.0


@dataclass(frozen=True)
class StudyRules:
    """How a study compares values, draws points and ends runs early; None for a sampler or pruner that isn't used.

    In a ``grid`` a point is a combination, which is there once, whatever grids put it up.
    """

    larger: bool
    sampler: "BaseSampler | None" = None
    pruner: "BasePruner | None" = None
    grid: bool = False


@dataclass(frozen=True)
class StudySettings:
    """What the command line says of the study: its ``name`` and its ``storage``, each None where it isn't given."""

    name: str | None
    storage: str | None
    heartbeat: float

    @property
    def named(self) -> bool:
        """Whether it is kept after the command, for another one to continue."""
        return self.name is not None or self.storage is not None


@dataclass(frozen=True)
class OutputSettings:
    """The run directory (None: the next free number), the format of its charts, and what config.toml holds."""

    out: Path | None
    force: bool
    plots: PlotFormat
    config: TuneLrConfig

    @classmethod
    def of(cls, config: TuneLrConfig) -> "OutputSettings":
        """Those of a command; the URL of a storage is kept without its password."""
        kept = config.model_copy(update={"storage": without_password(config.storage)}) if config.storage else config
        return cls(config.out, config.force, config.plots, kept)


@dataclass(frozen=True)
class SearchSettings:
    """How points are chosen and run.

    ``draws`` is the number of points that a sampler draws. At most ``most_fused`` trials are trained in one batch, 0
    for none; with ``measure_fusion`` only where timing a few steps shows that it is faster.
    """

    method: Method
    pruner: str
    draws: int
    most_fused: int
    measure_fusion: bool
    workers: int

    @property
    def learns(self) -> bool:
        """Whether the pruner judges a trial by those that have ended."""
        return self.pruner in LEARNING_PRUNERS


@dataclass(frozen=True)
class TrainingConfigs:
    """The training command's config for each point: that of the command line, ``base``, with the point's values.

    ``repeats`` says how many seeds each point is trained with, ``folds`` into how many parts cross-validation splits
    the data.
    """

    base: TrainingConfig
    seed: int = 0
    repeats: int = 1
    folds: int | None = None

    @property
    def command(self) -> TrainingName:
        """The name of the training command."""
        return "fit-linear" if isinstance(self.base, FitLinearConfig) else "train-deconv"

    def seed_of(self, number: int, repeat: int = 0) -> int:
        """The seed of a point's run."""
        return point_seed(self.seed, number, repeat)

    def of(self, point: Point, repeat: int = 0) -> TrainingConfig:
        """The config of a point, with its own seed; the data are split alike for all. Raises DlcliError."""
        fields = type(self.base).model_fields
        options: dict[str, object] = {}
        for name, value in point.params.items():
            # Options that may be repeated hold a list.
            options[name] = (str(value),) if isinstance(fields[name].default, tuple) else value
        options["data_seed"] = self.base.seed_of_data
        options["seed"] = self.seed_of(point.number, repeat)
        if self.folds and "cv" in fields:
            options["cv"] = self.folds
        return self.base.with_options(options)

    def all_of(self, point: Point) -> list[TrainingConfig]:
        """The config of each repeat of a point."""
        return [self.of(point, repeat) for repeat in range(self.repeats)]


@dataclass(frozen=True)
class SweepSettings:
    """A learning-rate range test: the text of its range of rates (None: around the usual one), steps and seeds."""

    configs: TrainingConfigs
    rates: str | None
    steps: int
    repeats: int | None
    output: OutputSettings
