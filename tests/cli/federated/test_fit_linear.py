"""``dlcli federate fit-linear``: sums give what all rows in one place give, through the command."""

import json

import numpy as np
import polars as pl
import pytest


@pytest.fixture(scope="module")
def tables(tmp_path_factory):
    """A table of numbers with texts and gaps, and one of classes, each whole and in four files."""
    folder, rng = tmp_path_factory.mktemp("tables"), np.random.default_rng(4)
    n = 300
    a, b, town = rng.normal(50, 10, n), rng.exponential(2, n), rng.choice(["Oslo", "Rome", "Bern"], n)
    y = 3 * a - 20 * b + 40 * (town == "Rome") + rng.normal(0, 5, n)
    kind = np.where(a + 4 * rng.normal(size=n) > 52, "high", "low")
    color = rng.choice(["red", "green", "blue"], n, p=[0.2, 0.3, 0.5])
    color = np.where((b > 3) & (rng.random(n) < 0.8), "red", color)
    gaps = [None if missing else float(value) for missing, value in zip(rng.random(n) < 0.1, b, strict=True)]
    frame = pl.DataFrame({"a": a, "b": gaps, "town": town})
    targets = {"y": y, "kind": kind, "color": color}
    made = {name: frame.with_columns(pl.Series(name, values)) for name, values in targets.items()}
    for name, table in made.items():
        table.write_csv(folder / f"{name}.csv")
        (folder / name).mkdir()
        for part, (start, stop) in enumerate([(0, 40), (40, 160), (160, 170), (170, 300)]):
            table[start:stop].write_csv(folder / name / f"site{part}.csv")
    return folder


def ran(app, *words):
    code, out, err = app(*words, "--json", "--quiet")
    assert code == 0, err
    return json.loads(out)


def numbers(value, where=""):
    """Every number of a document, by its place."""
    if isinstance(value, dict):
        return {k: v for name, one in value.items() for k, v in numbers(one, f"{where}/{name}").items()}
    return {where: value} if isinstance(value, float) else {}


def assert_same(found, pooled, rel):
    for part in ("coefficients", "metrics", "summary", "residual_sd", "condition_number"):
        one, other = numbers(found[part]), numbers(pooled[part])
        assert one.keys() == other.keys()
        for place, value in one.items():
            # A p-value has the digits of its statistic less what the exponent takes; areas come from bins.
            close = 1e-3 if place.endswith("/auc") else 100 * rel if place.endswith("/p") else rel
            assert value == pytest.approx(other[place], rel=close, abs=1e-300), place


@pytest.mark.parametrize(
    "how", [["--clients", "7"], ["--clients", "3", "--secure-sum", "--partition", "dirichlet:0.1"]]
)
def test_least_squares_is_the_pooled_answer(app, tables, how):
    words = [tables / "y.csv", "--target", "y", "--val", "0.2"]
    pooled = ran(app, "fit-linear", *words)
    found = ran(app, "federate", "fit-linear", *words, *how)
    assert_same(found, pooled, 1e-12)
    assert (found["command"], found["rows"], found["status"]) == ("federate fit-linear", 300, "converged")
    federation = found["federation"]
    assert federation["algorithm"] == "exact"
    assert federation["asked_for"] == {"head": 1, "products": 1}
    assert sum(client["rows"] for client in federation["clients"]) == 300
    # Of d columns, the target among them, the sums of columns, and of products; twice, as rows are held out.
    d = len(found["coefficients"])
    assert federation["sent"] == 2 * (4 + d + d * (d + 1) // 2)


@pytest.mark.parametrize("target", ["kind", "color"])
def test_classes_are_the_pooled_answer_by_newtons_method(app, tables, target):
    words = ["--target", target, "--class-weight", "balanced"] if target == "kind" else ["--target", target]
    pooled = ran(app, "fit-linear", tables / f"{target}.csv", *words)
    found = ran(app, "federate", "fit-linear", "--clients", tables / target, *words, "--secure-sum")
    assert_same(found, pooled, 1e-8)
    assert found["steps"] == pooled["steps"]
    clients = found["federation"]["clients"]
    assert [(c["name"], c["rows"]) for c in clients] == [
        ("site0.csv", 40), ("site1.csv", 120), ("site2.csv", 10), ("site3.csv", 130)
    ]  # fmt: skip
    right = sum(c["metrics"]["train"]["accuracy"] * c["rows"] for c in clients) / 300
    assert right == pytest.approx(found["metrics"]["train"]["accuracy"], rel=1e-12)
    assert sum(c["classes"]["high" if target == "kind" else "red"] for c in clients) == sum(
        pl.read_csv(tables / f"{target}.csv")[target] == ("high" if target == "kind" else "red")
    )


def test_a_run_is_as_any_other(app, tables):
    """eval and predict find the files of all clients, report and runs show it, --config repeats it, --init takes it."""
    first = ran(app, "federate", "fit-linear", "--clients", tables / "y", "--target", "y", "--val", "0.25")
    run = first["run"]
    assert run.endswith("federate-fit-linear-001")
    measured = ran(app, "eval", run)
    assert measured["metrics"]["test"]["rmse"] == pytest.approx(first["metrics"]["val"]["rmse"], rel=1e-9)
    code, out, err = app("predict", run, tables / "y.csv")
    assert (code, out.count("\n")) == (0, 301), err
    again = ran(app, "federate", "fit-linear", "--config", f"{run}/config.toml")
    assert again["coefficients"] == first["coefficients"]
    begun = ran(app, "fit-linear", tables / "y.csv", "--target", "y", "--init", run)
    assert begun["coefficients"]["a"]["value"] == pytest.approx(first["coefficients"]["a"]["value"], rel=0.1)
    assert [one["command"] for one in ran(app, "runs")["runs"]].count("federate fit-linear") == 2
    assert app("report", run)[0] == 0


def test_columns_that_depend_on_others_are_left_out_as_when_pooled(app, tables, tmp_path):
    table = pl.read_csv(tables / "y.csv").drop_nulls()
    table.with_columns(double=2 * pl.col("a") - pl.col("b") + 1).write_csv(tmp_path / "t.csv")
    pooled = ran(app, "fit-linear", "t.csv", "--target", "y")
    found = ran(app, "federate", "fit-linear", "t.csv", "--target", "y", "--clients", "5")
    assert found["aliased"] == pooled["aliased"] == ["double"]
    assert_same(found, pooled, 1e-11)


def test_separable_classes_are_told_without_a_row(app, tmp_path):
    rng = np.random.default_rng(0)
    x = rng.normal(size=80)
    pl.DataFrame({"x": x, "z": rng.normal(size=80), "k": np.where(x > 0.1, "b", "a")}).write_csv(tmp_path / "t.csv")
    found = ran(app, "federate", "fit-linear", "t.csv", "--target", "k", "--clients", "4")
    assert "separable" in found["reason"]
    assert "separable" in found["std_error_reason"]


BAD = {
    "two words": ("federate", "expected what to train"),
    "no such training": ("federate eval", "expected what to train, got 'eval'"),
    "one client": ("federate fit-linear {y} --clients 1", "at least 2 clients"),
    "more clients than rows": ("federate fit-linear {y} --target y --clients 301", "there are 300 rows"),
    "clients and data": ("federate fit-linear {y} --clients {y}", "leave one of them out"),
    "a lone file": ("federate fit-linear --clients {y} --target y", "at least 2 DATA"),
    "partition of files": ("federate fit-linear --clients {folder} --partition dirichlet:1", "leave it out"),
    "unknown partition": ("federate fit-linear {y} --partition dirichlet:0", "dirichlet:ALPHA"),
    "unknown algorithm": ("federate fit-linear {y} --algorithm sgd", "fedavg"),
    "rounds of sums": ("federate fit-linear {y} --algorithm exact --rounds 3", "--algorithm fedavg"),
    "exact rows": ("federate fit-linear {y} --optimizer exact", "is not one of"),
    "folds": ("federate fit-linear {y} --cv 5", "use --val"),
    "family": ("federate fit-linear {y} --loss poisson", "is not one of"),
    "noise without a bound": ("federate fit-linear {y} --algorithm fedavg --dp-noise 1", "--dp-clip"),
    "other columns": ("federate fit-linear --clients {y},{kind} --target y", "has other columns than"),
    "a client without rows": ("federate fit-linear --clients {y},{header} --target y", "header.csv has no rows"),
    "a client without targets": ("federate fit-linear --clients {y},{blank} --target y", "blank.csv has no rows"),
    "an empty folder": ("federate fit-linear --clients {nothing} --target y", "folder is empty"),
    "no such client": ("federate fit-linear --clients {y},none.csv --target y", "none.csv"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input(app, tables, tmp_path, case):
    (tmp_path / "header.csv").write_text("a,b,town,y\n")
    (tmp_path / "blank.csv").write_text("a,b,town,y\n1,2,Oslo,\n")
    (tmp_path / "nothing").mkdir()
    names = {"y": tables / "y.csv", "kind": tables / "kind.csv", "folder": tables / "y"}
    names |= {name: tmp_path / f"{name}.csv" for name in ("header", "blank")} | {"nothing": tmp_path / "nothing"}
    words, said = BAD[case]
    code, out, err = app(*words.format(**names).split())
    assert (code, out) == (2, "")
    assert err.count("\n") == 1, err
    assert said in err
    assert not (tmp_path / "runs").exists()


def test_help_of_the_group(app):
    code, out, _ = app("federate", "--help")
    assert code == 0
    assert "dlcli federate fit-linear" in out
