"""``dlcli tune-lr`` as a user runs it."""

import csv
import json
import os
import signal
import time
import tomllib

import numpy as np
import pytest


@pytest.fixture
def table(tmp_path):
    """Two correlated columns and a target with noise."""
    random = np.random.default_rng(0)
    x = random.normal(size=(200, 2)) @ np.array([[1.0, 0.8], [0.0, 0.6]])
    y = x @ [2.0, -1.0] + 3 + random.normal(size=200)
    path = tmp_path / "table.csv"
    np.savetxt(path, np.column_stack([x, y]), delimiter=",", header="a,b,y", comments="")
    return path


def test_bare(dlcli):
    found = dlcli("tune-lr", "--grid", charts=True)
    assert found.code == 0, found.err
    run = found.folder / "runs" / "tune-lr-001"
    report = json.loads((run / "report.json").read_text())
    values = [trial["value"] for trial in report["trials"]]
    assert len(values) == 16
    assert report["best"]["value"] == min(values)
    assert found.out.splitlines()[-1] == "dlcli fit-linear --config runs/tune-lr-001/best.toml"
    assert found.err.count("\ntrial ") == 16
    again = dlcli(*found.out.splitlines()[-1].split()[1:], "--json")
    assert again.report["metrics"]["train"]["loss"] == report["best"]["value"]
    with (run / "trials.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    assert [float(row["train.loss"]) for row in rows] == values
    assert len((run / "trials.jsonl").read_text().splitlines()) == 17
    assert (run / "plots" / "lr.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize("schedule", ["constant", "time", "polyak", "cosine"])
def test_each_point_is_its_separate_run(dlcli, table, schedule):
    report = dlcli(
        "tune-lr", "--points", "4", "--json", "fit-linear", table, "--val", "0.25", "--steps", "50",
        "--schedule", schedule, "--data-seed", "7",
    ).report  # fmt: skip
    for trial in report["trials"]:
        alone = dlcli(
            "fit-linear", table, "--val", "0.25", "--steps", "50", "--schedule", schedule, "--data-seed", "7",
            "--lr", repr(trial["params"]["lr"]), "--seed", trial["seed"], "--json", "--out", f"one-{trial['number']}",
        ).report  # fmt: skip
        assert trial["metrics"]["val"] == pytest.approx(alone["metrics"]["val"], rel=1e-9)
        assert trial["value"] == pytest.approx(alone["metrics"]["val"]["loss"], rel=1e-9)


def test_batched_classes_are_their_separate_runs(dlcli, shared):
    iris = shared / "tables" / "iris.csv"
    words = ["--target", "species", "--val", "0.3", "--steps", "60"]
    report = dlcli(
        "tune-lr", "--lr", "0.01,0.1,1", "--vary", "momentum=0,0.9", "--json", "fit-linear", iris, *words
    ).report
    for trial in report["trials"]:
        alone = dlcli(
            "fit-linear", iris, *words, "--lr", trial["params"]["lr"], "--momentum", trial["params"]["momentum"],
            "--seed", trial["seed"], "--data-seed", "0", "--json", "--out", f"one-{trial['number']}",
        ).report  # fmt: skip
        assert trial["metrics"]["val"] == pytest.approx(alone["metrics"]["val"], rel=1e-9)


def test_best_toml_repeats_the_best_of_a_cross_validated_random_search(dlcli, table):
    found = dlcli(
        "tune-lr", "--random", "--trials", "6", "--cv", "3", "--vary", "l2=1e-3:1:log", "--json", "fit-linear", table,
        charts=True,
    )  # fmt: skip
    assert found.code == 0, found.err
    best = found.report["best"]
    again = dlcli("fit-linear", "--config", "runs/tune-lr-001/best.toml", "--json").report
    assert again["cv"]["metrics"]["loss"]["mean"] == pytest.approx(best["value"], rel=1e-12)
    assert found.report["best"]["spread"] == pytest.approx(again["cv"]["metrics"]["loss"]["sd"], rel=1e-9)
    names = {path.name for path in (found.folder / "runs" / "tune-lr-001" / "plots").iterdir()}
    assert names == {"lr.png", "importance.png", "parallel.png"}
    config = tomllib.loads((found.folder / "runs/tune-lr-001/best.toml").read_text())
    assert config["l2"] == best["params"]["l2"]


def test_tpe_finds_the_valley(dlcli, table):
    report = dlcli("tune-lr", "--tpe", "--trials", "25", "--json", "fit-linear", table, "--steps", "5").report
    assert len(report["trials"]) == 25
    grid = dlcli("tune-lr", "--points", "40", "--json", "fit-linear", table, "--steps", "5", "--json", "--quiet")
    assert grid.code == 2  # output options belong before the command's name
    grid = dlcli("tune-lr", "--points", "40", "--json", "fit-linear", table, "--steps", "5").report
    assert report["best"]["value"] < 1.1 * grid["best"]["value"]


def test_repeats_show_the_spread(dlcli, table):
    report = dlcli(
        "tune-lr", "--repeats", "3", "--lr", "0.01,0.1", "--json", "fit-linear", table, "--optimizer", "sgd",
        "--batch-size", "8", "--steps", "40",
    ).report  # fmt: skip
    for trial in report["trials"]:
        assert len(set(trial["each"])) == 3
        assert trial["value"] == pytest.approx(np.mean(trial["each"]))
        assert trial["spread"] == pytest.approx(np.std(trial["each"], ddof=1))


def test_a_named_study_goes_on(dlcli, table):
    words = ["tune-lr", "--points", "5", "--study", "wine", "--json", "fit-linear", table]
    first, second = dlcli(*words).report, dlcli(*words).report
    assert first["best"]["value"] == second["best"]["value"]
    # Nothing is left to run, so what stands there are the first one's times.
    assert [t["seconds"] for t in first["trials"]] == [t["seconds"] for t in second["trials"]]
    other = dlcli("tune-lr", "--points", "5", "--study", "wine", "fit-linear", table, "--momentum", "0.5")
    assert other.code == 2
    assert "made by another command" in other.err


def test_workers_share_the_grid(dlcli, table):
    alone = dlcli("tune-lr", "--points", "6", "--json", "fit-linear", table).report
    found = dlcli("tune-lr", "--points", "6", "--workers", "2", "--json", "fit-linear", table)
    assert found.code == 0, found.err
    assert [t["value"] for t in found.report["trials"]] == [t["value"] for t in alone["trials"]]
    assert found.err.count("\ntrial ") == 6


def test_workers_draw_no_point_too_many(dlcli, table):
    for number in range(2):
        found = dlcli(
            "tune-lr", "--tpe", "--trials", "6", "--workers", "2", "--seed", number, "--json", "fit-linear", table
        )
        assert found.code == 0, found.err
        assert [t["state"] for t in found.report["trials"]] == ["complete"] * 6


SLOW = ["fit-linear", "table.csv", "--optimizer", "sgd", "--batch-size", "4", "--steps", "20000"]


@pytest.mark.parametrize("workers", [1, 2])
def test_an_interrupted_search_goes_on(dlcli, start, table, workers):
    words = ["tune-lr", "--points", "8", "--workers", workers, "--lr", "1e-4:1e-2", *SLOW]
    process = start(*words)
    lines: list[str] = []
    while len(lines) < 2:
        line = process.stderr.readline()
        assert line, process.communicate()
        if line.startswith("trial"):
            lines.append(line)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert "stopped after" in out
    run = table.parent / "runs" / "tune-lr-001"
    kept = [t for t in json.loads((run / "report.json").read_text())["trials"] if t["state"] == "complete"]
    assert 2 <= len(kept) < 8
    again = dlcli(*words)
    assert again.code == 0, again.err
    report = json.loads((run / "report.json").read_text())
    assert not (table.parent / "runs" / "tune-lr-002").exists()
    assert [t["state"] for t in report["trials"]] == ["complete"] * 8
    seconds = {t["number"]: t["seconds"] for t in report["trials"]}
    assert all(seconds[t["number"]] == t["seconds"] for t in kept)
    # A search that has ended is not taken up: the command starts another one.
    assert dlcli("tune-lr", "--points", "2", "fit-linear", "table.csv").code == 0
    assert (table.parent / "runs" / "tune-lr-002").exists()


def test_a_killed_search_goes_on(dlcli, start, table):
    words = ["tune-lr", "--points", "6", "--lr", "1e-4:1e-2", *SLOW]
    process = start(*words)
    while not process.stderr.readline().startswith("trial"):
        pass
    process.kill()
    process.communicate()
    found = dlcli(*words)
    assert found.code == 0, found.err
    assert "continuing runs/tune-lr-001" in found.err
    assert found.err.count("\ntrial ") < 6


def stopped_half_way(dlcli, *words):
    """The report of a search that a time limit ended when trials had ended; a busy machine gets more time."""
    for minutes in (0.02, 0.06, 0.2, 0.6):
        found = dlcli("tune-lr", "--minutes", minutes, "--out", f"within-{minutes}", *words)
        assert found.code == 0, found.err
        assert (found.report["status"], found.report["reason"]) == ("stopped", "time limit reached")
        if any(trial["state"] == "complete" for trial in found.report["trials"]):
            return found.report
    return pytest.fail("no trial ended in 0.6 minutes")


def test_a_time_limit_keeps_what_there_is(dlcli, table):
    report = stopped_half_way(dlcli, "--points", "200", "--lr", "1e-4:1e-2", "--json", *SLOW)
    assert 0 < sum(t["state"] == "complete" for t in report["trials"]) < 200
    assert report["best"]


def test_json_and_quiet(dlcli):
    found = dlcli("tune-lr", "--points", "2", "--json", "--quiet")
    assert found.err == ""
    assert found.report["training"] == "fit-linear"


def test_help_of_both(dlcli):
    assert "--vary" in dlcli("tune-lr", "--help").out
    found = dlcli("tune-lr", "--grid", "fit-linear", "--help")
    assert found.code == 0
    assert "--target" in found.out


def test_a_training_without_rates(dlcli, table):
    found = dlcli(
        "tune-lr", "--vary", "l2=0.01,0.1", "--json", "fit-linear", table, "--optimizer", "exact", "--val", "0.2"
    )
    assert found.code == 0, found.err
    assert found.report["options"] == ["l2"]


def test_the_search_waits_no_longer_than_it_must(dlcli, table):
    begin = time.monotonic()
    assert dlcli("tune-lr", "--points", "16", "fit-linear", table).code == 0
    # Generous: what must not happen is a poll, a fork or an import of torch for each trial.
    assert time.monotonic() - begin < 30


def test_sweep_of_least_squares_beside_the_exact_answer(dlcli, table):
    found = dlcli("tune-lr", "--sweep", "--json", "fit-linear", table, charts=True)
    assert found.code == 0, found.err
    x = np.loadtxt(table, delimiter=",", skiprows=1)[:, :2]
    values = np.linalg.eigvalsh(np.corrcoef(x.T))
    values = np.append(values, 1.0)  # the intercept's
    stable, fastest = 2 / values.max(), 2 / (values.max() + values.min())
    assert list(found.report["sweep"]["exact"].values()) == pytest.approx([stable, fastest], rel=1e-9)
    assert found.report["best"]["params"]["lr"] == pytest.approx(fastest)
    # The test finds the edge without being told.
    assert found.report["sweep"]["suggestions"]["edge"]["median"] == pytest.approx(stable, rel=0.1)
    files = {path.name for path in (found.folder / "runs" / "tune-lr-001").rglob("*") if path.is_file()}
    assert files == {"config.toml", "report.json", "best.toml", "lr.png"}  # no model
    assert dlcli("fit-linear", "--config", "runs/tune-lr-001/best.toml").code == 0


def test_sweep_of_mini_batches_shows_the_spread(dlcli, table):
    found = dlcli("tune-lr", "--sweep", "--repeats", "4", "--json", "fit-linear", table, "--optimizer", "adam")
    assert found.code == 0, found.err
    assert found.report["sweep"]["seeds"] == 4
    steepest = found.report["sweep"]["suggestions"]["steepest"]
    assert steepest["low"] <= steepest["median"] <= steepest["high"]
    assert found.report["sweep"]["exact"] == {}


def test_tpe_draws_no_point_for_two_workers(dlcli, table):
    words = ["--tpe", "--trials", "8", "--workers", "2", "--json", "fit-linear", table, "--steps", "50"]
    trials = dlcli("tune-lr", *words).report["trials"]
    assert len(trials) == 8
    assert len({t["params"]["lr"] for t in trials}) == 8


def test_workers_that_run_out_of_time_say_so(dlcli, table):
    words = ["--tpe", "--trials", "5000", "--workers", "2", "--json", "fit-linear", table]
    report = stopped_half_way(dlcli, *words)
    assert 0 < len(report["trials"]) < 5000


def test_ctrl_c_reaches_workers_through_their_parent_and_loses_nothing(dlcli, start, table):
    words = ["tune-lr", "--lr", "0.01,0.02", "--workers", "2", *SLOW]
    for _ in range(2):
        process = start(*words)
        journal = table.parent / "runs" / "tune-lr-001" / "study.journal"
        size = journal.stat().st_size if journal.exists() else 0
        while not journal.exists() or journal.stat().st_size == size or b'"worker"' not in journal.read_bytes()[size:]:
            assert process.poll() is None, process.communicate()
            time.sleep(0.05)
        os.killpg(process.pid, signal.SIGINT)
        out, err = process.communicate(timeout=60)
        assert process.returncode == 130, (out, err)
    again = dlcli(*words)
    assert again.code == 0, again.err
    report = json.loads((table.parent / "runs" / "tune-lr-001" / "report.json").read_text())
    assert [t["state"] for t in report["trials"]] == ["complete", "complete"]


def test_force_starts_from_nothing(dlcli, table):
    words = ["tune-lr", "--points", "2", "--workers", "2", "--out", "o", "--force", "fit-linear", table]
    assert dlcli(*words).code == 0
    rows = np.loadtxt(table, delimiter=",", skiprows=1)
    np.savetxt(table, rows * [1, 1, 10], delimiter=",", header="a,b,y", comments="")
    assert dlcli(*words).code == 0
    report = json.loads((table.parent / "o" / "report.json").read_text())
    alone = dlcli("fit-linear", table, "--lr", report["trials"][1]["params"]["lr"], "--json").report
    assert report["trials"][1]["value"] == pytest.approx(alone["metrics"]["train"]["loss"], rel=1e-9)
    assert dlcli("tune-lr", "--points", "3", "--workers", "2", "--out", "o", "--force", "fit-linear", table).code == 0


def stopped_after_a_trial(start):
    """Interrupt a search of six points; its command."""
    words = ["tune-lr", "--points", "6", "--lr", "1e-4:1e-2", *SLOW]
    process = start(*words)
    while not process.stderr.readline().startswith("trial"):
        assert process.poll() is None
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    return words


def test_a_stopped_search_goes_on_after_others(dlcli, start, table):
    words = stopped_after_a_trial(start)
    assert dlcli("tune-lr", "--sweep").code == 0
    assert dlcli("tune-lr", "--points", "2").code == 0
    again = dlcli(*words)
    assert "continuing runs/tune-lr-001" in again.err
    assert len(json.loads((table.parent / "runs/tune-lr-001/report.json").read_text())["trials"]) == 6
    # It has ended now: the command starts another one.
    assert "saved in runs/tune-lr-004" in dlcli(*words).out


def test_a_named_study_goes_on_in_the_same_directory(dlcli, table):
    words = ["tune-lr", "--points", "3", "--study", "s", "--out", "here", "--json", "fit-linear", table, "--steps", "9"]
    first, second = dlcli(*words), dlcli(*words)
    assert (first.code, second.code) == (0, 0), second.err
    assert [t["value"] for t in first.report["trials"]] == [t["value"] for t in second.report["trials"]]
    assert "3 of its trials have ended" in second.err
    other = dlcli("tune-lr", "--points", "4", "--out", "here", "fit-linear", table)
    assert other.code == 2
    assert "not empty" in other.err


def test_two_copies_do_not_take_up_one_search(dlcli, start, table):
    words = stopped_after_a_trial(start)
    one = start(*words)
    while not one.stderr.readline().startswith("trial"):
        assert one.poll() is None
    two = start(*words)
    ended = [process.communicate(timeout=100) for process in (one, two)]
    assert [process.returncode for process in (one, two)] == [0, 0], ended
    for number in (1, 2):
        lines = (table.parent / "runs" / f"tune-lr-00{number}" / "trials.jsonl").read_text().splitlines()
        numbers = [json.loads(line)["number"] for line in lines if '"number"' in line]
        assert sorted(numbers) == list(range(6))


def test_equal_values_are_ranked_by_their_steps(dlcli):
    report = dlcli("tune-lr", "--json").report
    equal = [t for t in report["trials"] if t["value"] == report["best"]["value"]]
    assert report["best"]["number"] == min(equal, key=lambda t: t["steps"])["number"]


def test_r2_of_a_model_without_intercept_is_called_uncentered(dlcli, tmp_path):
    (tmp_path / "t.csv").write_text("x,y\n" + "".join(f"{i % 7},{i % 7 + i % 3}\n" for i in range(40)))
    words = ["tune-lr", "--metric", "train.r2", "--points", "2", "fit-linear", "t.csv", "--steps", "20"]
    assert "train.r2 is uncentered" in dlcli(*words, "--no-intercept").err
    assert "uncentered" not in dlcli(*words).err
