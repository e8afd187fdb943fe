"""Fits that leave next to nothing: moments cancel there, so residuals are measured, on whatever rows."""

import numpy as np
import pytest

from tests.audit import references


def table(noise, n=200):
    random = np.random.default_rng(3)
    X = random.normal(size=(n, 2))
    return X, 1 + X @ [2.0, -1.0] + noise * random.normal(size=n)


def metrics(ran, part):
    return ran.report["metrics"][part]


@pytest.mark.parametrize("optimizer", ["gd", "exact", "sgd"])
def test_scores_of_rows_held_out_are_those_that_eval_measures(dlcli, fit, optimizer):
    X, y = table(1e-9)
    ran = fit(X, y, "--optimizer", optimizer, "--val", "0.3", "--cv", "3", "--missing", "mean", "--out", "run")
    measured = dlcli("eval", "run", "--json")
    assert "have changed" not in measured.err
    assert metrics(ran, "val")["loss"] == pytest.approx(metrics(measured, "test")["loss"], rel=1e-6)
    assert 5e-10 < ran.report["cv"]["metrics"]["rmse"]["mean"] < 2e-9


def test_large_coefficients_that_cancel_don_t_blur_the_scores(dlcli, fit):
    random = np.random.default_rng(4)
    X = random.normal(size=(200, 2))
    X[:, 1] = X[:, 0] + 1e-7 * X[:, 1]
    y = X @ [1e7, -1e7] + 1e-3 * random.normal(size=200)
    ran = fit(X, y, "--optimizer", "exact", "--val", "0.3", "--out", "run")
    measured = dlcli("eval", "run", "--json")
    assert "have changed" not in measured.err
    assert metrics(ran, "val")["loss"] == pytest.approx(metrics(measured, "test")["loss"], rel=1e-5)


def test_the_rounding_of_a_perfect_fit_is_no_change_of_data(dlcli, fit):
    X, y = table(0.0)
    fit(X, y + 1e6, "--val", "0.3", "--out", "run")
    assert "have changed" not in dlcli("eval", "run").err


@pytest.mark.parametrize("noise", [1e-5, 1e-6, 1e-7, 1e-8, 1e-9, 1e-10, 1e-12])
def test_standard_errors_stand_as_long_as_residuals_have_digits(fit, noise):
    X, y = table(noise)
    ran = fit(X, y)
    errors = ran.column("std_error")[:, 0]
    if noise >= 1e-8:
        assert errors == pytest.approx(references.least_squares(X, y)[1], rel=1e-6)
    else:
        assert np.isnan(errors).all() or errors == pytest.approx(references.least_squares(X, y)[1], rel=1e-6)
        assert np.isfinite(errors).all() or ran.report["std_error_reason"]
