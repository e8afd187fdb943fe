"""Several processes fit what one fits: the same columns, splits and figures, whoever has which rows."""

import numpy as np
import polars as pl

from tests.linear.shared.fits import answers
from tests.thinning.examples import LONG

SQUARES, CLASSES = 1e-10, 1e-8  # relative differences that are allowed
FITS = {
    "least squares, folds": ("number", SQUARES, {"val": 0.1, "cv": 2}),
    "two classes": ("two", CLASSES, {"val": 0.2, "l2": 0.01}),
    "three classes, rows in files": ("three", CLASSES, {"val": 0.1, "room": 10_000}),
    "three classes by lbfgs, folds": ("three", 1e-6, {"optimizer": "lbfgs", "cv": 2, "l2": 0.01}),
    "sgd on classes": ("two", CLASSES, {"optimizer": "sgd", "steps": 30, "val": 0.2, "dropout": 0.1}),
    "exact": ("number", SQUARES, {"optimizer": "exact"}),
    "groups": ("number", SQUARES, {"val": 0.2, "cv": 2, "group": "kind"}),
    "times": ("two", CLASSES, {"cv": 2, "time": "day", "optimizer": "sgd", "steps": 30}),
    "a condition": ("three", CLASSES, {"val_rows": "x0>1 or day<2024-02-01", "cv": 2, "l2": 0.01}),
}

SHORT = ("least squares, folds", "three classes, rows in files", "sgd on classes", "groups")  # each time


def table(n=3000):
    """Numbers with gaps, texts with rare levels, a date, and three targets."""
    random = np.random.default_rng(0)
    X = random.normal(size=(n, 4)) * [1, 10, 0.1, 1] + [0, 5, 100, 1]
    text = random.choice(["a", "b", "c", "d"], n, p=[0.5, 0.3, 0.15, 0.05])
    text[random.choice(n, 12, replace=False)] = [f"rare {i}" for i in range(12)]
    score = X[:, 0] - 0.1 * X[:, 1] + (text == "b") + random.normal(size=n)
    frame = pl.DataFrame({f"x{j}": X[:, j] for j in range(4)}).with_columns(
        pl.Series("kind", text),
        pl.Series("day", np.datetime64("2024-01-01") + random.integers(0, 300, n)).cast(pl.Date),
        pl.Series("number", score),
        pl.Series("two", np.where(score + random.normal(size=n) > 0, "no", "yes")),
        pl.Series("three", np.array(["low", "mid", "high"])[np.digitize(score + random.normal(size=n), [-1, 1])]),
    )
    hole = pl.Series(random.random(n) < 0.1)
    lost = pl.Series(np.arange(n) % 97 == 5)
    return frame.with_columns(
        pl.when(hole).then(None).otherwise(pl.col("x2")).alias("x2"),
        *(pl.when(lost).then(None).otherwise(pl.col(name)).alias(name) for name in ("number", "two", "three")),
    )


def job(count, folder, data, target, **given):
    """A fit by so many processes, for ``answers``."""
    others = sorted({"number", "two", "three"} - {target})
    return count, {
        "data": [str(one) for one in data], "target": target, "drop": others, "loss": "auto", "plots": "none",
        "out": str(folder / "run"), "force": True, "device": "cpu", **given,
    }  # fmt: skip


def numbers(report):
    found = [value for part in report["metrics"].values() for value in part.values()]
    for entry in report["coefficients"].values():
        for values in (entry["value"], entry["std_error"]):
            found += values.values() if isinstance(values, dict) else [values]
    for spread in report["cv"]["metrics"].values() if "cv" in report else ():
        found += spread["each"]
    return np.array([np.nan if value is None else value for value in found])


def check_same(shared, alone, near, what):
    assert isinstance(shared, dict), (what, shared)
    for name in ("rows", "columns", "decisions", "status"):
        assert shared.get(name) == alone.get(name), (what, name)
    np.testing.assert_allclose(numbers(shared), numbers(alone), rtol=near, atol=1e-300, err_msg=what)


def test_several_processes_fit_as_one(tmp_path):
    table().write_csv(tmp_path / "t.csv")
    fits = {what: fit for what, fit in FITS.items() if LONG or what in SHORT}
    jobs = [
        job(count, tmp_path, [tmp_path / "t.csv"], target, **options)
        for target, _, options in fits.values()
        for count in (1, 3)
    ]
    found = answers(jobs)
    for number, (what, (_, near, options)) in enumerate(fits.items()):
        alone, shared = found[2 * number], found[2 * number + 1]
        check_same(shared[0], alone[0], near, what)
        assert shared[0]["environment"]["processes"] == 3
        assert shared[1:] == ["helped", "helped"], what
        assert any("temporary file" in line for line in shared[0]["said"]) == ("room" in options)


def test_files_that_are_shared_and_that_are_not(tmp_path):
    """Several files; uneven rows, by which blocks depend on each other; a cell that stops one's pass; a wide table."""
    rows = table()
    rows[:1000].write_csv(tmp_path / "a.csv")
    rows[1000:].write_parquet(tmp_path / "b.parquet")
    lines = rows.write_csv().split("\n")
    lines[900], lines[2000] = "1,2", lines[2000] + ",,"
    (tmp_path / "uneven.csv").write_text("\n".join(lines))
    lines = rows.drop("x2").write_csv().split("\n")
    lines[2500] = lines[2500].replace(",", ",oops", 1)
    (tmp_path / "wrong.csv").write_text("\n".join(lines))
    two, uneven = [tmp_path / "a.csv", tmp_path / "b.parquet"], [tmp_path / "uneven.csv"]
    jobs = [job(count, tmp_path, data, "number", val=0.1) for data in (two, uneven) for count in (1, 2)]
    wrong = [job(count, tmp_path, [tmp_path / "wrong.csv"], "number", missing="error") for count in (1, 2)]
    random = np.random.default_rng(1)
    np.save(tmp_path / "wide.npy", random.normal(size=(60, 600)))
    wide = [job(count, tmp_path, [tmp_path / "wide.npy"], "column_600", l2=0.1, drop=[]) for count in (1, 2)]
    *found, one, several, expected, errors = answers([*jobs, *wide, *wrong])
    check_same(several[0], one[0], SQUARES, "more columns than rows")
    assert several[0]["said"][0] == "there are more columns than rows: of 2 processes one works"
    check_same(found[1][0], found[0][0], SQUARES, "two files")
    check_same(found[3][0], found[2][0], SQUARES, "uneven rows")
    assert found[1][0]["said"][0] == "2 processes: each has the rows of its blocks of the data"
    assert "all parse all of" in found[3][0]["said"][0]
    assert "row 2500: 'oops" in expected[0]
    assert errors == 2 * expected
