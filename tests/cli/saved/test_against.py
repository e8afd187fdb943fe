"""dlcli eval --against: two models on the same rows or images, and a job that fails on a regression."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from sklearn.metrics import accuracy_score, log_loss, mean_absolute_error, r2_score, root_mean_squared_error

from dlcli.errors import DlcliError
from dlcli.reports.evaluate import ImageQuality, RestorationReport
from dlcli.reports.saved.images_against import compared_images
from dlcli.runs.model_file import read_model, write_model
from dlcli.runs.names import MODEL


@pytest.fixture
def tables(app, tmp_path):
    """A good and a bad model of numbers, and new rows."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(300, 2))
    y = 3 * x[:, 0] + x[:, 1] + rng.normal(size=300)
    rows = [f"{a:.6f},{b:.6f},{c:.6f},{'high' if c > 0 else 'low'}" for (a, b), c in zip(x, y, strict=True)]
    for name, part in (("train.csv", rows[:150]), ("new.csv", rows[150:])):
        (tmp_path / name).write_text("\n".join(["a,b,y,class", *part]) + "\n")

    def fit(out, *words):
        code, _, err = app("fit-linear", "train.csv", "--out", out, "--quiet", *words)
        assert code == 0, err

    fit("good", "--target", "y", "--drop", "class")
    fit("bad", "--target", "y", "--features", "b")
    fit("classes", "--target", "class", "--drop", "y")
    fit("guess", "--target", "class", "--features", "b")
    return fit


def against(app, *words):
    code, out, err = app("eval", *words, "--json")
    return code, json.loads(out), err


def predictions(app, run, column):
    assert app("predict", run, "new.csv", "--out", f"{run}.csv", "--quiet")[0] == 0
    lines = [line.split(",") for line in Path(f"{run}.csv").read_text().splitlines()]
    return [line[lines[0].index(column)] for line in lines[1:]]


def test_metrics_are_those_of_scikit_learn(app, tables):
    _, report, _ = against(app, "good", "new.csv", "--against", "bad")
    true = np.array([float(line.split(",")[2]) for line in Path("new.csv").read_text().splitlines()[1:]])
    for run, field in (("good", "value"), ("bad", "against")):
        found = np.array(list(map(float, predictions(app, run, "prediction"))))
        metrics = report["against"]["metrics"]
        assert metrics["rmse"][field] == pytest.approx(root_mean_squared_error(true, found), rel=1e-6)
        assert metrics["mae"][field] == pytest.approx(mean_absolute_error(true, found), rel=1e-6)
        assert metrics["r2"][field] == pytest.approx(r2_score(true, found), rel=1e-6)
        assert metrics["loss"][field] == pytest.approx(np.mean((true - found) ** 2), rel=1e-6)
    assert {one["verdict"] for one in metrics.values()} == {"better"}
    assert report["against"]["compared"] == 150
    _, report, _ = against(app, "classes", "new.csv", "--against", "guess")
    true = [line.split(",")[3] for line in Path("new.csv").read_text().splitlines()[1:]]
    for run, field in (("classes", "value"), ("guess", "against")):
        high = np.array(list(map(float, predictions(app, run, "probability_high"))))
        metrics = report["against"]["metrics"]
        assert metrics["log_loss"][field] == pytest.approx(log_loss(true, np.c_[high, 1 - high]), rel=1e-5)
        guessed = np.where(high > 0.5, "high", "low")
        assert metrics["accuracy"][field] == pytest.approx(accuracy_score(true, guessed))


def test_a_job_fails_on_a_regression_only(app, tables):
    tables("nearly", "--target", "y", "--features", "b", "--val", "0.5", "--seed", "1")
    for run, other, check, code in [
        ("good", "bad", "rmse<=against", 0),
        ("good", "bad", "rmse<against", 0),
        ("good", "bad", "test.r2>against", 0),
        ("bad", "good", "rmse<=against", 3),
        ("bad", "good", "r2 >= against", 3),
        ("nearly", "bad", "rmse<=against", 0),
        ("nearly", "bad", "rmse>=against", 0),
        ("nearly", "bad", "rmse<against", 3),
        ("bad", "good", "rmse<=100", 0),
    ]:
        found, report, err = against(app, run, "new.csv", "--against", other, "--check", check)
        assert found == code, (run, check)
        assert report["checks"][0]["holds"] is (code == 0)
        assert ("FAILED" in err) is (code == 3)
    code, out, _ = app("eval", "good", "new.csv", "--against", "bad", "--check", "rmse<=against")
    assert code == 0
    assert "95% interval" in out
    assert "ok rmse<=against: " in out


def test_rows_that_one_model_cannot_take_are_left_out_of_both(app, tables, tmp_path):
    lines = (tmp_path / "new.csv").read_text().splitlines()
    for place in (3, 7):
        lines[place] = "," + lines[place].split(",", 1)[1]
    (tmp_path / "holes.csv").write_text("\n".join(lines) + "\n")
    _, report, err = against(app, "good", "holes.csv", "--against", "bad", "--missing", "drop")
    assert (report["rows"], report["against"]["compared"]) == (148, 148)
    assert "148 rows that both models can be measured on" in err


def test_refusals(app, tables, tmp_path):
    (tmp_path / "empty").mkdir()
    other = ("new.csv", "--against")
    for words, expected in [
        (("good", *other, "good"), "is the run itself"),
        (("good", *other, "missing"), "there is no run directory missing"),
        (("good", *other, "empty"), "there is no model"),
        (("good", *other, "classes"), "it predicts class, and good predicts y"),
        (("good", "--against", "bad"), "--against needs DATA"),
        (("good", "-", "--against", "bad"), "standard input"),
        (("good", "new.csv", "--check", "rmse<=against"), "needs --against"),
        (("good", *other, "bad", "--check", "rmsee<=against"), "did you mean rmse?"),
        (("good", *other, "bad", "--check", "rmse==against"), "hardly ever equal"),
        (("classes", *other, "guess", "--threshold", "0.5"), "--threshold doesn't go with --against"),
    ]:
        code, out, err = app("eval", *words)
        assert (code, out) == (2, ""), words
        assert expected in err
        assert err.count("\n") <= 2


def report_of(run, values, **more):
    rows = [ImageQuality(name=n, psnr=p, ssim=0.5, input_psnr=20.0, input_ssim=0.1) for n, p in values]
    fields = {"run": run, "task": "denoise", "per_image": rows, **more}
    return RestorationReport.model_construct(**fields)


def test_images_are_paired_by_their_names(tmp_path):
    names = [f"{i}.png" for i in range(40)]
    rng = np.random.default_rng(0)
    hard = rng.normal(30, 3, 40)
    better = report_of("a", list(zip(names, hard + 0.2 + 0.1 * rng.normal(size=40), strict=True)))
    worse = report_of("b", list(zip(names, hard, strict=True))[::-1])
    found, count = compared_images(better, worse, tmp_path, 0)
    assert count == 40
    assert found["psnr"].difference == pytest.approx(0.2, abs=0.05)
    assert found["psnr"].low > 0.1  # though images differ by far more than the models do
    assert not found["ssim"].beyond_chance


def test_networks_with_other_inputs_are_not_compared(tmp_path):
    first = report_of("a", [("1.png", 30.0)])
    other = report_of("b", [("1.png", 30.0)])
    other.per_image[0] = other.per_image[0].model_copy(update={"input_psnr": 14.15})
    with pytest.raises(DlcliError, match=r"its inputs have 14.15 dB where those of a have 20.00 dB"):
        compared_images(first, other, tmp_path, 0)
    with pytest.raises(DlcliError, match="its task is upscale, not denoise"):
        compared_images(first, report_of("b", [("1.png", 30.0)], task="upscale"), tmp_path, 0)
    with pytest.raises(DlcliError, match="no image could be measured by both"):
        compared_images(first, report_of("b", [("2.png", 30.0)]), tmp_path, 0)


def test_networks(app, tmp_path):
    """The whole way: a small network against one that was harmed."""
    rng = np.random.default_rng(0)
    (tmp_path / "photos").mkdir()
    for number in range(4):
        coarse = Image.fromarray(rng.integers(0, 256, (6, 6), dtype=np.uint8))
        coarse.resize((32, 32), Image.Resampling.BICUBIC).save(tmp_path / "photos" / f"{number}.png")
    small = ("--filters", "4", "--crop", "16", "--batch-size", "2", "--depth", "0", "--quiet", "--out", "one")
    assert app("train-deconv", "photos", "--steps", "1", "--val", "0", *small)[0] == 0
    shutil.copytree("one", "harmed")
    description, tensors = read_model(tmp_path / "harmed" / MODEL, "train-deconv")
    harmed = {name: tensor + np.float32(0.05) for name, tensor in tensors.items()}
    (tmp_path / "harmed" / MODEL).write_bytes(write_model(description, harmed))
    words = ("photos", "--sigma", "25", "--against", "harmed", "--check", "psnr>=against")
    code, report, err = against(app, "one", *words)
    assert code == 0
    known = report["against"]["metrics"]["psnr"]
    assert known["value"] == pytest.approx(report["metrics"]["test"]["psnr"])
    assert (known["verdict"], report["against"]["compared"]) == ("better", 4)
    assert "too narrow" in err


@pytest.fixture
def weighted(app, tmp_path):
    """Models of rows that weigh, with an offset and without, and new rows; the weights are numbers of rows."""
    rng = np.random.default_rng(1)
    x, w = rng.normal(size=(240, 2)), rng.integers(0, 4, 240)
    off = rng.normal(size=240)
    y = 2 * x[:, 0] + 0.5 * x[:, 1] + off + rng.normal(size=240)
    head = ["a,b,off,w,y,class"]
    rows = [
        f"{a:.6f},{b:.6f},{o:.6f},{n},{c:.6f},{'high' if c > 0 else 'low'}"
        for (a, b), o, n, c in zip(x, off, w, y, strict=True)
    ]
    for name, part in (("train.csv", rows[:120]), ("new.csv", rows[120:])):
        (tmp_path / name).write_text("\n".join([*head, *part]) + "\n")
    for out, words in {
        "good": ("--target", "y", "--features", "a,b", "--weights", "w", "--offset", "off"),
        "bad": ("--target", "y", "--features", "b", "--offset", "off"),
        "feature": ("--target", "y", "--features", "a,w"),
        "classes": ("--target", "class", "--features", "a,b", "--weights", "w"),
        "guess": ("--target", "class", "--features", "b"),
    }.items():
        code, _, err = app("fit-linear", "train.csv", "--out", out, "--quiet", *words)
        assert code == 0, err
    fields = [line.split(",") for line in rows[120:]]
    return {name: np.array([row[i] for row in fields]) for i, name in enumerate(head[0].split(","))}


def test_rows_that_weigh_are_compared_with_their_weights_and_offsets(app, weighted):
    w, y, off = (weighted[name].astype(float) for name in ("w", "y", "off"))
    kept = w > 0
    _, report, err = against(app, "good", "new.csv", "--against", "bad")
    known = report["against"]["metrics"]
    assert "rows are weighted by 'w' for both models" in err
    assert report["against"]["compared"] == kept.sum()
    for run, field in (("good", "value"), ("bad", "against")):
        found = np.array(list(map(float, predictions(app, run, "prediction"))))
        assert known["rmse"][field] == pytest.approx(root_mean_squared_error(y, found, sample_weight=w), rel=1e-6)
        assert known["mae"][field] == pytest.approx(mean_absolute_error(y, found, sample_weight=w), rel=1e-6)
        assert known["r2"][field] == pytest.approx(r2_score(y - off, found - off, sample_weight=w), rel=1e-6)
    assert known["rmse"]["value"] == pytest.approx(report["metrics"]["test"]["rmse"])
    assert known["r2"]["value"] == pytest.approx(report["metrics"]["test"]["r2"])
    assert known["rmse"]["verdict"] == "better"
    _, report, _ = against(app, "classes", "new.csv", "--against", "guess")
    for run, field in (("classes", "value"), ("guess", "against")):
        high = np.array(list(map(float, predictions(app, run, "probability_high"))))
        expected = log_loss(weighted["class"], np.c_[high, 1 - high], sample_weight=w)
        assert report["against"]["metrics"]["log_loss"][field] == pytest.approx(expected, rel=1e-5)


def test_the_model_measured_says_which_weights_count(app, weighted):
    """Here none, as the model measured was trained on none; and those that are asked for."""
    w, y = (weighted[name].astype(float) for name in ("w", "y"))
    _, report, err = against(app, "bad", "new.csv", "--against", "good")
    assert "weighted" not in err
    assert report["against"]["compared"] == 120
    found = np.array(list(map(float, predictions(app, "good", "prediction"))))
    known = report["against"]["metrics"]
    assert known["rmse"]["against"] == pytest.approx(root_mean_squared_error(y, found), rel=1e-6)
    assert known["rmse"]["value"] == pytest.approx(report["metrics"]["test"]["rmse"])
    _, report, _ = against(app, "bad", "new.csv", "--against", "good", "--weights", "w")
    known = report["against"]["metrics"]
    assert known["rmse"]["against"] == pytest.approx(root_mean_squared_error(y, found, sample_weight=w), rel=1e-6)


def test_r2_of_other_offsets_is_not_compared(app, weighted):
    _, report, _ = against(app, "bad", "new.csv", "--against", "feature")
    assert set(report["against"]["metrics"]) == {"loss", "rmse", "mae"}
    code, report, err = against(app, "good", "new.csv", "--against", "feature")
    assert code == 0, err
    assert report["against"]["metrics"]["rmse"]["value"] == pytest.approx(report["metrics"]["test"]["rmse"])


def test_intervals_of_weights_are_those_of_rows_with_their_weights(app, weighted):
    """By the delta method for a ratio of sums over rows."""
    w, y = (weighted[name].astype(float) for name in ("w", "y"))
    _, report, _ = against(app, "good", "new.csv", "--against", "bad")
    losses = [
        (np.array(list(map(float, predictions(app, run, "prediction")))) - y) ** 2 for run in ("good", "bad")
    ]  # fmt: skip
    kept = w > 0
    gaps, n = (losses[0] - losses[1])[kept], w[kept]
    mean = np.average(gaps, weights=n)
    error = np.sqrt(np.sum((n * (gaps - mean)) ** 2)) / n.sum()
    known = report["against"]["metrics"]["loss"]
    assert known["difference"] == pytest.approx(mean, rel=1e-6)
    assert known["high"] - known["low"] == pytest.approx(2 * 1.96 * error, rel=0.15)
