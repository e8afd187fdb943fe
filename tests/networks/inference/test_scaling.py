"""Which images are seen as in training, and which by their own range."""

import numpy as np
import pytest

from dlcli.images.normalization import EIGHT_BITS, Normalization, Scales
from dlcli.networks.inference.scaling import fitted

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
     (COUNTS, 200, 202, np.uint16, (200, 201))],
)  # fmt: skip
def test_fitted(scales, low, high, dtype, own):
    found = fitted(scales, image(low, high, dtype))
    assert found.own == (own is not None)
    if own is None:
        assert found.scales == scales
        assert found.note(scales) == ""
    else:
        scale = found.scales.targets
        assert (scale.low[0], scale.high[0]) == pytest.approx(own, abs=1)
        assert f"as the network was trained on {scales.inputs.dtype} from " in found.note(scales)
