"""--format, --dtype and --axes of predict, and images from stdin and to stdout."""

import io
import sys
from types import SimpleNamespace

import numpy as np
import pytest
import tifffile
from PIL import Image

from dlcli.errors import DlcliError
from dlcli.images.formats.codecs import read_frames
from tests.networks.examples import make_run, save, smooth
from tests.networks.inference.test_predict import predicted

GRAY = smooth(24, 32)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return make_run(tmp_path_factory.mktemp("run") / "run", identity=True)


@pytest.mark.parametrize("form", ["png", "tif", "bmp", "webp", "npy", "fits", "zarr", "avif", "jpg", "heic"])
def test_format_names_and_writes(run, tmp_path, form):
    save(tmp_path / "in/deep/a.png", GRAY)
    save(tmp_path / "in/b.bmp", GRAY)
    report = predicted(run, tmp_path / "in", out=tmp_path / "out", image_format=form)
    assert report.images == 2
    for name in ("deep/a", "b"):
        path = tmp_path / "out" / f"{name}.{form}"
        made = np.load(path) if form == "npy" else next(read_frames(path, "a")).pixels[:, :, 0]
        if form not in ("jpg", "avif"):
            np.testing.assert_array_equal(made, GRAY)


def test_an_array_becomes_a_stack_and_a_stack_an_array(run, tmp_path):
    values = np.stack([smooth(24, 32, 1, seed) for seed in range(5)])
    np.savez(tmp_path / "a.npz", images=values)
    predicted(run, tmp_path / "a.npz", out=tmp_path / "a.tif")
    np.testing.assert_array_equal(tifffile.imread(tmp_path / "a.tif"), values)
    predicted(run, tmp_path / "a.tif", out=tmp_path / "out", image_format="npy")
    np.testing.assert_array_equal(np.load(tmp_path / "out/a.npy"), values)


@pytest.mark.parametrize("name", ["a.png", "a.npy"])
def test_dtype(run, tmp_path, name):
    if name == "a.npy":
        np.save(tmp_path / name, GRAY)
    else:
        save(tmp_path / name, GRAY)
    for dtype, factor in (("uint16", 257), ("float32", 1), ("int32", 1)):
        out = tmp_path / f"{dtype}.{'npy' if name == 'a.npy' else 'tif'}"
        predicted(run, tmp_path / name, out=out, dtype=dtype)
        made = np.load(out) if name == "a.npy" else tifffile.imread(out)
        assert made.dtype == dtype
        np.testing.assert_array_equal(made, GRAY.astype(dtype) * factor)


def test_what_a_type_does_not_hold_is_refused(run, tmp_path):
    save(tmp_path / "a.png", GRAY)
    with pytest.raises(DlcliError, match=r"holds values from \d+ to \d+, and int8 those from -128 to 127") as caught:
        predicted(run, tmp_path / "a.png", out=tmp_path / "b.tif", dtype="int8")
    assert "--dtype" in caught.value.hint
    assert not (tmp_path / "b.tif").exists()
    with pytest.raises(DlcliError, match="named as another format than --format says"):
        predicted(run, tmp_path / "a.png", out=tmp_path / "b.tif", image_format="png")
    with pytest.raises(DlcliError, match="such files aren't written"):
        predicted(run, tmp_path / "a.png", out=tmp_path / "b.czi")


def test_axes(run, tmp_path):
    values = np.stack([smooth(24, 32, 1, seed) for seed in range(3)])
    tifffile.imwrite(tmp_path / "a.tif", values, photometric="minisblack")
    with pytest.raises(DlcliError, match="has 3 dimensions"):
        predicted(run, tmp_path / "a.tif", out=tmp_path / "b.tif", axes="TZYX")
    predicted(run, tmp_path / "a.tif", out=tmp_path / "b.tif", axes="cyx")
    np.testing.assert_array_equal(tifffile.imread(tmp_path / "b.tif"), values)
    for wrong in ("ZY", "YXX", "Y-X"):
        with pytest.raises(ValueError, match="expected a letter for each dimension"):
            predicted(run, tmp_path / "a.tif", out=tmp_path / "c.tif", axes=wrong)


def piped(monkeypatch, data):
    """Standard input with these bytes; what is to hold standard output's."""
    out = SimpleNamespace(buffer=io.BytesIO(), flush=lambda: None)
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(data), isatty=lambda: data is None))
    monkeypatch.setattr(sys, "stdout", out)
    return out.buffer


@pytest.mark.parametrize("name", ["a.png", "a.tif", "a.webp", "a.npy", "a.fits"])
def test_stdin_to_stdout(run, tmp_path, monkeypatch, name):
    path = tmp_path / name
    if name == "a.npy":
        np.save(path, GRAY)
    elif name == "a.fits":
        pytest.importorskip("astropy.io.fits").PrimaryHDU(GRAY).writeto(path)
    else:
        save(path, GRAY, **({"lossless": True} if name == "a.webp" else {}))
    out = piped(monkeypatch, path.read_bytes())
    predicted(run, "-", out="-")
    (tmp_path / f"b{path.suffix}").write_bytes(out.getvalue())
    if name == "a.npy":
        np.testing.assert_array_equal(np.load(tmp_path / "b.npy"), GRAY)
    else:
        frame = next(read_frames(tmp_path / f"b{path.suffix}", "b"))
        np.testing.assert_array_equal(frame.pixels[:, :, 0], GRAY)


def test_stdout_takes_one_image_and_its_format(run, tmp_path, monkeypatch):
    for name in ("a", "b"):
        save(tmp_path / f"{name}.png", GRAY)
    out = piped(monkeypatch, b"")
    predicted(run, tmp_path / "a.png", out="-", image_format="tif")
    with Image.open(io.BytesIO(out.getvalue())) as image:
        assert image.format == "TIFF"
    for json, told in ((False, "--out - is for one image, and there are 2"), (True, "--json prints the report")):
        with pytest.raises(DlcliError, match=told):
            predicted(run, tmp_path, out="-", json_output=json)


@pytest.mark.parametrize(("data", "told"), [(b"", "is empty"), (b"text", "no image that"), (None, "a terminal")])
def test_stdin_that_is_no_image(run, tmp_path, monkeypatch, data, told):
    piped(monkeypatch, data)
    with pytest.raises(DlcliError, match=told):
        predicted(run, "-", out=tmp_path / "a.png")
