"""eval without DATA: the rows or images that training held out, or a word that it held out none."""

import json

import numpy as np
import pytest
from PIL import Image

from tests.networks.examples import folder_of

SMALL = ["--steps", "2", "--batch-size", "2", "--filters", "4", "--crop", "16", "--device", "cpu", "--quiet"]


def table(path, classes=False, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(150, 6))
    y = X[:, 0] + 3 * rng.normal(size=150)
    target = np.where(y > 1, "c", np.where(y > -1, "b", "a")) if classes else y
    path.write_text(
        "".join(",".join(map(str, [*x, t])) + "\n" for x, t in [("abcdef", "y"), *zip(X, target, strict=True)])
    )


@pytest.mark.parametrize("classes", [False, True], ids=["numbers", "classes"])
def test_rows_held_out(app, tmp_path, classes):
    table(tmp_path / "t.csv", classes)
    assert app("fit-linear", "t.csv", "--val", "0.3", "--seed", "3", "--quiet", "--out", "run")[0] == 0
    val = json.loads((tmp_path / "run" / "report.json").read_text())["metrics"]["val"]
    code, out, err = app("eval", "run", "--json")
    assert code == 0
    report = json.loads(out)
    for name, value in val.items():
        assert report["metrics"]["test"][name] == pytest.approx(value, rel=1e-12)
    assert report["rows"] == 45
    assert report["data"] == {"paths": ["t.csv"], "part": "held out", "selected_on": False}
    assert "the 45 of 150 rows of t.csv that were held out in training" in err
    assert "45 rows held out in training" in app("eval", "run")[1]


def test_rows_that_training_chose_by_are_told(app, tmp_path):
    table(tmp_path / "t.csv")
    app("fit-linear", "t.csv", "--val", "0.3", "--early-stop", "3", "--optimizer", "sgd", "--quiet", "--out", "run")
    assert "rows held out in training and selected on" in app("eval", "run")[1]


def test_nothing_held_out_and_given_data_are_told(app, tmp_path):
    table(tmp_path / "t.csv")
    table(tmp_path / "new.csv", seed=1)
    app("fit-linear", "t.csv", "--quiet", "--out", "run")
    code, out, err = app("eval", "run")
    assert (code, "150 rows trained on" in out) == (0, True)
    assert "training held nothing out" in err
    assert json.loads(app("eval", "run", "--json")[1])["data"]["part"] == "train"
    code, out, err = app("eval", "run", "new.csv")
    assert (code, "150 rows of new.csv" in out, err) == (0, True, "")
    data = json.loads(app("eval", "run", "new.csv", "--json")[1])["data"]
    assert (data["paths"], data["part"]) == (["new.csv"], "given")


def test_a_table_that_is_another_one_by_now(app, tmp_path):
    table(tmp_path / "t.csv")
    app("fit-linear", "t.csv", "--val", "0.3", "--quiet", "--out", "run")
    table(tmp_path / "t.csv", seed=1)
    assert "the data have changed" in app("eval", "run")[2]
    with (tmp_path / "t.csv").open("a") as file:
        file.write("0,0,0,0,0,0,1\n")
    code, _, err = app("eval", "run")
    assert code == 2
    assert "t.csv has 151 rows, and had 150 when the model was trained" in err


@pytest.mark.parametrize("task", ["denoise", "pairs", "classify"])
def test_images_held_out(app, tmp_path, task):
    for number, name in enumerate(("a", "b")):
        folder_of(tmp_path / "photos" / name, ((24, 24),) * 8, 1 + 2 * number)
    data = {"denoise": ["photos"], "pairs": ["photos/a", "photos/b"], "classify": ["photos"]}[task]
    assert app("train-deconv", *data, "--task", task, "--val", "0.25", *SMALL, "--out", "run")[0] == 0
    trained = json.loads((tmp_path / "run" / "report.json").read_text())["images"]
    code, out, err = app("eval", "run", "--json")
    assert code == 0, err
    report = json.loads(out)
    assert report["images"] == trained["val"] == sum(trained.values()) // 4
    chose = task != "classify"  # of which so few images choose nothing
    assert report["data"] == {"paths": data, "part": "held out", "selected_on": chose}
    assert ("held out in training and selected on" in app("eval", "run")[1]) == chose
    # As many images, yet one of them under another name: the split goes by their order.
    (tmp_path / "photos" / "a" / "0.png").rename(tmp_path / "photos" / "a" / "9.png")
    if task == "pairs":
        (tmp_path / "photos" / "b" / "0.png").rename(tmp_path / "photos" / "b" / "9.png")
    code, _, err = app("eval", "run")
    assert (code, "has changed since the network was trained on it" in err) == (2, True)
    (tmp_path / "photos" / "a" / "9.png").unlink()
    (tmp_path / "photos" / "a" / "1.png").unlink()
    code, _, err = app("eval", "run")
    assert (code, "held out is not known" in err) == (2, True)


def test_kernels_and_masks_are_those_of_training(app, tmp_path):
    folder_of(tmp_path / "photos", ((48, 48),) * 8)
    np.save(tmp_path / "k.npy", np.outer([0.1, 0.3, 0.2], [1, 2, 3]))
    app("train-deconv", "photos", "--task", "deblur", "--blur", "k.npy", *SMALL, "--out", "run")
    assert app("eval", "run")[0] == 0
    Image.fromarray((np.indices((48, 48)).sum(0) % 2 * 255).astype(np.uint8)).save(tmp_path / "mask.png")
    app("train-deconv", "photos", "--task", "inpaint", "--mask", "mask.png", *SMALL, "--out", "masked")
    assert app("eval", "masked")[0] == 0


def test_a_blind_denoiser_is_measured_at_the_levels_that_validation_has(app, tmp_path):
    folder_of(tmp_path / "photos", ((64, 64),) * 8)
    app("train-deconv", "photos", "--sigma", "0:60", "--val", "0.25", *SMALL, "--out", "run")
    code, out, err = app("eval", "run", "photos", "--json")
    assert code == 0
    assert "each image is measured at sigma 10, sigma 30 and sigma 50" in err
    report = json.loads(out)
    assert (report["images"], len(report["per_image"])) == (8, 8)
    for row in report["per_image"]:  # each near what noise of these sizes gives, whatever the image
        expected = np.mean([20 * np.log10(255 / sigma) for sigma in (10, 30, 50)])
        assert row["input_psnr"] == pytest.approx(expected, abs=1.2)
    levels = report["levels"]
    assert [level["sigma"] for level in levels] == [10, 30, 50]
    assert np.mean([level["psnr"] for level in levels]) == pytest.approx(report["metrics"]["test"]["psnr"])
    alone = json.loads(app("eval", "run", "photos", "--sigma", "30", "--json")[1])
    assert "levels" not in alone
    assert alone["metrics"]["test"]["input_psnr"] == pytest.approx(levels[1]["input_psnr"], abs=0.2)


def test_images_of_which_none_was_held_out(app, tmp_path):
    folder_of(tmp_path / "photos")
    app("train-deconv", "photos", "--val", "0", *SMALL, "--out", "run")
    code, out, err = app("eval", "run")
    assert (code, "mean of 3 images trained on" in out) == (0, True)
    assert "training held nothing out" in err


@pytest.mark.parametrize("task", ["denoise", "pairs", "inpaint"])
def test_the_part_of_one_image_that_was_held_out(app, tmp_path, task):
    random = np.random.default_rng(0)
    for name in "ab":
        Image.fromarray(random.integers(0, 256, (96, 128), dtype=np.uint8)).save(tmp_path / f"{name}.png")
    Image.fromarray(random.integers(0, 2, (96, 128), dtype=np.uint8) * 255).save(tmp_path / "mask.png")
    given = {"denoise": ["a.png"], "pairs": ["a.png", "b.png"], "inpaint": ["a.png", "--mask", "mask.png"]}[task]
    code, _, err = app("train-deconv", *given, "--task", task, *SMALL[:-1], "--out", "run")
    assert code == 0, err
    assert "validation takes 32 x 96 pixels at the right of a.png" in err or task == "pairs"
    report = json.loads((tmp_path / "run" / "report.json").read_text())
    name = "b.png" if task == "pairs" else "a.png"
    assert report["held_out_parts"] == [{"name": name, "left": 96, "top": 0, "width": 32, "height": 96}]
    code, out, err = app("eval", "run", "--json")
    assert (code, f"32 x 96 pixels at the right of {name}, which was held out in training" in err) == (0, True)
    found = json.loads(out)
    assert (found["images"], found["data"]["part"]) == (1, "held out")
    if task == "pairs":  # nothing is drawn, so that what is measured is known
        a, b = (np.asarray(Image.open(tmp_path / f"{name}.png"))[:, 96:].astype(float) for name in "ab")
        psnr = 10 * np.log10(255**2 / ((a - b) ** 2).mean())
        assert found["metrics"]["test"]["input_psnr"] == pytest.approx(psnr, abs=1e-6)
    code, _, err = app("train-deconv", "--resume", "run", "--steps", "3")
    assert code == 0, err
    Image.fromarray(random.integers(0, 256, (96, 128), dtype=np.uint8)).save(tmp_path / f"{name}")
    code, _, err = app("eval", "run")
    assert (code, "has changed since the network was trained on it" in err) == (2, True)
