"""Many images looked at: which ones, and what is said of those that can't be read."""

import numpy as np
import pytest
import tifffile
from PIL import Image

from dlcli.images.sources import find_images
from dlcli.images.survey import survey as module
from dlcli.images.survey.survey import Limits, picture, survey
from tests.images.survey.test_measures import drawing


@pytest.fixture
def folder(tmp_path):
    for number in range(8):
        Image.fromarray(drawing(20 + number, 30, number)).save(tmp_path / f"{number}.png")
    return tmp_path


def look(folder, **limits):
    return survey(find_images([str(folder)], False, "train"), Limits(**limits))


def test_all_images_are_looked_at_in_order(folder):
    seen = look(folder)
    assert [one.candidate.name for one in seen.images] == [f"{number}.png" for number in range(8)]
    assert [(one.place, one.measures.height) for one in seen.looked] == [(n, 20 + n) for n in range(8)]
    assert all(one.picture is not None for one in seen.looked)


def test_a_sample_depends_on_the_seed_alone(folder):
    samples = [[one.place for one in look(folder, sample=3, seed=seed).looked] for seed in (0, 0, 1, 2)]
    assert samples[0] == samples[1] == sorted(samples[0])
    assert len(samples[0]) == 3
    assert len({tuple(sample) for sample in samples}) > 1


def test_the_limits_bound_the_work(folder, monkeypatch):
    monkeypatch.setattr(module, "MOST_PIXELS", 2000)
    seen = look(folder)
    assert len(seen.images) == 8
    assert sum(one.measures.height * one.measures.width for one in seen.looked) <= 2000
    assert len(seen.looked) in (2, 3)
    monkeypatch.setattr(module, "MOST_HEADERS", 5)
    seen = look(folder)
    assert (len(seen.images), seen.unopened) == (5, 3)


def test_what_cannot_be_read_is_named_and_the_others_keep_their_places(folder):
    (folder / "0.png").write_text("no image")
    whole = (folder / "3.png").read_bytes()
    (folder / "3.png").write_bytes(whole[: len(whole) // 2])
    seen = look(folder)
    assert [one.name for one in seen.skipped] == ["0.png", "3.png"]
    assert all(one.why for one in seen.skipped)
    assert [seen.images[one.place].candidate.name for one in seen.looked] == [f"{n}.png" for n in (1, 2, 4, 5, 6, 7)]
    assert [one.measures.height for one in seen.looked] == [21, 22, 24, 25, 26, 27]


def test_pictures_are_means_of_cells():
    image = np.random.default_rng(0).random((301, 450, 5))
    found = picture(image)
    assert found.shape == (75, 112, 3)
    np.testing.assert_allclose(found, image[:300, :448, :3].reshape(75, 4, 112, 4, 3).mean(axis=(1, 3)), rtol=1e-6)
    assert picture(image[:50, :60]).shape == (50, 60, 3)


@pytest.mark.filterwarnings("error")
def test_what_holds_no_numbers_or_too_large_ones_is_named(tmp_path):
    np.save(tmp_path / "good.npy", np.random.default_rng(0).normal(size=(20, 30)))
    tifffile.imwrite(tmp_path / "nan.tif", np.full((20, 30), np.nan, np.float32))
    tifffile.imwrite(tmp_path / "huge.tif", np.full((20, 30), 1e300))
    some = np.random.default_rng(0).normal(size=(20, 30))
    some[3, 3] = np.inf
    tifffile.imwrite(tmp_path / "some.tif", some)
    seen = survey(find_images([str(tmp_path), str(tmp_path / "good.npy")], False, "train"), Limits())
    assert sorted(one.name for one in seen.skipped) == ["huge.tif", "nan.tif"]
    assert len(seen.looked) == 2
    assert all(np.isfinite(one.measures.values.low).all() for one in seen.looked)
