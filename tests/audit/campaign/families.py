"""Generalized linear models by statsmodels' GLM, with the errors that R's sandwich makes of them."""

import warnings
from typing import Any

import numpy as np
import statsmodels.api as sm

from tests.audit.campaign.estimate import Estimate, whole_test
from tests.audit.campaign.problem import Problem, Sample
from tests.audit.campaign.squares import with_units_of

links = sm.families.links
LINKS = {"log": links.Log, "identity": links.Identity, "inverse": links.InversePower, "logit": links.Logit}
CANONICAL = {"poisson": "log", "tweedie:1": "log", "gamma": "inverse", "tweedie:2": "inverse", "tweedie:0": "identity",
             "logistic": "logit"}  # fmt: skip
COUNTS = ("poisson", "negative-binomial")


def family_of(loss: str, link: str) -> Any:
    """statsmodels' family; of tweedie:1 that of Poisson, but for its dispersion."""
    name, _, number = loss.partition(":")
    made = LINKS[link]()
    if name == "logistic":
        return sm.families.Binomial(made)
    if name == "negative-binomial":
        return sm.families.NegativeBinomial(made, alpha=float(number))
    if name == "tweedie" and float(number) not in (0, 1, 2, 3):
        return sm.families.Tweedie(made, var_power=float(number))
    whole = {"0": sm.families.Gaussian, "1": sm.families.Poisson, "2": sm.families.Gamma,
             "3": sm.families.InverseGaussian}  # fmt: skip
    return whole[{"poisson": "1", "gamma": "2"}.get(name, number)](made)


def is_dispersed(loss: str) -> bool:
    """Whether it has a dispersion that is estimated."""
    return not loss.startswith((*COUNTS, "logistic"))


def fitted(sample: Sample, loss: str, link: str, design: np.ndarray, start: np.ndarray | None = None) -> Any:
    """statsmodels' fit to the last digit."""
    scale = {"scale": "X2"} if is_dispersed(loss) else {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = sm.GLM(sample.y, design, family_of(loss, link), offset=sample.offset, **weighing(sample))
        if start is None:
            start = by_steps(model) if loss == "tweedie:3" else model.fit(tol=1e-14, maxiter=300).params
        return model.fit(start_params=start, tol=1e-14, tol_criterion="params", maxiter=300, **scale)


def by_steps(model: Any) -> np.ndarray:
    """A start for iterated least squares, which from the targets themselves leaves where an inverse Gaussian has means.

    It begins at the intercept alone, by way of a gamma, whose variance grows less with the mean.
    """
    first = np.zeros(model.exog.shape[1])
    if (model.exog[:, 0] == 1).all():
        first[0] = model.family.link(model.endog.mean())
    for family in (sm.families.Gamma, sm.families.InverseGaussian):
        own = sm.GLM(model.endog, model.exog, family(type(model.family.link)()), offset=model.offset,
                     freq_weights=model.freq_weights)  # fmt: skip
        first = own.fit(start_params=first, tol=1e-12, maxiter=300).params
    return first


def sandwich(sample: Sample, result: Any, loss: str, link: str) -> np.ndarray:
    """R's sandwich::vcovHC and vcovCL: the expected information is the bread.

    statsmodels has the observed one, which for canonical links is the same, and no HC1 to HC3 of a likelihood.
    """
    Z, mu, family = result.model.exog, result.fittedvalues, family_of(loss, link)
    weights = np.ones(len(mu)) if sample.weights is None else sample.weights
    frequency, precision = (np.ones(len(mu)), weights) if sample.precise else (weights, np.ones(len(mu)))
    slope = 1 / family.link.deriv(mu)
    bread = result.cov_params() / result.scale
    scores = (precision * (sample.y - mu) * slope / family.variance(mu))[:, None] * Z
    n, p = frequency.sum(), Z.shape[1]
    if sample.groups is not None:
        _, codes = np.unique(sample.groups, return_inverse=True)
        sums = np.zeros((codes.max() + 1, p))
        np.add.at(sums, codes, frequency[:, None] * scores)
        count = len(sums)
        meat, factor = sums.T @ sums, count / (count - 1) * (n - 1) / (n - p)
    else:
        power = {"HC2": 0.5, "HC3": 1.0}.get(sample.robust, 0.0)
        lever = np.einsum("ij,jk,ik->i", Z, bread, Z) * precision * slope**2 / family.variance(mu)
        scores = scores / ((1 - lever) ** power)[:, None]
        meat, factor = scores.T @ (scores * frequency[:, None]), n / (n - p) if sample.robust == "HC1" else 1.0
    found = bread @ meat @ bread * factor
    if link == CANONICAL.get(loss) and sample.robust in ("classical", "HC0") and not sample.precise:
        np.testing.assert_allclose(found, of_statsmodels(sample, result), rtol=1e-7, atol=1e-12 * np.abs(found).max())
    return found


def of_statsmodels(sample: Sample, result: Any) -> np.ndarray:
    """HC0 and clusters as statsmodels has them."""
    rows = sample.repeated  # of frequencies it corrects clusters by the number of different rows
    how = {"cov_type": "HC0"} if rows.groups is None else {
        "cov_type": "cluster", "cov_kwds": {"groups": np.unique(rows.groups, return_inverse=True)[1]},
    }  # fmt: skip
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = sm.GLM(rows.y, with_units_of(sample, rows), result.model.family, offset=rows.offset)
        return model.fit(start_params=result.params, tol=1e-14, maxiter=300, scale=result.scale, **how).cov_params()


def expected(sample: Sample, loss: str, link: str) -> dict[str, Any]:
    """Every number of the summary."""
    result = fitted(sample, loss, link, sample.design)
    n = len(sample.y) if sample.weights is None or sample.precise else float(sample.weights.sum())
    p, dispersed = sample.design.shape[1], is_dispersed(loss)
    classical = sample.groups is None and sample.robust == "classical"
    covariance = result.cov_params() if classical else sandwich(sample, result, loss, link)
    df = None if not dispersed else n - p if sample.groups is None else len(np.unique(sample.groups)) - 1
    estimate = Estimate(sample, np.asarray(result.params)[:, None], covariance, df)
    null_mean = of_null(sample, loss, link)
    family = family_of(loss, link)
    null = float(family.deviance(sample.y, null_mean, **weighing(sample)))
    ours = likelihoods(sample, loss, result, (null_mean, null))
    slopes, df_residual = p - sample.intercept, n - p
    if not sample.intercept and link not in ("log", "logit"):  # the score 0 has no mean
        ours |= {"likelihood.null_log_likelihood": None}
        test, null = {"test.value": None}, None
    elif not classical:
        test = estimate.wald()
    elif dispersed:
        test = whole_test("F", (null - result.deviance) / slopes / result.scale, slopes, df_residual)
    else:
        test = whole_test("likelihood ratio", null - result.deviance, slopes)
    return estimate.numbers() | test | ours | metrics(sample, loss, result) | {
        "rows": n, "rank": p, "df_residual": df_residual, "likelihood.deviance": result.deviance,
        "likelihood.null_deviance": null, "likelihood.dispersion": result.scale,
    }  # fmt: skip


def weighing(sample: Sample) -> dict[str, Any]:
    """The sample's weights by statsmodels' name for their kind."""
    if sample.weights is None:
        return {}
    return {"var_weights" if sample.precise else "freq_weights": sample.weights}


def of_null(sample: Sample, loss: str, link: str) -> np.ndarray:
    """Means (n,) of the intercept alone; without one, those of the score 0, beside the offset."""
    if sample.intercept:
        return fitted(sample, loss, link, np.ones((len(sample.y), 1))).fittedvalues
    offset = np.zeros(len(sample.y)) if sample.offset is None else sample.offset
    with np.errstate(divide="ignore"):
        return LINKS[link]().inverse(offset)


def likelihoods(sample: Sample, loss: str, result: Any, null: tuple[np.ndarray, float]) -> dict[str, Any]:
    """Log-likelihoods and criteria, those of families that have a density; ``null``: its means, and deviance."""
    if loss == "tweedie:1" or (loss.startswith("tweedie") and float(loss[8:]) not in (0, 2, 3)):
        names = ("log_likelihood", "null_log_likelihood", "aic", "bic")
        return {f"likelihood.{name}": None for name in names}
    n = len(sample.y) if sample.weights is None or sample.precise else float(sample.weights.sum())

    def at(mean, deviance):
        if loss == "tweedie:0":  # at the variance's own maximum, as R's, and as statsmodels' for the identity
            logs = np.log(sample.weights).sum() / 2 if sample.precise else 0.0
            return -n / 2 * (np.log(2 * np.pi * deviance / n) + 1) + logs
        return float(result.model.family.loglike(sample.y, mean, scale=result.scale, **weighing(sample)))

    own, p = at(result.fittedvalues, result.deviance), sample.design.shape[1]
    return {
        "likelihood.log_likelihood": own, "likelihood.null_log_likelihood": at(*null),
        "likelihood.aic": 2 * p - 2 * own, "likelihood.bic": np.log(n) * p - 2 * own,
    }  # fmt: skip


def metrics(sample: Sample, loss: str, result: Any) -> dict[str, Any]:
    """Those of the training rows."""
    weights = np.ones(len(sample.y)) if sample.weights is None else sample.weights
    if loss == "logistic":
        log_loss = result.deviance / 2 / weights.sum()
        return {"metrics.log_loss": log_loss, "metrics.loss": log_loss}
    errors = sample.y - result.fittedvalues
    mean = np.full(len(sample.y), np.average(sample.y, weights=weights))
    # d2 is measured against the targets' mean whatever the model, as scikit-learn's d2_tweedie_score.
    of_mean = float(result.model.family.deviance(sample.y, mean, **weighing(sample)))
    return {
        "metrics.deviance": result.deviance, "metrics.d2": 1 - result.deviance / of_mean,
        "metrics.rmse": np.sqrt(np.average(errors**2, weights=weights)),
        "metrics.mae": np.average(np.abs(errors), weights=weights), "likelihood.pearson": result.pearson_chi2,
    }  # fmt: skip


def problem(kind: str, name: str, sample: Sample, loss: str, link: str, *, real: str | None = None) -> Problem:
    """A family's fit, or with loss "logistic" that of two classes, whose targets are 0 and 1."""
    said = ["--loss", "cross-entropy"] if loss == "logistic" else ["--loss", loss, "--link", link]
    table = sample.columns()
    if loss == "logistic":
        table = table | {"y": np.array(["no", "yes"])[sample.y.astype(int)]}
    return Problem(kind, name, table, [*sample.words(), *said], lambda: expected(sample, loss, link), real=real)


def estimated_alpha(sample: Sample) -> dict[str, Any]:
    """negative-binomial without ALPHA: the whole likelihood's maximum by Newton's method; errors as R's glm.nb."""
    rows = sample.repeated
    design = with_units_of(sample, rows)

    def maximum(design):
        model = sm.NegativeBinomial(rows.y, design, offset=rows.offset)
        first = model.fit(disp=0, method="bfgs", maxiter=500)
        return model.fit(start_params=first.params, disp=0, method="newton", tol=1e-14, maxiter=100)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found, null = maximum(design), maximum(np.ones((len(rows.y), 1)))
    alpha = found.params[-1]
    given = fitted(rows, f"negative-binomial:{float(alpha)!r}", "log", design)
    hessian = found.model.hessian(found.params)
    estimate = Estimate(sample, found.params[:-1, None], given.cov_params(), None)
    slopes = design.shape[1] - 1
    return estimate.numbers() | whole_test("likelihood ratio", 2 * (found.llf - null.llf), slopes) | {
        "family.alpha": alpha, "family.alpha_std_error": 1 / np.sqrt(-hessian[-1, -1]),
        "likelihood.log_likelihood": found.llf, "likelihood.null_log_likelihood": null.llf,
        "likelihood.aic": found.aic, "likelihood.bic": found.bic, "likelihood.deviance": given.deviance,
        "rows": len(rows.y), "df_residual": len(rows.y) - design.shape[1],
    }  # fmt: skip


def alpha_problem(kind: str, name: str, sample: Sample, real: str | None = None) -> Problem:
    """negative-binomial with its ALPHA estimated."""
    words = [*sample.words(), "--loss", "negative-binomial"]
    return Problem(kind, name, sample.columns(), words, lambda: estimated_alpha(sample), real=real)
