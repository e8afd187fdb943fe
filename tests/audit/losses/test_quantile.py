"""fit-linear --loss quantile:Q through the command line, beside scikit-learn and R, and all that goes with it."""

import numpy as np
import pytest
import statsmodels.api as sm
from sklearn.linear_model import QuantileRegressor


def table(seed, n=200, d=3):
    random = np.random.default_rng(seed)
    X = random.normal(size=(n, d)) * 10.0 ** random.integers(-3, 4, size=d) + random.normal(size=d)
    y = X @ random.normal(size=d) + random.standard_t(3, size=n) * (1 + 0.4 * np.abs(X[:, 0] / X[:, 0].std()))
    return X, y


def pinball(y, predicted, q):
    return float(np.mean(np.maximum(q * (y - predicted), (q - 1) * (y - predicted))))


@pytest.mark.parametrize("q", [0.05, 0.3, 0.5, 0.91])
@pytest.mark.parametrize("options", [[], ["--no-standardize"], ["--no-intercept"]])
def test_coefficients_and_loss_are_scikit_learns(fit, q, options):
    X, y = table(int(100 * q))
    ran = fit(X, y, "--loss", f"quantile:{q}", *options)
    peer = QuantileRegressor(quantile=q, alpha=0, solver="highs", fit_intercept=not options or "standard" in options[0])
    scale = X.std(axis=0)
    peer.fit(X / scale, y)
    expected = np.concatenate([[peer.intercept_] if peer.fit_intercept else [], peer.coef_ / scale])
    assert ran.report["status"] == "converged"
    assert ran.report["loss"] == "quantile"
    assert ran.report["quantile"] == q
    np.testing.assert_allclose(ran.column("value")[:, 0], expected, rtol=1e-6)
    metrics, predicted = ran.report["metrics"]["train"], peer.predict(X / scale)
    assert metrics["pinball"] == metrics["loss"] == pytest.approx(pinball(y, predicted, q), rel=1e-9)
    assert metrics["mae"] == pytest.approx(np.mean(np.abs(y - predicted)), rel=1e-9)
    assert metrics["rmse"] == pytest.approx(np.sqrt(np.mean((y - predicted) ** 2)), rel=1e-9)


@pytest.mark.parametrize("l1", [0.02, 0.5])
def test_l1_is_scikit_learns_alpha(fit, l1):
    X, y = table(3, d=5)
    ran = fit(X, y, "--loss", "quantile:0.4", "--l1", l1)
    Z = (X - X.mean(axis=0)) / X.std(axis=0)
    peer = QuantileRegressor(quantile=0.4, alpha=l1, solver="highs").fit(Z, y)
    slopes = ran.column("value")[1:, 0]
    np.testing.assert_allclose(slopes * X.std(axis=0), peer.coef_, rtol=1e-6, atol=1e-12)
    assert np.array_equal(slopes == 0, np.abs(peer.coef_) < 1e-12)
    assert ran.report["std_error_reason"] == "a penalty biases the coefficients"


def test_engels_summary_as_published_for_r(fit):
    data = sm.datasets.engel.load_pandas().data
    ran = fit(data[["income"]].to_numpy(), data["foodexp"].to_numpy(), "--loss", "quantile:0.5")
    np.testing.assert_allclose(ran.column("value")[:, 0], [81.48225, 0.56018], atol=5e-6)
    np.testing.assert_allclose(ran.column("std_error")[:, 0], [19.25066, 0.02828], atol=5e-6)
    np.testing.assert_allclose(ran.column("statistic")[:, 0], [4.23270, 19.81032], atol=5e-6)
    assert ran.report["summary"]["inference"]["covariance"] == "nid"


def test_other_coefficients_that_are_as_good_are_said(fit):
    ran = fit(np.arange(4.0)[:, None] % 2, np.array([1.0, 5, 2, 9]), "--loss", "quantile:0.5")
    assert ran.report["reason"] == "linear program solved; other coefficients are as good"


def test_columns_that_depend_on_others_have_no_coefficient(fit):
    X, y = table(4)
    ran = fit(np.column_stack([X, X[:, 0] + X[:, 1]]), y, "--loss", "quantile:0.5")
    without = fit(X, y, "--loss", "quantile:0.5")
    np.testing.assert_allclose(ran.column("value")[:-1, 0], without.column("value")[:, 0], rtol=1e-7)
    assert ran.column("value")[-1, 0] == 0
    assert "'x3' depends on 'x0' and 'x1'" in ran.err
    assert ran.report["std_error_reason"] == "the columns don't determine every coefficient"


def test_held_out_rows_eval_and_predictions(fit, dlcli, tmp_path):
    X, y = table(5)
    ran = fit(X, y, "--loss", "quantile:0.8", "--val", 0.25)
    assert set(ran.report["metrics"]["val"]) == {"loss", "pinball", "coverage", "mae", "rmse"}
    seen = dlcli("eval", "run", "t.csv", "--json", "--check", "pinball<=1000").report
    values = ran.column("value")[:, 0]
    predicted = values[0] + X @ values[1:]
    assert seen["quantile"] == 0.8
    assert seen["metrics"]["test"]["pinball"] == pytest.approx(pinball(y, predicted, 0.8), rel=1e-9)
    assert seen["metrics"]["test"]["coverage"] == pytest.approx(np.mean(y <= predicted), abs=0.02)
    assert dlcli("predict", "run", "t.csv", "--interval", 0.9, "--out", "p.csv").code == 0
    rows = np.genfromtxt(tmp_path / "p.csv", delimiter=",", names=True)
    np.testing.assert_allclose(rows["prediction"], predicted, rtol=1e-9)
    assert (rows["quantile_low"] < predicted).all()
    assert (rows["quantile_high"] > predicted).all()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--l2", "0.1"], "--l2 with --loss quantile:0.5: a penalty of squares makes it no linear program; use --l1"),
        (["--optimizer", "gd"], "--optimizer gd: --loss quantile:0.5 is solved as a linear program; leave it out"),
        (["--robust", "HC1"], "its standard errors allow rows to differ in spread already; leave it out"),
        (["--lr", "0.1"], "--lr with --loss quantile:0.5: it is solved as a linear program, in one step"),
        (["--early-stop", "3", "--val", "0.2"], "--early-stop with --loss quantile:0.5"),
        (["--loss", "quantile:1.5"], "expected quantile:Q, with Q a number between 0 and 1; 0.5 is the median"),
        (["--loss", "quantile"], "expected quantile:Q, with Q a number between 0 and 1; 0.5 is the median"),
        (["--link", "log"], "--link log goes with --loss poisson"),
    ],
)
def test_what_it_has_no_use_for_is_refused(fit, options, said):
    X, y = table(6, n=20)
    ran = fit(X, y, "--loss", "quantile:0.5", *options)
    assert ran.code == 2
    assert said in " ".join(ran.err.split())


def test_fewer_rows_than_columns_need_a_penalty(fit):
    random = np.random.default_rng(0)
    X, y = random.normal(size=(5, 9)), random.normal(size=5)
    ran = fit(X, y, "--loss", "quantile:0.5")
    assert ran.code == 2
    assert "add --l1" in ran.err
    assert fit(X, y, "--loss", "quantile:0.5", "--l1", 0.1).report["status"] == "converged"


def test_weights_are_rows_that_many_times(fit):
    X, y = table(8, n=120)
    weights = np.random.default_rng(0).integers(0, 4, size=120)
    weighted = fit(np.column_stack([X, weights]), y, "--loss", "quantile:0.6", "--weights", "x3")
    repeated = fit(np.repeat(X, weights, axis=0), np.repeat(y, weights), "--loss", "quantile:0.6")
    np.testing.assert_allclose(weighted.column("value"), repeated.column("value"), rtol=1e-9)
    np.testing.assert_allclose(weighted.column("std_error"), repeated.column("std_error"), rtol=1e-6)
    for name, value in repeated.report["metrics"]["train"].items():
        assert weighted.report["metrics"]["train"][name] == pytest.approx(value, rel=1e-9)
