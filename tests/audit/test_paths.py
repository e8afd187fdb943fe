"""Paths of penalties beside scikit-learn's: coefficients, cross-validated losses and choices, by mapped penalties."""

import csv
import json

import numpy as np
import pytest
from sklearn.linear_model import ElasticNetCV, LassoCV, LogisticRegression, Ridge, enet_path, lasso_path
from sklearn.metrics import log_loss
from sklearn.model_selection import GroupKFold

ROWS, FOLDS = 90, 5


def table(seed=0, rows=ROWS, columns=5):
    """Columns of unlike sizes, a target, and a group for each row: one for each fold."""
    random = np.random.default_rng(seed)
    X = random.normal(size=(rows, columns)) * np.logspace(-1, 2, columns) + 10
    X[:, 1] += 0.05 * X[:, -1]
    scores = (X - X.mean(axis=0)) / X.std(axis=0) @ np.array([2.0, -1.0, 0.0, 0.5, 0.0])[:columns]
    return X, scores + random.normal(size=rows), np.arange(rows) % FOLDS


def standardized(X):
    return (X - X.mean(axis=0)) / X.std(axis=0)


@pytest.fixture
def follow(fit, tmp_path):
    """Fit along a path with known folds; the report, and path.csv as arrays by column."""

    def command(X, y, groups, *options):
        ran = fit(np.column_stack([X, groups]), y, "--group", f"x{X.shape[1]}", "--cv", FOLDS, *options)
        assert ran.code == 0, ran.err
        with (tmp_path / "run" / "path.csv").open() as stream:
            rows = list(csv.DictReader(stream))
        columns = {name: np.array([float(row[name] or "nan") for row in rows]) for name in rows[0]}
        slopes = np.column_stack([value for name, value in columns.items() if name.startswith("x")])
        return ran.report, columns, slopes

    return command


def test_a_lasso_is_that_of_lasso_path_and_its_cross_validation(follow):
    X, y, groups = table()
    options = ["--no-standardize", "--path-choice", "min", "--path-length", 40, "--path-ratio", 1e-3]
    report, path, slopes = follow(X, y, groups, "--l1", "path", *options)
    known = LassoCV(
        alphas=path["penalty"], cv=GroupKFold(FOLDS).split(X, y, groups), tol=1e-12, max_iter=1_000_000
    ).fit(X, y)
    _, coefficients, _ = lasso_path(X - X.mean(axis=0), y - y.mean(), alphas=path["penalty"], tol=1e-12, max_iter=10**6)
    np.testing.assert_allclose(slopes, coefficients.T, rtol=1e-8, atol=1e-9)
    np.testing.assert_allclose(path["val_loss"], known.mse_path_.mean(axis=1), rtol=1e-8)
    np.testing.assert_allclose(path["se"], known.mse_path_.std(axis=1, ddof=1) / np.sqrt(FOLDS), rtol=1e-7)
    assert path["penalty"][0] == pytest.approx(np.abs((X - X.mean(axis=0)).T @ (y - y.mean())).max() / ROWS)
    assert report["path"]["l1"] == pytest.approx(known.alpha_, rel=1e-12)
    np.testing.assert_array_equal(path["df"], np.count_nonzero(slopes, axis=1))


def test_an_elastic_net_is_that_of_enet_path(follow):
    X, y, groups = table(1)
    _, path, slopes = follow(X, y, groups, "--l1", "path", "--l2", 0.3)
    Z = standardized(X)
    for l1, found in list(zip(path["penalty"], slopes * X.std(axis=0), strict=True))[::11]:
        ratio = l1 / (l1 + 0.3)
        _, known, _ = enet_path(Z, y - y.mean(), alphas=[l1 + 0.3], l1_ratio=ratio, tol=1e-13, max_iter=10**6)
        np.testing.assert_allclose(found, known[:, 0], rtol=1e-8, atol=1e-9)


def test_folds_of_an_elastic_net_are_those_of_scikit_learn(follow):
    X, y, groups = table(2)
    l1, l2 = 0.05, 0.2
    _, path, _ = follow(
        X, y, groups, "--l1", "path", "--l2", l2, "--no-standardize", "--path-length", 3, "--path-ratio", l1
    )
    for penalty, loss in zip(path["penalty"], path["val_loss"], strict=True):
        known = ElasticNetCV(
            alphas=[penalty + l2], l1_ratio=penalty / (penalty + l2), cv=GroupKFold(FOLDS).split(X, y, groups),
            tol=1e-12, max_iter=10**6,
        ).fit(X, y)  # fmt: skip
        assert loss == pytest.approx(known.mse_path_.mean(), rel=1e-8)


@pytest.mark.parametrize("intercept", [True, False])
def test_a_ridge_is_that_of_scikit_learn_with_rows_times_the_penalty(follow, intercept):
    X, y, groups = table(3)
    options = [] if intercept else ["--no-intercept"]
    report, path, slopes = follow(X, y, groups, "--l2", "path", "--path-choice", "min", *options)
    units = X.std(axis=0) if intercept else np.sqrt(np.mean(X**2, axis=0))
    Z = standardized(X) if intercept else X / units
    values = np.linalg.eigvalsh(Z.T @ Z / ROWS)
    for l2, found, df in list(zip(path["penalty"], slopes * units, path["df"], strict=True))[::7]:
        known = Ridge(ROWS * l2, fit_intercept=intercept, solver="svd").fit(Z, y).coef_
        np.testing.assert_allclose(found, known, rtol=1e-8)
        assert df == pytest.approx(np.sum(values / (values + l2)), rel=1e-8)
    losses = np.zeros((FOLDS, len(path["penalty"])))
    for number, (train, test) in enumerate(GroupKFold(FOLDS).split(X, y, groups)):
        mean = X[train].mean(axis=0) * intercept
        scale = np.sqrt(np.mean((X[train] - mean) ** 2, axis=0))
        for place, l2 in enumerate(path["penalty"]):
            model = Ridge(len(train) * l2, fit_intercept=intercept, solver="svd").fit(
                (X[train] - mean) / scale, y[train]
            )
            losses[number, place] = np.mean((y[test] - model.predict((X[test] - mean) / scale)) ** 2)
    np.testing.assert_allclose(path["val_loss"], losses.mean(axis=0), rtol=1e-8)
    assert report["path"]["chosen"] == losses.mean(axis=0).argmin()


@pytest.mark.parametrize("penalty", ["l1", "l2"])
@pytest.mark.parametrize("classes", [2, 3])
def test_classes_are_those_of_logistic_regression_by_inverse_penalty(follow, penalty, classes):
    X, y, groups = table(4)
    labels = np.array(["a", "b", "c"][:classes])[np.digitize(y, np.quantile(y, [0.4, 0.7][: classes - 1]))]
    ratio = ["--path-ratio", 1e-3] if penalty == "l2" else ["--path-ratio", 0.05]
    _, path, slopes = follow(X, labels, groups, f"--{penalty}", "path", "--path-length", 6, *ratio)
    if classes == 3:
        slopes = slopes.reshape(len(slopes), -1, 3)
    solver = {"solver": "newton-cholesky"} if penalty == "l2" else {"solver": "saga", "max_iter": 200_000}
    ratios = {"l1_ratio": 0.0} if penalty == "l2" else {"l1_ratio": 1.0}
    tolerance = 1e-8 if penalty == "l2" else 2e-6  # of a coefficient, that saga leaves

    def known(Z, y, value):
        return LogisticRegression(C=1 / (len(y) * value), tol=1e-12, **solver, **ratios).fit(Z, y)

    for place in (1, 3, 5):
        model = known(standardized(X), labels, path["penalty"][place])
        scaled = slopes[place] * X.std(axis=0)[:, None] if classes == 3 else slopes[place] * X.std(axis=0)
        np.testing.assert_allclose(scaled, model.coef_.T if classes == 3 else model.coef_[0], rtol=0, atol=tolerance)
    losses = []
    for train, test in GroupKFold(FOLDS).split(X, labels, groups):
        mean, scale = X[train].mean(axis=0), X[train].std(axis=0)
        model = known((X[train] - mean) / scale, labels[train], path["penalty"][3])
        losses.append(log_loss(labels[test], model.predict_proba((X[test] - mean) / scale)))
    assert path["val_loss"][3] == pytest.approx(np.mean(losses), rel=max(tolerance, 1e-7))


@pytest.mark.parametrize(
    "options",
    [("--l1", "path"), ("--l2", "path"), ("--l2", "path", "--optimizer", "exact"), ("--l1", "path", "--no-intercept")],
)
def test_the_model_is_that_of_the_penalty_that_was_chosen(follow, options):
    X, y, groups = table(5)
    report, path, slopes = follow(X, y, groups, *options)
    told = report["path"]
    place, values = (
        told["chosen"],
        [entry["value"] for name, entry in report["coefficients"].items() if name != "intercept"],
    )
    assert place == told["one_se"] <= told["min"]
    np.testing.assert_allclose(values, slopes[place], rtol=1e-9, atol=1e-12)
    assert report["metrics"]["train"]["loss"] == pytest.approx(path["loss"][place], rel=1e-12)
    assert report["cv"]["metrics"]["loss"]["mean"] == pytest.approx(told["points"][place]["val_loss"], rel=1e-12)
    assert (report["status"], told["selected_on"], told["violation"] < 1e-10) == ("converged", "cv.loss", True)
    assert "selected by cross-validation" in report["std_error_reason"]


def test_more_columns_than_rows(follow):
    random = np.random.default_rng(6)
    X, groups = random.normal(size=(40, 520)), np.arange(40) % FOLDS
    y = X[:, :3] @ [2.0, -1.0, 1.0] + 0.1 * random.normal(size=40)
    report, path, slopes = follow(X, y, groups, "--l1", "path", "--path-length", 6)
    _, known, _ = lasso_path(standardized(X), y - y.mean(), alphas=path["penalty"], tol=1e-13, max_iter=10**6)
    np.testing.assert_allclose(slopes * X.std(axis=0), known.T, rtol=0, atol=1e-8)
    assert np.flatnonzero(slopes[report["path"]["chosen"]])[:3].tolist() == [0, 1, 2]


def refused(fit, X, y, *options):
    ran = fit(X, y, *options)
    assert (ran.code, ran.err.strip().count("\n"), ran.out) == (2, 0, ""), ran.err
    return ran.err


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--l1", "path", "--l2", "path"), "--l1 path --l2 0.01"),
        (("--l2", "path", "--l1", 0.1), "--l2 path has no --l1"),
        (("--l1", "path", "--optimizer", "sgd"), "has no --optimizer sgd"),
        (("--l2", "path", "--schedule", "cosine"), "has no --schedule cosine"),
        (("--l2", "path", "--init", "run"), "has no --init"),
        (("--l2", "path", "--val", 0.2, "--early-stop", 3), "has no --early-stop"),
        (("--l2", "path", "--class-weight", "balanced"), "has no --class-weight"),
        (("--l2", "path", "--loss", "poisson"), "not for --loss poisson"),
        (("--l1", "long"), "expected"),
        (("--l1", -1), "at least 0"),
        (("--path-choice", "min"), "add --l1 path or --l2 path"),
        (("--l1", "path", "--optimizer", "exact"), "has no --l1"),
    ],
)
def test_what_a_path_cannot_go_with_is_refused(dlcli, options, said):
    ran = dlcli("fit-linear", *options, "--out", "run")
    assert (ran.code, ran.out, ran.err.strip().count("\n")) == (2, "", 0)
    assert said in ran.err


def test_a_target_that_nothing_varies_with_and_folds_of_a_row_are_refused(dlcli, tmp_path):
    (tmp_path / "flat.csv").write_text("x,y\n" + "".join(f"{i},7\n" for i in range(30)))
    ran = dlcli("fit-linear", "flat.csv", "--target", "y", "--l1", "path")
    assert ran.code == 2
    assert "no column varies with the target" in ran.err
    (tmp_path / "few.csv").write_text("x,y\n" + "".join(f"{i},{i * i}\n" for i in range(12)))
    ran = dlcli("fit-linear", "few.csv", "--target", "y", "--l2", "path")
    assert ran.code == 2
    assert "a fold has only one row: give fewer, such as --cv 5" in ran.err.replace("\n", " ")
    assert dlcli("fit-linear", "few.csv", "--target", "y", "--l2", "path", "--cv", "5").code == 0


def test_a_search_is_not_along_a_path(dlcli):
    ran = dlcli("tune-lr", "fit-linear", "--l2", "path")
    assert ran.code == 2
    assert "--vary l2=1e-4:1:log" in ran.err
    assert dlcli("tune-lr", "--vary", "l2=1e-4:1:log", "--trials", "3", "--random", "fit-linear").code == 0


def test_paths_are_reported_as_json_has_it(follow):
    X, y, groups = table(7)
    report, path, _ = follow(X, y, groups, "--l2", "path", "--path-length", 4)
    points = report["path"]["points"]
    assert [point["penalty"] for point in points] == path["penalty"].tolist()
    assert json.dumps(points)
    assert len(points) == 4


@pytest.mark.parametrize(
    ("options", "classes"),
    [(["--l1", "path"], False), (["--l2", "path"], False), (["--l1", "path", "--l2", 0.1], True)],
)
def test_weights_are_rows_that_many_times(follow, options, classes):
    X, y, groups = table(seed=3)
    y = np.where(y > 0, "yes", "no") if classes else y
    weights = np.random.default_rng(1).integers(0, 4, size=ROWS)
    options = [*options, "--path-length", 8, "--path-ratio", 1e-2]
    weighted = follow(np.column_stack([X, weights]), y, groups, "--weights", "x5", *options)
    repeated = follow(*(np.repeat(v, weights, axis=0) for v in (X, y, groups)), *options)
    for name in ("penalty", "val_loss", "se", "loss"):
        np.testing.assert_allclose(weighted[1][name], repeated[1][name], rtol=1e-9 if classes else 1e-12)
    np.testing.assert_allclose(weighted[2][:, :5], repeated[2], rtol=1e-8 if classes else 1e-12, atol=1e-12)
    for name in ("chosen", "min", "one_se"):
        assert weighted[0]["path"][name] == repeated[0]["path"][name]
