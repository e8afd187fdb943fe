import datetime
import sqlite3
import uuid
from decimal import Decimal

import polars as pl
import pytest

from dlcli.errors import DlcliError
from dlcli.passwords import put_away, whole
from dlcli.tables.columns import ReadOptions
from dlcli.tables.conversions.cells import column_of
from dlcli.tables.conversions.convert import converted
from dlcli.tables.readers.spool import SpoolReader
from dlcli.tables.sources import expand


def read(name, query=None):
    return SpoolReader(converted(expand([str(name)])[0], ReadOptions(query=query)))


def rows(reader):
    return pl.concat(frame.data for frame in reader.raw_frames(dict.fromkeys(reader.names, "number"))).rows()


def sqlite(path, *statements):
    connection = sqlite3.connect(path)
    for statement in statements:
        connection.execute(statement)
    connection.commit()
    connection.close()
    return path


@pytest.mark.parametrize(
    ("values", "dtype", "expected"),
    [
        ([1, None, 3], pl.Int64, [1, None, 3]),
        ([1, 2.5], pl.Float64, [1.0, 2.5]),
        ([True, None], pl.Boolean, [True, None]),
        ([Decimal("1.50"), 2], pl.Float64, [1.5, 2.0]),
        ([2**70, -(2**70)], pl.Float64, [2.0**70, -(2.0**70)]),
        (["a", "1"], pl.String, ["a", "1"]),
        ([1, "a", 0.1, None, True], pl.String, ["1", "a", "0.1", None, "true"]),
        ([None, None], pl.Null, [None, None]),
        ([datetime.date(2024, 1, 2)], pl.Date, [datetime.date(2024, 1, 2)]),
        (
            [datetime.datetime(2024, 1, 2, 3, tzinfo=datetime.timezone(datetime.timedelta(hours=5.5)))],
            pl.Datetime("us"),
            [datetime.datetime(2024, 1, 1, 21, 30)],
        ),
        ([datetime.timedelta(seconds=5)], pl.Duration("us"), [datetime.timedelta(seconds=5)]),
        ([uuid.UUID(int=1)], pl.String, ["00000000-0000-0000-0000-000000000001"]),
        ([b"x"], pl.Binary, [b"x"]),
        ([[1, 2], None], pl.List(pl.String), [["[1, 2]"], None]),
    ],
)
def test_values_become_the_type_that_they_share(values, dtype, expected):
    column = column_of("x", values)
    assert column.dtype == dtype
    assert column.to_list() == expected


def test_the_only_table_is_taken_and_several_are_named(tmp_path):
    path = sqlite(
        tmp_path / "a.db", "CREATE TABLE one (x REAL, y TEXT)", "INSERT INTO one VALUES (1, 'a'), (NULL, 'b')"
    )
    assert rows(read(path)) == [(1.0, "a"), (None, "b")]
    sqlite(
        path,
        'CREATE TABLE "the other" (z)',
        "CREATE VIEW seen AS SELECT x FROM one",
        'INSERT INTO "the other" VALUES (5)',
    )
    with pytest.raises(DlcliError, match="has 2 tables: one, the other") as caught:
        read(path)
    assert "--query one" in caught.value.hint
    assert rows(read(path, "the other")) == [(5,)]
    assert rows(read(path, "seen")) == [(1.0,), (None,)]
    assert rows(read(path, "SELECT x * 2 AS w FROM one WHERE x IS NOT NULL;")) == [(2.0,)]
    with pytest.raises(DlcliError, match="no such table") as caught:
        read(path, "oen")
    assert "--query one" in caught.value.hint


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("SELECT absent FROM one", "no such column"),
        ("SELEC x", "syntax"),
        ("INSERT INTO one VALUES (1)", "readonly"),
        ("SELECT 1; SELECT 2", "one statement"),
    ],
)
def test_a_query_that_fails_is_a_line(tmp_path, query, message):
    path = sqlite(tmp_path / "a.db", "CREATE TABLE one (x)")
    with pytest.raises(DlcliError, match=message):
        read(path, query)


def test_no_rows_are_refused(tmp_path):
    path = sqlite(tmp_path / "a.db", "CREATE TABLE one (x)")
    with pytest.raises(DlcliError, match="no rows"):
        read(path)
    with pytest.raises(DlcliError, match="has no tables"):
        read(sqlite(tmp_path / "b.db", "PRAGMA user_version = 1"))


def test_text_that_is_not_utf8_is_read(tmp_path):
    path = sqlite(tmp_path / "a.db", "CREATE TABLE one (x)", "INSERT INTO one VALUES (CAST(x'63e9' AS TEXT))")
    assert rows(read(path)) == [("c\ufffd",)]


def test_types_of_sqlite_may_change_with_the_rows(tmp_path, monkeypatch):
    monkeypatch.setattr("dlcli.tables.conversions.databases.BATCH_ROWS", 2)
    values = ", ".join(f"({v})" for v in ("1", "2", "3.5", "4", "'five'", "6", "NULL", "NULL"))
    reader = read(sqlite(tmp_path / "a.sqlite3", "CREATE TABLE t (x)", f"INSERT INTO t VALUES {values}"))
    frames = list(reader.raw_frames({"x": "number"}))
    assert [frame.first_row for frame in frames] == [1, 3, 5, 7]
    assert reader.sample(["x"])["x"].to_list() == ["1", "2", "3.5", "4.0", "five", "6", None, None]


def test_urls_of_files(tmp_path, monkeypatch):
    path = sqlite(tmp_path / "data with blank.x", "CREATE TABLE t (x)", "INSERT INTO t VALUES (1)")
    monkeypatch.chdir(tmp_path)
    for url in (
        "sqlite:///data with blank.x",
        "sqlite:///data%20with%20blank.x",
        f"sqlite:///{path}",
        f"sqlite://{path}",
    ):
        assert rows(read(url)) == [(1,)], url
    with pytest.raises(DlcliError, match="no such file"):
        read("sqlite:///none.db")
    with pytest.raises(DlcliError, match="SQLite, DuckDB and PostgreSQL"):
        read("https://example.org/a.csv")
    (tmp_path / "bad.db").write_bytes(b"nothing of the kind" * 100)
    with pytest.raises(DlcliError, match="not a database"):
        read("bad.db")


def test_a_query_is_for_databases(tmp_path):
    (tmp_path / "a.csv").write_text("x,y\n1,2\n")
    with pytest.raises(DlcliError, match="is no database"):
        read(tmp_path / "a.csv", "a")


def test_duckdb(tmp_path):
    duckdb = pytest.importorskip("duckdb")
    path = tmp_path / "a.db"  # what it holds counts, not what it is called
    connection = duckdb.connect(str(path))
    connection.execute("CREATE TABLE t AS SELECT 1::HUGEINT AS n, 1.5::DECIMAL(9,2) AS d, DATE '2024-01-02' AS day")
    connection.execute("CREATE SCHEMA other")
    connection.execute("CREATE TABLE other.u AS SELECT 1 AS x")
    connection.close()
    assert rows(read(path, "t")) == [(1, 1.5, datetime.date(2024, 1, 2))]
    assert read(path, "other.u").names == ["x"]
    with pytest.raises(DlcliError, match=r"t, other\.u|other\.u, t"):
        read(f"duckdb:///{path}")
    with pytest.raises(DlcliError, match="does not exist"):
        read(path, "SELECT * FROM nowhere")


def test_names_that_occur_twice_are_numbered(tmp_path):
    reader = read(sqlite(tmp_path / "a.db", "CREATE TABLE t (x)"), "SELECT 1 AS x, 2 AS x")
    assert reader.names == ["x", "x_2"]
    assert "x" in reader.decisions[0].what


def test_passwords_are_put_away(monkeypatch):
    url = "postgresql://ann:s%40c/r@et@db:5432/x"
    shown = put_away(url)
    assert shown == "postgresql://ann:***@db:5432/x"
    assert whole(shown) == url
    assert put_away(shown) == shown
    assert whole("postgresql://bob:***@db/x") == "postgresql://bob@db/x"
    assert whole("postgresql://db/x?user=bob&password=***") == "postgresql://db/x?user=bob"
    assert put_away("sqlite:///a.db") == "sqlite:///a.db"
