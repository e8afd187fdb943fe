"""What goes where: pipes, terminals, --json, --quiet, NO_COLOR, narrow terminals, signals, exit codes."""

import json
import os
import pty
import re
import signal
import subprocess
import sys
import time

import pytest

from dlcli.config.fit_linear import FitLinearConfig
from dlcli.engine.progress import Silent
from dlcli.tasks.fit_linear import fit_linear
from tests.conftest import ROOT


def test_bare_command_learns_the_line(dlcli, tmp_path):
    result = dlcli("fit-linear", charts=True)
    assert result.code == 0, result.err
    run = tmp_path / "runs" / "fit-linear-001"
    assert sorted(p.name for p in run.iterdir()) == [
        "config.toml", "metrics.jsonl", "model.safetensors", "plots", "report.json",
    ]  # fmt: skip
    report = json.loads((run / "report.json").read_text())
    # The least-squares line of the same 100 points, in closed form.
    import numpy as np

    random = np.random.default_rng(0)
    x = random.random(100)
    y = 3 * x + 2 + random.random(100)
    slope, intercept = np.polyfit(x, y, 1)
    assert report["coefficients"]["x"]["value"] == pytest.approx(slope, rel=1e-12)
    assert report["coefficients"]["intercept"]["value"] == pytest.approx(intercept, rel=1e-12)
    assert report["steps"] == 1000
    assert report["lr"] == 0.1
    steps = [json.loads(line)["step"] for line in (run / "metrics.jsonl").read_text().splitlines()]
    assert steps == list(range(0, 1001, 100))


def test_in_a_pipe_progress_is_plain_lines_on_stderr(dlcli):
    result = dlcli("fit-linear")
    assert "\x1b" not in result.out + result.err
    assert "\r" not in result.out + result.err
    lines = [line for line in result.err.splitlines() if line.startswith("step ")]
    assert len(lines) == 11
    assert "intercept" in result.out
    assert not any(line.startswith("step ") for line in result.out.splitlines())


def test_json_is_one_document_on_stdout(dlcli):
    result = dlcli("fit-linear", "--json")
    report = result.report
    assert {
        "dlcli", "command", "run", "device", "seed", "seconds", "steps", "status", "metrics", "environment",
        "coefficients", "residual_sd", "r2", "condition_number", "largest_stable_lr",
    } <= set(report)  # fmt: skip
    assert report == json.loads((result.folder / report["run"] / "report.json").read_text())


def test_quiet_prints_nothing(dlcli):
    result = dlcli("fit-linear", "--quiet")
    assert (result.code, result.out, result.err) == (0, "", "")


def test_quiet_with_json_prints_the_report_alone(dlcli):
    result = dlcli("fit-linear", "--quiet", "--json")
    assert result.report["command"] == "fit-linear"
    assert result.err == ""


def on_a_terminal(folder, columns, *arguments, **env):
    """Run the command with a pseudo-terminal for stdout and stderr; returns exit code and all that it showed."""
    master, slave = pty.openpty()
    import fcntl
    import struct
    import termios

    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
    clean = {k: v for k, v in os.environ.items() if k not in ("NO_COLOR", "COLUMNS", "TERM", "CI")}
    process = subprocess.Popen(
        [sys.executable, "-m", "dlcli", *arguments],
        cwd=folder, stdin=subprocess.DEVNULL, stdout=slave, stderr=slave,
        env=clean | {"TERM": "xterm-256color", "PYTHONPATH": str(ROOT), **env},
    )  # fmt: skip
    os.close(slave)
    shown = b""
    while True:
        try:
            part = os.read(master, 65536)
        except OSError:
            break
        if not part:
            break
        shown += part
    os.close(master)
    return process.wait(timeout=60), shown.decode()


def plain(shown):
    import re

    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", shown).replace("\r", "")


def test_terminal_shows_a_live_table(tmp_path):
    code, shown = on_a_terminal(tmp_path, 100, "fit-linear")
    assert code == 0
    assert "\x1b[" in shown
    assert "gradient" in shown
    assert "finished after 1,000 steps" in plain(shown)


def test_no_color_leaves_no_colors(tmp_path):
    import re

    _, shown = on_a_terminal(tmp_path, 100, "fit-linear", NO_COLOR="1")
    styles = re.findall(r"\x1b\[([0-9;]*)m", shown)
    assert not [s for s in styles if any(p[:1] in "34" and len(p) == 2 for p in s.split(";"))]


def test_dumb_terminal_gets_plain_lines(tmp_path):
    _, shown = on_a_terminal(tmp_path, 100, "fit-linear", TERM="dumb")
    assert "step 100 " in shown
    assert "\x1b[?25l" not in shown


NUMBER = re.compile(r"(?<![\w.])-?\d+\.?\d*(?:e[-+]\d+)?(?![\w.])")


def test_forty_columns_keep_every_number_whole(tmp_path):
    (tmp_path / "t.csv").write_text(
        "a_rather_long_name_for_a_column_indeed,y\n" + "".join(f"{i},{2 * i + (i % 3) / 7}\n" for i in range(20))
    )
    code, shown = on_a_terminal(tmp_path, 40, "fit-linear", "t.csv", "--json")
    assert code == 0
    code, shown = on_a_terminal(tmp_path, 40, "fit-linear", "t.csv")
    assert code == 0
    text = plain(shown)
    report = json.loads((tmp_path / "runs" / "fit-linear-002" / "report.json").read_text())
    for entry in report["coefficients"].values():
        for number in (entry["value"], entry["std_error"], entry["low"], entry["high"]):
            assert any(float(word) == pytest.approx(number, rel=1e-3) for word in NUMBER.findall(text))
    table = text[text.rindex("coefficient") :]
    assert "…" not in table


SLOW = ["fit-linear", "t.csv", "--optimizer", "sgd", "--steps", "100000000", "--out", "run"]


@pytest.mark.parametrize(("signum", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_signals_save_what_there_is(tmp_path, signum, code):
    (tmp_path / "t.csv").write_text("x,y\n" + "".join(f"{i},{3 * i}\n" for i in range(50)))
    process = subprocess.Popen(
        [sys.executable, "-m", "dlcli", *SLOW], cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    deadline = time.monotonic() + 60
    metrics = tmp_path / "run" / "metrics.jsonl"
    while time.monotonic() < deadline and not (metrics.exists() and metrics.read_text().count("\n") > 2):
        time.sleep(0.05)
    process.send_signal(signum)
    _, err = process.communicate(timeout=60)
    assert process.returncode == code, err
    assert b"Traceback" not in err
    report = json.loads((tmp_path / "run" / "report.json").read_text())
    assert report["status"] == "stopped"
    assert (tmp_path / "run" / "model.safetensors").exists()


def test_diverging_run_ends_with_4_and_the_remedy(dlcli, tmp_path):
    result = dlcli("fit-linear", "--lr", "2.5")
    assert result.code == 4
    warning, *_, error = [line for line in result.err.splitlines() if line.startswith("dlcli: ")]
    assert "above the largest stable one, 2:" in warning
    assert result.err.index(warning) < result.err.index("step 0")
    assert "--lr auto" in error
    report = json.loads((tmp_path / "runs" / "fit-linear-001" / "report.json").read_text())
    assert report["status"] == "diverged"
    assert not (tmp_path / "runs" / "fit-linear-001" / "model.safetensors").exists()


@pytest.mark.parametrize("command", ["fit-linear", "tune-lr"])
def test_a_table_that_nobody_reads_is_no_failure(command, tmp_path):
    script = f"set -o pipefail; {sys.executable} -m dlcli {command} --out run | true"
    done = subprocess.run(
        ["bash", "-c", script], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "rror" not in done.stderr
    assert (tmp_path / "run" / "report.json").exists()


def test_closed_pipe_is_no_failure(tmp_path):
    (tmp_path / "t.csv").write_text("x,y\n" + "".join(f"{i},{3 * i}\n" for i in range(200_000)))
    command = f"{sys.executable} -m dlcli"
    script = f"set -o pipefail; {command} fit-linear t.csv -q --out run && {command} predict run t.csv | head -2"
    done = subprocess.run(
        ["bash", "-c", script], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[0] == "prediction"
    assert done.stderr == ""


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["fit-linear", "--help"], ["eval", "--help"]])
def test_help_imports_nothing_heavy(arguments):
    code = (
        "import sys\nfrom dlcli.cli.app import run\n"
        f"assert run({arguments!r}) == 0\n"
        "heavy = [m for m in ('torch', 'polars', 'optuna', 'numpy', 'PIL') if m in sys.modules]\n"
        "assert not heavy, heavy\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("command", ["fit-linear", "eval", "predict"])
def test_help_of_each_command_has_examples(dlcli, command):
    result = dlcli(command, "--help")
    assert result.code == 0
    assert f"dlcli {command}" in result.out
    assert "Examples" in result.out


def test_version(dlcli):
    import dlcli as package

    assert dlcli("--version").out == f"dlcli {package.__version__}\n"


def test_a_signal_during_a_report_loses_nothing(tmp_path, monkeypatch):
    """Most of a small fit's time goes into its reports."""
    kept = [(number, signal.getsignal(number)) for number in (signal.SIGINT, signal.SIGTERM)]

    class Interrupting(Silent):
        def step(self, step):
            if step.step == 200 and not step.status:  # a second signal would end the process
                os.kill(os.getpid(), signal.SIGINT)

    monkeypatch.chdir(tmp_path)
    (tmp_path / "t.csv").write_text("x,y\n" + "".join(f"{i},{i * i}\n" for i in range(50)))
    config = FitLinearConfig.build({"data": ["t.csv"], "optimizer": "sgd", "steps": 10_000, "out": "run"})
    try:
        report = fit_linear(config, Interrupting())
    finally:
        for number, handler in kept:
            signal.signal(number, handler)
    assert (report.status, report.signal) == ("stopped", signal.SIGINT)
    assert report.reason == "interrupted by Ctrl-C"
    assert json.loads((tmp_path / "run" / "report.json").read_text())["status"] == "stopped"
    assert (tmp_path / "run" / "model.safetensors").exists()
    lines = (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()
    assert [json.loads(line)["step"] for line in lines] == [0, 100, 200]  # the last one once


class Signaling(Silent):
    """Sends Ctrl-C to its own process at the last report of the training on all rows, or at its first."""

    def __init__(self, at):
        self.at, self.sent, self.warnings = at, False, []

    def step(self, step):
        if not self.sent and (self.at == "first" or step.status):
            self.sent = True  # a second signal would end the process
            os.kill(os.getpid(), signal.SIGINT)

    def warn(self, text):
        self.warnings.append(text)


@pytest.mark.parametrize(("at", "status"), [("first", "stopped"), ("last", "finished")])
def test_a_signal_leaves_the_cross_validation_out(tmp_path, monkeypatch, at, status):
    """The folds would take longer than the training that was interrupted, and half of one says nothing."""
    kept = [(number, signal.getsignal(number)) for number in (signal.SIGINT, signal.SIGTERM)]
    monkeypatch.chdir(tmp_path)
    (tmp_path / "t.csv").write_text("x,y\n" + "".join(f"{i},{i * i}\n" for i in range(50)))
    options = {"data": ["t.csv"], "optimizer": "sgd", "steps": 300, "cv": 5, "out": "run"}
    progress = Signaling(at)
    try:
        report = fit_linear(FitLinearConfig.build(options), progress)
    finally:
        for number, handler in kept:
            signal.signal(number, handler)
    assert (report.status, report.signal, report.interrupted_by, report.cv) == (status, 2, 2, None)
    assert any("without it" in text for text in progress.warnings) == (at == "last")
    assert (tmp_path / "run" / "model.safetensors").exists()
