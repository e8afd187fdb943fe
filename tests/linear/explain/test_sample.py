"""The rows that are kept, and the columns of the table of SHAP values."""

import numpy as np
import polars as pl
import pytest

from dlcli.config.fit_linear import FitLinearConfig
from dlcli.config.saved.explain import ExplainConfig
from dlcli.linear.explain.sample import LEAST_ROWS, MOST_ROWS, Sampling, most_rows
from dlcli.tables.columns import Chunk
from dlcli.tasks.explain.explain import explain
from dlcli.tasks.fit_linear import fit_linear


def test_fewer_rows_are_kept_of_what_takes_more():
    assert most_rows(10, 1, 100) == MOST_ROWS
    assert most_rows(1000, 1, 10_000) == 10_000
    assert most_rows(10, 100, 100) == 10_000
    assert most_rows(100_000, 100, 10**9) == LEAST_ROWS


@pytest.mark.parametrize("size", [7, 100])
def test_they_are_drawn_from_all_whatever_the_chunks(size):
    X = np.arange(300.0)[:, None]
    sampling = Sampling(40, 3)
    for start in range(0, 300, size):
        part = X[start : start + size]
        chunk = Chunk(part, part[:, 0] * 2, start + 1, offset=part[:, 0] / 10)
        sampling.add(chunk, part)
    found = sampling.sampled()
    assert (found.rows, found.all, len(found.numbers)) == (300, False, 40)
    np.testing.assert_array_equal(found.X[:, 0], found.numbers - 1)
    np.testing.assert_array_equal(found.y, 2 * found.X[:, 0])
    np.testing.assert_allclose(found.with_offset(found.X), found.X * 1.1, rtol=1e-15)
    assert found.weights is None
    assert (found.numbers.min() < 60) & (found.numbers.max() > 240)


def test_columns_that_are_called_as_others_of_the_table_keep_apart(tmp_path):
    random = np.random.default_rng(0)
    frame = pl.DataFrame({"row": random.normal(size=30), "base": random.normal(size=30)})
    frame = frame.with_columns(score=pl.col("row") + 2 * pl.col("base"))
    frame.write_csv(tmp_path / "t.csv")
    fit_linear(
        FitLinearConfig.build(
            {"data": [str(tmp_path / "t.csv")], "target": "score", "out": tmp_path / "run", "plots": "none"}
        )
    )
    explain(ExplainConfig.build({"run": tmp_path / "run", "out": tmp_path / "why", "plots": "none"}))
    shap = pl.read_csv(tmp_path / "why" / "shap.csv")
    assert shap.columns == ["row", "score", "base", "shap row", "shap base"]
    np.testing.assert_allclose(shap["score"], frame["score"], atol=1e-9)
    np.testing.assert_allclose(shap["shap base"], 2 * (frame["base"] - frame["base"].mean()), atol=1e-9)
