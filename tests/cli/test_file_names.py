"""Files and folders whose names are not UTF-8: used as they are, and escaped wherever text must be valid."""

import json
import os
import signal

import numpy as np
import polars as pl
import pytest
from PIL import Image

from dlcli.cli.app import run as run_app

TABLE = "x,y\n" + "".join(f"{i},{3 * i + i % 3}\n" for i in range(40))
ODD = os.fsdecode(b"t\xe9")
SMALL = ["--steps", "2", "--batch-size", "2", "--filters", "4", "--crop", "16", "--device", "cpu", "--quiet"]


@pytest.fixture
def app(tmp_path, monkeypatch):
    """Run the command in this process, in an empty folder; returns the exit code."""
    kept = [(number, signal.getsignal(number)) for number in (signal.SIGINT, signal.SIGTERM)]
    monkeypatch.chdir(tmp_path)
    yield lambda *arguments: run_app([str(a) for a in arguments])
    for number, handler in kept:
        signal.signal(number, handler)


def images(folder, names):
    folder.mkdir(parents=True)
    for number, name in enumerate(names):
        values = np.random.default_rng(number).integers(0, 256, (20, 20), dtype=np.uint8)
        Image.fromarray(values).save(folder / name)


def test_a_table(app, tmp_path, capfd):
    (tmp_path / f"{ODD}.csv").write_text(TABLE)
    assert app("fit-linear", f"{ODD}.csv", "--out", f"run{ODD}", "--quiet", "--json") == 0
    assert json.loads(capfd.readouterr().out.encode())["run"] == "runt\\udce9"
    assert app("fit-linear", "--config", tmp_path / f"run{ODD}" / "config.toml", "--out", "again", "--quiet") == 0
    models = [(tmp_path / name / "model.safetensors").read_bytes() for name in (f"run{ODD}", "again")]
    assert models[0] == models[1]
    assert app("eval", f"run{ODD}", "--out", "e.json", "--quiet") == 0
    json.loads((tmp_path / "e.json").read_text(encoding="utf-8"))
    search = ["--grid", "--lr", "0.1:1", "--points", "2", "--quiet", "--out", f"tune{ODD}"]
    assert app("tune-lr", *search, "fit-linear", f"{ODD}.csv", "--target", "y") == 0
    assert app("fit-linear", "--config", tmp_path / f"tune{ODD}" / "best.toml", "--out", "best", "--quiet") == 0


def test_images(app, tmp_path):
    images(tmp_path / ODD, [f"{ODD}.png", "x" * 251 + ".png"])
    assert app("train-deconv", ODD, *SMALL, "--out", "run") == 0
    assert app("eval", "run", ODD, "--out", "e.json", "--quiet") == 0
    names = [row["name"] for row in json.loads((tmp_path / "e.json").read_text(encoding="utf-8"))["per_image"]]
    assert names[0] == "t\\udce9.png"
    assert app("predict", "run", ODD, "--out", "restored", "--quiet") == 0
    assert sorted(os.listdir(tmp_path / "restored")) == sorted(os.listdir(tmp_path / ODD))


def test_class_folders(app, tmp_path):
    for name in (ODD, "dog"):
        images(tmp_path / "classes" / name, [f"{i}{ODD}.png" for i in range(3)])
    assert app("train-deconv", "classes", "--task", "classify", *SMALL, "--out", "run") == 0
    assert app("eval", "run", "classes", "--quiet") == 0
    assert app("predict", "run", "classes", "--out", "p.csv", "--quiet") == 0
    table = pl.read_csv(tmp_path / "p.csv")
    assert table.columns[2:] == ["probability_dog", "probability_t\\udce9"]
    assert table["file"][5] == "t\\udce9/2t\\udce9.png"


def test_a_column_by_the_bytes_of_its_file(app, tmp_path):
    for name, encoding in (("l.csv", "latin-1"), ("u.csv", "utf-8")):
        (tmp_path / name).write_text(TABLE.replace("y", "größe"), encoding=encoding)
        target = os.fsdecode("größe".encode("latin-1"))
        words = ["fit-linear", name, "--target", target, "--encoding", encoding, "--out", f"run-{name}", "--quiet"]
        assert app(*words) == 0
        assert app("fit-linear", "--config", f"run-{name}/config.toml", "--out", f"again-{name}", "--quiet") == 0
