"""Quantile residuals: SciPy's distributions, and normal where targets are drawn from the model."""

import numpy as np
import pytest
from scipy import stats

from dlcli.linear.losses.families import family_of
from dlcli.linear.losses.normal_scores import normal_scores


@pytest.mark.parametrize(
    ("kind", "law"),
    [
        ("poisson", lambda m: stats.poisson(m)),
        ("negative-binomial:0.7", lambda m: stats.nbinom(1 / 0.7, 1 / (1 + 0.7 * m))),
    ],
)
def test_of_counts_they_are_drawn_on_the_steps_of_the_distribution(kind, law):
    mean = np.linspace(0.1, 30, 200)
    y = np.random.default_rng(0).poisson(mean).astype(float)
    found = normal_scores(family_of(kind), y, mean, 1.0)
    low, high = stats.norm.ppf(law(mean).cdf(y - 1)), stats.norm.ppf(law(mean).cdf(y))
    assert ((low - 1e-9 <= found) & (found <= high + 1e-9)).all()


@pytest.mark.parametrize(
    ("kind", "law"),
    [
        ("gamma", lambda m: stats.gamma(1 / 0.4, scale=0.4 * m)),
        ("tweedie:3", lambda m: stats.invgauss(0.4 * m, scale=1 / 0.4)),
        ("tweedie:0", lambda m: stats.norm(m, np.sqrt(0.4))),
    ],
)
def test_of_positive_numbers_they_are_those_of_the_distribution(kind, law):
    mean = np.linspace(0.3, 5, 50)
    y = mean * np.linspace(2.2, 0.2, 50)
    np.testing.assert_allclose(
        normal_scores(family_of(kind), y, mean, 0.4), stats.norm.ppf(law(mean).cdf(y)), rtol=1e-9
    )


@pytest.mark.parametrize("power", [1.2, 1.5, 1.9])
def test_of_amounts_that_may_be_0_they_are_normal(power):
    random = np.random.default_rng(1)
    mean, phi = np.exp(random.normal(size=4000)), 0.8
    rate = mean ** (2 - power) / (phi * (2 - power))
    shape, scale = (2 - power) / (power - 1), phi * (power - 1) * mean ** (power - 1)
    counts = random.poisson(rate)
    y = np.where(counts > 0, random.gamma(np.maximum(counts, 1) * shape, scale), 0.0)
    assert (y == 0).any() or power > 1.8
    found = normal_scores(family_of(f"tweedie:{power}"), y, mean, phi)
    assert stats.kstest(found, "norm").pvalue > 0.01
    wrong = normal_scores(family_of(f"tweedie:{power}"), y, mean * 1.3, phi)
    assert stats.kstest(wrong, "norm").pvalue < 1e-6


def test_what_is_no_distribution_has_none():
    one = np.ones(3)
    assert normal_scores(family_of("tweedie:1"), one, one, 1.3) is None
    assert normal_scores(family_of("poisson"), 1.5 * one, one, 1.0) is None
