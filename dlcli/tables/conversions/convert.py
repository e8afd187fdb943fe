"""A source as its reader takes it."""

from dlcli.errors import DlcliError
from dlcli.tables.columns import ReadOptions
from dlcli.tables.sources import DATABASES, Source
from dlcli.text import printable


def converted(source: Source, options: ReadOptions) -> Source:
    """The source itself or, of a workbook or a database, a temporary file with the table that is wanted of it.

    Raises DlcliError for one that can't be opened, or where it isn't clear which table is meant.
    """
    if source.format in DATABASES:
        from dlcli.tables.conversions.databases import queried

        return queried(source, options.query)
    if options.query is not None:
        message = f"--query {printable(options.query)}: {source.label} is no database"
        raise DlcliError(message, "leave out --query, or give sqlite:///FILE, duckdb:///FILE or postgresql://...")
    if source.format == "excel":
        from dlcli.tables.conversions.sheets import as_csv

        return as_csv(source, options)
    if options.sheet is not None:
        message = f"--sheet {printable(options.sheet)}: {source.label} is no workbook"
        raise DlcliError(message, "leave out --sheet")
    return source
