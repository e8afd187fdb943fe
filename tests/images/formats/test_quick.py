"""Plain PNG files read by imagecodecs are what Pillow reads; all others are left to Pillow."""

import numpy as np
import pytest
from PIL import Image, PngImagePlugin

from dlcli.errors import DlcliError
from dlcli.images.formats.codecs import read_small
from dlcli.images.formats.quick import read_quickly

pytest.importorskip("imagecodecs")


def image_of(mode):
    values = np.random.default_rng(0).integers(0, 256, (23, 17, 4), np.uint8)
    return Image.fromarray(values).convert(mode)


def texts():
    info = PngImagePlugin.PngInfo()
    info.add_text("Comment", "text")
    info.add(b"gAMA", (45455).to_bytes(4, "big"))
    info.add(b"sRGB", b"\0")
    return info


@pytest.mark.parametrize("mode", ["L", "RGB"])
@pytest.mark.parametrize("options", [{}, {"dpi": (300, 300), "pnginfo": texts()}])
def test_plain_files_are_what_pillow_reads(tmp_path, mode, options):
    path = tmp_path / "a.png"
    image_of(mode).save(path, **options)
    header, pixels = read_quickly(path, 1000)
    usual, expected = read_small(path, "a.png", 1000)
    assert header == usual
    np.testing.assert_array_equal(pixels, expected)
    assert pixels.flags.writeable
    assert read_quickly(path, 100) is None


@pytest.mark.parametrize(
    ("mode", "options"),
    [("RGBA", {}), ("LA", {}), ("P", {}), ("1", {}), ("RGB", {"transparency": (1, 2, 3)}), ("I;16", {}),
     ("RGB", {"exif": b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0"})],
)  # fmt: skip
def test_others_are_left_to_pillow(tmp_path, mode, options):
    path = tmp_path / "a.png"
    image = image_of("L" if mode == "I;16" else mode)
    (image.convert("I;16") if mode == "I;16" else image).save(path, **options)
    assert read_quickly(path, 1000) is None
    header, pixels = read_small(path, "a.png", 1000, quickly=True)
    usual, expected = read_small(path, "a.png", 1000)
    assert header == usual
    np.testing.assert_array_equal(pixels, expected)


def test_damage_is_told_as_always(tmp_path):
    path = tmp_path / "a.png"
    image_of("RGB").save(path)
    whole = path.read_bytes()
    for damaged in (whole[:200], whole[:-12], b"", whole[:60] + bytes(100) + whole[160:], b"no image", whole[:20]):
        path.write_bytes(damaged)
        told = []
        for quickly in (True, False):
            try:
                read_small(path, "a.png", 1000, quickly=quickly)
            except DlcliError as error:
                told.append(error.message)
        assert len(set(told)) <= 1
        assert len(told) in (0, 2)
    assert read_quickly(tmp_path / "none.png", 1000) is None
    assert read_quickly(tmp_path, 1000) is None
