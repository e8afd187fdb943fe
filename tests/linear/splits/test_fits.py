"""Splits by what rows hold, through the real command: what is learned, measured, told and measured again."""

import json
import tomllib
from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest

from tests import leakage

ROWS = 120


def table(seed=0, rows=ROWS):
    random = np.random.default_rng(seed)
    shop = random.choice(["north", "south", "east", "west", "new"], rows, p=[0.35, 0.3, 0.2, 0.1, 0.05])
    days = [date(2024, 1, 1) + timedelta(days=int(day)) for day in random.permutation(rows) // 2]
    x, z = random.normal(size=rows) + 5, random.normal(size=rows) * 100
    y = 2 * x - 0.03 * z + (shop == "south") + random.normal(size=rows)
    kind = np.where(y + random.normal(size=rows) * 3 > np.median(y), "hi", "lo")
    return pl.DataFrame({"day": days, "shop": shop, "x": x, "z": z, "y": y, "kind": kind})


@pytest.fixture
def sales(tmp_path):
    frame = table()
    frame.write_csv(tmp_path / "t.csv")
    return frame


NUMBERS = ["--target", "y", "--drop", "kind"]
CLASSES = ["--target", "kind", "--drop", "y", "--l2", "0.01"]
WAYS = [
    ["--val-rows", "day>=2024-02-15 or shop==new", "--cv", "2"],
    ["--val", "0.3", "--group", "shop", "--cv", "2"],
    ["--val-rows", "x>6", "--group", "shop", "--cv", "2"],
    ["--val", "0.25", "--time", "day"],
]


@pytest.mark.parametrize("path", [NUMBERS, CLASSES], ids=" ".join)
@pytest.mark.parametrize("way", WAYS, ids=" ".join)
def test_held_out_rows_change_nothing_learned(tmp_path, sales, way, path):
    leakage.check(["t.csv", *path, *way], tmp_path, tmp_path)


@pytest.mark.parametrize("path", [NUMBERS, CLASSES], ids=" ".join)
def test_folds_by_time_learn_nothing_from_what_comes_later(tmp_path, sales, path):
    words = ["t.csv", *path, "--time", "day", "--cv", "3", "--steps", "20"]
    first, split = leakage.run(words, tmp_path, tmp_path / "run", set())
    days = sales["day"].to_numpy()
    parts = split.of_rows
    assert [days[parts == p].max() < days[parts == p + 1].min() for p in range(3)] == [True] * 3
    later = set((np.flatnonzero(parts == 3) + 1).tolist())
    second, _ = leakage.run(words, tmp_path, tmp_path / "run", later)
    for fold in (1, 2, 3):
        leakage.same(first.fits[fold], second.fits[fold])


def test_groups_are_never_on_both_sides(tmp_path, sales):
    _, split = leakage.run(
        ["t.csv", *NUMBERS, "--group", "shop", "--val", "0.2", "--cv", "2"], tmp_path, tmp_path / "run", set()
    )
    parts = {shop: set(split.of_rows[(sales["shop"] == shop).to_numpy()].tolist()) for shop in sales["shop"].unique()}
    assert all(len(own) == 1 for own in parts.values())
    assert set.union(*parts.values()) == {-1, 0, 1}


@pytest.mark.parametrize(
    ("words", "held"),
    [
        (["--val-rows", "day>=2024-02-15"], lambda t: t["day"] >= date(2024, 2, 15)),
        (["--val-rows", "not (kind==hi or x<5)"], lambda t: ~((t["kind"] == "hi") | (t["x"] < 5))),
        (["--time", "day", "--val", "0.25"], lambda t: t["day"] >= date(2024, 1, 1) + timedelta(days=45)),
    ],
)
def test_the_model_is_that_of_the_other_rows_and_eval_measures_the_held_out_again(tmp_path, dlcli, sales, words, held):
    rows = held(sales)
    result = dlcli("fit-linear", "t.csv", *NUMBERS, "--drop", "shop,day", *words, "--optimizer", "exact",
                   "--out", "run", "--json")  # fmt: skip
    assert result.code == 0, result.err
    train, test = sales.filter(~rows), sales.filter(rows)
    X = np.column_stack([np.ones(len(train)), train["x"], train["z"]])
    expected = np.linalg.lstsq(X, train["y"].to_numpy(), rcond=None)[0]
    found = [result.report["coefficients"][name]["value"] for name in ("intercept", "x", "z")]
    assert found == pytest.approx(expected, rel=1e-9)
    residual = test["y"].to_numpy() - np.column_stack([np.ones(len(test)), test["x"], test["z"]]) @ expected
    assert result.report["metrics"]["val"]["loss"] == pytest.approx(np.mean(residual**2), rel=1e-9)
    assert result.report["split"]["held_out"]["rows"] == len(test)
    again = dlcli("eval", "run", "--json")
    assert again.code == 0, again.err
    assert "the data have changed" not in again.err
    assert again.report["rows"] == len(test)
    assert again.report["metrics"]["test"]["loss"] == pytest.approx(np.mean(residual**2), rel=1e-9)


def test_rows_that_are_left_out_shift_no_others(tmp_path, dlcli, sales):
    gaps = sales.with_columns(
        y=pl.when(pl.int_range(ROWS) % 7 == 2).then(None).otherwise("y"),
        x=pl.when(pl.int_range(ROWS) % 11 == 3).then(None).otherwise("x"),
    )
    gaps.write_csv(tmp_path / "t.csv")
    kept = gaps.drop_nulls(["y", "x"])
    held = int((kept["day"] >= date(2024, 2, 1)).sum())
    for more in ([], ["--optimizer", "adam", "--steps", "5"]):
        words = ["--val-rows", "day>=2024-02-01", "--missing", "drop", "--out", "run", "--force", "--json", *more]
        result = dlcli("fit-linear", "t.csv", *NUMBERS, *words)
        assert result.code == 0, result.err
        assert result.report["split"]["held_out"]["rows"] == held
        assert result.report["rows"] == len(kept)
        again = dlcli("eval", "run", "--json")
        assert again.report["metrics"]["test"]["loss"] == pytest.approx(
            result.report["metrics"]["val"]["loss"], rel=1e-9
        )


def test_the_split_does_not_depend_on_the_format(tmp_path, dlcli, sales):
    sales.write_parquet(tmp_path / "t.parquet")
    for number, part in enumerate(sales.iter_slices(50)):
        part.write_csv(tmp_path / f"part-{number}.csv")
    for way in (["--group", "shop", "--val", "0.3", "--cv", "2"], ["--time", "day", "--cv", "3"]):
        splits = [
            leakage.run([name, *NUMBERS, *way], tmp_path, tmp_path / "run", set())[1].of_rows
            for name in ("t.csv", "t.parquet", "part-*.csv")
        ]
        assert (splits[0] == splits[1]).all()
        assert (splits[0] == splits[2]).all()


def test_another_file_is_held_out_with_its_own_levels_order_and_format(tmp_path, dlcli, sales):
    train, test = sales.filter(pl.col("shop") != "new"), sales.filter(pl.col("shop") == "new")
    train.write_csv(tmp_path / "a.csv")
    test.select(*reversed(test.columns)).with_columns(more=1).write_parquet(tmp_path / "b.parquet")
    result = dlcli("fit-linear", "a.csv", *NUMBERS, "--val-data", "b.parquet", "--cv", "2", "--out", "run", "--json")
    assert result.code == 0, result.err
    assert "ignored columns that a.csv hasn't: more" in result.err
    assert result.report["split"]["held_out"]["rows"] == len(test)
    alone = dlcli("fit-linear", "a.csv", *NUMBERS, "--json")
    for name, entry in alone.report["coefficients"].items():
        assert result.report["coefficients"][name]["value"] == pytest.approx(entry["value"], rel=1e-9)
    again = dlcli("eval", "run", "--json")
    assert again.code == 0, again.err
    assert again.report["metrics"]["test"]["loss"] == pytest.approx(result.report["metrics"]["val"]["loss"], rel=1e-9)
    assert again.report["data"] == {"paths": ["b.parquet"], "part": "held out", "selected_on": False}
    given = dlcli("eval", "run", "b.parquet", "--unseen", "baseline", "--json")
    assert given.report["metrics"]["test"]["loss"] == pytest.approx(result.report["metrics"]["val"]["loss"], rel=1e-9)


def test_what_was_done_is_told_reported_and_repeated_by_its_config(tmp_path, dlcli, sales):
    words = ["--group", "shop", "--val", "0.2", "--cv", "2", "--out", "run"]
    first = dlcli("fit-linear", "t.csv", *NUMBERS, *words)
    assert first.code == 0, first.err
    split = json.loads((tmp_path / "run" / "report.json").read_text())["split"]
    assert split["options"] == "--val 0.2 --group shop --cv 2 --group shop"
    held, folds = split["held_out"], split["folds"]
    assert held["rows"] + sum(fold["rows"] for fold in folds) == ROWS
    assert held["groups"] + sum(fold["groups"] for fold in folds) == 5
    assert f"{held['groups']} of 5 groups, {held['rows']} of 120 rows ({held['rows'] / ROWS:.1%})" in first.err
    assert tomllib.loads((tmp_path / "run" / "config.toml").read_text())["group"] == "shop"
    assert "shop=" not in first.out
    again = dlcli("fit-linear", "--config", "run/config.toml", "--out", "again")
    assert again.code == 0, again.err
    model = (tmp_path / "run" / "model.safetensors").read_bytes()
    assert (tmp_path / "again" / "model.safetensors").read_bytes() == model


def test_rows_in_order_of_a_date_that_are_split_at_random_are_told(tmp_path, dlcli, sales):
    sales.sort("day").write_csv(tmp_path / "sorted.csv")
    said = "the rows are in order of 'day', and were split at random"
    for name, words, told in (
        ("sorted.csv", ["--val", "0.2", "--drop", "day"], True), ("t.csv", ["--val", "0.2"], False),
        ("sorted.csv", ["--val", "0.2", "--time", "day"], False), ("sorted.csv", ["--val-rows", "x>6"], False),
    ):  # fmt: skip
        result = dlcli("fit-linear", name, *NUMBERS, *words, "--steps", "2")
        assert (said in " ".join(result.err.split())) == told, (name, words)


def test_a_search_compares_by_the_same_folds(tmp_path, dlcli, sales):
    for way in (["--time", "day", "--cv", "2"], ["--val-rows", "x>6"]):
        fit = dlcli("fit-linear", "t.csv", *NUMBERS, *way, "--json")
        found = dlcli("tune-lr", "--lr", "0.5,1", "--plots", "none", "--json", "fit-linear", "t.csv", *NUMBERS, *way)
        assert found.code == 0, found.err
        expected = (
            fit.report["cv"]["metrics"]["loss"]["mean"] if "--cv" in way else fit.report["metrics"]["val"]["loss"]
        )
        assert found.report["best"]["value"] == pytest.approx(expected, rel=1e-6)


def test_a_search_s_own_folds_go_by_groups_and_times(tmp_path, dlcli, sales):
    for way in (["--time", "day"], ["--group", "shop"]):
        fit = dlcli("fit-linear", "t.csv", *NUMBERS, *way, "--cv", "2", "--json")
        plain = ["--plots", "none", "--json"]
        found = dlcli("tune-lr", "--cv", "2", "--lr", "0.5,1", *plain, "fit-linear", "t.csv", *NUMBERS, *way)
        assert found.code == 0, found.err
        loss = fit.report["cv"]["metrics"]["loss"]["mean"]
        assert found.report["best"]["value"] == pytest.approx(loss, rel=1e-6)
        swept = dlcli("tune-lr", "--sweep", *plain, "fit-linear", "t.csv", *NUMBERS, *way, "--cv", "2")
        exact = swept.report["sweep"]["exact"]["2/l_max (largest stable)"]
        assert exact == pytest.approx(fit.report["largest_stable_lr"], rel=1e-9)  # a group is no feature there, too


CASES = {
    "nothing held out": (["--val-rows", "x>1000"], "holds out none of 120 rows"),
    "everything held out": (["--val-rows", "x>-1000"], "holds out all of 120 rows"),
    "unknown column": (["--val-rows", "xx>1"], "--val-rows xx: there is no such column"),
    "no date": (["--val-rows", "day>=abc"], "holds dates"),
    "no number": (["--val-rows", "x>=abc"], "holds numbers, and 'abc' is none"),
    "code": (["--val-rows", "__import__('os').getcwd()"], "stands where a comparison"),
    "two ways": (["--val-rows", "x>1", "--val", "0.2"], "--val and --val-rows"),
    "two files": (["--val-data", "t.csv", "--val", "0.2"], "--val and --val-data"),
    "group and time": (["--group", "shop", "--time", "day", "--cv", "2"], "--group and --time"),
    "group alone": (["--group", "shop"], "add --val 0.2 or --cv 5"),
    "time alone": (["--time", "day", "--val-rows", "x>1"], "add --val 0.2 or --cv 5"),
    "no such group": (["--group", "store", "--cv", "2"], "--group store"),
    "no such time": (["--time", "dai", "--cv", "2"], "--time dai"),
    "group of the target": (["--group", "y", "--cv", "2"], "it is the target"),
    "few groups": (["--group", "shop", "--cv", "6"], "5 groups are too few for 6 folds"),
    "one group": (["--group", "one", "--val", "0.5"], "all rows have the same value"),
    "texts as time": (["--time", "shop", "--cv", "2"], "expected dates, times or numbers"),
    "few times": (["--time", "one", "--cv", "2"], "all rows have the same time"),
    "no time": (["--time", "gap", "--cv", "2"], "1 row without a time, the first one is row 4"),
    "no such file": (["--val-data", "no.csv"], "no.csv"),
    "other columns": (["--val-data", "other.csv"], "other.csv lacks day, shop, z"),
    "early stop": (["--early-stop", "3", "--group", "shop", "--cv", "2"], "--early-stop needs validation rows"),
}


@pytest.mark.parametrize("name", CASES)
def test_bad_input_is_one_line(tmp_path, dlcli, sales, name):
    words, said = CASES[name]
    gap = pl.Series([float(i) if i != 3 else None for i in range(ROWS)])
    sales.with_columns(one=pl.lit(7), gap=gap).write_csv(tmp_path / "t.csv")
    (tmp_path / "other.csv").write_text("x,y\n1,2\n")
    result = dlcli("fit-linear", "t.csv", *NUMBERS, "--drop", "one,gap", *words)
    assert result.code == 2, result.err
    assert said in result.err.strip().splitlines()[-1]
    assert "Traceback" not in result.err
    assert not (tmp_path / "runs").exists()
    looked_at = dlcli("fit-linear", "t.csv", *NUMBERS, "--drop", "one,gap", *words, "--dry-run")
    assert (looked_at.code, looked_at.err.splitlines()[-1]) == (2, result.err.splitlines()[-1])


def test_a_dry_run_uses_the_columns_as_the_rows_trained_on_have_them(tmp_path, dlcli, sales):
    levels = {}
    for words in ([], ["--val-rows", "shop=north"]):
        report = dlcli("fit-linear", "t.csv", *NUMBERS, *words, "--dry-run", "--json").report
        levels[len(words)] = next(c["used_as"] for c in report["columns"] if c["column"] == "shop")
    assert levels[0] != levels[2]


def test_without_data_there_is_nothing_to_split_by(dlcli):
    for words in (["--val-rows", "x>1"], ["--group", "x", "--cv", "2"], ["--time", "x", "--val", "0.2"]):
        result = dlcli("fit-linear", *words)
        assert result.code == 2
        assert "need DATA" in result.err


def test_a_class_that_is_only_held_out_is_said(tmp_path, dlcli):
    lines = [
        f"{2000 + i // 20},s{i // 20},{i * i % 7},{'late' if i >= 100 else 'ab'[i * i % 3 % 2]}" for i in range(120)
    ]
    (tmp_path / "t.csv").write_text("year,site,x,kind\n" + "\n".join(lines) + "\n")
    for words, said in (
        (["--val-rows", "year>=2005"], "no row that is trained on has 'late' of the target"),
        (["--val", "0.1666", "--time", "year"], "no row that is trained on has 'late' of the target"),
        (["--cv", "2", "--time", "year"], "the rows that fold 1 is trained on have no 'late' of 'kind'"),
        (["--cv", "6", "--group", "site"], "is trained on have no 'late' of 'kind'"),
    ):
        result = dlcli("fit-linear", "t.csv", "--target", "kind", "--features", "x", *words)
        assert result.code == 2, words
        assert said in result.err.strip().splitlines()[-1]
