"""Errors and warnings of a table once it is read."""

import numpy as np

from dlcli.engine.arrays import BoolArray
from dlcli.engine.progress import Progress
from dlcli.errors import DlcliError
from dlcli.linear.data.levels import near_unique, said, warn_of_levels
from dlcli.linear.data.scale import check_moments
from dlcli.linear.data.split import VALIDATION, Assigned, Split
from dlcli.linear.data.table_data import TableData
from dlcli.linear.diagnostics.duplicates import warn_of_duplicates
from dlcli.linear.objectives.loss import Kind
from dlcli.linear.objectives.moments import Moments
from dlcli.linear.plan import ColumnSettings, Plan
from dlcli.tables.decisions import Decision
from dlcli.tables.names import Hints
from dlcli.tables.table import Schema
from dlcli.text import counted, printable

SMALL_L2 = 0.1  # where rows are too few
SUSPECT = 0.2  # levels for each training row from which a text is named where there are too few rows


def check(
    plan: Plan, data: TableData, kind: Kind, progress: Progress, hints: Hints | None = None
) -> tuple[TableData, np.ndarray]:
    """Refuse what can't be fitted, warn of constant and duplicate columns; returns the data without constants.

    The second value holds the positions of the columns kept.
    """
    names = data.schema.encoded_names
    moments = data.merged(data.training_groups())
    if moments.number < 2:
        raise DlcliError(f"only {moments.number} row to train on, expected at least 2", "give more rows")
    check_moments(moments, names)
    if kind == "mse" and VALIDATION in data.moments:
        check_moments(data.moments[VALIDATION], names, " in rows held out")
    _warn_of_reference_levels(data.schema, plan.columns, progress)
    constant = constant_columns(moments)
    keep = np.flatnonzero(~constant) if plan.columns.intercept else np.arange(len(names))
    for i in np.setdiff1d(np.arange(len(names)), keep):
        progress.warn(f"column {printable(names[i])!r} is constant: its coefficient is 0")
    usable = data.columns(keep)
    if len(keep) == 0 and not plan.columns.intercept:
        raise DlcliError("there is nothing to learn: no feature column and no intercept", "give a feature column")
    warn_of_duplicates([names[i] for i in keep], usable.merged(usable.training_groups()), progress)
    width = len(keep) + int(plan.columns.intercept)
    hints = hints or Hints()
    if moments.number < width and not plan.penalty.present:
        raise _too_few_rows(data.schema, moments.number, width, hints)
    warn_of_levels(data.schema, moments.number, hints, progress)
    if plan.columns.weighting.observations(moments) == width and not plan.penalty.present:
        _warn_of_exact_fit(width, progress)
    if kind == "softmax":
        _check_classes(plan.split, data)
    elif moments.diagonal[0] <= moments.count * (4 * np.finfo(float).eps * abs(float(moments.mean[0]))) ** 2:
        progress.warn("the target is constant: there is nothing to explain, so R2 and standard errors say nothing")
    return usable, keep


def constant_columns(moments: Moments) -> BoolArray:
    """Which columns after y are constant (d,): their spread is within the rounding of their mean."""
    variance = moments.diagonal[1:] / moments.count
    return np.asarray(variance <= (4 * np.finfo(float).eps * np.abs(moments.mean[1:])) ** 2)


def too_few_rows(plan: Plan, data: TableData) -> Decision | None:
    """The decision on fewer rows than coefficients where there is no penalty, if there are so few."""
    moments = data.merged(data.training_groups())
    rows, width = moments.number, int(np.count_nonzero(moments.diagonal[1:])) + int(plan.columns.intercept)
    if rows < 2 or rows >= width:
        return None
    what = (
        f"{rows} rows can't determine {width} coefficients: an L2 penalty of {SMALL_L2:g} decides between all those "
        "that fit, and R2 and accuracy on the rows trained on say nothing"
    )
    return Decision(what, f"--l2 {SMALL_L2:g}")


def _warn_of_reference_levels(schema: Schema, columns: ColumnSettings, progress: Progress) -> None:
    """Warn of texts where there is no intercept, which is the coefficient of their reference levels."""
    texts = [f for f in schema.features if f.kind == "text" and len(f.levels) > 1]
    if texts and not columns.intercept:
        name, level = printable(texts[0].name), printable(texts[0].levels[0])
        progress.warn(
            f"without an intercept, rows whose {name!r} is {level!r}, the level without a coefficient, start at 0; "
            "leave out --no-intercept"
        )


def _too_few_rows(schema: Schema, rows: int, width: int, hints: Hints) -> DlcliError:
    """The error of fewer rows than coefficients."""
    message = f"{rows} rows can't determine {width} coefficients"
    if unique := near_unique(schema, rows, SUSPECT):
        message += f": {said(unique, rows)}"
        return DlcliError(message, f"{hints.drop(*(name for name, _ in unique))}, or fewer columns, or more rows")
    return DlcliError(message, "add --l2 0.1, or fewer columns, or rows")


def _warn_of_exact_fit(width: int, progress: Progress) -> None:
    """Warn where there are as many rows as coefficients."""
    if width > 1:
        progress.warn(
            f"there are as many coefficients as rows, {width}: any data would be fitted exactly, so R2 and accuracy "
            "say nothing; fewer columns, or more rows"
        )


def _check_classes(split: Split, data: TableData) -> None:
    assert data.schema.target is not None
    name, levels = printable(data.schema.target.name), data.schema.target.levels
    counts = data.class_counts(len(levels))
    there = np.flatnonzero(counts)  # of a column of booleans both values are known before there are any
    if len(there) < 2:
        only = f" ({printable(levels[int(there[0])])!r})" if len(there) else ""
        raise DlcliError(f"target {name!r} has only one class{only}, expected at least two", "give more rows")
    folds = split.folds
    if isinstance(split, Assigned) and split.kind != "dealt":
        _check_classes_of_folds(split, data)
    elif folds and counts.min() < folds:
        rare = printable(levels[int(np.argmin(counts))])
        raise DlcliError(
            f"--cv {folds}: class {rare!r} of {name!r} has only {counted(int(counts.min()), 'row')}",
            f"use --cv {max(2, counts.min())} or fewer folds",
        )


def _check_classes_of_folds(split: Assigned, data: TableData) -> None:
    """Raise DlcliError where the rows that a fold is trained on, which aren't stratified, lack a class."""
    assert data.schema.target is not None
    name, levels = printable(data.schema.target.name), data.schema.target.levels
    trained = data.training_groups()
    for number, fold in enumerate(split.scored(trained) if split.folds else (), start=1):
        counts = data.class_counts(len(levels), split.beside(fold, trained))
        if not counts.all():
            lacks = printable(levels[int(np.argmin(counts))])
            raise DlcliError(
                f"--cv {split.folds}: the rows that fold {number} is trained on have no {lacks!r} of {name!r}",
                "use fewer folds, or another column to split by",
            )
