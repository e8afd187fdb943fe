"""predict --interval against statsmodels."""

import numpy as np
import polars as pl
import pytest

from tests.audit.test_summary import maximum, problem

sm = pytest.importorskip("statsmodels.api")


def predicted(dlcli, tmp_path, X, *options):
    frame = pl.DataFrame({f"x{j}": X[:, j] for j in range(X.shape[1])})
    frame.write_csv(tmp_path / "new.csv")
    ran = dlcli("predict", "run", "new.csv", "--out", "p.csv", "--force", *options)
    assert ran.code == 0, ran.err
    return pl.read_csv(tmp_path / "p.csv", null_values="NA")


@pytest.mark.parametrize("seed", [1, 2, 3, 8])
def test_least_squares(dlcli, fit, tmp_path, seed):
    X, score, random = problem(seed)
    X[:, 0] += 1e6 * (seed == 8)  # far from 0, where the covariance in the data's units would cancel
    y = 3 + 10 * score + random.normal(size=len(X))
    intercept = seed != 1
    fit(X, y, *(["--optimizer", "exact"] if seed % 2 else []), *([] if intercept else ["--no-intercept"]))
    new = X[:7] + random.normal(size=X.shape[1])
    new[0, 0] += 1000
    found = predicted(dlcli, tmp_path, new, "--interval", "0.9")
    center = X.mean(axis=0) if intercept else 0.0
    Z, N = X - center, new - center
    result = sm.OLS(y, sm.add_constant(Z) if intercept else Z).fit()
    expected = result.get_prediction(sm.add_constant(N, has_constant="add") if intercept else N).summary_frame(0.1)
    for name, theirs in {
        "prediction": "mean", "mean_low": "mean_ci_lower", "mean_high": "mean_ci_upper", "new_low": "obs_ci_lower",
        "new_high": "obs_ci_upper",
    }.items():  # fmt: skip
        np.testing.assert_allclose(found[name], expected[theirs], rtol=1e-7, atol=1e-8)
    assert found.columns == ["prediction", "mean_low", "mean_high", "new_low", "new_high"]


def test_logistic_on_the_link_scale(dlcli, fit, tmp_path):
    X, score, random = problem(102)
    y = (0.7 * score + random.logistic(size=len(X)) > 0).astype(int)
    fit(X, np.array(["no", "yes"])[y])
    found = predicted(dlcli, tmp_path, X, "--interval", "0.95")
    Z, result = sm.add_constant(X), maximum(sm.Logit(y, sm.add_constant(X)))
    link = Z @ result.params
    away = 1.959963984540054 * np.sqrt(np.einsum("ij,jk,ik->i", Z, result.cov_params(), Z))
    for name, ends in {"low": link - away, "high": link + away}.items():
        np.testing.assert_allclose(found[f"probability_yes_{name}"], 1 / (1 + np.exp(-ends)), rtol=1e-7)
    np.testing.assert_allclose(found["probability_no_low"], 1 - found["probability_yes_high"], atol=1e-12)
    assert found.columns[-4:] == [f"probability_{c}_{e}" for c in ("no", "yes") for e in ("low", "high")]


def test_robust_errors_go_with_the_model(dlcli, fit, tmp_path):
    X, score, random = problem(2)
    y = 3 + 5 * score + random.normal(size=len(X)) * np.abs(score)
    fit(X, y, "--robust", "HC3")
    found = predicted(dlcli, tmp_path, X, "--interval", "0.95")
    result = sm.OLS(y, sm.add_constant(X)).fit(cov_type="HC3", use_t=True)
    expected = result.get_prediction(sm.add_constant(X)).summary_frame(0.05)
    np.testing.assert_allclose(found["mean_low"], expected["mean_ci_lower"], rtol=1e-7)


def test_rows_without_a_prediction_have_no_interval(dlcli, fit, tmp_path):
    X, score, random = problem(2)
    fit(X, score + random.normal(size=len(X)), "--missing", "drop")
    X = X.copy()
    X[3, 0] = np.nan
    frame = pl.DataFrame({f"x{j}": X[:, j] for j in range(X.shape[1])}).fill_nan(None)
    frame.write_csv(tmp_path / "gap.csv")
    assert dlcli("predict", "run", "gap.csv", "--interval", "0.9", "--keep", "x1", "--out", "g.csv").code == 0
    found = pl.read_csv(tmp_path / "g.csv", null_values="NA")
    assert found.drop("x1").row(3) == (None,) * 5
    assert found.drop("x1").null_count().sum_horizontal()[0] == 5


@pytest.mark.parametrize("size", [1e160, 1e-160])
def test_columns_at_the_ends_of_float64(dlcli, fit, tmp_path, size):
    X, score, random = problem(2)
    for classes in (False, True):
        y = score + random.normal(size=len(X))
        y = np.array(["no", "yes"])[(y > 0).astype(int)] if classes else y
        ends = []
        for factor in (1.0, size):
            scaled = X * np.where(np.arange(X.shape[1]) == 0, factor, 1.0)
            fit(scaled, y)
            ends.append(predicted(dlcli, tmp_path, scaled, "--interval", "0.95").select(pl.col(pl.Float64)).to_numpy())
        np.testing.assert_allclose(ends[1], ends[0], rtol=1e-7)


def test_classes_whose_columns_would_have_one_name_are_refused(dlcli, fit):
    X, score, random = problem(102)
    fit(X, np.where(score + random.logistic(size=len(X)) > 0, "a", "a_low"))
    ran = dlcli("predict", "run", "t.csv", "--interval", "0.9")
    assert (ran.code, ran.err.count("\n")) == (2, 1)
    assert "two columns would be called 'probability_a_low'" in ran.err


def test_a_model_without_it_says_why(dlcli, fit, tmp_path):
    X, score, random = problem(2)
    y = score + random.normal(size=len(X))

    def said(*options):
        ran = dlcli("predict", "run", "t.csv", "--interval", *options)
        assert (ran.code, ran.err.count("\n")) == (2, 1)
        return ran.err

    fit(X, y, "--l2", "0.1")
    assert "a penalty biases the coefficients" in said("0.9")
    fit(X, np.array(["a", "b", "c"])[np.digitize(y, [-1, 1])])
    assert "softmax" in said("0.9")
    fit(X, y)
    assert "--interval" in said("95")
    (tmp_path / "run" / "report.json").unlink()
    from safetensors import safe_open
    from safetensors.numpy import load_file, save_file

    path = tmp_path / "run" / "model.safetensors"
    with safe_open(path, framework="numpy") as file:
        metadata = file.metadata()
    save_file({k: v for k, v in load_file(path).items() if k not in ("factor", "center")}, path, metadata)
    assert "keeps nothing of" in said("0.9")
