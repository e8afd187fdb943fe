"""train-deconv through the command line: what a run leaves, how it ends, and how it is taken up again.

Only what needs a process of its own (signals from outside, streams) starts one; importing torch takes seconds.
"""

import json
import os
import shutil
import signal
import time

import numpy as np
import pytest
from PIL import Image

from dlcli.cli.app import run as run_app
from dlcli.engine.interrupts import SLICE
from dlcli.networks.training import trainer
from dlcli.networks.training.batches import RestorationBatches
from dlcli.networks.training.figures import Figures
from dlcli.networks.training.validation.restoration import RestorationValidation
from dlcli.runs import checkpoint
from dlcli.tasks import train_deconv as task

FILES = [
    "checkpoint/state.safetensors", "config.toml", "metrics.jsonl", "model.safetensors", "plots/loss.png",
    "plots/samples.png", "report.json",
]  # fmt: skip
# Optimizer, schedule, average and validation all have a state that a run taken up again must have back. --amp off:
# the same bits on every processor.
RUN = ["--filters", "4,4", "--val", "0.3", "--report-every", "2", "--amp", "off", "--ema", "0.9", "--sigma", "0:50",
       "--batch-size", "4", "--device", "cpu", "--threads", "1"]  # fmt: skip


def images(folder, count=8, side=24, seed=0):
    folder.mkdir(parents=True)
    random = np.random.default_rng(seed)
    for number in range(count):
        coarse = random.integers(0, 256, (4, 4), dtype=np.uint8)
        Image.fromarray(coarse).resize((side, side), Image.Resampling.BICUBIC).save(folder / f"{number}.png")
    return folder


@pytest.fixture
def handlers():
    """The command sets signal handlers in this process; pytest gets its own back."""
    kept = [(number, signal.getsignal(number)) for number in (signal.SIGINT, signal.SIGTERM)]
    yield
    for number, handler in kept:
        signal.signal(number, handler)


@pytest.fixture
def app(tmp_path, monkeypatch, capsys, handlers):
    """Run the command in this process, in an empty folder: exit code, stdout, stderr."""
    monkeypatch.chdir(tmp_path)

    def call(*arguments):
        code = run_app([str(a) for a in arguments])
        streams = capsys.readouterr()
        return code, streams.out, streams.err

    return call


@pytest.fixture
def photos(tmp_path, monkeypatch):
    """Images, and a training that spends no time on pictures."""

    def draw(pictures, steps, best):
        pictures.run.write("plots/loss.png", b"")
        pictures.run.write("plots/samples.png", b"")

    monkeypatch.setattr(Figures, "prepare", lambda pictures: None)
    monkeypatch.setattr(Figures, "refresh", draw)
    monkeypatch.setattr(Figures, "draw", draw)
    images(tmp_path / "photos")


def files(run):
    return sorted(p.relative_to(run).as_posix() for p in run.rglob("*") if p.is_file())


def metrics(run):
    return [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]


def steps(run):
    return [record["step"] for record in metrics(run)]


def model(run):
    return (run / "model.safetensors").read_bytes()


def report(run):
    return json.loads((run / "report.json").read_text())


def untimed(records):
    return [{k: v for k, v in record.items() if k != "seconds"} for record in records]


def the_line(err):
    """The one line of an error, after notes and warnings."""
    lines = [line for line in err.splitlines() if line.startswith("dlcli: ")]
    assert "Traceback" not in err
    assert "defect" not in err
    return lines[-1]


def test_what_a_run_leaves(app, tmp_path):
    images(tmp_path / "photos")
    code, out, err = app("train-deconv", "photos", *RUN, "--steps", "6", "--out", "run")
    assert code == 0, err
    run = tmp_path / "run"
    assert files(run) == FILES
    assert steps(run) == [0, 2, 4, 6]
    last = metrics(run)[-1]
    assert set(last) == {
        "step", "loss", "val_loss", "psnr", "ssim", "input_psnr", "input_ssim", "lr", "gradient_norm", "seconds",
    }  # fmt: skip
    assert "finished after 6 steps" in out
    assert "saved in run" in out
    assert "psnr" in out
    assert err.count("step ") == 4
    for picture in ("plots/loss.png", "plots/samples.png"):
        with Image.open(run / picture) as image:
            image.load()
            assert min(image.size) > 50


def test_json_is_one_document_and_quiet_is_quiet(app, photos, tmp_path):
    code, out, err = app("train-deconv", "photos", *RUN, "--steps", "2", "--json", "--quiet")
    assert (code, err) == (0, "")
    document = json.loads(out)
    assert document == json.loads((tmp_path / "runs/train-deconv-001/report.json").read_text())
    assert (document["command"], document["status"], document["steps"]) == ("train-deconv", "finished", 2)


def test_defaults_name_a_new_directory_each_time(app, photos, tmp_path):
    for number in (1, 2):
        code, out, err = app("train-deconv", "photos", *RUN, "--steps", "1", "--quiet")
        assert (code, out, err) == (0, "", "")
        assert files(tmp_path / f"runs/train-deconv-{number:03d}") == FILES
    before = (tmp_path / "runs/train-deconv-001/metrics.jsonl").read_bytes()
    code, _, err = app("train-deconv", "photos", *RUN, "--steps", "1", "--out", "runs/train-deconv-001")
    assert code == 2
    assert "--force" in the_line(err)
    assert (tmp_path / "runs/train-deconv-001/metrics.jsonl").read_bytes() == before


def test_a_rate_that_diverges_ends_with_4_and_the_remedy(app, photos, tmp_path):
    options = ["--optimizer", "sgd", "--lr", "1e6", "--steps", "60", "--out", "run"]
    code, out, err = app("train-deconv", "photos", *RUN, *options)
    assert code == 4, err
    assert out == ""
    line = the_line(err)
    assert "learning rate 1e+06" in line
    assert "--lr 1e+05" in line
    assert report(tmp_path / "run")["status"] == "diverged"
    json.loads((tmp_path / "run" / "report.json").read_text(), parse_constant=pytest.fail)
    for text in (tmp_path / "run" / "metrics.jsonl").read_text().splitlines():
        json.loads(text, parse_constant=pytest.fail)
    code, _, err = app("train-deconv", "--resume", "run")
    assert code == 4, err
    seen = steps(tmp_path / "run")
    assert sorted(set(seen)) == seen


@pytest.fixture
def uninterrupted(photos, app, tmp_path):
    """A run of 16 steps, against which those that were interrupted are held."""
    code, _, err = app("train-deconv", "photos", *RUN, "--steps", "16", "--out", "whole", "--quiet")
    assert code == 0, err
    return tmp_path / "whole"


def at_step(monkeypatch, number, action):
    """Do ``action`` when the batch of step ``number`` is asked for, for the first time."""
    called = RestorationBatches.__call__
    done = []

    def call(self, step, size):
        if step == number and not done:
            done.append(step)
            action()
        return called(self, step, size)

    monkeypatch.setattr(RestorationBatches, "__call__", call)


def assert_same_end(run, whole):
    """The interrupted run ends as the other did: model, reports (but those of signals), and outcome."""
    assert model(run) == model(whole)
    assert sorted(set(steps(run))) == steps(run)
    extra = set(steps(run)) - set(steps(whole))
    assert untimed(r for r in metrics(run) if r["step"] not in extra) == untimed(metrics(whole))
    ours, theirs = report(run), report(whole)
    for name in ("status", "steps", "best_step", "metrics", "signal"):
        assert ours[name] == theirs[name], name
    assert files(run) == files(whole)


def signaled(signum):
    """A signal in a step that is so long that the loop looks for signals after it."""

    def action():
        os.kill(os.getpid(), signum)
        time.sleep(1.1 * SLICE)

    return action


@pytest.mark.thinned(2)
@pytest.mark.parametrize(
    ("signum", "code", "step"), [(signal.SIGINT, 130, 7), (signal.SIGTERM, 143, 8), (signal.SIGINT, 130, 1)]
)
def test_a_signal_saves_and_the_run_goes_on(app, uninterrupted, tmp_path, monkeypatch, signum, code, step):
    with monkeypatch.context() as patch:
        at_step(patch, step, signaled(signum))
        got, out, err = app("train-deconv", "photos", *RUN, "--steps", "16", "--out", "run")
    assert got == code, err
    assert "stopped after" in out
    run = tmp_path / "run"
    assert (report(run)["status"], report(run)["signal"], report(run)["steps"]) == ("stopped", int(signum), step + 1)
    assert files(run) == FILES
    begun = (run / "metrics.jsonl").read_bytes()
    got, _, err = app("train-deconv", "--resume", "run", "--quiet")
    assert (got, err) == (0, "")
    assert (run / "metrics.jsonl").read_bytes().startswith(begun)
    assert_same_end(run, uninterrupted)


def test_dropout_goes_on_as_it_would_have(photos, app, tmp_path, monkeypatch):
    words = ["train-deconv", "photos", *RUN, "--steps", "12", "--dropout", "0.3", "--out"]
    assert app(*words, "whole")[0] == 0
    with monkeypatch.context() as patch:
        at_step(patch, 5, signaled(signal.SIGINT))
        assert app(*words, "run")[0] == 130
    assert app("train-deconv", "--resume", "run", "--quiet")[0] == 0
    assert_same_end(tmp_path / "run", tmp_path / "whole")


def test_a_signal_during_a_report_leaves_no_step_twice(app, uninterrupted, tmp_path, monkeypatch):
    written = Figures.refresh
    with monkeypatch.context() as patch:

        def refresh(pictures, steps, best):
            if steps[-1].step == 6 and not steps[-1].signum:
                os.kill(os.getpid(), signal.SIGINT)
            written(pictures, steps, best)

        patch.setattr(Figures, "refresh", refresh)
        got, _, err = app("train-deconv", "photos", *RUN, "--steps", "16", "--out", "run")
    assert got == 130, err
    run = tmp_path / "run"
    assert steps(run) == [0, 2, 4, 6]
    assert app("train-deconv", "--resume", "run", "--quiet")[0] == 0
    assert steps(run) == list(range(0, 17, 2))
    assert_same_end(run, uninterrupted)


def test_a_signal_after_the_last_step_changes_nothing(app, uninterrupted, tmp_path, monkeypatch):
    made = task.make_report

    def make_report(*arguments):
        os.kill(os.getpid(), signal.SIGINT)
        return made(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr(task, "make_report", make_report)
        code, out, err = app("train-deconv", "photos", *RUN, "--steps", "16", "--out", "run")
    assert code == 0, err
    assert "finished after 16 steps" in out
    assert_same_end(tmp_path / "run", uninterrupted)


def test_several_interruptions_are_no_more_than_one(app, uninterrupted, tmp_path, monkeypatch):
    arguments = ["photos", *RUN, "--steps", "16", "--out", "run"]
    for step in (3, 4, 9, 12):
        with monkeypatch.context() as patch:
            at_step(patch, step, signaled(signal.SIGINT))
            got, _, err = app("train-deconv", *arguments, "--quiet")
        assert got == 130, err
        arguments = ["--resume", "run"]
    assert app("train-deconv", *arguments, "--quiet")[0] == 0
    assert_same_end(tmp_path / "run", uninterrupted)


def test_the_best_model_is_that_of_the_reports_not_of_a_signal(app, photos, tmp_path, monkeypatch):
    """The state at the signal is better than all reports: kept while the run rests, dropped when it goes on."""
    losses = {0: 1.0, 2: 0.5, 3: 0.1, 4: 0.6, 6: 0.7}
    seen = []

    def validate(self, state):
        seen.append(len(seen))
        order = [0, 2, 3, 4, 6] if interrupted else [0, 2, 4, 6]
        return {"loss": losses[order[min(len(seen), len(order)) - 1]]}  # once more at the end, for the report

    monkeypatch.setattr(RestorationValidation, "__call__", validate)
    interrupted = False
    assert app("train-deconv", "photos", *RUN, "--steps", "6", "--out", "whole", "--quiet")[0] == 0
    interrupted, seen[:] = True, []
    with monkeypatch.context() as patch:
        at_step(patch, 2, signaled(signal.SIGINT))
        assert app("train-deconv", "photos", *RUN, "--steps", "6", "--out", "run", "--quiet")[0] == 130
    assert report(tmp_path / "run")["best_step"] == 3
    resting = model(tmp_path / "run")
    assert app("train-deconv", "--resume", "run", "--quiet")[0] == 0
    assert report(tmp_path / "run")["best_step"] == report(tmp_path / "whole")["best_step"] == 2
    assert model(tmp_path / "run") == model(tmp_path / "whole") != resting


class Killed(SystemExit):  # which passes the handler of defects
    """Stands for SIGKILL: nothing is written after it."""


@pytest.mark.thinned(2)
@pytest.mark.parametrize("where", ["between reports", "before the checkpoint", "while a line is written"])
def test_a_killed_run_goes_on_from_its_last_checkpoint(app, uninterrupted, tmp_path, monkeypatch, where):
    run = tmp_path / "run"
    made = checkpoint.to_bytes

    def kill():
        raise Killed

    def to_bytes(arrays, numbers):
        if numbers["step"] == 8:
            kill()
        return made(arrays, numbers)

    with monkeypatch.context() as patch:
        if where == "between reports":
            at_step(patch, 9, kill)
        else:
            patch.setattr(checkpoint, "to_bytes", to_bytes)
        with pytest.raises(Killed):
            app("train-deconv", "photos", *RUN, "--steps", "16", "--out", "run", "--quiet")
    assert steps(run)[-1] == 8
    if where == "while a line is written":
        text = (run / "metrics.jsonl").read_bytes()
        (run / "metrics.jsonl").write_bytes(text[:-20])
    code, _, err = app("train-deconv", "--resume", "run", "--quiet")
    assert code == 0, err
    assert_same_end(run, uninterrupted)


def kill(*arguments):
    raise Killed


ENDS = {
    "step limit reached": [],
    "early stopping: 2 reports without improvement": [
        "--ema",
        "0",
        "--optimizer",
        "sgd",
        "--lr",
        "1e-12",
        "--early-stop",
        "2",
    ],
}


@pytest.mark.parametrize("reason", ENDS)
def test_a_run_killed_between_its_last_checkpoint_and_its_report_gets_the_report(
    app, photos, tmp_path, monkeypatch, reason
):
    """It had ended: not one step more. Then it is finished, and its files stay as they are."""
    words = ["train-deconv", "photos", *RUN, *ENDS[reason], "--steps", "16", "--quiet", "--out"]
    assert app(*words, "whole")[0] == 0
    with monkeypatch.context() as patch:
        patch.setattr(task, "make_report", kill)
        with pytest.raises(Killed):
            app(*words, "run")
    run = tmp_path / "run"
    assert not (run / "report.json").exists()
    assert app("train-deconv", "--resume", "run", "--quiet") == (0, "", "")
    assert_same_end(run, tmp_path / "whole")
    assert report(run)["reason"] == report(tmp_path / "whole")["reason"] == reason
    before = {name: (run / name).read_bytes() for name in files(run)}
    code, _, err = app("train-deconv", "--resume", "run")
    assert code == 2
    assert f"the run is finished ({reason})" in the_line(err)
    assert {name: (run / name).read_bytes() for name in files(run)} == before
    assert app("train-deconv", "--resume", "run", "--steps", "20", "--quiet")[0] == 0
    assert report(run)["steps"] > report(tmp_path / "whole")["steps"]


def test_a_signal_where_a_finished_run_was_taken_up_is_no_end(app, uninterrupted, tmp_path, monkeypatch):
    with monkeypatch.context() as patch:
        at_once = trainer.train

        def train(*arguments):
            os.kill(os.getpid(), signal.SIGTERM)
            return at_once(*arguments)

        patch.setattr(trainer, "train", train)
        assert app("train-deconv", "--resume", "whole", "--steps", "20", "--quiet")[0] == 143
    assert report(uninterrupted)["steps"] == 16
    assert app("train-deconv", "--resume", "whole", "--quiet")[0] == 0
    assert (report(uninterrupted)["status"], report(uninterrupted)["steps"]) == ("finished", 20)


def test_a_run_killed_before_its_first_checkpoint_begins_anew(app, uninterrupted, tmp_path, monkeypatch):
    run = tmp_path / "run"
    with monkeypatch.context() as patch:
        patch.setattr(checkpoint, "to_bytes", kill)
        with pytest.raises(Killed):
            app("train-deconv", "photos", *RUN, "--steps", "16", "--out", "run", "--quiet")
    assert steps(run) == [0]
    code, _, err = app("train-deconv", "--resume", "run")
    assert code == 0, err
    assert "no checkpoint yet" in err
    assert_same_end(run, uninterrupted)


def test_the_checkpoint_of_a_run_that_was_written_over_is_not_taken_up(app, uninterrupted, tmp_path, monkeypatch):
    """Killed before its own first checkpoint, the new run has none, however well the old one's would fit."""
    arguments = ["photos", *RUN, "--steps", "16", "--quiet", "--out", "run"]
    assert app("train-deconv", *arguments, "--seed", "5")[0] == 0
    with monkeypatch.context() as patch:
        patch.setattr(checkpoint, "to_bytes", kill)
        with pytest.raises(Killed):
            app("train-deconv", *arguments, "--force")
    assert app("train-deconv", "--resume", "run", "--quiet")[0] == 0
    assert_same_end(tmp_path / "run", uninterrupted)


def test_lost_lines_of_metrics_come_back_from_the_checkpoint(app, stopped, uninterrupted):
    """The power went before the system had written them: only the checkpoint waits for the disk."""
    text = (stopped / "metrics.jsonl").read_bytes().splitlines(keepends=True)
    (stopped / "metrics.jsonl").write_bytes(text[0] + bytes(40))
    assert app("train-deconv", "--resume", "run", "--quiet")[0] == 0
    assert_same_end(stopped, uninterrupted)


def wait_for_reports(process, file, count):
    deadline = time.monotonic() + 100
    while time.monotonic() < deadline and not (file.exists() and file.read_text().count("\n") >= count):
        assert process.poll() is None, process.communicate()
        time.sleep(0.02)


def test_signals_from_outside(app, start, photos, tmp_path):
    """Ctrl-C, then SIGKILL, to processes of their own; SIGTERM takes the way of Ctrl-C (above)."""
    run = tmp_path / "run"
    arguments = ["photos", *RUN, "--steps", "80"]
    assert app("train-deconv", *arguments, "--out", "whole", "--quiet")[0] == 0
    arguments += ["--out", "run"]
    for signum, code in ((signal.SIGINT, 130), (signal.SIGKILL, -9)):
        process = start("train-deconv", *arguments)
        wait_for_reports(process, run / "metrics.jsonl", 3 if code == 130 else len(steps(run)) + 2)
        process.send_signal(signum)
        out, err = process.communicate(timeout=60)
        assert process.returncode == code, err
        assert "Traceback" not in err
        if code == 130:
            assert "stopped after" in out
            assert report(run)["signal"] == signum
            assert (run / "model.safetensors").is_file()
        assert checkpoint.load(run)[1]["step"] > 0
        arguments = ["--resume", "run"]
    code, _, err = app("train-deconv", "--resume", "run", "--quiet")
    assert (code, err) == (0, "")
    assert_same_end(run, tmp_path / "whole")


def test_a_finished_run_goes_on_only_to_a_further_limit(app, uninterrupted, tmp_path):
    code, out, err = app("train-deconv", "--resume", "whole")
    assert code == 2
    assert out == ""
    assert "the run is finished" in the_line(err)
    assert "--steps" in the_line(err)
    before = (uninterrupted / "metrics.jsonl").read_bytes()
    code, _, err = app("train-deconv", "--resume", "whole", "--steps", "16")
    assert code == 2
    assert (uninterrupted / "metrics.jsonl").read_bytes() == before
    assert app("train-deconv", "--resume", "whole", "--steps", "20", "--quiet")[0] == 0
    assert (uninterrupted / "metrics.jsonl").read_bytes().startswith(before)
    assert steps(uninterrupted)[-2:] == [18, 20]
    assert "steps = 20" in (uninterrupted / "config.toml").read_text()


def test_a_run_that_is_lengthened_has_the_rates_of_one_and_goes_on_when_interrupted(
    app, uninterrupted, tmp_path, monkeypatch
):
    shutil.copytree(uninterrupted, tmp_path / "run")
    code, _, err = app("train-deconv", "--resume", "whole", "--steps", "32")
    assert code == 0
    assert "goes on from step 16 as one run of 32 steps: the learning rate" in err
    rates = {record["step"]: record["lr"] for record in metrics(uninterrupted)}
    assert rates[20] > rates[16]
    raised = (16.5 - 8.5) / 4.25  # the sums of 1 - t/32 over 32 steps, of 1 - t/16 over 16, of the former from 16 on
    assert rates[20] == pytest.approx(0.01 * raised * (1 - 19 / 32))
    with monkeypatch.context() as patch:
        at_step(patch, 20, signaled(signal.SIGINT))
        assert app("train-deconv", "--resume", "run", "--steps", "32", "--quiet")[0] == 130
    code, _, err = app("train-deconv", "--resume", "run")
    assert code == 0
    assert "goes on from step" not in err
    assert_same_end(tmp_path / "run", uninterrupted)


@pytest.fixture
def stopped(photos, app, tmp_path, monkeypatch):
    """A run that was interrupted after four of sixteen steps."""
    with monkeypatch.context() as patch:
        at_step(patch, 3, signaled(signal.SIGTERM))
        assert app("train-deconv", "photos", *RUN, "--steps", "16", "--out", "run", "--quiet")[0] == 143
    return tmp_path / "run"


def altered(run, how):
    state = run / checkpoint.STATE
    data = state.read_bytes()
    header = int.from_bytes(data[:8], "little")
    if how == "truncated":
        state.write_bytes(data[: len(data) // 2])
    elif how == "empty":
        state.write_bytes(b"")
    elif how == "garbage":
        state.write_bytes(np.random.default_rng(0).bytes(len(data)))
    elif how == "a bit of the weights":
        place = 8 + header + 40
        state.write_bytes(data[:place] + bytes([data[place] ^ 64]) + data[place + 1 :])
    elif how == "a number":
        assert b'\\"step\\": 4' in data
        state.write_bytes(data.replace(b'\\"step\\": 4', b'\\"step\\": 6', 1))
    elif how == "a model file":
        shutil.copy(run / "model.safetensors", state)
    elif how == "a folder":
        state.unlink()
        state.mkdir()
    elif how == "another network":
        text = (run / "config.toml").read_text()
        assert 'filters = "4,4"' in text
        (run / "config.toml").write_text(text.replace('filters = "4,4"', 'filters = "8,8"'))
    elif how == "gone":
        shutil.rmtree(run / "checkpoint")


@pytest.mark.thinned(4)
@pytest.mark.parametrize(
    "how",
    ["truncated", "empty", "garbage", "a bit of the weights", "a number", "a model file", "a folder",
     "another network", "gone"],
)  # fmt: skip
def test_a_checkpoint_that_is_altered_is_refused(app, stopped, how):
    altered(stopped, how)
    before = {name: (stopped / name).read_bytes() for name in files(stopped)}
    code, out, err = app("train-deconv", "--resume", "run", "--quiet")
    assert (code, out) == (2, ""), err
    assert len(err.splitlines()) == 1
    assert "--resume run" in the_line(err)
    assert "checkpoint" in the_line(err)
    assert {name: (stopped / name).read_bytes() for name in files(stopped)} == before


RESUMES = {
    "another rate": (["--resume", "run", "--lr", "0.1"], "--lr"),
    "another task": (["--resume", "run", "--task", "upscale"], "--task"),
    "another seed": (["--resume", "run", "--seed", "0"], "--seed"),
    "other data": (["photos", "--resume", "run"], "DATA"),
    "another folder": (["--resume", "run", "--out", "else"], "--out"),
    "force": (["--resume", "run", "--force"], "--force"),
    "a config": (["--resume", "run", "--config", "run/config.toml"], "can't change"),
    "nowhere": (["--resume", "nowhere"], "nowhere"),
    "a folder that is no run": (["--resume", "photos"], "photos"),
    "a file": (["--resume", "photos/0.png"], "photos/0.png"),
    "two limits": (["--resume", "run", "--steps", "20", "--minutes", "1"], "--minutes"),
}


def test_resume_refuses_what_would_be_another_run(app, stopped):
    before = {name: (stopped / name).read_bytes() for name in files(stopped)}
    for name, (arguments, words) in RESUMES.items():
        code, out, err = app("train-deconv", *arguments)
        assert (code, out) == (2, ""), (name, err)
        assert len(err.splitlines()) == 1, name
        assert words in the_line(err), name
        assert {n: (stopped / n).read_bytes() for n in files(stopped)} == before, name


def test_resume_of_another_command_s_run_is_refused(app, stopped, tmp_path):
    assert app("fit-linear", "--out", "line", "--quiet")[0] == 0
    code, _, err = app("train-deconv", "--resume", "line")
    assert code == 2
    assert "line" in the_line(err)
    assert len(err.splitlines()) == 1
    (stopped / "config.toml").write_text("steps = [")
    code, _, err = app("train-deconv", "--resume", "run")
    assert code == 2
    assert "config.toml" in the_line(err)


def test_another_torch_is_warned_of(app, stopped, uninterrupted, monkeypatch):
    monkeypatch.setattr(trainer, "_environment", lambda device: "torch 0.0, ABACUS")
    code, _, err = app("train-deconv", "--resume", "run")
    assert code == 0, err
    assert "dlcli: warning: the checkpoint was made by torch" in err
    assert model(stopped) == model(uninterrupted)
