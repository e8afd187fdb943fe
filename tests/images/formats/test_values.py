"""Values of one type as another: nothing becomes infinite, wraps around or is rounded to nothing without a word."""

import numpy as np
import pytest

from dlcli.errors import DlcliError
from dlcli.images.conversion import FLOAT32, as_type
from dlcli.images.formats.output import Wanted, opened_writer
from dlcli.images.formats.values import with_depth
from dlcli.images.formats.writing import Frame


def test_shares_of_white_and_numbers():
    shares = np.array([[0.0, 0.5, 1.0]])
    np.testing.assert_array_equal(with_depth(shares, np.uint8), [[0, 128, 255]])
    np.testing.assert_array_equal(with_depth(np.array([[-3.2, 90.6]]), np.int16), [[-3, 91]])
    np.testing.assert_array_equal(with_depth(np.full((2, 2), 3.3), np.uint8), np.full((2, 2), 3))
    np.testing.assert_array_equal(with_depth(np.array([[0.0, 2.0]]), np.int32), [[0, 2]])


@pytest.mark.parametrize(
    ("values", "dtype", "message"),
    [
        ([[0.0, 0.5, 1.003]], np.uint8, "from 0 to 1.003, of which rounding to uint8 leaves few"),
        ([[0.0, 0.5, 1.0]], np.int16, "leaves few"),
        ([[0.0, 65535.0]], np.float16, "holds values up to 65535, and float16 ends at 65504"),
        ([[0.0, 1e300]], np.float32, "holds values up to 1e\\+300, and float32 ends at"),
        ([[0.0, np.nan]], np.uint16, "holds values from nan to nan"),
    ],
)
def test_what_a_type_does_not_hold_is_refused(values, dtype, message):
    with pytest.raises(DlcliError, match=message):
        with_depth(np.array(values), dtype)


def test_sixteen_bits_are_no_float16():
    with pytest.raises(DlcliError, match="float16 ends at 65504"):
        with_depth(np.array([[65535]], np.uint16), np.float16)


def write(path, wanted, images):
    with opened_writer(path, wanted) as writer:
        for image in images:
            writer.add(Frame(image))


def test_frames_of_several_scales_are_refused_as_whole_numbers(tmp_path):
    """A dark frame of 0 and 1 among others of counts would be made 255 times as bright."""
    counts = np.array([[[0.0], [300.0]]], np.float32)
    wanted = Wanted("PNG", 3)
    with pytest.raises(DlcliError, match="not of one scale as uint8"):
        write(tmp_path / "a.png", wanted, [counts, 0 * counts, counts / 300])
    assert not (tmp_path / "a.png").exists()


@pytest.mark.filterwarnings("error")
def test_numbers_beyond_float32_do_not_train():
    with pytest.raises(DlcliError, match="has values up to 1e\\+300, and networks compute in float32"):
        as_type(np.full((2, 2, 1), 1e300), FLOAT32)
