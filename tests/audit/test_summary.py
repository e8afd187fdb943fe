"""Every number of the summary against statsmodels, over generated problems and real tables."""

import warnings

import numpy as np
import polars as pl
import pytest

from tests.conftest import SHARED

sm = pytest.importorskip("statsmodels.api")
CLOSE = 1e-8


def problem(seed):
    """X with columns in very different units, some of them of 0 and 1, and a score; every third has no signal."""
    random = np.random.default_rng(seed)
    n, d = int(random.integers(25, 90)), int(random.integers(1, 6))
    X = random.normal(size=(n, d)) * np.logspace(-2, 3, 6)[random.permutation(6)[:d]] + random.normal(size=d)
    if d > 2:
        X[:, 1] = random.random(n) < 0.4
    score = (X - X.mean(axis=0)) / X.std(axis=0) @ random.normal(size=d) * (seed % 3 > 0)
    return X, score, random


def agree(found, expected, tolerance=CLOSE):
    """Equal to a share of themselves, but for numbers that are 0 to the rounding of what they are made of."""
    np.testing.assert_allclose(np.asarray(found, float), np.asarray(expected, float), rtol=tolerance, atol=1e-13)


def maximum(model, **options):
    """statsmodels' fit to the last digit: its own test of convergence is then met by rounding, or not."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return model.fit(disp=0, method="newton", tol=1e-14, maxiter=100, **options)


def columns(ran, *names):
    return [ran.column(name) for name in names]


def agree_on_coefficients(ran, result, shape=None, confidence=0.05):
    """``shape`` puts statsmodels' arrays into that of the report."""
    shape = shape or (lambda a: np.asarray(a).reshape(len(a), -1))
    value, error, statistic, p, low, high = columns(ran, "value", "std_error", "statistic", "p", "low", "high")
    assert np.abs((value - shape(result.params)) / error).max() < CLOSE
    agree(error, shape(result.bse))
    scale = np.maximum(np.abs(statistic), 1)
    assert np.abs((statistic - shape(result.tvalues)) / scale).max() < CLOSE
    np.testing.assert_allclose(p, shape(result.pvalues), rtol=1e-6)
    interval = np.asarray(result.conf_int(confidence))
    low_, high_ = (interval[..., 0].T, interval[..., 1].T) if interval.ndim == 3 else (interval[:, 0], interval[:, 1])
    assert np.abs((low - shape(low_)) / error).max() < CLOSE
    assert np.abs((high - shape(high_)) / error).max() < CLOSE


@pytest.mark.thinned(6)
@pytest.mark.parametrize("seed", [0, 1, 3, 5, 6, 8])  # the campaign has more
def test_least_squares(fit, seed):
    X, score, random = problem(seed)
    y = 3 + 10 * score + random.normal(size=len(X))
    intercept, options = seed % 4 != 1, ["--optimizer", "exact"] if seed % 2 else []
    options += [] if intercept else ["--no-intercept"]
    confidence = 0.95 if seed % 5 else 0.99
    ran = fit(X, y, "--confidence", confidence, *options)
    expected = sm.OLS(y, sm.add_constant(X) if intercept else X).fit()
    agree_on_coefficients(ran, expected, confidence=1 - confidence)
    report = ran.report
    summary = report["summary"]
    agree(report["r2"], expected.rsquared)
    agree(summary["r2_adjusted"], expected.rsquared_adj)
    assert (summary["rows"], summary["df_residual"]) == (len(X), expected.df_resid)
    assert summary["inference"] == {
        "statistic": "t", "df": expected.df_resid, "confidence": confidence, "covariance": "classical",
    }  # fmt: skip
    test = summary["test"]
    agree(test["value"], expected.fvalue)
    np.testing.assert_allclose(test["p"], expected.f_pvalue, rtol=1e-6)
    assert (test["kind"], test["df"], test["df_residual"]) == ("F", expected.df_model, expected.df_resid)
    likelihood = summary["likelihood"]
    for name, wanted in {
        "log_likelihood": expected.llf, "aic": expected.aic, "bic": expected.bic, "deviance": expected.ssr,
        "null_deviance": expected.centered_tss if intercept else expected.uncentered_tss,
        "dispersion": expected.scale,
    }.items():  # fmt: skip
        agree(likelihood[name], wanted)


def agree_on_likelihood(ran, expected, log_null):
    likelihood, test = ran.report["summary"]["likelihood"], ran.report["summary"]["test"]
    for name, wanted in {
        "log_likelihood": expected.llf, "null_log_likelihood": log_null, "aic": expected.aic, "bic": expected.bic,
        "deviance": -2 * expected.llf, "null_deviance": -2 * log_null, "dispersion": 1.0,
    }.items():  # fmt: skip
        agree(likelihood[name], wanted)
    agree(test["value"], 2 * (expected.llf - log_null), 1e-7)


@pytest.mark.parametrize("seed", [100, 101, 102, 104])
def test_logistic(fit, seed):
    X, score, random = problem(seed)
    y = (0.7 * score + random.logistic(size=len(X)) > 0).astype(int)
    intercept = seed % 4 != 1
    ran = fit(X, np.array(["no", "yes"])[y], *([] if intercept else ["--no-intercept"]))
    expected = maximum(sm.Logit(y, sm.add_constant(X) if intercept else X))
    agree_on_coefficients(ran, expected)
    agree_on_likelihood(ran, expected, expected.llnull if intercept else -len(y) * np.log(2))
    summary = ran.report["summary"]
    assert summary["inference"]["statistic"] == "z"
    assert summary["classes"]["modeled"] == "log-odds of yes against no"
    agree(summary["classes"]["majority_accuracy"], max(y.mean(), 1 - y.mean()))
    if intercept:
        np.testing.assert_allclose(summary["test"]["p"], expected.llr_pvalue, rtol=1e-6)
        assert summary["test"]["df"] == X.shape[1]


@pytest.mark.thinned(4)
@pytest.mark.parametrize("seed", [200, 201, 202])
def test_softmax_against_a_baseline(fit, seed):
    X, score, random = problem(seed)
    y = np.digitize(0.5 * score + random.logistic(size=len(X)), [-0.7, 0.7])
    names = np.array(["a", "b", "c"])
    ran = fit(X, names[y], "--baseline", "a")
    expected = maximum(sm.MNLogit(y, sm.add_constant(X)))
    agree_on_coefficients(ran, expected, shape=np.asarray)
    agree_on_likelihood(ran, expected, expected.llnull)
    summary = ran.report["summary"]
    np.testing.assert_allclose(summary["test"]["p"], expected.llr_pvalue, rtol=1e-6)
    assert summary["test"]["df"] == expected.df_model
    assert summary["classes"]["baseline"] == "a"
    # Against the last class the same model has other coefficients.
    other = fit(X, names[y], "--baseline", "c")
    turned = maximum(sm.MNLogit(2 - y, sm.add_constant(X)))
    agree_on_coefficients(other, turned, shape=lambda a: np.asarray(a)[:, ::-1])


REAL = {
    "mpg.csv": ("mpg", ["displacement", "weight", "acceleration", "model_year"]),
    "penguins.csv": ("body_mass_g", ["bill_length_mm", "bill_depth_mm", "flipper_length_mm"]),
    "tips.csv": ("tip", ["total_bill", "size"]),
    "iris.csv": ("petal_width", ["sepal_length", "sepal_width", "petal_length"]),
}


@pytest.mark.parametrize("name", REAL)
def test_real_tables(dlcli, name):
    path = SHARED / "tables" / name
    if not path.is_file():
        pytest.skip(f"no {path}")
    target, features = REAL[name]
    ran = dlcli(
        "fit-linear", path, "--target", target, "--features", ",".join(features), "--missing", "drop", "--json",
        "--per-sd",
    )  # fmt: skip
    frame = pl.read_csv(path, null_values=["NA", ""]).select(target, *features).drop_nulls().cast(pl.Float64)
    X, y = frame.select(features).to_numpy(), frame[target].to_numpy()
    expected = sm.OLS(y, sm.add_constant(X)).fit()
    agree_on_coefficients(ran, expected)
    agree(ran.report["summary"]["test"]["value"], expected.fvalue)
    betas = sm.OLS((y - y.mean()) / y.std(), (X - X.mean(axis=0)) / X.std(axis=0)).fit().params
    agree(ran.column("standardized")[1:, 0], betas)
    assert np.isnan(ran.column("standardized")[0, 0])


def test_what_r_prints_of_stackloss(dlcli):
    """The output of R's summary(lm(stack.loss ~ ., stackloss)), as its documentation has it."""
    path = SHARED / "tables" / "stackloss.csv"
    if not path.is_file():
        pytest.skip(f"no {path}")
    ran = dlcli("fit-linear", path, "--target", "STACKLOSS", "--json")
    printed = """-39.9197 11.8960 -3.356 0.00375
        0.7156 0.1349 5.307 5.8e-05
        1.2953 0.3680 3.520 0.00263
        -0.1521 0.1563 -0.973 0.34405"""
    expected = np.array(printed.split(), float).reshape(4, 4)
    found = np.column_stack([ran.column(name)[:, 0] for name in ("value", "std_error", "statistic", "p")])
    np.testing.assert_allclose(found, expected, rtol=8e-4)
    report, summary = ran.report, ran.report["summary"]
    assert [round(report["residual_sd"], 3), summary["df_residual"]] == [3.243, 17]
    assert [round(report["r2"], 4), round(summary["r2_adjusted"], 4)] == [0.9136, 0.8983]
    test = summary["test"]
    assert (round(test["value"], 1), test["df"], test["df_residual"]) == (59.9, 3, 17)
    assert test["p"] == pytest.approx(3.016e-09, rel=2e-4)
    assert summary["likelihood"]["aic"] + 2 == pytest.approx(114.5756, abs=1e-4)  # R counts the variance, too


def test_p_values_of_a_strong_effect_are_not_zero(fit):
    random = np.random.default_rng(1)
    x = random.normal(size=(700, 1))
    ran = fit(x, x[:, 0] + 0.5 * random.normal(size=700), "--optimizer", "exact")
    p = ran.column("p")[1, 0]
    from mpmath import betainc, mp, mpf

    with mp.workdps(40):
        t = mpf(float(ran.column("statistic")[1, 0]))
        expected = float(betainc(mpf(698) / 2, mpf("0.5"), 0, 698 / (698 + t * t), regularized=True))
    assert 0 < expected < 1e-200
    assert p == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize(("options", "reason"), [(["--l2", "0.1"], "penalty"), (["--steps", "3"], "not reached")])
def test_what_would_be_wrong_is_blank(dlcli, fit, options, reason):
    X, score, random = problem(5)
    ran = fit(X, score + random.normal(size=len(X)), *options)
    report = ran.report
    assert np.isnan([ran.column(name) for name in ("std_error", "statistic", "p", "low", "high")]).all()
    assert reason in report["std_error_reason"]
    summary = report["summary"]
    assert [summary[name] for name in ("inference", "test", "likelihood", "r2_adjusted")] == [None] * 4


def test_without_residual_degrees_of_freedom_it_is_said(dlcli, fit):
    random = np.random.default_rng(0)
    X, y = random.normal(size=(4, 3)), random.normal(size=4)
    summary = fit(X, y, "--optimizer", "exact").report["summary"]
    assert (summary["df_residual"], summary["test"], summary["inference"]) == (0, None, None)
    shown = dlcli("fit-linear", "t.csv", "--target", "y", "--out", "run", "--force", "--optimizer", "exact").out
    assert "0 residual degrees of freedom" in shown


def test_aliased_columns_of_the_exact_solver_are_as_in_r(dlcli, fit):
    X, score, random = problem(8)
    X, y = np.column_stack([X, X[:, 0] - 2.0]), score + random.normal(size=len(X))
    ran = fit(X, y, "--optimizer", "exact")
    expected = sm.OLS(y, sm.add_constant(X[:, :-1])).fit()
    agree(ran.column("std_error")[:-1, 0], expected.bse)
    agree(ran.report["summary"]["test"]["value"], expected.fvalue)
    assert np.isnan(ran.column("std_error")[-1, 0])
    assert ran.report["summary"]["rank"] == X.shape[1]
    shown = dlcli("fit-linear", "t.csv", "--target", "y", "--out", "run", "--force", "--optimizer", "exact").out
    assert f"aliased, as they depend on other columns: x{X.shape[1] - 1}" in shown


def test_one_condition_number_for_all_solvers(fit):
    X, score, random = problem(8)
    y = score + random.normal(size=len(X))
    C = np.corrcoef(X.T)
    values = np.linalg.eigvalsh(C)
    for table in (X, np.column_stack([X, X[:, 0] - 2.0])):
        for options in (["--optimizer", "exact"], ["--optimizer", "gd"], ["--no-standardize", "--steps", "10"]):
            report = fit(table, y, *options).report
            assert report["condition_number"] == pytest.approx(values[-1] / values[0], rel=1e-6)
            assert not report["summary"]["condition_number_at_least"]


def test_a_condition_number_beyond_float64_is_at_least(dlcli, fit):
    x = np.linspace(0, 10, 200)
    X, y = np.column_stack([x**k for k in range(1, 15)]), np.sin(x) + np.arange(200) % 7
    report = fit(X, y, "--steps", "10").report
    assert report["summary"]["condition_number_at_least"]
    shown = dlcli("fit-linear", "t.csv", "--target", "y", "--out", "run", "--force", "--steps", "10").out
    assert any(line.startswith("condition number") and "at least" in line for line in shown.splitlines())
    exact = fit(X, y, "--optimizer", "exact").report  # which sees on, as it squares nothing
    assert exact["condition_number"] > report["condition_number"]
    assert not exact["summary"]["condition_number_at_least"]


def test_more_columns_than_rows_leave_no_degrees_of_freedom(fit):
    random = np.random.default_rng(0)
    X = random.normal(size=(8, 12))
    for y in (X[:, 0], np.where(X[:, 0] > 0, "a", "b")):
        summary = fit(X, y).report["summary"]
        assert (summary["df_residual"], summary["test"]) == (0, None)
        assert summary["rank"] == 8


def test_eighty_columns_are_enough(dlcli, fit):
    X, score, random = problem(8)
    fit(X * 1e6, score + random.normal(size=len(X)))
    shown = dlcli("fit-linear", "t.csv", "--target", "y", "--out", "run", "--force").out
    assert max(map(len, shown.splitlines())) <= 80 or "saved in" in shown.splitlines()[-1]
    table = shown[: shown.index("\n\n")].splitlines()
    assert max(map(len, table)) <= 80
    assert table[0].split() == ["coefficient", "value", "std", "error", "t", "p", "2.5%", "97.5%"]


@pytest.mark.parametrize("confidence", ["0", "1", "95"])
def test_a_confidence_is_a_share(dlcli, confidence):
    ran = dlcli("fit-linear", "--confidence", confidence)
    assert ran.code == 2
    assert "--confidence" in ran.err


def test_a_baseline_is_a_class(dlcli, fit):
    X, score, _ = problem(8)
    fit(X, np.where(score > 0, "yes", "no"))
    ran = dlcli("fit-linear", "t.csv", "--target", "y", "--baseline", "maybe")
    assert (ran.code, ran.err.count("\n") - ran.err.count("numbers")) != (0, 0)
    assert "--baseline maybe: there is no such class: the classes are" in ran.err
    assert "holds numbers" in dlcli("fit-linear", "--baseline", "a").err


@pytest.mark.parametrize("intercept", [True, False])
def test_two_classes_with_an_offset_are_tested_against_that_offset(dlcli, tmp_path, intercept):
    X, score, random = problem(102)
    offset = random.normal(size=len(X)) * 2
    y = (score + offset + random.logistic(size=len(X)) > 0).astype(float)
    frame = pl.DataFrame({"x": X[:, 0], "o": offset, "y": np.array(["no", "yes"])[y.astype(int)]})
    frame.write_csv(tmp_path / "o.csv")
    words = ["--target", "y", "--offset", "o", "--json", *([] if intercept else ["--no-intercept"])]
    summary = dlcli("fit-linear", "o.csv", *words).report["summary"]
    null = -np.sum(np.logaddexp(0, offset) - y * offset)
    if intercept:
        null = sm.GLM(y, np.ones(len(y)), sm.families.Binomial(), offset=offset).fit(tol=1e-14).llf
    agree(summary["likelihood"]["null_log_likelihood"], null)
    agree(summary["test"]["value"], 2 * (summary["likelihood"]["log_likelihood"] - null))
