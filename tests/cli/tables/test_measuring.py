"""Metrics, thresholds and checks of eval, and thresholds of predict, through the command."""

import shutil

import numpy as np
import polars as pl
import pytest
from sklearn.metrics import f1_score

from dlcli.config.fit_linear import FitLinearConfig
from dlcli.tasks.fit_linear import fit_linear

TABLES = {
    "two": ("yes", "no", "no"),
    "three": ("a", "b", "c"),
}
BAD = {
    "below 0": (["eval", "two", "two.csv", "--threshold", "-0.1"], "--threshold: got '-0.1', expected a probability"),
    "above 1": (["eval", "two", "two.csv", "--threshold", "1.5"], "from 0 to 1, or max-f1"),
    "no number": (["eval", "two", "two.csv", "--threshold", "max"], "--threshold: got 'max'"),
    "several classes": (["eval", "three", "three.csv", "--threshold", "0.5"], "and the model predicts 3"),
    "numbers": (["eval", "numbers", "two.csv", "--threshold", "max-f1"], "the model predicts numbers"),
    "predict chooses none": (["predict", "two", "two.csv", "--threshold", "max-f1"], "no truth to choose by"),
    "predict numbers": (["predict", "numbers", "two.csv", "--threshold", "0.5"], "is for two classes"),
    "quantile of classes": (["eval", "two", "two.csv", "--quantile", "0.5"], "--quantile 0.5 is for numbers"),
    "quantile 1": (["eval", "numbers", "two.csv", "--quantile", "1"], "--quantile"),
    "pinball without one": (["eval", "numbers", "two.csv", "--check", "pinball<1"], "no metric 'pinball'"),
    "macro of two": (["eval", "two", "two.csv", "--check", "macro_f1>0"], "no metric 'macro_f1'"),
}  # fmt: skip


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A model of two classes, of three and of numbers, and tables that they fit."""
    folder, random = tmp_path_factory.mktemp("measured"), np.random.default_rng(0)
    for name, classes in TABLES.items():
        code = random.integers(0, 3, 150)
        frame = pl.DataFrame({"x": code + random.normal(0, 1, 150), "y": [classes[c] for c in code]})
        frame.with_columns(z=pl.col("x").round(3) ** 2).write_csv(folder / f"{name}.csv")
    for name, table, target in (("two", "two", "y"), ("three", "three", "y"), ("numbers", "two", "z")):
        data, out = [str(folder / f"{table}.csv")], folder / name
        fit_linear(FitLinearConfig.build({"data": data, "target": target, "out": out, "plots": "none"}))
    return folder


@pytest.fixture
def runs(made, tmp_path):
    shutil.copytree(made, tmp_path, dirs_exist_ok=True)
    return tmp_path


def test_a_threshold_is_chosen_checked_and_predicted_with(runs, dlcli):
    result = dlcli("eval", "two", "two.csv", "--threshold", "max-f1", "--check", "f1>=0.3", "--json")
    assert result.code == 0, result.err
    classes, metrics = result.report["classes"], result.report["metrics"]["test"]
    assert (classes["positive"], classes["threshold_selected_here"]) == ("yes", True)
    assert "selected on these very rows" in result.report["checks"][0]["text"]
    assert "selected on these very rows" in dlcli("eval", "two", "two.csv", "--threshold", "max-f1").out
    plain = dlcli("eval", "two", "two.csv", "--json").report
    assert metrics["f1"] > plain["metrics"]["test"]["f1"]
    assert plain["classes"]["threshold"] is None
    guesses = pl.read_csv(dlcli("predict", "two", "two.csv", "--threshold", classes["threshold"]).out.encode())
    truth = pl.read_csv(runs / "two.csv")["y"] == "yes"
    assert f1_score(truth, guesses["prediction"] == "yes") == pytest.approx(metrics["f1"])
    assert classes["confusion"][1][1] == (truth & (guesses["prediction"] == "yes")).sum()


def test_metrics_of_several_classes_and_numbers_are_checked(runs, dlcli):
    result = dlcli("eval", "three", "three.csv", "--check", "macro_f1>0.3", "--check", "mcc>0.99")
    assert result.code == 3
    assert "ok macro_f1>0.3" in result.out
    assert "FAILED mcc>0.99" in result.err
    assert "taken for it" in result.out
    result = dlcli("eval", "numbers", "two.csv", "--quantile", "0.9", "--check", "pinball<100", "--json")
    assert result.code == 0, result.err
    assert result.report["quantile"] == 0.9


def test_rows_of_one_class(runs, dlcli):
    (runs / "one.csv").write_text("x,y,z\n1,no,1\n2,no,4\n")
    result = dlcli("eval", "two", "one.csv", "--json", "--check", "auc>=0")
    assert result.code == 3, "what has no value holds no check"
    assert "all rows are of the class no" in result.err
    assert result.report["metrics"]["test"]["auc"] is None


@pytest.mark.parametrize("name", BAD)
def test_refusals_are_one_line(runs, dlcli, name):
    words, expected = BAD[name]
    result = dlcli(*words)
    assert result.code == 2
    assert expected in result.err
    assert len(result.err.strip().splitlines()) == 1
