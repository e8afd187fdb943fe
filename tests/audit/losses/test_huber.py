"""fit-linear --loss huber through the command line, beside statsmodels' RLM and scikit-learn, and what goes with it."""

import numpy as np
import pytest
import statsmodels.api as sm
from sklearn.linear_model import HuberRegressor

from dlcli.linear.huber.scale import QUARTILE


def table(seed, n=150, d=3, df=2):
    random = np.random.default_rng(seed)
    X = random.normal(size=(n, d)) * 10.0 ** random.integers(-3, 4, size=d) + random.normal(size=d)
    y = X @ (random.normal(size=d) / X.std(axis=0)) + random.standard_t(df, size=n) * 10.0 ** random.integers(-2, 3)
    return X, y


def rlm(X, y, delta=1.345, intercept=True):
    X = sm.add_constant(X, has_constant="add") if intercept else X
    return sm.RLM(y, X, M=sm.robust.norms.HuberT(delta)).fit(tol=1e-15, maxiter=3000)


def close(ran, peer, rtol=1e-8):
    assert ran.code == 0, ran.err
    np.testing.assert_allclose(ran.column("value")[:, 0], peer.params, rtol=rtol)
    np.testing.assert_allclose(ran.column("std_error")[:, 0], peer.bse, rtol=rtol)
    assert ran.report["huber"]["scale"] == pytest.approx(peer.scale, rel=rtol)


CASES = [[], ["--no-intercept"], ["--no-standardize"], ["--loss", "huber:0.8"]]


@pytest.mark.parametrize(("seed", "options"), [(seed, CASES[seed % 4]) for seed in range(12)])
def test_it_is_statsmodels_rlm(fit, seed, options):
    X, y = table(seed, n=40 + 20 * seed, d=1 + seed % 4, df=1 + seed % 3)
    ran = fit(X, y, "--loss", "huber", *options)
    assert ran.report["status"] == "converged"
    close(ran, rlm(X, y, 0.8 if "huber:0.8" in options else 1.345, "--no-intercept" not in options))


@pytest.mark.parametrize("alpha", [0.0, 3.0])
def test_a_threshold_in_units_of_the_target_is_scikit_learns(fit, alpha):
    random = np.random.default_rng(3)
    X = random.normal(size=(200, 3))
    y = X @ [1.0, -2, 0.5] + 3 + random.standard_t(2, size=200)
    peer = HuberRegressor(epsilon=1.5, alpha=alpha, tol=1e-12, max_iter=10000).fit(X, y)
    l2 = ["--l2", repr(float(alpha * peer.scale_ / len(y)))] if alpha else []
    ran = fit(X, y, "--loss", f"huber-fixed:{float(1.5 * peer.scale_)!r}", "--no-standardize", *l2)
    np.testing.assert_allclose(ran.column("value")[:, 0], [peer.intercept_, *peer.coef_], rtol=1e-5)
    assert ran.report["huber"]["delta"] is None
    assert ran.report["loss"] == "huber-fixed"
    if alpha:
        assert ran.report["std_error_reason"] == "a penalty biases the coefficients"


def test_stack_loss_as_published_for_statsmodels(fit):
    data = sm.datasets.stackloss.load_pandas()
    ran = fit(data.exog.to_numpy(), data.endog.to_numpy(), "--loss", "huber")
    expected = [-41.02649835, 0.82938433, 0.92606597, -0.12784672]
    np.testing.assert_allclose(ran.column("value")[:, 0], expected, rtol=1e-6)
    np.testing.assert_allclose(
        ran.column("std_error")[:, 0], [9.79189854, 0.11100521, 0.30293016, 0.12864961], rtol=1e-6
    )
    assert ran.report["huber"]["scale"] == pytest.approx(2.4406, rel=1e-3)


def test_standard_errors_of_a_given_threshold_are_those_of_its_scale(fit):
    X, y = table(5)
    peer = rlm(X, y)
    ran = fit(X, y, "--loss", f"huber-fixed:{float(1.345 * peer.scale)!r}")
    close(ran, peer)


SCHEDULES = ["constant", "cosine", "time", "step", "exponential", "polynomial", "one-cycle", "adagrad", "hypergradient",
             "plateau"]  # fmt: skip


@pytest.mark.thinned(4)
@pytest.mark.parametrize("schedule", SCHEDULES)
def test_descent_ends_where_newton_does(fit, schedule):
    X, y = table(7, n=80, d=2, df=3)
    peer = rlm(X, y)
    ran = fit(X, y, "--loss", "huber", "--optimizer", "gd", "--schedule", schedule, "--steps", 3000)
    assert ran.code == 0, ran.err
    constant = schedule in ("constant", "plateau")
    np.testing.assert_allclose(ran.column("value")[:, 0], peer.params, rtol=1e-8 if constant else 0.02)
    assert (ran.report["status"] == "converged") == constant or not constant


@pytest.mark.parametrize("optimizer", ["lbfgs", "sgd", "adam"])
def test_other_optimizers(fit, optimizer):
    X, y = table(8, n=200, d=2, df=3)
    ran = fit(X, y, "--loss", "huber", "--optimizer", optimizer, "--steps", 4000)
    best = fit(X, y, "--loss", "huber").report["metrics"]["train"]["loss"]
    assert ran.report["metrics"]["train"]["loss"] == pytest.approx(best, rel=1e-12 if optimizer == "lbfgs" else 0.05)
    if optimizer == "lbfgs":
        np.testing.assert_allclose(ran.column("value")[:, 0], rlm(X, y).params, rtol=1e-6)


@pytest.mark.parametrize("options", [[], ["--l2", "0.3"], ["--l1", "0.05"], ["--optimizer", "gd"]])
def test_weights_are_rows_that_many_times(fit, options):
    X, y = table(9, n=90, df=3)
    weights = np.random.default_rng(0).integers(0, 4, size=90)
    weighted = fit(np.column_stack([X, weights]), y, "--loss", "huber", "--weights", "x3", *options)
    repeated = fit(np.repeat(X, weights, axis=0), np.repeat(y, weights), "--loss", "huber", *options)
    np.testing.assert_allclose(weighted.column("value"), repeated.column("value"), rtol=1e-12)
    if not options or options[0] == "--optimizer":
        np.testing.assert_allclose(weighted.column("std_error"), repeated.column("std_error"), rtol=1e-12)
    for part in ("metrics", "huber"):
        own, other = weighted.report[part], repeated.report[part]
        for name, value in (other["train"] if part == "metrics" else other).items():
            assert (own["train"] if part == "metrics" else own)[name] == pytest.approx(value, rel=1e-12)


def test_an_offset_is_taken_off_the_target(fit):
    X, y = table(10)
    offset = np.random.default_rng(1).normal(size=len(y))
    ran = fit(np.column_stack([X, offset]), y, "--loss", "huber", "--offset", "x3")
    close(ran, rlm(X, y - offset))


def test_the_target_may_be_in_any_unit(fit):
    X, y = table(11)
    one = fit(X, y, "--loss", "huber")
    for unit in (1e-9, 1e9):
        other = fit(X, y * unit, "--loss", "huber")
        assert other.report["status"] == "converged"
        np.testing.assert_allclose(other.column("value") / unit, one.column("value"), rtol=1e-9)
        np.testing.assert_allclose(other.column("p"), one.column("p"), rtol=1e-6)


def test_held_out_rows_eval_and_predictions(fit, dlcli, tmp_path):
    X, y = table(12, n=300)
    ran = fit(X, y, "--loss", "huber", "--val", 0.25)
    names = {"loss", "huber", "mae", "median_absolute_error", "rmse", "r2"}
    assert set(ran.report["metrics"]["val"]) == set(ran.report["metrics"]["train"]) == names
    seen = dlcli("eval", "run", "t.csv", "--json", "--check", "mae<=1e9").report
    values, c = ran.column("value")[:, 0], ran.report["huber"]["threshold"]
    predicted = values[0] + X @ values[1:]
    r = np.abs(y - predicted)
    found = seen["metrics"]["test"]
    assert found["huber"] == pytest.approx(np.mean(np.where(r <= c, r * r / 2, c * r - c * c / 2)), rel=1e-9)
    assert found["mae"] == pytest.approx(r.mean(), rel=1e-9)
    assert found["median_absolute_error"] == pytest.approx(np.median(r), rel=1e-9)
    assert found["rmse"] == pytest.approx(np.sqrt(np.mean(r * r)), rel=1e-9)
    assert found["r2"] == pytest.approx(1 - np.sum(r * r) / np.sum((y - y.mean()) ** 2), rel=1e-9)
    assert dlcli("eval", "run", "--json").report["metrics"]["test"] == pytest.approx(ran.report["metrics"]["val"])
    assert dlcli("predict", "run", "t.csv", "--interval", 0.9, "--out", "p.csv").code == 0
    rows = np.genfromtxt(tmp_path / "p.csv", delimiter=",", names=True)
    np.testing.assert_allclose(rows["prediction"], predicted, rtol=1e-9)
    assert (rows["location_low"] < predicted).all()
    fit(X, y, "--loss", "huber")
    assert dlcli("predict", "run", "t.csv", "--interval", 0.9, "--out", "q.csv").code == 0
    rows = np.genfromtxt(tmp_path / "q.csv", delimiter=",", names=True)
    away = 1.6448536269514722 * np.sqrt(_variances(X, y))
    np.testing.assert_allclose(rows["location_high"] - rows["prediction"], away, rtol=1e-6)


def _variances(X, y):
    """Those of predictions of a fit to all rows."""
    peer = rlm(X, y)
    Z = sm.add_constant(X)
    return np.einsum("ij,jk,ik->i", Z, peer.bcov_scaled, Z)


def test_the_scale_is_of_normal_residuals_their_deviation():
    assert pytest.approx(0.6744897501960817) == QUARTILE


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--schedule", "barzilai-borwein"], "such steps have no bound; use constant"),
        (["--robust", "HC1"], "--robust with --loss huber: its standard errors are Huber's own; leave it out"),
        (["--loss", "huber:-1"], "expected huber:DELTA, with DELTA a number above 0, in robust standard deviations"),
        (["--loss", "huber-fixed"], "expected huber-fixed:DELTA, with DELTA a number above 0, in units of the target"),
        (["--link", "log"], "--link log goes with --loss poisson"),
        (["--log-target"], "--log-target is for least squares"),
        (["--weights", "x0", "--weights-kind", "precision"], "--weights-kind precision does not go with --loss huber"),
        (["--optimizer", "exact"], "--optimizer exact is for mean squared error; use --optimizer newton"),
        (["--l2", "path"], "--l2 path is for mse and cross-entropy, not for --loss huber: give a number"),
    ],
)
def test_what_it_has_no_use_for_is_refused(fit, options, said):
    X, y = table(6, n=20)
    ran = fit(np.abs(X), y, "--loss", "huber", *options)
    assert ran.code == 2
    assert said in " ".join(ran.err.split())


def test_residuals_that_are_mostly_0_have_no_scale(fit):
    X = np.arange(40.0)[:, None]
    y = 2 * X[:, 0] + np.where(np.arange(40) % 5 == 0, 7.0, 0.0)
    ran = fit(X, y, "--loss", "huber")
    assert ran.code == 2
    assert "half of the residuals are 0, so they have no scale" in " ".join(ran.err.split())
    ran = fit(X, y, "--loss", "huber-fixed:1")
    assert ran.report["status"] == "converged"
