"""Permutation importance: what is expected of it in closed form, its intervals, weights, and terms."""

import numpy as np
import polars as pl
import pytest
from sklearn.inspection import permutation_importance as of_sklearn
from sklearn.linear_model import LinearRegression

from dlcli.config.fit_linear import FitLinearConfig
from dlcli.linear.explain.loss_rows import MainMetric
from dlcli.linear.explain.parts import Contributions, Part, parts_of
from dlcli.linear.explain.permutation import Permuting, Remade, permutation_importance
from dlcli.linear.explain.sample import SampledRows
from dlcli.linear.saved import load_run
from dlcli.tables.layout import ColumnLayout
from dlcli.tables.table import ReadOptions, Table
from dlcli.tasks.fit_linear import fit_linear

MEAN = MainMetric("mse", "mean squared error", np.asarray)
RMSE = MainMetric("rmse", "RMSE", np.sqrt)


def rows_of(X, y, weights=None):
    return SampledRows(len(X), np.arange(1, len(X) + 1), X, y, weights, None)


def of_columns(coefficients, X):
    parts = [Part((str(j),), np.array([j])) for j in range(X.shape[1])]
    return Contributions.of(parts, (coefficients[:, None], np.zeros(1)), X.mean(axis=0))


@pytest.fixture
def data():
    random = np.random.default_rng(0)
    X = random.normal(size=(400, 3))
    X[:, 1] += 0.8 * X[:, 0]
    return X, 2 * X[:, 0] - X[:, 1] + random.normal(0, 1, 400), np.array([2.0, -1.0, 0.02])


def measured(X, y, coefficients, metric=MEAN, repeats=300, weights=None):
    rows = rows_of(X, y, weights)
    losses = lambda scores: (y - scores[:, 0]) ** 2  # noqa: E731
    return permutation_importance(of_columns(coefficients, X), rows, losses, metric, Permuting(repeats, 0))


def test_it_is_what_all_permutations_give_on_average(data):
    X, y, coefficients = data
    found = measured(X, y, coefficients)
    residual = y - X @ coefficients
    assert found.metric == pytest.approx(np.mean(residual**2), rel=1e-12)
    for j, one in enumerate(found.importances.values()):
        own = coefficients[j] * X[:, j]
        # The mean over all permutations: each row gets the value of every row as often.
        expected = np.mean((residual[:, None] + own[:, None] - own[None, :]) ** 2) - np.mean(residual**2)
        assert one.value == pytest.approx(expected, rel=0.03, abs=2e-3)
        assert one.low < one.value < one.high


def test_it_is_that_of_scikit_learn(data):
    X, y, _ = data
    model = LinearRegression(fit_intercept=False).fit(X, y)
    theirs = of_sklearn(model, X, y, scoring="neg_mean_squared_error", n_repeats=80, random_state=0)
    ours = measured(X, y, model.coef_, repeats=80)
    np.testing.assert_allclose(
        [one.value for one in ours.importances.values()], theirs.importances_mean, rtol=0.03, atol=1e-3
    )


def test_intervals_leave_out_zero_where_a_column_helps_and_only_there(data):
    X, y, coefficients = data
    helpful, other, idle = measured(X, y, coefficients, RMSE, 10).importances.values()
    assert min(helpful.low, other.low) > 0
    assert idle.low < 0 < idle.high


def test_intervals_cover_what_more_rows_would_give():
    """Of 60 samples of one population 95% of the intervals should hold its importance; 85% to 100% do."""
    random = np.random.default_rng(3)
    coefficients, covered = np.array([1.0, 0.5]), 0
    for _ in range(60):
        X = random.normal(size=(200, 2))
        y = X @ coefficients + random.normal(0, 1, 200)
        one = measured(X, y, coefficients, MEAN, 5).importances["0"]
        covered += one.low <= 2.0 <= one.high  # E (x - x')^2 = 2
    assert 51 <= covered <= 60


def test_weights_count_rows(data):
    X, y, coefficients = data
    weights = np.where(np.abs(X[:, 0]) > 1.5, 4.0, 1.0)  # those far out, so that values vary more than unweighted ones
    times = weights.astype(int)
    weighted = measured(X, y, coefficients, weights=weights)
    repeated = measured(np.repeat(X, times, axis=0), np.repeat(y, times), coefficients)
    assert weighted.metric == pytest.approx(repeated.metric, rel=1e-12)
    for one, other in zip(weighted.importances.values(), repeated.importances.values(), strict=True):
        assert one.value == pytest.approx(other.value, rel=0.05, abs=3e-3)
    assert weighted.importances["0"].value > 1.3 * measured(X, y, coefficients).importances["0"].value


@pytest.fixture(scope="module")
def crossed(tmp_path_factory):
    """A model of terms of several columns, and its table."""
    folder, random = tmp_path_factory.mktemp("crossed"), np.random.default_rng(0)
    a, b = random.normal(3, 1, 90), random.uniform(1, 2, 90)
    g = np.array(["u", "v", "w"])[random.integers(0, 3, 90)]
    frame = pl.DataFrame({"a": a, "b": b, "g": g, "y": a * (g == "v") + b + random.normal(0, 0.1, 90)})
    frame.write_csv(folder / "t.csv")
    options = {"data": [str(folder / "t.csv")], "out": folder / "run", "plots": "none"}
    fit_linear(FitLinearConfig.build({**options, "formula": "y ~ a * g + ns(b, 3) + log(a / b + 9)"}))
    return folder, frame


def encoded(frame, schema, folder):
    frame.write_csv(folder / "other.csv")
    table = Table.for_model([str(folder / "other.csv")], schema, ReadOptions())
    return np.concatenate([chunk.X for chunk in table.chunks()])


@pytest.mark.parametrize("column", ["a", "b", "g"])
def test_terms_follow_the_column_that_is_permuted(crossed, tmp_path, column):
    folder, frame = crossed
    model, schema, _ = load_run(folder / "run")
    contributions = Contributions.of(parts_of(schema), (model.coefficients, model.intercept), model.fill)
    plain = Table.for_model([str(folder / "t.csv")], type(schema)(schema.features, schema.target), ReadOptions())
    cells = ColumnLayout(schema.features).cells(np.concatenate([chunk.X for chunk in plain.chunks()]))
    order = np.random.default_rng(5).permutation(90)
    found = Remade(cells, schema.design, model.fill).scores(contributions, column, order)
    other = frame.with_columns(frame[column][order.tolist()].alias(column))
    np.testing.assert_allclose(found, model.linear(encoded(other, schema, tmp_path)), rtol=1e-10)
    assert np.abs(found - model.linear(encoded(frame, schema, tmp_path))).max() > 0.01


def test_terms_that_other_rows_do_not_allow_are_said(crossed):
    _, frame = crossed
    X = frame["a"].to_numpy()[:, None]

    class Refusing:
        def scores(self, *_):
            from dlcli.errors import DlcliError

            raise DlcliError("log of -1")

    parts = [Part(("a", "b"), np.array([0]))]
    contributions = Contributions.of(parts, (np.ones((1, 1)), np.zeros(1)), X.mean(axis=0))
    losses = lambda scores: scores[:, 0] ** 2  # noqa: E731
    how = Permuting(2, 0, Refusing())
    found = permutation_importance(contributions, rows_of(X, X[:, 0]), losses, MEAN, how)
    assert found.impossible == ("a", "b")
    assert np.isnan(found.importances["a"].value)
