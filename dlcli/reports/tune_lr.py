"""The reports of ``tune-lr``: of a search, and of a learning-rate range test."""

from typing import Literal

from pydantic import Field, StrictBool, StrictFloat, StrictInt

from dlcli.reports.document import Environment, Fingerprint, Measured, Metrics, Number, Record, Text, TrainingReport

TrainingName = Literal["fit-linear", "train-deconv"]
Params = dict[str, StrictBool | StrictInt | StrictFloat | Text]


class TrialRun(Record):
    """How one trial was run."""

    state: Literal["complete", "pruned", "diverged", "failed", "running", "waiting"]
    fraction: float = Field(description="share of the full run that was trained, 0 to 1")
    steps: int
    seconds: float
    seed: int
    reason: str = Field(description="why it ended, in words")
    metrics: Measured
    rank: int | None = Field(description="place among the trials, 1 for the best; null where it has no value")


class Trial(TrialRun):
    """One trial of a search."""

    number: int
    params: Params = Field(description="the options of this trial")
    value: float | None = Field(description="the metric that is optimized, the mean over seeds or folds")
    spread: float | None = Field(description="standard deviation over seeds or folds; null for one")
    each: list[Number] = Field(description="the metric of each seed or fold")
    mark: Literal["best", "tied", ""] = Field(description="best: it is proposed; tied: no worse than that one")


class BestTrial(Record):
    """The trial that is proposed."""

    number: int
    params: Params
    value: float
    spread: float | None = Field(description="standard deviation over seeds or folds; null for one")
    complete: bool = Field(description="whether it was trained in full")
    seed: int
    config: Text = Field(description="path of the config that trains it")
    command: Text = Field(description="the command that trains it")
    rule: str = Field(description="why it comes first among those that are tied")
    tied: list[int] = Field(description="trials that differ from it by less than the noise")
    error: float | None = Field(
        default=None, description="standard error of the value over the rows held out; null where it isn't known"
    )
    near: list[int] = Field(default=[], description="trials whose values are no further from it than the error")
    noise: str = Field(description="what the noise is taken to be")
    runs: int = Field(description="seeds or folds of a trial")


class Tuning(TrainingReport):
    """What a search and a range test have in common."""

    command: Literal["tune-lr"]
    training: TrainingName


class SearchReport(Tuning):
    """The report of ``tune-lr`` as a search."""

    method: Literal["grid", "random", "tpe"]
    pruner: str | None
    metric: str = Field(description="what is optimized: a part of the data and a metric, as in val.loss")
    larger_is_better: bool
    metrics: Measured = Field(description="metrics of the proposed trial; empty where there is none")
    options: list[str] = Field(description="the options that are searched")
    trials: list[Trial]
    best: BestTrial | None = Field(description="null where no trial has a value")
    environment: Environment
    importances: dict[str, float] = Field(description="share of each option in being among the best; may be empty")
    importances_share: float = Field(description="share of the full run that the trials compared for it had")
    study: Text | None = Field(default=None, description="name of the study; null where it has none")
    storage: Text | None = Field(
        default=None, description="URL of its storage, without a password; null where none was given"
    )
    fingerprint: Fingerprint | None = Field(default=None, description="of the data; absent from older reports")


class Suggestions(Record):
    """Learning rates that one curve suggests; null where there is none."""

    steepest: Number = Field(description="where the loss falls fastest")
    valley: Number = Field(description="two thirds into the longest fall")
    minimum_tenth: Number = Field(description="a tenth of the rate at the minimum")
    edge: Number = Field(description="the rate from which the loss grows for good")


class SweepTrial(Record):
    """One run of the range test."""

    number: int
    params: Params
    value: Number = Field(description="the rate where the loss falls fastest")
    state: Literal["complete"]
    suggestions: Suggestions


class Suggestion(Record):
    """One suggested learning rate over the seeds."""

    median: Number
    low: Number
    high: Number


class SweepCurve(Record):
    """The loss after each step of a run whose rate rises."""

    seed: int
    rates: list[float]
    losses: list[Number]


class Sweep(Record):
    """What a learning-rate range test found."""

    seeds: int
    suggestions: dict[Literal["steepest", "valley", "minimum_tenth", "edge"], Suggestion]
    exact: Metrics = Field(description="rates known in closed form, by name; empty where none is")
    curves: list[SweepCurve]


class BestRate(Record):
    """The learning rate that is proposed."""

    params: Params
    rule: str = Field(description="how it was chosen")
    config: Text = Field(description="path of the config that trains with it")
    command: Text = Field(description="the command that trains with it")


class SweepReport(Tuning):
    """The report of ``tune-lr --sweep``."""

    method: Literal["sweep"]
    metrics: Measured = Field(description="empty")
    trials: list[SweepTrial]
    sweep: Sweep
    best: BestRate | None = Field(description="null where the loss falls at no rate")
    environment: Environment


TuneReport = SearchReport | SweepReport
