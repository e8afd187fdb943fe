"""Real tables: those that statsmodels and scikit-learn come with, and, where they are, those beside the repository."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import polars as pl
from sklearn import datasets
from statsmodels import datasets as published

from tests.audit.campaign import classes, families, hubers, peers, quantiles, squares
from tests.audit.campaign.problem import Problem, Sample
from tests.conftest import SHARED


def sample(name: str, target: str, features: str, **more: np.ndarray) -> Sample:
    """Columns of a table of statsmodels'; features are separated by blanks."""
    data = getattr(published, name).load_pandas().data
    return Sample(data[features.split()].to_numpy(float), data[target].to_numpy(float), **more)


def column(name: str, of: str) -> np.ndarray:
    """One of them alone."""
    return getattr(published, name).load_pandas().data[of].to_numpy(float)


def real() -> Iterator[Problem]:
    """All of them."""
    yield from of_squares()
    yield from of_classes()
    yield from of_families()
    yield from of_scikit_learn()
    yield from of_files()


def with_errors(kind: str, name: str, one: Sample, *kinds: str) -> Iterator[Problem]:
    """Least squares of a table, classical and with robust errors."""
    yield squares.problem(kind, "classical", one, real=name)
    for robust in kinds:
        yield squares.problem(kind, robust, replace(one, robust=robust), "--optimizer", "exact", real=name)


def of_squares() -> Iterator[Problem]:
    """Least squares, weighted and clustered, and quantiles."""
    kind = "real, least squares"
    longley = sample("longley", "TOTEMP", "GNPDEFL GNP UNEMP ARMED POP YEAR")
    yield squares.problem(kind, "exact", longley, "--optimizer", "exact", real="longley")
    yield from with_errors(kind, "longley", longley, "HC1", "HC3")
    stackloss = sample("stackloss", "STACKLOSS", "AIRFLOW WATERTEMP ACIDCONC")
    yield from with_errors(kind, "stackloss", stackloss, "HC0", "HC3")
    yield quantiles.problem("real, quantile", "0.4", stackloss, 0.4, real="stackloss")
    yield hubers.problem("real, huber", "1.345", stackloss, 1.345, real="stackloss")
    engel = sample("engel", "foodexp", "income")
    yield from with_errors(kind, "engel", engel, "HC3")
    for q in (0.1, 0.5, 0.9):
        yield quantiles.problem("real, quantile", str(q), engel, q, real="engel")
    ccard = sample("ccard", "AVGEXP", "AGE INCOME INCOMESQ OWNRENT")
    yield from with_errors(kind, "ccard", ccard, "HC0", "HC2")
    ccard = replace(ccard, weights=1 / ccard.X[:, 2], precise=True)
    yield squares.problem("real, WLS", "by 1 / INCOMESQ", ccard, real="ccard")
    yield squares.problem("real, WLS", "HC3", replace(ccard, robust="HC3"), real="ccard")
    copper = sample("copper", "WORLDCONSUMPTION", "COPPERPRICE INCOMEINDEX ALUMPRICE INVENTORYINDEX TIME")
    yield from with_errors(kind, "copper", copper, "HC1")
    crime = sample("statecrime", "murder", "hs_grad poverty single white urban")
    yield from with_errors(kind, "statecrime", crime, "HC2")
    yield hubers.problem("real, huber", "1.345", crime, 1.345, real="statecrime")
    firms = published.grunfeld.load_pandas().data["firm"].to_numpy()
    grunfeld = sample("grunfeld", "invest", "value capital", groups=np.unique(firms, return_inverse=True)[1])
    yield squares.problem("real, clusters", "by firm", grunfeld, real="grunfeld")
    yield quantiles.problem("real, quantile", "0.3", replace(grunfeld, groups=None), 0.3, real="grunfeld")


def of_classes() -> Iterator[Problem]:
    """Logistic and softmax regression."""
    kind = "real, logistic"
    spector = sample("spector", "GRADE", "GPA TUCE PSI")
    for robust in ("classical", "HC0", "HC2"):
        yield families.problem(kind, robust, replace(spector, robust=robust), "logistic", "logit", real="spector")
    fair = sample("fair", "affairs", "rate_marriage age yrs_married children religious educ occupation occupation_husb")
    married = replace(fair, y=(fair.y > 0).astype(float))
    yield families.problem(kind, "any affair", married, "logistic", "logit", real="fair")
    modes = sample("modechoice", "choice", "ttme invc invt gc", groups=column("modechoice", "individual"))
    yield families.problem(kind, "by individual", modes, "logistic", "logit", real="modechoice")
    schools = sample("star98", "NABOVE", "LOWINC PERASIAN PERBLACK PERHISP PCTAF PCTCHRT PCTYRRND")
    counts = np.column_stack([schools.y, column("star98", "NBELOW")]).ravel()
    pupils = Sample(np.repeat(schools.X, 2, axis=0), np.tile([1.0, 0.0], len(schools.y)), counts)
    there = counts > 0
    pupils = Sample(pupils.X[there], pupils.y[there], counts[there])
    yield families.problem(kind, "pupils", pupils, "logistic", "logit", real="star98")
    anes = sample("anes96", "PID", "logpopul selfLR age educ income")
    yield classes.problem("real, softmax", "party", anes, real="anes96")
    yield classes.problem("real, softmax", "HC0", replace(anes, robust="HC0"), real="anes96")


def of_families() -> Iterator[Problem]:
    """Counts and positive numbers."""
    votes = sample("scotland", "YES", "COUTAX UNEMPF MOR ACT GDP AGE COUTAX_FEMALEUNEMP")
    for link, robust in (("inverse", "classical"), ("log", "classical"), ("inverse", "HC0"), ("log", "HC1")):
        one = replace(votes, robust=robust)
        yield families.problem("real, gamma", f"{link} {robust}", one, "gamma", link, real="scotland")
    executions = sample("cpunish", "EXECUTIONS", "INCOME PERPOVERTY PERBLACK VC100k96 SOUTH DEGREE")
    for robust in ("classical", "HC0", "HC3"):
        one = replace(executions, robust=robust)
        yield families.problem("real, poisson", robust, one, "poisson", "log", real="cpunish")
    cancer = sample("cancer", "cancer", "population")
    cancer = replace(cancer, X=np.log(cancer.X), offset=np.log(cancer.X[:, 0]))
    yield families.problem("real, poisson", "by population", cancer, "poisson", "log", real="cancer")
    bills = sample("committee", "BILLS104", "SIZE SUBS STAFF PRESTIGE BILLS103")
    yield families.alpha_problem("real, negative binomial", "alpha estimated", bills, real="committee")
    yield families.problem("real, negative binomial", "0.3", bills, "negative-binomial:0.3", "log", real="committee")
    visits = sample("randhie", "mdvis", "lncoins idp lpi fmde physlm disea hlthg hlthf hlthp")
    yield families.problem("real, poisson", "HC1", replace(visits, robust="HC1"), "poisson", "log", real="randhie")
    yield families.alpha_problem("real, negative binomial", "alpha estimated", visits, real="randhie")
    fair = sample("fair", "affairs", "rate_marriage age yrs_married children religious educ")
    yield families.problem("real, tweedie", "1.5", fair, "tweedie:1.5", "log", real="fair")
    yield families.problem("real, tweedie", "1", fair, "tweedie:1", "log", real="fair")
    strikes = sample("strikes", "duration", "iprod")
    for loss, link in (("gamma", "log"), ("tweedie:3", "log"), ("tweedie:2.5", "log")):
        yield families.problem("real, tweedie" if loss[0] == "t" else "real, gamma", f"{loss} {link}", strikes, loss,
                               link, real="strikes")  # fmt: skip


def of_scikit_learn() -> Iterator[Problem]:
    """Its tables: least squares, classes, ridges, and paths."""
    diabetes = Sample(*datasets.load_diabetes(return_X_y=True))
    yield from with_errors("real, least squares", "diabetes", diabetes, "HC3")
    folded = replace(diabetes, groups=np.arange(len(diabetes.y)) % peers.FOLDS)
    for penalty in ("l1", "l2"):
        one = peers.path_problem("real, paths", penalty, folded, penalty)
        yield replace(one, real="diabetes")
    X, y = datasets.load_linnerud(return_X_y=True)
    yield from with_errors("real, least squares", "linnerud", Sample(X, y[:, 0]), "HC2")
    X, y = datasets.load_breast_cancer(return_X_y=True)
    cells = Sample(X[:, [0, 1, 4, 8]], y.astype(float))
    yield families.problem("real, logistic", "cells", cells, "logistic", "logit", real="breast_cancer")
    yield replace(peers.ridge_problem("real, ridge", "cells", Sample(X, cells.y), "cross-entropy", 0.01),
                  real="breast_cancer")  # fmt: skip
    X, y = datasets.load_wine(return_X_y=True)
    yield classes.problem("real, softmax", "wines", Sample(X[:, [1, 2, 3, 4]], y.astype(float)), real="wine")
    X, y = datasets.load_digits(return_X_y=True)
    eights = Sample(X[:, [10, 20, 28, 36, 43, 53]], (y == 8).astype(float))
    yield families.problem("real, logistic", "eights", eights, "logistic", "logit", real="digits")
    X, y = datasets.load_iris(return_X_y=True)
    yield from with_errors("real, least squares", "iris", Sample(X[:, :3], X[:, 3]), "HC1")


def of_files() -> Iterator[Problem]:
    """Those that lie beside the repository, if they do."""
    files = {
        "mpg.csv": ("mpg", ["displacement", "weight", "acceleration", "model_year"]),
        "penguins.csv": ("body_mass_g", ["bill_length_mm", "bill_depth_mm", "flipper_length_mm"]),
        "tips.csv": ("tip", ["total_bill", "size"]),
    }
    for name, (target, features) in files.items():
        path = SHARED / "tables" / name
        if path.is_file():
            table = pl.read_csv(path, null_values=["NA", ""]).select(target, *features).drop_nulls().cast(pl.Float64)
            one = Sample(table.select(features).to_numpy(), table[target].to_numpy())
            yield from with_errors("real, least squares", name, one, "HC3")
