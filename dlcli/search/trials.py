"""What the tuner needs of a training command: trials that can be stepped, and the metrics that they give."""

from collections.abc import Callable, Generator, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

from dlcli.config.common import DECAY_FACTORS, ScheduleOptions, TrainingOptions
from dlcli.engine.loop import Step
from dlcli.errors import DlcliError
from dlcli.files import JsonObject

Metrics = dict[str, dict[str, float]]


Config = TypeVar("Config", bound=TrainingOptions)


@dataclass(frozen=True)
class Trial:
    """One run that is ready: its reports as they come, and the metrics of its best state once they have ended.

    ``errors`` gives the standard errors of the metrics of ``val``, over its rows; those that aren't known are missing.
    Whoever wants no more of the ``steps`` closes them.
    """

    steps: Generator[Step, None, None]
    metrics: Callable[[], Metrics]
    stable_lr: float | None = None
    errors: Callable[[Mapping[str, float]], Mapping[str, float]] | None = None


class Trials(Protocol[Config]):
    """A training command as the tuner sees it; data are read once and kept.

    ``watched`` says whether a pruner looks at the reports of a run; ``by_training_loss``, whether trials are compared
    by a loss that is a mean since the report before.
    """

    watched: bool
    by_training_loss: bool

    @property
    def device(self) -> str:
        """Where trials are computed, "cpu", "cuda[:N]" or "mps"."""

    def metric_names(self) -> Mapping[str, Sequence[str]]:
        """Metrics by part: train, and val where there is validation."""

    def higher_is_better(self, name: str) -> bool:
        """Whether larger values of one of these metrics are better."""

    def default_metric(self) -> str:
        """PART.NAME of the metric that is compared by default."""

    def default_rates(self) -> tuple[float, float]:
        """Lowest and highest learning rate of the default range."""

    def fingerprint(self, configs: Sequence[Config]) -> JsonObject:
        """The fingerprint of the data of the first config, and of the files that the others name."""

    def check(self, config: Config) -> None:
        """Raise DlcliError for a config that can't be trained."""

    def start(self, config: Config, check_signal: Callable[[], None]) -> Iterable[Trial]:
        """The run of a config: one trial, or one for each fold of cross-validation."""

    def fusion_key(self, config: Config) -> Hashable | None:
        """Configs of equal keys may be trained in one batch; None: such a config is trained alone."""

    def start_fused(self, configs: Sequence[Config], check_signal: Callable[[], None]) -> list[list[Trial]]:
        """The runs of configs of one key in one batch: their trials must be stepped in turn."""

    def fusion_pays(self, config: Config) -> bool:
        """Whether trials like this one, which may be fused, are faster so than one after the other."""

    def shorter(self, config: Config, fraction: float) -> Config:
        """The config with this share of its steps or time."""

    def final(self, config: Config) -> Config:
        """The config with every choice resolved, as best.toml holds it."""

    def as_fused(self, config: Config) -> Config:
        """A final config whose run alone computes what its run in a batch computed."""


def shorter_decay(config: ScheduleOptions, fraction: float) -> dict[str, float]:
    """What makes a schedule that is given by the step decay as far in this share of the steps as in all of them."""
    if config.schedule == "step":
        return {"decay_every": max(1, round(config.decay_every * fraction))}
    if config.schedule == "time":
        return {"decay_rate": config.decay_rate / fraction}
    if config.schedule == "exponential":
        return {"decay_factor": float((config.decay_factor or DECAY_FACTORS["exponential"]) ** (1 / fraction))}
    return {}


@dataclass(frozen=True)
class Metric:
    """The metric that is compared, such as val.loss; ``larger``: larger values are better."""

    part: str
    name: str
    folds: int | None = None
    larger: bool = False

    @property
    def validated(self) -> str:
        """What validation is called: over folds each trial is a mean, not one held-out part."""
        return "cv" if self.folds and self.part == "val" else self.part

    def __str__(self) -> str:
        return f"{self.validated}.{self.name}"

    def of(self, metrics: Metrics) -> float:
        """Its value in a trial's metrics."""
        value = metrics.get(self.part, {}).get(self.name)
        return float("nan") if value is None else float(value)

    def of_step(self, step: Step) -> float:
        """Its value in a report; nan where reports don't have it."""
        if self.name == "loss":
            value = step.loss if self.part == "train" or step.val_loss is None else step.val_loss
            return float(value)
        return float(step.metrics.get(self.name, float("nan"))) if self.part == "val" else float("nan")


def choose_metric(asked: str | None, trials: Trials[Config], folds: int | None = None) -> Metric:
    """The metric of --metric, or the default one. Raises DlcliError for one that the task hasn't got."""
    known = trials.metric_names()
    part, dot, name = (asked or trials.default_metric()).strip().lower().replace("-", "_").rpartition(".")
    part = "val" if folds and part == "cv" else part
    names = [f"{p}.{n}" for p, ns in known.items() for n in ns]
    if not dot:
        part = "val" if name in known.get("val", ()) else "train"
    if f"{part}.{name}" not in names:
        if part == "val" and "val" not in known:
            raise DlcliError(f"--metric {asked}: there are no validation data", "add --val 0.2 to the training command")
        raise DlcliError(f"--metric {asked}: this task has {', '.join(names)}", "choose one of these")
    return Metric(part, name, folds, trials.higher_is_better(name))
