"""L1 gives the lasso's coefficients and zeros, whatever the optimizer."""

import numpy as np
import polars as pl
import pytest

from tests.conftest import SHARED

CASE = SHARED.parent / "cases" / "linear-adam-l1" / "table.csv"


@pytest.mark.skipif(not CASE.is_file(), reason="no cases")
@pytest.mark.parametrize("options", [["adam"], ["sgd", "--momentum", "0.9", "--schedule", "cosine"]], ids=" ".join)
@pytest.mark.parametrize("strength", [0.5, 2])
def test_adam_and_sgd_find_the_lasso(dlcli, strength, options):
    from sklearn.linear_model import Lasso

    frame = pl.read_csv(CASE)
    X, y = frame.drop("y").to_numpy(), frame["y"].to_numpy()
    expected = Lasso(alpha=strength, tol=1e-12).fit((X - X.mean(0)) / X.std(0), y).coef_ / X.std(0)
    report = dlcli(
        "fit-linear", CASE, "--target", "y", "--l1", strength, "--optimizer", *options, "--json", "-q"
    ).report
    found = np.array([entry["value"] for entry in report["coefficients"].values()])[1:]
    np.testing.assert_allclose(found, expected, atol=0.03)
    assert np.array_equal(found == 0, expected == 0)
