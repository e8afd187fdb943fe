"""Every kind of file is read as the library that is made for it reads it, bit for bit."""

import numpy as np
import pytest

from dlcli.images.formats.codecs import opened_stack, read_frame, read_frames, read_header
from tests.images.formats.kinds import KINDS


@pytest.fixture(params=KINDS, ids=[kind.name for kind in KINDS])
def kind(request):
    return request.param


def test_read_as_by_its_own_library(kind, tmp_path):
    path = tmp_path / f"a{kind.ending}"
    wanted = kind.make(path)
    if kind.ending == ".npy":
        pytest.skip("arrays are read by NumPy itself, see test_image_set")
    header = read_header(path, "a")
    frames = list(read_frames(path, "a"))
    assert (header.frames, len(frames)) == (len(wanted), len(wanted))
    assert (header.height, header.width) == wanted.shape[1:3]
    for frame, expected in zip(frames, wanted, strict=True):
        pixels, alpha = (expected[:, :, :-1], expected[:, :, -1]) if kind.alpha else (expected, None)
        assert (frame.pixels.dtype, frame.pixels.dtype.isnative) == (wanted.dtype.newbyteorder("="), True)
        assert (header.dtype, header.channels) == (frame.pixels.dtype, pixels.shape[2])
        np.testing.assert_array_equal(frame.pixels, pixels)
        assert (frame.alpha is None) == (alpha is None)
        if alpha is not None:
            np.testing.assert_array_equal(frame.alpha, alpha)
    last = len(wanted) - 1
    np.testing.assert_array_equal(read_frame(path, "a", last).pixels, frames[-1].pixels)
    with opened_stack(path, "a") as stack:
        assert stack.header(last).dtype == wanted.dtype.newbyteorder("=")
