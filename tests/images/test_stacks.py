"""Pages, times and depths of a file are images of a set, and neighbors among them stay on one side of the split."""

import numpy as np
import pytest
import tifffile
from PIL import Image

from dlcli.images.image_set import ReadLimits, open_image_set
from dlcli.images.sources import Kin
from dlcli.networks.data.split import fold, split

RANDOM = np.random.default_rng(3)


def stack(path, *lengths, axes="ZYX"):
    values = RANDOM.integers(0, 60_000, (*lengths, 12, 10), dtype=np.uint16)
    tifffile.imwrite(path, values, metadata={"axes": axes}, photometric="minisblack")
    return values


@pytest.mark.parametrize("memory", [None, 1], ids=["in memory", "from disk"])
def test_frames_are_images(tmp_path, memory):
    values = stack(tmp_path / "a.tif", 2, 11, axes="TZYX")
    Image.fromarray(values[0, 0]).save(tmp_path / "b.png")
    found = open_image_set([str(tmp_path)], limits=ReadLimits(memory=memory))
    assert found.names[:2] + found.names[-2:] == ("a/t0z00.tif", "a/t0z01.tif", "a/t1z10.tif", "b.png")
    for number, expected in enumerate(values.reshape(22, 12, 10)):
        np.testing.assert_array_equal(found.pixels(number)[:, :, 0], expected)
    path = str(tmp_path / "a.tif")
    assert found.kin == (*(Kin(path, 0),) * 11, *(Kin(path, 1),) * 11, None)
    assert found.subset([11, 22]).kin == (Kin(path, 1), None)
    note = next(text for text in found.notes if "frames" in text)
    assert note.startswith("a.tif: 22 frames (2 along T and 11 along Z), each an image; neighbors are held out")


def test_axes_that_are_given_are_taken(tmp_path):
    values = stack(tmp_path / "a.tif", 3, axes="QYX")
    plain = open_image_set([str(tmp_path / "a.tif")], axes="CYX")
    assert (plain.channels, len(plain)) == (3, 1)
    np.testing.assert_array_equal(plain.pixels(0), values.transpose(1, 2, 0))


def test_pages_of_several_sizes(tmp_path):
    with tifffile.TiffWriter(tmp_path / "a.tif") as writer:
        for side in (9, 12, 15):
            writer.write(np.full((side, 20), side, np.uint8), metadata=None)
    found = open_image_set([str(tmp_path)])
    assert [found.shape(i) for i in range(3)] == [(9, 20), (12, 20), (15, 20)]
    assert [int(found.pixels(i)[0, 0, 0]) for i in range(3)] == [9, 12, 15]


def kin_of(stacks, places, each=1):
    return tuple(Kin(f"s{s}", p) for s in range(stacks) for p in range(places) for _ in range(each))


def apart(kin, train, val):
    """Whether no training image is a neighbor, or in the same place, of one that is held out."""
    held = {kin[i] for i in val}
    return not any(Kin(kin[i].stack, kin[i].place + step) in held for i in train for step in (-1, 0, 1))


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(("stacks", "places", "each"), [(1, 1000, 1), (1, 20, 5), (3, 40, 1), (30, 4, 1), (2, 3, 2)])
def test_neighbors_are_on_one_side(stacks, places, each, seed):
    kin = kin_of(stacks, places, each)
    train, val = split(len(kin), 0.05, seed, None, kin)
    assert train
    assert val
    assert not set(train) & set(val)
    assert apart(kin, train, val)
    assert len(train) + len(val) >= 0.9 * len(kin) or places < 21
    assert 0.02 * len(kin) <= len(val) <= 0.5 * len(kin)


@pytest.mark.parametrize(("stacks", "places"), [(1, 50), (2, 9), (12, 3)])
def test_folds_hold_each_frame_out_once_and_neighbors_together(stacks, places):
    kin, seen = kin_of(stacks, places), []
    for number in range(5):
        train, val = fold(len(kin), 5, number, 0, None, kin)
        assert apart(kin, train, val)
        seen.extend(val)
    assert sorted(seen) == list(range(len(kin)))


def test_without_stacks_the_split_is_what_it_was():
    assert split(40, 0.1, 7) == split(40, 0.1, 7, None, ()) == split(40, 0.1, 7, None, (None,) * 40)
