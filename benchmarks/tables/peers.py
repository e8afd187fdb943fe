"""The peers, each from file to saved model in one process: python peers.py NAME FILE OUT.

OUT is a .npz with intercept and coefficients in the data's units, or the peer's own model file.
"""

import sys


def _save(out: str, intercept: float, coefficients: object) -> None:
    import numpy as np

    np.savez(out, intercept=intercept, coefficients=coefficients)


def _scikit(file: str, out: str, *, reader: str, classes: str = "") -> None:
    import numpy as np

    if reader == "pandas":
        import pandas as pd

        table = pd.read_csv(file)
        X, y = table.drop(columns="y").to_numpy(), table["y"].to_numpy()
    else:
        import polars as pl

        frame = pl.read_csv(file)
        X, y = frame.drop("y").to_numpy(), frame["y"].to_numpy()
    if not classes:
        from sklearn.linear_model import LinearRegression

        model = LinearRegression().fit(X, y)
        _save(out, float(model.intercept_), model.coef_)
        return
    from sklearn.linear_model import LogisticRegression
    from sklearn.preprocessing import StandardScaler

    scaler = StandardScaler().fit(X)
    # C is large so that all solve the same, unpenalized problem.
    model = LogisticRegression(C=1e10, solver=classes).fit(scaler.transform(X), y)
    coefficients = model.coef_[0] / scaler.scale_
    _save(out, float(model.intercept_[0] - np.sum(coefficients * scaler.mean_)), coefficients)


def _quantile(file: str, out: str) -> None:
    import numpy as np
    import polars as pl
    from sklearn.linear_model import QuantileRegressor
    from sklearn.preprocessing import StandardScaler

    frame = pl.read_csv(file)
    X, y = frame.drop("y").to_numpy(), frame["y"].to_numpy()
    scaler = StandardScaler().fit(X)
    model = QuantileRegressor(quantile=0.9, alpha=0, solver="highs").fit(scaler.transform(X), y)
    coefficients = model.coef_ / scaler.scale_
    _save(out, float(model.intercept_ - np.sum(coefficients * scaler.mean_)), coefficients)


def _poisson(file: str, out: str, *, by: str) -> None:
    """Poisson regression: scikit-learn's on standardized columns, statsmodels' by iterated least squares."""
    import numpy as np
    import polars as pl

    frame = pl.read_csv(file)
    X, y = frame.drop("y").to_numpy(), frame["y"].to_numpy().astype(float)
    mean, sd = X.mean(axis=0), X.std(axis=0)
    Z = (X - mean) / sd
    if by == "statsmodels":
        import statsmodels.api as sm

        found = sm.GLM(y, sm.add_constant(Z), family=sm.families.Poisson()).fit().params
        first, slopes = found[0], found[1:]
    else:
        from sklearn.linear_model import PoissonRegressor

        model = PoissonRegressor(alpha=0.0, solver=by, tol=1e-6, max_iter=1000).fit(Z, y)
        first, slopes = model.intercept_, model.coef_
    _save(out, float(first - np.sum(slopes / sd * mean)), slopes / sd)


def _weighted(file: str, out: str, *, by: str) -> None:
    """Logistic regression of weighted rows on standardized columns."""
    import numpy as np
    import polars as pl

    frame = pl.read_csv(file)
    y, weights = frame["y"].to_numpy().astype(float), frame["w"].to_numpy().astype(float)
    X = frame.drop("y", "w").to_numpy()
    mean, sd = X.mean(axis=0), X.std(axis=0)
    Z = (X - mean) / sd
    if by == "statsmodels":
        import statsmodels.api as sm

        model = sm.GLM(y, sm.add_constant(Z), family=sm.families.Binomial(), freq_weights=weights)
        found = model.fit().params
        first, slopes = found[0], found[1:]
    else:
        from sklearn.linear_model import LogisticRegression

        model = LogisticRegression(C=1e10, solver=by).fit(Z, y, sample_weight=weights)
        first, slopes = model.intercept_[0], model.coef_[0]
    _save(out, float(first - np.sum(slopes / sd * mean)), slopes / sd)


def _ridge(file: str, out: str, *, by: str) -> None:
    """100 ridge penalties on standardized columns, chosen by cross-validation."""
    import numpy as np
    import polars as pl

    frame = pl.read_csv(file)
    X, y = frame.drop("y").to_numpy(), frame["y"].to_numpy()
    mean, sd = X.mean(axis=0), X.std(axis=0)
    Z = (X - mean) / sd
    if by == "glmnet":
        from glmnet import ElasticNet

        model = ElasticNet(alpha=0, n_lambda=100, n_splits=10, cut_point=0).fit(Z, y)
    else:
        from sklearn.linear_model import RidgeCV

        model = RidgeCV(np.logspace(-8, 0, 100) * len(y), cv=10 if by == "folds" else None).fit(Z, y)
    slopes = np.asarray(model.coef_).ravel()
    _save(out, float(model.intercept_ - np.sum(slopes / sd * mean)), slopes / sd)


def _torch(file: str, out: str, *, classes: bool) -> None:
    """A plain full-batch loop of 1000 steps, as one would write it."""
    import polars as pl
    import torch

    frame = pl.read_csv(file)
    X = torch.from_numpy(frame.drop("y").to_numpy()).float()
    y = torch.from_numpy(frame["y"].to_numpy()).float()
    mean, sd = X.mean(0), X.std(0)
    X = (X - mean) / sd
    weight = torch.zeros(X.shape[1], requires_grad=True)
    bias = torch.zeros(1, requires_grad=True)
    optimizer = torch.optim.SGD([weight, bias], lr=1.0 if classes else 0.1)
    loss_of = torch.nn.functional.binary_cross_entropy_with_logits if classes else torch.nn.functional.mse_loss
    for _ in range(1000):
        optimizer.zero_grad()
        loss = loss_of(X @ weight + bias, y)
        loss.backward()
        optimizer.step()
    coefficients = (weight.detach() / sd).double()
    _save(out, float(bias.detach() - (coefficients * mean).sum()), coefficients.numpy())


PEERS = {
    "sklearn-pandas": lambda f, o: _scikit(f, o, reader="pandas"),
    "sklearn-polars-quantile": _quantile,
    "sklearn-polars": lambda f, o: _scikit(f, o, reader="polars"),
    "sklearn-pandas-lbfgs": lambda f, o: _scikit(f, o, reader="pandas", classes="lbfgs"),
    "sklearn-polars-lbfgs": lambda f, o: _scikit(f, o, reader="polars", classes="lbfgs"),
    "sklearn-polars-newton": lambda f, o: _scikit(f, o, reader="polars", classes="newton-cholesky"),
    "sklearn-polars-poisson-lbfgs": lambda f, o: _poisson(f, o, by="lbfgs"),
    "sklearn-polars-poisson-newton": lambda f, o: _poisson(f, o, by="newton-cholesky"),
    "statsmodels-poisson": lambda f, o: _poisson(f, o, by="statsmodels"),
    "sklearn-polars-weighted-lbfgs": lambda f, o: _weighted(f, o, by="lbfgs"),
    "sklearn-polars-weighted-newton": lambda f, o: _weighted(f, o, by="newton-cholesky"),
    "statsmodels-weighted": lambda f, o: _weighted(f, o, by="statsmodels"),
    "sklearn-polars-ridgecv": lambda f, o: _ridge(f, o, by="rows"),
    "sklearn-polars-ridgecv-10": lambda f, o: _ridge(f, o, by="folds"),
    "glmnet-polars-ridge": lambda f, o: _ridge(f, o, by="glmnet"),
    "torch": lambda f, o: _torch(f, o, classes=False),
    "torch-logistic": lambda f, o: _torch(f, o, classes=True),
}

if __name__ == "__main__":
    PEERS[sys.argv[1]](sys.argv[2], sys.argv[3])
