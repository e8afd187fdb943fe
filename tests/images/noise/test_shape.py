"""How peaked noise is, beside what it is in closed form."""

import numpy as np
import pytest

from dlcli.images.dead_leaves import dead_leaves
from dlcli.images.noise.shape import excess_kurtosis

NO_ENDS = (-np.inf, np.inf)


@pytest.mark.parametrize(
    ("drawn", "excess", "within"),
    [
        (lambda r, s: 20 * r.standard_normal(s), 0.0, 0.2),
        (lambda r, s: r.uniform(-35, 35, s), -1.2, 0.3),
        (lambda r, s: 5 * (r.poisson(4.0, s) - 4.0), 0.25, 0.2),
    ],
    ids=["normal", "uniform", "photons"],
)
def test_excess(drawn, excess, within):
    scenes = dead_leaves(3, 160, 5, 1)
    random = np.random.default_rng(0)
    found = []
    for i in range(3):
        x = scenes.pixels(i)[:, :, 0].astype(float)
        found.append(excess_kurtosis(x + drawn(random, x.shape), NO_ENDS))
    assert np.median(found) == pytest.approx(excess, abs=within)


def test_impulses_are_far_from_normal():
    random = np.random.default_rng(0)
    x = np.full((96, 96), 120.0)
    x[random.random(x.shape) < 0.05] = 255
    assert excess_kurtosis(x, (0, 255)) > 5


def test_nothing_to_tell():
    assert excess_kurtosis(np.full((64, 64), 7.0), NO_ENDS) is None
    assert excess_kurtosis(np.zeros((64, 64), np.uint8), (0.0, 255.0)) is None
