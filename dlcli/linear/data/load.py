"""A table read, checked and planned for."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from dlcli.config.fit_linear import FitLinearConfig
from dlcli.engine.device import pick_device
from dlcli.engine.progress import Progress
from dlcli.errors import DlcliError
from dlcli.linear.data.decided import column_entries, decision_entries
from dlcli.linear.data.gather import gather
from dlcli.linear.data.levels import note_of_classes
from dlcli.linear.data.scale import check_digits
from dlcli.linear.data.split import VALIDATION, Split
from dlcli.linear.data.stored import StoredTable
from dlcli.linear.data.table_data import TableData
from dlcli.linear.diagnostics.checks import SMALL_L2, check, too_few_rows
from dlcli.linear.objectives.gram import gram_on
from dlcli.linear.objectives.loss import Kind
from dlcli.linear.plan import Plan, make_plan, said_of_optimizer
from dlcli.memory import room_for_rows
from dlcli.reports.columns import HEADER, ColumnEntry, DecisionEntry, column_rows
from dlcli.tables.decisions import Decision, refuse_decisions
from dlcli.tables.example import LineExample
from dlcli.tables.names import Hints
from dlcli.tables.options import read_options
from dlcli.tables.table import Table
from dlcli.text import counted, printable


@dataclass(frozen=True)
class Loaded:
    """A table that has been read and checked; ``usable`` has the columns ``keep`` of ``data``.

    ``files`` are the names of those that it was read from, and where they are; ``coefficients`` as in
    ``make_plan``; ``columns`` and ``decisions`` what is reported of it; ``few_rows``: fewer than coefficients.
    """

    kind: Kind
    plan: Plan
    data: TableData
    usable: TableData
    keep: np.ndarray
    device: str
    files: tuple[tuple[str, Path], ...] = ()
    coefficients: int = 0
    columns: tuple[ColumnEntry, ...] = ()
    decisions: tuple[DecisionEntry, ...] = ()
    few_rows: bool = False

    @property
    def stored(self) -> StoredTable | None:
        """The rows, where they are in a file as they are too many for memory."""
        return self.data.reread if isinstance(self.data.reread, StoredTable) else None


def load(config: FitLinearConfig, progress: Progress) -> Loaded:
    """Read the data and plan the training. Raises DlcliError."""
    table = open_table(config)
    kind = problem_kind(config, table)
    plan = make_plan(config, kind, demo=not config.data)
    device = pick_device(config.device)
    data = gather(
        table,
        plan.split,
        classes=kind != "mse",
        keep_rows=plan.keep_rows,
        gram=gram_on(device),
        most=None if plan.optimizer == "exact" else room_for_rows(device),
    )
    if isinstance(data.reread, StoredTable):
        progress.note(data.reread.said())
        device = "cpu"  # a GPU would wait for the file
    elif plan.keep_rows:
        # What a step goes through: a mini-batch is so small that a GPU mostly waits for the next one.
        rows = min(plan.batches.batch_size, data.rows) if plan.optimizer in ("sgd", "adam") else data.rows
        device = pick_device(config.device, rows * len(data.fill))
    few = too_few_rows(plan, data)
    decided = few if "l2" not in config.given() and not plan.penalty.present else None
    columns, decisions = _told(table, decided, config.strict, progress)
    if decided:
        progress.warn(decided.what)
        config = config.model_copy(update={"l2": SMALL_L2})
        plan = replace(plan, penalty=replace(plan.penalty, l2=SMALL_L2))
    if table.dropped:
        what = "with missing values" if config.missing == "drop" else "without a target"
        progress.note(f"left out {counted(table.dropped, 'row')} {what}; {data.rows:,} are left")
    hints = None
    if isinstance(table, Table):
        hints = Hints(tuple(table.columns))
        check_digits(table, data.merged(data.training_groups()), data.names, progress)
    usable, keep = check(plan, data, kind, progress, hints)
    if isinstance(table, Table) and table.target and kind == "mse" and config.loss == "auto":
        note_of_classes(table.target.name, table.target_values(), progress)
    coefficients = 0
    if kind != "mse" and data.schema.target is not None:
        moments = usable.merged(usable.training_groups())
        width = moments.count if moments.wide and not config.l1 else len(keep)  # in the span of the rows
        coefficients = (len(data.schema.target.levels) - 1) * width
        plan = make_plan(config, kind, demo=not config.data, coefficients=coefficients)
        if said := said_of_optimizer(plan, coefficients):
            progress.note(said)
    files = table.files if isinstance(table, Table) else ()
    return Loaded(kind, plan, data, usable, keep, device, files, coefficients, columns, decisions, few is not None)


def _told(
    table: Table | LineExample, few: Decision | None, strict: bool, progress: Progress
) -> tuple[tuple[ColumnEntry, ...], tuple[DecisionEntry, ...]]:
    """Tell how a table was read; ``strict`` raises DlcliError where something had to be decided, as on ``few`` rows."""
    if not isinstance(table, Table):
        return (), ()
    columns, decisions = column_entries(table.records), table.decisions
    progress.listing(HEADER, column_rows(columns))
    every = [*decisions, *([few] if few else [])]
    if strict:
        refuse_decisions(every)
    for text in table.warnings:
        progress.warn(text)
    for one in decisions:
        if one.column is None:
            progress.note(one.what + (f" (say so: {one.settle})" if one.settle else ""))
    return tuple(columns), tuple(decision_entries(every))


def open_table(config: FitLinearConfig) -> Table | LineExample:
    """The table to read, or the built-in example."""
    if not config.data:
        if config.target not in (None, "y"):
            raise DlcliError(
                f"--target {config.target}: no DATA was given, and the built-in example predicts y",
                "give a file",
            )
        return LineExample(config.seed_of_data)
    return Table.open(
        config.data, config.target, read_options(config, config.features, config.drop),
        class_target=config.loss == "cross-entropy",
    )  # fmt: skip


def problem_kind(config: FitLinearConfig, table: Table | LineExample) -> Kind:
    """Least squares or classes; whether there are two classes or more is known once the data are read."""
    target = table.target
    assert target is not None
    if target.kind == "number":
        if config.loss == "cross-entropy" and not config.data:
            raise DlcliError("--loss cross-entropy: the built-in example predicts a number", "give a table of classes")
        return "softmax" if config.loss == "cross-entropy" else "mse"
    if config.loss in ("auto", "cross-entropy"):
        return "softmax"
    name = printable(target.name)
    raise DlcliError(
        f"--loss mse: the target {name!r} holds {target.kind} values, expected numbers",
        "use --loss cross-entropy, or choose another --target",
    )


def held_out(split: Split, data: TableData) -> list[int]:
    """The groups of the validation rows. Raises DlcliError when there should be some and are none."""
    held = [VALIDATION] if VALIDATION in data.moments else []
    if split.validation and not held:
        raise DlcliError(
            f"--val {split.validation} holds out no row of {data.rows}", "give a larger fraction or more rows"
        )
    return held


def folds_of(split: Split, data: TableData) -> list[int]:
    """The groups that cross-validation holds out in turn. Raises DlcliError when there are too few rows."""
    folds = data.training_groups()
    if len(folds) < split.folds:
        raise DlcliError(f"--cv {split.folds}: only {data.rows} rows", "use fewer folds")
    return folds
