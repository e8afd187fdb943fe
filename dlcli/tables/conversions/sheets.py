"""A sheet of a workbook (Excel, OpenDocument) as a CSV file."""

import csv
import os
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from dlcli.errors import DlcliError
from dlcli.files import temporary_file
from dlcli.tables.columns import ReadOptions
from dlcli.tables.decisions import Decision
from dlcli.tables.sources import Source
from dlcli.text import listed, printable, quoted

if TYPE_CHECKING:
    import fastexcel
    import polars as pl

LOOKED_AT = 50  # rows by which the table's width is told from that of the lines above it
INSTALL = "pip install 'dlcli[excel]'"


def as_csv(source: Source, options: ReadOptions) -> Source:
    """A sheet as a temporary CSV file: that of ``options.sheet``, else the first one that holds a table.

    Rows above the table that fill less than half of its columns are left out, unless ``options.skip`` says how many.
    Raises DlcliError for a damaged workbook, a sheet that there isn't, and where fastexcel isn't installed.
    """
    try:
        import fastexcel
    except ModuleNotFoundError:
        message = f"{source.label} is a workbook, and fastexcel, which reads it, isn't installed"
        raise DlcliError(message, INSTALL) from None
    try:
        workbook = fastexcel.read_excel(source.path)
        name, table, decisions = _chosen(workbook, source.label, options)
    except (fastexcel.FastExcelError, OSError, ValueError) as error:
        raise _damaged(source, error) from None
    except BaseException as error:  # a panic of Rust code is no Exception
        if "Panic" not in type(error).__name__:
            raise
        raise _damaged(source, error) from None
    above = _lines_above(table) if options.skip is None else options.skip
    if above and options.skip is None:
        what = f"{source.label}: {above} row{'s' * (above > 1)} above the table of sheet '{printable(name)}' left out"
        decisions.append(Decision(what, f"--skip {above}"))
    descriptor, path = temporary_file(".csv")
    with os.fdopen(descriptor, "w", encoding="utf-8", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows(_filled(table[above:]).iter_rows())
    return replace(source, path=path, decisions=tuple(decisions))


def _damaged(source: Source, error: BaseException) -> DlcliError:
    reason = printable((str(error).splitlines() or [type(error).__name__])[0])
    return DlcliError(f"{source.label} cannot be read as a workbook: {reason}", "save it again, or its sheet as .csv")


def _chosen(
    workbook: "fastexcel.ExcelReader", label: str, options: ReadOptions
) -> tuple[str, "pl.DataFrame", list[Decision]]:
    """The sheet's name, its cells as texts (rows, columns), and what was decided."""
    names = workbook.sheet_names
    if options.sheet is not None:
        name = _named(options.sheet, names, label)
        return name, _cells_and_visible(workbook, name)[0], []
    sheets = [(name, *_cells_and_visible(workbook, name)) for name in names]
    seen = [sheet for sheet in sheets if sheet[2]] or sheets
    filled = {name: cells for name, cells, _ in seen if cells.height > 1}
    filled = {name: cells for name, cells in filled.items() if cells.width > 1} or filled
    if not filled:
        raise DlcliError(f"{label}: no sheet holds a table; its sheets are {listed(names)}", "give one with rows")
    name = next(iter(filled))
    if len(filled) == 1:
        return name, filled[name], []
    others = listed(other for other in filled if other != name)
    what = f"{label}: the sheet '{printable(name)}' is read, the first with a table; others are {others}"
    return name, filled[name], [Decision(what, f"--sheet {quoted(name)}")]


def _named(wanted: str, names: Sequence[str], label: str) -> str:
    """The sheet of that name or, where none has it, of that number, from 1. Raises DlcliError."""
    if wanted in names:
        return wanted
    if wanted.isdecimal() and 1 <= int(wanted) <= len(names):
        return names[int(wanted) - 1]
    raise DlcliError(f"--sheet {printable(wanted)}: {label} has no such sheet", f"its sheets are {listed(names)}")


def _cells_and_visible(workbook: "fastexcel.ExcelReader", name: str) -> tuple["pl.DataFrame", bool]:
    """A sheet's cells as texts, without empty rows and columns, and whether a person sees the sheet."""
    import polars as pl

    sheet = workbook.load_sheet(name, header_row=None, dtypes="string")
    numbers = workbook.load_sheet(name, header_row=None, dtypes="float").to_polars()
    cells = pl.DataFrame([_exact(text, number) for text, number in zip(sheet.to_polars(), numbers, strict=True)])
    cells = _filled(cells)
    cells = cells.filter(~pl.all_horizontal(pl.all().is_null())) if cells.width else cells
    return cells, sheet.visible == "visible"


def _filled(cells: "pl.DataFrame") -> "pl.DataFrame":
    """Without the columns that are empty."""
    return cells.select(column for column in cells if column.null_count() < cells.height)


def _exact(texts: "pl.Series", numbers: "pl.Series") -> "pl.Series":
    """A column's texts with all digits of its numbers, of which fastexcel's texts have nine behind the point."""
    import polars as pl

    rounded = texts.cast(pl.Float64, strict=False)
    return texts.zip_with((rounded == numbers).fill_null(True), numbers.cast(pl.String))


def _lines_above(table: "pl.DataFrame") -> int:
    """How many rows come before the first one that fills at least half of the columns that most rows fill."""
    counts = [sum(cell is not None for cell in row) for row in table.head(LOOKED_AT).iter_rows()]
    usual = sorted(counts)[len(counts) // 2]
    return next((i for i, count in enumerate(counts) if 2 * count > usual), 0)
