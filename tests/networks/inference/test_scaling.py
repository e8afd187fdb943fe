"""Which images are seen as in training, and which by their own range."""

import numpy as np
import pytest
import tifffile

from dlcli.images.normalization import EIGHT_BITS, Normalization, Scales
from dlcli.networks.inference.scaling import fitted
from tests.networks.examples import make_run, smooth
from tests.networks.inference.test_predict import predicted

RNG = np.random.default_rng(0)
COUNTS = Scales(*[Normalization("uint16", (100.0,), (330.0,))] * 2)


def image(low, high, dtype):
    return RNG.uniform(low, high, (40, 50, 1)).astype(dtype)


@pytest.mark.parametrize(
    ("scales", "low", "high", "dtype", "own"),
    [(EIGHT_BITS, 3, 9, np.uint8, None), (EIGHT_BITS, 0, 65536, np.uint16, (0, 65535)),
     (EIGHT_BITS, 0, 4096, np.uint16, (0, 4095)), (EIGHT_BITS, 100, 331, np.uint16, (100, 330)),
     (EIGHT_BITS, 0, 1, np.float32, (0, 1)), (COUNTS, 100, 331, np.uint16, None), (COUNTS, 110, 500, np.uint16, None),
     (COUNTS, 100, 320, np.float32, None), (COUNTS, 0, 4096, np.uint16, (0, 4095)), (COUNTS, 0, 1, np.float32, (0, 1)),
     (COUNTS, 200, 202, np.uint16, (200, 201)), (COUNTS, 0, 256, np.uint8, (0, 255))],
)  # fmt: skip
def test_fitted(scales, low, high, dtype, own):
    found = fitted(scales, [image(low, high, dtype)])
    assert found.own == (own is not None)
    if own is None:
        assert found.scales == scales
        assert found.note(scales) == ""
    else:
        scale = found.scales.targets
        assert (scale.low[0], scale.high[0]) == pytest.approx(own, abs=1)
        assert f"as the network was trained on {scales.inputs.dtype} from " in found.note(scales)


@pytest.mark.parametrize("ending", [".tif", ".npy"])
def test_frames_of_a_file_have_one_range(tmp_path, ending):
    """A region that never changes comes out alike in each frame, whatever else the frame shows: no flicker."""
    run = make_run(tmp_path / "run")
    frames = np.stack([100 + smooth(48, 64)] * 20).astype(np.uint16)
    for number in range(0, 20, 2):
        frames[number, :, 40:] *= 9  # as a lamp that goes on and off
    if ending == ".npy":
        np.save(tmp_path / "a.npy", frames)
    else:
        tifffile.imwrite(tmp_path / "a.tif", frames, photometric="minisblack")
    report = predicted(run, tmp_path / f"a{ending}", out=tmp_path / f"b{ending}")
    made = np.load(tmp_path / "b.npy") if ending == ".npy" else tifffile.imread(tmp_path / "b.tif")
    assert not np.array_equal(made, frames)
    still = made[:, :, :20].astype(int)
    np.testing.assert_array_equal(still, np.broadcast_to(still[0], still.shape))
    assert report.mapped.images == 1
    assert report.mapped.high > 9 * 300


def test_eight_bits_are_not_taken_for_counts_of_twelve():
    """Black to 6% of the range, they were restored as a dim micrograph, without a word."""
    twelve = Normalization("uint16", (0.0,), (4095.0,))
    picture = np.linspace(0, 255, 600).reshape(20, 30, 1).astype(np.uint8)
    fit = fitted(Scales(twelve, twelve), [picture])
    assert fit.own
    assert fit.scales.inputs.high == (255.0,)
    assert not fitted(Scales(twelve, twelve), [picture.astype(np.float32) * 15]).own
