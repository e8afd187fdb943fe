"""Fits that start from another run's coefficients: as good, in fewer steps, and by name."""

import json

import numpy as np
import polars as pl
import pytest

from dlcli.config.fit_linear import FitLinearConfig
from dlcli.errors import DlcliError
from dlcli.linear.model import LinearModel
from dlcli.runs.model_file import write_model
from dlcli.tasks.fit_linear import fit_linear


def table(path, rows=300, seed=0, shift=0.0, classes=0):
    """Columns of unlike sizes, a text of three levels, and a target of numbers or classes."""
    random = np.random.default_rng(seed)
    a, b = random.normal(50, 10, rows) + shift, random.normal(0, 0.01, rows)
    c = random.choice(["p", "q", "r"], rows)
    score = 0.2 * (a - 50) + 100 * b + np.where(c == "q", 1.5, 0) - np.where(c == "r", 1.0, 0)
    y = score + random.normal(0, 1, rows)
    target = y if not classes else np.array(["one", "three", "two"][:classes])[np.digitize(y, [-1, 1][: classes - 1])]
    pl.DataFrame({"a": a, "b": b, "c": c, "y": target}).write_csv(path)
    return path


def fit(data, out, progress=None, **given):
    settings = {"data": (str(data),), "target": "y", "out": out, "plots": "none"} | given
    return fit_linear(FitLinearConfig.build(settings), progress)


def values(report):
    return {name: entry.value for name, entry in report.coefficients.items()}


def flat(report):
    found = [value if isinstance(value, dict) else {"": value} for value in values(report).values()]
    return np.array([list(entry.values()) for entry in found])


def told(data, out, **given):
    progress = Started()
    return fit(data, out, progress, **given), progress.lines


class Started:
    """What is said of the start."""

    def __init__(self):
        self.lines = []

    def __getattr__(self, _name):
        return lambda *_args, **_more: None

    def note(self, text):
        if "starting from" in text or "--init" in text or "trained on rows" in text:
            self.lines.append(text)

    warn = note


SOLVERS = {
    "gd": (0, {}), "gd with momentum": (0, {"momentum": 0.9, "nesterov": True, "tolerance": 1e-9}),
    "lasso": (0, {"l1": 0.05}), "ridge": (0, {"l2": 0.1}),
    "logistic newton": (2, {}), "softmax newton": (3, {"l2": 0.01}),
    "logistic gd": (2, {"optimizer": "gd", "l2": 0.01}), "softmax lbfgs": (3, {"optimizer": "lbfgs"}),
}  # fmt: skip


@pytest.mark.parametrize("name", SOLVERS)
def test_from_its_own_end_a_fit_takes_fewer_steps_to_the_same(tmp_path, name):
    classes, given = SOLVERS[name]
    data = table(tmp_path / "t.csv", classes=classes)
    first = fit(data, tmp_path / "first", **given)
    again = fit(data, tmp_path / "again", init=tmp_path / "first", **given)
    np.testing.assert_allclose(flat(again), flat(first), rtol=1e-6, atol=1e-9)
    assert again.steps <= max(first.steps // 3, 1)
    start = json.loads((tmp_path / "again" / "metrics.jsonl").read_text().splitlines()[0])
    assert start["loss"] == pytest.approx(first.metrics["train"]["loss"], rel=1e-9)
    one = fit(data, tmp_path / "one", init=tmp_path / "first", **{**given, "steps": 1})
    np.testing.assert_allclose(flat(one), flat(first), rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_mini_batches_begin_there_too(tmp_path, optimizer):
    data = table(tmp_path / "t.csv")
    first = fit(data, tmp_path / "first")
    for init, near in ((tmp_path / "first", True), (None, False)):
        report = fit(data, tmp_path / f"then-{near}", optimizer=optimizer, steps=1, lr=1e-6, init=init)
        assert (abs(values(report)["a"] - values(first)["a"]) < 1e-4) == near


def test_units_do_not_matter(tmp_path):
    """A fit of standardized columns starts one of the data's own, of other rows, whose means are others."""
    fit(table(tmp_path / "t.csv"), tmp_path / "first")
    other = table(tmp_path / "u.csv", seed=1, shift=7.0)
    report, lines = told(other, tmp_path / "then", init=tmp_path / "first", standardize=False, steps=1, lr=1e-12)
    np.testing.assert_allclose(flat(report), flat_of(tmp_path / "first"), rtol=1e-6)
    assert lines == [f"starting from {tmp_path / 'first'}: 4 of 4 coefficients and the intercept"]
    whole, _ = told(other, tmp_path / "whole", init=tmp_path / "first")
    np.testing.assert_allclose(flat(whole), flat(fit(other, tmp_path / "from-0")), rtol=1e-6)


def flat_of(run):
    report = json.loads((run / "report.json").read_text())
    return np.array([[entry["value"]] for entry in report["coefficients"].values()])


def test_columns_and_levels_by_name(tmp_path):
    """What is new begins at 0, what is gone counts by its mean, and another reference level changes no prediction."""
    data = table(tmp_path / "t.csv")
    first = values(fit(data, tmp_path / "first"))
    frame = pl.read_csv(data)
    less = frame.filter(pl.col("c") != "p").with_columns(new=pl.col("a").sin()).drop("b")
    less.select("new", "c", "a", "y").write_csv(tmp_path / "u.csv")
    report, lines = told(tmp_path / "u.csv", tmp_path / "then", init=tmp_path / "first", steps=1, lr=1e-12)
    found = values(report)
    assert found["new"] == pytest.approx(0, abs=1e-9)
    assert found["a"] == pytest.approx(first["a"], rel=1e-6)
    assert found["c=r"] == pytest.approx(first["c=r"] - first["c=q"], rel=1e-6)
    mean = float(frame["b"].mean())
    assert found["intercept"] == pytest.approx(first["intercept"] + first["c=q"] + mean * first["b"], rel=1e-6)
    assert lines == [
        f"starting from {tmp_path / 'first'}: 2 of 3 coefficients and the intercept; new begins at 0; it also has b"
    ]


def test_classes_by_name(tmp_path):
    """Of three classes two are left, as likely against each other as before; and the other way around."""
    data = table(tmp_path / "t.csv", classes=3)
    fit(data, tmp_path / "three")
    two = pl.read_csv(data).filter(pl.col("y") != "two")
    two.write_csv(tmp_path / "u.csv")
    steps = {"optimizer": "gd", "steps": 1, "lr": 1e-12}
    report, lines = told(tmp_path / "u.csv", tmp_path / "then", init=tmp_path / "three", **steps)
    three = json.loads((tmp_path / "three" / "report.json").read_text())["coefficients"]
    for name, value in values(report).items():
        assert value == pytest.approx(three[name]["value"]["three"] - three[name]["value"]["one"], rel=1e-5, abs=1e-6)
    assert lines[0].endswith("; its two is not here")
    more, lines = told(data, tmp_path / "more", init=tmp_path / "then", **steps)
    assert lines[0].endswith("; of the classes two is new")
    for name, value in values(more).items():
        assert value["three"] - value["one"] == pytest.approx(values(report)[name], rel=1e-5, abs=1e-6)
        assert value["two"] == pytest.approx((value["one"] + value["three"]) / 2, abs=1e-6)


def test_columns_that_depend_on_others_end_where_a_fit_from_0_ends(tmp_path):
    fit(table(tmp_path / "t.csv"), tmp_path / "first")
    frame = pl.read_csv(tmp_path / "t.csv")
    frame.with_columns(d=2 * pl.col("a") + 1).select("a", "b", "c", "d", "y").write_csv(tmp_path / "u.csv")
    begun = fit(tmp_path / "u.csv", tmp_path / "begun", init=tmp_path / "first")
    np.testing.assert_allclose(flat(begun), flat(fit(tmp_path / "u.csv", tmp_path / "new")), rtol=1e-5, atol=1e-7)


def test_more_columns_than_rows(tmp_path):
    random = np.random.default_rng(0)
    X = random.normal(size=(20, 40))
    for name, y in {"numbers": X[:, 0] + random.normal(size=20), "classes": np.where(X[:, 0] > 0, "k", "m")}.items():
        frame = pl.DataFrame({f"x{i}": X[:, i] for i in range(40)} | {"y": y})
        frame.write_csv(tmp_path / f"{name}.csv")
        first = fit(tmp_path / f"{name}.csv", tmp_path / name, l2=0.1)
        again = fit(tmp_path / f"{name}.csv", tmp_path / f"{name}-again", l2=0.1, init=tmp_path / name)
        np.testing.assert_allclose(flat(again), flat(first), rtol=1e-5, atol=1e-8)
        assert again.steps <= max(first.steps // 3, 1)


def test_folds_and_rows_held_out(tmp_path):
    data = table(tmp_path / "t.csv")
    fit(data, tmp_path / "first", val=0.2)
    report, lines = told(data, tmp_path / "cv", init=tmp_path / "first", cv=3)
    assert lines[1] == "the folds of --cv start from 0, as --init may know the rows that they are measured on"
    assert report.cv.metrics == fit(data, tmp_path / "cv-alone", cv=3).cv.metrics
    assert len(told(data, tmp_path / "same", init=tmp_path / "first", val=0.2)[1]) == 1
    assert "may have been trained on rows that --val holds out" in told(
        data, tmp_path / "other", init=tmp_path / "first", val=0.3
    )[1][1]  # fmt: skip


def test_a_model_file_will_do(tmp_path):
    data = table(tmp_path / "t.csv")
    first = fit(data, tmp_path / "first")
    (tmp_path / "alone.safetensors").write_bytes((tmp_path / "first" / "model.safetensors").read_bytes())
    report = fit(data, tmp_path / "then", init=tmp_path / "alone.safetensors", steps=1)
    np.testing.assert_allclose(flat(report), flat(first), rtol=1e-9)
    assert LinearModel.load(tmp_path / "then" / "model.safetensors").kind == "mse"


def image_network(base):
    (base / "run").mkdir()
    description = {"format": 1, "kind": "dlcli-deconv"}
    (base / "run" / "model.safetensors").write_bytes(write_model(description, {"x": np.zeros(3)}))


def diverged(base):
    with pytest.raises(DlcliError, match="diverged"):
        fit(base / "t.csv", base / "run", lr=1e6, steps=500, tolerance=0.0)


def of_classes(base):
    fit(table(base / "c.csv", classes=2), base / "run")


def other_columns(base):
    pl.DataFrame({"k": np.arange(9.0), "y": np.arange(9.0) ** 2}).write_csv(base / "k.csv")
    fit(base / "k.csv", base / "run")


REFUSED = {
    "no run": (None, {}, "--init: there is no run directory"),
    "an image network": (image_network, {}, "--init: .*run holds an image network"),
    "a diverged run": (diverged, {}, "--init: the training of .*run diverged, and left no model"),
    "classes for numbers": (of_classes, {}, "it predicts classes, by cross-entropy, and here are a number"),
    "other columns": (other_columns, {}, "none of its columns is here; it has k, and here are a, b, c=q and 1 more"),
    "an optimizer that starts nowhere": (None, {"optimizer": "exact"}, "exact solves directly and starts nowhere"),
}


@pytest.mark.filterwarnings("ignore:invalid value")  # of the run that diverges
@pytest.mark.parametrize("name", REFUSED)
def test_refusals(tmp_path, name):
    make, given, words = REFUSED[name]
    data = table(tmp_path / "t.csv")
    if make is not None:
        make(tmp_path)
    with pytest.raises(DlcliError, match=words) as caught:
        fit(data, tmp_path / "then", init=tmp_path / "run", **given)
    assert caught.value.exit_code == 2
    assert not (tmp_path / "then").exists()


def test_other_classes_are_refused(tmp_path):
    fit(table(tmp_path / "t.csv", classes=2), tmp_path / "run")
    pl.read_csv(tmp_path / "t.csv").with_columns(pl.col("y") + "!").write_csv(tmp_path / "u.csv")
    with pytest.raises(DlcliError, match="it tells one, three apart, and here are one!, three!"):
        fit(tmp_path / "u.csv", tmp_path / "then", init=tmp_path / "run")
