"""No exception of a library passes, not even one that is no Exception: a panic of polars' Rust code."""

import pytest

from tests.conftest import SHARED

CASE = SHARED.parent / "cases" / "parquet-timezone-panic"


@pytest.mark.skipif(not CASE.is_dir(), reason="no cases")
@pytest.mark.parametrize("name", ["tz_off.parquet", "tz_neg.parquet", "tz_off.feather", "tz_bad.feather"])
def test_a_time_zone_that_polars_does_not_know(dlcli, name):
    with_times = dlcli("fit-linear", CASE / name, "--target", "y", "--json")
    assert with_times.code == 0, with_times.err
    assert "panic" not in with_times.err
    holds = {entry["column"]: entry["holds"] for entry in with_times.report["columns"]}
    assert holds["when"].startswith("dates and times")
    report = dlcli("fit-linear", CASE / name, "--target", "y", "--drop", "when", "--json", "-q").report
    assert report["coefficients"]["x"]["value"] == pytest.approx(2.0, abs=0.05)


PANICS = """
import os, sys
import polars as pl
from dlcli.cli import app
{}
sys.exit(app.run(["fit-linear", "t.parquet", "--target", "y"]))
"""


@pytest.mark.parametrize(
    ("patch", "code"),
    [
        ("pl.LazyFrame.collect_schema = broken", 2),
        ("import dlcli.linear.data.load as t; t.gather = broken", 1),
    ],
)
def test_a_panic_is_one_line(tmp_path, patch, code):
    import subprocess
    import sys

    import polars as pl

    pl.DataFrame({"x": [1.0, 2.0, 3.0], "y": [1.0, 2.0, 4.0]}).write_parquet(tmp_path / "t.parquet")
    broken = 'def broken(*a, **k):\n    os.write(2, b"thread panicked" * (k == {}))\n'
    broken += '    raise pl.exceptions.PanicException("unable to parse")\n'
    script = PANICS.format(broken + patch)
    done = subprocess.run([sys.executable, "-c", script], cwd=tmp_path, capture_output=True, timeout=60, check=False)
    err = done.stderr.decode()
    assert done.returncode == code, err
    assert "unable to parse" in err
    assert "Traceback" not in err
    assert "thread panicked" not in err or code == 1


@pytest.mark.parametrize(("command", "remedy"), [("fit-linear", "fewer columns"), ("train-deconv", "less data")])
def test_memory_that_ran_out_is_a_line_that_fits_the_command(monkeypatch, capsys, command, remedy):
    from dlcli.cli import app

    def broken(*_words, **_settings):
        raise MemoryError

    monkeypatch.setattr(app, "app", broken)
    assert app.run([command, "data"]) == 2
    assert remedy in capsys.readouterr().err
