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
from dlcli.tables.table import Chunk, Schema, Table
from dlcli.text import counted, printable

MOST_ROWS = 20_000_000  # whose errors are held in memory


@dataclass(frozen=True)
class RowErrors:
    """Errors row by row: ``rows`` (n,) are their numbers, ascending.

    ``targets`` (n,) are what their offset leaves of their targets. ``errors`` (n, 2) are squared and absolute
    residuals; of classes the negative logarithm of the true one's probability, and whether it is found. ``weights``
    (n,) are those of the column ``weighted_by``, 1 where that is None.
    """

    rows: IntArray
    targets: FloatArray
    errors: FloatArray
    weights: FloatArray
    weighted_by: str | None


def compared(
    settings: AppliedSettings, other: Path, seed: int, progress: Progress
) -> tuple[dict[str, Difference], int]:  # fmt: skip
    """Metrics of both models on the rows that both can be measured on, and how many rows those are.

    Raises DlcliError for models that answer different questions, and for data that can't be read for each.
    """
    if "-" in settings.data:
        raise DlcliError("--against reads DATA for each model, and standard input can't be read again", "give a file")
    models = [load_run(run)[:2] for run in (settings.run, other)]
    classes = _same_question(settings.run, other, models)
    first = _errors(settings, Silent())  # whose warnings were shown before
    second = _errors(_weighted_alike(settings, other, first), progress, trained_weights=False)
    rows, mine, theirs = np.intersect1d(first.rows, second.rows, assume_unique=True, return_indices=True)
    if not len(rows):
        raise DlcliError("no row can be measured by both models", "use --missing mean")
    if len(rows) < max(len(first.rows), len(second.rows)):
        progress.note(f"--against: {counted(len(rows), 'row')} that both models can be measured on are compared")
    if first.weighted_by is not None:
        progress.note(
            f"--against: rows are weighted by '{printable(first.weighted_by)}' for both models; intervals are of rows "
            "drawn one by one, each with its weight"
        )
    weights, y = first.weights[mine], first.targets[mine]
    y = y - np.average(y, weights=weights)
    columns = weights[:, None] * np.column_stack(
        [np.ones(len(rows)), first.errors[mine], second.errors[theirs], y, y**2]
    )
    chosen = _of_classes() if classes else _of_numbers([model for model, _ in models])
    return differences(columns, chosen, seed), len(rows)


def _weighted_alike(settings: AppliedSettings, other: Path, first: RowErrors) -> AppliedSettings:
    """Those of the other model, by whose own weights its errors aren't counted."""
    beside = replace(settings.reading.beside, weights=first.weighted_by)
    return replace(settings, run=other, reading=replace(settings.reading, beside=beside))


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


def _errors(settings: AppliedSettings, progress: Progress, *, trained_weights: bool = True) -> RowErrors:
    """The errors of one model on the rows of DATA.

    ``trained_weights``: the rows count by the weights of its training, where no others are given.
    """
    model, schema, trained = load_run(settings.run)
    plain = replace(model, settings={name: value for name, value in model.settings.items() if name != "weights"})
    table = open_data(settings, model if trained_weights else plain, schema, trained, progress, need_target=True)
    rows, targets, errors, weights, count = (
        list[IntArray](),
        list[FloatArray](),
        list[FloatArray](),
        list[FloatArray](),
        0,
    )
    for chunk in chunks_of(table, schema, progress):
        count += len(chunk.y)
        if count > MOST_ROWS:
            raise DlcliError(f"--against compares up to {MOST_ROWS:,} rows", "give fewer")
        rows.append(np.asarray(chunk.numbers))
        targets.append(np.asarray(chunk.y if chunk.offset is None else chunk.y - chunk.offset, dtype=np.float64))
        errors.append(_of_rows(model, chunk))
        weights.append(np.ones(len(chunk.y)) if chunk.weights is None else np.asarray(chunk.weights, np.float64))
    if not count:
        raise DlcliError(f"{settings.run}: no rows are left to measure on", "use --missing mean")
    column = table.beside.weights if isinstance(table, Table) else None
    return RowErrors(
        np.concatenate(rows), np.concatenate(targets), np.concatenate(errors), np.concatenate(weights), column
    )


def _of_rows(model: LinearModel, chunk: Chunk) -> FloatArray:
    if not of_classes(model.kind):
        with np.errstate(over="ignore", invalid="ignore"):
            residual = chunk.y - model.predicted(chunk.X, chunk.offset)
            return np.column_stack([residual**2, np.abs(residual)])
    scores, codes = model.log_probabilities(chunk.X, chunk.offset), chunk.y.astype(np.int64)
    return np.column_stack([-scores[np.arange(len(codes)), codes], scores.argmax(axis=1) == codes])


# Columns of the weighted sums: rows, errors of the first model (2), of the second (2), centered targets, their squares.
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
    # R2 is of what the offset leaves of the targets, which with other offsets isn't the same.
    centered = centered and len({(model.beside.offset, model.beside.exposure) for model in models}) == 1
    found: dict[str, Statistic] = {"loss": _mean(0)} if squares else {}
    found |= {"rmse": rmse, "mae": _mean(1)}
    return found | {"r2": r2} if centered else found


def _of_classes() -> dict[str, Statistic]:
    return {"loss": _mean(0), "log_loss": _mean(0), "accuracy": _mean(1)}
