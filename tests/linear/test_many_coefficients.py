"""Many columns, and many classes: methods and memory are by what the table needs."""

import numpy as np
import pytest

from dlcli.config.fit_linear import FitLinearConfig
from dlcli.linear.plan import MOST_FOR_NEWTON, make_plan
from tests.conftest import CASES


def write(path, X, y):
    names = [*(f"x{i}" for i in range(X.shape[1])), "y"]
    lines = [",".join(map(repr, row)) + f",{label}" for row, label in zip(X.tolist(), y, strict=True)]
    path.write_text(",".join(names) + "\n" + "\n".join(lines) + "\n")


def classes(n, d, k, seed=0):
    random = np.random.default_rng(seed)
    X = random.normal(size=(n, d))
    scores = X[:, :5] @ random.normal(size=(5, k)) + random.gumbel(size=(n, k))
    return X, np.array([f"c{i:02}" for i in np.argmax(scores, axis=1)])


@pytest.mark.parametrize(
    ("options", "coefficients", "optimizer"),
    [
        ({}, MOST_FOR_NEWTON, "newton"),
        ({}, MOST_FOR_NEWTON + 1, "lbfgs"),
        ({"optimizer": "newton"}, 10**6, "newton"),
        ({"l1": 0.1}, 2 * MOST_FOR_NEWTON, "newton"),
        ({"l1": 0.1}, 2 * MOST_FOR_NEWTON + 1, "gd"),
        ({"momentum": 0.9}, 10**6, "gd"),
    ],
)
def test_newton_gives_way_where_coefficients_are_many(options, coefficients, optimizer):
    plan = make_plan(FitLinearConfig.build(options), "softmax", demo=False, coefficients=coefficients)
    assert plan.optimizer == optimizer


@pytest.mark.parametrize("columns", [60, 110])  # with and without the Hessian, at rest
def test_lbfgs_in_newtons_place_is_said_and_recorded(dlcli, tmp_path, columns):
    from sklearn.linear_model import LogisticRegression

    X, y = classes(300, columns, 20)
    write(tmp_path / "t.csv", X, y)
    ran = dlcli("fit-linear", "t.csv", "--target", "y", "--l2", 0.01, "--json", "--plots", "none")
    assert ran.code == 0, ran.err
    assert "--optimizer lbfgs, as newton would solve for all of them" in ran.err
    report = ran.report
    assert (report["optimizer"], report["status"]) == ("lbfgs", "converged")
    Z = (X - X.mean(axis=0)) / X.std(axis=0)
    model = LogisticRegression(C=1 / (len(y) * 0.01), tol=1e-12, max_iter=10000).fit(Z, y)
    for i in (0, 3, 17):
        found = np.array(list(report["coefficients"][f"x{i}"]["value"].values())) * X[:, i].std()
        np.testing.assert_allclose(found, model.coef_[:, i], atol=1e-6)
    quiet = dlcli("fit-linear", "t.csv", "--target", "y", "--l2", 0.01, "--optimizer", "lbfgs", "--json", "--out", "b")
    assert "newton" not in quiet.err
    assert quiet.report["coefficients"] == report["coefficients"]


def test_the_case_of_many_classes(dlcli):
    table = CASES / "newton-many-classes" / "bills.csv"
    if not table.is_file():
        pytest.skip(f"no {table}")
    options = ["--target", "Status", "--missing", "mean", "--drop", "Bill", "--json", "--plots", "none"]
    ran = dlcli("fit-linear", table, *options)
    assert ran.code == 0, ran.err
    assert ran.report["optimizer"] == "lbfgs"
    assert ran.report["metrics"]["train"]["log_loss"] < 0.521321  # scikit-learn's
