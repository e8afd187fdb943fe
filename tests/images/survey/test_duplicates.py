"""Groups of equal and of nearly equal images."""

import numpy as np
import pytest

from dlcli.images.sources import find_images
from dlcli.images.survey import duplicates as module
from dlcli.images.survey.duplicates import Group, duplicates
from dlcli.images.survey.measures import measured
from dlcli.images.survey.survey import Limits, survey
from tests.conftest import ROOT
from tests.images.survey.test_measures import drawing

IMAGES = ROOT.parent / "shared" / "data" / "images"


def looked(*images):
    return [measured(image[:, :, None], None, 1, 0) for image in images]


def test_groups_are_told_apart():
    a, b, c = drawing(seed=0), drawing(seed=1), drawing(seed=2)
    brighter = (a * 0.8 + 30).astype(np.uint8)
    found = duplicates(looked(a, b, a, c, brighter, b, drawing(seed=3)))
    assert found == [Group((0, 2, 4), False), Group((1, 5), True)]


def test_alone_and_empty_images_are_in_no_group():
    flat = np.full((30, 30), 9, dtype=np.uint8)
    assert duplicates(looked(drawing(seed=0), flat, flat, drawing(seed=1))) == []
    assert duplicates([]) == []


def test_blocks_of_comparisons_find_what_one_does(monkeypatch):
    rng = np.random.default_rng(0)
    images = [drawing(seed=number % 12) for number in range(30)]
    images = [np.clip(image + rng.normal(size=image.shape) * 3, 0, 255).astype(np.uint8) for image in images]
    whole = duplicates(looked(*images))
    assert [group.members for group in whole] == [tuple(range(k, 30, 12)) for k in range(12)]
    monkeypatch.setattr(module, "BLOCK", 7)
    assert duplicates(looked(*images)) == whole


@pytest.mark.skipif(not IMAGES.is_dir(), reason="needs ../shared/data")
def test_sets_of_photographs_that_share_some():
    """Peppers, Lena and the boats; of the other 79 photographs no two are alike."""
    found = find_images([str(IMAGES / name) for name in ("set12", "classic5", "bsd68")], False, "train")
    seen = survey(found, Limits(shown=0))
    groups = duplicates([one.measures for one in seen.looked])
    names = [[seen.images[seen.looked[i].place].candidate.name for i in group.members] for group in groups]
    assert names == [["03.png", "peppers.bmp"], ["08.png", "lena.bmp"], ["10.png", "boats.bmp"]]
