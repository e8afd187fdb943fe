"""``--task dejpeg``, from training to eval and predict, and what it refuses."""

import json

import numpy as np
import pytest
from PIL import Image

from dlcli.degradations.jpeg import compressed
from tests.networks.examples import reference, save, smooth

TRAIN = [
    "--task", "dejpeg", "--filters", "4", "--depth", "0", "--steps", "12", "--report-every", "6", "--crop", "24",
    "--batch-size", "2", "--device", "cpu", "--amp", "off", "--threads", "1",
]  # fmt: skip


def photos(base, channels=1, count=4, side=50):
    for number in range(count):
        save(base / "photos" / f"{number}.png", smooth(side, side - 3, channels, number))
    return base / "photos"


@pytest.mark.parametrize("channels", [1, 3])
def test_trained_measured_and_used(app, tmp_path, channels):
    photos(tmp_path, channels)
    code, out, err = app("train-deconv", "photos", *TRAIN, "--quality", "10:90", "--out", "run", "--json")
    assert code == 0, err
    assert "dejpeg of quality 10 to 90" in err
    levels = json.loads(out)["validation"]["levels"]
    assert [level["quality"] for level in levels] == [23, 50, 77]
    inputs = [level["input_psnr"] for level in levels]
    assert inputs == sorted(inputs)
    code, out, err = app("eval", "run", "photos", "--quality", "10", "--json")
    assert code == 0, err
    report = json.loads(out)
    assert "levels" not in report
    for row in report["per_image"]:
        pixels = np.asarray(Image.open(tmp_path / "photos" / row["name"]))
        made = compressed(pixels.reshape(*pixels.shape[:2], channels), 10).reshape(pixels.shape)
        assert row["input_psnr"] == pytest.approx(reference(made, pixels)[0], abs=1e-3)
    code, _, err = app("eval", "run", "photos", "--compare")
    assert code == 0
    assert "each image is measured at quality 23, quality 50 and quality 77; --quality takes one alone" in err
    assert "there is no classical method to compare with for dejpeg" in err
    save(tmp_path / "a.jpg", smooth(37, 21, channels), quality=20)
    assert app("predict", "run", "a.jpg", "--out", "a.png")[0] == 0
    assert np.asarray(Image.open(tmp_path / "a.png")).shape == np.asarray(Image.open(tmp_path / "a.jpg")).shape


def test_the_same_seed_is_the_same_run_and_goes_on_so(app, tmp_path):
    photos(tmp_path)
    again = ["--quality", "20:60", "--plots", "none"]
    for name in ("one", "two"):
        assert app("train-deconv", "photos", *TRAIN, *again, "--out", name)[0] == 0
    shorter = [*TRAIN[: TRAIN.index("--steps") + 1], "6", *TRAIN[TRAIN.index("--steps") + 2 :]]
    assert app("train-deconv", "photos", *shorter, *again, "--schedule", "constant", "--out", "half")[0] == 0
    assert app("train-deconv", "photos", *TRAIN, *again, "--schedule", "constant", "--out", "whole")[0] == 0
    assert app("train-deconv", "--resume", "half", "--steps", "12")[0] == 0
    models = {name: (tmp_path / name / "model.safetensors").read_bytes() for name in ("one", "two", "half", "whole")}
    assert models["one"] == models["two"]
    assert models["half"] == models["whole"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--quality", "0"], "expected 1 to 100"),
        (["--quality", "101"], "expected 1 to 100"),
        (["--quality", "90:10"], "LOW <= HIGH"),
        (["--quality", "best"], "whole number"),
        (["--quality", "10", "--task", "denoise"], "--quality goes with --task dejpeg, not denoise: leave it out"),
        (["--sigma", "5"], "--sigma goes with --task denoise or deblur, not dejpeg"),
        (["--noise-map"], "--noise-map goes with"),
        (["--targets", "noisy"], "--targets noisy goes with --task denoise"),
    ],
)
def test_bad_options(app, tmp_path, arguments, words):
    photos(tmp_path)
    code, out, err = app("train-deconv", "photos", *TRAIN, *arguments, "--out", "run")
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert words in err
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("array", "words"),
    [
        (np.arange(4 * 40 * 40, dtype=np.uint16).reshape(4, 40, 40, 1) * 10, "these are uint16 from"),
        (np.linspace(0, 1, 4 * 40 * 40, dtype=np.float32).reshape(4, 40, 40, 1), "these are float32 from"),
        (np.zeros((4, 40, 40, 5), np.uint8), "these have 5 channels"),
    ],
)
def test_images_that_jpeg_does_not_hold(app, tmp_path, array, words):
    np.save(tmp_path / "x.npy", array)
    code, out, err = app("train-deconv", "x.npy", "--axes", "NYXC", *TRAIN, "--out", "run")
    assert (code, out) == (2, "")
    assert words in err
    assert err.strip().splitlines()[-1].startswith("dlcli: ")


def test_eval_and_other_networks(app, tmp_path):
    photos(tmp_path)
    assert app("train-deconv", "photos", *TRAIN, "--plots", "none", "--out", "run")[0] == 0
    save(tmp_path / "deep" / "a.png", smooth(40, 40).astype(np.uint16) * 257)
    code, _, err = app("eval", "run", "deep")
    assert (code, err.count("\n")) == (2, 1)
    assert "eval compresses clean images, and JPEG holds 8 bits; these are uint16" in err
    assert app("predict", "run", "deep/a.png", "--out", "b.png")[0] == 0  # restored as deep as it is
    assert np.asarray(Image.open(tmp_path / "b.png")).dtype == np.uint16
    code, _, err = app("eval", "run", "photos", "--sigma", "5")
    assert (code, err.count("\n")) == (2, 1)
    assert app("eval", "run", "photos", "--quality", "0")[0] == 2
    other = [word for word in TRAIN if word not in ("--task", "dejpeg")]
    assert app("train-deconv", "photos", *other, "--plots", "none", "--out", "noise")[0] == 0
    code, _, err = app("eval", "noise", "photos", "--quality", "10")
    assert (code, err.count("\n")) == (2, 1)
    assert "--quality is for networks that remove JPEG artifacts, and this one was trained to denoise" in err
    (tmp_path / "t.csv").write_text("x,y\n1,2\n2,3\n3,5\n")
    assert app("fit-linear", "t.csv", "--out", "line")[0] == 0
    code, _, err = app("eval", "line", "t.csv", "--quality", "10")
    assert (code, err.count("\n")) == (2, 1)
    assert "--quality is for image networks" in err
