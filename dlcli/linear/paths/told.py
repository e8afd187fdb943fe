"""What is said of a path: on the console, in the report, in path.csv, and in its picture."""

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

import numpy as np

from dlcli.config.fit_linear import FitLinearConfig
from dlcli.engine.arrays import FloatArray
from dlcli.engine.progress import Progress
from dlcli.linear.data.cache import FitCache
from dlcli.linear.data.load import Loaded
from dlcli.linear.inference.entries import distinct
from dlcli.linear.paths.follow import Path, follow
from dlcli.linear.paths.settings import PathSettings
from dlcli.linear.report import expanded
from dlcli.linear.result import Fit
from dlcli.reports.fit_linear import FitLinearReport
from dlcli.reports.linear.path import PathPoint, PathReport
from dlcli.runs.directory import RunDirectory
from dlcli.runs.names import PATH
from dlcli.text import counted, printable

if TYPE_CHECKING:
    from dlcli.config.common import PlotFormat

SELECTED = "the penalty was selected by cross-validation, and biases the coefficients"
INEXACT = 1e-6  # share of the steepest gradient from which a fit isn't at its optimum
NOTHING = 1e-10  # a loss by moments, of the target's variance, that is all rounding
OWN = ("penalty", "intercept", "df", "loss", "val_loss", "se")  # columns of path.csv that aren't coefficients


@dataclass(frozen=True)
class FollowedPath:
    """A path that was followed, and what was ``loaded``, to be fitted with the penalty that was chosen."""

    path: Path
    loaded: Loaded

    def of_fit(self, fit: Fit) -> tuple[list[dict[str, float]] | None, Fit]:
        """The metrics of each fold at the penalty that was chosen; the fit without inference, as that was selected."""
        verdict = replace(fit.verdict, std_errors=None, covariance=None, no_errors=SELECTED)
        return self.path.metrics, replace(fit, verdict=verdict)

    def of_report(self, report: FitLinearReport) -> FitLinearReport:
        """The report with what it has of the path."""
        return report.model_copy(update={"path": path_report(self.path)})

    def write(self, run: RunDirectory) -> None:
        """Write path.csv."""
        run.write(PATH, path_csv(self.path, self.loaded))

    def draw(self, run: RunDirectory, format: "PlotFormat") -> None:
        """Write the picture, unless none is wanted."""
        if format != "none":
            run.write_chart("path", format, draw_path(self.path, self.loaded, format))


def along_path(config: FitLinearConfig, loaded: Loaded, space: FitCache, progress: Progress) -> FollowedPath:
    """Follow the path, and say what is chosen; the fit of all training rows then starts from the coefficients there.

    Raises DlcliError.
    """
    path = follow(loaded.plan, space, PathSettings.of(config), progress)
    say(path, loaded, progress)
    space.start = path.start(loaded.usable.names)
    return FollowedPath(path, replace(loaded, plan=replace(loaded.plan, penalty=path.chosen)))


def say(path: Path, loaded: Loaded, progress: Progress) -> None:
    """How the penalty was chosen, and what is wrong with the path."""
    scores, places, option = path.scores, len(path.penalties), path.penalty.path
    number = np.array(path.track.df)
    unit = "column" if option == "l1" else "degree of freedom"
    unit = "coefficient" if option == "l1" and path.track.slopes.shape[2] > 1 else unit

    def at(place: int) -> str:
        size = f"{number[place]:.3g} {unit if number[place] == 1 else _plural(unit)}" if number[place] >= 0 else ""
        loss = f"loss {scores.mean[place]:.6g} ± {scores.error[place]:.2g}"
        return f"--{option} {path.penalties[place]:.6g} ({', '.join(part for part in (size, loss) if part)})"

    choice = path.settings.choice
    other = "--path-choice min takes the former" if choice == "1se" else "--path-choice 1se takes the latter"
    progress.note(
        f"--{option} path, {places} penalties, {len(scores.folds)} folds: lowest loss at {at(scores.least)}; within "
        f"one standard error up to {at(scores.within)}; {'the latter' if choice == '1se' else 'the former'} is taken, "
        f"{other}"
    )
    if scores.least == places - 1:
        ratio = path.penalties[-1] / path.penalties[0] / 1e4
        progress.warn(
            f"the lowest loss is at the smallest penalty of the path: less, or none, may be better; --path-ratio "
            f"{ratio:.0e} goes further"
        )
    worst = float(np.max(path.track.off, initial=0.0))
    if not worst <= INEXACT:
        progress.warn(
            f"fits on the path miss the conditions of the optimum by up to {worst:.1e}: columns may depend on others"
        )
    if loaded.kind == "mse" and scores.mean.min() < NOTHING * _variance(loaded):
        progress.warn("residuals are too near to 0 for the penalties' losses to be told apart: rounding chooses")


def _plural(unit: str) -> str:
    return unit.replace("degree", "degrees") if unit.startswith("degree") else f"{unit}s"


def _variance(loaded: Loaded) -> float:
    moments = loaded.data.merged(loaded.data.training_groups())
    return float(moments.diagonal[0]) / moments.count


def path_report(path: Path) -> PathReport:
    """What report.json has of it."""
    chosen, scores = path.chosen, path.scores
    columns = (path.penalties, path.track.df, path.track.loss, scores.mean, scores.error)
    return PathReport(
        option="l1" if path.penalty.path == "l1" else "l2",
        l1=chosen.l1,
        l2=chosen.l2,
        folds=len(scores.folds),
        choice=path.settings.choice,
        selected_on="cv.loss",
        chosen=path.place,
        min=scores.least,
        one_se=scores.within,
        violation=float(np.max(path.track.off, initial=0.0)),
        points=[
            PathPoint(penalty=penalty, df=df, loss=loss, val_loss=val, se=se)
            for penalty, df, loss, val, se in zip(*(column.tolist() for column in columns), strict=True)
        ],
    )


def path_csv(path: Path, loaded: Loaded) -> str:
    """Every coefficient at every penalty, in the data's units: a line for each penalty, from the largest down."""
    names, values = _all_coefficients(path, loaded)
    scores, track = path.scores, path.track
    outputs = track.intercept.shape[1]
    intercepts = ["intercept"] if outputs == 1 else [f"intercept [{level}]" for level in _levels(loaded)]
    text = io.StringIO()
    out = csv.writer(text, lineterminator="\n")
    taken = [f"column {name}" if name in OWN else name for name in names]
    out.writerow(["penalty", *intercepts, *taken, "df", "loss", "val_loss", "se"])
    rows = np.column_stack(
        [path.penalties, track.intercept, values, track.df, track.loss, scores.mean, scores.error]
    )  # fmt: skip
    for row in rows.tolist():
        out.writerow([repr(value) if np.isfinite(value) else "" for value in row])
    return text.getvalue()


def _levels(loaded: Loaded) -> tuple[str, ...]:
    target = loaded.data.schema.target
    return tuple(printable(level) for level in target.levels) if target is not None else ()


def _all_coefficients(path: Path, loaded: Loaded) -> tuple[list[str], FloatArray]:
    """Names (m,) and values (L, m) of the slopes of all columns; of several classes each has one for each."""
    labels = distinct(loaded.data.schema.encoded_names)
    slopes = np.array([expanded(loaded, one, None)[0] for one in path.track.slopes])
    if slopes.shape[2] > 1:
        labels = [f"{label} [{level}]" for label in labels for level in _levels(loaded)]
    return [printable(label) for label in labels], slopes.reshape(len(slopes), -1)


def draw_path(path: Path, loaded: Loaded, format: Literal["png", "svg", "pdf"]) -> bytes:
    """The picture of it: coefficients for columns of standard deviation 1, and losses, against the penalty."""
    from dlcli.reports.charts.models.path import CurveOfLoss, PathLine, path_chart

    names, values = _all_coefficients(path, loaded)
    moments = loaded.data.merged(loaded.data.training_groups())
    spread = np.sqrt(moments.diagonal[1:] / moments.count)
    if loaded.data.exponents is not None:
        spread = np.ldexp(spread, loaded.data.exponents)
    with np.errstate(over="ignore", invalid="ignore"):
        scaled = values * np.repeat(spread, path.track.slopes.shape[2])
    lines = [PathLine(name, scaled[:, place]) for place, name in enumerate(names)]
    scores, option = path.scores, path.penalty.path
    target = loaded.data.schema.target
    title = f"{printable(target.name) if target else ''}: --{option} path"
    loss = "mean squared error" if loaded.kind == "mse" else "cross-entropy"
    marks = _marks(path)
    curve = CurveOfLoss(f"{loss}, {counted(len(scores.folds), 'fold')}", scores.mean, scores.error, marks)
    return path_chart(path.penalties, lines, curve, title=title, unit=f"--{option}", format=format).to_bytes()


def _marks(path: Path) -> Sequence[tuple[str, int]]:
    """The penalties that the picture marks, by what is said of them."""
    scores, option = path.scores, path.penalty.path
    named = [("lowest loss", scores.least), ("within one standard error", scores.within)]
    return [
        (f"{text}: --{option} {path.penalties[place]:.4g}{' (taken)' if place == path.place else ''}", place)
        for text, place in (named[:1] if scores.least == scores.within else named)
    ]
