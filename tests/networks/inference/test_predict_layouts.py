"""What files have beside values: palettes, two levels, smaller levels, and how much a lossy format keeps."""

import numpy as np
import pytest
import tifffile
from PIL import Image, JpegImagePlugin

from dlcli.images.formats.codecs import read_frames
from dlcli.images.formats.layout.colors import BILEVEL, PALETTE, WITHOUT, black_and_white, with_palette
from dlcli.images.formats.layout.lossy import quality_of
from dlcli.images.formats.layout.pyramids import levels_of
from dlcli.images.formats.tiffs.reading import opened_tiff
from tests.networks.examples import make_run, smooth
from tests.networks.inference.test_predict import predicted

RANDOM = np.random.default_rng(0)
SLIDE = RANDOM.integers(0, 256, (130, 202, 3), dtype=np.uint8)


@pytest.fixture(scope="module")
def identity(tmp_path_factory):
    return make_run(tmp_path_factory.mktemp("run") / "run", identity=True)


@pytest.fixture(scope="module")
def changing(tmp_path_factory):
    """Whose output has other colors than its input."""
    return make_run(tmp_path_factory.mktemp("run") / "run")


def notes_of(report):
    return [note.note for note in report.notes]


def colored(clear):
    """Seven colors with a palette, one of them transparent where asked."""
    image = Image.fromarray(smooth(24, 32, 3)).quantize(7)
    return image, {"transparency": 3} if clear else {}


@pytest.mark.parametrize(("name", "clear"), [("a.png", False), ("a.png", True), ("a.bmp", False), ("a.tif", False)])
def test_a_palette_stays_where_colors_are_few(identity, changing, tmp_path, name, clear):
    image, options = colored(clear)
    image.save(tmp_path / name, **options)
    assert notes_of(predicted(identity, tmp_path / name, out=tmp_path / "same")) == []
    with Image.open(tmp_path / "same" / name) as made, Image.open(tmp_path / name) as given:
        assert made.mode == given.mode == "P"
        np.testing.assert_array_equal(made.convert("RGBA"), given.convert("RGBA"))
    report = predicted(changing, tmp_path / name, out=tmp_path / "other")
    assert notes_of(report) == [WITHOUT[PALETTE]]
    with Image.open(tmp_path / "other" / name) as made:
        assert made.mode == ("RGBA" if clear else "RGB")


def test_palettes_are_exact():
    for channels in (1, 2, 3, 4):
        values = RANDOM.integers(0, 256, (256, channels), dtype=np.uint8)[RANDOM.integers(0, 256, (40, 50))]
        numbers, table = with_palette(values)
        np.testing.assert_array_equal(table[numbers], values)
    assert with_palette(RANDOM.integers(0, 256, (40, 50, 3), dtype=np.uint8)) is None


def page():
    """A page of black shapes, 1 bit."""
    drawn = np.full((90, 120), 255, np.uint8)
    drawn[10:30, 10:100], drawn[40:44, 5:115], drawn[60:80, 20:24] = 0, 0, 0
    return Image.fromarray(drawn).convert("1")


@pytest.mark.parametrize("options", [{}, {"compression": "group4"}, {"compression": "packbits"}])
@pytest.mark.parametrize("name", ["a.png", "a.bmp", "a.tif"])
def test_black_and_white_stays(identity, tmp_path, name, options):
    if options and name != "a.tif":
        pytest.skip("of TIFF alone")
    page().save(tmp_path / name, **options)
    report = predicted(identity, tmp_path / name, out=tmp_path / "out")
    fax = options.get("compression") == "group4"
    assert notes_of(report) == ["compressed by deflate, as the compression that it had isn't written"] * fax
    with Image.open(tmp_path / "out" / name) as made:
        assert made.mode == "1"
        np.testing.assert_array_equal(made, page())
    if name == "a.tif":
        with tifffile.TiffFile(tmp_path / name) as one, tifffile.TiffFile(tmp_path / "out" / name) as two:
            assert two.pages[0].bitspersample == 1
            assert two.pages[0].photometric == one.pages[0].photometric
            assert fax or two.pages[0].compression == one.pages[0].compression


def test_gray_edges_are_rounded_and_gray_areas_stay():
    gray = np.asarray(page().convert("L").resize((150, 111), Image.Resampling.BILINEAR))[:, :, None]
    assert 64 < np.median(gray[(gray > 0) & (gray < 255)]) < 192
    np.testing.assert_array_equal(black_and_white(gray), gray[:, :, 0] >= 128)
    assert black_and_white(smooth(90, 120)[:, :, None]) is None


def test_a_screen_that_becomes_gray_is_written_as_gray(changing, tmp_path):
    Image.fromarray(smooth(90, 120)).convert("1").save(tmp_path / "a.png")  # dithered
    report = predicted(changing, tmp_path / "a.png", out=tmp_path / "b.png")
    with Image.open(tmp_path / "b.png") as made:
        gray = made.mode == "L"
    assert notes_of(report) == [WITHOUT[BILEVEL]] * gray


def write_pyramid(path, values, levels, *, subifds, **options):
    with tifffile.TiffWriter(path) as writer:
        options = {"tile": (64, 64), "compression": "zlib", **options}
        described = {} if path.name.endswith(".ome.tif") else {"metadata": None}
        writer.write(values, **({"subifds": len(levels)} if subifds else {}), **options, **described)
        for level in levels:
            writer.write(level, subfiletype=1, **options, metadata=None)


def levels_in(path):
    with tifffile.TiffFile(path) as file:
        return [level.asarray() for level in file.series[0].levels], len(file.series), bool(file.pages[0].subifds)


@pytest.mark.parametrize(
    ("name", "subifds", "step"),
    [("a.ome.tif", True, 2), ("a.tif", True, 2), ("a.tif", False, 2), ("a.tif", True, 4)],
)
def test_a_pyramid_is_built_again(identity, tmp_path, name, subifds, step):
    wholes = [SLIDE[::k, ::k] for k in (step, step**2)]
    write_pyramid(tmp_path / name, SLIDE, wholes, subifds=subifds, photometric="rgb")
    before, count, inside = levels_in(tmp_path / name)
    assert notes_of(predicted(identity, tmp_path / name, out=tmp_path / "out")) == []
    after, *layout = levels_in(tmp_path / "out" / name)
    assert layout == [count, inside]
    assert [one.shape for one in after] == [one.shape for one in before]
    np.testing.assert_array_equal(after[0], SLIDE)
    inner = [length // step for length in SLIDE.shape[:2]]
    blocks = SLIDE[: inner[0] * step, : inner[1] * step].reshape(inner[0], step, inner[1], step, 3)
    means = np.floor(blocks.mean(axis=(1, 3)) + 0.5)
    np.testing.assert_array_equal(after[1][: inner[0], : inner[1]], means)


def test_a_pyramid_of_a_stack_and_of_an_upscaled_image(identity, tmp_path):
    stack = RANDOM.integers(0, 60000, (3, 64, 80), dtype=np.uint16)
    write_pyramid(tmp_path / "a.ome.tif", stack, [stack[:, ::2, ::2]], subifds=True, photometric="minisblack")
    predicted(identity, tmp_path / "a.ome.tif", out=tmp_path / "b.ome.tif")
    whole, half = levels_in(tmp_path / "b.ome.tif")[0]
    np.testing.assert_array_equal(whole, stack)
    np.testing.assert_array_equal(half, np.floor(stack.reshape(3, 32, 2, 40, 2).mean(axis=(2, 4)) + 0.5))
    run = make_run(tmp_path / "run", "upscale", scale=3)
    predicted(run, tmp_path / "a.ome.tif", out=tmp_path / "c.ome.tif")
    assert [one.shape for one in levels_in(tmp_path / "c.ome.tif")[0]] == [(3, 192, 240), (3, 96, 120)]


def test_what_lacks_levels_is_told(identity, tmp_path):
    write_pyramid(tmp_path / "a.tif", SLIDE, [SLIDE[::2, ::2]], subifds=True, photometric="rgb")
    for name in ("a.png", "a.npy"):
        notes = notes_of(predicted(identity, tmp_path / "a.tif", out=tmp_path / name))
        assert notes[0] == "written without the smaller levels of its pyramid"
    write_pyramid(tmp_path / "b.tif", SLIDE, [SLIDE[:86, :134]], subifds=True, photometric="rgb")
    (note,) = notes_of(predicted(identity, tmp_path / "b.tif", out=tmp_path / "out"))
    assert "no whole fractions" in note


def test_levels_repeat_the_last_pixels():
    values = np.arange(5 * 7, dtype=np.float32).reshape(5, 7, 1)
    (level,) = levels_of(values, [(3, 4)])
    np.testing.assert_allclose(level[2, 3, 0], values[4, 6, 0])
    np.testing.assert_allclose(level[:2, :3, 0], values[:4, :6, 0].reshape(2, 2, 3, 2).mean(axis=(1, 3)))


@pytest.mark.parametrize(("quality", "sampling"), [(92, 2), (97, 0), (30, 1)])
@pytest.mark.parametrize("channels", [1, 3])
def test_jpeg_keeps_its_quality(identity, tmp_path, quality, sampling, channels):
    given = Image.fromarray(smooth(64, 80, channels))
    given.save(tmp_path / "a.jpg", quality=quality, subsampling=sampling)
    report = predicted(identity, tmp_path / "a.jpg", out=tmp_path / "b.jpg")
    with Image.open(tmp_path / "a.jpg") as one, Image.open(tmp_path / "b.jpg") as two:
        assert quality_of(one.quantization) == pytest.approx(quality, abs=1)
        assert JpegImagePlugin.get_sampling(one) == JpegImagePlugin.get_sampling(two)
        if quality > 90:
            assert one.quantization == two.quantization
            assert notes_of(report) == []
        else:
            assert quality_of(two.quantization) == pytest.approx(90, abs=1)
            (note,) = notes_of(report)
            assert "quality 90, as its own would spoil" in note


@pytest.mark.parametrize(("form", "words"), [("webp", "lossless WebP"), ("avif", "AVIF of quality 100"),
                                             ("jpg", "JPEG of quality 95")])  # fmt: skip
def test_another_lossy_format_says_its_quality(identity, tmp_path, form, words):
    Image.fromarray(smooth(64, 80, 3)).save(tmp_path / "a.png")
    (note,) = notes_of(predicted(identity, tmp_path / "a.png", out=tmp_path / "out", image_format=form))
    assert words in note


def test_webp_tells_whether_it_is_lossless(identity, tmp_path):
    frames = [Image.fromarray(smooth(24, 32, 3, seed)) for seed in range(3)]
    for lossless in (True, False):
        path = tmp_path / f"{lossless}.webp"
        frames[0].save(path, save_all=True, append_images=frames[1:], lossless=lossless)
        report = predicted(identity, path, out=tmp_path / "out")
        assert notes_of(report) == ([] if lossless else ["written as lossless WebP"])


def test_levels_are_read_of_the_largest_alone(tmp_path):
    write_pyramid(tmp_path / "a.tif", SLIDE, [SLIDE[::2, ::2]], subifds=False, photometric="rgb")
    with opened_tiff(tmp_path / "a.tif", 1 << 30, "") as stack:
        assert len(stack) == 1
    assert len(list(read_frames(tmp_path / "a.tif", "a"))) == 1
