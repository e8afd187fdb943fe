"""scikit-learn's penalized and weighted models, and its paths: coefficients, by mapped penalties."""

import warnings
from typing import Any

import numpy as np
from sklearn import linear_model
from sklearn.model_selection import GroupKFold

from tests.audit.campaign.problem import Problem, Sample

FOLDS = 5


def standardized(sample: Sample) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Columns about their weighted means by their weighted standard deviations, these means and deviations."""
    mean = np.average(sample.X, axis=0, weights=sample.weights)
    scale = np.sqrt(np.average((sample.X - mean) ** 2, axis=0, weights=sample.weights))
    return (sample.X - mean) / scale, mean, scale


def coefficients(sample: Sample, model: Any) -> dict[str, Any]:
    """Those of a model of standardized columns, in the data's units."""
    Z, mean, scale = standardized(sample)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.fit(Z, sample.y, sample_weight=sample.weights)
    slopes = np.atleast_2d(model.coef_).T / scale[:, None]
    first = np.atleast_1d(model.intercept_) - mean @ slopes
    value = np.vstack([first, slopes])
    if value.shape[1] > 1:
        value -= value.mean(axis=1, keepdims=True)
    return {"value": value}


def total(sample: Sample) -> float:
    """How many rows these stand for."""
    return float(len(sample.y) if sample.weights is None else sample.weights.sum())


def ridge(sample: Sample, loss: str, l2: float) -> Any:
    """The model whose penalty is that of --l2."""
    n = total(sample)
    if loss == "mse":
        return linear_model.Ridge(alpha=n * l2, solver="cholesky")
    if loss == "cross-entropy":
        return linear_model.LogisticRegression(C=1 / (n * l2), solver="newton-cholesky", tol=1e-14, max_iter=1000)
    name, _, power = loss.partition(":")
    exact = {"alpha": l2, "solver": "newton-cholesky", "tol": 1e-14, "max_iter": 1000}
    if name == "tweedie":
        return linear_model.TweedieRegressor(power=float(power), link="log", **exact)
    return {"poisson": linear_model.PoissonRegressor, "gamma": linear_model.GammaRegressor}[name](**exact)


def ridge_problem(kind: str, name: str, sample: Sample, loss: str, l2: float, *words: str) -> Problem:
    """A ridge, of whose fit only the coefficients are compared."""
    table = sample.columns()
    if loss == "cross-entropy":
        table = table | {"y": np.array(["a", "b", "c", "d"])[sample.y.astype(int)]}
    said = [*sample.words(), "--loss", loss, "--l2", str(l2), *words]
    return Problem(kind, name, table, said, lambda: coefficients(sample, ridge(sample, loss, l2)))


def lasso_problem(kind: str, name: str, sample: Sample, l1: float, l2: float = 0.0) -> Problem:
    """A lasso or elastic net of least squares."""
    model = linear_model.ElasticNet(alpha=l1 + l2, l1_ratio=l1 / (l1 + l2), tol=1e-15, max_iter=10**6)
    words = [*sample.words(), "--l1", str(l1), *(["--l2", str(l2)] if l2 else [])]
    return Problem(kind, name, sample.columns(), words, lambda: coefficients(sample, model))


def path_problem(kind: str, name: str, sample: Sample, penalty: str, length: int = 12) -> Problem:
    """A path of least squares, ``groups`` being its folds; ``penalty`` is "l1" or "l2"."""
    X, y, groups = sample.X, sample.y, sample.groups
    assert groups is not None
    mean, scale = X.mean(axis=0), X.std(axis=0)
    Z, n = (X - mean) / scale, len(y)
    largest = np.abs(Z.T @ (y - y.mean())).max() / n * (1000 / y.std() if penalty == "l2" else 1)
    penalties = np.geomspace(largest, largest * (1e-6 if penalty == "l2" else 1e-3), length)

    def slopes_of(Z, y, value):
        if penalty == "l2":
            return linear_model.Ridge(alpha=len(y) * value, solver="svd").fit(Z, y).coef_
        return linear_model.Lasso(alpha=value, tol=1e-15, max_iter=10**6).fit(Z, y).coef_

    def known():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            path = np.array([slopes_of(Z, y - y.mean(), value) / scale for value in penalties])
            losses = np.zeros((FOLDS, length))
            for number, (train, test) in enumerate(GroupKFold(FOLDS).split(X, y, groups)):
                own, spread = X[train].mean(axis=0), X[train].std(axis=0)
                A, b = (X[train] - own) / spread, y[train]
                for place, value in enumerate(penalties):
                    fit = slopes_of(A, b - b.mean(), value)
                    losses[number, place] = np.mean((y[test] - b.mean() - (X[test] - own) / spread @ fit) ** 2)
        return {"path": path, "val_loss": losses.mean(axis=0)}

    ratio = "1e-6" if penalty == "l2" else "1e-3"
    words = ["--target", "y", f"--{penalty}", "path", "--path-length", str(length), "--path-ratio", ratio, "--cv",
             str(FOLDS), "--group", "g"]  # fmt: skip
    return Problem(kind, name, sample.columns(), words, known)
