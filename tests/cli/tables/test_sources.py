"""One table in every kind of source: the same coefficients, and no password anywhere."""

import bz2
import json
import lzma
import os
import sqlite3
import subprocess
import sys

import numpy as np
import polars as pl
import pytest

from tests.conftest import ROOT
from tests.servers import postgresql

NAMES = ["label", "1", "2", "7"]
FIT = ["--target", "label", "--optimizer", "exact", "--plots", "none", "--json", "-q"]


def table():
    rng = np.random.default_rng(3)
    X = rng.normal(size=(60, 3)) * [1, 1e-3, 1e3]
    X[rng.random((60, 3)) < 0.4] = 0
    y = X @ [1.0, -2e3, 5e-4] + 3 + 0.1 * rng.normal(size=60)
    return np.column_stack([y, X]).tolist()


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The table in all formats."""
    folder = tmp_path_factory.mktemp("sources")
    rows = table()
    pl.DataFrame(rows, schema=NAMES, orient="row").write_parquet(folder / "t.parquet")
    pairs = [" ".join(f"{n}:{v!r}" for n, v in zip(NAMES[1:], row[1:], strict=True) if v) for row in rows]
    sparse = "".join(f"{row[0]!r} {text}\n" for row, text in zip(rows, pairs, strict=True))
    (folder / "t.libsvm").write_text(sparse)
    (folder / "t.svm.bz2").write_bytes(bz2.compress(sparse.encode()))
    (folder / "t.txt").write_text(sparse)
    lines = "".join(f"{row[0]!r} | {text}\n" for row, text in zip(rows, pairs, strict=True))
    (folder / "t.vw").write_text(lines)
    (folder / "t.vw.xz").write_bytes(lzma.compress(lines.encode()))
    sqlite = sqlite3.connect(folder / "t.db")
    fill(sqlite, "?", rows)
    return folder


def fill(connection, mark, rows):
    cursor = connection.cursor()
    cursor.execute('CREATE TABLE t ("label" double precision, "1" double precision, "2" double precision, '
                   '"7" double precision)')  # fmt: skip
    cursor.executemany(f"INSERT INTO t VALUES ({', '.join([mark] * 4)})", rows)
    connection.commit()
    connection.close()


def values(report):
    return {name: entry["value"] for name, entry in report["coefficients"].items()}


@pytest.fixture(scope="module")
def expected(folder):
    words = [sys.executable, "-m", "dlcli", "fit-linear", "t.parquet", *FIT]
    return values(json.loads(subprocess.run(words, cwd=folder, check=True, capture_output=True, env=None).stdout))


@pytest.mark.parametrize("name", ["t.libsvm", "t.svm.bz2", "t.txt", "t.vw", "t.vw.xz", "t.db", "sqlite:///t.db"])
def test_every_source_gives_the_same_coefficients(dlcli, folder, expected, name, tmp_path):
    run = dlcli("fit-linear", name, *FIT, "--out", tmp_path / "run", cwd=folder)
    assert run.code == 0, run.err
    assert values(run.report) == pytest.approx(expected, rel=1e-12)


def test_a_sheet_and_a_duckdb_file_too(dlcli, folder, expected, tmp_path):
    openpyxl, duckdb = pytest.importorskip("openpyxl"), pytest.importorskip("duckdb")
    pytest.importorskip("fastexcel")
    book = openpyxl.Workbook()
    for row in [["label", "x1", "x2", "x7"], *table()]:
        book.active.append(row)
    book.save(tmp_path / "t.xlsx")
    connection = duckdb.connect(str(tmp_path / "t.duckdb"))
    fill(connection, "?", table())
    for name in ("t.xlsx", "t.duckdb", "duckdb:///t.duckdb"):
        run = dlcli("fit-linear", name, *FIT)
        assert run.code == 0, run.err
        assert {n.removeprefix("x"): v for n, v in values(run.report).items()} == pytest.approx(expected, rel=1e-12)


def test_what_sparse_rows_leave_out_is_zero_to_the_model(dlcli, folder, tmp_path):
    dlcli("fit-linear", "t.libsvm", *FIT, "--out", tmp_path / "run", cwd=folder)
    (tmp_path / "new.libsvm").write_text("0 1:1\n0 1:0\n")
    (tmp_path / "new.csv").write_text("1,2,7\n1,0,0\n0,0,0\n")
    for name in ("new.libsvm", "new.csv"):
        run = dlcli("predict", "run", name, "--out", f"{name[4:]}.csv", *["--header"] * name.endswith("csv"))
        assert run.code == 0, run.err
    assert (tmp_path / "libsvm.csv").read_text() == (tmp_path / "csv.csv").read_text()


def test_predictions_are_the_same_to_the_last_bit(dlcli, folder, tmp_path):
    dlcli("fit-linear", "t.parquet", *FIT, "--out", tmp_path / "run", cwd=folder)
    written = set()
    for name in ("t.parquet", "t.libsvm", "t.db", "t.txt"):
        run = dlcli("predict", tmp_path / "run", name, "--out", tmp_path / "p.csv", "--force", cwd=folder)
        assert run.code == 0, run.err
        written.add((tmp_path / "p.csv").read_bytes())
    assert len(written) == 1


@pytest.fixture(scope="module")
def server():
    psycopg = pytest.importorskip("psycopg")
    with postgresql() as url:
        fill(psycopg.connect(url), "%s", table())
        yield url


def test_postgresql_and_no_password_anywhere(dlcli, server, expected, tmp_path):
    run = dlcli("fit-linear", server, "--query", "t", *FIT, "--val", "0.2", "--out", "run")
    assert run.code == 0, run.err
    whole = dlcli("fit-linear", server, *FIT, "--out", "whole")
    assert values(whole.report) == pytest.approx(expected, rel=1e-12)
    measured = dlcli("eval", "run", "--json", PGPASSWORD="hush")
    assert measured.code == 0, measured.err
    refused = dlcli("fit-linear", server, "--query", "none")
    again = dlcli("fit-linear", "--config", "run/config.toml", "--out", "again", *FIT, PGPASSWORD="hush")
    assert values(again.report) == values(run.report)
    tuned = dlcli("tune-lr", "--points", "3", "--out", "tuned", "fit-linear", server, "--target", "label")
    assert tuned.code == 0, tuned.err
    absent = dlcli("fit-linear", server.rpartition("/")[0] + "/absent")
    assert absent.code == 2
    assert len(absent.err.splitlines()) == 1, absent.err
    for shown in (run, whole, measured, refused, again, tuned, absent):
        assert "hush" not in shown.out + shown.err
    assert ":***@" in refused.err
    written = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert len(written) > 8
    assert [path for path in written if b"hush" in path.read_bytes()] == []


def test_temporary_files_are_gone_at_the_end(folder, tmp_path):
    (tmp_path / "tmp").mkdir()
    env = {**os.environ, "TMPDIR": str(tmp_path / "tmp"), "PYTHONPATH": str(ROOT)}
    for name, stdin in (("t.db", b""), ("-", (folder / "t.libsvm").read_bytes())):
        words = [sys.executable, "-m", "dlcli", "fit-linear", name, *FIT, "--out", str(tmp_path / f"run{name}")]
        done = subprocess.run(words, cwd=folder, input=stdin, capture_output=True, env=env)
        assert done.returncode == 0, done.stderr
        assert list((tmp_path / "tmp").iterdir()) == []


URL = "postgresql://ann:hush@127.0.0.1:9/db"


@pytest.mark.parametrize(
    "words",
    [
        [URL],
        ["fit-linear", URL],
        ["fit-linear", URL, "--tarjet", "x"],
        ["fit-linear", URL, "--lr", URL],
        ["fit-linear", f"--data={URL}"],
        ["fit-linear", "mysql" + URL[10:]],
        ["eval", "nope", URL],
        ["predict", URL],
        ["tune-lr", URL],
        ["tune-lr", "fit-linear", URL, "--query", URL],
        ["train-deconv", URL],
        ["fit-linear", "--config", URL],
    ],
)
def test_no_error_shows_a_password(dlcli, words):
    refused = dlcli(*words)
    assert refused.code == 2
    assert "hush" not in refused.out + refused.err


def test_what_reads_workbooks_and_databases_is_imported_only_then():
    names = "('fastexcel', 'duckdb', 'psycopg')"
    script = f"import sys; import dlcli.tables.table; print([m for m in {names} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, check=True, capture_output=True, text=True)
    assert done.stdout.strip() == "[]"


def test_what_strict_asks_for_settles_a_guessed_format(dlcli, folder, tmp_path):
    (tmp_path / "new.txt").write_bytes((folder / "t.libsvm").read_bytes())
    words = ["fit-linear", "new.txt", "--target", "label", "--steps", "5", "--strict"]
    refused = dlcli(*words)
    assert refused.code == 2
    assert "add --file-format libsvm" in refused.err
    assert dlcli(*words, "--file-format", "libsvm").code == 0
