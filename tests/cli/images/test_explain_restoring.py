"""``dlcli explain`` of networks that restore images, from the command line."""

import json

import numpy as np
import pytest
from PIL import Image

from dlcli.degradations.kernels import gaussian_kernel
from tests.networks.examples import folder_of, make_run, save, smooth

PICTURES = ["region", "receptive-field", "checkerboard", "noise-gain", "filters"]


def photo(path, height=60, width=52, channels=1, sigma=0):
    values = smooth(height, width, channels).astype(float)
    values += sigma * np.random.default_rng(1).normal(size=values.shape)
    return save(path, np.rint(values.clip(0, 255)).astype(np.uint8))


def explained(app, *words):
    code, out, err = app("explain", *words, "--json")
    assert code == 0, err
    return json.loads(out), err


def test_a_denoiser_is_explained_with_all_its_pictures(app, tmp_path):
    make_run(tmp_path / "run", "denoise")
    folder_of(tmp_path / "photos", ((60, 52), (48, 64)))
    report, err = explained(app, "run", "photos", "--region", "20,24,8,6", "--plots", "png", "--out", "out")
    assert "DATA are taken as clean images, and degraded as in training" in err
    assert "the region is of the first of 2 images" in err
    assert report["image"] == {
        "name": "0.png", "width": 52, "height": 60, "region": [20, 24, 8, 6], "chosen": False, "scale": 1,
    }  # fmt: skip
    assert report["lam"]["error"] < 0.02
    assert report["lam"]["pixels"] == 60 * 52
    assert report["receptive_field"]["theoretical"] == report["receptive_field"]["network"]
    assert report["noise_gain"]["sigma"] == 25
    assert report["noise_gain"]["images"] == 2
    assert (
        abs(report["noise_gain"]["sure_psnr"] - report["noise_gain"]["psnr"]) < 4 * report["noise_gain"]["sure_error"]
    )
    assert report["filters"]["side"] == 6
    assert [one["name"] for one in report["pictures"]] == PICTURES
    for name in PICTURES:
        with Image.open(tmp_path / "out" / "plots" / f"{name}.png") as picture:
            assert np.asarray(picture.convert("L")).std() > 3
    assert json.loads((tmp_path / "out" / "explain.json").read_text()) == report
    code, out, _ = app("explain", "run", "photos", "--method", "noise-gain", "--plots", "none", "--out", "shown")
    assert code == 0
    assert "PSNR by SURE" in out
    assert "true PSNR" in out
    assert not list((tmp_path / "shown").glob("plots/*"))


def test_images_as_predict_takes_them(app, tmp_path):
    make_run(tmp_path / "run", "denoise", noise_map=True, sigma=(0.0, 75.0))
    photo(tmp_path / "noisy.png", 80, 90, sigma=20)
    report, err = explained(app, "run", "noisy.png", "--degraded", "--out", "out")
    assert "degraded as in training" not in err
    assert report["noise_gain"]["sigma"] == pytest.approx(20, rel=0.25)
    assert "psnr" not in report["noise_gain"]
    report, _ = explained(
        app, "run", "noisy.png", "--degraded", "--sigma", "18", "--method", "noise-gain", "--out", "two"
    )
    assert report["noise_gain"]["sigma"] == 18
    report, err = explained(app, "run", "noisy.png", "--method", "noise-gain", "--out", "three")
    assert "images are degraded at sigma 25, of 0 to 75 that the network is good for" in err
    save(tmp_path / "flat.png", np.full((64, 64), 128, np.uint8))
    code, out, err = app("explain", "run", "flat.png", "--degraded", "--out", "four")
    assert (code, out) == (2, "")
    assert "flat.png has no noise that can be told from its rounding" in err
    assert not (tmp_path / "four").exists()


def test_every_task(app, tmp_path):
    photo(tmp_path / "clean.png", 60, 52)
    photo(tmp_path / "color.png", 60, 52, 3)
    holes = np.dstack([smooth(60, 52, 3), np.where(np.indices((60, 52)).sum(0) % 7, 255, 0)]).astype(np.uint8)
    save(tmp_path / "holes.png", holes)
    kernels = {"kernel.0": gaussian_kernel(1.0).astype(np.float32)}
    cases = [
        ("upscale", {}, "clean.png", []),
        ("upscale", {}, "clean.png", ["--degraded"]),
        ("inpaint", {}, "color.png", []),
        ("inpaint", {}, "holes.png", ["--degraded"]),
        ("deblur", {"arrays": kernels, "sigma": (2.0, 2.0)}, "clean.png", []),
        ("denoise", {"poisson": 30.0}, "color.png", []),
    ]
    for number, (task, fields, name, more) in enumerate(cases):
        run = tmp_path / f"run{number}"
        make_run(run, task, channels=1 if name == "clean.png" else 3, **fields)
        report, _ = explained(app, run.name, name, *more, "--plots", "none", "--out", f"out{number}")
        assert report["task"] == task
        assert report["lam"]["involved"] > 0
        assert "sure_psnr" not in report["noise_gain"]
        assert ("diagonal" in report["noise_gain"]) == (task != "upscale")
        assert ("theoretical" in report["receptive_field"]) == (task in ("upscale", "denoise"))


def test_deep_images(app, tmp_path):
    make_run(tmp_path / "run", "denoise")
    values = smooth(60, 52).astype(np.uint16) * 257
    save(tmp_path / "deep.png", values)
    report, _ = explained(app, "run", "deep.png", "--plots", "none", "--out", "out")
    assert report["noise_gain"]["diagonal"] > 0


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (
            ["--region", "50,0,8,8"],
            "--region 50,0,8,8: reaches beyond the restored image of clean.png, which is 52 x 60",
        ),
        (["--region", "1,2,3"], "expected x,y,w,h in pixels"),
        (["--method", "grad-cam"], "--method grad-cam is for networks that classify images"),
        (["--sigma", "much"], "expected a number such as 25"),
        (["--degraded", "--sigma", "5"], "--sigma is for networks that"),
    ],
)
def test_what_cannot_be_is_one_line(app, tmp_path, words, said):
    make_run(tmp_path / "run", "inpaint" if "--degraded" in words else "denoise")
    photo(tmp_path / "clean.png", 60, 52)
    code, out, err = app("explain", "run", "clean.png", *words, "--out", "out")
    assert (code, out) == (2, "")
    assert said in err
    assert len(err.strip().splitlines()) <= 2
    assert "Traceback" not in err
    assert not (tmp_path / "out").exists()


def test_tiny_images_are_refused(app, tmp_path):
    make_run(tmp_path / "run", "denoise")
    photo(tmp_path / "thin.png", 40, 3)
    code, out, err = app("explain", "run", "thin.png", "--out", "out")
    assert (code, out) == (2, "")
    assert "thin.png has a side of less than 16 pixels" in err
    photo(tmp_path / "small.png", 16, 17)
    assert app("explain", "run", "small.png", "--out", "out")[0] == 0


def test_degraded_needs_images(app, tmp_path):
    make_run(tmp_path / "run", "denoise")
    code, out, err = app("explain", "run", "--degraded", "--out", "out")
    assert (code, out) == (2, "")
    assert "--degraded says what the images of DATA are" in err
