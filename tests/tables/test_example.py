"""The built-in example is the article's: noise uniform on [0, 1), which is never negative."""

import numpy as np
import pytest

from dlcli.tables.example import LineExample


def rows(seed):
    chunk = next(LineExample(seed).chunks())
    return chunk.X[:, 0], chunk.y


@pytest.mark.parametrize("seed", range(5))
def test_noise_is_uniform_from_0_to_1(seed):
    x, y = rows(seed)
    noise = y - 3 * x - 2
    assert len(x) == 100
    assert ((x >= 0) & (x < 1)).all()
    assert noise.min() >= 0
    assert noise.max() < 1
    assert noise.min() < 0.1 < 0.9 < noise.max()


def test_least_squares_finds_the_line_that_the_noise_has_raised():
    fits = np.array([np.polyfit(*rows(seed), 1) for seed in range(200)])
    slope, intercept = fits.mean(axis=0)
    errors = fits.std(axis=0) / np.sqrt(len(fits))
    assert abs(slope - 3) < 4 * errors[0]
    assert abs(intercept - 2.5) < 4 * errors[1]


def test_the_command_finds_it_too(dlcli):
    found = dlcli("fit-linear", "--json").report["coefficients"]
    assert abs(found["intercept"]["value"] - 2.5) < 3 * found["intercept"]["std_error"]
    assert abs(found["intercept"]["value"] - 2) > 5 * found["intercept"]["std_error"]
    expected = np.polyfit(*rows(0), 1)
    assert [found["x"]["value"], found["intercept"]["value"]] == pytest.approx(expected, rel=1e-9)
