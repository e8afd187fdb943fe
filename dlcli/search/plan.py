"""Plan a search: every default resolved, the data read, and what can't be searched refused."""

from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Literal, TypeAlias

from dlcli.config.fit_linear import FitLinearConfig
from dlcli.config.option import flag_of
from dlcli.config.suggestions import suggestions
from dlcli.config.tune_lr import TuneLrConfig
from dlcli.engine.progress import Progress, Silent
from dlcli.errors import DlcliError
from dlcli.files import JsonObject
from dlcli.passwords import hidden
from dlcli.search.halving import HalvingSchedule, make_halving_schedule
from dlcli.search.settings import (
    OutputSettings,
    SearchSettings,
    StudySettings,
    SweepSettings,
    TrainingConfig,
    TrainingConfigs,
)
from dlcli.search.space import Point, Space, canonical, parse_space
from dlcli.search.study.opening import DATA, RUNGS
from dlcli.search.trials import Metric, Trials, choose_metric

POINTS = {"fit-linear": 16, "train-deconv": 8}
VARIED_POINTS = 5  # of a range of --vary on a grid
TRIALS_BY_DEFAULT = 16
SWEEP_STEPS = 100
FORBIDDEN = ("out", "force", "plots", "log_to", "json_output", "quiet", "resume")

# Opens the training command of a config, with so many folds of cross-validation.
OpenTrials: TypeAlias = Callable[[TrainingConfig, int | None, Progress], Trials[TrainingConfig]]


@dataclass(frozen=True)
class Search:
    """A search that is planned: every default resolved. ``fingerprint`` is all that its values depend on."""

    configs: TrainingConfigs
    trials: Trials[TrainingConfig]
    space: Space
    metric: Metric
    points: list[Point]
    halving: HalvingSchedule
    settings: SearchSettings
    study: StudySettings
    output: OutputSettings
    fingerprint: JsonObject

    @property
    def unmeasured(self) -> bool:
        """Whether trials differ by chance as well (mini-batches, weights drawn), and nothing says how far."""
        drawn = self.configs.command == "train-deconv" or self.configs.base.optimizer in ("sgd", "adam")
        return self.configs.repeats < 2 and not self.metric.folds and drawn

    @property
    def runs(self) -> int:
        """How many runs it takes at most."""
        return self.halving.runs or self.settings.draws


def plan_sweep(config: TuneLrConfig, base: TrainingConfig) -> SweepSettings:
    """The settings of a learning-rate range test. Raises DlcliError for a schedule of the rate."""
    if base.schedule not in (None, "constant"):
        raise DlcliError(
            f"--schedule {base.schedule}: a sweep raises the learning rate itself", "leave the schedule out"
        )
    steps = config.points or SWEEP_STEPS
    return SweepSettings(
        TrainingConfigs(base, config.seed), config.lr, steps, config.repeats, OutputSettings.of(config)
    )


def plan_search(config: TuneLrConfig, base: TrainingConfig, progress: Progress, open_trials: OpenTrials) -> Search:
    """Resolve every default, read the data by ``open_trials``, and refuse what can't be searched. Raises DlcliError."""
    _check_together(config, base)
    if config.cv and isinstance(base, FitLinearConfig):
        base = base.with_options({"cv": config.cv})
    configs = TrainingConfigs(base, config.seed, config.repeats or 1, config.cv)
    space = _space(config, base, (1.0, 2.0))
    if "lr" in [a.name for a in space.axes] and config.lr is None and not any(_is_lr(text) for text in config.vary):
        space = _space(config, base, open_trials(base, config.cv, Silent()).default_rates())
    trials = open_trials(base, config.cv, progress)
    metric = choose_metric(config.metric, trials, config.cv or getattr(base, "cv", None))
    config = _resolved(config, configs.command)
    settings = SearchSettings(
        config.method, config.pruner, config.trials or 0, config.most_fused, config.fuse == "auto", config.workers
    )
    trials.watched, trials.by_training_loss = settings.learns, metric.part == "train"
    if settings.learns and configs.command == "fit-linear" and metric.name != "loss":
        raise DlcliError(
            f"--pruner {config.pruner} judges by the reports of a run, and those have no {metric}",
            "use --metric val.loss or train.loss, or --pruner asha",
        )
    points = _points(config, space, configs.command)
    _check_points(configs, trials, space, points)
    if settings.most_fused:
        points = _by_fusion(configs, trials, points)
    _warn(config, space, metric, progress)
    many = config.pruner == "asha" and bool(points)
    halving = make_halving_schedule(len(points)) if many else HalvingSchedule((1.0,), (len(points),))
    study = StudySettings(config.study, config.storage, config.heartbeat)
    fingerprint: JsonObject = {
        "command": configs.command, "training": _options_told(study, base),
        "method": config.method, "metric": f"{metric.part}.{metric.name}", "pruner": config.pruner,
        "repeats": configs.repeats, "cv": config.cv, "seed": config.seed,
        **_points_told(config.method, study, space, halving),
        DATA: trials.fingerprint(_naming_files(base, space)),
    }  # fmt: skip
    return Search(
        configs, trials, space, metric, points, halving, settings, study, OutputSettings.of(config), fingerprint
    )


def _check_together(config: TuneLrConfig, base: TrainingConfig) -> None:
    """Refuse options of the training command that have no meaning in a search."""
    name = TrainingConfigs(base).command
    for option in FORBIDDEN:
        if option in base.model_fields_set:
            flag = flag_of(type(base), option)
            raise DlcliError(f"{flag} after {name}: a trial leaves no run directory", f"put {flag} before {name}")
    if getattr(base, "diagnostics", False):
        raise DlcliError(
            f"--diagnostics after {name}: a trial leaves no run directory",
            "leave it out, and fit once more with --config best.toml --diagnostics",
        )
    if config.workers > 1 and "-" in base.data:
        raise DlcliError(f"--workers {config.workers}: only one process can read standard input", "give a file")


def _resolved(config: TuneLrConfig, command: str) -> TuneLrConfig:
    """The config with what was left to dlcli: the pruner, and how many points a sampler draws."""
    pruner = _pruner(config, command)
    if config.method in ("random", "tpe"):
        return config.model_copy(update={"pruner": pruner, "trials": config.trials or TRIALS_BY_DEFAULT})
    return config.model_copy(update={"pruner": pruner})


def _warn(config: TuneLrConfig, space: Space, metric: Metric, progress: Progress) -> None:
    if metric.part == "train" and config.metric is None and len(space.axes) > 1:
        progress.warn("there are no validation data: trials are compared by the training loss; add --val 0.2")
    if config.workers > 1 and (config.storage or "").startswith("sqlite"):
        progress.warn("sqlite locks its file for every write: for many workers use journal:///PATH or postgresql://")


def _options_told(study: StudySettings, base: TrainingConfig) -> JsonObject:
    """What a search is told by of the training command's options; in a study not the path of its data.

    Another machine, or another folder, may have another path to the same data, which are told by their content.
    """
    return {n: hidden(str(v)) for n, v in base.given().items() if n != "data" or not study.named}


def _points_told(method: str, study: StudySettings, space: Space, halving: HalvingSchedule) -> JsonObject:
    """What a search is told by of its points; a study may go on with more, so there it isn't how many they are.

    Of a random draw all points follow from the space. Of a grid each stands for itself: a larger one has other values.
    """
    if not study.named:
        return {"space": space.to_json(), "points": halving.counts[0]}
    rungs = {RUNGS: list(halving.fractions)} if method != "tpe" else {}
    return {"space": sorted(axis.name for axis in space.axes) if method == "grid" else space.to_json(), **rungs}


def _naming_files(base: TrainingConfig, space: Space) -> list[TrainingConfig]:
    """The command's config, and those whose options name other files: kernels, masks."""
    values = [(axis.name, value) for axis in space.axes if axis.name in ("blur", "mask") for value in axis.values]
    return [base, *(base.with_options({name: value}) for name, value in values)]


def _is_lr(text: str) -> bool:
    return text.partition("=")[0].strip().removeprefix("--") == "lr"


def _space(config: TuneLrConfig, base: TrainingConfig, rates: tuple[float, float]) -> Space:
    """The space; ``rates`` is the range of the learning rate unless the command line fixes it."""
    command = type(base)

    def numeric(name: str) -> Literal["whole"] | bool:
        if name not in command.model_fields or name in (*FORBIDDEN, "seed", "data_seed", "device", "data", "cv"):
            found = [s.field for s in suggestions(command, name) if s.field not in (*FORBIDDEN, name)]
            hint = f"did you mean {' or '.join(found).replace('_', '-')}?" if found else "see that command's --help"
            if name in ("seed", "cv"):
                hint = f"use {'--repeats' if name == 'seed' else '--cv'} before the command's name"
            raise DlcliError(f"--vary {name.replace('_', '-')}: not an option that can be searched", hint)
        return _takes_numbers(command.model_fields[name].annotation)

    fixed = "lr" in base.model_fields_set and base.lr != "auto"
    rateless = base.optimizer in ("newton", "lbfgs", "exact")
    if fixed and config.lr is not None:
        raise DlcliError(f"--lr {config.lr} is both searched and fixed, after the command's name", "leave one out")
    space = parse_space(config.lr, config.vary, numeric, None if fixed or rateless else rates)
    if not space.axes:
        without = f": --optimizer {base.optimizer} has no learning rate" if rateless else ""
        remedy = "give --vary NAME=VALUES" if rateless else "give --lr 1e-4:1, or --vary NAME=VALUES"
        raise DlcliError(f"there is nothing to search{without}", remedy)
    return space


def _takes_numbers(annotation: object) -> Literal["whole"] | bool:
    """Whether an option takes numbers, or whole ones only."""
    import types
    from typing import Union, get_args, get_origin

    members = get_args(annotation) if get_origin(annotation) in (Union, types.UnionType) else (annotation,)
    if float in members:
        return True
    return "whole" if int in members else False


def _pruner(config: TuneLrConfig, command: str) -> str:
    if config.pruner != "auto":
        return config.pruner
    if command == "fit-linear":
        return "none"
    return "median" if config.method == "tpe" else "asha"


def _points(config: TuneLrConfig, space: Space, command: str) -> list[Point]:
    """The points of the search; none where the sampler chooses them one by one."""
    if config.method == "tpe":
        return []
    if config.method == "random":
        return space.random(config.trials or 0, config.seed)
    rates = config.points or POINTS[command]
    return space.grid([rates if axis.name == "lr" else VARIED_POINTS for axis in space.axes])


def _by_fusion(configs: TrainingConfigs, trials: Trials[TrainingConfig], points: list[Point]) -> list[Point]:
    """The points, those that can be trained in one batch next to each other."""
    groups: dict[Hashable, list[Point]] = {}
    for point in points:
        groups.setdefault(trials.fusion_key(configs.of(point)), []).append(point)
    return [point for group in groups.values() for point in group]


def _check_points(configs: TrainingConfigs, trials: Trials[TrainingConfig], space: Space, points: list[Point]) -> None:
    """Refuse a value that the training command would refuse, before anything is trained."""
    seen: set[str] = set()
    every = points or [Point(0, {axis.name: axis.points(2)[i % len(axis.points(2))] for axis in space.axes})
                       for i in range(2)]  # fmt: skip
    for point in every:
        # The rate doesn't decide what fits together: one of each combination of the others will do.
        key = canonical({n: v for n, v in point.params.items() if n != "lr"})
        if key in seen:
            continue
        seen.add(key)
        try:
            trials.check(configs.of(point))
        except DlcliError as error:
            shown = ", ".join(f"{n}={v}" for n, v in point.params.items() if n != "lr")
            where = f"with {shown}: " if shown else ""
            raise DlcliError(f"{where}{error.message}", error.hint, error.exit_code) from None
