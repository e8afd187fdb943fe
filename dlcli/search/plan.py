"""Plan a search: every default resolved, the data read, and what can't be searched refused."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

from dlcli.config.base import Config, flag_of
from dlcli.config.fit_linear import FitLinearConfig
from dlcli.config.suggestions import suggestions
from dlcli.config.tune_lr import TuneLrConfig
from dlcli.engine.progress import Progress, Silent
from dlcli.errors import DlcliError
from dlcli.search.halving import HalvingSchedule, make_halving_schedule
from dlcli.search.runner import LEARNING, trial_config
from dlcli.search.space import Point, Space, canonical, parse_space
from dlcli.search.study.opening import DATA
from dlcli.search.trials import Metric, Trials, choose_metric

POINTS = {"fit-linear": 16, "train-deconv": 8}
VARIED_POINTS = 5  # of a range of --vary on a grid
TRIALS_BY_DEFAULT = 16
FORBIDDEN = ("out", "force", "plots", "json_output", "quiet", "resume")

OpenTrials = Callable[[TuneLrConfig, Config, Progress], Trials]


@dataclass(frozen=True)
class Search:
    """A search that is planned: every default resolved."""

    config: TuneLrConfig
    name: str
    base: Config
    trials: Trials
    space: Space
    metric: Metric
    points: list[Point]
    halving: HalvingSchedule
    about: dict[str, Any] = field(default_factory=dict)

    @property
    def unmeasured(self) -> bool:
        """Whether trials differ by chance as well (mini-batches, the rows held out), and nothing says how far."""
        drawn = self.name == "train-deconv" or getattr(self.base, "optimizer", "") in ("sgd", "adam")
        return (self.config.repeats or 1) < 2 and not self.metric.folds and (drawn or self.metric.part == "val")

    @property
    def runs(self) -> int:
        """How many runs it takes at most."""
        return self.halving.runs or self.config.trials or 0


def plan_search(config: TuneLrConfig, base: Config, progress: Progress, open_trials: OpenTrials) -> Search:
    """Resolve every default, read the data by ``open_trials``, and refuse what can't be searched. Raises DlcliError."""
    name = "fit-linear" if isinstance(base, FitLinearConfig) else "train-deconv"
    command = type(base)
    for option in FORBIDDEN:
        if option in base.model_fields_set:
            flag = flag_of(command, option)
            raise DlcliError(f"{flag} after {name}: a trial leaves no run directory", f"put {flag} before {name}")
    if config.workers > 1 and "-" in base.data:  # type: ignore[attr-defined]
        raise DlcliError(f"--workers {config.workers}: only one process can read standard input", "give a file")
    if config.cv and isinstance(base, FitLinearConfig):
        base = type(base).build({n: getattr(base, n) for n in base.model_fields_set} | {"cv": config.cv})
    space = _space(config, base, (1.0, 2.0))
    if "lr" in [a.name for a in space.axes] and config.lr is None and not any(_is_lr(text) for text in config.vary):
        space = _space(config, base, open_trials(config, base, Silent()).default_rates())
    trials = open_trials(config, base, progress)
    metric = choose_metric(config.metric, trials, config.cv or getattr(base, "cv", None))
    chosen: dict[str, Any] = {"pruner": _pruner(config, name)}
    if config.method in ("random", "tpe"):
        chosen["trials"] = config.trials or TRIALS_BY_DEFAULT
    config = config.model_copy(update=chosen)
    trials.watched, trials.by_training_loss = config.pruner in LEARNING, metric.part == "train"
    if trials.watched and name == "fit-linear" and metric.name != "loss":
        raise DlcliError(
            f"--pruner {config.pruner} judges by the reports of a run, and those have no {metric}",
            "use --metric val.loss or train.loss, or --pruner asha",
        )
    points = _points(config, space, name)
    _check(config, base, trials, space, points)
    points = _by_shape(config, base, trials, points)
    if metric.part == "train" and config.metric is None and len(space.axes) > 1:
        progress.warn("there are no validation data: trials are compared by the training loss; add --val 0.2")
    if config.workers > 1 and (config.storage or "").startswith("sqlite"):
        progress.warn("sqlite locks its file for every write: for many workers use journal:///PATH or postgresql://")
    halving = HalvingSchedule((1.0,), (len(points),))
    if config.pruner == "asha" and points:
        halving = make_halving_schedule(len(points))
    given = {n: getattr(base, n) for n in base.model_fields_set}
    about = {
        "command": name, "training": {n: str(v) for n, v in given.items()}, "space": space.to_json(),
        "method": config.method, "points": _decisive(config, points), "metric": f"{metric.part}.{metric.name}",
        "pruner": config.pruner,
        "repeats": config.repeats or 1, "cv": config.cv, "seed": config.seed,
        DATA: trials.fingerprint(_naming_files(base, space)),
    }  # fmt: skip
    return Search(config, name, base, trials, space, metric, points, halving, about)


def _decisive(config: TuneLrConfig, points: list[Point]) -> int | None:
    """How many points there are; not where a study may go on with more, as those of a random draw are the first."""
    named = config.study is not None or config.storage is not None
    return None if named and config.method == "random" and config.pruner != "asha" else len(points)


def _naming_files(base: Config, space: Space) -> list[Any]:
    """The command's config, and those whose options name other files: kernels, masks."""
    given = {name: getattr(base, name) for name in base.model_fields_set}
    values = [(axis.name, value) for axis in space.axes if axis.name in ("blur", "mask") for value in axis.values]
    return [base, *(type(base).build(given | {name: value}) for name, value in values)]


def _is_lr(text: str) -> bool:
    return text.partition("=")[0].strip().removeprefix("--") == "lr"


def _space(config: TuneLrConfig, base: Config, rates: tuple[float, float]) -> Space:
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

    fixed = base.model_fields_set & {"lr"} and getattr(base, "lr", "auto") != "auto"
    rateless = getattr(base, "optimizer", None) in ("newton", "lbfgs", "exact")
    if fixed and config.lr is not None:
        raise DlcliError(f"--lr {config.lr} is both searched and fixed, after the command's name", "leave one out")
    space = parse_space(config.lr, config.vary, numeric, None if fixed or rateless else rates)
    if not space.axes:
        without = f": --optimizer {getattr(base, 'optimizer', None)} has no learning rate" if rateless else ""
        remedy = "give --vary NAME=VALUES" if rateless else "give --lr 1e-4:1, or --vary NAME=VALUES"
        raise DlcliError(f"there is nothing to search{without}", remedy)
    return space


def _takes_numbers(annotation: Any) -> Literal["whole"] | bool:
    """Whether an option takes numbers, or whole ones only."""
    import types
    from typing import Union, get_args, get_origin

    members = get_args(annotation) if get_origin(annotation) in (Union, types.UnionType) else (annotation,)
    if float in members:
        return True
    return "whole" if int in members else False


def _pruner(config: TuneLrConfig, name: str) -> str:
    if config.pruner != "auto":
        return config.pruner
    if name == "fit-linear":
        return "none"
    return "median" if config.method == "tpe" else "asha"


def _points(config: TuneLrConfig, space: Space, name: str) -> list[Point]:
    """The points of the search; none where the sampler chooses them one by one."""
    if config.method == "tpe":
        return []
    if config.method == "random":
        return space.random(config.trials or 0, config.seed)
    rates = config.points or POINTS[name]
    return space.grid([rates if axis.name == "lr" else VARIED_POINTS for axis in space.axes])


def _by_shape(config: TuneLrConfig, base: Config, trials: Trials, points: list[Point]) -> list[Point]:
    """The points, those that can share a stack next to each other."""
    if not config.most_fused:
        return points
    groups: dict[Any, list[Point]] = {}
    for point in points:
        shape = trials.shape(trial_config(base, type(base), config, point.params, point.number, 0))
        groups.setdefault(shape, []).append(point)
    return [point for group in groups.values() for point in group]


def _check(config: TuneLrConfig, base: Config, trials: Trials, space: Space, points: list[Point]) -> None:
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
            trials.check(trial_config(base, type(base), config, point.params, point.number, 0))
        except DlcliError as error:
            shown = ", ".join(f"{n}={v}" for n, v in point.params.items() if n != "lr")
            where = f"with {shown}: " if shown else ""
            raise DlcliError(f"{where}{error.message}", error.hint, error.exit_code) from None
