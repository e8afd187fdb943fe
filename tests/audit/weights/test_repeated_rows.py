"""Weights of rows: a row of weight w is the same row w times, in every number that comes out."""

import json

import numpy as np
import polars as pl
import pytest
import statsmodels.api as sm
from sklearn import metrics
from sklearn.linear_model import LogisticRegression
from sklearn.utils import compute_class_weight

ROWS = 60
NUMBERS, CLASSES, SEVERAL = ("--target y --drop c,k,n,a", "--target c --drop y,k,n,a", "--target k --drop y,c,n,a")
COUNTS, AMOUNTS = ("--target n --drop y,c,k,a", "--target a --drop y,c,k,n")
# What counts rows or seconds, and what depends on the order of rows alone.
OTHER = {
    "seconds",
    "fingerprint",
    "rows",
    "environment",
    "weights",
    "columns",
    "decisions",
    "run",
    "steps",
    "kept_step",
    "lr",
    "reason",
}


@pytest.fixture(scope="module")
def tables(tmp_path_factory):
    """A table with weights, and one whose rows are repeated so many times; both are read by polars as they are."""
    folder = tmp_path_factory.mktemp("weights")
    random = np.random.default_rng(0)
    x, z, w = random.normal(size=ROWS), random.normal(size=ROWS), random.integers(0, 5, ROWS)
    t, k = random.choice(["a", "b", "c"], ROWS), random.choice(["p", "q", "s"], ROWS)
    c = np.where(x + random.logistic(size=ROWS) > 0, "yes", "no")
    y = 2 * x - z + (t == "b") + random.normal(size=ROWS)
    gaps = pl.Series(z).to_frame("z").select(pl.when(pl.int_range(ROWS) % 5 != 3).then("z"))["z"]
    o, n = random.normal(size=ROWS), random.poisson(np.exp(1 + x / 2) * random.gamma(2.0, 0.5, size=ROWS))
    a = random.gamma(2.0, np.exp(1 - z / 2) / 2)
    table = pl.DataFrame({"x": x, "z": gaps, "t": t, "y": y, "c": c, "k": k, "w": w, "o": o, "n": n, "a": a})
    table.write_csv(folder / "weighted.csv")
    table[np.repeat(np.arange(ROWS), w)].drop("w").write_csv(folder / "repeated.csv")
    return folder


def fitted(dlcli, folder, name, *words):
    """The report of a fit; rows held out are compared elsewhere."""
    ran = dlcli("fit-linear", folder / name, *words, "--json", "--quiet", "--plots", "none", "--force", "--out", name)
    assert ran.code == 0, ran.err
    return json.loads(ran.out)


def numbers(value, path=()):
    """Every number of a report by its path."""
    if isinstance(value, dict):
        for key, inner in value.items():
            if key not in OTHER or path[:1] == ("summary",):
                yield from numbers(inner, (*path, key))
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield path, value


def same(ours, theirs, rel=1e-12):
    ours, theirs = dict(numbers(ours)), dict(numbers(theirs))
    assert ours.keys() == theirs.keys()
    for path, value in ours.items():
        assert value == pytest.approx(theirs[path], rel=rel, abs=1e-13), path


@pytest.mark.thinned(14)
@pytest.mark.parametrize(
    "words",
    [
        *(f"{NUMBERS} {how}" for how in ("", "--optimizer exact", "--l1 0.05", "--l2 0.1", "--no-intercept",
                                         "--optimizer exact --l2 0.1 --no-standardize", "--momentum 0.9")),
        *(f"{NUMBERS} --robust {kind}" for kind in ("HC0", "HC1", "HC2", "HC3")), f"{NUMBERS} --cluster t",
        *(f"{CLASSES} {how}" for how in ("", "--optimizer lbfgs", "--optimizer gd", "--l1 0.02", "--robust HC3",
                                         "--offset o")),
        *(f"{SEVERAL} {how}" for how in ("", "--optimizer lbfgs", "--l2 0.1", "--robust HC1", "--baseline p")),
        f"{NUMBERS} --offset o --robust HC3",
        *(f"{COUNTS} --loss {how}" for how in (
            "poisson", "poisson --optimizer lbfgs", "poisson --optimizer gd", "poisson --offset o --robust HC2",
            "poisson --link identity", "poisson --l1 0.02", "negative-binomial", "negative-binomial:0.5",
            "negative-binomial:0.5 --cluster t",
            "tweedie:1.5", "tweedie:1 --optimizer gd", "quantile:0.4", "quantile:0.6 --l1 0.02")),
        *(f"{AMOUNTS} --loss {how}" for how in (
            "gamma", "gamma --optimizer lbfgs", "gamma --optimizer gd", "gamma --link inverse", "gamma --robust HC1",
            "gamma --l2 0.1", "tweedie:2.5 --optimizer lbfgs", "tweedie:3", "tweedie:0 --link log", "quantile:0.53")),
    ],
)  # fmt: skip
def test_whole_weights_are_repeated_rows(dlcli, tables, words):
    ours = fitted(dlcli, tables, "weighted.csv", *words.split(), "--weights", "w")
    theirs = fitted(dlcli, tables, "repeated.csv", *words.split())
    assert ours["weights"] == {"column": "w", "kind": "frequency", "total": ours["summary"]["rows"]}
    # The tails of distributions multiply what rounding leaves in a statistic.
    same(ours, theirs, rel=1e-11)
    for name, entry in ours["coefficients"].items():
        for field in ("value", "std_error"):
            one, other = (dict(numbers({name: e[field]})) for e in (entry, theirs["coefficients"][name]))
            assert one == pytest.approx(other, rel=1e-12, abs=1e-14)


@pytest.mark.parametrize("words", [NUMBERS, CLASSES, SEVERAL])
def test_eval_weighs_rows_as_training_did(dlcli, tables, words):
    fitted(dlcli, tables, "weighted.csv", *words.split(), "--weights", "w")
    ran = dlcli("eval", "weighted.csv", tables / "weighted.csv", "--json")
    again = dlcli("eval", "weighted.csv", tables / "repeated.csv", "--json")
    assert "rows are weighted by 'w', as in training" in ran.err
    assert "every row counts once: there is no column 'w'" in again.err
    ours, theirs = json.loads(ran.out), json.loads(again.out)
    assert ours["weights"] == "w"
    same(ours["metrics"], theirs["metrics"])
    if ours.get("classes"):
        assert ours["classes"]["confusion"] == theirs["classes"]["confusion"]
        assert ours["classes"]["per_class"] == theirs["classes"]["per_class"]


def test_weights_of_precision_are_those_of_statsmodels(dlcli, tables):
    table = pl.read_csv(tables / "weighted.csv").drop_nulls().filter(pl.col("w") > 0).with_columns(v=pl.col("w") + 0.5)
    table.write_csv(tables / "precise.csv")
    X = sm.add_constant(table.select("x", "z").to_numpy())
    y, v = table["y"].to_numpy(), table["v"].to_numpy()
    reference = sm.WLS(y, X, weights=v).fit()
    words = ["--target", "y", "--features", "x,z", "--weights", "v", "--weights-kind", "precision"]
    report = fitted(dlcli, tables, "precise.csv", *words)
    found = [entry["std_error"] for entry in report["coefficients"].values()]
    np.testing.assert_allclose(found, reference.bse, rtol=1e-10)
    assert report["residual_sd"] == pytest.approx(np.sqrt(reference.scale), rel=1e-10)
    assert report["r2"] == pytest.approx(reference.rsquared, rel=1e-10)
    summary = report["summary"]
    assert (summary["rows"], summary["df_residual"]) == (len(y), reference.df_resid)
    assert summary["likelihood"]["log_likelihood"] == pytest.approx(reference.llf, rel=1e-10)
    assert summary["likelihood"]["bic"] == pytest.approx(reference.bic, rel=1e-10)
    for kind in ("HC0", "HC1", "HC2", "HC3"):
        report = fitted(dlcli, tables, "precise.csv", *words, "--robust", kind)
        found = [entry["std_error"] for entry in report["coefficients"].values()]
        np.testing.assert_allclose(found, getattr(reference, f"{kind}_se"), rtol=1e-9)


def test_folds_and_rows_held_out_are_weighted(dlcli, tables):
    words = [*NUMBERS.split(), "--weights", "w", "--val", "0.3", "--cv", "3"]
    report = fitted(dlcli, tables, "weighted.csv", *words)
    ran = dlcli("eval", "weighted.csv", "--json")
    assert json.loads(ran.out)["metrics"]["test"]["loss"] == pytest.approx(report["metrics"]["val"]["loss"], rel=1e-9)


def test_an_offset_is_part_of_every_score(dlcli, tables):
    report = fitted(
        dlcli, tables, "weighted.csv", *CLASSES.split(), "--drop", "w", "--offset", "o", "--missing", "drop"
    )
    table = pl.read_csv(tables / "weighted.csv").drop_nulls()
    columns = [pl.col("x"), pl.col("z"), (pl.col("t") == "b").cast(float), (pl.col("t") == "c").cast(float)]
    X = sm.add_constant(table.select(columns[0], columns[1], columns[2].alias("b"), columns[3].alias("c")).to_numpy())
    o, c = table["o"].to_numpy(), (table["c"] == "yes").to_numpy().astype(float)
    reference = sm.GLM(c, X, sm.families.Binomial(), offset=o).fit(tol=1e-14)
    found = [[entry["value"], entry["std_error"]] for entry in report["coefficients"].values()]
    np.testing.assert_allclose(found, np.column_stack([reference.params, reference.bse]), rtol=1e-8)
    ran = dlcli("predict", "weighted.csv", tables / "weighted.csv", "--out", "p.csv")
    assert ran.code == 0, ran.err
    predicted = pl.read_csv("p.csv", null_values="NA")["probability_yes"].drop_nulls()
    np.testing.assert_allclose(predicted, reference.predict(), rtol=1e-8)
    table.drop("o").write_csv(tables / "without.csv")
    refused = dlcli("predict", "weighted.csv", tables / "without.csv", "--out", "p.csv", "--force")
    assert refused.code == 2
    assert "without.csv lacks the column 'o' of the model's offset" in refused.err
    refused = dlcli("export", "weighted.csv", "--format", "numpy", "--out", "m.py")
    assert refused.code == 2
    assert "adds the column 'o' to each score" in refused.err


@pytest.mark.parametrize(
    ("weights", "words", "expected"),
    [
        ("1,2,-1,1", "", "column 'w', row 3: the weight is -1, expected 0 or more"),
        ("1,2,,1", "", "column 'w', row 3: the weight is missing, expected 0 or more"),
        ("0,0,0,0", "", "all weights of --weights w are 0"),
        ("a,b,c,d", "", "--weights w: the column holds texts, expected numbers"),
        ("1,2,3,4", "--target w", "--weights w: it is the target"),
        ("1,2,3,4", "--exposure x", "--exposure x: "),
        ("1,2,3,4", "--offset w", "the column 'w' is named twice"),
        ("1,2,3,4", "--weights v", "--weights v: there is no such column among the 4 columns"),
        ("1,2,3,4", "--class-weight balanced", "--class-weight balanced is for classes"),
    ],
)
def test_weights_that_can_not_be_are_refused(dlcli, tmp_path, weights, words, expected):
    rows = zip([1, 2, 3, 5], [2, 1, 4, 3], weights.split(","), strict=True)
    (tmp_path / "t.csv").write_text("x,u,y,w\n" + "".join(f"{x},{x**2},{y},{w}\n" for x, y, w in rows))
    given = ["--target", "y", "--weights", "w", *words.split()]
    ran = dlcli("fit-linear", "t.csv", *given)
    assert ran.code == 2
    assert expected in ran.err
    assert len(ran.err.strip().splitlines()) == 1


@pytest.mark.parametrize("optimizer", ["newton", "lbfgs", "gd"])
def test_weights_of_classes_are_those_of_scikit_learn(dlcli, tables, optimizer):
    table = pl.read_csv(tables / "weighted.csv").drop_nulls().filter(pl.col("w") > 0)
    table.write_csv(tables / "classes.csv")
    X, weights = table.select("x", "z").to_numpy(), table["w"].to_numpy()
    for target, given, factors in (("c", "yes=3,no=0.5", {"yes": 3, "no": 0.5}), ("k", "balanced", "balanced")):
        words = ["--target", target, "--features", "x,z", "--weights", "w", "--optimizer", optimizer]
        report = fitted(dlcli, tables, "classes.csv", *words, "--class-weight", given)
        known = compute_class_weight(factors, classes=np.unique(table[target]), y=np.repeat(table[target], weights))
        reference = LogisticRegression(
            C=np.inf, tol=1e-12, class_weight=dict(zip(np.unique(table[target]), known, strict=True))
        )
        reference.fit(X, table[target].to_numpy(), sample_weight=weights)
        values = [entry["value"] for entry in report["coefficients"].values()]
        expected = np.column_stack([reference.intercept_, reference.coef_]).T
        found = [list(value.values()) for value in values] if target == "k" else np.reshape(values, (-1, 1))
        np.testing.assert_allclose(found, expected - expected.mean(axis=1, keepdims=True) * (target == "k"), rtol=2e-4)
        assert list(report["weights"]["classes"].values()) == pytest.approx(known.tolist())
        assert report["std_error_reason"].startswith("--class-weight weighs classes")
        assert report["summary"]["likelihood"] is None
        log_loss = metrics.log_loss(table[target], reference.predict_proba(X), sample_weight=weights)
        assert report["metrics"]["train"]["log_loss"] == pytest.approx(log_loss, rel=1e-6)
