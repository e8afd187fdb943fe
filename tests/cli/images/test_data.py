"""``dlcli data`` from its command line to its files and streams."""

import csv
import io
import json
import sys
from types import SimpleNamespace

import numpy as np
import pytest
import tifffile
from PIL import Image

from dlcli.config.data import DataConfig
from dlcli.reports.schema import REPORTS
from dlcli.tasks import data as task
from tests.images.survey.test_measures import drawing


@pytest.fixture
def folder(tmp_path):
    """Two class folders with a copy, a broken file, and a file that is no image."""
    for name, seeds in (("cat", (0, 1, 2)), ("dog", (3, 4, 0))):
        (tmp_path / "pets" / name).mkdir(parents=True)
        for number, seed in enumerate(seeds):
            Image.fromarray(drawing(60, 80, seed)).save(tmp_path / "pets" / name / f"{number}.png")
    (tmp_path / "pets" / "cat" / "broken.png").write_text("no image")
    (tmp_path / "pets" / "notes.txt").write_text("about")
    return tmp_path / "pets"


def test_what_is_shown(app, folder):
    code, out, err = app("data", "pets")
    assert (code, err) == (0, "")
    assert "images      6, and 1 that cannot be read\n" in out
    assert "sizes       80 x 60 pixels (width x height)" in out
    assert "type        uint8, gray\n" in out
    assert "duplicates  1 equal to an earlier one\n" in out
    assert "classes     2: cat (3), dog (3)\n" in out
    assert "unreadable  cat/broken.png: is not a" in out
    assert "            equal: cat/0.png, dog/2.png\n" in out
    assert out.endswith("saved in runs/data-001\n")


def test_the_run_directory(drawing_app, folder, tmp_path):
    code, out, err = drawing_app("data", "pets", "--out", "seen", "--json")
    assert (code, err) == (0, "")
    document = json.loads(out)
    assert document == json.loads((tmp_path / "seen" / "report.json").read_text())
    assert REPORTS.validate_python(document).to_json() + "\n" == out
    assert document["classes"] == [{"name": "cat", "images": 3}, {"name": "dog", "images": 3}]
    assert document["unreadable"][0]["name"] == "cat/broken.png"
    rows = list(csv.DictReader((tmp_path / "seen" / "images.csv").read_text().splitlines()))
    assert [row["name"] for row in rows] == [f"{name}/{n}.png" for name in ("cat", "dog") for n in range(3)]
    assert [row["duplicate_group"] for row in rows] == ["1", "", "", "", "", "1"]
    image = drawing(60, 80, 3)
    assert (rows[3]["class"], float(rows[3]["high"])) == ("dog", image.max())
    assert float(rows[3]["mean"]) == pytest.approx(image.mean())
    for name in ("images", "values"):
        with Image.open(tmp_path / "seen" / "plots" / f"{name}.png") as picture:
            assert min(picture.size) > 200
    first = document | {"seconds": 0, "run": ""}
    again = json.loads(repeated(drawing_app))
    assert again | {"seconds": 0, "run": ""} == first  # the settings repeat the run, to the last digit


def repeated(app):
    return app("data", "--config", "seen/config.toml", "--out", "again", "--json")[1]


@pytest.fixture
def drawing_app(request):
    """The command with charts: the fixture ``drawing``, whose name a function has here."""
    return request.getfixturevalue("drawing")


@pytest.mark.parametrize(
    ("words", "wanted"),
    [
        (["nothing"], "dlcli: nothing: there is no such file or folder"),
        (["empty"], "dlcli: empty holds no image"),
        (["broken"], "dlcli: none of 1 image can be read; a.png is not a"),
        (["broken", "--sample", "0"], "dlcli: --sample: got 0, expected at least 1"),
        (["x.pkl"], "dlcli: x.pkl holds pickled objects"),
        (["*.gif"], "dlcli: no image matches *.gif"),
    ],
)
def test_bad_input(app, tmp_path, words, wanted):
    for name in ("empty", "broken"):
        (tmp_path / name).mkdir()
    (tmp_path / "broken" / "a.png").write_text("no image")
    (tmp_path / "x.pkl").write_text("")
    code, out, err = app("data", *words)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert err.startswith(wanted)
    assert not (tmp_path / "runs").exists()


def test_an_out_that_is_not_empty(app, folder):
    assert app("data", "pets", "--out", "pets")[0] == 2


def test_quiet_arrays_and_samples(app, tmp_path):
    np.save(tmp_path / "stack.npy", np.stack([drawing(40, 40, n) for n in range(9)]))
    assert app("data", "stack.npy", "--quiet") == (0, "", "")
    document = json.loads(app("data", "stack.npy", "--sample", "4", "--json")[1])
    assert (document["images"], document["looked_at"], document["kinds"][0]["images"]) == (9, 4, 4)
    assert "of 4 of them, chosen at random" in app("data", "stack.npy", "--sample", "4")[1]


def test_without_data_the_generated_images_are_looked_at(app, monkeypatch):
    monkeypatch.setattr(task, "DEMO_IMAGES", 10)
    monkeypatch.setattr(task, "DEMO_SIDE", 40)
    code, out, err = app("data", "--sample", "6")
    assert code == 0
    assert err.startswith("dlcli: no DATA given: looking at 10 generated images")
    assert "images      10; all below but the sizes" in out


def test_standard_input_is_read_once(tmp_path, monkeypatch):
    """It is asked for images with classes, and then for those without."""
    stream = io.BytesIO()
    tifffile.imwrite(stream, np.stack([drawing(20, 30, seed) for seed in range(4)]), photometric="minisblack")
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(stream.getvalue()), isatty=lambda: False))
    report = task.look_at_data(DataConfig(data=("-",), out=tmp_path / "seen", plots="none"))
    assert report.images == 4
