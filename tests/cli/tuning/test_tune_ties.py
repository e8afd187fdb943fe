"""The mark, the table, the pictures and best.toml of a search name one trial."""

import json
import tomllib
from pathlib import Path

import numpy as np
import pytest

from dlcli.reports.charts import rates, study
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
    assert drawn["rate_chart"]["best"] == (best["params"]["lr"], best["value"])
    if "parallel_chart" in drawn:
        assert report["trials"][drawn["parallel_chart"]["order"][-1]]["number"] == best["number"]
    lines = out.splitlines()
    header = next(i for i, line in enumerate(lines) if line.startswith("trial"))
    by_config = [t["number"] for t in report["trials"] if all(config[n] == v for n, v in t["params"].items())]
    ranks = {t["rank"]: t["number"] for t in report["trials"]}
    return int(mark.split()[1]), int(lines[header + 1].split()[0]), by_config, ranks[1]


@pytest.mark.parametrize(
    "words", [[], ["--cv", "5"], ["--vary", "momentum=0,0.5"], ["--random", "--trials", "9"], ["--repeats", "3"]]
)
def test_everything_names_the_fastest_of_a_tie(app, drawn, words):
    write("ok.csv")
    code, out, err = app("tune-lr", "--out", "o", *words, "fit-linear", "ok.csv", "--target", "y")
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


def test_a_rerun_names_the_same_trial(app):
    write("ok.csv")
    words = ["tune-lr", "--json", "--cv", "3", "--vary", "schedule=constant,time", "fit-linear", "ok.csv"]
    first, second = (json.loads(app(*words)[1])["best"] for _ in range(2))
    assert (first["number"], first["tied"]) == (second["number"], second["tied"])


def test_folds_have_their_own_name(app):
    write("ok.csv")
    code, out, err = app("tune-lr", "--out", "o", "--points", "3", "--cv", "3", "fit-linear", "ok.csv")
    assert code == 0, err
    report = json.loads(Path("o/report.json").read_text())
    assert report["metric"] == "cv.loss"
    assert report["best"]["value"] == report["metrics"]["cv"]["loss"]
    assert "val.loss" not in out + err + Path("o/trials.csv").read_text()
    again = app("tune-lr", "--points", "3", "--cv", "3", "--metric", "cv.r2", "--json", "fit-linear", "ok.csv")
    assert json.loads(again[1])["metric"] == "cv.r2"


def test_lines_carry_the_numbers_of_the_table(app):
    write("ok.csv")
    words = ["tune-lr", "--points", "3", "--study", "s", "fit-linear", "ok.csv"]
    _, out, err = app(*words)
    lines = [line for line in err.splitlines() if line.startswith("trial ")]
    assert [int(line.split()[1]) for line in lines] == [0, 1, 2]
    assert lines[-1].endswith("(run 3 of 3)")
    rows = {row.split()[0]: row.split()[1] for row in out.splitlines()[1:4]}
    assert all(f"lr {rows[line.split()[1]]}" in line for line in lines)


@pytest.mark.parametrize(
    ("words", "known"), [(["--val", "0.2"], False), ([], True), (["--optimizer", "sgd", "--steps", "50"], False)]
)
def test_single_runs_whose_noise_is_not_known_are_said(app, words, known):
    write("ok.csv")
    _, _, err = app("tune-lr", "--points", "3", "--lr", "1e-3:0.1", "fit-linear", "ok.csv", *words)
    assert ("each point was run once" in err) != known
    _, _, err = app("tune-lr", "--points", "3", "--lr", "1e-3:0.1", "--repeats", "3", "fit-linear", "ok.csv", *words)
    assert "each point was run once" not in err
    assert np.isfinite(json.loads(Path("runs/tune-lr-002/report.json").read_text())["best"]["value"])
