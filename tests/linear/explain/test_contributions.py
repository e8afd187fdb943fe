"""SHAP values of linear predictors: against Shapley's own formula, and what they add up to."""

import itertools
import math

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlcli.config.fit_linear import FitLinearConfig
from dlcli.config.saved.explain import ExplainConfig
from dlcli.linear.explain.parts import Contributions, Part, parts_of
from dlcli.linear.saved import load_run
from dlcli.tables.layout import ColumnLayout
from dlcli.tasks.explain.explain import explain
from dlcli.tasks.fit_linear import fit_linear

# What is fitted: the target, and the options.
MODELS = {
    "numbers": ("y", {}),
    "weighted": ("y", {"weights": "w"}),
    "logarithm": ("p", {"log_target": True}),
    "counts": ("n", {"loss": "poisson", "offset": "o"}),
    "quantile": ("y", {"loss": "quantile:0.5"}),
    "two": ("two", {}),
    "three": ("three", {}),
    "terms": ("y", {"formula": "y ~ a * g + poly(b, 2) + np.log(p)"}),
}  # fmt: skip


def table():
    random = np.random.default_rng(0)
    a, b = random.normal(3, 1, 160), random.normal(0, 2, 160)
    g = np.array(["u", "v", "w"])[random.integers(0, 3, 160)]
    y = a - 0.5 * b + (g == "v") + random.normal(0, 0.3, 160)
    return pl.DataFrame(
        {
            "a": a, "b": pl.Series(b).set(pl.Series(np.arange(160) % 40 == 7), None), "g": g, "y": y,
            "p": np.exp(y / 4), "n": random.poisson(np.exp(a / 3)), "o": random.normal(0, 0.1, 160),
            "two": np.where(y > 3 + random.normal(0, 1, 160), "yes", "no"),
            "three": np.array(["low", "mid", "top"])[np.digitize(y + random.normal(0, 1, 160), [2, 4])],
            "w": random.integers(1, 4, 160),
        }
    )  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    place = tmp_path_factory.mktemp("explained")
    table().write_csv(place / "t.csv")
    for name, (target, options) in MODELS.items():
        columns = {} if "formula" in options else {"target": target, "features": ["a", "b", "g"]}
        settings = {"data": [str(place / "t.csv")], "out": place / name, "plots": "none", "val": 0.25}
        fit_linear(FitLinearConfig.build({**settings, **columns, **options}))
    return place


@pytest.mark.parametrize("name", MODELS)
def test_they_add_up_to_what_the_model_says(folder, tmp_path, name):
    report = explain(ExplainConfig.build({"run": folder / name, "out": tmp_path / "out", "plots": "none"}))
    shap = pl.read_csv(tmp_path / "out" / "shap.csv")
    model, schema, _ = load_run(folder / name)
    assert report.rows == shap.height == 40
    for place in range(len(report.base)):
        mark = f" [{report.classes[place]}]" if report.classes else ""
        beside = [f"score{mark}", f"base{mark}", "row", "offset"]
        own = [c for c in shap.columns if c.endswith(mark) and c not in beside and not c.startswith(("score", "base"))]
        assert len(own) == len(parts_of(schema))
        total = shap[own].sum_horizontal() + shap[f"base{mark}"]
        total = total + shap["offset"] if "offset" in shap.columns else total
        np.testing.assert_allclose(total, shap[f"score{mark}"], rtol=0, atol=1e-12)
        # The base is the mean score of the training rows, where every gap is filled by the mean.
        centered = model.coefficients - model.coefficients.mean(axis=1, keepdims=True) * (model.kind == "softmax")
        first = model.intercept[place] - model.intercept.mean() * (model.kind == "softmax")
        assert report.base[place] == pytest.approx(float(model.fill @ centered[:, place] + first), rel=1e-12)
    assert ("offset" in shap.columns) == (name == "counts")


@pytest.mark.parametrize("name", ["numbers", "weighted", "three"])
def test_their_mean_size_is_by_the_rows_weights(folder, tmp_path, name):
    report = explain(ExplainConfig.build({"run": folder / name, "out": tmp_path / "out", "plots": "none"}))
    shap = pl.read_csv(tmp_path / "out" / "shap.csv")
    weights = table()["w"].to_numpy()[shap["row"].to_numpy() - 1] if name == "weighted" else None
    for column in report.columns:
        marks = [f" [{level}]" for level in report.classes] or [""]
        sizes = [np.average(np.abs(shap[column.name + mark]), weights=weights) for mark in marks]
        assert column.mean_abs_shap == pytest.approx(np.mean(sizes), rel=1e-12)
        assert list((column.by_class or {"": sizes[0]}).values()) == pytest.approx(sizes, rel=1e-12)
    sizes = [column.mean_abs_shap for column in report.columns]
    assert sizes == sorted(sizes, reverse=True)


def test_the_scores_are_those_of_predict(folder, tmp_path):
    from dlcli.config.evaluate import PredictConfig
    from dlcli.tasks.predict import predict

    for name, to_mean in (("numbers", np.asarray), ("counts", np.exp), ("two", lambda s: 1 / (1 + np.exp(-s)))):
        data = [str(folder / "t.csv")]
        explain(ExplainConfig.build({"run": folder / name, "data": data, "out": tmp_path / name, "plots": "none"}))
        predict(PredictConfig.build({"run": folder / name, "data": data, "out": tmp_path / f"{name}.csv"}))
        shap, predicted = pl.read_csv(tmp_path / name / "shap.csv"), pl.read_csv(tmp_path / f"{name}.csv")
        wanted = predicted["probability_yes" if name == "two" else "prediction"]
        np.testing.assert_allclose(to_mean(shap["score"].to_numpy()), wanted, rtol=1e-12)


def test_levels_and_terms_of_a_column_are_one_part_and_interactions_their_own(folder):
    assert [part.name for part in parts_of(load_run(folder / "numbers")[1])] == ["a", "b", "g"]
    parts = {part.name: part for part in parts_of(load_run(folder / "terms")[1])}
    assert {name: len(part.places) for name, part in parts.items()} == {"a": 1, "g": 2, "b": 2, "p": 1, "a:g": 2}
    assert parts["a:g"].interaction
    every = np.sort(np.concatenate([part.places for part in parts.values()]))
    assert every.tolist() == list(range(8))


def test_they_are_the_shapley_values(folder):
    """Of the game in which a coalition knows the columns of some parts, and the others are those of training rows."""
    model, schema, _ = load_run(folder / "numbers")
    parts = parts_of(schema)
    random = np.random.default_rng(1)
    background, row = random.normal(size=(50, 4)), random.normal(size=4)
    mean = background.mean(axis=0)
    found = Contributions.of(parts, (model.coefficients, model.intercept), mean).of_rows(row[None])[0, :, 0]

    def value(coalition):
        X = background.copy()
        for number in coalition:
            X[:, parts[number].places] = row[parts[number].places]
        return float((X @ model.coefficients[:, 0]).mean())

    count = len(parts)
    for player in range(count):
        others = [number for number in range(count) if number != player]
        expected = sum(
            math.factorial(size) * math.factorial(count - size - 1) / math.factorial(count)
            * (value((*coalition, player)) - value(coalition))
            for size in range(count)
            for coalition in itertools.combinations(others, size)
        )  # fmt: skip
        assert found[player] == pytest.approx(expected, abs=1e-12)


@given(st.integers(0, 2**32), st.integers(1, 4), st.integers(1, 3))
def test_rows_of_any_model_add_up(seed, parts, outputs):
    random = np.random.default_rng(seed)
    places = np.arange(2 * parts).reshape(parts, 2)
    scale = 10.0 ** random.integers(-3, 4, 2 * parts)
    X, coefficients = random.normal(size=(5, 2 * parts)) * scale, random.normal(size=(2 * parts, outputs))
    found = Contributions.of(
        [Part((str(i),), p) for i, p in enumerate(places)], (coefficients, random.normal(size=outputs)), X[0]
    )
    total = found.base + found.of_rows(X).sum(axis=1)
    np.testing.assert_allclose(total, found.scores(X), rtol=1e-12, atol=1e-12 * np.abs(X).max())
    assert not found.of_rows(X[:1]).any()  # the mean itself
    if outputs > 1:
        np.testing.assert_allclose(found.of_rows(X).sum(axis=2), 0, atol=1e-9)


def test_a_layouts_cells_make_its_matrix_again(folder):
    _, schema, _ = load_run(folder / "numbers")
    layout = ColumnLayout(schema.features)
    random = np.random.default_rng(0)
    X = np.zeros((6, layout.width))
    X[:, 0], X[:, 1] = random.normal(size=6), [1, np.nan, 2, 3, np.nan, 4]
    X[np.arange(4), [2, 3, 2, 3]] = 1.0
    X[5, 2:] = np.nan
    np.testing.assert_array_equal(layout.matrix(layout.cells(X)), X)
