"""Weights, offsets, losses, folds and formulas that cannot be: through the command exit code 2, and one line."""

import numpy as np
import polars as pl
import pytest

N = 24


@pytest.fixture
def refused(dlcli, tmp_path):
    """What the command says of a table in which something is wrong with most columns, for the options given."""
    random = np.random.default_rng(0)
    x, number = random.normal(size=N), np.arange(N)
    pl.DataFrame({
        "x": x, "z": random.normal(size=N), "s": 2 * x + random.normal(size=N), "n": random.poisson(2, N),
        "c": ["ab"[i % 2] for i in range(N)], "gap": [None if i == 4 else 1.0 + i % 3 for i in range(N)],
        "zero": np.where(number == 3, 0.0, 2.0), "none": np.zeros(N), "low": np.where(number == 3, -1.0, 1.0),
        "inf": ["inf" if i == 3 else str(i) for i in range(N)], "two": number % 2, "one": np.ones(N, int),
        "row": [f"p{i}" for i in range(N)], "t": [f"text{i % 3}" for i in range(N)],
        "day": [f"2024-01-{1 + i:02}" for i in range(N)], "w": np.ones(N),
    }).write_csv(tmp_path / "t.csv")  # fmt: skip

    def said(*words):
        features = [] if "--formula" in words else ["--features", "x,z"]
        ran = dlcli("fit-linear", "t.csv", *features, *words, "--quiet", "--out", "run")
        assert (ran.code, ran.out, ran.err.count("\n")) == (2, "", 1), ran.err
        assert not (tmp_path / "run" / "model.safetensors").exists()
        return ran.err

    return said


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("--target s --weights low", "column 'low', row 4: the weight is -1, expected 0 or more"),
        ("--target s --weights gap", "column 'gap', row 5: the weight is missing"),
        ("--target s --weights inf", "column 'inf', row 4: the weight is inf"),
        ("--target s --weights none", "all weights of --weights none are 0"),
        ("--target s --weights t", "--weights t: the column holds texts, expected numbers"),
        ("--target s --weights nosuch", "--weights nosuch: there is no such column"),
        ("--target n --loss poisson --weights low", "the weight is -1"),
        ("--target s --loss quantile:0.3 --weights low", "the weight is -1"),
        ("--target s --offset gap", "column 'gap', row 5: the offset is missing, expected a number"),
        ("--target s --offset inf", "column 'inf', row 4: the offset is inf"),
        ("--target n --loss poisson --offset gap", "the offset is missing"),
        ("--target s --offset t", "--offset t: the column holds texts"),
        ("--target n --loss poisson --exposure zero", "row 4: the exposure is 0, expected more than 0"),
        ("--target n --loss poisson --exposure low", "row 4: the exposure is -1, expected more than 0"),
        ("--target n --loss poisson --exposure gap", "row 5: the exposure is missing"),
        ("--target n --loss poisson --exposure w --offset w", "the column 'w' is named twice"),
        ("--target n --loss poisson --link identity --offset w", "--offset w goes with --link log"),
        ("--target s --exposure w", "its logarithm is an offset where the loss has a log link"),
        ("--target s --loss poisson", "more such values, expected 0 or more"),
        ("--target s --loss gamma", "more such values, expected numbers above 0"),
        ("--target s --loss negative-binomial", "more such values, expected 0 or more"),
        ("--target n --loss negative-binomial:-1", "expected negative-binomial:ALPHA, with ALPHA a number above 0"),
        ("--target n --loss tweedie:0.5", "no distribution has one between"),
        ("--target s --loss quantile:1", "with Q a number between 0 and 1"),
        ("--target s --loss quantile:0.5 --weights w --weights-kind precision", "use frequency"),
        ("--target c --loss poisson", "expected numbers"),
        ("--target c --class-weight a=-1", "weights above 0"),
        ("--target c --class-weight q=2", "there is no class 'q'"),
        ("--target s --class-weight balanced", "is for classes, and the target holds numbers"),
        ("--target s --cv 5 --group two", "--group two: 2 groups are too few for 5 folds: use fewer folds"),
        ("--target s --cv 5 --group one", "all rows have the same value"),
        ("--target s --l2 path --cv 24 --group row", "a fold has only one row"),
        ("--target s --cv 30", "--cv 30: only 24 rows"),
        ("--target s --cv 3 --time t", "expected dates, times or numbers"),
        ("--target s --cv 30 --time day", "there are only 24 different times, and 31 are needed"),
        ("--target s --val-rows day>=2030-01-01", "holds out none of 24 rows"),
        ("--target s --val-rows day>=2020-01-01", "holds out all of 24 rows"),
        ("--target s --val-rows x>>1", "where a value to compare x with was expected"),
        ("--target s --val-data nosuch.csv", "there is no such file"),
        ("--target s --cluster one", "--cluster one: all rows have the same value"),
        ("--target s --cluster row --robust HC1", "expected one of them"),
        ("--target s --confidence 95", "expected less than 1"),
        ("--target c --baseline q", "there is no such class: the classes are a, b"),
        ("--target s --log z", "log needs values above 0"),
        ("--target s --log-target", "its logarithm needs values above 0"),
        ("--target s --poly w:2", "--poly w: it is no column that is used: name it with --features too"),
        ("--target s --log w", "--log w: it is no column that is used: name it with --features too"),
        ("--target s --interactions x:w", "it is no column that is used"),
        ("--target s --reference t=text1", "column 't' isn't used as levels"),
        ("--target s --poly x:0", "a degree from 1 to 25"),
    ],
)
def test_in_one_line(refused, words, expected):
    assert expected in refused(*words.split())


@pytest.mark.parametrize(
    ("formula", "expected"),
    [
        ("s ~ system(x)", "the function system isn't allowed"),
        ("s ~ eval('x')", "the function eval isn't allowed"),
        ("s ~ np.linalg.norm(x)", "allowed"),
        ("s ~ nosuch", "there is no column 'nosuch'"),
        ("~ x", "it has no target"),
        ("s ~ x +", "--formula 's ~ x +'"),
        ("s ~ log(z)", "log needs values above 0"),
        ("s ~ poly(x, 30)", "degree is at most 25"),
    ],
)
def test_formulas_in_one_line(refused, formula, expected, tmp_path):
    pytest.importorskip("formulaic")
    assert expected in refused("--formula", formula)
