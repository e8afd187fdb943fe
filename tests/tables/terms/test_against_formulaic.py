"""The columns that terms make, beside formulaic's model_matrix of the same table."""

import warnings

import numpy as np
import pandas as pd
import patsy
import pytest
from formulaic import model_matrix

from dlcli.tables.table import ReadOptions, Table
from dlcli.tables.terms.formula import parse_formula
from tests.documented import TABLES

NUMPY = {"sqrt": np.sqrt, "log1p": np.log1p, "abs": np.abs, "np": np}
FORMULAS = [
    "y ~ log(a) + sex*smoker + poly(size, 3) + bs(a, 5) - 1",
    "y ~ a*day*sex",
    "y ~ day:sex",
    "y ~ 0 + day:sex + smoker",
    "y ~ day + a:day",
    "y ~ a:day",
    "y ~ (sex + smoker + day)**3",
    "y ~ sex/smoker",
    "y ~ smoker %in% sex",
    "y ~ C(size) + C(size):a",
    "y ~ C(day, contr.sum)*C(sex, contr.sum)",
    'y ~ C(day, contr.treatment("Sun")):smoker',
    'y ~ C(day, Treatment("Sun")) + I(a**2) + I(a/size - 3) + I(-a) + scale(a)*center(size)',
    "y ~ cr(a, df=5) + cr(b, df=3, constraints='center')",
    "y ~ bs(a, df=7, include_intercept=True):sex - 1",
    "y ~ bs(a, knots=[10, 20], degree=2) + bs(b) + poly(b, 6)",
    "y ~ np.log(a) + sqrt(size) + log1p(size) + log2(size) + log10(size) + exp(size) + abs(b) + standardize(b)",
    "y ~ `odd name` + log(`odd name`):sex + dotted.name",
]  # fmt: skip


def table(rows=173):
    rng = np.random.default_rng(3)
    return pd.DataFrame({
        "y": rng.normal(size=rows),
        "a": rng.gamma(4, 5, rows) + 0.5,
        "b": rng.normal(size=rows).round(2),
        "size": rng.integers(1, 7, rows),
        "sex": rng.choice(["Female", "Male"], rows),
        "smoker": rng.choice(["No", "Yes"], rows),
        "day": rng.choice(["Thur", "Fri", "Sat", "Sun"], rows),
        "odd name": rng.gamma(2, 1, rows) + 1,
        "dotted.name": rng.normal(size=rows),
        "flag": rng.choice([True, False], rows),
    })  # fmt: skip


def made(path, text, **options):
    """The names of the columns that a formula makes of a file, and X."""
    formula = parse_formula(text)
    wanted = ReadOptions(terms=formula, max_categories=1000, missing="drop", **options)
    read = Table.open([str(path)], formula.target, wanted, block_bytes=2000)
    read.settle(wholly=True)
    return read.schema.encoded_names, np.vstack([chunk.X for chunk in read.chunks()])


def check(path, frame, text):
    formula = parse_formula(text)
    frame = frame[list(dict.fromkeys([formula.target, *formula.columns]))].dropna()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # formulaic's own
        expected = model_matrix(text, frame, context=NUMPY).rhs
    names, X = made(path, text)
    assert list(names) == [name for name in expected.columns if name != "Intercept"]
    assert formula.intercept == ("Intercept" in expected.columns)
    np.testing.assert_allclose(X, expected[list(names)].to_numpy(float), rtol=1e-11, atol=1e-11)


@pytest.mark.parametrize("text", FORMULAS)
def test_columns_and_their_names_are_formulaics(tmp_path, text):
    frame = table()
    frame.to_csv(tmp_path / "t.csv", index=False)
    check(tmp_path / "t.csv", frame, text)


def test_booleans_are_levels_as_patsys(tmp_path):
    frame = table()
    frame.to_csv(tmp_path / "t.csv", index=False)
    expected = patsy.dmatrix("flag*a", frame, return_type="dataframe")
    names, X = made(tmp_path / "t.csv", "y ~ flag*a")
    assert ["Intercept", *names] == list(expected.columns)
    np.testing.assert_allclose(X, expected.to_numpy(float)[:, 1:], rtol=1e-12)


@pytest.mark.skipif(not TABLES.is_dir(), reason="the real tables of ../shared/data are absent")
@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("mpg.csv", "mpg ~ poly(displacement, 7) + origin*weight + bs(acceleration, df=6):origin"),
        ("mpg.csv", "mpg ~ log(horsepower) + C(cylinders)"),
        ("iris.csv", "sepal_length ~ species*petal_length*sepal_width"),
        ("penguins.csv", "body_mass_g ~ species*island*sex + poly(bill_length_mm, 2):species"),
        ("tips.csv", "tip ~ log(total_bill)*day + time/smoker + cr(size, 3) - 1"),
        ("titanic.csv", "fare ~ sex*embarked + C(pclass) + bs(age, 6)"),
        ("stackloss.csv", "STACKLOSS ~ scale(AIRFLOW) + I(WATERTEMP**2)"),
    ],
)
def test_columns_of_real_tables_are_formulaics(name, text):
    frame = pd.read_csv(TABLES / name)
    check(TABLES / name, frame, text)
