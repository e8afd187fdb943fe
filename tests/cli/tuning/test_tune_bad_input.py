"""What tune-lr refuses: exit code 2 (or 4), one line, nothing left behind."""

import pytest

FIT = ["fit-linear"]

REFUSED = {
    "a reversed range": (["--lr", "1:1e-4"], "reversed"),
    "an empty range": (["--lr", "0.1:0.1"], "empty"),
    "no value": (["--lr", ""], "no value"),
    "a rate of zero": (["--lr", "0:1"], "above 0"),
    "a rate that is no number": (["--lr", "fast,slow"], "positive numbers"),
    "zero points": (["--points", "0"], "--points"),
    "zero trials": (["--random", "--trials", "0"], "--trials"),
    "zero repeats": (["--repeats", "0"], "--repeats"),
    "zero workers": (["--workers", "0"], "--workers"),
    "one fold": (["--cv", "1"], "--cv"),
    "trials of a grid": (["--trials", "5"], "--random or --tpe"),
    "two methods": (["--grid", "--random"], "give one of"),
    "another method": (["--bayes"], "--bayes"),
    "another command": (["eval"], "fit-linear or train-deconv"),
    "an unknown option behind the name": ([*FIT, "--lrate", "1"], "--lrate"),
    "a bad value behind the name": ([*FIT, "--steps", "many"], "--steps"),
    "a bad combination behind the name": ([*FIT, "--nesterov"], "--momentum"),
    "an output option behind the name": ([*FIT, "--out", "x"], "put --out before"),
    "a missing file": ([*FIT, "none.csv"], "none.csv"),
    "an unknown option to vary": (["--vary", "lerning=1,2", *FIT], "not an option that can be searched"),
    "a misspelled option to vary": (["--vary", "momentun=0,0.9", *FIT], "did you mean momentum"),
    "another program's name of an option to vary": (["--vary", "weight_decay=0,1", *FIT], "did you mean l2?"),
    "a value that the option refuses": (["--vary", "momentum=0,2", *FIT], "--momentum"),
    "a word that the option refuses": (["--vary", "schedule=constant,sometimes", *FIT], "schedule"),
    "vary without values": (["--vary", "momentum"], "NAME=VALUES"),
    "a rate searched twice": (["--lr", "0.1,0.2", "--vary", "lr=1,2"], "twice"),
    "a rate searched and fixed": (["--lr", "0.1,0.2", *FIT, "--lr", "0.3"], "fixed"),
    "nothing to search": ([*FIT, "--lr", "0.1"], "nothing to search"),
    "a rate for a method without": (["--lr", "0.1,1", *FIT, "--optimizer", "exact"], "no learning rate"),
    "a metric of another task": (["--metric", "psnr"], "train.loss, train.rmse, train.r2"),
    "a metric without validation": (["--metric", "val.loss"], "--val 0.2"),
    "a grid too large": (["--vary", "l2=0:1", "--points", "10000"], "50,000 points"),
    "a scheme of storage": (["--storage", "redis://x"], "journal:///PATH"),
    "a database that is not there": (
        ["--storage", "postgresql://ann:hush@127.0.0.1:9/none"], "postgresql://ann:***@127.0.0.1:9/none"
    ),
    "a journal in a place that is none": (["--storage", "journal:///proc/none/x"], "journal:///proc/none/x"),
    "a batch of one": (["--fuse", "1"], "--fuse"),
    "points at random": (["--random", "--points", "5"], "--trials"),
    "its own option behind the command": (["fit-linear", "--grid"], "put it before fit-linear"),
    "the command's option before it": (["--target", "y", "fit-linear"], "put it after fit-linear"),
    "a network's option before it": (["--filters", "8", "train-deconv"], "put it after train-deconv"),
    "a misspelled command": (["fit-liner"], "did you mean fit-linear?"),
    "no command": (["table.csv"], "dlcli tune-lr fit-linear table.csv"),
    "seeds as an option": (["--vary", "seed=1,2"], "--repeats"),
    "standard input for two": (["--workers", "2", *FIT, "-"], "standard input"),
    "a pruner that sees nothing": (["--pruner", "median", "--metric", "train.r2"], "--metric val.loss"),
    "an optimizer without rates": ([*FIT, "--optimizer", "newton"], "has no learning rate: give --vary"),
    "asha for tpe": (["--tpe", "--pruner", "asha"], "--pruner median"),
    "a sweep of a list": (["--sweep", "--lr", "0.1,0.2"], "range"),
    "a sweep of three points": (["--sweep", "--points", "3"], "at least 10"),
    "a sweep that varies": (["--sweep", "--vary", "l2=0,1"], "--vary"),
    "a sweep of a schedule": (["--sweep", *FIT, "--schedule", "cosine"], "--schedule"),
    "a config that is none": (["--config", "none.toml"], "none.toml"),
    "folds of images that are held out": (["--cv", "3", "train-deconv", "--val", "0.2"], "--cv and --val both hold"),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_refused_in_one_line(dlcli, case):
    words, expected = REFUSED[case]
    if case == "a database that is not there":
        pytest.importorskip("psycopg")
    found = dlcli("tune-lr", *words)
    assert found.code == 2, (found.out, found.err)
    lines = [line for line in found.err.splitlines() if not line.startswith("dlcli: no DATA")]
    assert len(lines) == 1, found.err
    assert lines[0].startswith("dlcli: ")
    assert expected in lines[0]
    assert "hush" not in found.err + found.out
    assert "Traceback" not in found.err
    assert found.out == ""
    assert not list(found.folder.rglob("report.json"))


def test_all_diverged(dlcli):
    found = dlcli("tune-lr", "--lr", "100:1000", "--points", "3")
    assert found.code == 4
    last = found.err.splitlines()[-1]
    assert "all 3 trials diverged" in last
    assert "--lr " in last
    # The remedy works.
    low_high = last.rpartition("--lr ")[2]
    assert dlcli("tune-lr", "--lr", low_high, "--points", "3").code == 0


def test_a_sweep_that_begins_too_high(dlcli):
    found = dlcli("tune-lr", "--sweep", "--lr", "1e6:1e9", "fit-linear", "--optimizer", "sgd")
    assert found.code == 4
    assert "the loss falls at no learning rate from 1e+06 to 1e+09" in found.err.splitlines()[-1]


def test_one_diverged_trial_is_no_failure(dlcli):
    report = dlcli("tune-lr", "--lr", "0.1,100", "--json").report
    assert [t["state"] for t in report["trials"]] == ["complete", "diverged"]
    assert report["trials"][1]["value"] is None
    assert report["best"]["params"] == {"lr": 0.1}


def test_many_workers_on_sqlite_are_warned_of(dlcli, tmp_path):
    found = dlcli("tune-lr", "--points", "2", "--workers", "2", "--storage", f"sqlite:///{tmp_path / 's.db'}")
    assert found.code == 0, found.err
    assert "warning: sqlite" in found.err
