"""The sheet of images before and after: which ones, how their values are shown, and where it may not go."""

import numpy as np
import pytest
import tifffile
from PIL import Image

from dlcli.errors import DlcliError
from dlcli.images.formats.writing import Frame
from dlcli.networks.inference.shown.before_after import ROWS, SIDE, Shots, shots_of
from tests.networks.examples import folder_of, make_run, save, smooth
from tests.networks.inference.test_predict import predicted


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return make_run(tmp_path_factory.mktemp("run") / "run")


def taken(pixels, made, count=1, scale=1, alpha=None):
    shots = Shots("a.tif", 2, scale)
    for number in range(count):
        before = shots.before(Frame(pixels, alpha), number, count)
        shots.after(before, Frame(made, alpha if scale == 1 else None))
    return shots.pairs


def test_eight_bits_are_shown_as_they_are():
    image = smooth(300, 400, 3)
    (pair,) = taken(image, 255 - image)
    middle = image[22 : 22 + SIDE, 72 : 72 + SIDE]
    np.testing.assert_array_equal(pair.before, middle)
    np.testing.assert_array_equal(pair.after, 255 - middle)
    assert pair.caption == "a.tif: 400 x 300 pixels, the middle of it"


def test_other_values_are_shown_by_the_range_of_what_was():
    image = (100 + smooth(60, 80)[:, :, None] / 255 * 230).astype(np.uint16)
    (pair,) = taken(image, image)
    low, high = np.percentile(image, (0.1, 99.9))
    expected = np.rint(255 * np.clip((image[:, :, 0] - low) / (high - low), 0, 1))
    np.testing.assert_allclose(pair.before.astype(float), expected, atol=1)
    np.testing.assert_array_equal(pair.before, pair.after)
    assert pair.caption == f"a.tif: 80 x 60 pixels; uint16, {low:.4g} is black and {high:.4g} white"
    flat = np.full((8, 8, 1), np.nan, np.float32)
    assert taken(flat, flat)[0].before.shape == (8, 8)


def test_upscaled_ones_lie_over_what_they_were():
    image = smooth(200, 300)[:, :, None]
    (pair,) = taken(image, image.repeat(3, 0).repeat(3, 1), scale=3)
    np.testing.assert_array_equal(pair.before, pair.after)


def test_transparent_pixels_are_paper():
    image = smooth(20, 30, 3)
    alpha = np.zeros((20, 30), np.uint8)
    alpha[:, 10:] = 255
    (pair,) = taken(image, image, alpha=alpha)
    assert (pair.before[:, :10] == 255).all()
    np.testing.assert_array_equal(pair.before[:, 10:], image[:, 10:])


@pytest.mark.parametrize(("files", "rows"), [(1, [6]), (2, [3, 3]), (4, [1] * 4), (50, [1] * ROWS)])
def test_the_first_files_share_the_rows(files, rows):
    assert [one.rows for one in shots_of([f"{i}.png" for i in range(files)], 1)] == rows


@pytest.mark.parametrize("threads", [1, 2])
def test_predict_draws_it(run, tmp_path, threads):
    photos = folder_of(tmp_path / "photos", ((30, 40),) * 9)
    report = predicted(run, photos, out=tmp_path / "out", before_after=tmp_path / "s.png", threads=threads)
    assert report.sheet == str(tmp_path / "s.png")
    assert len(list((tmp_path / "out").iterdir())) == 9
    with Image.open(tmp_path / "s.png") as sheet:
        drawn = np.asarray(sheet)
    step = np.flatnonzero((drawn != 255).any(axis=(0, 2)))
    assert drawn.shape[0] > 6 * 6 * 30  # six rows, enlarged by six
    assert len(step) >= 3 * 6 * 40
    # The third picture of a row is the difference, which the network has made.
    assert drawn[60 : 60 + 150].std() > 0


def test_frames_of_a_stack_and_images_of_an_array(run, tmp_path):
    frames = np.stack([smooth(30, 40, 1, seed).astype(np.uint16) * 9 for seed in range(20)])
    tifffile.imwrite(tmp_path / "a.tif", frames, photometric="minisblack")
    np.save(tmp_path / "a.npy", frames)
    for name in ("a.tif", "a.npy"):
        predicted(run, tmp_path / name, out=tmp_path / f"out-{name}", before_after=tmp_path / f"{name}.png")
        with Image.open(tmp_path / f"{name}.png") as sheet:
            assert sheet.height > 6 * 6 * 30


def test_where_it_may_not_go(run, tmp_path):
    save(tmp_path / "photos/a.png", smooth(30, 40))
    (tmp_path / "there.png").write_bytes(b"")
    for name, words in (
        ("s.jpg", r"ends in \.png"), ("no/s.png", "in none that can be"), ("out/a.png", "in none that can be"),
        ("photos/a.png", "is one of the images"), ("there.png", "exists"),
    ):  # fmt: skip
        with pytest.raises(DlcliError, match=words):
            predicted(run, tmp_path / "photos", out=tmp_path / "out", before_after=tmp_path / name)
    (tmp_path / "out").mkdir()
    with pytest.raises(DlcliError, match="is one of the images"):
        predicted(run, tmp_path / "photos", out=tmp_path / "out", before_after=tmp_path / "out/a.png", force=True)
    classes = make_run(tmp_path / "classes", "classify", classes=("a", "b"), side=24)
    with pytest.raises(DlcliError, match="--before-after is for networks that restore"):
        predicted(classes, tmp_path / "photos", before_after=tmp_path / "s.png")
