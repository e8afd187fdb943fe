"""The rows that a linear model is measured on where no DATA is given: those that training held out."""

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dlcli.config.fit_linear import FitLinearConfig
from dlcli.engine.arrays import FloatArray, IntArray
from dlcli.engine.progress import Progress
from dlcli.errors import DlcliError
from dlcli.linear.data.split import VALIDATION
from dlcli.linear.data.table_data import ChunkSource
from dlcli.linear.plan import split_of
from dlcli.linear.splits.assign import Dealing
from dlcli.linear.splits.settings import SplitSettings
from dlcli.reports.measured_on import MeasuredOn
from dlcli.runs.open import report_of
from dlcli.tables.options import read_options
from dlcli.tables.table import Chunk, Table
from dlcli.text import counted, listed

SAME = 1e-6  # relative: what the same model on the same rows gives, whatever the order of the sums


@dataclass(frozen=True)
class HeldOutRows:
    """The validation rows of a table: those that ``held`` (n,) says."""

    table: ChunkSource
    held: NDArray[np.bool_]

    @property
    def warnings(self) -> list[str]:
        """Lines for the user."""
        return self.table.warnings

    @property
    def dropped(self) -> int:
        """Rows left out for missing values."""
        return self.table.dropped

    def chunks(self) -> Iterator[Chunk]:
        """Chunks of encoded rows."""
        start = 0
        for chunk in self.table.chunks():
            held = self.held[start : start + len(chunk.y)]
            start += len(chunk.y)
            weights, offset = (None if part is None else part[held] for part in (chunk.weights, chunk.offset))
            rows = chunk.numbers[held]
            yield replace(chunk, X=chunk.X[held], y=chunk.y[held], rows=rows, weights=weights, offset=offset)


def rows_without_data(
    table: ChunkSource, trained: FitLinearConfig, run: Path, progress: Progress, *, classes: bool
) -> tuple["ChunkSource | HeldOutRows", MeasuredOn]:
    """The rows of the training table that were held out, dealt out once more; all of them where none was.

    Raises DlcliError where the table isn't the one that was trained on any more.
    """
    paths = trained.data or ("the built-in example",)
    if trained.val_data:
        on = MeasuredOn(paths=trained.val_data, part="held out", selected_on=trained.early_stop is not None)
        progress.note(f"no DATA given: measuring on the rows of {listed(on.paths)}, that were {_held_out(on)}")
        return table, on
    if not trained.holds_out:
        progress.warn(
            f"no DATA given, and training held nothing out: measuring on the training rows of {listed(paths)}"
        )
        return table, MeasuredOn(paths=paths, part="train")
    split, settings = split_of(trained), SplitSettings.of(trained)
    targets: list[FloatArray] = []
    numbers: list[IntArray] = []
    for chunk in table.chunks():
        targets.append(chunk.y)
        if settings.present:
            numbers.append(chunk.numbers - 1)
    rows = sum(map(len, targets))
    expected = report_of(run).rows
    if expected is not None and rows != expected:
        raise DlcliError(
            f"{listed(paths)} has {counted(rows, 'row')}, and had {expected:,} when the model was trained, so which of "
            "them were held out is not known", "give DATA that training has not seen",
        )  # fmt: skip
    if settings.present:
        assert isinstance(table, Table)
        of_rows = Dealing(table, settings, split, read_options(trained)).dealt().of_rows
        groups = of_rows[np.concatenate(numbers)]
    else:
        groups = split.stratified(np.concatenate(targets)) if classes else split.groups(rows)
    held = groups == VALIDATION
    on = MeasuredOn(paths=paths, part="held out", selected_on=trained.early_stop is not None)
    progress.note(
        f"no DATA given: measuring on the {np.count_nonzero(held):,} of {counted(rows, 'row')} of {listed(paths)} that "
        f"were held out in training{' and selected on' if on.selected_on else ''}"
    )
    return HeldOutRows(table, held), on


def _held_out(on: MeasuredOn) -> str:
    return f"held out in training{' and selected on' if on.selected_on else ''}"


def check_unchanged(run: Path, metrics: Mapping[str, float], rounding: Callable[[], float], progress: Progress) -> None:
    """Warn where the rows held out give another loss than they gave in training: the table is another one.

    ``rounding`` gives by how much a residual may be off, which is all that the loss of a perfect fit is made of.
    """
    before, now = report_of(run).val_loss, metrics.get("loss")
    if before is None or now is None or math.isclose(before, now, rel_tol=SAME, abs_tol=1e-300):
        return
    off = rounding()
    if abs(before - now) > 2 * off * math.sqrt(max(before, now)) + off**2:
        progress.warn(
            f"the rows held out have a loss of {now:.6g}, and had {before:.6g} in training: the data have changed, so "
            "rows that were trained on may be among them; give DATA"
        )
