"""What is told of a table's columns, in reports and on the screen."""

from collections.abc import Sequence
from typing import Literal

from pydantic import Field

from dlcli.reports.document import Record, Report, Text

FEW = 20  # columns that are all shown
HEADER = ("column", "holds", "used as", "missing", "note")


class ColumnEntry(Record):
    """A column: what it holds, and how it is used."""

    column: Text
    holds: Text = Field(description="what its cells are, in words")
    used_as: Text = Field(description="number, levels, days..., target, or left out")
    missing: int = Field(description="rows without a value")
    note: Text = Field(description="what was done about it, and why; else empty")


class DecisionEntry(Record):
    """Something doubtful that was decided."""

    what: Text
    settle: Text = Field(description="the options that say the same expressly; empty where none can")


class DryRunReport(Report):
    """The report of ``fit-linear --dry-run``: how a table is read, without a fit."""

    dlcli: str = Field(description="version of dlcli")
    command: Literal["fit-linear"]
    dry_run: Literal[True]
    data: list[Text] = Field(description="files read")
    rows: int = Field(description="rows of data, those without a target included")
    columns: list[ColumnEntry]
    terms: list[Text] | None = Field(
        default=None, description="the model's columns that terms make of these; absent where there are no terms"
    )
    decisions: list[DecisionEntry]
    problems: list[Text] = Field(description="what a fit would warn of when reading")
    next: Text = Field(description="a command line that fits, with every decision made expressly")


def column_rows(columns: Sequence[ColumnEntry]) -> list[tuple[str, ...]]:
    """Rows of the table of columns: all of few; of many those of which there is something to say."""
    shown = [c for c in columns if len(columns) <= FEW or c.note or c.missing or c.used_as != "number"]
    rows: list[tuple[str, ...]] = [
        (c.column, c.holds, c.used_as, f"{c.missing:,}" if c.missing else "", c.note) for c in shown
    ]
    if left := len(columns) - len(shown):
        rows.append((f"({left:,} more)", "numbers", "number", "", ""))
    return rows
