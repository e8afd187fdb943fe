"""Pictures that Pillow reads, converted in bands: the pixels are those of the whole image."""

import numpy as np
import pytest
from PIL import Image, ImageCms

from dlcli.errors import DlcliError
from dlcli.images.formats import pictures
from dlcli.images.formats.codecs import read_frames
from dlcli.images.formats.writing import joined
from tests.images.reading import read_image


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
    assert frame.pixels.flags.c_contiguous or frame.pixels.base is frame.alpha.base


@pytest.mark.parametrize("mode", ["L", "LA", "RGB", "RGBA", "P", "P with alpha", "RGB with a clear color"])
def test_a_large_png_is_decoded_in_strips(tmp_path, monkeypatch, mode):
    """What Pillow makes of the whole, metadata before and behind the pixels too."""
    random = np.random.default_rng(0)
    kind = mode.split()[0]
    values = random.integers(0, 256, (61, 37, len(Image.new(kind, (1, 1)).getbands())), dtype=np.uint8)
    values[20:40] = 7  # rows that are filtered otherwise
    image = Image.fromarray(values[:, :, 0] if values.shape[2] == 1 else values)
    options = {"dpi": (300, 200), "icc_profile": ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()}
    if kind == "P":
        image.putpalette(random.integers(0, 256, 768, dtype=np.uint8).tobytes())
    if mode != kind:
        options["transparency"] = bytes(range(256)) if kind == "P" else (7, 7, 7)
    exif = Image.Exif()
    exif[305] = "a program"
    path = tmp_path / "image.png"
    image.save(path, exif=exif, **options)
    whole = read_image(path, "image.png")
    monkeypatch.setattr(pictures, "BAND", 5 * 37)
    strips = []
    real = pictures.png_strips
    monkeypatch.setattr(pictures, "png_strips", lambda *given: strips.append(real(*given)) or strips[-1])
    made = read_image(path, "image.png")
    assert len(strips) == 1
    np.testing.assert_array_equal(made.pixels, whole.pixels)
    assert (made.alpha is None) == (whole.alpha is None)
    if made.alpha is not None:
        np.testing.assert_array_equal(made.alpha, whole.alpha)
        together = joined(made.pixels, made.alpha)
        assert np.shares_memory(together, made.pixels)
        np.testing.assert_array_equal(together, np.dstack([whole.pixels, whole.alpha]))
    assert (made.metadata, made.note, made.stored) == (whole.metadata, whole.note, whole.stored)
    assert made.metadata.exif
    path.write_bytes(path.read_bytes()[:-500])
    with pytest.raises(DlcliError, match="is damaged"):
        read_image(path, "image.png")


@pytest.mark.parametrize("form", ["PNG", "JPEG"])
def test_more_than_there_is_memory_for_is_told_before_it_is_decoded(tmp_path, monkeypatch, form):
    path = tmp_path / "image"
    Image.new("RGB", (300, 200)).save(path, form)
    monkeypatch.setattr(pictures, "PLENTY", 1000)
    monkeypatch.setattr(pictures, "available_memory", lambda: 100_000)
    monkeypatch.setattr(pictures, "loaded", None)
    with pytest.raises(DlcliError, match=r"image takes 0\.0 GiB, more memory than is free"):
        read_image(path, "image")
