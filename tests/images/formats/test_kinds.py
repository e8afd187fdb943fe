"""Every kind of file is read as the library that is made for it reads it, bit for bit."""

import sys

import numpy as np
import pytest
import tifffile

from dlcli.errors import DlcliError
from dlcli.images.formats.codecs import opened_stack, read_frame, read_frames, read_header
from tests.images.formats.kinds import KINDS, noise


@pytest.fixture(params=KINDS, ids=[kind.name for kind in KINDS])
def kind(request):
    return request.param


def test_read_as_by_its_own_library(kind, tmp_path):
    path = tmp_path / f"a{kind.ending}"
    wanted = kind.make(path)
    if kind.ending == ".npy":
        pytest.skip("arrays are read by NumPy itself, see test_image_set")
    header = read_header(path, "a")
    frames = list(read_frames(path, "a"))
    assert (header.frames, len(frames)) == (len(wanted), len(wanted))
    assert (header.height, header.width) == wanted.shape[1:3]
    for frame, expected in zip(frames, wanted, strict=True):
        pixels, alpha = (expected[:, :, :-1], expected[:, :, -1]) if kind.alpha else (expected, None)
        assert (frame.pixels.dtype, frame.pixels.dtype.isnative) == (wanted.dtype.newbyteorder("="), True)
        assert (header.dtype, header.channels) == (frame.pixels.dtype, pixels.shape[2])
        np.testing.assert_array_equal(frame.pixels, pixels)
        assert (frame.alpha is None) == (alpha is None)
        if alpha is not None:
            np.testing.assert_array_equal(frame.alpha, alpha)
    last = len(wanted) - 1
    np.testing.assert_array_equal(read_frame(path, "a", last).pixels, frames[-1].pixels)
    with opened_stack(path, "a") as stack:
        assert stack.header(last).dtype == wanted.dtype.newbyteorder("=")


def cut(path, share):
    data = path.read_bytes()
    path.write_bytes(data[: int(share * len(data))])


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
@pytest.mark.parametrize("how", ["plain", "ome", "imagej", "zlib", "pages", "bigtiff", "fits", "zarr"])
def test_a_file_that_ends_too_early_is_never_read_as_a_shorter_one(tmp_path, how, share):
    values = noise(np.uint16, 6, 64, 64)
    path = tmp_path / f"a{'.fits' if how == 'fits' else '.zarr' if how == 'zarr' else '.tif'}"
    if how == "fits":
        pytest.importorskip("astropy.io.fits").PrimaryHDU(values).writeto(path)
    elif how == "zarr":
        pytest.importorskip("zarr").save_array(str(path), values, zarr_format=2)
        path = next(path.glob("[0-9]*"))
    elif how == "pages":
        with tifffile.TiffWriter(path) as writer:
            for page in values:
                writer.write(page, metadata=None)
    else:
        options = {"ome": {"ome": True}, "imagej": {"imagej": True}, "zlib": {"compression": "zlib"}}
        tifffile.imwrite(path, values, **options.get(how, {"bigtiff": how == "bigtiff"}))
    cut(path, share)
    path = path if how != "zarr" else path.parent
    with pytest.raises(DlcliError, match=r"^a is damaged: ") as caught:
        list(read_frames(path, "a"))
    assert "\n" not in caught.value.message


def test_sizes_that_are_forged_take_no_memory(tmp_path):
    for name, tags in (("huge", {"ImageLength": 60_000, "ImageWidth": 60_000}), ("tall", {"ImageLength": 4_000_000})):
        path = tmp_path / f"{name}.tif"
        tifffile.imwrite(path, noise(np.uint8, 64, 64), metadata=None, compression="zlib")
        with tifffile.TiffFile(path, mode="r+b") as file:
            for tag, value in tags.items():
                file.pages[0].tags[tag].overwrite(value)
        with pytest.raises(DlcliError, match=r"million pixels|fewer pixels than it says"):
            list(read_frames(path, name))


def test_imagej_images_that_are_not_there(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", noise(np.uint16, 3, 9, 9), imagej=True, metadata={"axes": "ZYX"})
    data = (tmp_path / "a.tif").read_bytes()
    (tmp_path / "a.tif").write_bytes(data.replace(b"images=3\nslices=3", b"images=9\nslices=9"))
    with pytest.raises(DlcliError, match="says that it holds 9 images, and has 3"):
        read_header(tmp_path / "a.tif", "a")


@pytest.mark.parametrize(
    ("module", "name", "extra"),
    [("astropy.io.fits", "a.fits", "fits"), ("zarr", "a.zarr", "zarr"), ("rawpy", "a.nef", "raw"),
     ("pillow_heif", "a.heic", "heif")],
)  # fmt: skip
def test_what_is_not_installed_is_named_with_its_extra(tmp_path, monkeypatch, module, name, extra):
    monkeypatch.setitem(sys.modules, module, None)
    path = tmp_path / name
    if name == "a.zarr":
        path.mkdir()
        (path / ".zgroup").write_text("{}")
    else:
        path.write_bytes({"a.fits": b"SIMPLE  =", "a.heic": b"\0\0\0\x18ftypheic"}.get(name, b"II*\0") + bytes(20))
    with pytest.raises(DlcliError, match=r"^a is .* which takes the package .* not installed") as caught:
        read_header(path, "a")
    assert caught.value.hint == f"pip install 'dlcli[{extra}]'"
