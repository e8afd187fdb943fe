"""Images of classes as squares: against Pillow, in memory and one by one."""

import numpy as np
import pytest
from PIL import Image

from dlcli.errors import DlcliError
from dlcli.images.image_set import ImageSet, ReadLimits, open_image_set
from dlcli.images.normalization import EIGHT_BIT
from dlcli.networks.data import squares
from tests.networks.examples import save, smooth

STREAMED = ReadLimits(0, once=True)


def class_folders(path, sizes=((20, 31), (16, 16), (40, 12))):
    for number, name in enumerate(("ant", "bee")):
        for i, size in enumerate(sizes):
            save(path / name / f"{i}.png", smooth(*size, 3, 10 * number + i))
    return str(path)


def test_the_same_squares_whether_images_are_held_or_not(tmp_path):
    folder = class_folders(tmp_path / "photos")
    held = squares.same_size(open_image_set([folder], labeled=True), 16, EIGHT_BIT)
    streamed = open_image_set([folder], labeled=True, limits=STREAMED)
    assert not streamed.in_memory
    assert streamed.notes == ()
    one_by_one = squares.same_size(streamed, 16, EIGHT_BIT)
    assert one_by_one.in_memory
    assert (one_by_one.names, one_by_one.labels.tolist()) == (held.names, held.labels.tolist())
    for i in range(6):
        assert np.array_equal(one_by_one.pixels(i), held.pixels(i))
    image = Image.fromarray(smooth(20, 31, 3, 0)).resize((25, 16), Image.Resampling.BICUBIC).crop((4, 0, 20, 16))
    assert np.array_equal(held.pixels(0), np.asarray(image))


def test_images_that_cannot_be_decoded_are_skipped_and_a_lost_class_is_refused(tmp_path):
    folder = class_folders(tmp_path / "photos")
    path = tmp_path / "photos/ant/1.png"
    path.write_bytes(path.read_bytes()[:-60])
    made = squares.same_size(open_image_set([folder], labeled=True, limits=STREAMED), 16, EIGHT_BIT)
    assert [one.name for one in made.skipped] == ["ant/1.png"]
    assert made.labels.tolist() == [0, 0, 1, 1, 1]
    for i in (0, 2):
        other = tmp_path / f"photos/ant/{i}.png"
        other.write_bytes(other.read_bytes()[:-60])
    with pytest.raises(DlcliError, match=r"no image of the class ant can be used; ant/2\.png"):
        squares.same_size(open_image_set([folder], labeled=True, limits=STREAMED), 16, EIGHT_BIT)


def test_any_number_of_channels():
    pixels = smooth(20, 31, 3)[..., :2]
    made = squares.shrunk(ImageSet.of_arrays([pixels, pixels]), 16, EIGHT_BIT).pixels(0)
    for channel in range(2):
        alone = squares.shrunk(ImageSet.of_arrays([pixels[..., channel]]), 16, EIGHT_BIT).pixels(0)
        assert np.array_equal(made[..., channel], alone[..., 0])


def test_the_side_goes_by_count_and_memory(monkeypatch):
    assert squares.class_side([(28, 28)] * 9, 128) == 28
    assert squares.class_side([(300, 200)] * 9, 128) == 64
    monkeypatch.setattr(squares, "available_memory", lambda: 4 << 30)
    assert squares.class_side([(300, 200)] * 100_000, 128) == 32
    monkeypatch.setattr(squares, "available_memory", lambda: 1 << 30)
    with pytest.raises(DlcliError, match="more than there is memory for"):
        squares.same_size(ImageSet.of_arrays([np.zeros((8, 8), np.uint8)] * 9), 16_384, EIGHT_BIT)
