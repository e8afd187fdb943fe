"""The pictures of linear models through the command: which files there are, and what is refused."""

import numpy as np
import polars as pl
import pytest


@pytest.fixture
def tables(tmp_path):
    random = np.random.default_rng(0)
    x = random.normal(0, 1, 120)
    frame = pl.DataFrame({"x": x, "z": random.normal(0, 1, 120), "y": 2 * x + random.normal(0, 1, 120)})
    frame.write_csv(tmp_path / "numbers.csv")
    frame.with_columns(y=pl.when(pl.col("y") > 0).then(pl.lit("yes")).otherwise(pl.lit("no"))).write_csv(
        tmp_path / "classes.csv"
    )
    return tmp_path


KINDS = {
    "numbers": ["diagnostics.png", "predicted.png"],
    "classes": ["calibration.png", "confusion.png", "ranking.png"],
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_fit_and_eval_draw_what_fits_the_data(kind, tables, drawing):
    held = ["--val", "0.25"] if kind == "numbers" else ["--val-data", f"{kind}.csv"]
    words = ["--target", "y", *held, "--diagnostics", "--out", "o", "-q"]
    code, _, err = drawing("fit-linear", f"{kind}.csv", *words)
    assert code == 0, err
    assert files(tables / "o/plots") == sorted(["coefficients.png", "loss.png", *KINDS[kind]])
    code, out, err = drawing("eval", "o", "--charts", "pictures", "--check", "loss<0")
    assert code == 3, err
    assert out.count("FAILED") == 1, "printed once, before the charts"
    assert files(tables / "pictures") == KINDS[kind]


def files(folder):
    return sorted(path.name for path in folder.iterdir())


def test_the_built_in_example_and_a_fit_that_leaves_no_residuals(tables, drawing):
    assert drawing("fit-linear", "--diagnostics", "--out", "o", "-q")[0] == 0
    assert files(tables / "o/plots") == ["coefficients.png", "diagnostics.png", "loss.png", "predicted.png"]
    (tables / "full.csv").write_text("x,y\n1,2\n2,5\n")
    code, _, err = drawing("fit-linear", "full.csv", "--optimizer", "exact", "--diagnostics", "--out", "p", "-q")
    assert code == 0, err
    assert files(tables / "p/plots") == ["coefficients.png", "loss.png"]


BAD = {
    "no plots": (["fit-linear", "numbers.csv", "--diagnostics", "--plots", "none"], "leave one of them out"),
    "stdin": (["fit-linear", "-", "--diagnostics", "--plots", "png"], "standard input"),
    "a search": (["tune-lr", "fit-linear", "numbers.csv", "--diagnostics"], "a trial leaves no run directory"),
}


@pytest.mark.parametrize("name", BAD)
def test_refusals_are_one_line(name, tables, dlcli):
    words, expected = BAD[name]
    result = dlcli(*words)
    assert (result.code, len(result.err.strip().splitlines())) == (2, 1), result.err
    assert expected in result.err


def test_charts_need_a_folder(tables, dlcli):
    dlcli("fit-linear", "numbers.csv", "--target", "y", "-q", "--out", "run")
    for words, expected in ((["numbers.csv", "--charts", "numbers.csv"], "is a file"),
                            (["numbers.csv", "--charts", "no/where"], "there is no directory no")):  # fmt: skip
        result = dlcli("eval", "run", *words)
        assert result.code == 2
        assert expected in result.err
