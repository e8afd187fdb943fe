"""dlcli runs: every run in a folder, in whatever state it is; never a traceback."""

import json
import subprocess
import sys

import pytest

from dlcli.runs.held import Hold

CONFIG = 'command = "{}"\n# The data.\ndata = [\n    "../../wine.csv",\n]\n'


def make(folder, command="fit-linear", status="finished", metrics=None, **more):
    folder.mkdir(parents=True)
    report = {"command": command, "run": str(folder), "status": status, "steps": 5, "seconds": 1.5, **more}
    (folder / "report.json").write_text(json.dumps(report | {"metrics": metrics or {}}))
    (folder / "config.toml").write_text(CONFIG.format(command))


@pytest.fixture
def runs(tmp_path):
    """One run in each state."""
    folder = tmp_path / "runs"
    make(folder / "fit-linear-001", metrics={"val": {"loss": 0.5, "r2": 0.4}, "train": {"loss": 0.1, "r2": 0.9}})
    make(folder / "fit-linear-002", metrics={"val": {"loss": 0.2, "r2": 0.7}})
    make(folder / "fit-linear-003", status="diverged", metrics={"val": {"loss": None}})
    make(folder / "deep" / "er" / "search", "tune-lr", metric="val.loss", best={"value": 0.3})
    (folder / "fit-linear-004").mkdir()
    (folder / "killed").mkdir()
    line = {"step": 7, "loss": 0.3, "val_loss": 0.25, "psnr": 31.5, "lr": 1, "gradient_norm": None, "seconds": 1}
    (folder / "killed" / "metrics.jsonl").write_text(json.dumps(line) + '\n{"step": 8, "lo')
    (folder / "notes").mkdir()
    (folder / "notes" / "report.json").write_text('{"passed": true, "status": {"a": 1}}')
    return folder


def listed(app, *words):
    code, out, err = app("runs", *words, "--json")
    assert (code, err) == (0, "")
    report = json.loads(out)
    return {entry["run"].removeprefix("runs/"): entry for entry in report["runs"]}, report


def test_each_state_is_told(app, runs):
    holding = Hold(runs / "fit-linear-002")
    found, report = listed(app)
    holding.close()
    assert {name: (entry["command"], entry["status"]) for name, entry in found.items()} == {
        "fit-linear-001": ("fit-linear", "finished"),
        "fit-linear-002": ("fit-linear", "running"),
        "fit-linear-003": ("fit-linear", "diverged"),
        "fit-linear-004": ("fit-linear", "killed"),
        "deep/er/search": ("tune-lr", "finished"),
        "killed": ("", "killed"),
    }
    assert report["others"] == 1
    assert found["killed"]["metrics"] == {"val": {"loss": 0.25, "psnr": 31.5}, "train": {"loss": 0.3}}
    assert (found["killed"]["metric"], found["killed"]["value"], found["killed"]["steps"]) == ("val.psnr", 31.5, 7)
    assert (found["fit-linear-001"]["metric"], found["fit-linear-001"]["value"]) == ("val.r2", 0.4)
    assert (found["deep/er/search"]["metric"], found["deep/er/search"]["value"]) == ("val.loss", 0.3)
    assert found["fit-linear-001"]["data"] == ["wine.csv"]
    assert listed(app)[0]["fit-linear-002"]["status"] == "finished"


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (b'{"command": "fit-li', "damaged"),
        (b"[1]", "damaged"),
        (b"\xff\xfe", "damaged"),
        (b"[" * 100_000, "damaged"),
        (b'{"other": 1}', "not that of a run of dlcli"),
        (b'{"command": "fit-linear", "run": "x", "status": 3, "metrics": [1], "steps": "x"}', "no status"),
    ],
    ids=["cut", "list", "bytes", "deep", "foreign", "types"],
)
def test_a_broken_report_is_one_broken_run(app, runs, text, why):
    (runs / "fit-linear-001" / "report.json").write_bytes(text)
    found = listed(app)[0]
    assert len(found) == 6
    assert found["fit-linear-001"]["status"] == "broken"
    assert why in found["fit-linear-001"]["reason"]
    code, out, _ = app("runs")
    assert code == 0
    assert "runs/fit-linear-001: report.json" in out


@pytest.mark.parametrize("steps", ["NaN", "Infinity", "1" + 400 * "0", "true", '"7"', "[]"])
def test_a_number_that_is_none_is_not_known(app, runs, steps):
    text = (
        '{"command": "fit-linear", "run": "x", "status": "finished", "steps": STEPS, "metrics": {"val": {"r2": STEPS}}}'
    )
    (runs / "fit-linear-001" / "report.json").write_text(text.replace("STEPS", steps))
    found = listed(app)[0]["fit-linear-001"]
    assert (found["steps"], found["metric"], found["value"]) == (None, "", None)
    assert app("report", "runs/fit-linear-001", "--out", "page.html")[0] == 0


def test_the_best_come_first_and_those_without_the_metric_last(app, runs):
    def order(*words):
        return [name for name, entry in listed(app, *words)[0].items() if entry["value"] is not None]

    assert order("--sort", "val.loss") == ["fit-linear-002", "killed", "fit-linear-001"]
    assert order("--sort", "r2") == ["fit-linear-002", "fit-linear-001"]
    assert next(iter(listed(app, "--sort", "psnr")[0])) == "killed"
    assert list(listed(app, "--sort", "run")[0]) == sorted(listed(app)[0])


def test_refusals(app, runs, tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").touch()
    for words, expected in [
        (("empty",), "there are no runs in empty: it has no folders"),
        (("missing",), "missing is not there"),
        (("file",), "file is a file"),
        (("runs/notes",), "there are no runs in runs/notes"),
        (("--sort", "val.los"), "did you mean val.loss?"),
    ]:
        code, out, err = app("runs", *words)
        assert (code, out, err.count("\n")) == (2, "", 1)
        assert expected in err


def test_hostile_names_do_not_reach_the_terminal(app, runs):
    make(runs / "x\x1b[31m\n", metrics={"val": {"lo\x1bss": 1.0}})
    out = app("runs")[1]
    assert "\x1b" not in out
    assert len(out.splitlines()) == 8


def test_nothing_heavy_is_imported(runs, tmp_path):
    heavy = "{'torch', 'numpy', 'polars', 'matplotlib', 'PIL'} & set(sys.modules)"
    script = f"import sys; from dlcli.cli.app import run; code = run(['runs']); sys.exit(code or str({heavy} or ''))"
    done = subprocess.run([sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True)
    assert done.stderr.strip() == "dlcli: 1 other folder in runs: no run"
