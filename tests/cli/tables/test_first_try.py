"""Tables in every layout and every way of writing numbers are fitted at the first try, and as what they hold."""

import numpy as np
import pytest

from dlcli.config.fit_linear import FitLinearConfig
from dlcli.tasks.fit_linear import fit_linear

N = 60
X = [(i * 37 % 101) * 25 + 1 for i in range(N)]  # whole numbers of one to four digits
GROUP = [("north", "south", "west")[i * i // 3 % 3] for i in range(N)]
Y = [round(2 * x + 100 * (g == "south") + i * i % 7, 2) for i, (x, g) in enumerate(zip(X, GROUP, strict=True))]


def grouped(value, mark):
    return f"{value:,}".replace(",", mark)


# How x is written, and what of the value is lost (a power of ten).
FORMATS = {
    "plain": str,
    "thousands": lambda x: grouped(x, ","),
    "thousands by blanks": lambda x: grouped(x, "\u202f"),
    "thousands by apostrophes": lambda x: grouped(x, "'"),
    "dollars": lambda x: f"${grouped(x, ',')}.00",
    "euros": lambda x: f"{grouped(x, '.')},00 €",
    "codes": lambda x: f"EUR {x}",
    "percent": lambda x: f"{x}%",
    "parentheses": lambda x: f"({x})" if x % 2 else str(x),
    "unicode minus": lambda x: f"\u2212{x}" if x % 2 else str(x),
    "unit": lambda x: f"{x} kg",
    "decimal comma": lambda x: f"{x},5",
}
SIGNED = ("parentheses", "unicode minus")


def rows(write):
    return [["id", "x", "g", "y"], *([f"p-{i}", write(x), g, y] for i, (x, g, y) in enumerate(zip(X, GROUP, Y)))]  # noqa: B905


def text(table, mark=",", end="\n"):
    quoted = [[f'"{c}"' if mark in str(c) or '"' in str(c) else str(c) for c in row] for row in table]
    return end.join(mark.join(row) for row in quoted) + end


LAYOUTS = {
    "commas": lambda t: text(t).encode(),
    "semicolons, CRLF, BOM": lambda t: b"\xef\xbb\xbf" + text(t, ";", "\r\n").encode(),
    "tabs in UTF-16": lambda t: text(t, "\t").encode("utf-16"),
    "title and notes": lambda t: ("Sales by region\nas of May\n\n" + text(t, ";") + "\nSource: office\n").encode(),
    "comments": lambda t: ("# made by hand\n" + text(t, "|")).encode(),
    "row numbers": lambda t: text([["", *t[0]], *([i, *row] for i, row in enumerate(t[1:]))]).encode(),
}


def numbers(name):
    return np.array([-x if name in SIGNED and x % 2 else x + 0.5 * (name == "decimal comma") for x in X])


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("name", FORMATS)
def test_it_fits_and_as_what_it_holds(tmp_path, name, layout):
    if name == "decimal comma" and layout in ("commas", "row numbers"):
        pytest.skip("a table with commas between fields has a point in its numbers")
    path = tmp_path / "t.csv"
    path.write_bytes(LAYOUTS[layout](rows(FORMATS[name])))
    report = fit_linear(
        FitLinearConfig(data=(str(path),), target="y", optimizer="exact", out=tmp_path / "run", plots="none")
    )
    south, west = (np.array([g == name for g in GROUP], dtype=float) for name in ("south", "west"))
    A = np.column_stack([np.ones(N), numbers(name), south, west])
    expected = np.linalg.lstsq(A, np.array(Y), rcond=None)[0]
    assert list(report.coefficients) == ["intercept", "x", "g=south", "g=west"]
    found = [coefficient.value for coefficient in report.coefficients.values()]
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-9)
    assert report.rows == N
    used = {entry.column: entry.used_as for entry in report.columns}
    assert used["id"] == "left out"


def applied(dlcli, run, table, *words):
    result = dlcli("predict", run, table, *words)
    assert result.code == 0, result.err
    return result.out


def test_predict_repeats_what_training_decided(dlcli, tmp_path):
    import polars as pl

    gaps = [None if i % 6 == 2 else x for i, x in enumerate(X)]
    frame = pl.DataFrame({
        "id": [f"p-{i}" for i in range(N)], "x": [None if x is None else f"${grouped(x, ',')}.00" for x in gaps],
        "when": [f"{i % 28 + 1}.{i % 12 + 1}.2021" for i in range(N)],
        "g": [None if i % 11 == 5 else g for i, g in enumerate(GROUP)], "y": Y,
    })  # fmt: skip
    frame.write_csv(tmp_path / "t.csv")
    assert dlcli("fit-linear", "t.csv", "--target", "y", "--out", "run", "--plots", "none", "-q").code == 0
    whole = applied(dlcli, "run", "t.csv")
    assert len(whole.split()) == N + 1
    frame.select("g", "y", "when", "x", "id").write_csv(tmp_path / "shuffled.csv", separator=";")
    assert applied(dlcli, "run", "shuffled.csv") == whole
    frame.write_parquet(tmp_path / "t.parquet")
    assert applied(dlcli, "run", "t.parquet") == whole
    numbers = pl.Series("x", gaps, dtype=pl.Float64)
    days = frame["when"].str.to_date("%d.%m.%Y")
    frame.with_columns(numbers, days.alias("when")).write_parquet(tmp_path / "typed.parquet")
    assert applied(dlcli, "run", "typed.parquet") == whole
    parts = ""
    for start in (0, 7, 30):
        stop = {0: 7, 7: 30, 30: N}[start]
        frame[start:stop].write_csv(tmp_path / "part.csv")
        parts += applied(dlcli, "run", "part.csv").removeprefix("prediction\n" if start else "")
    assert parts == whole
