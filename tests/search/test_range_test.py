"""Suggestions against curves whose steepest point is known, and the edge against the curvature of a quadratic."""

import math

import numpy as np
import pytest

from dlcli.engine.schedules.base import ScheduleSettings
from dlcli.engine.schedules.by_name import make_schedule
from dlcli.linear.objectives.penalty import WeightedPenalty
from dlcli.linear.objectives.quadratic import QuadraticObjective
from dlcli.linear.solvers.descent import GradientDescent
from dlcli.search.range_test import analyze, geometric, local_lines, smooth, spread, stop_here

RATES = geometric(1e-8, 100, 100)
X = np.log10(RATES)


def fall(center, width, depth=1.0):
    """A logistic fall in log10(rate), steepest at ``center``."""
    return depth / (1 + np.exp((X - center) / width))


def burst(start, speed):
    """0, and from ``start`` an explosion that ends in inf."""
    rise = np.expm1(speed * np.maximum(X - start, 0))
    return np.where(X - start > 2, np.inf, rise)


CURVES = {
    "a logistic fall and an explosion": (0.3 + fall(-2.5, 0.35, 2) + burst(-0.5, 4), -2.5),
    "two stages": (0.2 + fall(-5, 0.3, 0.6) + fall(-2, 0.3, 1.5) + burst(-0.2, 5), -2),
    "slow over 7 decades, then fast": (1.6 - 0.05 * np.minimum(X + 8, 7) + fall(-1.3, 0.25, 1.2) + burst(0, 5), -1.3),
    "a long noisy start": (0.5 + fall(-0.8, 0.25) + burst(0.3, 3), -0.8),
    "a sudden fall": (0.3 + fall(-3.5, 0.1, 2) + burst(-1, 6), -3.5),
}


def noisy(losses, seed, share=0.05):
    """Losses of mini-batches: noise of this share of the whole fall."""
    depth = losses[0] - losses[np.isfinite(losses)].min()
    return losses + share * depth * np.random.default_rng(seed).normal(size=len(losses))


def decades(suggested, known):
    return abs(math.log10(suggested) - known)


@pytest.mark.parametrize("name", CURVES)
def test_the_steepest_point_is_found_within_a_factor_2_and_not_by_the_rate_itself(name):
    losses, known = CURVES[name]
    assert decades(analyze(RATES, losses).steepest, known) < 0.1
    by_rate = []
    for seed in range(12):
        curve = noisy(losses, seed)
        assert decades(analyze(RATES, curve).steepest, known) < math.log10(2)
        finite = curve[np.isfinite(curve)]
        by_rate.append(decades(RATES[np.argmin(np.gradient(finite, RATES[: len(finite)]))], known))
        # Nor does smoothing save it.
        assert decades(RATES[np.argmin(smooth(finite).slope / RATES[: len(finite)])], known) > 1.5
    assert min(by_rate) > 2


@pytest.mark.parametrize("seed", range(5))
def test_twice_the_noise_is_met_with_more_points(seed):
    rates = geometric(1e-8, 100, 400)
    losses = np.interp(np.log(rates), np.log(RATES), 0.3 + fall(-2.5, 0.35))
    found = analyze(rates, noisy(losses, seed, share=0.2))
    assert decades(found.steepest, -2.5) < math.log10(2)


@pytest.mark.parametrize("seed", range(5))
def test_the_seeds_agree_in_the_median(seed):
    losses, known = CURVES["two stages"]
    found = spread([analyze(RATES, noisy(losses, 10 * seed + k, share=0.1)) for k in range(3)])["steepest"]
    assert found[1] <= found[0] <= found[2]
    assert decades(found[0], known) < math.log10(2)


def test_valley_is_two_thirds_into_the_longest_fall():
    losses = 2 - np.clip(X + 5, 0, 3) / 3 - 0.2 * np.clip(X - 0, 0, 0.5)
    found = analyze(RATES, losses)
    assert decades(found.valley, -5 + 3 * 2 / 3) < 0.1
    assert np.median([decades(analyze(RATES, noisy(losses, s, 0.01)).valley, -3) for s in range(9)]) < math.log10(2)


def test_minimum_tenth():
    losses = 1 + (X + 2) ** 2 / 40
    assert decades(analyze(RATES, losses).minimum_tenth, -3) < 0.05


def test_smoothing_is_a_weighted_line_at_every_point_and_shifts_nothing():
    values, width = np.random.default_rng(0).normal(size=31), 6
    level, slope, leverage, variance = local_lines(values, width)
    for i in range(31):
        near = np.arange(max(0, i - width), min(31, i + width + 1))
        root = np.sqrt((1 - np.abs((near - i) / (width + 1)) ** 3) ** 3)
        line = np.linalg.pinv(np.column_stack([root, root * (near - i)])) * root  # (2, neighbors)
        assert line @ values[near] == pytest.approx([level[i], slope[i]], abs=1e-12)
        assert line[0, near == i] == pytest.approx(leverage[i])
        assert np.sum(line[1] ** 2) == pytest.approx(variance[i])
    mirrored = local_lines(values[::-1], width)
    np.testing.assert_allclose(mirrored[0][::-1], level, atol=1e-13)
    np.testing.assert_allclose(mirrored[1][::-1], -slope, atol=1e-13)


def test_smoothed_losses_lie_beside_their_rates_and_end_before_the_explosion():
    losses, _ = CURVES["a logistic fall and an explosion"]
    smoothed = analyze(RATES, losses).smoothed
    assert smoothed.shape == RATES.shape
    kept = np.isfinite(smoothed)
    assert kept[: kept.sum()].all()
    np.testing.assert_allclose(smoothed[kept][:-5], losses[kept][:-5], atol=0.05)
    assert np.isfinite(losses[~kept]).any()


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("losses", [1 + (X + 8) / 5, np.exp(X + 8), np.ones(100)], ids=["line", "explosion", "flat"])
def test_where_nothing_falls_nothing_is_suggested(losses, seed):
    curve = losses + 0.05 * np.random.default_rng(seed).normal(size=100)
    for found in (analyze(RATES, losses), analyze(RATES, curve)):
        assert np.isnan([found.steepest, found.valley, found.minimum_tenth, found.edge]).all()


def test_losses_that_are_never_finite_suggest_nothing():
    found = analyze(RATES, np.full(100, np.nan))
    assert np.isnan([found.steepest, found.valley, found.minimum_tenth, found.edge]).all()
    assert np.isnan(found.smoothed).all()


@pytest.mark.parametrize(
    ("rates", "losses"),
    [
        (RATES[:4], np.ones(4)),
        (RATES, np.ones(99)),
        (RATES[::-1], np.ones(100)),
        (RATES - RATES[0], np.ones(100)),
    ],
)
def test_what_is_no_curve_is_refused(rates, losses):
    with pytest.raises(ValueError, match="expected"):
        analyze(rates, losses)


SPECTRA = {
    "two": [1.0, 0.9],
    "three": [1.0, 0.1, 0.01],
    "even": np.linspace(0.2, 1, 10),
    "wide": np.geomspace(1e-5, 1, 40),
}


@pytest.mark.parametrize("count", [50, 100, 200])
@pytest.mark.parametrize("name", SPECTRA)
def test_the_edge_is_that_of_gradient_descent_on_a_quadratic(name, count):
    values = 7 * np.array(SPECTRA[name])
    basis = np.linalg.qr(np.random.default_rng(0).normal(size=(len(values), len(values))))[0]
    objective = QuadraticObjective(
        basis @ np.diag(values) @ basis.T, basis @ values, values.sum(), WeightedPenalty(0.0, 0.0, np.ones(len(values)))
    )
    edge = 2 / values.max()
    rates = geometric(1e-4 * edge, 100 * edge, count)
    growth = float(rates[1] / rates[0])
    solver = GradientDescent(
        objective, make_schedule(ScheduleSettings("exponential", decay_factor=growth), float(rates[0]))
    )
    losses = []
    for step in range(1, count + 1):
        solver.advance(step, math.inf)
        losses.append(solver.loss())
        if stop_here(losses):
            break
    assert len(losses) < count
    clean, curve = analyze(rates[: len(losses)], np.array(losses)), noisy(np.array(losses), 1, 0.02)
    assert 1 / 1.5 < clean.edge / edge < 1.5
    assert 1 / 1.5 < analyze(rates[: len(losses)], curve).edge / edge < 1.5
    # The lowest loss is far beyond the edge where many directions share it.
    if name in ("three", "wide"):
        assert rates[np.argmin(losses)] > 3 * edge
    # A sweep that ends before the loss turns has no edge.
    assert math.isnan(analyze(rates[rates < edge], np.array(losses)[: (rates < edge).sum()]).edge)


def test_the_edge_of_a_slow_rise_is_where_it_begins():
    losses = 0.3 + fall(-3, 0.3) + 0.5 * np.clip(X + 1, 0, None)
    assert decades(analyze(RATES, losses).edge, -1) < math.log10(2)


def test_geometric():
    rates = geometric(1e-6, 1, 7)
    np.testing.assert_allclose(rates, [1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1], rtol=1e-12)
    assert (rates[0], rates[-1]) == (1e-6, 1)
    for low, high, count in ((0, 1, 5), (1, 1, 5), (1e-3, math.inf, 5), (1, 0.1, 5), (0.1, 1, 1), (math.nan, 1, 5)):
        with pytest.raises(ValueError, match="expected"):
            geometric(low, high, count)


def test_the_run_stops_when_it_has_diverged_and_not_for_one_hard_batch():
    start = [2.0, 2.1, 1.9] * 4
    assert not stop_here(start)
    assert not stop_here([*start, 0.5, 100.0])
    assert stop_here([*start, 0.5, 100.0, 50.0])
    assert not stop_here([*start, 0.5, 7.0, 7.0])
    assert stop_here([math.inf])
    assert stop_here([*start, math.nan])
    assert not stop_here([-1.0, -1.2] * 10)


def test_spread_is_over_the_seeds_that_found_something():
    one, other = (analyze(RATES, 0.3 + fall(center, 0.3)) for center in (-4, -2))
    nothing = analyze(RATES, np.full(100, np.nan))
    found = spread([other, nothing, one])
    assert found["steepest"] == pytest.approx((math.sqrt(one.steepest * other.steepest), one.steepest, other.steepest))
    assert np.isnan(found["edge"]).all()
    assert list(found) == ["steepest", "valley", "minimum_tenth", "edge"]
    assert np.isnan(spread([])["steepest"]).all()
