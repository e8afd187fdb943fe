"""Two linear models on the same rows: their errors row by row, and the metrics that come of them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from dlcli.engine.arrays import FloatArray, IntArray
from dlcli.engine.bootstrap import Difference, Statistic, differences
from dlcli.engine.progress import Progress, Silent
from dlcli.errors import DlcliError
from dlcli.linear.model import LinearModel
from dlcli.linear.objectives.loss import of_classes
from dlcli.linear.saved import AppliedSettings, chunks_of, load_run, open_data
from dlcli.tables.table import Schema
from dlcli.text import counted, printable

MOST_ROWS = 20_000_000  # whose errors are held in memory


@dataclass(frozen=True)
class RowErrors:
    """Errors row by row: ``rows`` (n,) are their numbers, ascending, and ``targets`` (n,) their targets.

    ``errors`` (n, 2) are squared and absolute residuals; of classes the negative logarithm of the true one's
    probability, and whether it is found.
    """

    rows: IntArray
    targets: FloatArray
    errors: FloatArray


def compared(
    settings: AppliedSettings, other: Path, seed: int, progress: Progress
) -> tuple[dict[str, Difference], int]:  # fmt: skip
    """Metrics of both models on the rows that both can be measured on, and how many rows those are.

    Raises DlcliError for models that answer different questions, and for data that can't be read for each.
    """
    if "-" in settings.data:
        raise DlcliError("--against reads DATA for each model, and standard input can't be read again", "give a file")
    runs = [settings, replace(settings, run=other)]
    models = [load_run(one.run)[:2] for one in runs]
    if beside := settings.reading.beside.names or models[0][0].beside.names or models[1][0].beside.names:
        raise DlcliError(
            f"--against {other}: rows have weights or an offset ('{printable(beside[0])}'), and the comparison knows "
            "of none", "leave --against out",
        )  # fmt: skip
    classes = _same_question(settings.run, other, models)
    first = _errors(runs[0], Silent())  # whose warnings were shown before
    second = _errors(runs[1], progress)
    rows, mine, theirs = np.intersect1d(first.rows, second.rows, assume_unique=True, return_indices=True)
    if not len(rows):
        raise DlcliError("no row can be measured by both models", "use --missing mean")
    if len(rows) < max(len(first.rows), len(second.rows)):
        progress.note(f"--against: {counted(len(rows), 'row')} that both models can be measured on are compared")
    y = first.targets[mine]
    columns = np.column_stack([np.ones(len(rows)), first.errors[mine], second.errors[theirs], y - y.mean()])
    columns = np.column_stack([columns, columns[:, -1] ** 2])
    chosen = _of_classes() if classes else _of_numbers([model for model, _ in models])
    return differences(columns, chosen, seed), len(rows)


def _same_question(run: Path, other: Path, models: Sequence[tuple[LinearModel, Schema]]) -> bool:
    """Whether both predict classes. Raises DlcliError where they don't predict the same."""
    (first, mine), (second, theirs) = models
    target, its = mine.target, theirs.target
    assert target is not None
    assert its is not None
    if target.name != its.name:
        raise DlcliError(
            f"--against {other}: it predicts {printable(its.name)}, and {run} predicts {printable(target.name)}",
            "give a run on the same target",
        )
    kinds = ["classes" if of_classes(model.kind) else "numbers" for model in (first, second)]
    if kinds[0] != kinds[1]:
        raise DlcliError(f"--against {other}: it predicts {kinds[1]}, and {run} {kinds[0]}", "give one of the same")
    if kinds[0] == "classes" and set(target.levels) != set(its.levels):
        raise DlcliError(f"--against {other}: it has other classes than {run}", "give a run on the same classes")
    return kinds[0] == "classes"


def _errors(settings: AppliedSettings, progress: Progress) -> RowErrors:
    """The errors of one model on the rows of DATA."""
    model, schema, trained = load_run(settings.run)
    table = open_data(settings, model, schema, trained, progress, need_target=True)
    rows, targets, errors, count = list[IntArray](), list[FloatArray](), list[FloatArray](), 0
    for chunk in chunks_of(table, schema, progress):
        count += len(chunk.y)
        if count > MOST_ROWS:
            raise DlcliError(f"--against compares up to {MOST_ROWS:,} rows", "give fewer")
        rows.append(np.asarray(chunk.numbers))
        targets.append(np.asarray(chunk.y, dtype=np.float64))
        errors.append(_of_rows(model, chunk.X, chunk.y))
    if not count:
        raise DlcliError(f"{settings.run}: no rows are left to measure on", "use --missing mean")
    return RowErrors(np.concatenate(rows), np.concatenate(targets), np.concatenate(errors))


def _of_rows(model: LinearModel, X: FloatArray, y: FloatArray) -> FloatArray:
    if not of_classes(model.kind):
        with np.errstate(over="ignore", invalid="ignore"):
            residual = y - model.predicted(X)
            return np.column_stack([residual**2, np.abs(residual)])
    scores, codes = model.log_probabilities(X), y.astype(np.int64)
    return np.column_stack([-scores[np.arange(len(codes)), codes], scores.argmax(axis=1) == codes])


# Columns of the sums: rows, errors of the first model (2), of the second (2), centered targets, their squares.
def _mean(place: int) -> Statistic:
    return lambda s: (s[:, 1 + place] / s[:, 0], s[:, 3 + place] / s[:, 0])


def _of_numbers(models: Sequence[LinearModel]) -> dict[str, Statistic]:
    """The loss where both have that of squared errors; R2 where both have an intercept, too."""

    def rmse(s: FloatArray) -> tuple[FloatArray, FloatArray]:
        return np.sqrt(s[:, 1] / s[:, 0]), np.sqrt(s[:, 3] / s[:, 0])

    def r2(s: FloatArray) -> tuple[FloatArray, FloatArray]:
        total = s[:, 6] - s[:, 5] ** 2 / s[:, 0]
        return 1 - s[:, 1] / total, 1 - s[:, 3] / total

    squares = all(model.kind == "mse" for model in models)
    centered = squares and all(model.settings.get("intercept", True) for model in models)
    found: dict[str, Statistic] = {"loss": _mean(0)} if squares else {}
    found |= {"rmse": rmse, "mae": _mean(1)}
    return found | {"r2": r2} if centered else found


def _of_classes() -> dict[str, Statistic]:
    return {"loss": _mean(0), "log_loss": _mean(0), "accuracy": _mean(1)}
