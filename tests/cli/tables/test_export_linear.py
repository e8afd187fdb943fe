"""``dlcli export`` of linear models, from its command line."""

import json

import pytest

from dlcli.reports.schema import REPORTS


@pytest.fixture
def run(app, tmp_path):
    rows = "\n".join(f"{x},{'ab'[x % 2]},{2 * x + x % 2}" for x in range(20))
    (tmp_path / "t.csv").write_text(f"x,c,y\n{rows}\n")
    assert app("fit-linear", "t.csv", "--target", "y", "--out", "run", "--quiet")[0] == 0
    return "run"


def test_onnx(app, run, tmp_path):
    code, out, err = app("export", run)
    assert (code, err) == (0, "")
    assert "input    x (rows, 1) float64: number; NaN is missing\n         c (rows, 1) string: text" in out
    assert (tmp_path / "run.onnx").is_file()


def test_numpy(app, run, tmp_path):
    code, out, _ = app("export", run, "--format", "numpy", "--json")
    document = json.loads(out)
    assert (code, document["out"], document["task"]) == (0, "run.py", "mse")
    assert REPORTS.validate_python(document).to_json() + "\n" == out
    rooms = {"__name__": "exported"}
    exec((tmp_path / "run.py").read_text(), rooms)
    assert rooms["predict"]({"x": ["3"], "c": ["b"]})["prediction"].tolist() == pytest.approx([7], rel=1e-3)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--format", "dtmodel"), "--format dtmodel: this run holds a linear model, expected onnx, numpy"),
        (("--format", "numpy", "--license", "MIT"), "--license is for --format dtmodel"),
        (("--format", "numpy", "--out", "m.onnx"), "expected a name that ends in .py"),
    ],
)
def test_refusals(app, run, words, told):
    code, out, err = app("export", run, *words)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert told in err


def test_a_run_that_diverged_or_is_damaged(app, run, tmp_path):
    report = json.loads((tmp_path / "run" / "report.json").read_text())
    (tmp_path / "run" / "report.json").write_text(json.dumps(report | {"status": "diverged"}))
    code, _, err = app("export", run)
    assert (code, err.count("\n"), "diverged" in err) == (2, 1, True)
    (tmp_path / "run" / "report.json").unlink()
    model = tmp_path / "run" / "model.safetensors"
    model.write_bytes(model.read_bytes()[:-8])
    code, _, err = app("export", run)
    assert (code, err.count("\n"), "not a readable model" in err) == (2, 1, True)
