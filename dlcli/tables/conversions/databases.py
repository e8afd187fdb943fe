"""The result of a query on SQLite, DuckDB or PostgreSQL, copied to a temporary file.

Training reads its rows more than once, and they have to be the same ones in the same order each time, which a database
that others write to doesn't promise.
"""

import difflib
import re
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from typing import Any, Protocol
from urllib.parse import quote, unquote

import polars as pl

from dlcli.errors import DlcliError
from dlcli.passwords import CREDENTIALS, whole
from dlcli.tables.conversions.cells import column_of
from dlcli.tables.decisions import Decision
from dlcli.tables.names import unique_names
from dlcli.tables.readers.spool import spooled
from dlcli.tables.sources import Source
from dlcli.text import listed, printable, quoted

BATCH_ROWS, BATCH_CELLS = 16_384, 1 << 21
CONNECT_SECONDS = 10
NAME = re.compile(r"\w[\w.$-]*")  # what stands alone is a table's name, no SQL
SCHEMAS = "table_schema NOT IN ('information_schema', 'pg_catalog')"
CATALOG = f"SELECT table_schema, table_name, table_type FROM information_schema.tables WHERE {SCHEMAS} ORDER BY 1, 2"
SQLITE_CATALOG = (
    "SELECT 'main', name, CASE type WHEN 'view' THEN 'VIEW' ELSE 'BASE TABLE' END FROM sqlite_master "
    "WHERE type IN ('table', 'view') AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY 2"
)
OWN_SCHEMAS = ("main", "public")  # whose tables are called by their name alone


class Cursor(Protocol):
    """What is used of Python's database interface (PEP 249)."""

    @property
    def description(self) -> Any: ...  # noqa: D102

    def execute(self, query: Any, /) -> object: ...  # noqa: D102

    def fetchmany(self, size: int, /) -> Sequence[Sequence[object]]: ...  # noqa: D102

    def close(self) -> object: ...  # noqa: D102


class Connection(Protocol):
    """Likewise of a connection: a new cursor, and the end."""

    def cursor(self) -> Any: ...  # noqa: D102

    def close(self) -> None: ...  # noqa: D102


@dataclass(frozen=True)
class _Table:
    """A table or view of a database."""

    schema: str
    name: str
    view: bool

    @property
    def shown(self) -> str:
        """How a person calls it."""
        return self.name if self.schema in OWN_SCHEMAS else f"{self.schema}.{self.name}"

    @property
    def everything(self) -> str:
        """The query for all of its rows."""
        schema, name = (text.replace('"', '""') for text in (self.schema, self.name))
        return f'SELECT * FROM "{schema}"."{name}"'


def queried(source: Source, query: str | None) -> Source:
    """The result of ``query`` as a spool of frames: SQL, or the name of a table; None: the only table.

    Raises DlcliError for a database that can't be read, a query that fails, and where there are several tables.
    """
    with _failures(source):
        connection = _connected(source)
        try:
            tables = _tables(connection, source)
            statement = _statement(tables, query, source.label)
            decisions: list[Decision] = []
            with closing(_cursor(connection, source)) as cursor:
                path = spooled(_frames(cursor, statement, source.label, decisions), source.label)
        finally:
            connection.close()
    return replace(source, path=path, format="spool", decisions=(*source.decisions, *decisions))


@contextmanager
def _failures(source: Source) -> Iterator[None]:
    """Within, what a driver raises becomes a DlcliError that never shows the password."""
    try:
        yield
    except (DlcliError, KeyboardInterrupt, MemoryError):
        raise
    except Exception as error:
        if type(error).__module__.partition(".")[0].lstrip("_") not in ("sqlite3", "duckdb", "psycopg"):
            raise
        lines = [line.strip() for line in str(error).splitlines() if line.strip()] or [type(error).__name__]
        reason = lines[0]
        found = CREDENTIALS.search(whole(source.url))
        for secret in {found[2], unquote(found[2])} - {""} if found else ():
            reason = reason.replace(secret, "***")
        hint = "check the query, and the names of tables and columns"
        if "password" in reason or "connect" in reason:
            hint = "check that it is running; the password is taken from the URL, or from PGPASSWORD"
        elif "not a database" in reason or "not a valid DuckDB" in reason:
            hint = "give a file that SQLite or DuckDB has written"
        raise DlcliError(f"{source.label}: {printable_reason(reason)}", hint) from None


def printable_reason(text: str) -> str:
    """What a driver says, on one line."""
    return "".join(c if c.isprintable() else " " for c in text).rstrip(".")[:300]


def _connected(source: Source) -> Connection:
    """A connection that can't write. Raises DlcliError where the driver isn't installed."""
    if source.format == "sqlite":
        opened = sqlite3.connect(f"file:{quote(str(source.path))}?mode=ro", uri=True)
        opened.text_factory = _text  # SQLite doesn't check that text is UTF-8
        return opened
    if source.format == "duckdb":
        try:
            import duckdb
        except ModuleNotFoundError:
            raise _no_driver(source, "duckdb") from None
        connection: Connection = duckdb.connect(str(source.path), read_only=True)
        return connection
    try:
        import psycopg
    except ModuleNotFoundError:
        raise _no_driver(source, "postgresql") from None
    scheme, _, rest = whole(source.url).partition("://")
    server = psycopg.connect(f"{scheme.partition('+')[0]}://{rest}", connect_timeout=CONNECT_SECONDS)
    server.read_only = True
    return server


def _text(raw: bytes) -> str:
    return raw.decode(errors="replace")


def _no_driver(source: Source, extra: str) -> DlcliError:
    return DlcliError(f"{source.label}: the driver of this database isn't installed", f"pip install 'dlcli[{extra}]'")


def _cursor(connection: Any, source: Source) -> Cursor:
    """A cursor for the rows; PostgreSQL's keeps them on the server until they are asked for."""
    cursor: Cursor = connection.cursor("dlcli") if source.format == "postgresql" else connection.cursor()
    return cursor


def _tables(connection: Connection, source: Source) -> list[_Table]:
    with closing(connection.cursor()) as cursor:
        cursor.execute(SQLITE_CATALOG if source.format == "sqlite" else CATALOG)
        return [_Table(schema, name, kind == "VIEW") for schema, name, kind in cursor.fetchall()]


def _statement(tables: Sequence[_Table], query: str | None, label: str) -> str:
    """The SQL to run. Raises DlcliError where it isn't clear which table is meant, or there is no such one."""
    shown = listed(table.shown for table in tables)
    if query is None:
        wanted = [table for table in tables if not table.view] or list(tables)
        if len(wanted) == 1:
            return wanted[0].everything
        if not wanted:
            raise DlcliError(f"{label} has no tables", "give another database")
        message = f"{label} has {len(wanted)} tables: {listed(table.shown for table in wanted)}"
        raise DlcliError(message, f"--query {quoted(wanted[0].shown)}, another one, or --query 'SELECT ...'")
    for table in tables:
        if query in (table.shown, table.name, f"{table.schema}.{table.name}"):
            return table.everything
    if NAME.fullmatch(query.strip()):
        close = difflib.get_close_matches(query.strip(), [table.shown for table in tables], n=1)
        hint = f"did you mean --query {quoted(close[0])}?" if close else f"its tables are {shown or 'none'}"
        raise DlcliError(f"--query {printable(query)}: {label} has no such table", hint)
    return query.strip().rstrip(";")


def _frames(cursor: Cursor, statement: str, label: str, decisions: list[Decision]) -> Iterator[pl.DataFrame]:
    """The result, some rows at a time. Raises DlcliError for a statement without a result, and for no rows."""
    cursor.execute(statement)
    if not cursor.description:
        raise DlcliError(f"{label}: the query gives no rows", "--query takes a SELECT, or the name of a table")
    names, repeated = unique_names([str(column[0]) for column in cursor.description])
    if repeated:
        decisions.append(Decision(f"{label}: columns of the same name were numbered: {listed(repeated)}"))
    size = max(1, min(BATCH_ROWS, BATCH_CELLS // len(names)))
    rows = cursor.fetchmany(size)
    if not rows:
        raise DlcliError(f"{label}: there are no rows of data", "give a table, or a --query, that has rows")
    while rows:
        columns = zip(*rows, strict=True)
        yield pl.DataFrame([column_of(name, values) for name, values in zip(names, columns, strict=True)])
        rows = cursor.fetchmany(size)
