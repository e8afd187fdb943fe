"""Poisson, gamma, negative binomial and Tweedie regression against statsmodels, through the command."""

import warnings

import numpy as np
import pytest

from tests.audit.test_summary import agree, agree_on_coefficients

sm = pytest.importorskip("statsmodels.api")
links = sm.families.links
CLOSE = 1e-8


def problem(seed, *, positive=False):
    """X with columns in different units, and a score with a moderate spread; ``positive``: columns and weights are."""
    random = np.random.default_rng(seed)
    n, d = int(random.integers(60, 200)), int(random.integers(1, 5))
    X = random.random((n, d)) if positive else random.normal(size=(n, d)) + random.normal(size=d)
    weights = random.random(d) if positive else random.normal(size=d) / (2 * np.sqrt(d))
    score = 0.5 + (X - X.mean(axis=0) * (not positive)) @ weights
    return X * np.logspace(-2, 2, 5)[random.permutation(5)[:d]], score, random


def statsmodels(family, X, y, **options):
    """Its fit by iterated least squares, to the last digit, with tests as R has them."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = sm.GLM(y, X, family=family)
        start = model.fit(tol=1e-14, maxiter=300)
        dispersed = not isinstance(family, (sm.families.Poisson, sm.families.NegativeBinomial)) or "scale" in options
        return model.fit(
            start_params=start.params, tol=1e-14, tol_criterion="params", maxiter=300, use_t=dispersed, **options
        )


def targets(name, mean, random):
    if name == "poisson":
        return random.poisson(mean)
    if name == "gamma":
        return random.gamma(2.0, mean / 2)
    if name.startswith("negative-binomial"):
        return random.poisson(mean * random.gamma(2.0, 0.5, size=len(mean)))
    counts = random.poisson(mean)  # a compound Poisson, of Tweedie's between 1 and 2
    return np.array([random.gamma(2.0, 0.5, size=k).sum() for k in counts]) + (0.01 if name[-1] in "3" else 0.0)


FAMILIES = {
    "poisson": sm.families.Poisson,
    "gamma": sm.families.Gamma,
    "negative-binomial:0.5": lambda link: sm.families.NegativeBinomial(link, alpha=0.5),
    "tweedie:1.5": lambda link: sm.families.Tweedie(link, var_power=1.5),
    "tweedie:1": sm.families.Poisson,  # but for its dispersion
    "tweedie:2.5": lambda link: sm.families.Tweedie(link, var_power=2.5),
    "tweedie:3": lambda link: sm.families.InverseGaussian(link),
    "tweedie:0": sm.families.Gaussian,
}
LINKS = {"log": links.Log, "identity": links.Identity, "inverse": links.InversePower}


def agree_as_a_whole(ran, expected, X, y):
    """``expected``'s deviances, Pearson's chi-square, dispersion, and its test of all slopes."""
    found = ran.report["summary"]["likelihood"]
    agree(found["deviance"], expected.deviance, CLOSE)
    agree(found["null_deviance"], expected.null_deviance, CLOSE)
    agree(found["pearson"], expected.pearson_chi2, CLOSE)
    agree(found["dispersion"], expected.scale, CLOSE)
    assert ran.report["summary"]["df_residual"] == expected.df_resid
    metrics = ran.report["metrics"]["train"]
    agree(metrics["deviance"], expected.deviance, CLOSE)
    agree(metrics["d2"], 1 - expected.deviance / expected.null_deviance, CLOSE)
    agree(metrics["rmse"], np.sqrt(np.mean((y - expected.predict(X)) ** 2)), CLOSE)


@pytest.mark.thinned(12)
@pytest.mark.parametrize("seed", [0, 3])  # the campaign has more
@pytest.mark.parametrize("loss", FAMILIES)
def test_log_link(fit, loss, seed):
    X, score, random = problem(seed)
    y = targets(loss, np.exp(score), random).astype(float)
    y = y + 0.01 if loss.startswith(("gamma", "tweedie:2", "tweedie:3")) else y
    ran = fit(X, y, "--loss", loss, *(["--link", "log"] if loss == "tweedie:0" else []))
    Z = sm.add_constant(X)
    expected = statsmodels(FAMILIES[loss](links.Log()), Z, y, **({"scale": "X2"} if loss == "tweedie:1" else {}))
    assert ran.report["status"] == "converged"
    agree_on_coefficients(ran, expected)
    agree_as_a_whole(ran, expected, Z, y)
    found = ran.report["summary"]["likelihood"]
    if loss in ("poisson", "gamma", "negative-binomial:0.5", "tweedie:3"):
        agree(found["log_likelihood"], expected.llf, CLOSE)
        agree(found["aic"], expected.aic, CLOSE)
        agree(found["bic"], expected.bic_llf, CLOSE)
        if not loss.startswith(("gamma", "tweedie")):
            agree(found["null_log_likelihood"], expected.llnull, CLOSE)
            agree(ran.report["summary"]["test"]["value"], 2 * (expected.llf - expected.llnull), 1e-7)


@pytest.mark.thinned(6)
@pytest.mark.parametrize("seed", [1])
@pytest.mark.parametrize(
    ("loss", "link"),
    [("poisson", "identity"), ("gamma", "identity"), ("gamma", "inverse"), ("negative-binomial:0.5", "identity"),
     ("tweedie:1.5", "identity"), ("tweedie:3", "inverse")],
)  # fmt: skip
def test_other_links(fit, loss, link, seed):
    X, score, random = problem(seed, positive=True)
    y = np.maximum(targets(loss, score if link == "identity" else 1 / score, random).astype(float), 0.01)
    y = np.maximum(np.round(y), 1.0) if loss.startswith("neg") else y
    ran = fit(X, y, "--loss", loss, "--link", link)
    Z = sm.add_constant(X)
    expected = statsmodels(FAMILIES[loss](LINKS[link]()), Z, y)
    assert ran.report["status"] == "converged"
    agree_on_coefficients(ran, expected)
    agree_as_a_whole(ran, expected, Z, y)


def test_newtons_steps_go_on_where_the_loss_is_not_convex(fit):
    """Far from the optimum an inverse Gaussian's observed curvature is below 0; such a step was taken for the last."""
    random = np.random.default_rng(0)
    X = random.normal(size=(100, 1))
    y = random.gamma(4.0, np.exp(3 * X[:, 0]) / 4)
    ran = fit(X, y, "--loss", "tweedie:3")
    slow = fit(X, y, "--loss", "tweedie:3", "--optimizer", "lbfgs")
    assert ran.report["status"] == slow.report["status"] == "converged"
    assert ran.report["steps"] > 3
    agree(ran.column("value"), slow.column("value"), 1e-6)
