"""Images that came out wrong once, through the real command: an identity network must give back what it got."""

import json

import numpy as np
import pytest
import tifffile
from PIL import Image

from tests.conftest import CASES
from tests.networks.examples import make_run, save, smooth


@pytest.fixture
def app(app, tmp_path):
    """The command, beside a color network that changes nothing."""
    make_run(tmp_path / "run", channels=3, identity=True)
    return app


def case(name):
    folder = CASES / name
    if not folder.is_dir():
        pytest.skip(f"no case at {folder}")
    return folder


def test_pages_frames_and_depth(app, tmp_path):
    assert app("predict", "run", case("predict-loses-pages-and-depth"), "--out", "out")[0] == 0
    out = tmp_path / "out"
    for name, count in (("g_stack.tif", 5), ("h_anim.webp", 3), ("i_apng.png", 3)):
        with Image.open(out / name) as image:
            assert image.n_frames == count
    deep = tifffile.imread(out / "f16rgb.tif")
    np.testing.assert_array_equal(deep, tifffile.imread(case("predict-loses-pages-and-depth") / "f16rgb.tif"))
    with Image.open(out / "e16rgb.png") as image:
        assert image.tile[0].args == "RGB;16B"


def test_sixteen_bit_colors(app, tmp_path):
    folder = case("images-rgb16_cut")
    assert app("predict", "run", folder / "png_rgb16.png", folder / "tif_rgb16.tif", "--out", "out")[0] == 0
    truth = tifffile.imread(folder / "tif_rgb16.tif")
    np.testing.assert_array_equal(tifffile.imread(tmp_path / "out" / "tif_rgb16.tif"), truth)
    with Image.open(tmp_path / "out" / "png_rgb16.png") as image, Image.open(folder / "png_rgb16.png") as before:
        assert image.tile[0].args == "RGB;16B"
        np.testing.assert_array_equal(np.asarray(image), np.asarray(before))
    planar = case("images-planar16") / "tif_planar_rgb16.tif"
    assert app("predict", "run", planar, "--out", "planar.tif")[0] == 0
    np.testing.assert_array_equal(tifffile.imread("planar.tif"), tifffile.imread(planar))


def test_a_float_array_stays_one(app):
    path = case("images-npy_cut") / "npy_f32_hw.npy"
    assert app("predict", "run", path, "--out", "out")[0] == 0
    made, before = np.load("out/npy_f32_hw.npy"), np.load(path)
    assert made.dtype == np.float32
    np.testing.assert_allclose(made, before, atol=2e-7)


def test_tiffs_that_pillow_does_not_know(app):
    folder = case("images-tiff_misnamed")
    code, out, err = app("predict", "run", folder, "--out", "out")
    assert (code, "3 images in out" in out) == (0, True)
    assert "skipped 1 of 4 images: tif_2ch.tif: has 2 channels" in err
    assert "damaged" not in err
    for name in ("tif_float16.tif", "tif_float64.tif", "tif_rgbfloat.tif"):
        made, before = tifffile.imread(f"out/{name}"), tifffile.imread(folder / name)
        assert made.dtype == before.dtype
        np.testing.assert_allclose(made, before, atol=1e-3 if "16" in name else 2e-7)


def test_profile_and_resolution(app):
    folder = case("icc-profile-lost")
    assert app("predict", "run", folder, "--out", "out")[0] == 0
    for name in ("adobe.png", "patches.png"):
        with Image.open(folder / name) as before, Image.open(f"out/{name}") as after:
            assert after.info["icc_profile"] == before.info["icc_profile"]
            assert after.info.get("dpi") == before.info.get("dpi")


def test_twelve_bits_in_sixteen_are_said(app):
    _, _, err = app("predict", "run", case("twelve-bits-in-sixteen") / "d12in16.tif", "--out", "a.tif")
    assert "values of uint16 are mapped by their own range (" in err


def test_libtiff_is_quiet_and_few_bits_are_not_sixteen(app, tmp_path):
    folder = case("stderr-noise")
    code, _, err = app("predict", "run", folder / "hopper_webp.tif", folder / "rgb16-565.bmp", "--out", "out")
    assert code == 0
    # Read with imagecodecs, and named without.
    assert "hopper_webp.tif: compressed by deflate" in err or "hopper_webp.tif: is compressed by webp" in err
    assert "tempfile" not in err
    assert "16 bits" not in err
    for number in range(2):
        (tmp_path / "in").mkdir(exist_ok=True)
        (tmp_path / "in" / f"{number}.bmp").write_bytes((folder / "rgb16-565.bmp").read_bytes())
    err = app("train-deconv", "in", "--steps", "1", "--batch-size", "1", "--filters", "4", "--crop", "16")[2]
    assert "16 bits" not in err


def test_an_image_that_cannot_be_written_is_named_and_the_others_are_done(app, tmp_path):
    for name in ("a.png", "b/b.png", "c.png"):
        save(tmp_path / "in" / name, smooth(20, 20))
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "b").write_text("in the way")
    code, out, err = app("predict", "run", "in", "--out", "out", "--json")
    assert code == 2
    assert json.loads(out)["unwritten"] == ["b/b.png"]
    assert (tmp_path / "out" / "a.png").exists()
    assert (tmp_path / "out" / "c.png").exists()
    assert "b/b.png: cannot be written to out/b: " in err
    assert "dlcli: could not be written: b/b.png" in err
