"""Separable classes are found by every second-order method, and nothing else is taken for them."""

import numpy as np
import pytest

from tests.audit.references import logistic

SEPARABLE = "separable classes: the loss has no minimum"


def refuses(ran):
    assert ran.report["status"] == "stopped", ran.report["reason"]
    assert ran.report["reason"] == SEPARABLE
    assert np.isnan(ran.column("std_error")).all()
    assert "--l2" in ran.err
    assert "separable in part by" in ran.err


@pytest.mark.parametrize("options", [[], ["--no-standardize"], ["--tolerance", "1e-6"]])
@pytest.mark.parametrize("optimizer", ["newton", "lbfgs"])
def test_quasi_complete_separation_of_the_taxis(dlcli, case, optimizer, options):
    table = case("linear-lbfgs-quasi", "taxis.csv")
    refuses(dlcli("fit-linear", table, "--target", "payment", "--optimizer", optimizer, "--json", *options))


def quasi(seed):
    """Overlapping classes, and a column that is above 0 in one of them only."""
    random = np.random.default_rng(seed)
    X = random.normal(size=(200, 3))
    y = (X[:, 0] + random.logistic(size=200) > 0).astype(int)
    X[:, 2] = np.where((y == 1) & (random.random(200) < 0.5), random.exponential(size=200) + 0.01, 0.0)
    return X, y


def on_the_boundary(seed):
    """Complete separation but for rows of both classes at the same point."""
    random = np.random.default_rng(seed)
    x = np.concatenate([random.uniform(-3, 0, 30), random.uniform(0, 3, 30), [0, 0]])
    return x[:, None], np.array([0] * 30 + [1] * 30 + [0, 1])


@pytest.mark.thinned(5)
@pytest.mark.parametrize("optimizer", ["newton", "lbfgs"])
@pytest.mark.parametrize("scale", [1, 1e6, 1e-6])
@pytest.mark.parametrize("make", [quasi, on_the_boundary])
def test_quasi_complete_separation(fit, make, scale, optimizer):
    X, y = make(int(np.log10(scale)) + 6)
    refuses(fit(X * scale, np.array(["no", "yes"])[y], "--optimizer", optimizer))


@pytest.mark.parametrize("optimizer", ["newton", "lbfgs"])
def test_quasi_complete_separation_of_three_classes(fit, optimizer):
    X, y = quasi(1)
    third = (np.random.default_rng(2).random(200) < 0.3) & (X[:, 2] == 0)
    refuses(fit(X, np.array(["a", "b", "c"])[np.where(third, 2, y)], "--optimizer", optimizer))


@pytest.mark.parametrize("optimizer", ["newton", "lbfgs", "gd", "sgd", "adam"])
def test_complete_separation_has_no_errors_and_is_said(fit, optimizer):
    random = np.random.default_rng(0)
    y = np.arange(60) % 2
    steps = ["--steps", 300] if optimizer in ("gd", "sgd", "adam") else []
    X, labels = random.normal(size=(60, 2)) + 6 * y[:, None], np.array(["no", "yes"])[y]
    ran = fit(X, labels, "--optimizer", optimizer, *steps)
    assert ran.report["status"] != "converged"
    assert "perfectly separable" in ran.err
    assert "separable" in ran.report["std_error_reason"]


@pytest.mark.parametrize("optimizer", ["newton", "gd", "adam"])
def test_the_column_that_separates_is_named_however_the_fit_ended(fit, optimizer):
    X, y = quasi(6)
    labels = np.array(["no", "yes"])[y]
    ran = fit(X, labels, "--optimizer", optimizer, *(["--steps", 3000] if optimizer != "newton" else []))
    assert "the classes are separable in part by 'x2': the loss has no minimum" in ran.err
    assert ran.report["std_error_reason"].startswith("the classes are separable by 'x2', and")
    assert ran.report["status"] != "converged"


@pytest.mark.parametrize("options", [[], ["--no-standardize"]])
@pytest.mark.parametrize("optimizer", ["newton", "lbfgs"])
def test_year_and_its_square_have_a_finite_optimum(dlcli, case, optimizer, options):
    table = case("linear-false-separable", "year.csv")
    ran = dlcli("fit-linear", table, "--target", "made", "--optimizer", optimizer, "--json", *options)
    need = 1e-9 if optimizer == "newton" else 1e-6
    assert ran.report["status"] == "converged"
    assert "separable" not in ran.err
    # Where they came from: Newton's method in 60 digits.
    np.testing.assert_allclose(ran.column("value")[:, 0], [2164.7457835, -2.11309561258, 0.000515099098980], rtol=need)
    np.testing.assert_allclose(ran.column("std_error")[:, 0], [33560.937, 33.966460, 0.0085941977], rtol=1e-6)


@pytest.mark.parametrize("overlap", [1e-1, 1e-3, 1e-5])
@pytest.mark.parametrize("optimizer", ["newton", "lbfgs"])
def test_a_hair_of_overlap_is_no_separation(fit, optimizer, overlap):
    x = np.concatenate([np.linspace(-3, 0, 25), np.linspace(0, 3, 25)])
    x[24], x[25] = overlap, -overlap
    y = np.repeat([0, 1], 25)
    ran = fit(x[:, None], np.array(["no", "yes"])[y], "--optimizer", optimizer)
    assert "separable" not in ran.err
    if ran.report["status"] == "converged":
        expected, errors = logistic(x[:, None], y, start=ran.column("value")[:, 0])
        near = np.abs(ran.column("value")[:, 0] - expected)
        assert (near <= 1e-6 * np.maximum(np.abs(expected), 1e-3 * errors)).all()
