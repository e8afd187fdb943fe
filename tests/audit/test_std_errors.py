"""Standard errors stand at an optimum of the unpenalized objective only; everywhere else stands why not."""

import numpy as np
import pytest


def table(seed=0, n=120, d=3):
    random = np.random.default_rng(seed)
    X = random.normal(size=(n, d))
    return X, X @ random.normal(size=d) + random.normal(size=n)


def classes(seed=0, n=150, d=3):
    X, y = table(seed, n, d)
    return X, np.where(y + np.random.default_rng(seed + 1).logistic(size=n) > 0, "yes", "no")


def blank(ran):
    return np.isnan(ran.column("std_error")).all() and bool(ran.report["std_error_reason"])


@pytest.mark.parametrize(
    ("options", "why"),
    [
        (["--optimizer", "sgd", "--steps", "300"], "sgd"),
        (["--optimizer", "adam", "--steps", "300"], "adam"),
        (["--optimizer", "sgd", "--dropout", "0.2", "--steps", "300"], "sgd"),
        (["--steps", "5", "--lr", "0.01"], "not reached"),
        (["--tolerance", "0.5", "--lr", "0.1"], "not reached"),
        (["--l2", "0.1"], "penalty"),
        (["--l1", "0.1"], "penalty"),
        (["--optimizer", "exact", "--l2", "0.1"], "penalty"),
    ],
)
def test_blank_away_from_the_unpenalized_optimum(dlcli, fit, options, why):
    X, y = table()
    ran = fit(X, y, *options)
    assert blank(ran)
    assert why in ran.report["std_error_reason"]
    if not any(o.startswith("--l") and o != "--lr" for o in options):
        assert ran.report["status"] != "converged"
    text = dlcli("fit-linear", "t.csv", "--target", "y", "--out", "run", "--force", *options).out
    assert f"no standard errors: {ran.report['std_error_reason']}" in text


@pytest.mark.parametrize("optimizer", ["newton", "lbfgs", "gd", "sgd", "adam"])
@pytest.mark.parametrize("options", [["--l2", "0.1"], ["--tolerance", "0.3"], ["--steps", "1"]])
def test_blank_for_classes_away_from_it(fit, optimizer, options):
    steps = ["--steps", 300] if optimizer in ("sgd", "adam") and "--steps" not in options else []
    ran = fit(*classes(), "--optimizer", optimizer, *options, *steps)
    assert blank(ran)
    assert ran.report["status"] != "converged" or "--l2" in options


@pytest.mark.parametrize("optimizer", ["gd", "exact", "newton", "lbfgs"])
def test_blank_for_a_column_that_depends_on_others(fit, optimizer):
    X, y = classes() if optimizer in ("newton", "lbfgs") else table()
    ran = fit(np.column_stack([X, X[:, 0] - 2 * X[:, 1]]), y, "--optimizer", optimizer)
    # It is left out, and the others are as without it.
    found = ran.column("std_error")[:, 0]
    assert np.isnan(found).tolist() == [False] * 4 + [True]
    assert found[:4] == pytest.approx(fit(X, y, "--optimizer", optimizer).column("std_error")[:, 0], rel=1e-6)
    assert "only 4 of 5" in ran.err


def test_blank_without_degrees_of_freedom(fit):
    random = np.random.default_rng(0)
    for optimizer in ("gd", "exact"):
        assert blank(fit(random.normal(size=(4, 3)), random.normal(size=4), "--optimizer", optimizer))


def test_an_optimum_reached_without_a_tolerance_has_them(fit):
    X, y = table()
    ran = fit(X, y, "--tolerance", 0, "--steps", 20_000)
    assert ran.report["status"] == "finished"
    exact = fit(X, y, "--optimizer", "exact").column("std_error")
    np.testing.assert_allclose(ran.column("std_error"), exact, rtol=1e-6)


def test_softmax_agrees_with_statsmodels(fit):
    import statsmodels.api as sm

    X, score = table(n=300)
    y = np.digitize(score + np.random.default_rng(5).logistic(size=300), [-1, 1])
    ran = fit(X, np.array(["a", "b", "c"])[y])
    found = sm.MNLogit(y, sm.add_constant(X)).fit(disp=0, method="newton", tol=1e-14)
    theta = np.column_stack([np.zeros(4), found.params])
    np.testing.assert_allclose(ran.column("value"), theta - theta.mean(axis=1, keepdims=True), rtol=1e-8, atol=1e-10)
    # From contrasts with the first class to coefficients that sum to zero: the same linear map of the covariance.
    to_sums = np.eye(3)[:, 1:] - 1 / 3
    whole = np.kron(to_sums, np.eye(4)) @ found.cov_params() @ np.kron(to_sums, np.eye(4)).T
    np.testing.assert_allclose(ran.column("std_error"), np.sqrt(np.diag(whole)).reshape(3, 4).T, rtol=1e-6)


@pytest.mark.parametrize("optimizer", ["gd", "exact"])
def test_a_fit_without_residuals_converges_and_has_no_digits_of_them_made_of_rounding(fit, optimizer):
    X = np.random.default_rng(0).normal(size=(50, 2))
    ran = fit(X, 2 * X[:, 0], "--optimizer", optimizer)
    assert ran.report["status"] == "converged"
    np.testing.assert_allclose(ran.column("value")[:, 0], [0, 2, 0], atol=1e-14)
    if optimizer == "gd":
        assert blank(ran)
        assert "residuals" in ran.report["std_error_reason"]


@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_mini_batches_that_end_far_from_the_optimum_say_so(fit, optimizer):
    X, y = table()
    X[:, 1] = X[:, 0] + 1e-3 * X[:, 1]
    ran = fit(X, X @ [30.0, -30.0, 1.0] + y, "--optimizer", optimizer, "--steps", "2000")
    assert "off the optimum, by up to" in ran.report["std_error_reason"]
    assert "ended far from the optimum" in ran.err
    assert "--optimizer exact" in ran.err
    ordinary = fit(*table(), "--optimizer", optimizer)
    assert "far from the optimum" not in ordinary.err
    assert blank(ordinary)


def test_mini_batches_that_end_far_from_the_optimum_of_classes_say_so(fit):
    X, y = classes()
    X[:, 1] = X[:, 0] + 1e-3 * X[:, 1]
    ran = fit(X, y, "--optimizer", "sgd", "--steps", "1000")
    assert "ended far from the optimum" in ran.err
    assert "--optimizer newton" in ran.err


@pytest.mark.parametrize("optimizer", ["gd", "exact"])
@pytest.mark.parametrize("value", [3.0, 0.1])
def test_a_constant_target_is_said(fit, optimizer, value):
    X, _ = table()
    ran = fit(X, np.full(len(X), value), "--optimizer", optimizer)
    assert "the target is constant" in ran.err
    assert ran.report["status"] == "converged"
    assert ran.column("value")[0, 0] == pytest.approx(value, rel=1e-9)
    assert np.abs(ran.column("value")[1:]).max() < 1e-40
    errors = ran.column("std_error")
    assert np.isnan(errors).all() or (errors == 0).all()


def test_a_perfect_fit_of_whole_numbers_has_no_errors_of_rounding(fit):
    X = np.round(3 * table()[0])
    for optimizer in ("gd", "exact"):
        errors = fit(X, X @ [1.0, 0.0, 3.0], "--optimizer", optimizer).column("std_error")
        assert np.isnan(errors).all() or (errors == 0).all()
