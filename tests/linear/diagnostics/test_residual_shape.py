"""Quantiles, shape and order of residuals, against statsmodels, SciPy and NumPy."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from statsmodels.api import OLS, WLS, add_constant
from statsmodels.stats.stattools import durbin_watson, jarque_bera, omni_normtest

from dlcli.config.fit_linear import FitLinearConfig
from dlcli.linear.diagnostics.residual_shape import ResidualShape
from dlcli.linear.inference.shown import as_a_whole
from dlcli.reports.fit_linear import FitLinearReport
from dlcli.tasks.fit_linear import fit_linear
from tests.thinning.examples import examples


def of(residuals, weights=None, *, frequency=True, chunk=64):
    shape = ResidualShape(frequency=frequency)
    for first in range(0, len(residuals), chunk):
        some = slice(first, first + chunk)
        shape.add(residuals[some], None if weights is None else weights[some])
    return shape.found()


@pytest.mark.parametrize("n", [9, 100, 1500])
def test_they_are_those_of_statsmodels_and_numpy(n):
    residuals = np.random.default_rng(n).gamma(2.0, size=n) - 1
    found = of(residuals)
    bera, bera_p, skewness, kurtosis = jarque_bera(residuals)
    omnibus, omnibus_p = omni_normtest(residuals)
    assert found.durbin_watson == pytest.approx(durbin_watson(residuals), rel=1e-12)
    assert (found.skewness, found.kurtosis) == pytest.approx((skewness, kurtosis), rel=1e-11)
    assert (found.jarque_bera, found.jarque_bera_p) == pytest.approx((bera, bera_p), rel=1e-9)
    assert (found.omnibus, found.omnibus_p) == pytest.approx((omnibus, omnibus_p), rel=1e-9)
    quantiles = (found.min, found.q1, found.median, found.q3, found.max)
    assert quantiles == pytest.approx(np.quantile(residuals, (0, 0.25, 0.5, 0.75, 1)), rel=1e-12)
    assert found.sampled is None


@given(counts=st.lists(st.integers(1, 4), min_size=3, max_size=30), chunk=st.integers(1, 7))
@settings(max_examples=examples(40), deadline=None)
def test_a_weight_of_three_is_three_rows(counts, chunk):
    residuals = np.random.default_rng(len(counts)).normal(size=len(counts)) + 5
    repeated = of(np.repeat(residuals, counts)).model_dump()
    weighted = of(residuals, np.array(counts, dtype=float), chunk=chunk).model_dump()
    assert weighted == pytest.approx(repeated, rel=1e-9, abs=1e-12)


def test_digits_stay_where_residuals_have_no_mean_of_zero():
    residuals = np.random.default_rng(0).normal(size=500) + 1e6
    assert of(residuals).kurtosis == pytest.approx(stats.kurtosis(residuals, fisher=False), rel=1e-8)


def test_quartiles_of_many_rows_are_of_a_sample_and_ends_are_not():
    residuals = np.random.default_rng(0).normal(size=150_000)
    found = of(residuals, chunk=40_000)
    assert (found.sampled, found.min, found.max) == (100_000, residuals.min(), residuals.max())
    assert found.median == pytest.approx(np.median(residuals), abs=0.01)


def test_no_residual_says_nothing():
    assert of(np.zeros(5)) is None
    assert of(np.zeros(0)) is None


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    rng = np.random.default_rng(3)
    x, weights, offset = rng.normal(size=(60, 2)), rng.integers(1, 5, size=60), rng.normal(size=60)
    y = x @ [1.5, -2] + offset + rng.gumbel(size=60)
    path = tmp_path_factory.mktemp("shape") / "t.csv"
    rows = np.column_stack([x, weights, offset, y])
    np.savetxt(path, rows, delimiter=",", header="a,b,w,o,y", comments="", fmt="%.17g")
    return path, x, weights, offset, y


@pytest.mark.parametrize("kind", ["none", "frequency", "precision", "offset"])
def test_a_fit_has_those_of_its_training_rows(table, tmp_path, kind):
    path, x, weights, offset, y = table
    given = {"none": {}, "offset": {"offset": "o"}}.get(kind, {"weights": "w", "weights_kind": kind})
    drop = {"none": ("w", "o"), "offset": ("w",)}.get(kind, ("o",))
    options = {"data": (str(path),), "drop": drop, "diagnostics": True, "out": tmp_path / "run", "optimizer": "exact"}
    report = fit_linear(FitLinearConfig.build({**options, **given}))
    X, wanted = add_constant(x), y - offset if kind == "offset" else y
    if kind == "frequency":
        X, wanted = np.repeat(X, weights, axis=0), np.repeat(wanted, weights)
    fit = WLS(wanted, X, weights).fit() if kind == "precision" else OLS(wanted, X).fit()
    found = report.summary.residuals
    assert found.durbin_watson == pytest.approx(durbin_watson(fit.wresid), rel=1e-9)
    assert found.jarque_bera == pytest.approx(jarque_bera(fit.wresid)[0], rel=1e-8)
    assert found.median == pytest.approx(np.median(fit.wresid), rel=1e-8)
    again = FitLinearReport.model_validate(json.loads((tmp_path / "run" / "report.json").read_text()))
    assert again.summary == report.summary


def test_lines_show_them(table, tmp_path):
    options = {"data": (str(table[0]),), "diagnostics": True, "out": tmp_path / "run", "val": 0.25}
    report = fit_linear(FitLinearConfig.build(options))
    first, second = as_a_whole(report)[-2:]
    assert first.startswith("residuals: min ")
    assert f"Durbin-Watson {report.summary.residuals.durbin_watson:.4g}, by order of rows" in second
    plain = fit_linear(FitLinearConfig.build({**options, "diagnostics": False, "force": True}))
    assert plain.summary.residuals is None
    assert not any("Durbin" in line for line in as_a_whole(plain))
