"""``dlcli noise`` from its command line to its files and streams."""

import csv
import json

import numpy as np
import pytest
from PIL import Image

from dlcli.images.dead_leaves import dead_leaves
from dlcli.reports.schema import REPORTS


@pytest.fixture(scope="module")
def scenes():
    """Four scenes (4, 128, 128, 3) with values from 0 to 1."""
    made = dead_leaves(4, 128, 3, 3)
    return np.stack([made.pixels(i) for i in range(4)]) / 255.0


@pytest.fixture
def photos(tmp_path, scenes):
    """Photographs with noise of 4, 8 and 16 in red, green and blue."""
    (tmp_path / "photos").mkdir()
    for number, scene in enumerate(scenes):
        noisy = 40 + 170 * scene + np.random.default_rng(number).normal(0, (4.0, 8.0, 16.0), scene.shape)
        Image.fromarray(np.clip(np.rint(noisy), 0, 255).astype(np.uint8)).save(tmp_path / "photos" / f"{number}.png")
    return tmp_path / "photos"


def test_what_is_shown(app, photos):
    (photos / "broken.png").write_text("no image")
    Image.fromarray(np.full((64, 64, 3), 9, np.uint8)).save(photos / "flat.png")
    code, out, err = app("noise", "photos")
    assert (code, err) == (0, "")
    assert "images      5, and 1 that cannot be read\n" in out
    assert "type        uint8, RGB: 4 images measured\n" in out
    assert "noise       white and Gaussian" in out
    assert "sigma       green: 8" in out.replace("7.9", "8").replace("7.8", "8")
    assert "unreadable  broken.png: is not a" in out
    assert "unmeasured  flat.png: all pixels are the same" in out
    assert out.endswith("saved in runs/noise-001\n")


def test_the_run_directory(drawing_app, photos, tmp_path):
    code, out, err = drawing_app("noise", "photos", "--out", "seen", "--json")
    assert (code, err) == (0, "")
    document = json.loads(out)
    assert document == json.loads((tmp_path / "seen" / "report.json").read_text())
    assert REPORTS.validate_python(document).to_json() + "\n" == out
    (kind,) = document["kinds"]
    assert (kind["kind"], kind["images"], kind["channels"], kind["extent"]) == ("gaussian", 4, 3, 0)
    assert [c["sigma"] for c in kind["by_channel"]] == pytest.approx([4, 8, 16], rel=0.06)
    rows = list(csv.DictReader((tmp_path / "seen" / "images.csv").read_text().splitlines()))
    assert [(row["name"], row["channel"]) for row in rows] == [(f"{n}.png", str(c)) for n in range(4) for c in range(3)]
    assert float(rows[5]["sigma"]) == pytest.approx(document["each"][1]["sigma"][2], rel=1e-4)
    with Image.open(tmp_path / "seen" / "plots" / "noise.png") as picture:
        assert min(picture.size) > 200
    again = json.loads(drawing_app("noise", "--config", "seen/config.toml", "--out", "again", "--json")[1])
    assert again | {"seconds": 0, "run": ""} == document | {"seconds": 0, "run": ""}


@pytest.fixture
def drawing_app(request):
    """The command with charts."""
    return request.getfixturevalue("drawing")


def test_a_stack_of_a_microscope(app, tmp_path, scenes):
    """Frames together have one line; the black level is given."""
    random = np.random.default_rng(0)
    photons = random.poisson(1 + 49 * scenes[:, :, :, 0])
    np.save(tmp_path / "stack.npy", (100 + 2 * photons + random.normal(0, 3, photons.shape)).round().astype(np.uint16))
    code, out, err = app("noise", "stack.npy", "--axes", "ZYX", "--offset", "100")
    assert (code, err) == (0, "")
    assert "noise      white, and growing with brightness" in out
    assert "at the black level 100" in out
    assert "for the read noise give --offset" in app("noise", "stack.npy", "--axes", "ZYX")[1]
    (kind,) = json.loads(app("noise", "stack.npy", "--axes", "ZYX", "--offset", "100", "--json")[1])["kinds"]
    assert kind["kind"] == "poisson-gaussian"
    assert kind["by_channel"][0]["gain"] == pytest.approx(2, rel=0.1)


def test_without_data_it_measures_noise_that_it_made(app):
    code, out, err = app("noise", "--json")
    assert code == 0
    assert err == "dlcli: no DATA given: measuring 8 generated images (dead leaves) with white noise of 15\n"
    (kind,) = json.loads(out)["kinds"]
    assert kind["by_channel"][0]["sigma"] == pytest.approx(15, rel=0.04)


@pytest.mark.parametrize(
    ("words", "wanted"),
    [
        (["nothing"], "dlcli: nothing: there is no such file or folder"),
        (["broken"], "dlcli: none of 1 image can be read; a.png is not a"),
        (["one.png"], "dlcli: noise cannot be measured: one.png: an image of 1 x 1 pixels is too small"),
        (["flat.png"], "dlcli: noise cannot be measured: flat.png: all pixels are the same"),
        (["white.png"], "dlcli: noise cannot be measured: white.png: a channel is saturated"),
        (["flat.png", "--offset", "dark"], "dlcli: Invalid value for '--offset': Input should be a valid number"),
        (["flat.png", "--black-level", "9"], "dlcli: no such option --black-level; did you mean --offset?"),
    ],
)
def test_bad_input(app, tmp_path, words, wanted):
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "a.png").write_text("no image")
    for name, values in (
        ("one", np.full((1, 1), 7)),
        ("flat", np.full((80, 80), 7)),
        ("white", np.where(np.random.default_rng(0).random((80, 80)) < 0.5, 0, 255)),
    ):
        Image.fromarray(values.astype(np.uint8)).save(tmp_path / f"{name}.png")
    code, out, err = app("noise", *words)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert err.startswith(wanted)
    assert not (tmp_path / "runs").exists()
