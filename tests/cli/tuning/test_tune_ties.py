"""The mark, the table, the pictures and best.toml of a search name one trial."""

import csv
import json
import re
import tomllib
from pathlib import Path

import numpy as np
import pytest

from dlcli.reports.charts import rates, study
from dlcli.reports.tune_lr import SearchReport
from dlcli.search.report import near_of
from tests.cli.images.test_train_deconv import handlers  # noqa: F401
from tests.cli.tuning.test_tune_data import write


@pytest.fixture
def drawn(monkeypatch):
    """What the pictures are asked to show."""
    seen = {}
    for module, name in ((rates, "rate_chart"), (study, "parallel_chart")):
        whole = getattr(module, name)

        def draw(*arguments, name=name, whole=whole, **options):
            seen[name] = options
            return whole(*arguments, **options)

        monkeypatch.setattr(module, name, draw)
    return seen


def names_of(out, err, drawn):
    """The trial that each of them names: its number."""
    report = json.loads(Path("o/report.json").read_text())
    marked = [line for line in err.splitlines() if "  best" in line][-1]
    mark = marked.partition("best: ")[2].split("  ")[0] or marked
    config = tomllib.loads(Path("o/best.toml").read_text())
    best = next(t for t in report["trials"] if t["number"] == report["best"]["number"])
    alike = [best, *(report["trials"][number] for number in report["best"]["tied"])]
    assert drawn["rate_chart"]["best"] == [(t["params"]["lr"], t["value"]) for t in alike]
    if "parallel_chart" in drawn:
        order = drawn["parallel_chart"]["order"]
        assert order.trials[-1] == best["number"]
        assert order.trials[-1 - order.tied : -1] == [t["number"] for t in alike[:0:-1]]
    lines = out.splitlines()
    header = next(i for i, line in enumerate(lines) if line.startswith("trial"))
    by_config = [t["number"] for t in report["trials"] if all(config[n] == v for n, v in t["params"].items())]
    ranks = {t["rank"]: t["number"] for t in report["trials"]}
    return int(mark.split()[1]), int(lines[header + 1].split()[0]), by_config, ranks[1]


@pytest.mark.parametrize(
    "words", [[], ["--cv", "5"], ["--vary", "momentum=0,0.5"], ["--random", "--trials", "9"], ["--repeats", "3"]]
)
def test_everything_names_the_fastest_of_a_tie(drawing, drawn, words):
    write("ok.csv")
    code, out, err = drawing("tune-lr", "--out", "o", *words, "fit-linear", "ok.csv", "--target", "y")
    assert code == 0, err
    best = json.loads(Path("o/report.json").read_text())["best"]
    assert names_of(out, err, drawn) == (best["number"], best["number"], [best["number"]], best["number"])
    trials = json.loads(Path("o/report.json").read_text())["trials"]
    alike = [t for t in trials if t["number"] in (best["number"], *best["tied"])]
    assert len(alike) > 5  # all reach the one minimum
    assert best["rule"] == "fewest steps"
    assert min(t["steps"] for t in alike) == next(t["steps"] for t in alike if t["number"] == best["number"])
    tie = next(line for line in out.splitlines() if line.startswith("tie: "))
    assert f"proposed is {best['number']}, by fewest steps" in tie
    measured = {"--cv": "the standard error of the difference over 5 folds", "--repeats": "over 3 seeds"}
    assert measured.get(words[0] if words else "", "no more than rounding") in tie


def test_a_rerun_names_the_same_trial(drawing):
    write("ok.csv")
    words = ["tune-lr", "--json", "--cv", "3", "--vary", "schedule=constant,time", "fit-linear", "ok.csv"]
    first, second = (json.loads(drawing(*words)[1])["best"] for _ in range(2))
    assert (first["number"], first["tied"]) == (second["number"], second["tied"])


def test_folds_have_their_own_name(drawing):
    write("ok.csv")
    code, out, err = drawing("tune-lr", "--out", "o", "--points", "3", "--cv", "3", "fit-linear", "ok.csv")
    assert code == 0, err
    report = json.loads(Path("o/report.json").read_text())
    assert report["metric"] == "cv.loss"
    assert report["best"]["value"] == report["metrics"]["cv"]["loss"]
    assert "val.loss" not in out + err + Path("o/trials.csv").read_text()
    again = drawing("tune-lr", "--points", "3", "--cv", "3", "--metric", "cv.r2", "--json", "fit-linear", "ok.csv")
    assert json.loads(again[1])["metric"] == "cv.r2"


def test_lines_carry_the_numbers_of_the_table(drawing):
    write("ok.csv")
    words = ["tune-lr", "--points", "3", "--study", "s", "fit-linear", "ok.csv"]
    _, out, err = drawing(*words)
    lines = [line for line in err.splitlines() if line.startswith("trial ")]
    assert [int(line.split()[1]) for line in lines] == [0, 1, 2]
    assert lines[-1].endswith("(run 3 of 3)")
    rows = {row.split()[0]: row.split()[1] for row in out.splitlines()[1:4]}
    assert all(f"lr {rows[line.split()[1]]}" in line for line in lines)


def marks_of(out, err):
    """Which trials each place says are tied with the best."""
    report = json.loads(Path("o/report.json").read_text())
    rows = [line.split() for line in out.partition("trial ")[2].splitlines()[1:]]
    table = {int(row[0]) for row in rows[: rows.index([])] if "tied" in row}
    with Path("o/trials.csv").open() as stream:
        file = {int(row["trial"]) for row in csv.DictReader(stream) if row["mark"] == "tied"}
    tie = next(line for line in out.splitlines() if line.startswith("tie: "))
    assert f"# {tie}\n" in Path("o/best.toml").read_text()
    numbers = set(map(int, re.findall(r"\d+", tie.partition("trials ")[2].partition(" differ")[0])))
    shown = {t["number"] for t in report["trials"] if t["mark"] == "tied"}
    return [table, file, shown, numbers - {report["best"]["number"]}], set(report["best"]["tied"])


@pytest.mark.parametrize("words", [[], ["--cv", "5"], ["--vary", "momentum=0,0.5", "--lr", "0.01,0.1"]])
def test_every_place_says_which_trials_are_tied(drawing, words):
    write("ok.csv")
    lr = [] if "--lr" in words else ["--lr", "0.001,0.01,0.1,1"]
    code, out, err = drawing("tune-lr", "--out", "o", *lr, *words, "fit-linear", "ok.csv", "--target", "y")
    assert code == 0, err
    found, tied = marks_of(out, err)
    assert len(tied) > 1
    assert found == [tied] * 4


def test_a_line_says_that_its_trial_is_tied(drawing):
    write("ok.csv")
    _, _, err = drawing("tune-lr", "--lr", "1,0.1,0.01", "fit-linear", "ok.csv", "--target", "y")
    lines = [line for line in err.splitlines() if line.startswith("trial ")]
    assert "  best" in lines[0]
    assert all("  tied with trial 0" in line for line in lines[1:])


@pytest.mark.parametrize(
    ("words", "known"), [(["--val", "0.2"], True), ([], True), (["--optimizer", "sgd", "--steps", "50"], False)]
)
def test_single_runs_whose_noise_is_not_known_are_said(drawing, words, known):
    write("ok.csv")
    _, _, err = drawing("tune-lr", "--points", "3", "--lr", "1e-3:0.1", "fit-linear", "ok.csv", *words)
    assert ("each point was run once" in err) != known
    _, _, err = drawing(
        "tune-lr", "--points", "3", "--lr", "1e-3:0.1", "--repeats", "3", "fit-linear", "ok.csv", *words
    )
    assert "each point was run once" not in err
    assert np.isfinite(json.loads(Path("runs/tune-lr-002/report.json").read_text())["best"]["value"])


def noise_of(drawing, *words):
    """The line on what the rows held out can't tell, and the report."""
    code, out, err = drawing("tune-lr", "--json", *words)
    assert code == 0, err
    report = json.loads(out)
    said = near_of(SearchReport.model_validate(report))
    assert (said in Path(report["run"], "best.toml").read_text()) if said else "noise:" not in out
    return said, report, err


def classes(count=200):
    random = np.random.default_rng(3)
    x = random.normal(size=(count, 2))
    y = np.where(x[:, 0] + random.normal(size=count) > 0, "yes", "no")
    Path("c.csv").write_text("a,b,y\n" + "".join(f"{a:.4f},{b:.4f},{c}\n" for (a, b), c in zip(x, y, strict=True)))


def test_values_that_the_rows_held_out_can_not_tell_apart_are_said(drawing):
    write("ok.csv", count=200)
    words = ["--vary", "l2=1e-4,1e-3,1e-2,100", "--lr", "0.1", "fit-linear", "ok.csv", "--val", "0.2"]
    said, report, err = noise_of(drawing, *words)
    best = report["best"]
    assert best["error"] == pytest.approx(best["value"] * np.sqrt(2 / 40))
    assert best["number"] not in best["near"]
    assert sorted([best["number"], *best["near"]]) == [0, 1, 2]  # a penalty of 100 is worse by far
    assert "no further from it; --cv 5 compares them fold by fold" in said
    assert "isn't known" not in err


@pytest.mark.parametrize("metric", ["val.loss", "val.accuracy", "val.auc"])
def test_standard_errors_of_classes(drawing, metric):
    classes()
    words = ["--vary", "l2=1e-4,1e-3,1", "--lr", "0.1", "--metric", metric, "fit-linear", "c.csv", "--val", "0.5",
             "--optimizer", "gd", "--steps", "50"]  # fmt: skip
    said, report, err = noise_of(drawing, *words)
    best = report["best"]
    if metric == "val.auc":
        assert best["error"] is None
        assert said == ""
        assert "how far val.auc depends on the rows held out isn't known; --cv 5" in err
        return
    assert best["near"]
    assert f"noise: {metric} of {best['number']} is known to ±" in said
    if metric == "val.accuracy":
        p = best["value"]
        assert best["error"] == pytest.approx(np.sqrt(p * (1 - p) / 100))
    else:
        assert 0.01 < best["error"] < 0.1


def test_folds_and_training_losses_have_no_such_error(drawing):
    write("ok.csv")
    for words in (["--cv", "3", "fit-linear", "ok.csv"], ["fit-linear", "ok.csv"]):
        said, report, _ = noise_of(drawing, "--points", "3", *words)
        assert (said, report["best"]["error"], report["best"]["near"]) == ("", None, [])
