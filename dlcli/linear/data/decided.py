"""What was decided about a table: as reports record it."""

from collections.abc import Sequence

from dlcli.reports.columns import ColumnEntry, DecisionEntry
from dlcli.tables.decisions import Decision
from dlcli.tables.planning.settle import ColumnRecord


def column_entries(records: Sequence[ColumnRecord]) -> list[ColumnEntry]:
    """The report's ``columns``."""
    return [
        ColumnEntry(column=r.column, holds=r.holds, used_as=r.used_as, missing=r.missing, note=r.note) for r in records
    ]


def decision_entries(decisions: Sequence[Decision]) -> list[DecisionEntry]:
    """The report's ``decisions``."""
    return [DecisionEntry(what=one.what, settle=one.settle) for one in decisions]
