"""A look at a table without a fit: ``fit-linear --dry-run``."""

from dataclasses import replace

from dlcli import __version__
from dlcli.config.fit_linear import FitLinearConfig
from dlcli.config.words import words_of
from dlcli.errors import DlcliError
from dlcli.linear.data.decided import column_entries, decision_entries
from dlcli.linear.data.gathering.gather import training_rows
from dlcli.linear.plan import split_of
from dlcli.linear.splits.assign import Dealing
from dlcli.linear.splits.settings import SplitSettings
from dlcli.reports.columns import DryRunReport
from dlcli.tables.decisions import settled_by
from dlcli.tables.names import Hints
from dlcli.tables.options import read_options
from dlcli.tables.table import Table
from dlcli.tables.terms.options import with_terms, with_wanted


def inspect_table(config: FitLinearConfig) -> DryRunReport:
    """Read the whole table, whether or not it has a target, and use its columns as a fit would.

    Raises DlcliError for what can't be read, and for rows that can't be held out as the config says.
    """
    if not config.data:
        raise DlcliError("--dry-run looks at a table, and no DATA was given", "name a file")
    given, config = config, with_terms(config)
    table = Table.open(
        config.data, config.target,
        with_wanted(
            config,
            replace(read_options(config, config.features, config.drop), cluster=config.cluster, held=config.val_data),
        ),
        class_target=config.loss == "cross-entropy", need_target=False,
    )  # fmt: skip
    split, warnings = split_of(config), list[str]()
    if (settings := SplitSettings.of(config)).present:
        dealing = Dealing(table, settings, split, read_options(config))
        split, warnings = dealing.dealt(), dealing.warnings
    classes = table.target is not None and (table.target.is_class or config.loss == "cross-entropy")
    table.settle(training_rows(split, classes=classes), wholly=True)
    return DryRunReport(
        dlcli=__version__,
        command="fit-linear",
        dry_run=True,
        data=[label for label, _ in table.files],
        rows=table.rows,
        columns=column_entries(table.records),
        terms=list(table.schema.encoded_names) if table.schema.design is not None else None,
        decisions=decision_entries(table.decisions),
        problems=[*warnings, *table.warnings],
        next=_next(given, table),
    )


def _next(config: FitLinearConfig, table: Table) -> str:
    """A command that fits, with every decision made expressly; without a target the last column is taken for one."""
    words = ["dlcli fit-linear", words_of(config, without=("dry_run", "quiet", "json_output"))]
    if config.target is None and table.target is None:
        used = [record.column for record in table.records if record.used_as != "left out"]
        words.append(f"--target {Hints(tuple(table.columns)).column(used[-1])}")
    return " ".join(word for word in (*words, settled_by(table.decisions)) if word)
