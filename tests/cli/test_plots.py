"""Charts of the commands: when they are drawn, in which format, and what happens where they can't be."""

import json
import os
import subprocess
import sys

import pytest

from tests.conftest import ROOT
from tests.networks.examples import folder_of

TINY = ["--steps", "2", "--filters", "2", "--crop", "8", "--batch-size", "2", "--threads", "1", "--val", "0.25"]
SEARCH = ["--points", "3", "--vary", "momentum=0,0.5"]
COMMANDS = {
    "fit-linear": (["fit-linear", "--out", "o"], ["loss"]),
    "tune-lr": (["tune-lr", "--out", "o", *SEARCH], ["importance", "lr", "parallel"]),
    "range test": (["tune-lr", "--out", "o", "--sweep"], ["lr"]),
    "train-deconv": (["train-deconv", "photos", "--out", "o", *TINY], ["loss"]),
}

# What there is at the moment when the result has been printed.
WATCHED = """
import os, pathlib, sys
from dlcli.cli import app, console
whole = console.Console.result
def result(self, report):
    if self.has_shown:
        return
    assert os.fstat(1).st_size == 0
    whole(self, report)
    assert os.fstat(1).st_size > 0, "printed, and not kept back"
    assert not {"matplotlib", "torch", "PIL"} & set(sys.modules)
    assert {"model.safetensors", "report.json"} <= set(os.listdir("o")), "saved first"
    assert not os.path.exists("o/plots")
console.Console.result = result
sys.exit(app.run(["fit-linear", "--out", "o", *sys.argv[1:]]))
"""


def files(path):
    return sorted(p.name for p in (path / "o" / "plots").glob("*"))


@pytest.mark.parametrize("words", [[], ["--json"], ["--optimizer", "exact"]])
def test_a_fit_is_saved_and_shown_before_anything_that_draws_is_imported(words, tmp_path):
    with (tmp_path / "out").open("wb") as stream:
        done = subprocess.run(
            [sys.executable, "-c", WATCHED, *words], cwd=tmp_path,
            env=os.environ | {"PYTHONPATH": str(ROOT), "MPLBACKEND": "a wrong name"},
            stdout=stream, stderr=subprocess.PIPE, check=False,
        )  # fmt: skip
    assert done.returncode == 0, done.stderr.decode()
    assert files(tmp_path) == ["loss.png"]


@pytest.mark.parametrize("command", COMMANDS)
def test_charts_come_in_the_format_that_was_asked_for(command, drawing, tmp_path):
    words, charts = COMMANDS[command]
    if command == "train-deconv":
        folder_of(tmp_path / "photos", ((24, 24),) * 4)
    assert drawing(words[0], "--plots", "svg", *words[1:])[0] == 0
    sheets = ["samples.png"] if command == "train-deconv" else []
    assert files(tmp_path) == sorted([*(f"{name}.svg" for name in charts), *sheets])
    assert all("</svg>" in path.read_text() for path in (tmp_path / "o/plots").glob("*.svg"))


@pytest.mark.parametrize("command", ["fit-linear", "tune-lr", "range test", "train-deconv"])
def test_none_draws_neither_charts_nor_sheets(command, drawing, tmp_path):
    words, _ = COMMANDS[command]
    if command == "train-deconv":
        folder_of(tmp_path / "photos", ((24, 24),) * 4)
    code, out, _ = drawing(words[0], "--plots", "none", "--json", *words[1:])
    assert code == 0
    assert json.loads(out) == json.loads((tmp_path / "o/report.json").read_text())
    assert files(tmp_path) == []


def test_a_chart_that_cannot_be_written_is_an_error_after_the_result(drawing, tmp_path):
    (tmp_path / "o").mkdir()
    (tmp_path / "o/plots").write_text("in the way")
    code, out, err = drawing("fit-linear", "--out", "o", "--force")
    assert code == 2
    assert "saved in o" in out
    assert err.splitlines()[-1].startswith("dlcli: cannot make o/plots: ")
    assert (tmp_path / "o/model.safetensors").exists()
    assert json.loads((tmp_path / "o/report.json").read_text())["status"] == "finished"


def test_force_leaves_no_chart_of_another_format(drawing, tmp_path):
    assert drawing("fit-linear", "--out", "o", "--plots", "svg")[0] == 0
    assert drawing("fit-linear", "--out", "o", "--force", "--plots", "pdf")[0] == 0
    assert files(tmp_path) == ["loss.pdf"]


def test_a_diverged_fit_has_a_chart_without_a_saved_step(drawing, tmp_path):
    code, out, err = drawing("fit-linear", "--lr", "100", "--out", "o", "--plots", "svg")
    assert (code, out) == (4, "")
    assert "training diverged" in err
    svg = (tmp_path / "o/plots/loss.svg").read_text()
    assert "diverged after" in svg
    assert "saved" not in svg


def test_the_charts_of_a_search_are_its_own(drawing):
    code, _, err = drawing("tune-lr", "--points", "2", "fit-linear", "--plots", "svg")
    assert code == 2
    assert "--plots" in err.splitlines()[-1]
