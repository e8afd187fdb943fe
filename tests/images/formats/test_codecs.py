import os
import struct
import warnings
import zlib

import numpy as np
import pytest
from PIL import Image, ImageOps

from dlcli.errors import DlcliError
from dlcli.images.formats.codecs import MAX_PIXELS, read_header, read_pixels
from dlcli.images.formats.writing import Frame
from tests.images.reading import read_image, write_image

RNG = np.random.default_rng(0)
GRAY = RNG.integers(0, 256, (9, 7), dtype=np.uint8)
COLOR = RNG.integers(0, 256, (9, 7, 3), dtype=np.uint8)
DEEP = RNG.integers(0, 65536, (9, 7), dtype=np.uint16)
ALPHA = RNG.integers(0, 256, (9, 7), dtype=np.uint8)


def png_chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(width, height, depth=8, kind=0, data=b""):
    """A PNG file made by hand, so that its header can say anything."""
    header = png_chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, kind, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + png_chunk(b"IDAT", zlib.compress(data)) + png_chunk(b"IEND", b"")


def save(folder, image, name="a.png", **options):
    path = folder / name
    (image if isinstance(image, Image.Image) else Image.fromarray(image)).save(path, **options)
    return path


def mode(path):
    with Image.open(path) as image:
        return image.mode


@pytest.mark.parametrize("name", ["a.png", "a.tif", "a.bmp"])
@pytest.mark.parametrize("values", [GRAY, COLOR], ids=["gray", "color"])
def test_eight_bits(tmp_path, name, values):
    path = save(tmp_path, values, name)
    read = read_image(path, name)
    assert (read.bits, read.note, read.alpha) == (8, "", None)
    assert read.gray is (values.ndim == 2)
    np.testing.assert_array_equal(read.pixels.squeeze(), values)
    header = read_header(path, name)
    assert (header.height, header.width, header.gray) == (9, 7, values.ndim == 2)


def test_format_is_that_of_the_content_not_of_the_name(tmp_path):
    path = save(tmp_path, COLOR, "a.png", format="BMP")
    assert read_image(path, "a.png").format == "BMP"


@pytest.mark.parametrize(
    ("values", "name"),
    [(DEEP, "a.png"), (DEEP, "a.tif"), (DEEP.astype(">u2"), "a.tif")],
    ids=["png", "tiff", "big-endian tiff"],
)
def test_sixteen_bits_of_gray(tmp_path, values, name):
    path = save(tmp_path, values, name)
    read = read_image(path, name)
    assert (read.bits, read.gray, read.pixels.dtype) == (16, True, np.uint16)
    np.testing.assert_array_equal(read.pixels[:, :, 0], DEEP)
    np.testing.assert_array_equal(read_pixels(path, name, 1)[:, :, 0], np.rint(DEEP / 257).astype(np.uint8))
    assert read_header(path, name).gray


def test_sixteen_bits_of_color(tmp_path):
    path = tmp_path / "a.png"
    path.write_bytes(png(2, 1, depth=16, kind=2, data=b"\0" + bytes(range(0, 120, 10))))
    read = read_image(path, "a.png")
    assert (read.bits, read.pixels.tolist()) == (16, [[[10, 5150, 10290], [15430, 20570, 25710]]])
    assert read_pixels(path, "a.png", 3).tolist() == [[[0, 20, 40], [60, 80, 100]]]
    assert read_header(path, "a.png").dtype == np.uint16


def test_32_bits_are_not_brought_to_8(tmp_path):
    path = save(tmp_path, DEEP.astype(np.int32) * 9, "a.tif")
    np.testing.assert_array_equal(read_image(path, "a.tif").pixels[:, :, 0], DEEP.astype(np.int32) * 9)
    with pytest.raises(DlcliError, match=r"a\.tif holds values of type int32, expected 8 or 16 bits"):
        read_pixels(path, "a.tif", 1)


def test_kinds_that_are_not_read(tmp_path):
    with pytest.raises(DlcliError, match="expected gray or RGB") as caught:
        read_image(save(tmp_path, Image.new("LAB", (5, 5)), "a.tif"), "a.tif")
    assert "PNG" in caught.value.hint
    floats = ((GRAY - GRAY.min()) / (GRAY.max() - GRAY.min()) * 255).astype(np.float32)
    with pytest.raises(DlcliError, match=r"a\.tif holds floating-point numbers from 0 to 255, expected 0"):
        read_pixels(save(tmp_path, floats, "a.tif"), "a.tif", 1)


def test_one_bit(tmp_path):
    path = save(tmp_path, Image.fromarray(GRAY > 127))
    assert mode(path) == "1"
    np.testing.assert_array_equal(read_image(path, "a").pixels[:, :, 0], np.where(GRAY > 127, 255, 0))


def test_gray_with_alpha(tmp_path):
    read = read_image(save(tmp_path, np.stack([GRAY, ALPHA], axis=2)), "a")
    assert read.gray
    np.testing.assert_array_equal(read.pixels[:, :, 0], GRAY)
    np.testing.assert_array_equal(read.alpha, ALPHA)


@pytest.mark.parametrize("name", ["a.png", "a.tif", "a.webp"])
def test_color_with_alpha(tmp_path, name):
    options = {"lossless": True, "exact": True} if name == "a.webp" else {}
    path = save(tmp_path, np.concatenate([COLOR, ALPHA[:, :, None]], axis=2), name, **options)
    read = read_image(path, name)
    np.testing.assert_array_equal(read.pixels, COLOR)
    np.testing.assert_array_equal(read.alpha, ALPHA)
    np.testing.assert_array_equal(read_pixels(path, name, 3), COLOR)


def test_palette(tmp_path):
    image = Image.fromarray(COLOR).quantize(20)
    np.testing.assert_array_equal(read_image(save(tmp_path, image), "a").pixels, np.asarray(image.convert("RGB")))


def test_palette_with_transparency(tmp_path):
    image = Image.new("P", (3, 1))
    image.putpalette([255, 0, 0, 0, 255, 0, 0, 0, 255])
    image.putdata([0, 1, 2])
    read = read_image(save(tmp_path, image, transparency=bytes([255, 128, 0])), "a")
    assert read.pixels.tolist() == [[[255, 0, 0], [0, 255, 0], [0, 0, 255]]]
    assert read.alpha.tolist() == [[255, 128, 0]]


@pytest.mark.parametrize("name", ["a.png", "a.bmp"])
def test_palette_of_grays_is_gray(tmp_path, name):
    image = Image.fromarray(GRAY)
    image.putpalette([v for i in range(256) for v in (255 - i,) * 3])
    path = save(tmp_path, image, name)
    assert mode(path) == "P"
    assert read_header(path, "a").gray
    np.testing.assert_array_equal(read_image(path, "a").pixels[:, :, 0], 255 - GRAY)


def test_transparent_color(tmp_path):
    path = save(tmp_path, COLOR, transparency=tuple(COLOR[2, 3].tolist()))
    np.testing.assert_array_equal(read_image(path, "a").alpha == 0, np.all(COLOR[2, 3] == COLOR, axis=2))
    deep = read_image(save(tmp_path, DEEP, transparency=int(DEEP[0, 0])), "a")
    assert (deep.bits, deep.alpha) == (16, None)
    assert "transparent" in deep.note


@pytest.mark.parametrize("name", ["a.jpg", "a.tif"])
def test_cmyk_becomes_rgb(tmp_path, name):
    image = Image.new("RGB", (16, 16), (200, 60, 30)).convert("CMYK")
    read = read_image(save(tmp_path, image, name), name)
    assert read.pixels.shape == (16, 16, 3)
    assert np.abs(read.pixels.astype(int) - (200, 60, 30)).max() <= 3


def test_color_to_gray_is_itu_r_601(tmp_path):
    gray = read_pixels(save(tmp_path, COLOR), "a", 1)[:, :, 0]
    assert np.abs(gray - COLOR @ [0.299, 0.587, 0.114]).max() <= 0.51


def test_gray_to_color(tmp_path):
    np.testing.assert_array_equal(read_pixels(save(tmp_path, GRAY), "a", 3), np.repeat(GRAY[:, :, None], 3, axis=2))


@pytest.mark.parametrize("name", ["a.png", "a.webp", "a.tif"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation(tmp_path, name, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    options = {"lossless": True} if name == "a.webp" else {}
    path = save(tmp_path, COLOR, name, exif=exif, **options)
    with Image.open(path) as image:
        expected = np.asarray(ImageOps.exif_transpose(image))
    np.testing.assert_array_equal(read_image(path, name).pixels, expected)
    header = read_header(path, name)
    assert (header.height, header.width) == expected.shape[:2] == ((7, 9) if orientation > 4 else (9, 7))


def test_damaged_exif_is_passed_over(tmp_path):
    path = save(tmp_path, COLOR, exif=b"Exif\0\0MM\0*\xff\xff\xff\xff")
    np.testing.assert_array_equal(read_image(path, "a").pixels, COLOR)


@pytest.mark.parametrize("name", ["a.png", "a.webp", "a.tif"])
def test_first_of_several_frames(tmp_path, name):
    frames = [Image.new("RGB", (5, 4), (40 * i, 0, 200)) for i in range(3)]
    options = {"lossless": True} if name == "a.webp" else {}
    path = save(tmp_path, frames[0], name, save_all=True, append_images=frames[1:], **options)
    read = read_image(path, name)
    assert read.pixels[0, 0].tolist() == [0, 0, 200]
    assert read.note == ""
    assert read_header(path, name).frames == 3


@pytest.mark.parametrize("name", ["a.png", "a.jpg", "a.webp", "a.tif", "a.bmp"])
@pytest.mark.parametrize("part", [0.1, 0.6])
def test_truncated_file(tmp_path, name, part):
    path = save(tmp_path, RNG.integers(0, 256, (60, 60, 3), dtype=np.uint8), name)
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * part)])
    with pytest.raises(DlcliError, match=r"is damaged|is not a PNG"):
        read_image(path, name)


@pytest.mark.parametrize(
    ("content", "told"),
    [(b"", "is empty"), (b"not an image\n" * 9, "is not a PNG"), (b"\x89PNG\r\n\x1a\n", "is damaged|is not a PNG"),
     (b"GIF89a" + b"\0" * 99, "is not a PNG"), (b"%!PS-Adobe-3.0 EPSF-3.0\n", "is not a PNG"),
     (png(30_000, 30_000), "million pixels"), (png(15_000, 15_000), "is damaged"), (png(0, 5), "is damaged|is not a"),
     (png(3, 3, data=b"\0123" * 2), "is damaged")],
    ids=["empty", "text", "signature", "gif", "postscript", "bomb", "no pixels", "no width", "short"],
)  # fmt: skip
def test_what_is_no_image(tmp_path, content, told):
    path = tmp_path / "a.png"
    path.write_bytes(content)
    with pytest.raises(DlcliError, match=told) as caught:
        read_image(path, "a.png")
    assert caught.value.message.startswith("a.png ")
    assert caught.value.hint
    assert "\n" not in caught.value.message


@pytest.mark.parametrize("excess", [1.2, 3.0])
def test_bomb_is_an_error_where_pillow_warns_and_where_it_raises(tmp_path, excess):
    (tmp_path / "a.png").write_bytes(png(1 << 16, int((MAX_PIXELS >> 16) * excess)))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with pytest.raises(DlcliError, match="million pixels"):
            read_header(tmp_path / "a.png", "a.png")


def test_missing_folder_and_pipe(tmp_path):
    with pytest.raises(DlcliError, match="is not there"):
        read_image(tmp_path / "b.png", "b.png")
    with pytest.raises(DlcliError, match="not a regular file"):
        read_image(tmp_path, "folder.png")
    os.mkfifo(tmp_path / "pipe.png")
    with pytest.raises(DlcliError, match="not a regular file"):
        read_image(tmp_path / "pipe.png", "pipe.png")


def test_unreadable_file(tmp_path, monkeypatch):
    path = save(tmp_path, GRAY)

    def refuse(*args, **kwargs):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Image, "open", refuse)
    with pytest.raises(DlcliError, match=r"a cannot be read: Permission denied: check its permissions$"):
        read_image(path, "a")


def test_control_characters_are_escaped(tmp_path):
    name = "a\x1b[31m\n.png"
    (tmp_path / name).write_bytes(b"text")
    with pytest.raises(DlcliError) as caught:
        read_image(tmp_path / name, name)
    assert caught.value.message.startswith("a\\x1b[31m\\n.png is not")


@pytest.mark.parametrize("format_", ["PNG", "TIFF", "WEBP", "BMP"])
@pytest.mark.parametrize("alpha", [None, ALPHA], ids=["opaque", "alpha"])
@pytest.mark.parametrize("values", [GRAY[:, :, None], COLOR], ids=["gray", "color"])
def test_lossless_round_trip(tmp_path, format_, alpha, values):
    path = tmp_path / "a.image"
    write_image(path, Frame(values, alpha), format_)
    read = read_image(path, "a")
    assert read.format == format_
    np.testing.assert_array_equal(read.pixels, np.broadcast_to(values, read.pixels.shape))
    if alpha is None or format_ == "BMP":
        assert read.alpha is None
    else:
        np.testing.assert_array_equal(read.alpha, alpha)
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("format_", ["PNG", "TIFF"])
def test_sixteen_bits_round_trip(tmp_path, format_):
    write_image(tmp_path / "a", Frame(DEEP[:, :, None], None), format_)
    read = read_image(tmp_path / "a", "a")
    assert read.bits == 16
    np.testing.assert_array_equal(read.pixels[:, :, 0], DEEP)


@pytest.mark.parametrize("format_", ["BMP", "WEBP", "JPEG"])
def test_sixteen_bits_become_eight_where_they_cannot_stay(tmp_path, format_):
    pixels = np.full((8, 8, 3), 65535, dtype=np.uint16)
    write_image(tmp_path / "a", Frame(pixels, pixels[:, :, 0]), format_)
    read = read_image(tmp_path / "a", "a")
    assert read.bits == 8
    assert read.pixels.min() == 255


def test_jpeg_is_nearly_the_same_and_keeps_its_colors(tmp_path):
    smooth = np.asarray(Image.fromarray(COLOR).resize((64, 64), Image.Resampling.BICUBIC))
    write_image(tmp_path / "a.jpg", Frame(smooth, None), "JPEG")
    error = read_image(tmp_path / "a.jpg", "a").pixels.astype(float) - smooth
    assert np.sqrt(np.mean(error**2)) < 3


def test_what_cannot_be_written(tmp_path):
    with pytest.raises(DlcliError, match=r"20000 x 1 pixels cannot be written as WEBP") as caught:
        write_image(tmp_path / "a.webp", Frame(np.zeros((1, 20_000, 1), dtype=np.uint8), None), "WEBP")
    assert "PNG" in caught.value.hint
    with pytest.raises(DlcliError, match="cannot write"):
        write_image(tmp_path / "no" / "a.png", Frame(GRAY[:, :, None], None), "PNG")
