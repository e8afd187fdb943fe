"""Families against the published outputs of R's glm, and a penalty's against scikit-learn."""

import json

import numpy as np
import pytest

from tests.audit.losses.test_families import problem, targets
from tests.audit.test_summary import agree

sm = pytest.importorskip("statsmodels.api")
linear_model = pytest.importorskip("sklearn.linear_model")

# R's warpbreaks: breaks of yarn by wool (A, B) and tension (L, M, H), nine each.
BREAKS = """
26 30 54 25 70 52 51 26 67  18 21 29 17 12 18 35 30 36  36 21 24 18 10 43 28 15 26
27 14 29 19 29 31 41 20 44  42 26 19 16 39 28 21 39 29  20 21 24 17 13 15 15 16 28
"""
CLOTTING = {5: 118, 10: 58, 15: 42, 20: 35, 30: 27, 40: 25, 60: 21, 80: 19, 100: 18}  # seconds, of lot 1, by dose


def printed(found, *expected):
    """Each number as it was printed."""
    for value, text in zip(np.ravel(found), expected, strict=True):
        digits = len(text.partition(".")[2])
        assert f"{value:.{digits}f}" == text


def warpbreaks(dlcli, tmp_path, *options):
    cells = [(wool, tension) for wool in "AB" for tension in "LMH" for _ in range(9)]
    lines = [
        f"{y},{wool == 'B':d},{t == 'M':d},{t == 'H':d}" for y, (wool, t) in zip(BREAKS.split(), cells, strict=True)
    ]
    (tmp_path / "w.csv").write_text("\n".join(["breaks,woolB,tensionM,tensionH", *lines]))
    ran = dlcli("fit-linear", "w.csv", "--target", "breaks", "--json", "--out", "run", "--force", *options)
    assert ran.code == 0
    return ran


def test_warpbreaks_poisson(dlcli, tmp_path):
    """R: glm(breaks ~ wool + tension, poisson)."""
    ran = warpbreaks(dlcli, tmp_path, "--loss", "poisson")
    printed(ran.column("value"), "3.69196", "-0.20599", "-0.32132", "-0.51849")
    printed(ran.column("std_error"), "0.04541", "0.05157", "0.06027", "0.06396")
    found = ran.report["summary"]["likelihood"]
    printed([found["null_deviance"], found["deviance"], found["aic"]], "297.37", "210.39", "493.06")


def test_warpbreaks_quasi_poisson(dlcli, tmp_path):
    """R: glm(breaks ~ wool + tension, quasipoisson)."""
    ran = warpbreaks(dlcli, tmp_path, "--loss", "tweedie:1")
    printed(ran.column("std_error"), "0.09374", "0.10646", "0.12441", "0.13203")
    assert ran.report["summary"]["inference"]["statistic"] == "t"
    agree(ran.report["summary"]["likelihood"]["dispersion"], 4.261537, 1e-5)  # R stops at 1e-8 of the deviance


def test_clotting_gamma(fit):
    """R: glm(lot1 ~ log(u), Gamma), of McCullagh and Nelder 1989, 8.4.2."""
    ran = fit(np.log(np.array(list(CLOTTING)))[:, None], np.array(list(CLOTTING.values())), "--loss", "gamma", "--link",
              "inverse")  # fmt: skip
    printed(ran.column("value"), "-0.01655438", "0.01534311")
    agree(ran.column("std_error")[:, 0], [0.00092754, 0.00041496], 2e-5)
    found = ran.report["summary"]["likelihood"]
    printed([found["null_deviance"], found["deviance"]], "3.51283", "0.01673")
    agree(found["dispersion"], 0.002446059, 1e-5)


@pytest.mark.parametrize("seed", range(4))
def test_negative_binomial_with_alpha(fit, seed):
    X, score, random = problem(seed)
    y = random.poisson(np.exp(score + 0.7) * random.gamma(1.5, 1 / 1.5, size=len(score)))
    ran = fit(X, y.astype(float), "--loss", "negative-binomial")
    Z = sm.add_constant(X / X.std(axis=0))
    start = np.append(ran.column("value")[:, 0] * np.append(1, X.std(axis=0)), ran.report["family"]["alpha"])
    expected = sm.NegativeBinomial(y, Z).fit(start_params=start, disp=0, method="newton", tol=1e-14, maxiter=50)
    alpha = expected.params[-1]
    agree(ran.report["family"]["alpha"], alpha, 1e-8)
    agree(ran.column("value")[1:, 0] * X.std(axis=0), expected.params[1:-1], 1e-8)
    found = ran.report["summary"]["likelihood"]
    agree([found["log_likelihood"], found["aic"], found["bic"]], [expected.llf, expected.aic, expected.bic], 1e-10)
    agree(found["null_log_likelihood"], expected.llnull, 1e-8)
    # As glm.nb: the expected information at this alpha, and the observed one about alpha alone.
    given = sm.GLM(y, Z, family=sm.families.NegativeBinomial(alpha=alpha)).fit(tol=1e-14, tol_criterion="params")
    agree(ran.column("std_error")[1:, 0] * X.std(axis=0), given.bse[1:], 1e-7)
    hessian = expected.model.hessian(expected.params)
    agree(ran.report["family"]["alpha_std_error"], 1 / np.sqrt(-hessian[-1, -1]), 1e-6)


@pytest.mark.parametrize(
    ("loss", "peer"),
    [("poisson", "PoissonRegressor"), ("gamma", "GammaRegressor"), ("tweedie:1.5", "TweedieRegressor"),
     ("tweedie:2.5", "TweedieRegressor")],
)  # fmt: skip
def test_a_ridge_is_scikit_learns(fit, loss, peer):
    """Its objective is half the mean deviance with alpha/2 |w|^2, as here; its columns are to be standardized first."""
    X, score, random = problem(5)
    y = targets(loss, np.exp(score), random) + (0.01 if loss != "poisson" else 0)
    options = {"power": float(loss[8:])} | ({"link": "log"}) if loss.startswith("tweedie") else {}
    Z = (X - X.mean(axis=0)) / X.std(axis=0)
    expected = getattr(linear_model, peer)(alpha=0.3, solver="lbfgs", tol=1e-12, max_iter=10000, **options).fit(Z, y)
    for optimizer in ("newton", "lbfgs", "gd"):
        ran = fit(X, y.astype(float), "--loss", loss, "--l2", 0.3, "--optimizer", optimizer)
        assert ran.report["status"] == "converged"
        agree(ran.column("value")[1:, 0] * X.std(axis=0), expected.coef_, 1e-7)


def test_a_lasso_leaves_no_subgradient(fit):
    X, score, random = problem(9)
    y = random.poisson(np.exp(score))
    Z = (X - X.mean(axis=0)) / X.std(axis=0)
    for optimizer in ("newton", "gd"):
        ran = fit(X, y.astype(float), "--loss", "poisson", "--l1", 0.1, "--optimizer", optimizer)
        w = ran.column("value")[1:, 0] * X.std(axis=0)
        mean = (
            np.exp(np.log(y.mean()) + 0 * y)
            if not w.any()
            else np.exp(ran.column("value")[0, 0] + X @ ran.column("value")[1:, 0])
        )
        slope = Z.T @ (mean - y) / len(y)
        assert abs(np.mean(mean - y)) < 1e-7
        np.testing.assert_allclose(slope[w != 0], -0.1 * np.sign(w[w != 0]), atol=1e-7)
        assert (np.abs(slope[w == 0]) <= 0.1 + 1e-9).all()


@pytest.mark.parametrize("optimizer", ["newton", "lbfgs", "gd", "sgd"])
def test_zeros_without_a_finite_optimum_are_said(dlcli, tmp_path, optimizer):
    random = np.random.default_rng(0)
    level, x = random.integers(0, 3, 200), random.normal(size=200)
    y = random.poisson(np.exp(1 + 0.2 * x)) * (level != 2)
    rows = [f"{a},{'uvw'[b]},{c}" for a, b, c in zip(x, level, y, strict=True)]
    (tmp_path / "z.csv").write_text("\n".join(["x,g,y", *rows]))
    words = ["fit-linear", "z.csv", "--target", "y", "--loss", "poisson", "--out", "run", "--force", "--steps", 200]
    ran = dlcli(*words, "--optimizer", optimizer)
    assert "the target is 0 in all rows that are told apart by 'g=w': the loss has no minimum" in " ".join(
        ran.err.split()
    )
    report = json.loads((tmp_path / "run" / "report.json").read_text())
    assert report["status"] != "converged"
    assert "no finite optimum" in report["std_error_reason"]
    told = dlcli(*words, "--optimizer", optimizer, "--l2", 0.01)
    assert "no minimum" not in told.err


def test_counts_that_vary_otherwise_than_poissons_are_said(dlcli, tmp_path):
    warpbreaks(dlcli, tmp_path)
    words = ["fit-linear", "w.csv", "--target", "breaks", "--out", "run", "--force", "--loss"]
    assert "chi2 by degrees of freedom is 4.262, not 1" in " ".join(dlcli(*words, "poisson").out.split())
    for other in (["poisson", "--robust", "HC1"], ["tweedie:1"], ["negative-binomial"]):
        assert "not 1" not in dlcli(*words, *other).out


@pytest.mark.parametrize(
    ("targets", "options", "words"),
    [
        ("1 2 -3 4 5", ["poisson"], "the target holds -3, expected 0 or more"),
        ("1 2 0 4 5", ["gamma"], "the target holds 0, expected numbers above 0: use --loss tweedie:1.5"),
        ("1 2 0.5 4 5", ["negative-binomial:1"], "expected counts"),
        ("0 0 0 0 0", ["poisson"], "is 0 in every row"), ("3 4 3 4 3", ["negative-binomial"], "use --loss poisson"),
        ("1 2 3 4 9", ["tweedie:0.5"], "no distribution has one between"),
        ("1 2 3 4 9", ["poisson", "--link", "inverse"], "use log or identity"),
        ("1 2 3 4 9", ["gamma", "--link", "inverse", "--no-intercept", "--features", "z"], "from which every row has"),
        ("1 2 3 4 9", ["mse", "--link", "log"], "--link log goes with"),
        ("1 2 3 4 9", ["poisson", "--optimizer", "exact"], "use --optimizer newton"),
        ("1 2 3 4 9", ["poisson", "--device", "cuda"], "runs on the CPU"),
        ("1 2 3 4 9", ["gamma", "--log-target"], "has its own link"),
        ("a b a b a", ["poisson"], "expected numbers"),
    ],
)  # fmt: skip
def test_bad_input_is_refused_in_one_line(dlcli, tmp_path, targets, options, words):
    rows = [f"{x},{x - 0.5},{y}" for x, y in zip((0.3, 0.1, 0.7, 0.2, 0.9), targets.split(), strict=True)]
    (tmp_path / "b.csv").write_text("\n".join(["x,z,y", *rows]))
    ran = dlcli("fit-linear", "b.csv", "--target", "y", "--out", "run", "--force", "--quiet", "--loss", *options)
    assert ran.code == 2
    assert words in " ".join(ran.err.split())
