"""Columns at the ends of float64 are fitted right; what it can't hold is refused, or said."""

import numpy as np
import polars as pl
import pytest

RUNS = ("usual", "extreme")


@pytest.mark.parametrize("scale", [1e160, 1e300, 1e-170, 1e-300])
@pytest.mark.parametrize("options", [[], ["--optimizer", "exact"], ["--missing", "mean", "--val", "0.2"]], ids=" ".join)
def test_huge_and_tiny_columns_give_the_same_fit_in_their_units(dlcli, tmp_path, scale, options):
    random = np.random.default_rng(0)
    a, b = random.normal(size=(2, 200))
    y = 2 * a - b + random.normal(size=200)
    pl.DataFrame({"a": a, "b": b, "y": y}).write_csv(tmp_path / "usual.csv")
    pl.DataFrame({"a": a * scale, "b": b, "y": y}).write_csv(tmp_path / "extreme.csv")
    usual = dlcli("fit-linear", "usual.csv", *options, "--json", "-q", "--out", "usual").report
    report = dlcli("fit-linear", "extreme.csv", *options, "--json", "-q", "--out", "extreme").report
    for name, unit in (("a", scale), ("b", 1.0), ("intercept", 1.0)):
        for field in ("value", "std_error"):
            assert report["coefficients"][name][field] * unit == pytest.approx(
                usual["coefficients"][name][field], rel=1e-9
            ), (name, field)
    assert report["r2"] == pytest.approx(usual["r2"])
    measured = [dlcli("eval", run, f"{run}.csv", "--json").report["metrics"]["test"]["loss"] for run in RUNS]
    assert measured[0] == pytest.approx(measured[1])


@pytest.mark.parametrize("scale", [1e160, 1e-170])
def test_a_target_whose_squares_have_no_room_is_refused(dlcli, tmp_path, scale):
    pl.DataFrame({"a": np.arange(20.0), "y": (np.arange(20.0) + 1) * scale}).write_csv(tmp_path / "t.csv")
    result = dlcli("fit-linear", "t.csv", "--target", "y")
    assert result.code == 2
    assert "the target's values reach" in result.err


@pytest.mark.parametrize("kind", ["csv", "parquet", "jsonl"])
def test_whole_numbers_that_float64_rounds_together_are_refused(dlcli, tmp_path, kind):
    frame = pl.DataFrame({"t": [10**18 + i for i in range(50)], "u": [i * i % 7 for i in range(50)],
                          "y": [i + i % 3 for i in range(50)]})  # fmt: skip
    {"csv": frame.write_csv, "parquet": frame.write_parquet, "jsonl": frame.write_ndjson}[kind](tmp_path / f"t.{kind}")
    result = dlcli("fit-linear", f"t.{kind}", "--target", "y")
    assert result.code == 2
    assert "column 't' holds whole numbers beyond 2^53" in result.err
    assert dlcli("fit-linear", f"t.{kind}", "--target", "y", "--drop", "t").code == 0


def test_whole_numbers_that_spread_far_beyond_their_rounding_are_noted(dlcli, tmp_path):
    rows = "".join(f"{10**18 + i * 10**15},{2 * i + i % 3}\n" for i in range(50))
    (tmp_path / "t.csv").write_text("t,y\n" + rows)
    result = dlcli("fit-linear", "t.csv", "--json")
    assert result.code == 0, result.err
    assert "beyond 2^53, which are rounded to steps of 128" in " ".join(result.err.split())
    assert result.report["coefficients"]["t"]["value"] == pytest.approx(2e-15, rel=1e-2)


@pytest.mark.parametrize("options", [[], ["--val", "0.3", "--missing", "mean"], ["--optimizer", "sgd"]], ids=" ".join)
def test_a_near_perfect_fit_keeps_its_residual_standard_error(dlcli, tmp_path, options):
    random = np.random.default_rng(0)
    a, b = random.normal(size=(2, 200))
    y = 1000 + 2 * a - b + 1e-9 * random.normal(size=200)
    pl.DataFrame({"a": a, "flat": np.ones(200), "b": b, "y": y}).write_csv(tmp_path / "t.csv")
    train = options[:4] if "--val" in options else []
    exact = dlcli("fit-linear", "t.csv", "--optimizer", "exact", *train, "--json", "-q").report
    found = dlcli("fit-linear", "t.csv", *options, "--json", "-q").report
    if "sgd" in options:
        assert found["residual_sd"] > 0
        return
    assert found["residual_sd"] == pytest.approx(exact["residual_sd"], rel=1e-3)
    assert 5e-10 < found["residual_sd"] < 2e-9


def test_rows_held_out_or_given_that_have_no_squares_are_refused(dlcli, tmp_path):
    random = np.random.default_rng(0)
    a = random.normal(size=100)
    frame = pl.DataFrame({"a": a, "y": 2 * a + random.normal(size=100)})
    frame.write_csv(tmp_path / "t.csv")
    assert dlcli("fit-linear", "t.csv", "--val", "0.3", "--out", "run").code == 0
    huge = pl.DataFrame({"a": [1e200], "y": [1.0]})
    pl.concat([frame, huge]).write_csv(tmp_path / "huge.csv")
    measured = dlcli("eval", "run", "huge.csv")
    assert measured.code == 2
    assert "so large" in measured.err
    assert len(measured.err.splitlines()) == 1
    for seed in range(10):  # some of which hold the row out
        result = dlcli("fit-linear", "huge.csv", "--val", "0.3", "--data-seed", seed, "--early-stop", "3")
        assert "Warning" not in result.err
        if result.code:
            assert "column 'a' holds values in rows held out whose squares exceed float64" in result.err
            break
    else:
        pytest.fail("no seed held the row out")


def test_eval_and_predict_say_that_whole_numbers_are_rounded(dlcli, tmp_path):
    (tmp_path / "t.csv").write_text("t,y\n" + "".join(f"{i},{2 * i + i % 3}\n" for i in range(50)))
    (tmp_path / "big.csv").write_text("t,y\n" + "".join(f"{2**60 + i},{i}\n" for i in range(5)))
    assert dlcli("fit-linear", "t.csv", "--out", "run").code == 0
    for words in (["predict", "run", "big.csv", "--out", "p.csv"], ["eval", "run", "big.csv"]):
        assert "column 't' holds whole numbers beyond 2^53" in dlcli(*words).err
    assert "2^53" not in dlcli("eval", "run", "t.csv").err


@pytest.mark.parametrize("options", [["--optimizer", "sgd"], ["--val", "0.3"], ["--cv", "3"]], ids=" ".join)
def test_a_fit_that_diverges_is_told_in_plain_lines(dlcli, tmp_path, options):
    random = np.random.default_rng(0)
    a = random.normal(size=100)
    pl.DataFrame({"a": a, "y": 2 * a + random.normal(size=100)}).write_csv(tmp_path / "t.csv")
    result = dlcli("fit-linear", "t.csv", "--lr", "100", "--steps", "300", *options)
    assert result.code == 4
    assert "training diverged" in result.err
    assert "RuntimeWarning" not in result.err
