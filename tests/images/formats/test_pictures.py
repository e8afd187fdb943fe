"""Pictures that Pillow reads, converted in bands: the pixels are those of the whole image."""

import numpy as np
import pytest
from PIL import Image

from dlcli.images.formats import pictures
from dlcli.images.formats.codecs import read_frames


def picture(mode):
    values = np.random.default_rng(0).integers(0, 256, (23, 17, 4), np.uint8)
    image = Image.fromarray(values)
    if mode == "P":
        image = image.convert("RGB").quantize(40)
        image.info["transparency"] = bytes(range(40))
        return image
    return image.convert(mode)


@pytest.mark.parametrize(
    ("mode", "suffix", "shown"),
    [("RGBA", "png", "RGBA"), ("RGB", "png", "RGB"), ("L", "png", "L"), ("LA", "png", "LA"), ("P", "png", "RGBA"),
     ("1", "png", "L"), ("CMYK", "jpg", "RGB")],
)  # fmt: skip
def test_bands_are_the_whole_image(mode, suffix, shown, tmp_path, monkeypatch):
    monkeypatch.setattr(pictures, "BAND", 3 * 17)
    path = tmp_path / f"image.{suffix}"
    image = picture(mode)
    image.save(path, **({"transparency": image.info["transparency"]} if mode == "P" else {}))
    (frame,) = read_frames(path, "image")
    with Image.open(path) as opened:
        expected = np.asarray(opened.convert(shown)).reshape(23, 17, -1)
    found = frame.pixels if frame.alpha is None else np.dstack([frame.pixels, frame.alpha])
    np.testing.assert_array_equal(found, expected)
    assert frame.pixels.flags.c_contiguous
