"""What of images becomes 0 and 1 to a network: a type's range where they fill it, else what nearly all have."""

import numpy as np
import pytest

from dlcli.errors import DlcliError
from dlcli.images.image_set import ImageSet
from dlcli.images.normalization import (
    EIGHT_BIT,
    EIGHT_BITS,
    Normalization,
    Scales,
    learned,
    mapped_to_bytes,
    of_images,
    of_values,
    outliers,
)

RNG = np.random.default_rng(0)


def images(low, high, dtype, channels=1):
    values = RNG.uniform(low, high, (3, 50, 60, channels))
    return ImageSet.of_arrays(values.astype(dtype))


@pytest.mark.parametrize(
    ("low", "high", "dtype", "expected"),
    [(0, 90, np.uint8, (0, 255)), (0, 65536, np.uint16, (0, 65535)), (0, 4096, np.uint16, (0, 4095)),
     (0, 256, np.uint16, (0, 255)), (0, 1, np.float32, (0, 1)), (-1, 1, np.float32, (-1, 1)),
     (0, 255, np.float32, (0, 255))],
)  # fmt: skip
def test_ranges_of_types(low, high, dtype, expected):
    found = of_images(images(low, high, dtype))
    assert (found.low, found.high, found.dtype) == ((expected[0],), (expected[1],), np.dtype(dtype).name)


def test_others_are_learned():
    found = of_images(images(100, 331, np.uint16))
    assert (found.low[0], found.high[0]) == pytest.approx((100, 330), abs=1)
    floats = of_images(images(-5e3, 1e4, np.float32))
    assert (floats.low[0], floats.high[0]) == pytest.approx((-5e3, 1e4), abs=60)


def test_a_hot_pixel_does_not_count():
    dim = RNG.uniform(100, 331, (3, 80, 80, 1)).astype(np.uint16)
    dim[0, 3, 3] = 65535
    found = of_images(ImageSet.of_arrays(dim))
    assert (found.low[0], found.high[0]) == pytest.approx((100, 330), abs=1)


def test_channels_have_ranges_of_their_own_but_colors_do_not():
    scale = np.array([100.0, 1000, 9000, 30000], np.float32)
    found = of_images(ImageSet.of_arrays((RNG.uniform(1, 2, (2, 40, 40, 4)) * scale).astype(np.uint16)))
    assert found.low == pytest.approx(scale, rel=0.02)
    assert found.high == pytest.approx(2 * scale, rel=0.02)
    assert len(of_images(images(0, 3000, np.uint16, 3)).low) == 1


def test_pairs_share_a_range_unless_they_differ_much():
    clean, noisy = images(105, 330, np.uint16), images(95, 340, np.uint16)
    scales = learned(clean, noisy)
    assert scales.inputs == scales.targets
    assert (scales.inputs.low[0], scales.inputs.high[0]) == pytest.approx((95, 339), abs=1)
    apart = learned(images(0, 60000, np.uint16), noisy)
    assert apart.targets.high == (65535,)
    assert apart.inputs.high[0] == pytest.approx(339, abs=1)
    assert learned(images(0, 9, np.uint8), images(0, 9, np.uint8)) == EIGHT_BITS


def test_a_model_keeps_them():
    scales = Scales(Normalization("uint16", (1.5, 2.0), (9.0, 8.0)), Normalization("float32", (-1.0,), (1.0,)))
    assert Scales.of_json(scales.to_json()) == scales
    assert Scales.of_json(None) == EIGHT_BITS
    for damage in ({}, {"inputs": 3}, {"inputs": {"dtype": "uint8", "low": [3], "high": [3]}}):
        with pytest.raises(DlcliError, match="damaged"):
            Scales.of_json(scales.to_json() | damage if damage else {"inputs": {}})


def test_in_bytes():
    values = np.array([[[90], [100], [200], [300], [400]]], np.uint16)
    assert mapped_to_bytes(values, Normalization("uint16", (100,), (300,))).ravel().tolist() == [0, 0, 128, 255, 255]
    assert EIGHT_BIT.noise(25) == 25
    assert Normalization("uint16", (0,), (4095,)).noise(255) == 4095


def test_points_of_light_on_a_black_ground_have_a_range():
    """Percentiles of 0 and 0 made one count of 20,000 the whole range, without a word."""
    sky = np.zeros((2, 64, 64), np.uint16)
    sky[:, 30, 30] = 20_000
    assert of_images(ImageSet.of_arrays(sky)).high == (20_000.0,)


def test_one_value_is_no_range_of_width_zero():
    assert of_values(np.full((100, 1), 1e20, np.float32)).span > 0
    black = of_values(np.zeros((9, 1), np.uint16))
    assert "bits" not in Scales(black, black).note


def test_a_range_is_told_with_digits_that_tell_its_ends_apart():
    assert Normalization("uint16", (0.0,), (65535.0,)).shown == "0 to 65535"
    assert Normalization("float32", (1e6,), (1e6 + 1,)).shown == "1000000 to 1000001"


def test_damaged_images_are_passed_over(monkeypatch):
    whole = images(0, 1000, np.uint16)

    def pixels(i):
        if i == 0:
            raise DlcliError("is damaged")
        return original(whole, i)

    original = ImageSet.pixels
    monkeypatch.setattr(ImageSet, "pixels", lambda self, i: pixels(i))
    assert of_images(whole).low[0] >= 0
    monkeypatch.setattr(ImageSet, "pixels", lambda self, i: pixels(0))
    with pytest.raises(DlcliError, match="is damaged"):
        of_images(whole)


def test_values_far_outside_the_range_are_told():
    """A hot pixel of 1e9 among 0 to 100 ended training with advice on its learning rate."""
    values = RNG.uniform(0, 100, (3, 50, 60)).astype(np.float32)
    quiet = ImageSet.of_arrays(values)
    assert outliers(quiet, of_images(quiet)) == ""
    values[1, 30, 30] = 1e9
    hot = ImageSet.of_arrays(values)
    assert "(0.00011 of all) lie up to 1e+07 times the range outside of it" in outliers(hot, of_images(hot))
