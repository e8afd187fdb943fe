"""Whether anything that fit-linear learns depends on rows that it was not to learn from.

The command is run twice, the second time with other values in those rows, however the table is stored: the rows are
changed as they are read. What was learned must be the same to the last bit.
"""

import os
from collections.abc import Callable, Sequence
from contextlib import ExitStack, contextmanager, redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest import mock

import numpy as np

from tests.forks import without_charts

STEPS = "40"
HOLDING = ("--val", "--val-rows", "--val-data", "--cv")
FOLD = 1  # whose rows are changed where there are folds


class Watched:
    """What a run read and learned: the rows' numbers and groups, each fit's coefficients, and a path's penalties.

    These come from all rows that aren't held out, as the scale on which folds are compared: a fold of a path learns
    the same where they are the same.
    """

    def __init__(self) -> None:
        self.numbers: list[np.ndarray] = []
        self.groups: np.ndarray = np.zeros(0)
        self.fits: list[Any] = []
        self.model = b""
        self.penalties: np.ndarray | None = None

    def rows_of(self, group: int) -> set[int]:
        """Numbers, from 1 over all sources, of the rows of a group."""
        return set(np.concatenate(self.numbers)[self.groups == group].tolist())


def changed(data: Any, rows: np.ndarray, table: Any, missing: bool) -> Any:
    """A frame with other numbers, levels (new ones too) and gaps in ``rows`` (n,); classes are what strata go by."""
    import polars as pl

    where, third = pl.Series(rows), pl.Series(rows & (np.arange(len(rows)) % 3 == 0))
    columns = []
    for column in data.get_columns():
        is_target = table.target is not None and column.name == table.target.name
        if (is_target and (table.target.is_class or table._classes)) or column.name in table.beside.names:
            columns.append(column)
            continue
        expr = pl.col(column.name)
        if column.dtype == pl.Float64:
            new = expr * -3.0 + 17.0 * float(column.abs().mean() or 1.0)  # type: ignore[arg-type]
        elif column.dtype == pl.Boolean:
            new = ~expr
        else:
            new = pl.when(third).then(pl.lit("zz unseen")).otherwise(pl.lit(column.drop_nulls().min()))
            new = pl.when(expr.is_null()).then(None).otherwise(new)
        if missing and not is_target:
            new = pl.when(third & expr.is_not_null()).then(None).otherwise(new)
        columns.append(
            column.to_frame().select(pl.when(where).then(new).otherwise(expr).alias(column.name)).to_series()
        )
    return pl.DataFrame(columns)


def groups_of(split: Any, rows: int, watched: Watched) -> np.ndarray:
    """The groups of the rows that were kept."""
    from dlcli.linear.data.split import Assigned

    assigned = isinstance(split, Assigned)
    return split.of_rows[np.concatenate(watched.numbers) - 1] if assigned else split.groups(rows)


def following(watched: Watched, config: dict[str, Any]) -> list[tuple[Any, str, Any]]:
    """What stands in for the functions that follow a path, so that it is recorded what they learned."""
    from dlcli.linear.paths.classes import ClassesPath
    from dlcli.linear.paths.settings import PathSettings
    from dlcli.linear.paths.squares import SquaresPath

    spaced, along = PathSettings.penalties, {kind: kind.follow for kind in (SquaresPath, ClassesPath)}

    def penalties(settings: Any, *arguments: Any, **more: Any):
        known = config.get("penalties")
        watched.penalties = spaced(settings, *arguments, **more) if known is None else known
        return watched.penalties

    def followed(path: Any, chosen: Any):
        track = along[type(path)](path, chosen)
        watched.fits.append(SimpleNamespace(model=track))
        return track

    return [
        (PathSettings, "penalties", penalties),
        (SquaresPath, "follow", followed),
        (ClassesPath, "follow", followed),
    ]


@contextmanager
def watching(watched: Watched, change: set[int], config: dict[str, Any]):
    """Record what a run reads and learns, and change the rows with the numbers ``change`` as they are read."""
    from dataclasses import replace

    from dlcli.linear.data import load
    from dlcli.tables.encoder import Encoder
    from dlcli.tables.table import Table
    from dlcli.tasks import fit_linear

    frames, encode, gather, fit = Table._frames, Encoder.encode, load.gather, fit_linear.fit
    latest: list[Any] = [None]

    def altered(table: Any, columns: Any, misfits: Any):
        start = 0
        for frame in frames(table, columns, misfits):
            numbers = np.arange(start + 1, start + 1 + frame.data.height)
            start += frame.data.height
            rows = np.isin(numbers, list(change))
            missing = table._options.missing == "mean" or (table._options.missing == "auto" and config["gaps"])
            yield replace(frame, data=changed(frame.data, rows, table, missing)) if rows.any() else frame

    def encoded(encoder: Any, frame: Any):
        if encoder is not latest[0]:  # a pass, each of which reads the same rows
            latest[0] = encoder
            watched.numbers.clear()
        for chunk in encode(encoder, frame):
            rows = chunk.rows if chunk.rows is not None else chunk.first_row + np.arange(len(chunk.X))
            watched.numbers.append(np.asarray(rows))
            yield chunk

    def gathered(table: Any, asked: Any):
        split, share = asked.split, gather(table, asked)
        data = share.data
        watched.groups = data.groups if data.groups is not None else groups_of(split, data.rows, watched)
        config["split"] = split
        return share

    def fitted(*arguments: Any):
        result = fit(*arguments)
        watched.fits.append(result)
        return result

    with ExitStack() as stack:
        for target, name, function in (
            (Table, "_frames", altered), (Encoder, "encode", encoded),
            (load, "gather", gathered), (fit_linear, "fit", fitted), *following(watched, config),
        ):  # fmt: skip
            stack.enter_context(mock.patch.object(target, name, function))
        yield


def run(
    words: Sequence[str], folder: Path, out: Path, change: set[int], gaps: bool = False, penalties: Any = None
) -> tuple[Watched, Any]:  # fmt: skip
    """One run of ``fit-linear WORDS`` in ``folder``; ``gaps``: the rows changed get missing values by default too.

    ``penalties`` are those of a path, where they are known.
    """
    from dlcli.cli import app

    watched, config = Watched(), {"gaps": gaps, "penalties": penalties}
    before = Path.cwd()
    os.chdir(folder)
    try:
        with watching(watched, change, config), redirect_stdout(StringIO()), redirect_stderr(StringIO()) as err:
            code = app.run(without_charts(["fit-linear", *words, "--out", str(out), "--force", "--quiet"]))
    finally:
        os.chdir(before)
    assert code == 0, err.getvalue()
    watched.model = (out / "model.safetensors").read_bytes()
    return watched, config["split"]


def without(words: Sequence[str], option: str) -> list[str]:
    """The words less an option and its value."""
    left = list(words)
    while option in left:
        at = left.index(option)
        del left[at : at + 2]
    return left


def applies(words: Sequence[str]) -> bool:
    """Whether the command line holds rows of a table out, and is one whose run can be repeated to the bit."""
    held = any(w in HOLDING or w.startswith(("--val=", "--cv=")) for w in words)
    return held and not words[0].startswith("-") and not any(w in ("-", "--minutes", "--config") for w in words)


def training(words: Sequence[str]) -> list[str]:
    """The words of the fit-linear training in a command line, tune-lr's folds with it; none if it holds nothing out."""
    if "fit-linear" not in words or "--dry-run" in words:
        return []
    at = list(words).index("fit-linear")
    before, own = list(words[:at]), list(words[at + 1 :])
    if "--cv" in before:
        own += ["--cv", before[before.index("--cv") + 1]]
    return own if applies(own) else []


def same(first: Any, second: Any) -> None:
    """Two fits learned the same, to the last bit."""
    ours, theirs = first.model, second.model
    assert ours.intercept.tobytes() == theirs.intercept.tobytes(), (ours.intercept, theirs.intercept)
    assert ours.slopes.tobytes() == theirs.slopes.tobytes(), (ours.slopes, theirs.slopes)


def check(words: Sequence[str], folder: Path, scratch: Path, report: Callable[[str], None] = lambda text: None) -> None:
    """Run the command line twice, for a few steps, and compare what was learned. Early stopping selects by the
    validation rows, which is what they are for, so it is left out here.
    """
    for option in ("--early-stop", "--out", "--steps"):
        words = without(words, option)
    words = [
        *(w for w in words if w not in ("--json", "--force", "--quiet", "-q")),
        "--steps",
        STEPS,
        "--plots",
        "none",
    ]
    first, split = run(words, folder, scratch / "first", set())
    if split.validation:
        second, _ = run(words, folder, scratch / "second", first.rows_of(-1), gaps=True)
        same(first.fits[0], second.fits[0])
        assert first.model == second.model
        report("val")
    if split.folds:
        # The fit on all rows comes first, then a fold each. Which columns there are is decided once, for all folds.
        # Going forward in time the first rows are no fold, and only the last fold is one that none is trained on.
        forward = getattr(split, "kind", "") == "forward"
        changed, compared = (split.folds, split.folds) if forward else (FOLD, 1 + FOLD)
        second, _ = run(words, folder, scratch / "second", first.rows_of(changed), penalties=first.penalties)
        same(first.fits[compared], second.fits[compared])
        report("cv")
