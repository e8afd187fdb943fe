"""A table read, checked and planned for."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from dlcli.config.fit_linear import FitLinearConfig
from dlcli.engine.device import pick_device
from dlcli.engine.progress import Progress
from dlcli.engine.ranks import ALONE, Ranks
from dlcli.errors import DlcliError
from dlcli.linear.data.decided import column_entries, decision_entries
from dlcli.linear.data.gathering.gather import gather
from dlcli.linear.data.gathering.how import Gathering
from dlcli.linear.data.kind import check_class_names, check_weighting, problem_kind
from dlcli.linear.data.levels import note_of_classes
from dlcli.linear.data.scale import check_digits
from dlcli.linear.data.split import VALIDATION, Assigned, Split
from dlcli.linear.data.stored import StoredTable
from dlcli.linear.data.table_data import TableData
from dlcli.linear.diagnostics.aliased import without_aliased
from dlcli.linear.diagnostics.checks import SMALL_L2, check, constant_columns, too_few_rows
from dlcli.linear.diagnostics.targets import check_family
from dlcli.linear.inference.contrasts import check_baseline
from dlcli.linear.inference.settings import Clusters, InferenceSettings
from dlcli.linear.objectives.gram import gram_on
from dlcli.linear.objectives.loss import Kind, loss_of, of_classes, of_numbers_by_rows, of_quantile
from dlcli.linear.plan import Plan, make_plan, said_of_optimizer
from dlcli.linear.shared.crew import Crew
from dlcli.linear.shared.part import SharedTable
from dlcli.linear.shared.share import Share
from dlcli.linear.shared.sums import WideError
from dlcli.linear.splits.assign import Dealing
from dlcli.linear.splits.order import note_of_order
from dlcli.linear.splits.settings import SplitSettings
from dlcli.linear.splits.told import said_of_split, split_entry
from dlcli.memory import room_for_rows
from dlcli.reports.columns import HEADER, ColumnEntry, DecisionEntry, column_rows
from dlcli.reports.split import SplitEntry
from dlcli.tables.decisions import Decision, refuse_decisions
from dlcli.tables.example import LineExample
from dlcli.tables.names import Hints, RowColumns
from dlcli.tables.options import read_options
from dlcli.tables.sources import Source
from dlcli.tables.table import Table
from dlcli.tables.terms.options import with_wanted
from dlcli.text import counted, listed, printable


@dataclass(frozen=True)
class Loaded:
    """A table that has been read and checked; ``usable`` has the columns ``keep`` of ``data``.

    ``files`` are the names of those that it was read from, and where they are; ``coefficients`` as in
    ``make_plan``; ``columns`` and ``decisions`` what is reported of it; ``few_rows``: fewer than coefficients;
    ``split`` how the rows were dealt out, where that wasn't chance alone.
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
    inference: InferenceSettings = field(default_factory=InferenceSettings)
    split: SplitEntry | None = None
    beside: RowColumns = field(default_factory=RowColumns)

    @property
    def stored(self) -> StoredTable | None:
        """The rows, where they are in a file as they are too many for memory."""
        return self.data.reread if isinstance(self.data.reread, StoredTable) else None

    @property
    def aliased(self) -> list[str]:
        """The columns that are left out, as they depend on earlier ones: those of them that aren't constant."""
        left_out = np.ones(len(self.data.names), dtype=np.bool_)
        left_out[self.keep] = False
        if self.plan.columns.intercept:
            left_out &= ~constant_columns(self.data.merged(self.data.training_groups()))
        return [self.data.names[j] for j in np.flatnonzero(left_out)]


# What is known of rows in memory where they stay with clients: moments of all, and who is asked for more.
Apart = Callable[[Table | LineExample, TableData], TableData]


@dataclass(frozen=True)
class Read:
    """A table, how it is to be trained on, and this process's share of its rows.

    ``share`` is None where one process works alone, as it has to have all rows: ``alone`` says why. ``warnings`` are
    those of how rows were dealt out.
    """

    table: Table | LineExample
    kind: Kind
    plan: Plan
    device: str
    share: Share | None
    alone: str = ""
    warnings: tuple[str, ...] = ()


def read(
    config: FitLinearConfig, ranks: Ranks = ALONE, held: Source | None = None, *, whole: bool = False
) -> Read:  # fmt: skip
    """Read the data, as all ``ranks`` do together; ``held`` is a table in memory instead. Raises DlcliError.

    ``whole``: all rows are kept in memory, whatever the method needs.
    """
    table = open_table(config, ranks, held)
    kind = problem_kind(config, table)
    check_weighting(config, kind)
    plan = make_plan(config, kind, demo=not config.data)
    warnings: tuple[str, ...] = ()
    if isinstance(table, Table) and (settings := SplitSettings.of(config)).present:
        dealing = Dealing(table, settings, plan.split, read_options(config))
        plan, warnings = replace(plan, split=dealing.dealt()), tuple(dealing.warnings)
    device = _device(config, kind)
    found = Read(table, kind, plan, device, None, warnings=warnings)
    if ranks.count > 1 and not config.data:
        return replace(found, alone="the built-in example is small")
    if ranks.count > 1 and plan.optimizer == "exact":
        what = f"--loss {config.loss}" if of_quantile(kind) else "--optimizer exact"
        return replace(found, alone=f"{what} takes all rows at once")
    if ranks.count > 1 and of_numbers_by_rows(kind):
        return replace(found, alone=f"--loss {loss_of(kind).name} is fitted by one process")
    try:
        return replace(found, share=_gathered(found, ranks, whole=whole))
    except WideError:
        return replace(found, alone="there are more columns than rows")


def _device(config: FitLinearConfig, kind: Kind) -> str:
    """Where moments and rows are computed with. Raises DlcliError for one that there isn't."""
    if not of_numbers_by_rows(kind):
        return pick_device(config.device)
    if config.device not in ("auto", "cpu"):
        raise DlcliError(f"--device {config.device}: --loss {loss_of(kind).name} runs on the CPU", "use --device cpu")
    return "cpu"


def _gathered(found: Read, ranks: Ranks, *, whole: bool = False) -> Share:
    plan, device = found.plan, found.device
    room = room_for_rows(device) // ranks.neighbors
    device = f"{device}:{ranks.local_rank}" if ranks.count > 1 and device == "cuda" else device
    asked = Gathering(
        plan.split,
        classes=of_classes(found.kind),
        keep_rows=plan.keep_rows or whole,
        shifted=found.kind == "mse",
        gram=gram_on(device),
        most=None if whole or (plan.optimizer == "exact" and found.kind == "mse") else room,
    )
    return gather(found.table, asked)


def load(
    config: FitLinearConfig, progress: Progress, crew: Crew | None = None, held: Source | None = None,
    apart: Apart | None = None,
) -> Loaded:  # fmt: skip
    """Read the data, which a ``crew`` shares, and plan the training; ``held`` is a table in memory in place of DATA.

    ``apart`` makes of all rows what is known of them where they stay with clients. Raises DlcliError.
    """
    if apart is None:
        found, data = _read_and_led(config, progress, crew, held)
    else:
        found = read(config, whole=True)
        assert found.share is not None
        data = apart(found.table, found.share.data)
    table, kind, plan = found.table, found.kind, found.plan
    device = _device_of_steps(config, found, data, progress)
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
    if config.cv and data.schema.design is not None and data.schema.design.learned:
        every = listed(data.schema.design.learned)
        progress.note(f"{every}: learned from all training rows, so that each fold of --cv knows its own too")
    if isinstance(table, Table) and table.weightless:
        progress.note(f"left out {counted(table.weightless, 'row')} of weight 0; {data.rows:,} are left")
    entry = _said_split(config, found, data, progress)
    hints = None
    if isinstance(table, Table):
        hints = Hints(tuple(table.columns))
        check_digits(table, data.merged(data.training_groups()), data.names, progress)
    check_family(kind, data, progress)
    usable, keep = check(plan, data, kind, progress, hints)
    usable, left = without_aliased(plan, usable, progress)
    keep = keep[left]
    if isinstance(table, Table) and table.target and kind == "mse" and config.loss == "auto":
        note_of_classes(table.target.name, table.target_values(), progress)
    coefficients = 0
    if kind != "mse" and data.schema.target is not None:
        classes = len(data.schema.target.levels) if of_classes(kind) else 2
        moments = usable.merged(usable.training_groups())
        width = moments.number if moments.wide and not config.l1 else len(keep)  # in the span of the rows
        coefficients = (classes - 1) * width
        plan = replace(make_plan(config, kind, demo=not config.data, coefficients=coefficients), split=plan.split)
        if said := said_of_optimizer(plan, coefficients):
            progress.note(said)
    files = table.files if isinstance(table, Table) else ()
    return Loaded(
        kind, plan, data, usable, keep, device, files, coefficients, columns, decisions, few is not None,
        _inference(config, data, table), entry, table.beside if isinstance(table, Table) else RowColumns(),
    )  # fmt: skip


def _inference(config: FitLinearConfig, data: TableData, table: Table | LineExample) -> InferenceSettings:
    """What is asked of the summary. Raises DlcliError for what there can't be."""
    target = data.schema.target
    classes = target.levels if target is not None else ()
    check_baseline(config.baseline, classes)
    check_class_names(config, classes)
    if config.robust in ("HC2", "HC3") and len(classes) > 2:
        raise DlcliError(
            f"--robust {config.robust}: a softmax has several residuals for each row, and no one leverage",
            "use HC0 or HC1",
        )
    clusters = None
    if config.cluster is not None:
        if not isinstance(table, Table) or table.cluster is None:
            raise DlcliError(f"--cluster {printable(config.cluster)}: the built-in example has none", "give DATA")
        from dlcli.linear.data.clusters import cluster_codes

        clusters = Clusters(printable(table.cluster), *cluster_codes(table, table.cluster))
    return InferenceSettings(config.confidence, config.baseline, config.per_sd, config.robust, clusters)


def _said_split(config: FitLinearConfig, found: Read, data: TableData, progress: Progress) -> SplitEntry | None:
    """How rows were dealt out where that wasn't chance alone; told, and also where it perhaps shouldn't have been."""
    split, settings = found.plan.split, SplitSettings.of(config)
    for text in found.warnings:
        progress.warn(text)
    if isinstance(found.table, Table) and (text := note_of_order(found.table, settings)):
        progress.note(text)
    if not isinstance(split, Assigned):
        return None
    entry = split_entry(split, settings, data)
    for text in said_of_split(entry, settings, split, data.rows):
        progress.note(text)
    return entry


def _read_and_led(
    config: FitLinearConfig, progress: Progress, crew: Crew | None, held: Source | None
) -> tuple[Read, TableData]:  # fmt: skip
    """The table read, and its data: with rows, or where a ``crew`` shares it with its processes in their place."""
    found = read(config, crew.ranks if crew else ALONE, held)
    if crew is not None:
        crew.begin(found.share)
        progress.note(_said_of_crew(crew, found))
    if found.share is None:
        if isinstance(found.table, Table):
            found.table.read_alone()
        crew, found = None, replace(found, share=_gathered(found, ALONE))
    assert found.share is not None
    data = found.share.data
    if crew is None:
        return found, data
    shared = SharedTable(crew, np.arange(len(data.fill)))
    return found, replace(data, ones_X=None, responses=None, groups=None, reread=shared)


def _device_of_steps(config: FitLinearConfig, found: Read, data: TableData, progress: Progress) -> str:
    """Where the steps are computed."""
    plan, stored = found.plan, found.share.data.reread if found.share else None
    if isinstance(stored, StoredTable):
        progress.note(stored.said())
        return "cpu"  # a GPU would wait for the file
    if not plan.keep_rows or of_numbers_by_rows(plan.kind):
        return found.device
    # What a step goes through: a mini-batch is so small that a GPU mostly waits for the next one.
    rows = min(plan.batches.batch_size, data.rows) if plan.optimizer in ("sgd", "adam") else data.rows
    return pick_device(config.device, rows * len(data.fill))


def _said_of_crew(crew: Crew, found: Read) -> str:
    """What to say of who reads what."""
    count = crew.ranks.count
    if found.alone:
        return f"{found.alone}: of {count} processes one works"
    whole = found.table.read_wholly if isinstance(found.table, Table) else []
    shares = f"{count} processes: each has the rows of its blocks of the data"
    return f"{shares}; all parse all of {listed(whole)}, whose blocks depend on each other" if whole else shares


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


def open_table(config: FitLinearConfig, ranks: Ranks = ALONE, held: Source | None = None) -> Table | LineExample:
    """The table to read, which is ``held`` in memory where there is one, or the built-in example."""
    if not config.data:
        if config.target not in (None, "y"):
            raise DlcliError(
                f"--target {config.target}: no DATA was given, and the built-in example predicts y",
                "give a file",
            )
        if read_options(config).beside.names:
            raise DlcliError("--weights, --offset and --exposure name columns, and no DATA was given", "give a file")
        if SplitSettings.of(config).present:
            what = "--val-rows, --val-data, --group and --time"
            raise DlcliError(f"{what} need DATA: the built-in example has one column", "give a file")
        return LineExample(config.seed_of_data)
    options = read_options(config, config.features, config.drop)
    return Table.open(
        config.data if held is None else [held], config.target,
        with_wanted(config, replace(options, cluster=config.cluster, held=config.val_data, ranks=ranks)),
        class_target=config.loss == "cross-entropy",
    )  # fmt: skip


def held_out(split: Split, data: TableData) -> list[int]:
    """The groups of the validation rows. Raises DlcliError when there should be some and are none."""
    held = [VALIDATION] if VALIDATION in data.moments else []
    if split.validation and not held:
        raise DlcliError(
            f"{split.option} holds out no row of {data.rows} that can be measured", "give a larger part, or more rows"
        )
    return held


def folds_of(split: Split, data: TableData) -> list[int]:
    """The groups that cross-validation holds out in turn. Raises DlcliError when there are too few rows."""
    trained = data.training_groups()
    folds = split.scored(trained)
    if len(folds) < split.folds or not all(split.beside(fold, trained) for fold in folds):
        raise DlcliError(f"--cv {split.folds}: only {data.rows} rows", "use fewer folds")
    return folds
