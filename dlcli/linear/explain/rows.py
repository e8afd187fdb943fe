"""Which rows a linear model is explained on."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from dlcli.config.fit_linear import FitLinearConfig
from dlcli.engine.progress import Progress
from dlcli.errors import DlcliError
from dlcli.linear.data.held_out import HeldOutRows, rows_without_data
from dlcli.linear.data.table_data import ChunkSource
from dlcli.linear.objectives.loss import of_classes
from dlcli.linear.saved import AppliedSettings, SavedRun, open_data
from dlcli.reports.measured_on import MeasuredOn
from dlcli.tables.opening import LacksTargetError
from dlcli.tables.table import Chunk, Schema

OF_TARGETS = ("permutation", "partial-residuals")  # methods that need the target
Chunks = Callable[[], Iterator[Chunk]]


@dataclass(frozen=True)
class ExplainedRows:
    """The rows explained, ``source``, of a ``table`` as it was opened; whether they have a ``target``.

    ``training`` are the rows that the model was trained on, where they are at hand; else those explained.
    """

    table: ChunkSource
    source: ChunkSource | HeldOutRows
    on: MeasuredOn
    target: bool
    training: Chunks
    training_name: str
    grouped: bool = False  # training held whole groups of rows out

    def chunks(self) -> Iterator[Chunk]:
        """Chunks of the rows, from the start at every call."""
        return self.source.chunks()

    @property
    def trained_on(self) -> bool:
        """Whether the model was trained on these rows."""
        return self.on.part == "train"


def rows_to_explain(
    settings: AppliedSettings, saved: SavedRun, asked: Sequence[str], progress: Progress
) -> ExplainedRows:  # fmt: skip
    """The rows of DATA; without it those that training held out, or where it held nothing out all of them.

    Raises DlcliError for data that don't fit the model, for such without the target that a method which was ``asked``
    for needs, and where the rows held out aren't known any more.
    """
    model, schema, trained = saved
    if settings.data:
        table, target = _given(settings, saved, asked, progress)
        on = MeasuredOn(paths=settings.data, part="given")
        return ExplainedRows(table, table, on, target, table.chunks, on.shown)
    if settings.missing not in (None, trained.missing):
        raise DlcliError(
            f"--missing {settings.missing} without DATA: training had --missing {trained.missing}, and other rows so",
            "leave it out, or give DATA",
        )
    table = open_data(settings, model, schema, trained, progress, need_target=True)
    rows, on = rows_without_data(table, trained, settings.run, progress, classes=of_classes(model.kind))
    training: Chunks = rows.chunks
    if isinstance(rows, HeldOutRows):
        training = HeldOutRows(rows.table, ~rows.held).chunks
    elif trained.val_data:
        training = _training_table(settings, saved, progress).chunks
    return ExplainedRows(table, rows, on, True, training, "trained on", trained.group is not None)


def _given(
    settings: AppliedSettings, saved: SavedRun, asked: Sequence[str], progress: Progress
) -> tuple[ChunkSource, bool]:  # fmt: skip
    """The table of DATA, and whether it has the target."""
    model, schema, trained = saved
    try:
        return open_data(settings, model, schema, trained, progress, need_target=True), True
    except LacksTargetError as error:
        if needing := [name for name in asked if name in OF_TARGETS]:
            hint = f"give rows with it, or leave out --method {','.join(needing)}"
            raise DlcliError(error.message, hint) from None
        progress.note("DATA lack the target: what needs it, permutation and partial residuals, is left out")
        return open_data(settings, model, schema, trained, progress, need_target=False), False


def _training_table(settings: AppliedSettings, saved: SavedRun, progress: Progress) -> ChunkSource:
    """The table that was trained on, where validation had another."""
    model, schema, trained = saved
    alone: FitLinearConfig = trained.model_copy(update={"val_data": ()})
    return open_data(settings, model, schema, alone, progress, need_target=True)


def plain_table(
    settings: AppliedSettings, saved: SavedRun, progress: Progress, *, target: bool
) -> tuple[ChunkSource, Schema]:  # fmt: skip
    """The table of the rows explained, and all others there, with its own columns, of which no terms are made."""
    model, schema, trained = saved
    plain = replace(schema, design=None)
    return open_data(settings, model, plain, trained, progress, need_target=target), plain
