"""What predict writes of every kind of file when the network changes nothing: equal bit for bit, laid out alike."""

import numpy as np
import pytest
import tifffile
from PIL import Image

from dlcli.images.formats.codecs import read_frames
from dlcli.images.outputs import plan_outputs
from dlcli.networks.inference.restoring import Restorer
from dlcli.networks.inference.settings import NetworkSettings
from dlcli.networks.inference.trained import load_network
from dlcli.networks.inference.writing import Told, write_restored
from tests.images.formats.kinds import KINDS
from tests.networks.examples import make_run
from tests.networks.inference.test_predict import predicted

# What tifffile knows of a page that a page of the same kind must have, too.
LAYOUT = ("photometric", "planarconfig", "extrasamples", "is_tiled", "tile", "dtype", "axes", "predictor")
# Whose pages become plain ones.
OTHERWISE = ("tiff bilevel ccitt", "tiff cmyk", "tiff voxels")


@pytest.fixture(scope="module")
def restorer(tmp_path_factory):
    """A network that gives back what it gets, of gray images: each channel goes through it by itself."""
    run = make_run(tmp_path_factory.mktemp("run") / "run", identity=True)
    return Restorer(load_network(NetworkSettings(run, "cpu", None, None, None)), None, 0)


def written(restorer, tmp_path, kind, ending="", **options):
    """Make a file of a kind, write what the identity makes of it; both paths, and what was told."""
    path = tmp_path / f"a{kind.ending}"
    wanted = kind.make(path)
    out = tmp_path / f"b{ending}" if ending else tmp_path / "out"
    plan = plan_outputs([str(path)], out, force=False, **options)
    told = Told()
    for output in plan.outputs:
        write_restored(output, restorer, told)
    return wanted, path, plan.outputs[0].target, [note.note for note in told.notes()]


@pytest.fixture(params=KINDS, ids=[kind.name for kind in KINDS])
def kind(request):
    return request.param


def test_an_identity_writes_what_it_read(restorer, kind, tmp_path):
    wanted, path, target, notes = written(restorer, tmp_path, kind)
    assert target.name == f"a{kind.out or kind.ending}"
    if kind.ending == ".npy":
        same(np.load(path), np.load(target))
        assert np.load(target).dtype == np.load(path).dtype
        return
    before, after = list(read_frames(path, "a")), list(read_frames(target, "b"))
    assert len(before) == len(after) == len(wanted)
    for one, two in zip(before, after, strict=True):
        assert (one.pixels.dtype, one.pixels.shape) == (two.pixels.dtype, two.pixels.shape)
        if kind.exact or kind.name == "tiff cmyk":
            same(one.pixels, two.pixels)
        if one.alpha is not None:
            np.testing.assert_array_equal(one.alpha, two.alpha)
    if kind.exact:
        said = ["written as TIFF"] if kind.out else ["written as lossless WebP"] if "lossy" in kind.name else []
        assert [note for note in notes if "deflate" not in note] == said
    if kind.ending in (".png", ".bmp"):
        with Image.open(path) as one, Image.open(target) as two:
            assert one.mode == two.mode  # palettes and bilevel ones, too
    if kind.name.startswith("tiff") and kind.name not in OTHERWISE:
        same_layout(path, target)


def same(before, after):
    """Equal bit for bit; floating-point numbers, and whole ones of more than the 24 bits of float32, to 1e-6."""
    if before.dtype.kind == "f" or before.dtype.itemsize > 2:
        scale = float(np.abs(before.astype(float)).max())
        np.testing.assert_allclose(
            after.astype(float),
            before.astype(float),
            rtol=1e-3 if before.dtype == np.float16 else 1e-6,
            atol=1e-6 * scale,
        )
    else:
        np.testing.assert_array_equal(before, after)


def same_layout(path, target):
    with tifffile.TiffFile(path) as one, tifffile.TiffFile(target) as two:
        lossless = one.pages[0].compression.name in ("NONE", "LZW", "ADOBE_DEFLATE", "ZSTD", "LZMA", "PACKBITS")
        for name in LAYOUT if lossless else LAYOUT[:-1]:
            assert getattr(one.pages[0], name) == getattr(two.pages[0], name), name
        assert (one.byteorder, one.is_bigtiff) == (two.byteorder, two.is_bigtiff)
        first, second = one.series[0], two.series[0]
        assert first.kind in (second.kind, "shaped")
        assert sorted(first.axes.replace("Q", "I")) == sorted(second.axes.replace("Q", "I"))
        assert not lossless or one.pages[0].compression == two.pages[0].compression
        if first.kind == "imagej":
            assert {**one.imagej_metadata} == {**two.imagej_metadata}
            assert one.pages[0].resolution == two.pages[0].resolution
        if first.kind == "ome":
            assert 'DimensionOrder="XY' in two.ome_metadata
            assert ("PhysicalSizeX" in one.ome_metadata) == ("PhysicalSizeX" in two.ome_metadata)


def by_name(name):
    return next(kind for kind in KINDS if kind.name == name)


def test_ome_channels_come_back_in_place(restorer, tmp_path):
    wanted, _, target, _ = written(restorer, tmp_path, by_name("tiff ome channels first"))
    with tifffile.TiffFile(target) as file:
        assert file.series[0].axes == "ZCYX"  # a frame's channels are side by side now
        np.testing.assert_array_equal(file.series[0].asarray(), wanted.transpose(0, 3, 1, 2))
        assert 'PhysicalSizeX="0.25"' in file.ome_metadata


def test_header_of_fits_and_attributes_of_zarr_stay(restorer, tmp_path):
    fits, zarr = pytest.importorskip("astropy.io.fits"), pytest.importorskip("zarr")
    _, path, target, _ = written(restorer, tmp_path, by_name("fits extension"))
    before, after = fits.getheader(path, 1), fits.getheader(target, 0)
    assert {key: before[key] for key in ("OBJECT", "CRPIX1", "CDELT1", "EXPTIME")}.items() <= dict(after).items()
    (tmp_path / "z").mkdir()
    _, path, target, _ = written(restorer, tmp_path / "z", by_name("zarr ome 0.4"))
    assert dict(zarr.open(path, mode="r").attrs) == dict(zarr.open(target, mode="r").attrs)


@pytest.mark.parametrize("ending", [".tif", ".npy", ".fits", ".zarr"])
def test_a_stack_as_another_format(restorer, tmp_path, ending):
    wanted, _, target, _ = written(restorer, tmp_path, by_name("tiff named axes"), ending)
    if ending == ".npy":
        same(wanted[:, :, :, 0], np.load(target))
    else:
        same(wanted, np.stack([frame.pixels for frame in read_frames(target, "b")]))


def test_exif_of_the_exposure_stays_in_tiff(restorer, tmp_path):
    exif = Image.Exif()
    exif[271], exif[0x8769], exif[0x8825] = "Camera", {0x829A: 0.01, 0x8827: 400}, {1: "N", 2: (48.0, 8.0, 0.0)}
    Image.fromarray(np.zeros((9, 7, 3), np.uint8)).save(tmp_path / "a.tif", exif=exif.tobytes())
    plan = plan_outputs([str(tmp_path / "a.tif")], tmp_path / "b.tif", force=False)
    told = Told()
    write_restored(plan.outputs[0], restorer, told)
    assert told.notes() == []
    with Image.open(tmp_path / "b.tif") as image:
        made = image.getexif()
        assert (made[271], made.get_ifd(0x8769)[0x8827], made.get_ifd(0x8825)[2]) == ("Camera", 400, (48.0, 8.0, 0.0))
        assert float(made.get_ifd(0x8769)[0x829A]) == pytest.approx(0.01)


def test_blanks_of_fits_stay_nan_and_leave_no_keyword_of_whole_numbers(tmp_path):
    fits = pytest.importorskip("astropy.io.fits")
    values = np.arange(600, dtype=np.int16).reshape(20, 30)
    unit = fits.PrimaryHDU(values)
    unit.header["BLANK"] = 77
    unit.header["OBJECT"] = "M 31"
    unit.writeto(tmp_path / "a.fits", output_verify="ignore")
    run = make_run(tmp_path / "run", identity=True)
    predicted(run, tmp_path / "a.fits", out=tmp_path / "out")
    with fits.open(tmp_path / "out" / "a.fits") as made:
        made.verify("exception")
        assert "BLANK" not in made[0].header
        assert made[0].header["OBJECT"] == "M 31"
        assert np.isnan(made[0].data.ravel()[77])
