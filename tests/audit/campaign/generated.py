"""Generated problems: columns in unlike units, some of 0 and 1, some about a number far from 0."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from tests.audit.campaign import classes, families, hubers, peers, quantiles, squares
from tests.audit.campaign.problem import Problem, Sample

ROBUST = ("HC0", "HC1", "HC2", "HC3")


def columns(random: np.random.Generator, *, positive: bool = False) -> tuple[np.ndarray, np.ndarray]:
    """X (n, d) and a score (n,) of it, of a standard deviation near 1; ``positive``: both are."""
    n, d = int(random.integers(60, 160)), int(random.integers(1, 5))
    X = random.random((n, d)) if positive else random.normal(size=(n, d)) + random.normal(size=d)
    if d > 2:
        X[:, 1] = random.random(n) < 0.4
    if positive:
        return X * np.logspace(-2, 3, 6)[random.permutation(6)[:d]], 0.6 + X @ random.random(d)
    score = (X - X.mean(axis=0)) / X.std(axis=0) @ (random.normal(size=d) / np.sqrt(d))
    return X * np.logspace(-2, 3, 6)[random.permutation(6)[:d]], score


def sized(random: np.random.Generator, sample: Sample, how: str) -> Sample:
    """The sample with weights, an offset, clusters or robust errors, as ``how`` names them, by blanks."""
    n = len(sample.y)
    for word in how.split():
        if word == "frequency":
            sample = replace(sample, weights=random.integers(1, 4, n).astype(float))
        elif word == "precision":
            sample = replace(sample, weights=random.uniform(0.2, 3, n), precise=True)
        elif word == "offset":
            sample = replace(sample, offset=random.normal(size=n) / 4)
        elif word == "clusters":
            sample = replace(sample, groups=random.integers(0, 14, n))
        elif word == "origin":
            sample = replace(sample, intercept=False)
        elif word in ROBUST:
            sample = replace(sample, robust=word)
    return sample


def generated() -> Iterator[Problem]:
    """All of them."""
    yield from of_squares()
    yield from of_tails()
    yield from of_classes()
    yield from of_families()
    yield from of_quantiles()
    yield from of_hubers()
    yield from of_peers()


def of_squares() -> Iterator[Problem]:
    """Least squares, with either solver; noise from much to next to none, where p comes near 1e-300."""
    plans = [
        ("least squares", ("", "origin", "offset")), ("least squares, HC", ROBUST),
        ("least squares, HC, origin", ("origin HC0", "origin HC3")), ("least squares, clusters", ("clusters",)),
        ("least squares, frequencies", ("frequency", "frequency HC2", "frequency HC3", "frequency clusters")),
        ("WLS", ("precision", "precision origin")), ("WLS, HC", tuple(f"precision {kind}" for kind in ROBUST)),
        ("WLS, clusters", ("precision clusters",)),
    ]  # fmt: skip
    for kind, hows in plans:
        for how in hows:
            for seed in range(4):
                random = np.random.default_rng([seed, len(kind), len(how)])
                X, score = columns(random)
                noise = 10.0 ** (-seed) * (0.3 + np.abs(score))
                y = 3 + 10 * score + noise * random.normal(size=len(X))
                sample = replace(sized(random, Sample(X, y), how), confidence=(0.95, 0.99, 0.5, 0.999)[seed])
                words = ["--optimizer", "exact"] if seed % 2 else []
                yield squares.problem(kind, f"{how} {seed}", sample, *words)


def of_tails() -> Iterator[Problem]:
    """Effects so strong that p-values go down to 1e-300, by t, z, F, chi-square and Wald's tests."""
    for number, noise in enumerate((0.5, 0.05, 0.005)):
        random = np.random.default_rng([number, 76])
        X = random.normal(size=(60 + 240 * (number == 0), 2)) * [1, 100] + 3
        y = X[:, 0] + 0.002 * X[:, 1] + noise * random.normal(size=len(X))
        for how in ("", "HC1"):
            yield squares.problem("far tails, t and F", f"{how} {number}", sized(random, Sample(X, y), how))
    for number, rows in enumerate((1500, 3000, 4500)):
        random = np.random.default_rng([number, 75])
        X = random.normal(size=(rows, 2)) * [1, 100] + 3
        score = (X - 3) @ [2.0, 0.001]
        y = (score + random.logistic(size=rows) > 0).astype(float)
        for how in ("", "HC0"):
            sample = sized(random, Sample(X, y), how)
            yield families.problem("far tails, z and chi2", f"logistic {how} {number}", sample, "logistic", "logit")
        y = random.poisson(np.exp(score / 5)).astype(float)
        yield families.problem("far tails, z and chi2", f"poisson {number}", Sample(X[:900], y[:900]), "poisson", "log")


def of_classes() -> Iterator[Problem]:
    """Logistic and softmax regression."""
    hows = ("", "origin", "frequency", "precision", "offset", *ROBUST, "clusters", "frequency clusters",
            "frequency HC3", "offset HC1")  # fmt: skip
    for how in hows:
        for seed in range(2):
            random = np.random.default_rng([seed, 77, len(how)])
            X, score = columns(random)
            y = (0.8 * score + random.logistic(size=len(X)) > 0).astype(float)
            kind = "logistic" if not how or how == "origin" else f"logistic, {kind_of(how)}"
            yield families.problem(kind, f"{how} {seed}", sized(random, Sample(X, y), how), "logistic", "logit")
    for how in ("", "origin", "frequency", "HC0", "HC1", "clusters"):
        for seed in range(2):
            random = np.random.default_rng([seed, 78, len(how)])
            X, score = columns(random)
            y = np.digitize(0.6 * score + random.logistic(size=len(X)), [-1, 0.5, 1.5][: 2 + seed]).astype(float)
            kind = "softmax" if not how or how == "origin" else f"softmax, {kind_of(how)}"
            yield classes.problem(kind, f"{how} {seed}", sized(random, Sample(X, y), how))


def kind_of(how: str) -> str:
    """The last word of a plan, in which the kinds of errors are one."""
    last = how.split()[-1]
    return "HC" if last in ROBUST else {"frequency": "frequencies"}.get(last, last)


def targets(loss: str, mean: np.ndarray, random: np.random.Generator, shape: float = 4.0) -> np.ndarray:
    """Draws (n,) of a family; ``shape`` is that of gammas."""
    if loss == "poisson" or loss == "tweedie:1":
        return random.poisson(mean).astype(float)
    if loss.startswith("negative"):
        return random.poisson(mean * random.gamma(2.0, 0.5, size=len(mean))).astype(float)
    if loss == "tweedie:0":
        return mean + 0.3 * random.normal(size=len(mean))
    if loss == "tweedie:1.5":
        return np.array([random.gamma(2.0, 0.5, size=k).sum() for k in random.poisson(mean)])
    return random.gamma(shape, mean / shape)


LOSSES = {
    "poisson": ("log", "identity"), "gamma": ("log", "identity", "inverse"),
    "negative-binomial:0.5": ("log", "identity"), "tweedie:0": ("log",), "tweedie:1": ("log",),
    "tweedie:1.5": ("log", "identity"), "tweedie:2.5": ("log",), "tweedie:3": ("log", "inverse"),
}  # fmt: skip
HOWS = ("", "frequency", "offset", "HC0", "HC3", "clusters", "frequency HC1", "frequency offset clusters",
        "precision", "precision HC3", "origin")  # fmt: skip


def of_families() -> Iterator[Problem]:
    """Each family with each of its links, weights, offsets and errors."""
    for loss, every in LOSSES.items():
        for link in every:
            for number, how in enumerate(HOWS):
                if loss == "tweedie:3" and how == "origin":
                    continue  # statsmodels finds no start
                if link != "log" and "offset" in how:
                    how = how.replace("offset", "").strip() or "HC1"
                random = np.random.default_rng([number, 79, len(loss), len(link)])
                X, score = columns(random, positive=link != "log")
                mean = {"log": np.exp(score), "identity": score, "inverse": 1 / score}[link]
                y = targets(loss, mean * (3 if number == 0 else 1), random, 30.0 if link == "inverse" else 4.0)
                if link != "log" and not loss.startswith("tweedie:1"):
                    y = np.maximum(y, 1.0 if loss.startswith(("poisson", "neg")) else 0.05)
                sample = sized(random, Sample(X, y), how)
                kind = f"{loss}, {link}" + (
                    "" if how in ("", "origin", "frequency", "precision", "offset") else ", robust"
                )
                yield families.problem(kind, f"{how} {number}", sample, loss, link)
    for seed in range(4):
        random = np.random.default_rng([seed, 80])
        X, score = columns(random)
        y = random.poisson(np.exp(score + 0.7) * random.gamma(1.5, 1 / 1.5, size=len(score))).astype(float)
        for how in ("", ("frequency", "offset", "frequency offset", "offset")[seed]):
            sample = sized(random, Sample(X, y), how)
            yield families.alpha_problem("negative-binomial, alpha estimated", f"{how} {seed}", sample)


def of_quantiles() -> Iterator[Problem]:
    """Quantiles at which one answer is the best, with heavy tails and a spread that grows."""
    for number, q in enumerate((0.07, 0.27, 0.47, 0.53, 0.77, 0.93)):
        for how in ("", "frequency", "origin"):
            random = np.random.default_rng([number, 81, len(how)])
            X, score = columns(random)
            y = 1 + score + random.standard_t(3, size=len(X)) * (1 + 0.4 * np.abs(score))
            kind = "quantile, frequencies" if how == "frequency" else "quantile"
            yield quantiles.problem(kind, f"{q} {how} {number}", sized(random, Sample(X, y), how), q)
    for number, q in enumerate((0.2, 0.5, 0.8)):
        random = np.random.default_rng([number, 82])
        X, score = columns(random)
        sample = Sample(X, 1 + score + random.standard_t(3, size=len(X)))
        yield quantiles.lasso_problem("quantile, lasso", str(number), sample, q, 0.03)


def of_hubers() -> Iterator[Problem]:
    """Huber's regression, of targets with outliers."""
    for number, delta in enumerate((0.8, 1.345, 1.345, 2.0)):
        for how in ("", "origin"):
            random = np.random.default_rng([number, 85, len(how)])
            X, score = columns(random)
            y = 1 + score + random.standard_t(1 + number, size=len(X))
            yield hubers.problem("huber", f"{delta} {how} {number}", sized(random, Sample(X, y), how), delta)


def of_peers() -> Iterator[Problem]:
    """Ridges with and without weights, lassos, elastic nets, and paths of penalties."""
    for number, loss in enumerate(("mse", "cross-entropy", "poisson", "gamma", "tweedie:1.5", "tweedie:2.5")):
        for seed, how in enumerate(("", "frequency")):
            random = np.random.default_rng([seed, 83, number])
            X, score = columns(random)
            if loss == "mse":
                y = 1 + score + random.normal(size=len(X))
            elif loss == "cross-entropy":
                y = np.digitize(0.8 * score + random.logistic(size=len(X)), [-1, 1][: 2 - seed]).astype(float)
            else:
                y = targets(loss, np.exp(score), random)
            sample = sized(random, Sample(X, y), how)
            yield peers.ridge_problem(f"scikit-learn, {loss} ridge", how, sample, loss, 0.1)
    for seed in range(4):
        random = np.random.default_rng([seed, 84])
        X, score = columns(random)
        sample = Sample(X, 1 + score + random.normal(size=len(X)))
        yield peers.lasso_problem("scikit-learn, elastic net", str(seed), sample, 0.1, 0.2 * (seed % 2))
        sample = replace(sample, groups=np.arange(len(X)) % peers.FOLDS)
        yield peers.path_problem("scikit-learn, path of lassos", str(seed), sample, "l1")
        yield peers.path_problem("scikit-learn, path of ridges", str(seed), sample, "l2")
