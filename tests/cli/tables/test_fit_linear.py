"""fit-linear, eval and predict end to end, through the real command."""

import gzip
import json

import numpy as np
import polars as pl
import pytest


def write(folder, name, n=200, seed=0):
    random = np.random.default_rng(seed)
    a, b = random.normal(size=n), random.normal(size=n) * 100
    group = random.choice(["left", "right", "middle"], n)
    y = 2 * a - 0.03 * b + (group == "right") * 5 + random.normal(size=n) * 0.1 + 7
    frame = pl.DataFrame({"a": a, "b": b, "group": group, "y": y})
    frame.write_csv(folder / name)
    return frame


def reference(frame):
    X = np.column_stack([
        np.ones(len(frame)), frame["a"], frame["b"], frame["group"] == "middle", frame["group"] == "right",
    ])  # fmt: skip
    return np.linalg.lstsq(X, frame["y"].to_numpy())[0]


def values(report):
    return [entry["value"] for entry in report["coefficients"].values()]


def test_formats_agree(dlcli, tmp_path):
    frame = write(tmp_path, "t.csv")
    data = (tmp_path / "t.csv").read_bytes()
    frame.write_parquet(tmp_path / "t.parquet")
    frame.write_ipc(tmp_path / "t.arrow")
    frame.write_ndjson(tmp_path / "t.jsonl")
    frame.write_csv(tmp_path / "t.tsv", separator="\t")
    (tmp_path / "t.csv.gz").write_bytes(gzip.compress(data))
    import zstandard

    (tmp_path / "t.csv.zst").write_bytes(zstandard.compress(data))
    expected = reference(frame)
    names = ["intercept", "a", "b", "group=middle", "group=right"]
    for name in ("t.csv", "t.parquet", "t.arrow", "t.jsonl", "t.tsv", "t.csv.gz", "t.csv.zst"):
        report = dlcli("fit-linear", name, "--json", "-q").report
        assert list(report["coefficients"]) == names, name
        np.testing.assert_allclose(values(report), expected, rtol=1e-8, err_msg=name)
    from_stdin = dlcli("fit-linear", "-", "--json", "-q", stdin=data).report
    np.testing.assert_allclose(values(from_stdin), expected, rtol=1e-8)


def test_globs_and_several_files_are_one_table(dlcli, tmp_path):
    frame = write(tmp_path, "all.csv")
    for number, part in enumerate(frame.iter_slices(61)):
        part.write_csv(tmp_path / f"part-{number}.csv")
    report = dlcli("fit-linear", "part-*.csv", "--json", "-q").report
    assert report["rows"] == 200
    np.testing.assert_allclose(values(report), reference(frame), rtol=1e-8)


def test_numpy_files(dlcli, tmp_path):
    random = np.random.default_rng(0)
    X = random.normal(size=(50, 3))
    y = X @ [1, 2, 3] + 4
    np.savez(tmp_path / "t.npz", X=X, y=y)
    np.save(tmp_path / "t.npy", np.column_stack([X, y]))
    for arguments in (["t.npz"], ["t.npy", "--target", "-1"]):
        report = dlcli("fit-linear", *arguments, "--json", "-q").report
        np.testing.assert_allclose(values(report), [4, 1, 2, 3], rtol=1e-9)


@pytest.mark.parametrize(
    "options",
    [
        [],
        ["--no-standardize", "--momentum", "0.9", "--features", "a", "--tolerance", "1e-13"],
        ["--optimizer", "exact"],
        ["--schedule", "barzilai-borwein"],
        ["--schedule", "polyak"],
        ["--schedule", "time", "--decay-rate", "1e-4"],
        ["--momentum", "0.5", "--nesterov"],
    ],
)
def test_every_road_leads_to_the_same_optimum(dlcli, tmp_path, options):
    frame = write(tmp_path, "t.csv")
    report = dlcli("fit-linear", "t.csv", "--json", "-q", *options).report
    expected = reference(frame)
    if "--features" in options:
        expected = np.polyfit(frame["a"], frame["y"], 1)[::-1]
    np.testing.assert_allclose(values(report), expected, rtol=1e-7)


@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_minibatches_come_close(dlcli, tmp_path, optimizer):
    frame = write(tmp_path, "t.csv", n=2000)
    options = ["--optimizer", optimizer, "--schedule", "cosine", "--steps", "3000", "--batch-size", "64"]
    report = dlcli("fit-linear", "t.csv", "--json", "-q", *options).report
    np.testing.assert_allclose(values(report), reference(frame), rtol=0.02, atol=0.02)
    again = dlcli("fit-linear", "t.csv", "--json", "-q", *options).report
    assert values(again) == values(report)


def test_config_repeats_the_run(dlcli, tmp_path):
    write(tmp_path, "t.csv")
    first = dlcli("fit-linear", "t.csv", "--json", "-q", "--out", "one", "--lr", "0.05", "--steps", "50", "--l2", "0.1")
    second = dlcli("fit-linear", "--config", "one/config.toml", "--json", "-q", "--out", "two")
    assert second.code == 0, second.err
    assert values(first.report) == values(second.report)
    third = dlcli("fit-linear", "--config", "one/config.toml", "--steps", "60", "--json", "-q", "--out", "three")
    assert third.report["steps"] == 60


def test_early_stopping_keeps_the_best(dlcli, tmp_path):
    random = np.random.default_rng(1)
    X = random.normal(size=(60, 40))
    y = X[:, 0] + random.normal(size=60) * 2
    np.savez(tmp_path / "t.npz", X=X, y=y)
    options = ["--val", "0.3", "--early-stop", "3", "--report-every", "5", "--tolerance", "0", "--lr", "0.02"]
    report = dlcli("fit-linear", "t.npz", "--json", "-q", "--out", "run", *options).report
    assert report["status"] == "stopped"
    assert "early stopping" in report["reason"]
    losses = [json.loads(line)["val_loss"] for line in (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()]
    assert report["metrics"]["val"]["loss"] == pytest.approx(min(losses), rel=1e-12)
    assert losses[-1] > min(losses)


def test_cross_validation_of_classes_is_stratified(dlcli, shared):
    report = dlcli("fit-linear", shared / "tables/iris.csv", "--target", "species", "--l2", "0.01", "--cv", "5",
                   "--json", "-q").report  # fmt: skip
    accuracy = report["cv"]["metrics"]["accuracy"]
    assert len(accuracy["each"]) == 5
    assert accuracy["mean"] == pytest.approx(np.mean(accuracy["each"]))
    assert accuracy["mean"] > 0.9


def test_time_limit(dlcli, tmp_path):
    write(tmp_path, "t.csv")
    report = dlcli("fit-linear", "t.csv", "--optimizer", "adam", "--steps", "100000000", "--minutes", "0.01",
                   "--json", "-q").report  # fmt: skip
    assert (report["status"], report["reason"]) == ("stopped", "time limit reached")


def test_missing_values(dlcli, tmp_path):
    (tmp_path / "t.csv").write_text("a,b,y\n1,?,3\n2,1,5\n3,4,7\n4,,9\n5,3,11\n6,1,13.5\n")
    dropped = dlcli("fit-linear", "t.csv", "--missing", "drop", "--json").report
    assert dropped["rows"] == 4
    filled = dlcli("fit-linear", "t.csv", "--missing", "mean", "--json", "--out", "filled").report
    X = np.column_stack([np.ones(6), [1, 2, 3, 4, 5, 6], [2.25, 1, 4, 2.25, 3, 1]])
    expected = np.linalg.lstsq(X, np.array([3, 5, 7, 9, 11, 13.5]))[0]
    np.testing.assert_allclose(values(filled), expected, rtol=1e-8)
    # Predicting fills with the training means.
    result = dlcli("predict", "filled", "t.csv")
    np.testing.assert_allclose([float(v) for v in result.out.split()[1:]], X @ expected, rtol=1e-8)


def test_eval_measures_and_checks(dlcli, tmp_path):
    write(tmp_path, "train.csv")
    frame = write(tmp_path, "test.csv", seed=1)
    expected = reference(write(tmp_path, "train.csv"))
    dlcli("fit-linear", "train.csv", "-q", "--out", "run")
    result = dlcli("eval", "run", "test.csv", "--json", "--check", "r2>=0.9", "--check", "rmse<0.2")
    assert result.code == 0, result.err
    X = np.column_stack([
        np.ones(200), frame["a"], frame["b"], frame["group"] == "middle", frame["group"] == "right",
    ])  # fmt: skip
    residual = frame["y"].to_numpy() - X @ expected
    metrics = result.report["metrics"]["test"]
    assert metrics["loss"] == pytest.approx(np.mean(residual**2), rel=1e-6)
    assert metrics["mae"] == pytest.approx(np.mean(np.abs(residual)), rel=1e-6)
    assert metrics["r2"] == pytest.approx(1 - residual.var() / frame["y"].to_numpy().var(), rel=1e-4)
    failing = dlcli("eval", "run", "test.csv", "--check", "r2>=0.9", "--check", "rmse<0.01")
    assert failing.code == 3
    assert "FAILED rmse<0.01: rmse is" in failing.err
    assert "off by" in failing.err
    extra = tmp_path / "extra.csv"
    frame.with_columns(note=pl.lit("hi")).select("note", "y", "group", "b", "a").write_csv(extra)
    reordered = dlcli("eval", "run", extra, "--json")
    assert reordered.report["metrics"] == result.report["metrics"]
    assert "note" in reordered.err


def test_predictions_keep_the_input_order(dlcli, tmp_path):
    frame = write(tmp_path, "t.csv", n=150_000)
    dlcli("fit-linear", "t.csv", "-q", "--out", "run")
    to_csv = dlcli("predict", "run", "t.csv")
    assert to_csv.code == 0, to_csv.err
    assert dlcli("predict", "run", "t.csv", "--out", "p.parquet").code == 0
    expected = reference(frame)
    X = np.column_stack([
        np.ones(len(frame)), frame["a"], frame["b"], frame["group"] == "middle", frame["group"] == "right",
    ])  # fmt: skip
    parquet = pl.read_parquet(tmp_path / "p.parquet")["prediction"].to_numpy()
    np.testing.assert_allclose(parquet, X @ expected, rtol=1e-6, atol=1e-6)
    assert np.array_equal([float(v) for v in to_csv.out.split()[1:]], parquet)


def test_class_predictions_have_probabilities(dlcli, shared):
    iris = shared / "tables/iris.csv"
    dlcli("fit-linear", iris, "--target", "species", "--l2", "0.01", "-q", "--out", "run")
    result = dlcli("predict", "run", iris)
    frame = pl.read_csv(result.out.encode())
    assert frame.columns == ["prediction", "probability_setosa", "probability_versicolor", "probability_virginica"]
    np.testing.assert_allclose(frame.select(frame.columns[1:]).to_numpy().sum(axis=1), 1)
    truth = pl.read_csv(iris)["species"]
    accuracy = (frame["prediction"] == truth).mean()
    report = dlcli("eval", "run", iris, "--json").report
    assert report["metrics"]["test"]["accuracy"] == pytest.approx(accuracy)


def test_constant_and_duplicate_columns_are_named(dlcli, tmp_path):
    rows = "".join(f"{i},5,{2 * i},{i * i % 7},{3 * i + i * i % 7}\n" for i in range(30))
    (tmp_path / "t.csv").write_text("a,fixed,twice,b,y\n" + rows)
    result = dlcli("fit-linear", "t.csv")
    assert result.code == 0, result.err
    assert "'fixed' is constant" in result.err
    assert "'a' and 'twice' are duplicates" in result.err
    assert "determine only 3 of 4 coefficients" in result.err


def test_separable_classes_are_said(dlcli, tmp_path):
    (tmp_path / "t.csv").write_text("x,k\n" + "".join(f"{i},{'ab'[i > 9]}\n" for i in range(20)))
    result = dlcli("fit-linear", "t.csv", "--target", "k")
    assert result.code == 0, result.err
    assert "separable" in result.err


def test_lasso_gives_exact_zeros(dlcli, tmp_path):
    random = np.random.default_rng(0)
    X = random.normal(size=(100, 6))
    np.savez(tmp_path / "t.npz", X=X, y=X[:, 0] * 3 + random.normal(size=100) * 0.1)
    report = dlcli("fit-linear", "t.npz", "--l1", "0.5", "--json", "-q").report
    assert [entry["value"] == 0 for entry in report["coefficients"].values()] == [False, False] + [True] * 5
    assert "-0.0" not in str(report["coefficients"])


@pytest.mark.parametrize(
    ("arguments", "r2"),
    [
        (["wine_red_semicolon.csv"], 0.360551703),
        (["airfoil_tab.dat"], 0.515709742),
        (["abalone_noheader.csv", "--target", "9"], 0.537884403),
    ],
)
def test_published_r2_of_real_tables(dlcli, shared, arguments, r2):
    report = dlcli("fit-linear", shared / "tables" / arguments[0], *arguments[1:], "--json", "-q").report
    assert report["r2"] == pytest.approx(r2, abs=5e-10)


def test_one_is_said_in_the_singular(dlcli, tmp_path):
    (tmp_path / "t.csv").write_text("x,y\n1,2\n2,3\n3,5\n4,\n")
    result = dlcli("fit-linear", "t.csv", "--optimizer", "gd", "--lr", "0.1", "--steps", "1", "--missing", "drop")
    assert "finished after 1 step (step limit reached)" in result.out
    assert "left out 1 row with missing values; 3 are left" in result.err
    search = ("--lr", "1e8:1e9", "--random", "--trials", "1")
    result = dlcli("tune-lr", *search, "fit-linear", "t.csv", "--missing", "drop", "--optimizer", "gd")
    assert result.code == 4
    assert "the only trial diverged" in result.err
