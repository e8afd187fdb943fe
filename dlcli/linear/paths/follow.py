"""A path on all training rows and on those beside each fold, and the penalty that is chosen on it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from dlcli.engine.arrays import FloatArray
from dlcli.engine.progress import Progress
from dlcli.errors import DlcliError
from dlcli.linear.data.cache import FitCache
from dlcli.linear.data.load import folds_of
from dlcli.linear.data.rows import Held
from dlcli.linear.fit import prepare
from dlcli.linear.metrics import regression_metrics
from dlcli.linear.objectives.penalty import Penalty
from dlcli.linear.paths.choice import Scores
from dlcli.linear.paths.classes import ClassesPath
from dlcli.linear.paths.settings import PathSettings, Track
from dlcli.linear.paths.squares import SquaresPath
from dlcli.linear.plan import Plan
from dlcli.linear.problem import FitProblem
from dlcli.linear.start.point import StartPoint


@dataclass(frozen=True)
class Path:
    """The fits along ``penalties`` (L,), from the largest down, and the losses of the folds.

    ``penalty`` says which of both they are; ``metrics`` are those of the folds at the one that was chosen.
    """

    penalty: Penalty
    settings: PathSettings
    penalties: FloatArray
    track: Track
    scores: Scores
    metrics: list[dict[str, float]]

    @property
    def place(self) -> int:
        """That of the penalty that is chosen."""
        return self.scores.chosen(self.settings.choice)

    @property
    def chosen(self) -> Penalty:
        """The penalty of the final fit."""
        return self.penalty.at(float(self.penalties[self.place]))

    def start(self, names: Sequence[str]) -> StartPoint:
        """The coefficients there, of columns of these names."""
        slopes = dict(zip(names, self.track.slopes[self.place], strict=True))
        return StartPoint(self.track.intercept[self.place], slopes)


def follow(plan: Plan, space: FitCache, settings: PathSettings, progress: Progress) -> Path:
    """Fit along the path of a plan. Raises DlcliError where no penalty matters, or folds are too small."""
    data = space.data
    trained = data.training_groups()
    folds, observed = folds_of(plan.split, data), plan.columns.weighting.observations
    _check_folds(plan, [observed(data.moments[fold]) for fold in folds])
    whole = _path_of(plan, space, trained, Held())
    if whole.largest <= 0:
        raise DlcliError(
            f"--{plan.penalty.path} path: no column varies with the target, so that no penalty matters",
            f"leave out --{plan.penalty.path} path, or see --dry-run for what the columns hold",
        )
    moments = data.merged(trained)
    penalties = settings.penalties(whole.largest, plan.penalty, few_rows=observed(moments) < len(moments.mean))
    shown = f"--{plan.penalty.path} path: {len(penalties):,} penalties on all rows"
    progress.reached(shown)
    track, held = whole.follow(penalties), []
    for number, fold in enumerate(folds, start=1):
        progress.reached(f"{shown}, and without fold {number} of {len(folds)}")
        beside = plan.split.beside(fold, trained)
        found = _path_of(plan, space, beside, Held(scored=[fold], fold=True)).follow(penalties)
        assert found.held is not None
        held.append(found)
    progress.reached("")
    scores = Scores(np.array([found.held for found in held]))
    place = scores.chosen(settings.choice)
    metrics = [_metrics(plan, space, fold, found, place) for fold, found in zip(folds, held, strict=True)]
    return Path(plan.penalty, settings, penalties, track, scores, metrics)


def _check_folds(plan: Plan, rows: Sequence[float]) -> None:
    """Raise DlcliError for folds of one row, whose losses say nothing of how it varies."""
    if min(rows) > 1:
        return
    fewer = max(2, int(sum(rows)) // 2)
    hint = f"give fewer, such as --cv {min(fewer, 5)}" if plan.split.folds > 2 else "give more rows"
    raise DlcliError(f"--{plan.penalty.path} path with --cv {plan.split.folds}: a fold has only one row", hint)


def _path_of(plan: Plan, space: FitCache, groups: Sequence[int], held: Held) -> SquaresPath | ClassesPath:
    """What finds the fits on the rows of some groups, and measures them on those held."""
    data = space.seen_from(groups)
    if plan.kind == "mse":
        scored = data.merged(held.scored) if held.scored else None
        return SquaresPath(space.problem(plan.columns, 0.0, groups), plan.penalty, scored)
    return ClassesPath(_prepared(plan, space, groups, held), plan.penalty)


def _prepared(plan: Plan, space: FitCache, groups: Sequence[int], held: Held) -> FitProblem:
    newton = replace(plan, optimizer="newton", penalty=plan.penalty.at(1.0))
    return prepare(newton, space, groups, held).problem


def _metrics(plan: Plan, space: FitCache, fold: int, found: Track, place: int) -> dict[str, float]:
    """Those of a fold's fit at one place of the path."""
    beside = plan.split.beside(fold, space.data.training_groups())
    data = space.seen_from(beside)
    if plan.kind == "mse":
        assert found.held is not None
        return regression_metrics(data.merged([fold]), float(found.held[place]), plan.columns.intercept)
    problem = _prepared(plan, space, beside, Held(scored=[fold], fold=True))
    assert problem.rows is not None
    theta = problem.units.of_data(found.intercept[place], found.slopes[place])
    return problem.rows.metrics(theta)["val"]
