"""Rows that are read from a file give what rows in memory give, and the file is nowhere to be found."""

import errno
import os

import numpy as np
import polars as pl
import pytest

from dlcli.config.fit_linear import FitLinearConfig
from dlcli.engine.progress import Silent
from dlcli.errors import DlcliError
from dlcli.linear.data import load as loading
from dlcli.linear.data.stored import DiskArray
from dlcli.linear.metrics import class_metrics, metrics_by_blocks
from dlcli.linear.objectives.stored_rows import StoredRows
from dlcli.tasks.fit_linear import fit_linear
from tests import leakage

FITS = {
    "two classes": {"target": "two", "val": 0.2, "l2": 0.01},
    "two classes by lbfgs": {"target": "two", "optimizer": "lbfgs"},
    "two classes by gd": {"target": "two", "optimizer": "gd", "steps": 50},
    "three classes, folds": {"target": "three", "val": 0.1, "cv": 3},
    "sgd on classes": {"target": "two", "optimizer": "sgd", "steps": 40, "val": 0.2},
    "sgd on numbers, folds": {"target": "y", "optimizer": "sgd", "steps": 40, "cv": 2},
    "adam on numbers": {"target": "y", "optimizer": "adam", "steps": 40, "dropout": 0.1},
    "exact": {"target": "y", "optimizer": "exact", "robust": "HC3"},
    "three classes in clusters": {
        "target": "three",
        "cluster": "g",
        "val": 0.2,
        "baseline": "low",
        "features": ("x0", "x1", "x2", "x3", "g"),
    },
}


class Noted(Silent):
    def __init__(self):
        self.notes = []

    def note(self, text):
        self.notes.append(text)


def table(n=1500):
    random = np.random.default_rng(0)
    X = random.normal(size=(n, 4)) + np.arange(4)
    X[:, 3] *= 1e120  # which has to be scaled, exactly
    y = X[:, 0] - 0.5 * X[:, 1] + random.normal(size=n)
    frame = pl.DataFrame({**{f"x{j}": X[:, j] for j in range(4)}, "g": random.choice(["a", "b", "c"], n), "y": y})
    hole = pl.Series(random.random(n) < 0.1)
    return frame.with_columns(
        pl.when(hole).then(None).otherwise(pl.col("x2")).alias("x2"),
        pl.Series("two", np.where(y + random.normal(size=n) > 0, "no", "yes")),
        pl.Series("three", np.array(["low", "mid", "high"])[np.digitize(y + random.normal(size=n), [-1, 1])]),
    )


def fitted(folder, options, monkeypatch, room):
    monkeypatch.setattr(loading, "room_for_rows", lambda _: room)
    monkeypatch.setenv("TMPDIR", str(folder / "temporary"))
    others = tuple({"y", "two", "three"} - {options["target"]})
    progress = Noted()
    config = FitLinearConfig.build(
        {"data": (str(folder / "t.parquet"),), "out": str(folder / f"run-{room}"), "plots": "none", "drop": others,
         "loss": "auto", **options}
    )  # fmt: skip
    report = fit_linear(config, progress)
    return report, [note for note in progress.notes if "temporary file" in note]


def numbers(report):
    found = [value for part in report.metrics.values() for value in part.values()]
    for entry in report.coefficients.values():
        for values in (entry.value, entry.std_error):
            found += values.values() if isinstance(values, dict) else [values]
    for spread in report.cv.metrics.values() if report.cv else ():
        found += spread.each
    return np.array([np.nan if value is None else value for value in found])


@pytest.mark.parametrize("options", FITS.values(), ids=FITS)
def test_the_same_as_in_memory(tmp_path, monkeypatch, options):
    (tmp_path / "temporary").mkdir()
    table().write_parquet(tmp_path / "t.parquet")
    in_memory, nothing = fitted(tmp_path, options, monkeypatch, 1 << 40)
    stored, said = fitted(tmp_path, options, monkeypatch, 10_000)
    assert stored.status == in_memory.status
    assert stored.steps == in_memory.steps
    np.testing.assert_allclose(numbers(stored), numbers(in_memory), rtol=1e-9)
    assert not nothing
    assert len(said) == (options.get("optimizer") != "exact")  # which needs all rows at once
    assert all("1,500 rows of 7 columns (0.0 GiB) are too many to keep in memory" in note for note in said)
    assert not os.listdir(tmp_path / "temporary")


@pytest.mark.parametrize("target", ["kind", "y"])
def test_rows_held_out_change_nothing_learned(tmp_path, monkeypatch, target):
    monkeypatch.setattr(loading, "room_for_rows", lambda _: 1000)
    random = np.random.default_rng(1)
    x = random.normal(size=(200, 2))
    y = x @ [1.0, -2.0] + random.normal(size=200)
    frame = pl.DataFrame({"a": x[:, 0], "b": x[:, 1], "y": y, "kind": np.where(y > 0, "hi", "lo")})
    hole = pl.Series(random.random(200) < 0.2)
    frame = frame.with_columns(pl.when(hole).then(None).otherwise(pl.col("a")).alias("a"))
    frame.write_csv(tmp_path / "t.csv")
    other = "y" if target == "kind" else "kind"
    words = ["t.csv", "--target", target, "--drop", other, "--optimizer", "sgd", "--missing", "mean"]
    leakage.check([*words, "--val", "0.2", "--cv", "2", "--steps", "20"], tmp_path, tmp_path)


def test_blocks_and_single_rows_of_a_file(monkeypatch):
    rows = np.random.default_rng(0).normal(size=(1000, 3))
    disk = DiskArray(3)
    for part in np.array_split(np.asfortranarray(rows), 7):
        disk.append(part)
    which = np.flatnonzero(np.arange(1000) % 5 != 0)
    some = StoredRows(disk, which, lambda X: X + 1, (3,))
    expected = rows[which] + 1
    random = np.array([799, 3, 3, 400])
    for key in (slice(0, 8192), slice(100, 300), slice(None, None, 16), slice(5, 5), random, random[:0]):
        np.testing.assert_array_equal(some[key], expected[key])
    assert some.shape == (800, 3)
    monkeypatch.delattr(os, "preadv", raising=False)  # as on Windows
    np.testing.assert_array_equal(disk.read(7, 900), rows[7:900])


def test_a_full_disk_is_said(monkeypatch):
    disk = DiskArray(2)

    class Full:
        def write(self, _):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    disk._file = Full()
    with pytest.raises(DlcliError, match="No space left on device"):
        disk.append(np.zeros((5, 2)))


@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize("weighted", [False, True])
def test_metrics_by_blocks_are_those_of_all_rows(classes, weighted):
    random = np.random.default_rng(classes)
    scores = random.normal(size=(500, classes)).round(1)  # with ties
    log = scores - np.log(np.exp(scores).sum(axis=1, keepdims=True))
    truth = random.integers(0, classes, 500).astype(float)
    cut = [slice(0, 130), slice(130, 131), slice(131, 500)]
    weights = random.integers(1, 4, 500) if weighted else np.ones(500, dtype=int)
    own = weights.astype(float) if weighted else None
    ours = metrics_by_blocks(
        lambda: ((log[rows], truth[rows], own[rows] if weighted else None) for rows in cut), classes
    )
    repeated = np.repeat(np.arange(500), weights)
    assert ours == pytest.approx(class_metrics(log[repeated], truth[repeated]), rel=1e-12)
    assert ours == pytest.approx(class_metrics(log, truth, own), rel=1e-12)
