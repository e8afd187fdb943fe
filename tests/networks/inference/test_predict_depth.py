"""``dlcli predict`` keeps what an image file holds: pages and frames, bits, color profile, and clear edges."""

import numpy as np
import pytest
import tifffile
from PIL import Image, ImageCms

from dlcli.errors import DlcliError
from dlcli.images.formats.codecs import read_frames, read_header
from dlcli.images.formats.metadata import Metadata
from dlcli.images.formats.writing import Frame
from dlcli.reports.predict import Note
from tests.images.reading import read_image, write_image
from tests.networks.examples import make_run, save, smooth
from tests.networks.inference.test_predict import pixels, predicted

RANDOM = np.random.default_rng(5)
DEEP = RANDOM.integers(0, 65536, (23, 31, 3), dtype=np.uint16)
ALPHA = RANDOM.integers(1, 65536, (23, 31), dtype=np.uint16)
SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


@pytest.fixture(scope="module", params=[1, 3], ids=["gray network", "color network"])
def run(request, tmp_path_factory):
    """A network that gives back what it gets."""
    return make_run(tmp_path_factory.mktemp("run") / "run", channels=request.param, identity=True)


def frames_of(path):
    if path.suffix == ".tif":
        with tifffile.TiffFile(path) as file:
            return [page.asarray() for page in file.pages]
    with Image.open(path) as image:
        found = []
        for number in range(image.n_frames):
            image.seek(number)
            found.append(np.asarray(image.convert("RGBA")))
        return found


@pytest.mark.parametrize("name", ["a.tif", "a.webp", "a.png"])
def test_every_page_and_frame_is_written(run, tmp_path, name):
    frames = [Image.fromarray(smooth(24, 32, 3, seed)) for seed in range(3)]
    options = {"lossless": True} if name == "a.webp" else {}
    shown = {} if name == "a.tif" else {"duration": [100, 250, 40], "loop": 2}
    frames[0].save(tmp_path / name, save_all=True, append_images=frames[1:], **options, **shown)
    report = predicted(run, tmp_path / name, out=tmp_path / "out")
    assert (report.images, report.notes) == (1, [])
    before, after = frames_of(tmp_path / name), frames_of(tmp_path / "out" / name)
    assert len(after) == 3
    for a, b in zip(before, after, strict=True):
        np.testing.assert_array_equal(a, b)
    with Image.open(tmp_path / "out" / name) as image:
        assert image.info.get("loop") == shown.get("loop")
        image.seek(1)
        image.load()
        assert image.info.get("duration") == (shown or {}).get("duration", [None, None])[1]


def test_pages_of_several_sizes_and_kinds(run, tmp_path):
    with tifffile.TiffWriter(tmp_path / "a.tif") as writer:
        writer.write(smooth(20, 30), metadata=None)
        writer.write(DEEP, photometric="rgb", metadata=None)
    predicted(run, tmp_path / "a.tif", out=tmp_path / "out")
    pages = frames_of(tmp_path / "out" / "a.tif")
    np.testing.assert_array_equal(pages[1], DEEP)
    np.testing.assert_allclose(pages[0].astype(int) / np.iinfo(pages[0].dtype).max, smooth(20, 30) / 255, atol=1e-7)


def test_frames_are_refused_where_the_format_holds_one(run, tmp_path):
    frames = [Image.fromarray(smooth(24, 32, 3, seed)) for seed in range(3)]
    frames[0].save(tmp_path / "a.tif", save_all=True, append_images=frames[1:])
    with pytest.raises(DlcliError, match="3 frames cannot be written as JPEG, which holds one"):
        predicted(run, tmp_path / "a.tif", out=tmp_path / "a.jpg")


@pytest.mark.parametrize("alpha", [None, ALPHA], ids=["opaque", "alpha"])
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("format_", ["PNG", "TIFF"])
def test_sixteen_bits_stay(run, tmp_path, format_, channels, alpha):
    """What is written is read the same by others, too: by tifffile, and by Pillow as its upper 8 bits."""
    path, out = tmp_path / f"a.{format_.lower()}", tmp_path / f"b.{format_.lower()}"
    write_image(path, Frame(DEEP[:, :, :channels], alpha), format_)
    predicted(run, path, out=out)
    for name in (path, out):
        read = read_image(name, "a")
        assert read.bits == 16
        # Gray from a color network is the weighted sum of three equal channels, in float32.
        np.testing.assert_allclose(read.pixels.astype(int), DEEP[:, :, :channels], atol=1)
        if alpha is not None:
            np.testing.assert_array_equal(read.alpha, alpha)
    if format_ == "TIFF":
        np.testing.assert_array_equal(tifffile.imread(path).reshape(23, 31, -1)[:, :, 0], DEEP[:, :, 0])
    if format_ == "TIFF" and channels == 1 and alpha is not None:
        return  # which Pillow doesn't know
    with Image.open(path) as image:
        shallow = np.asarray(image.convert("RGBA") if image.mode != "I;16" else image)
    upper = shallow >> 8 if shallow.dtype == np.uint16 else shallow[..., 0]
    np.testing.assert_array_equal(upper, DEEP[:, :, 0] >> 8)


@pytest.mark.parametrize("byteorder", ["<", ">"])
@pytest.mark.parametrize("planes", ["contig", "separate"])
@pytest.mark.parametrize("compression", [None, "zlib"])
def test_deep_colors_of_other_programs(run, tmp_path, byteorder, planes, compression):
    values = DEEP if planes == "contig" else DEEP.transpose(2, 0, 1)
    tifffile.imwrite(
        tmp_path / "a.tif", values, photometric="rgb", planarconfig=planes, byteorder=byteorder, compression=compression
    )
    np.testing.assert_array_equal(read_image(tmp_path / "a.tif", "a").pixels, DEEP)
    predicted(run, tmp_path / "a.tif", out=tmp_path / "b.tif")
    np.testing.assert_array_equal(tifffile.imread(tmp_path / "b.tif"), values)
    with tifffile.TiffFile(tmp_path / "b.tif") as file:
        page = file.pages[0]
        assert (page.planarconfig.name, page.compression.name) == (
            planes.upper(), "NONE" if compression is None else "ADOBE_DEFLATE",
        )  # fmt: skip
        assert file.byteorder == byteorder
    assert read_header(tmp_path / "a.tif", "a").dtype == np.uint16


@pytest.mark.parametrize("byteorder", ["<", ">"])
@pytest.mark.parametrize("compression", [None, "zlib"])
def test_floats_of_other_machines(tmp_path, byteorder, compression):
    values = (DEEP[:, :, 0] / 65535).astype(np.float32)
    tifffile.imwrite(tmp_path / "a.tif", values, byteorder=byteorder, compression=compression)
    np.testing.assert_array_equal(read_image(tmp_path / "a.tif", "a").pixels[:, :, 0], values)


def test_a_tiff_without_pages(tmp_path):
    (tmp_path / "a.tif").write_bytes(b"II*\0" + bytes(4))
    for read in (read_image, read_header):
        with pytest.raises(DlcliError, match=r"^a (holds no image|is damaged)"):
            read(tmp_path / "a.tif", "a")


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("channels", [1, 3])
def test_floats_stay(run, tmp_path, dtype, channels):
    values = np.squeeze(DEEP[:, :, :channels] / 65535).astype(dtype)
    kind = "rgb" if channels == 3 else "minisblack"
    tifffile.imwrite(tmp_path / "a.tif", values, photometric=kind, metadata=None)
    np.save(tmp_path / "a.npy", values)
    np.save(tmp_path / "many.npy", np.stack([values] * 2))
    np.savez(tmp_path / "zip.npz", images=np.stack([values] * 2))
    names = ("a.tif", "a.npy", "many.npy", "zip.npz")
    report = predicted(run, *(tmp_path / name for name in names), out=tmp_path / "out")
    assert (report.images, report.notes) == (6, [Note(name="zip.npz", note="written as .npy")])
    found = [tifffile.imread(tmp_path / "out" / "a.tif"), np.load(tmp_path / "out" / "a.npy")]
    found += [*np.load(tmp_path / "out" / "many.npy"), *np.load(tmp_path / "out" / "zip.npy")]
    for made in found:
        assert (made.dtype, made.shape) == (values.dtype, values.shape)
        np.testing.assert_allclose(made.astype(float), values.astype(float), atol=1e-3 if dtype == np.float16 else 2e-7)


def test_two_and_five_channels_are_read(tmp_path):
    for count in (2, 5):
        planes = RANDOM.integers(0, 65536, (count, 9, 9), dtype=np.uint16)
        tifffile.imwrite(tmp_path / "a.tif", planes, photometric="minisblack", planarconfig="separate")
        read = read_image(tmp_path / "a.tif", "a")
        np.testing.assert_array_equal(read.pixels, planes.transpose(1, 2, 0))
        assert (read.alpha, read_header(tmp_path / "a.tif", "a").channels) == (None, count)


def test_a_compressed_piece_that_is_larger_than_it_says_is_not_expanded(tmp_path):
    values = np.zeros((64, 64), np.float64)
    tifffile.imwrite(tmp_path / "a.tif", values, compression="zlib", metadata=None)
    with tifffile.TiffFile(tmp_path / "a.tif", mode="r+b") as file:
        file.pages[0].tags["ImageLength"].overwrite(2)
        file.pages[0].tags["RowsPerStrip"].overwrite(2)
    with pytest.raises(DlcliError, match=r"larger than it says|INSUFFICIE"):
        list(read_frames(tmp_path / "a.tif", "a"))


def test_what_is_lost_is_said(run, tmp_path):
    Image.fromarray(np.dstack([smooth(23, 31, 3), (ALPHA >> 8).astype(np.uint8)])).save(tmp_path / "a.png")
    write_image(tmp_path / "b.png", Frame(DEEP), "PNG")
    for name, out, words in (
        ("a.png", "a.jpg", "without its transparency"), ("b.png", "b.webp", "8 bits a channel"),
    ):  # fmt: skip
        note, quality = predicted(run, tmp_path / name, out=tmp_path / out).notes
        assert note.name == name
        assert words in note.note
        assert quality.note in ("written as JPEG of quality 95", "written as lossless WebP")


@pytest.mark.parametrize("name", ["a.jpg", "a.tif"])
def test_cmyk_that_becomes_rgb_is_said(run, tmp_path, name):
    Image.fromarray(smooth(24, 32, 3)).convert("CMYK").save(tmp_path / name, quality=95)
    (note,) = predicted(run, tmp_path / name, out=tmp_path / "out").notes
    assert "its CMYK is converted to RGB" in note.note


def test_many_dim_images_are_said_once(run, tmp_path):
    for number, top in enumerate((300, 420, 511)):
        tifffile.imwrite(tmp_path / f"{number}.tif", np.linspace(90, top, 713).reshape(23, 31).astype(np.uint16))
    planes = np.moveaxis(DEEP // 200, 2, 0)
    tifffile.imwrite(tmp_path / "planes.tif", planes, photometric="rgb", planarconfig="separate", compression="zlib")
    report = predicted(run, tmp_path, out=tmp_path / "out")
    assert report.notes == []
    assert (report.mapped.images, report.mapped.low, round(report.mapped.high)) == (4, 0, 510)
    for path in tmp_path.glob("*.tif"):
        given, made = tifffile.imread(path), tifffile.imread(tmp_path / "out" / path.name)
        assert made.dtype == np.uint16
        assert given.min() <= made.min() <= made.max() <= given.max()


@pytest.mark.parametrize("dtype", [np.uint8, np.float64], ids=["by Pillow", "by tifffile"])
def test_the_size_of_a_micrograph_s_pixels_stays(run, tmp_path, dtype):
    page = smooth(24, 32).astype(dtype) / (1 if dtype == np.uint8 else 255)
    # As ImageJ has it: 4 pixels a micrometer, which the description names.
    text = "ImageJ=1.53t\nunit=micron\n"
    tifffile.imwrite(
        tmp_path / "a.tif", page.astype(dtype), resolution=(4, 5), resolutionunit="NONE", description=text,
        metadata=None,
    )  # fmt: skip
    tifffile.imwrite(tmp_path / "none.tif", page.astype(dtype))
    assert predicted(run, tmp_path / "a.tif", tmp_path / "none.tif", out=tmp_path / "out").notes == []
    with tifffile.TiffFile(tmp_path / "out" / "a.tif") as file:
        assert (file.pages[0].resolution, int(file.pages[0].resolutionunit)) == ((4, 5), 1)
        assert file.pages[0].description == text.strip()
    if dtype == np.uint8:
        (note,) = predicted(run, tmp_path / "a.tif", out=tmp_path / "a.png").notes
        assert note.note == "written without the size of its pixels, which PNG doesn't hold"


@pytest.mark.parametrize("name", ["a.jpg", "a.png", "a.tif", "float.tif"])
def test_texts_beyond_ascii_stay(run, tmp_path, name):
    if name == "float.tif":
        texts = [(315, "s", 0, "José".encode(), True)]
        tifffile.imwrite(tmp_path / name, smooth(24, 32) / 255.0, extratags=texts)
    else:
        exif = Image.Exif()
        exif[315] = "José".encode()
        save(tmp_path / name, smooth(24, 32, 3), exif=exif)
    predicted(run, tmp_path / name, out=tmp_path / "out")
    assert "José".encode() in (tmp_path / "out" / name).read_bytes()


def test_upscaled_pixels_are_smaller(tmp_path):
    make_run(tmp_path / "run", task="upscale", scale=2, identity=True)
    tifffile.imwrite(tmp_path / "a.tif", smooth(24, 32), resolution=(4, 4), resolutionunit="NONE")
    predicted(tmp_path / "run", tmp_path / "a.tif", out=tmp_path / "b.tif")
    with tifffile.TiffFile(tmp_path / "b.tif") as file:
        assert file.pages[0].shape == (48, 64)
        assert file.pages[0].resolution == (8, 8)


def test_ome_xml_stays_and_its_loss_is_said(run, tmp_path):
    stack = np.stack([smooth(24, 32)] * 3)
    tifffile.imwrite(tmp_path / "a.ome.tif", stack, metadata={"axes": "ZYX", "PhysicalSizeX": 0.5})
    assert predicted(run, tmp_path / "a.ome.tif", out=tmp_path / "out").notes == []
    with tifffile.TiffFile(tmp_path / "out" / "a.ome.tif") as file:
        assert (file.series[0].axes, file.series[0].kind) == ("ZYX", "ome")
        assert 'PhysicalSizeX="0.5"' in file.ome_metadata
    tifffile.imwrite(tmp_path / "b.ome.tif", stack[0], metadata={"axes": "YX", "PhysicalSizeX": 0.5})
    (note,) = predicted(run, tmp_path / "b.ome.tif", out=tmp_path / "b.png").notes
    assert note.note == "written without its OME-XML: sizes of pixels, axes and channels"


@pytest.mark.parametrize("name", ["a.png", "deep.png", "a.jpg", "a.tif", "deep.tif", "a.webp"])
def test_profile_resolution_and_exif_stay(run, tmp_path, name):
    exif = Image.Exif()
    exif[271], exif[0x0112] = "Camera", 6
    if not name.endswith("tif"):
        exif[0x8769] = {0x829A: 0.01}
    path = tmp_path / name
    if name.startswith("deep"):
        upright = Image.Exif()
        upright[271] = "Camera"
        known = Metadata(SRGB, (150.0, 150.0), upright.tobytes())
        write_image(path, Frame(DEEP), "PNG" if name.endswith("png") else "TIFF", known)
    else:
        good = {"quality": 95} if name.endswith("jpg") else {"lossless": True} if name.endswith("webp") else {}
        save(path, smooth(23, 31, 3), icc_profile=SRGB, dpi=(150, 150), exif=exif, **good)
    assert predicted(run, path, out=tmp_path / "out").notes == []
    with Image.open(tmp_path / "out" / name) as image:
        image.load()
        assert image.size == ((31, 23) if name.startswith("deep") else (23, 31))  # upright
        assert image.info["icc_profile"] == SRGB
        if name != "a.webp":
            assert image.info["dpi"] == pytest.approx((150, 150), abs=0.1)
        made = image.getexif()
        assert (made[271], made.get(0x0112, 1)) == ("Camera", 1)
        if not name.endswith("tif") and not name.startswith("deep"):
            assert float(made.get_ifd(0x8769)[0x829A]) == pytest.approx(0.01)


def test_what_png_says_of_colors_without_a_profile_stays(run, tmp_path):
    from PIL import PngImagePlugin

    info = PngImagePlugin.PngInfo()
    info.add(b"gAMA", (100_000).to_bytes(4, "big"))
    save(tmp_path / "a.png", smooth(23, 31, 3), pnginfo=info)
    predicted(run, tmp_path / "a.png", out=tmp_path / "out")
    with Image.open(tmp_path / "out" / "a.png") as image:
        assert image.info["gamma"] == 1.0


def test_a_profile_of_other_colors_is_left_out_and_said(run, tmp_path):
    profile = SRGB[:16] + b"CMYK" + SRGB[20:]
    save(
        tmp_path / "a.tif",
        np.asarray(Image.fromarray(smooth(23, 31, 3)).convert("CMYK"))[:, :, :3],
        icc_profile=profile,
    )
    (note,) = predicted(run, tmp_path / "a.tif", out=tmp_path / "out").notes
    assert note.note == "its color profile is for CMYK, and left out"


@pytest.mark.parametrize("task", ["denoise", "upscale"])
@pytest.mark.parametrize("channels", [1, 3])
def test_hidden_colors_do_not_bleed_into_edges(tmp_path, task, channels):
    """A red disc on transparent black, laid over the same red, must not be seen."""
    run = make_run(tmp_path / "run", task, channels=channels, **({"scale": 2} if task == "upscale" else {}))
    y, x = np.mgrid[:64, :64] - 31.5
    alpha = np.clip(22.5 - np.hypot(x, y), 0, 1)
    red = np.array([230, 60, 60])
    disc = np.dstack([np.where(alpha[..., None] > 0, red, 0), np.rint(255 * alpha)]).astype(np.uint8)
    full = np.dstack([np.broadcast_to(red, (64, 64, 3)), np.full((64, 64), 255)]).astype(np.uint8)
    for name, image in (("disc", disc), ("full", full)):
        predicted(run, save(tmp_path / f"{name}.png", image), out=tmp_path / "out")
    made, expected = (pixels(tmp_path / "out" / f"{name}.png").astype(float) for name in ("disc", "full"))
    share = made[:, :, 3:] / 255
    laid = made[:, :, :3] * share + expected[:, :, :3] * (1 - share)
    assert np.abs(laid - expected[:, :, :3]).max() < 1.5


def test_arrays_with_nan_are_restored_as_files_are(run, tmp_path):
    values = smooth(20, 24).astype(np.float32)
    values[3, 4] = np.nan
    np.save(tmp_path / "a.npy", values)
    report = predicted(run, tmp_path / "a.npy", out=tmp_path / "out")
    np.testing.assert_allclose(np.load(tmp_path / "out" / "a.npy"), values, rtol=1e-5, atol=1e-4)
    assert any("no numbers" in one.note for one in report.notes)


@pytest.mark.filterwarnings("error")
def test_numbers_beyond_float32_are_refused(run, tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", smooth(20, 24) * 1e300)
    with pytest.raises(DlcliError, match="networks compute in float32"):
        predicted(run, tmp_path / "a.tif", out=tmp_path / "out")
    assert not (tmp_path / "out" / "a.tif").exists()


def test_a_picture_from_0_to_1_stays_one_as_whole_numbers(tmp_path):
    """Restored a little above 1, it was refused, or rounded to 0 and 1."""
    run = make_run(tmp_path / "run")
    values = np.linspace(0.1, 1, 24 * 20).reshape(24, 20).astype(np.float32)
    tifffile.imwrite(tmp_path / "a.tif", values)
    predicted(run, tmp_path / "a.tif", out=tmp_path / "out", image_format="png")
    with Image.open(tmp_path / "out" / "a.png") as image:
        assert len(np.unique(np.asarray(image))) > 100


def test_several_frames_of_png_have_8_bits_and_it_is_said(run, tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", np.stack([DEEP[..., 0]] * 2), metadata={"axes": "ZYX"})
    report = predicted(run, tmp_path / "a.tif", out=tmp_path / "out", image_format="png")
    assert any(one.note.endswith("as PNG holds no uint16 in several frames") for one in report.notes)
