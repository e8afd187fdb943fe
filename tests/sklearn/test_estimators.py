"""The estimators keep scikit-learn's rules, and fit what the command fits."""

import pickle
import warnings

import numpy as np
import polars as pl
import pytest
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LinearRegression, PoissonRegressor, Ridge
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import PolynomialFeatures
from sklearn.utils.estimator_checks import parametrize_with_checks

from dlcli.config.fit_linear import FitLinearConfig
from dlcli.errors import DlcliWarning
from dlcli.sklearn import DlcliClassifier, DlcliRegressor
from dlcli.tasks.fit_linear import fit_linear


@pytest.mark.filterwarnings("ignore")  # the checks fit to data that dlcli warns of
@parametrize_with_checks([DlcliRegressor(), DlcliClassifier()])
def test_the_rules_of_scikit_learn(estimator, check):
    check(estimator)


@pytest.fixture
def table():
    """Numbers, texts and a target of numbers that they explain."""
    rng = np.random.default_rng(0)
    size, kind = rng.normal(size=120), np.array(["low", "mid", "high"])[rng.integers(0, 3, 120)]
    price = 2 * size + (kind == "high") + rng.normal(size=120) / 3
    return pl.DataFrame({"size": size, "kind": kind, "price": price})


@pytest.mark.parametrize("optimizer", ["gd", "exact"])
def test_numbers_are_fitted_as_by_the_command(table, tmp_path, optimizer):
    table.write_parquet(tmp_path / "t.parquet")
    config = FitLinearConfig(
        data=(str(tmp_path / "t.parquet"),), target="price", optimizer=optimizer, out=tmp_path / "run", plots="none"
    )
    command = fit_linear(config)
    model = DlcliRegressor(optimizer=optimizer).fit(table.drop("price"), table["price"].to_numpy())
    found = dict(zip(model.coef_names_, model.coef_, strict=True)) | {"intercept": model.intercept_}
    assert found == {name: c.value for name, c in command.coefficients.items()}
    ours = model.summary()
    assert ours.coefficients == command.coefficients
    assert str(ours).splitlines()[:-1] == str(type(ours)(command)).splitlines()[:-1]
    assert str(ours).splitlines()[-1].startswith("converged after")


@pytest.mark.parametrize("name", ["pandas", "polars", "columns"])
def test_frames_of_texts_and_numbers(table, name):
    X, y = table.drop("price"), table["price"].to_numpy()
    X = X.to_pandas() if name == "pandas" else X
    model = DlcliRegressor(optimizer="exact")
    by_hand = np.column_stack([table["size"], table["kind"] == "low", table["kind"] == "mid"]).astype(float)
    wanted = LinearRegression().fit(by_hand, y)
    if name == "columns":
        model.fit(by_hand, y)
        X = by_hand
    else:
        model.fit(X, y)
        assert list(model.coef_names_) == ["size", "kind=low", "kind=mid"]
    assert model.coef_ == pytest.approx(wanted.coef_, rel=1e-12)
    assert model.predict(X) == pytest.approx(wanted.predict(by_hand), rel=1e-12)


def test_in_a_pipeline_a_grid_and_a_cross_validation():
    rng = np.random.default_rng(1)
    X = rng.normal(size=(90, 2))
    y = X[:, 0] * X[:, 1] + X[:, 0] + rng.normal(size=90) / 5
    steps = make_pipeline(PolynomialFeatures(2, include_bias=False), DlcliRegressor())
    assert cross_val_score(steps, X, y, cv=3).min() > 0.9
    grid = GridSearchCV(steps, {"dlcliregressor__l2": [0.0, 1e3]}, cv=3).fit(X, y)
    assert grid.best_params_ == {"dlcliregressor__l2": 0.0}
    assert clone(grid.best_estimator_).fit(X, y).score(X, y) > 0.9


def test_the_penalty_is_that_of_ridge():
    """Ridge's alpha, on standardized columns, is the penalty times the rows."""
    rng = np.random.default_rng(2)
    X = rng.normal(size=(50, 3))
    X = (X - X.mean(0)) / X.std(0)
    y = X @ [1, 2, 3] + rng.normal(size=50)
    ours = DlcliRegressor(l2=0.1, optimizer="exact").fit(X, y)
    assert ours.coef_ == pytest.approx(Ridge(alpha=0.1 * 50).fit(X, y).coef_, rel=1e-9)


def test_losses_of_families_predict_means():
    rng = np.random.default_rng(8)
    X = rng.normal(size=(200, 2))
    y = rng.poisson(np.exp(0.5 + X @ [0.3, -0.5])).astype(float)
    ours, theirs = DlcliRegressor(loss="poisson").fit(X, y), PoissonRegressor(alpha=0, tol=1e-10).fit(X, y)
    assert ours.coef_ == pytest.approx(theirs.coef_, rel=1e-5)
    assert ours.predict(X) == pytest.approx(theirs.predict(X), rel=1e-5)
    with pytest.raises(ValueError, match="use DlcliClassifier"):
        DlcliRegressor(loss="cross-entropy").fit(X, y)
    with pytest.raises(ValueError, match="--loss"):
        DlcliRegressor(loss="poison").fit(X, y)


def test_a_weight_is_so_many_rows():
    rng = np.random.default_rng(9)
    X, weights = rng.normal(size=(60, 2)), rng.integers(0, 4, 60)
    y = X.sum(axis=1) + rng.normal(size=60)
    for kind, target in ((DlcliRegressor, y), (DlcliClassifier, y > 0)):
        weighted = kind(l2=0.1).fit(X, target, sample_weight=weights)
        repeated = kind(l2=0.1).fit(X.repeat(weights, axis=0), target.repeat(weights))
        assert weighted.coef_ == pytest.approx(repeated.coef_, rel=1e-9)


def test_classes_keep_their_names_and_types():
    rng = np.random.default_rng(3)
    X = rng.normal(size=(100, 2))
    for names in (np.array(["yes", "NA", ""]), np.array([10, 2, 33]), np.array([True, False])):
        y = names[np.argmax(X @ rng.normal(size=(2, len(names))) + rng.gumbel(size=(100, len(names))), axis=1)]
        model = DlcliClassifier().fit(X, y)
        assert model.classes_.tolist() == sorted(set(y.tolist()))
        assert set(model.predict(X).tolist()) <= set(y.tolist())
        assert model.predict_proba(X).sum(axis=1) == pytest.approx(np.ones(100))
        assert model.score(X, y) > 0.4


def test_a_fit_that_ends_early_says_so():
    rng = np.random.default_rng(4)
    X = rng.normal(size=(50, 5)) * [1, 1, 1, 1, 1] + rng.normal(size=(50, 1))
    warnings.filterwarnings("ignore", category=DlcliWarning)
    with pytest.warns(ConvergenceWarning, match="not converged: finished after 3 steps"):
        DlcliRegressor(steps=3).fit(X, X.sum(axis=1) + rng.normal(size=50))


@pytest.mark.parametrize(
    ("parameters", "what"),
    [
        ({"l2": -1}, "--l2"),
        ({"optimizer": "bfgs"}, "--optimizer"),
        ({"options": {"target": "x"}}, "target is a parameter of its own"),
        ({"options": {"decay_rat": 1}}, "no option decay_rat: did you mean decay_rate"),
        ({"lr": 1e6}, "diverged"),
    ],
)
def test_what_cant_be_is_a_value_error(parameters, what):
    X = np.random.default_rng(5).normal(size=(20, 2))
    with pytest.raises(ValueError, match=what):
        DlcliRegressor(**parameters).fit(X, X.sum(axis=1) + X[:, 0] ** 2)


def test_missing_values_are_an_error_or_filled():
    X = np.random.default_rng(6).normal(size=(30, 2))
    y = X.sum(axis=1)
    X[::7, 0] = np.nan
    with pytest.raises(ValueError, match="NaN"):
        DlcliRegressor().fit(X, y)
    with pytest.raises(ValueError, match="the value is missing"):
        DlcliRegressor().fit(pl.DataFrame(X, schema=["a", "b"]).fill_nan(None), y)
    model = DlcliRegressor(missing="mean").fit(X, y)
    assert np.isfinite(model.predict(X)).all()


def test_options_of_the_command_and_its_schedules():
    X = np.random.default_rng(7).normal(size=(60, 2))
    y = X @ [1.0, -2.0]
    model = DlcliRegressor(schedule="time", lr=0.5, options={"decay_rate": 1e-3}).fit(X, y)
    assert model.coef_ == pytest.approx([1, -2], rel=1e-6)
    assert pickle.loads(pickle.dumps(model)).predict(X) == pytest.approx(y, abs=1e-5)
