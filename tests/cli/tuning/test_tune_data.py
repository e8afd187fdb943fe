"""``dlcli tune-lr`` on data that change under a study, or under a search that was stopped."""

import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.conftest import CASES

CASE = CASES / "study-with-changed-data"
RANDOM = ["tune-lr", "--study", "s", "--random", "--trials", "3"]
REMEDY = ": restore the old data, or choose another --study"


def write(path, factor=1.0, count=60, seed=0):
    random = np.random.default_rng(seed)
    x = random.normal(size=(count, 2))
    rows = np.column_stack([x, factor * (x @ [2.0, -1.0] + random.normal(size=count))])
    np.savetxt(path, rows, delimiter=",", header="a,b,y", comments="", fmt="%.4f")


def best(app, *words):
    code, out, err = app(*RANDOM[:1], "--json", *RANDOM[1:], *words)
    assert code == 0, err
    return json.loads(out)["best"]["value"], err


def test_a_table_that_changed_under_a_study_is_refused_and_the_remedy_works(app):
    write("ok.csv")
    words = ["fit-linear", "ok.csv", "--target", "y"]
    before, _ = best(app, *words)
    os.utime("ok.csv", (1, 1))
    again, err = best(app, *words)
    assert again == before
    assert "3 of its trials have ended" in err
    shutil.copy("ok.csv", "old.csv")
    write("ok.csv", 100.0)
    code, out, err = app(*RANDOM, *words)
    assert (code, out) == (2, "")
    assert "--study s: its data have changed since its trials: ok.csv has changed (it had " in err
    assert err.endswith(REMEDY + "\n")
    now, _ = best(app, "--study", "t", *words)  # the later --study counts
    assert now == pytest.approx(1e4 * before, rel=1e-3)
    shutil.copy("old.csv", "ok.csv")
    assert best(app, *words)[0] == before


def test_the_case_that_was_kept(app):
    if not CASE.is_dir():
        pytest.skip(f"no case at {CASE}")
    shutil.copy(CASE / "keep.csv", "ok.csv")
    words = ["fit-linear", "ok.csv", "--target", "y"]
    best(app, *words)
    lines = Path("ok.csv").read_text().splitlines()
    changed = [line.rpartition(",")[0] + f",{100 * float(line.rpartition(',')[2])!r}" for line in lines[1:]]
    Path("ok.csv").write_text("\n".join([lines[0], *changed]) + "\n")
    code, _, err = app(*RANDOM, *words)
    assert code == 2
    assert "ok.csv has changed" in err


@pytest.mark.parametrize(
    "url", ["sqlite:///s 100%.db", "journal://s%20100%25.log", "sqlite:///{}/s.db", "journal://{}/s"]
)
def test_a_run_is_repeated_from_its_config_with_the_same_storage(dlcli, tmp_path, url):
    write(tmp_path / "ok.csv")
    url = url.format(tmp_path)
    words = ["--study", "s", "--storage", url, "--points", "3", "--json", "fit-linear", "ok.csv"]
    first = dlcli("tune-lr", *words)
    assert first.code == 0, first.err
    assert (first.report["study"], first.report["storage"]) == ("s", url)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    again = dlcli("tune-lr", "--config", tmp_path / "runs/tune-lr-001/config.toml", "--json", cwd=elsewhere)
    assert again.code == 0, again.err
    assert "3 of its trials have ended" in again.err
    assert [t["value"] for t in again.report["trials"]] == [t["value"] for t in first.report["trials"]]


def test_one_of_several_files_and_one_more(app):
    for number in range(3):
        write(f"{number}.csv", seed=number)
    words = ["fit-linear", "*.csv", "--target", "y"]
    best(app, *words)
    write("1.csv", 2.0, seed=1)
    assert "1.csv has changed" in app(*RANDOM, *words)[2]
    write("1.csv", seed=1)
    write("3.csv", seed=3)
    assert "3 files or images then, 4 now" in app(*RANDOM, *words)[2]
    Path("3.csv").unlink()
    best(app, *words)


def test_the_built_in_example_goes_on(app):
    first, _ = best(app)
    again, err = best(app)
    assert first == again
    assert "3 of its trials have ended" in err


def test_standard_input_counts_by_its_content(dlcli, tmp_path):
    write(tmp_path / "ok.csv")
    text = (tmp_path / "ok.csv").read_bytes()
    words = [*RANDOM, "fit-linear", "-", "--target", "y"]
    assert dlcli(*words, stdin=text).code == 0
    found = dlcli(*words, stdin=text + b"1,2,3\n")
    assert found.code == 2
    assert "standard input has changed" in found.err


@pytest.mark.parametrize(
    ("small", "large", "runs"),
    [
        (["--random", "--trials", "3"], ["--random", "--trials", "6"], 3),
        (["--points", "3"], ["--points", "5"], 2),
        (["--lr", "0.01,0.1"], ["--lr", "0.1,1"], 1),
        (["--lr", "0.01,0.1"], ["--lr", "1e-4:1", "--points", "3"], 2),
        (["--lr", "0.1", "--vary", "schedule=constant,time"], ["--lr", "0.1", "--vary", "schedule=time,cosine"], 1),
        (["--lr", "0.1", "--vary", "l2=0.1,0.2"], ["--vary", "l2=0.1,0.2,100", "--lr", "0.1,1"], 4),
    ],
)
def test_the_real_command_extends_a_study(dlcli, tmp_path, small, large, runs):
    write(tmp_path / "ok.csv")
    study, words = ["tune-lr", "--json", "--study", "s"], ["fit-linear", "ok.csv", "--target", "y", "--val", "0.2"]
    before = dlcli(*study, *small, *words)
    assert before.code == 0, before.err
    after = dlcli(*study, *large, *words)
    assert after.code == 0, after.err
    assert f"{len(before.report['trials'])} of its trials have ended; {runs} new ones are added" in after.err
    assert after.err.count("\ntrial ") == runs
    old, new = before.report["trials"], after.report["trials"]
    assert [t["number"] for t in new] == list(range(len(old) + runs))
    assert [(t["params"], t["value"], t["seed"]) for t in new[: len(old)]] == [
        (t["params"], t["value"], t["seed"]) for t in old
    ]
    again = dlcli(*study, *small, *words)  # the smaller command sees all of it, and runs nothing
    assert again.err.count("\ntrial ") == 0
    assert again.report["best"]["value"] == after.report["best"]["value"]
    assert [t["params"] for t in again.report["trials"]] == [t["params"] for t in new]
    assert dlcli("fit-linear", "--config", f"{after.report['run']}/best.toml").code == 0


def test_a_study_that_grows_keeps_its_rungs(app):
    folders("photos")
    words = ["--json", "--study", "s", "--pruner", "asha", "--fuse", "off"]
    counts = []
    for trials in ("3", "6"):
        code, out, err = app("tune-lr", "--random", "--trials", trials, *words, *NETWORK, "photos")
        assert code == 0, err
        counts.append([t["fraction"] for t in json.loads(out)["trials"]])
    assert counts == [[1.0] * 3, [1.0] * 6]
    counts = []
    for points in ("5", "9"):  # the larger grid has all points of the smaller one
        code, out, err = app("tune-lr", "--points", points, *words, "--study", "t", *NETWORK, "photos")
        assert code == 0, err
        counts.append([t["fraction"] for t in json.loads(out)["trials"]])
    assert sorted(counts[0]) == [0.2] * 2 + [1.0] * 3
    assert len(counts[1]) == 9
    assert 3 <= counts[1].count(1.0) <= 6  # the three best of all, and those that had run in full before


def test_a_study_takes_more_random_trials_and_runs_only_those(app):
    write("ok.csv")
    words = ["fit-linear", "ok.csv", "--target", "y"]
    best(app, *words)
    code, out, err = app("tune-lr", "--study", "s", "--random", "--trials", "6", "--json", *words)
    assert code == 0, err
    more = json.loads(out)["trials"]
    assert err.count("\ntrial ") == 3
    code, out, _ = app("tune-lr", "--random", "--trials", "6", "--json", *words)
    assert [t["params"] for t in more] == [t["params"] for t in json.loads(out)["trials"]]
    assert [t["state"] for t in more] == ["complete"] * 6


def stopped(folder):
    """Make a search that ended look as if it had been stopped."""
    report = Path(folder) / "report.json"
    report.write_text(report.read_text().replace('"status": "finished"', '"status": "stopped"'))


def test_a_stopped_search_does_not_go_on_with_other_data(app):
    write("ok.csv")
    words = ["tune-lr", "--points", "3", "--json", "fit-linear", "ok.csv", "--target", "y"]
    assert app(*words)[0] == 0
    stopped("runs/tune-lr-001")
    assert "continuing runs/tune-lr-001" in app(*words)[2]
    stopped("runs/tune-lr-001")
    write("ok.csv", 100.0)
    code, out, err = app(*words)
    assert code == 0
    assert "runs/tune-lr-001: its data have changed since its trials: ok.csv has changed" in err
    assert "this search starts again from the beginning" in err
    report = json.loads(out)
    assert report["run"] == "runs/tune-lr-002"
    assert report["best"]["value"] > 100


def test_with_out_it_is_refused_and_the_remedy_works(app):
    write("ok.csv")
    words = ["--points", "3", "--out", "o", "fit-linear", "ok.csv", "--target", "y"]
    assert app("tune-lr", *words)[0] == 0
    stopped("o")
    write("ok.csv", 100.0)
    code, _, err = app("tune-lr", *words)
    assert code == 2
    assert "o: its data have changed since its trials: ok.csv has changed" in err
    assert "start again with --force" in err
    assert app("tune-lr", "--force", *words)[0] == 0


NETWORK = ["train-deconv", "--filters", "4", "--depth", "1", "--crop", "16", "--steps", "2", "--optimizer", "sgd",
           "--batch-size", "2", "--amp", "off", "--threads", "1"]  # fmt: skip


def paint(path, seed=0):
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(0, 256, (24, 24), dtype=np.uint8)
    Image.fromarray(pixels).save(path, compress_level=0)


def folders(*names):
    for number in range(4):
        for name in names:
            paint(f"{name}/{number}.png", number)


def kernel(seed=0):
    np.save("kernel.npy", np.random.default_rng(seed).random((3, 3)))


CHANGES = {
    "an image": (lambda: folders("photos"), ["photos"], lambda: paint("photos/2.png", 99), "2.png has changed"),
    "one more": (lambda: folders("photos"), ["photos"], lambda: paint("photos/9.png"), "4 files or images then, 5 now"),
    "a target of pairs": (
        lambda: folders("in", "out"), ["--task", "pairs", "in", "out"], lambda: paint("out/0.png", 99), "0.png has",
    ),
    "an input of pairs": (
        lambda: folders("in", "out"), ["--task", "pairs", "in", "out"], lambda: paint("in/1.png", 99), "input 1.png",
    ),
    "a class": (
        lambda: folders("all/cat", "all/dog"), ["--task", "classify", "all", "--val", "0.5"],
        lambda: paint("all/dog/3.png", 99), "has changed",
    ),
    "the kernel": (
        lambda: [folders("photos"), kernel()], ["photos", "--task", "deblur", "--blur", "kernel.npy"],
        lambda: kernel(1), "kernel.0 has changed",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CHANGES)
def test_images_that_changed_under_a_study_are_refused(app, name):
    make, data, change, said = CHANGES[name]
    make()
    words = ["tune-lr", "--study", "s", "--lr", "0.001,0.002", "--pruner", "none", *NETWORK, *data]
    code, _, err = app(*words)
    assert code == 0, err
    for path in Path().glob("*/*.png"):
        os.utime(path, (1, 1))
    code, _, err = app(*words)
    assert code == 0, err
    assert "2 of its trials have ended" in err
    change()
    code, _, err = app(*words)
    assert code == 2
    assert said in err
    assert err.endswith(REMEDY + "\n")


@pytest.mark.parametrize(
    "words",
    [["--lr", "0.01,0.1"], ["--lr", "0.1", "--vary", "missing=mean,drop"], ["--sweep"], ["--lr", "0.1,1", "--cv", "3"],
     ["--lr", "0.01,0.1", "--workers", "2"]],
)  # fmt: skip
def test_what_is_said_of_a_table_is_said_once(app, tmp_path, words):
    write(tmp_path / "ok.csv")
    lines = (tmp_path / "ok.csv").read_text().splitlines()
    rows = [f"k,{lines[0]}", *(f"1,{line}" for line in lines[1:]), "1,,0.1,0.2"]
    (tmp_path / "ok.csv").write_text("\n".join(rows) + "\n")
    code, _, err = app("tune-lr", *words, "fit-linear", "ok.csv", "--target", "y", "--missing", "mean")
    assert code == 0, err
    assert err.count("'k' is constant") == 1
