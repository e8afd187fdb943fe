import datetime as dt
from decimal import Decimal

import numpy as np
import polars as pl
import pytest

from tests.conftest import Result

ROWS = 60


def frame():
    """A column of every type that a file may have."""
    numbers = range(ROWS)
    start = dt.datetime(2024, 1, 1, tzinfo=dt.UTC)
    return pl.DataFrame(
        {
            "x": [float(i * i % 17) for i in numbers],
            "decimal": [Decimal(i * i % 23) / 100 for i in numbers],
            "categorical": pl.Series(["a", "b", "c"] * (ROWS // 3)).cast(pl.Categorical),
            "enum": pl.Series(["u", "v"] * (ROWS // 2)).cast(pl.Enum(["u", "v"])),
            "duration": [dt.timedelta(seconds=i * 37 % 91) for i in numbers],
            "time": [dt.time(i * 7 % 24, i * 11 % 60) for i in numbers],
            "date": [dt.date(2024, 1, 1) + dt.timedelta(days=i * 13 % 101) for i in numbers],
            "zoned": pl.Series([start + dt.timedelta(hours=i * 17 % 103) for i in numbers]).dt.convert_time_zone(
                "Asia/Kolkata"
            ),
            "small": pl.Series([i % 7 for i in numbers], dtype=pl.Int8),
            "single": pl.Series([i % 11 / 3 for i in numbers], dtype=pl.Float32),
            "list": [[i, i + 1] for i in numbers],
            "struct": [{"a": i, "b": "q"} for i in numbers],
            "array": pl.Series([[i, i] for i in numbers], dtype=pl.Array(pl.Int64, 2)),
            "bytes": [bytes([i]) for i in numbers],
            "null": pl.Series([None] * ROWS, dtype=pl.Null),
        }
    )


@pytest.mark.parametrize("format_", ["parquet", "arrow"])
def test_every_type_is_taken_or_left_out_and_said(dlcli, tmp_path, format_):
    table = frame()
    noise = np.random.default_rng(0).normal(size=ROWS) * 1e-3
    # The time of day counts in days, and so do the others.
    hours = table["time"].cast(pl.Duration("us")).dt.total_minutes() / 1440
    y = 2 * table["x"] + table["decimal"].cast(float) + 24 * hours + noise
    table = table.with_columns(y.alias("y"))
    getattr(table, "write_parquet" if format_ == "parquet" else "write_ipc")(tmp_path / f"t.{format_}")
    run: Result = dlcli("fit-linear", f"t.{format_}", "--target", "y", "--optimizer", "exact", "--json")
    assert run.code == 0, run.err
    used = {entry["column"]: entry["used_as"] for entry in run.report["columns"]}
    assert {name for name, how in used.items() if how == "left out"} == {"list", "struct", "array", "bytes", "null"}
    assert used["duration"] == used["time"] == "days"
    assert used["date"] == used["zoned"] == "days since 1970"
    assert used["categorical"].startswith("3 levels")
    for name, wanted in {"x": 2, "decimal": 1, "time": 24, "single": 0}.items():
        assert run.report["coefficients"][name]["value"] == pytest.approx(wanted, abs=0.02), name
    said = " ".join(decision["what"] for decision in run.report["decisions"])
    assert all(f"'{name}'" in said for name in ("list", "struct", "array", "bytes"))
    strict = dlcli("fit-linear", f"t.{format_}", "--target", "y", "--strict")
    assert strict.code == 2
    assert "--drop list" in strict.err
