"""Fewer rows than columns: the rows stand in place of the products of columns, and the results are the same."""

import subprocess
import sys

import numpy as np
import pytest

from dlcli.config.fit_linear import FitLinearConfig
from dlcli.linear.diagnostics import duplicates
from dlcli.linear.objectives import moments
from dlcli.linear.objectives.moments import Moments
from dlcli.tasks.fit_linear import fit_linear
from tests.linear.test_many_coefficients import write


def table(n=30, d=45, classes=0, gaps=False, seed=0):
    random = np.random.default_rng(seed)
    X = random.normal(size=(n, d)) * 10.0 ** random.integers(-1, 2, d) + random.normal(size=d)
    scores = (X[:, :3] - X[:, :3].mean(axis=0)) / X[:, :3].std(axis=0) @ random.normal(size=(3, max(classes, 1)))
    if gaps:
        X[random.random(X.shape) < 0.05] = np.nan
    if not classes:
        return X, scores[:, 0] + 0.1 * random.normal(size=n) + 5
    return X, np.array([f"c{i}" for i in np.argmax(scores + random.gumbel(size=scores.shape), axis=1)])


def fitted(folder, options, *, many, monkeypatch):
    monkeypatch.setattr(moments, "MANY_COLUMNS", many)
    where = {"data": (str(folder / "t.csv"),), "target": "y", "out": folder / "run", "force": True, "plots": "none"}
    return fit_linear(FitLinearConfig.build(where | options))


def values(report):
    found = [c.value for c in report.coefficients.values()]
    return np.array([list(v.values()) if isinstance(v, dict) else [v] for v in found])


SQUARES = {
    "ridge": {"l2": 0.1},
    "lasso": {"l1": 0.1},
    "elastic net": {"l1": 0.05, "l2": 0.5},
    "no intercept": {"l2": 0.1, "intercept": False},
    "columns as they are": {"l2": 0.1, "standardize": False, "steps": 2000},
    "momentum": {"l2": 0.01, "momentum": 0.9, "nesterov": True},
    "polyak": {"l2": 0.01, "schedule": "polyak"},
    "adagrad": {"l2": 1.0, "schedule": "adagrad", "steps": 300},
    "validation": {"l2": 0.1, "val": 0.2, "early_stop": 3, "report_every": 5},
    "folds": {"l2": 0.1, "cv": 3},
    "gaps": {"l2": 0.1, "missing": "mean"},
    "gaps in folds": {"l2": 0.1, "missing": "mean", "cv": 3},
    "sgd": {"l2": 0.1, "optimizer": "sgd", "steps": 50},
    "adam": {"l1": 0.1, "optimizer": "adam", "steps": 50},
    "exact": {"l2": 0.1, "optimizer": "exact"},
}
CLASSES = {
    "newton": {"l2": 0.1},
    "lbfgs": {"l2": 0.1, "optimizer": "lbfgs"},
    "gd": {"l2": 0.1, "optimizer": "gd"},
    "lasso": {"l1": 0.05},
    "columns as they are": {"l2": 0.1, "standardize": False},
    "validation": {"l2": 0.1, "val": 0.2, "early_stop": 3, "optimizer": "gd"},
    "folds": {"l2": 0.1, "cv": 3},
}


@pytest.mark.parametrize("name", SQUARES)
def test_rows_and_products_give_the_same_least_squares(name, tmp_path, monkeypatch):
    options = SQUARES[name]
    write(tmp_path / "t.csv", *table(gaps="missing" in options))
    dense, wide = (fitted(tmp_path, options, many=many, monkeypatch=monkeypatch) for many in (10**9, 5))
    scale = np.abs(values(dense)).max()
    np.testing.assert_allclose(values(wide), values(dense), atol=1e-10 * scale, rtol=1e-6)
    assert wide.lr == pytest.approx(dense.lr, rel=1e-9, nan_ok=True)
    assert wide.steps == pytest.approx(dense.steps, abs=20 if name == "polyak" else 2)
    for part, metrics in dense.metrics.items():
        assert wide.metrics[part]["loss"] == pytest.approx(metrics["loss"], rel=1e-6, abs=1e-12)
    if dense.cv is not None:
        assert wide.cv.metrics["loss"].mean == pytest.approx(dense.cv.metrics["loss"].mean, rel=1e-8)
    assert wide.condition_number == pytest.approx(dense.condition_number, rel=1e-6)
    assert wide.status == "converged" or wide.status == dense.status


@pytest.mark.thinned(5)
@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize("name", CLASSES)
def test_rows_and_products_give_the_same_classes(name, classes, tmp_path, monkeypatch):
    options = {"loss": "cross-entropy", **CLASSES[name]}
    write(tmp_path / "t.csv", *table(n=40, classes=classes))
    dense, wide = (fitted(tmp_path, options, many=many, monkeypatch=monkeypatch) for many in (10**9, 5))
    scale = np.abs(values(dense)).max()
    exact = name != "lbfgs"
    np.testing.assert_allclose(values(wide), values(dense), atol=(1e-9 if exact else 1e-6) * scale)
    for part, metrics in dense.metrics.items():
        assert wide.metrics[part] == pytest.approx(metrics, rel=1e-7)
    assert wide.status == dense.status


@pytest.mark.parametrize(("option", "strength"), [("l2", 0.1), ("l1", 0.05)])
def test_wide_least_squares_agree_with_scikit_learn(option, strength, tmp_path, dlcli):
    from sklearn.linear_model import Lasso, Ridge

    X, y = table(n=40, d=700)
    write(tmp_path / "t.csv", X, y)
    ran = dlcli("fit-linear", "t.csv", "--target", "y", f"--{option}", strength, "--json", "--plots", "none")
    assert ran.code == 0, ran.err
    report = ran.report
    assert report["status"] == "converged"
    Z = (X - X.mean(axis=0)) / X.std(axis=0)
    if option == "l2":
        model = Ridge(alpha=strength * len(y), solver="svd").fit(Z, y)
    else:
        model = Lasso(alpha=strength, tol=1e-14, max_iter=10**6).fit(Z, y)
    found = np.array([report["coefficients"][f"x{i}"]["value"] for i in range(700)]) * X.std(axis=0)
    np.testing.assert_allclose(found, model.coef_, atol=(1e-11 if option == "l2" else 1e-7) * np.abs(model.coef_).max())
    rmse = np.sqrt(np.mean((model.predict(Z) - y) ** 2))
    assert report["metrics"]["train"]["rmse"] == pytest.approx(rmse, rel=1e-10 if option == "l2" else 1e-6)


@pytest.mark.parametrize("classes", [2, 4])
def test_wide_classes_agree_with_scikit_learn(classes, tmp_path, dlcli):
    from sklearn.linear_model import LogisticRegression

    X, y = table(n=60, d=700, classes=classes)
    write(tmp_path / "t.csv", X, y)
    ran = dlcli("fit-linear", "t.csv", "--target", "y", "--l2", 0.1, "--json", "--plots", "none")
    assert ran.code == 0, ran.err
    assert ran.report["status"] == "converged"
    assert ran.report["optimizer"] == "newton"  # as in the span of the rows there are few coefficients
    Z = (X - X.mean(axis=0)) / X.std(axis=0)
    model = LogisticRegression(C=1 / (0.1 * len(y)), tol=1e-13, max_iter=10**5).fit(Z, y)
    expected = -np.mean(np.log(model.predict_proba(Z)[np.arange(len(y)), np.searchsorted(model.classes_, y)]))
    assert ran.report["metrics"]["train"]["log_loss"] == pytest.approx(expected, rel=1e-7)


def test_wide_tables_without_a_penalty_get_a_small_one_and_a_word(dlcli, tmp_path):
    write(tmp_path / "t.csv", *table(n=40, d=700))
    words = ["fit-linear", "t.csv", "--target", "y", "--json", "--plots", "none"]
    ran = dlcli(*words)
    assert ran.code == 0, ran.err
    assert "warning: 40 rows can't determine 701 coefficients: an L2 penalty of 0.1" in ran.err
    assert ran.report["decisions"][-1]["settle"] == "--l2 0.1"
    assert dlcli(*words, "--strict").code == 2
    said = dlcli(*words, "--strict", "--l2", "0.1")
    assert said.report["coefficients"] == ran.report["coefficients"]
    refused = dlcli(*words, "--l2", "0")
    assert refused.code == 2
    assert "40 rows can't determine 701 coefficients" in refused.err


def test_memory_is_that_of_the_rows(tmp_path):
    random = np.random.default_rng(0)
    np.save(tmp_path / "t.npy", random.normal(size=(100, 6000)))
    code = (
        "import resource\n"
        "from dlcli.config.fit_linear import FitLinearConfig\n"
        "from dlcli.tasks.fit_linear import fit_linear\n"
        f"config = FitLinearConfig.build({{'data': ({str(tmp_path / 't.npy')!r},), 'target': 'column_1', 'l2': 0.1, "
        f"'out': {str(tmp_path / 'run')!r}, 'plots': 'none'}})\n"
        "import polars, pydantic\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "fit_linear(config)\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert int(done.stdout) < 200_000  # KiB; one matrix of products would be 288 MB, and there were eight


def test_too_many_columns_for_the_memory_are_refused(monkeypatch, tmp_path):
    from dlcli.errors import DlcliError
    from dlcli.linear.objectives import room

    monkeypatch.setattr(room, "available_memory", lambda: 10**5)
    write(tmp_path / "t.csv", *table(n=90, d=45))
    with pytest.raises(DlcliError, match="46 columns need about"):
        fitted(tmp_path, {}, many=5, monkeypatch=monkeypatch)


def parts(random, d):
    for count in (3, 4, 2, 5):
        yield random.normal(size=(count, d)) + 100


def test_moments_by_rows_are_those_by_products(monkeypatch):
    random = np.random.default_rng(1)
    d = 20
    monkeypatch.setattr(moments, "MANY_COLUMNS", 5)
    wide, whole = Moments.empty(d), []
    for part in parts(random, d):
        whole.append(part.copy())
        wide = wide.merged(Moments.of(part))
    assert wide.wide
    monkeypatch.setattr(moments, "MANY_COLUMNS", 10**9)
    dense = Moments.of(np.concatenate(whole))
    assert not dense.wide
    v = random.normal(size=d)
    order = random.permutation(d)[:15]
    changes = [
        (wide, dense),
        (wide.select(order), dense.select(order)),
        (wide.grown(23), dense.grown(23)),
        (wide.spread(np.arange(3, 23), 25), dense.spread(np.arange(3, 23), 25)),
        (wide.added(18, np.array([1, 4]), np.array([18, 19]), np.array([0.5, -2.0])),
         dense.added(18, np.array([1, 4]), np.array([18, 19]), np.array([0.5, -2.0]))),
    ]  # fmt: skip
    for by_rows, by_products in changes:
        np.testing.assert_allclose(by_rows.mean, by_products.mean, rtol=1e-13)
        np.testing.assert_allclose(by_rows.scatter, by_products.scatter, atol=1e-10)
        np.testing.assert_allclose(by_rows.diagonal, by_products.diagonal, atol=1e-10)
    assert wide.form(v) == pytest.approx(dense.form(v), rel=1e-11)


def test_rows_give_way_to_products_once_they_are_more_than_columns(monkeypatch):
    random = np.random.default_rng(2)
    monkeypatch.setattr(moments, "MANY_COLUMNS", 5)
    total, whole = Moments.empty(8), []
    for part in parts(random, 8):
        whole.append(part.copy())
        total = total.merged(Moments.of(part))
    assert not total.wide
    rows = np.concatenate(whole)
    np.testing.assert_allclose(total.scatter, len(rows) * np.cov(rows.T, bias=True), rtol=1e-10, atol=1e-10)


def test_duplicates_are_the_same_by_rows(monkeypatch):
    random = np.random.default_rng(3)
    Z = random.normal(size=(12, 40))
    Z[:, 7], Z[:, 20], Z[:, 21] = 3 - 2 * Z[:, 5], Z[:, 11], -Z[:, 11]
    Z[:, 30] = 4.0
    monkeypatch.setattr(moments, "MANY_COLUMNS", 5)
    by_rows = list(duplicates._pairs_of_rows(Moments.of(Z.copy())))
    by_products = list(duplicates._pairs_of_products(Moments.of(Z.copy()).scatter[1:, 1:]))
    by_products.remove((19, 20))  # which is no news
    assert by_rows == by_products == [(4, 6), (10, 19), (10, 20)]


def test_products_of_sparse_columns_are_those_of_all_values(monkeypatch):
    random = np.random.default_rng(4)
    n, levels = 4000, 60
    first, second = random.integers(0, levels, n), random.integers(0, levels, n)
    numbers = random.normal(size=(n, 3)) + 1e6
    Z = np.concatenate([numbers, np.eye(levels)[first], 2.5 * np.eye(levels)[second]], axis=1)
    Z = Z[:, random.permutation(Z.shape[1])]
    dense = Moments.of(Z.copy())
    monkeypatch.setattr(moments, "MANY_COLUMNS", 50)
    assert 100 < len(moments.sparse_columns(Z)) <= 120
    sparse = Moments.of(Z.copy())
    np.testing.assert_allclose(sparse.mean, dense.mean, rtol=1e-13)
    np.testing.assert_allclose(sparse.scatter, dense.scatter, atol=1e-9)
    merged = Moments.of(Z[:2500].copy()).merged(Moments.of(Z[2500:2550].copy())).merged(Moments.of(Z[2550:].copy()))
    np.testing.assert_allclose(merged.scatter, dense.scatter, atol=1e-7)


def test_many_levels_of_a_text(tmp_path, monkeypatch):
    random = np.random.default_rng(5)
    level = np.concatenate([np.arange(80), random.integers(0, 80, 4000)])
    X = random.normal(size=(len(level), 2))
    y = X @ [1.0, 2.0] + random.normal(size=80)[level] + 0.1 * random.normal(size=len(level))
    lines = [f"L{c:02},{a!r},{b!r},{t!r}" for c, (a, b), t in zip(level, X.tolist(), y.tolist(), strict=True)]
    (tmp_path / "t.csv").write_text("c,a,b,y\n" + "\n".join(lines) + "\n")
    dense, sparse = (fitted(tmp_path, {"val": 0.2}, many=many, monkeypatch=monkeypatch) for many in (10**9, 50))
    assert dense.status == sparse.status == "converged"
    np.testing.assert_allclose(values(sparse), values(dense), rtol=1e-8, atol=1e-10)
    errors = [[c.std_error for c in report.coefficients.values()] for report in (dense, sparse)]
    np.testing.assert_allclose(errors[1], errors[0], rtol=1e-8)
