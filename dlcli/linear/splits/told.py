"""How the rows were dealt out, as the report and the user are told."""

from collections.abc import Iterator, Sequence

from dlcli.linear.data.split import VALIDATION, Assigned
from dlcli.linear.data.table_data import TableData
from dlcli.linear.splits.settings import SplitSettings
from dlcli.reports.split import SplitEntry, SplitPart
from dlcli.text import counted


def split_entry(split: Assigned, settings: SplitSettings, data: TableData) -> SplitEntry:
    """What the report says; the rows are those that are left of each part."""
    held = _part(split, data, VALIDATION) if VALIDATION in data.moments else None
    trained = data.training_groups()
    folds = [_part(split, data, fold, split.beside(fold, trained)) for fold in split.scored(trained)]
    return SplitEntry(
        options=" ".join(part for part in (settings.holding, settings.folding) if part),
        held_out=held,
        folds=folds if split.folds else None,
    )


def _part(split: Assigned, data: TableData, group: int, trained: Sequence[int] = ()) -> SplitPart:
    rows = data.moments[group].number
    return SplitPart(
        rows=rows,
        share=rows / data.rows,
        groups=split.counts.get(group),
        since=split.since.get(group),
        trained_on=sum(data.moments[one].number for one in trained) or None,
    )


def said_of_split(entry: SplitEntry, settings: SplitSettings, split: Assigned, rows: int) -> Iterator[str]:
    """Lines on the actual shares of ``rows`` in all."""
    groups = sum(split.counts.values())
    if (held := entry.held_out) is not None:
        those = f"{held.groups:,} of {groups:,} groups, " if held.groups is not None and settings.val else ""
        since = f", from {held.since} on" if held.since else ""
        shares = f"{held.rows:,} of {counted(rows, 'row')} ({held.share:.1%})"
        yield f"held out by {settings.holding}: {those}{shares}{since}"
    folds = entry.folds or []
    if folds and settings.group is not None and folds[0].groups is not None:
        yield f"{settings.folding}: {_range([f.groups or 0 for f in folds], 'group')}, {_rows(folds)} in each fold"
    elif folds and settings.time is not None:
        first = counted(folds[0].trained_on or 0, "row")
        yield f"{settings.folding}: {_rows(folds)} in each fold, trained on those before it: {first} for the first"
    elif folds and settings.group is not None:
        yield f"{settings.folding}: {_rows(folds)} in each fold; the groups are too many to be counted"


def _rows(folds: Sequence[SplitPart]) -> str:
    return _range([fold.rows for fold in folds], "row")


def _range(counts: Sequence[int], noun: str) -> str:
    least, most = min(counts), max(counts)
    return counted(least, noun) if least == most else f"{least:,} to {counted(most, noun)}"
