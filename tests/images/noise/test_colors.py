"""How alike the noise of channels is."""

import numpy as np
import pytest

from dlcli.images.dead_leaves import dead_leaves
from dlcli.images.noise.colors import correlation_of_channels


@pytest.mark.parametrize("alike", [0.0, 0.6, 0.95])
def test_channels_correlate_as_their_noise_does(alike):
    random = np.random.default_rng(0)
    clean = dead_leaves(1, 256, 5, 3).pixels(0).astype(float)
    covariance = np.full((3, 3), alike) + (1 - alike) * np.eye(3)
    noise = random.multivariate_normal(np.zeros(3), covariance, clean.shape[:2])
    found = correlation_of_channels((clean + 12 * noise).astype(np.float32))
    assert found == pytest.approx(covariance, abs=0.15)


def test_there_may_be_nothing_to_measure():
    assert np.array_equal(correlation_of_channels(np.zeros((40, 40, 2), np.uint8)), np.eye(2))
