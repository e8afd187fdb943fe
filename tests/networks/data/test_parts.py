"""Few images: a part of each is held out, and no pixel of it is ever in a crop that trains."""

import numpy as np
import pytest

from dlcli.engine.progress import Silent
from dlcli.errors import DlcliError
from dlcli.images.crops import CropSampler
from dlcli.images.sources import Kin
from dlcli.networks.data.load import ImageSettings, read_images
from dlcli.networks.data.parts import parts_of
from dlcli.networks.data.regions import make_regions
from dlcli.networks.data.split import GAP, LEAST

USUAL = 0.05


def read(*data, task="denoise", val=USUAL, given=False, memory=None):
    return read_images(ImageSettings(tuple(map(str, data)), task, None, memory, val, given, None, 96, 8, 0), Silent())


def numbered(height, width, first=0):
    """An image whose pixels are all different."""
    return first + np.arange(height * width, dtype=np.float32).reshape(height, width)


@pytest.mark.parametrize("shape", [(200, 150), (150, 200), (90, 40), (700, 700)])
@pytest.mark.parametrize("memory", [None, 1], ids=["in memory", "from disk"])
def test_one_image_trains_and_is_measured_in_another_part(tmp_path, shape, memory):
    np.save(tmp_path / "one.npy", numbered(*shape))
    if memory:
        import tifffile

        tifffile.imwrite(tmp_path / "one.tif", numbered(*shape))
    images = read(tmp_path / ("one.tif" if memory else "one.npy"), memory=memory)
    side = min(96, images.side)
    sampler = CropSampler([images.train], side, 0, flips=True, seed=0)
    trained = np.unique([sampler.batch(step, 8)[0] for step in range(30)])
    regions = make_regions(images, side, 0, 1, 1)
    (checked,) = regions.checked
    measured = np.unique(np.concatenate([checked.pixels(i).ravel() for i in range(len(checked))]))
    assert not np.intersect1d(trained, measured).size
    rows, columns = (np.stack([np.divmod(v, shape[1])[a] for a in (0, 1)]) for v in (trained, measured))
    longer = int(shape[1] > shape[0])
    assert columns[longer].min() - rows[longer].max() > GAP
    assert regions.held == 1
    assert not regions.lent
    assert not regions.warnings
    assert any(text.startswith("1 image: validation takes") for text in images.notes)


def test_two_pairs_give_a_part_of_each_at_the_same_place(tmp_path):
    for folder, first in (("a", 0), ("b", 10**6)):
        (tmp_path / folder).mkdir()
        for number in range(2):
            np.save(tmp_path / folder / f"{number}.npy", numbered(120, 100, first))
    images = read(tmp_path / "a" / "0.npy", tmp_path / "b" / "0.npy", task="pairs")
    assert (len(images.train), len(images.val)) == (1, 1)
    for inputs, targets in ((images.train_inputs, images.train), (images.val_inputs, images.val)):
        np.testing.assert_array_equal(inputs.pixels(0) + 10**6, targets.pixels(0))


def shapes(count, side=200):
    return [(side, side)] * count, [str(i) for i in range(count)]


@pytest.mark.parametrize(
    ("count", "fraction", "parted"),
    [
        (1, USUAL, True),
        (3, USUAL, True),
        (3, 0.1, True),
        (3, 0.3, False),
        (4, USUAL, False),
        (1, 0, False),
        (1, 0.6, True),
    ],
)
def test_parts_are_held_out_where_whole_images_would_be_more_than_was_asked_for(count, fraction, parted):
    assert (parts_of(*shapes(count), fraction) is not None) == parted


def test_what_is_held_out_is_the_fraction_or_more():
    for fraction, expected in ((USUAL, 50), (0.5, 100)):
        (held,), (train,) = (getattr(parts_of(*shapes(1), fraction), name) for name in ("held", "train"))
        assert (held.height, held.width, train.height) == (expected, 200, 200 - expected - GAP)


def test_frames_of_a_short_stack_give_the_same_part():
    """Frame by frame they would show on one side of the split what is on the other."""
    kin = [Kin("a", place) for place in range(4)]
    parts = parts_of(*shapes(4), USUAL, kin)
    assert {box[1:] for box in parts.held} == {(150, 0, 50, 200)}
    longer = [Kin("a", place) for place in range(5)]
    assert parts_of(*shapes(5), USUAL, longer) is None  # whose end is held out
    several = [Kin(name, 0) for name in "abcd"]
    assert parts_of(*shapes(4), USUAL, several) is None


@pytest.mark.parametrize("shape", [(LEAST * 2 + GAP - 1, 40), (300, LEAST - 1)])
def test_a_single_image_that_is_too_small_is_refused(shape):
    with pytest.raises(DlcliError, match=rf"a\.png is {shape[1]} x {shape[0]} pixels, too small") as error:
        parts_of([shape], ["a.png"], USUAL)
    assert "--val 0" in error.value.hint
    assert parts_of([shape, shape], ["a", "b"], USUAL) is None  # one of them is held out whole
