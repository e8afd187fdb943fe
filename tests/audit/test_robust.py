"""Robust and clustered standard errors against statsmodels."""

import numpy as np
import polars as pl
import pytest

from tests.audit.test_summary import agree, agree_on_coefficients, maximum, problem

sm = pytest.importorskip("statsmodels.api")


def heteroscedastic(seed):
    X, score, random = problem(seed)
    return X, 3 + 5 * score + random.normal(size=len(X)) * (0.3 + np.abs(score - score.mean())), random


@pytest.mark.thinned(6)
@pytest.mark.parametrize("kind", ["HC0", "HC1", "HC2", "HC3"])
@pytest.mark.parametrize("seed", [1, 2])
def test_least_squares(fit, kind, seed):
    X, y, _ = heteroscedastic(seed)
    intercept = seed != 1
    options = [*(["--optimizer", "exact"] if seed % 2 else []), *([] if intercept else ["--no-intercept"])]
    ran = fit(X, y, "--robust", kind, *options)
    expected = sm.OLS(y, sm.add_constant(X) if intercept else X).fit(cov_type=kind, use_t=True)
    agree_on_coefficients(ran, expected)
    test = ran.report["summary"]["test"]
    agree(test["value"], np.squeeze(expected.fvalue), 1e-7)
    np.testing.assert_allclose(test["p"], np.squeeze(expected.f_pvalue), rtol=1e-6)
    assert (test["kind"], test["df_residual"]) == ("Wald", expected.df_resid)
    assert ran.report["summary"]["inference"]["covariance"] == kind


def binary(seed):
    X, score, random = problem(seed)
    return X, (0.7 * score + random.logistic(size=len(X)) > 0).astype(int), random


@pytest.mark.parametrize("seed", [100, 102, 103])
def test_logistic(fit, seed):
    X, y, _ = binary(seed)
    names = np.array(["no", "yes"])
    ran = fit(X, names[y], "--robust", "HC0")
    expected = maximum(sm.Logit(y, sm.add_constant(X)), cov_type="HC0")
    agree_on_coefficients(ran, expected)
    wald = expected.wald_test(np.eye(X.shape[1] + 1)[1:], use_f=False, scalar=True)
    agree(ran.report["summary"]["test"]["value"], wald.statistic, 1e-7)
    # statsmodels takes HC1 of a likelihood for HC0.
    free = len(y) / (len(y) - X.shape[1] - 1)
    agree(fit(X, names[y], "--robust", "HC1").column("std_error")[:, 0], expected.bse * np.sqrt(free))


def test_logistic_with_leverages_is_as_its_formula(fit):
    """As R's sandwich::vcovHC has it for glm: residuals by the leverages of the weighted rows."""
    X, y, _ = binary(102)
    Z = sm.add_constant(X)
    result = maximum(sm.Logit(y, Z))
    bread, chances = result.cov_params(), result.predict()
    lever = np.einsum("ij,jk,ik->i", Z, bread, Z) * chances * (1 - chances)
    for kind, power in (("HC2", 0.5), ("HC3", 1.0)):
        scores = Z * ((y - chances) / (1 - lever) ** power)[:, None]
        errors = np.sqrt(np.diag(bread @ scores.T @ scores @ bread))
        agree(fit(X, np.array(["no", "yes"])[y], "--robust", kind).column("std_error")[:, 0], errors)


def test_softmax(fit):
    X, score, random = problem(205)
    y = np.digitize(0.5 * score + random.logistic(size=len(X)), [-0.7, 0.7])
    ran = fit(X, np.array(["a", "b", "c"])[y], "--baseline", "a", "--robust", "HC0")
    Z, result = sm.add_constant(X), maximum(sm.MNLogit(y, sm.add_constant(X)))
    errors = np.eye(3)[y][:, 1:] - result.predict()[:, 1:]
    scores = (errors[:, :, None] * Z[:, None, :]).reshape(len(y), -1)
    covariance = result.cov_params() @ scores.T @ scores @ result.cov_params()
    agree(ran.column("std_error"), np.sqrt(np.diag(covariance)).reshape(2, -1).T)


@pytest.fixture
def clustered(tmp_path):
    """A table with a column of clusters, some rows without a target, and what is left of it."""

    def write(seed, *, classes=False):
        X, y, random = heteroscedastic(seed)
        groups = random.integers(0, 12, len(X))
        if classes:
            y = (y + random.normal(size=12)[groups] * 5 > np.median(y)).astype(float)
        lost = random.random(len(X)) < 0.1
        frame = pl.DataFrame({f"x{j}": X[:, j] for j in range(X.shape[1])} | {
            "firm": [f"f{g}" for g in groups],
            "y": [None if gone else (("no", "yes")[int(v)] if classes else v) for v, gone in zip(y, lost, strict=True)],
        })  # fmt: skip
        frame.write_csv(tmp_path / "c.csv")
        return X[~lost], y[~lost], groups[~lost]

    return write


@pytest.mark.parametrize("options", [[], ["--optimizer", "exact"]])
def test_clusters_of_least_squares(dlcli, clustered, options):
    X, y, groups = clustered(2)
    ran = dlcli("fit-linear", "c.csv", "--target", "y", "--cluster", "firm", "--json", "--out", "r", *options)
    expected = sm.OLS(y, sm.add_constant(X)).fit(cov_type="cluster", cov_kwds={"groups": groups}, use_t=True)
    agree_on_coefficients(ran, expected)
    assert ran.report["summary"]["inference"] == {
        "statistic": "t", "df": 11, "confidence": 0.95, "covariance": "cluster", "cluster": "firm", "clusters": 12,
    }  # fmt: skip
    assert "firm" not in "".join(ran.report["coefficients"])
    shown = dlcli("fit-linear", "c.csv", "--target", "y", "--cluster", "firm", "--out", "r", "--force", *options).out
    assert "t-tests with 11 degrees of freedom, 95% intervals; standard errors by 12 clusters of firm" in shown


def test_clusters_of_classes(dlcli, clustered):
    X, y, groups = clustered(5, classes=True)
    ran = dlcli("fit-linear", "c.csv", "--target", "y", "--cluster", "firm", "--json")
    model = sm.Logit(y, sm.add_constant(X))
    expected = maximum(model, cov_type="cluster", cov_kwds={"groups": groups})
    agree_on_coefficients(ran, expected)


def test_held_out_rows_are_no_part_of_it(dlcli, clustered, tmp_path):
    clustered(2)
    options = ["--target", "y", "--cluster", "firm", "--json", "--val", "0.3", "--force", "--out", "r"]
    moments = dlcli("fit-linear", "c.csv", *options)
    rows = dlcli("fit-linear", "c.csv", *options, "--optimizer", "exact")
    assert moments.report["summary"]["rows"] == rows.report["summary"]["rows"] < moments.report["rows"]
    np.testing.assert_allclose(moments.column("std_error"), rows.column("std_error"), rtol=1e-8)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--cluster", "frim"], "--cluster frim: there is no such column"),
        (["--cluster", "y"], "--cluster y: it is the target"),
        (["--cluster", "one"], "--cluster one: all rows have the same value"),
        (["--cluster", "gaps"], "--cluster gaps: 1 row of it have no value"),
        (["--cluster", "g", "--robust", "HC3"], "--robust HC3 and --cluster"),
        (["--robust", "HC4"], "--robust"),
        (["--target", "c", "--robust", "HC3"], "--robust HC3: a softmax"),
    ],
)
def test_what_can_not_be_is_refused(dlcli, tmp_path, words, said):
    lines = [f"{i * i % 7},{i % 4},1,{'' if i == 5 else i % 3},{'abc'[i * 5 % 3]},{i * 3 % 5}" for i in range(30)]
    (tmp_path / "t.csv").write_text("x,g,one,gaps,c,y\n" + "\n".join(lines) + "\n")
    target = [] if "--target" in words else ["--target", "y"]
    ran = dlcli("fit-linear", "t.csv", *target, *words, "-q")
    assert ran.code == 2
    assert said in ran.err
    assert ran.err.count("\n") == 1


def test_of_several_processes_it_is_refused(monkeypatch, tmp_path):
    from dlcli.config.fit_linear import FitLinearConfig
    from dlcli.engine.ranks import Ranks
    from dlcli.errors import DlcliError
    from dlcli.tasks import fit_linear

    monkeypatch.setattr(fit_linear, "launched", lambda: Ranks(0, 2, 0))
    for given in ({"robust": "HC1"}, {"cluster": "g"}):
        with pytest.raises(DlcliError, match=f"--{next(iter(given))} passes over the rows in one process"):
            fit_linear.fit_linear(FitLinearConfig.build({"data": ("t.csv",), "out": str(tmp_path / "r"), **given}))


def test_a_look_at_a_table_has_the_clusters_beside_it(dlcli, clustered):
    clustered(2)
    shown = dlcli("fit-linear", "c.csv", "--target", "y", "--cluster", "firm", "--dry-run").out
    assert "firm" not in shown[: shown.index("dlcli fit-linear")]
    assert "--cluster firm" in shown


@pytest.mark.parametrize("options", [[], ["--optimizer", "exact"]])
def test_a_row_that_determines_its_own_prediction_has_no_hc3(fit, options):
    X, y, _ = heteroscedastic(2)
    X = np.column_stack([X, np.arange(len(X)) == 3])
    ran = fit(X, y, "--robust", "HC3", *options)
    assert np.isnan(ran.column("std_error")).all()
    assert "leverage 1" in ran.report["std_error_reason"]
    assert np.isfinite(fit(X, y, "--robust", "HC1", *options).column("std_error")).all()


def test_a_penalized_fit_stays_blank(fit):
    X, y, _ = heteroscedastic(2)
    ran = fit(X, y, "--robust", "HC1", "--l2", "0.1")
    assert np.isnan(ran.column("std_error")).all()
    assert "penalty" in ran.report["std_error_reason"]
