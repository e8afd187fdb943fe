"""Networks in the box, from the command line."""

import importlib.util
import json

import numpy as np
import pytest
from PIL import Image

from dlcli.config.train_deconv import TrainDeconvConfig
from dlcli.images.dead_leaves import dead_leaves
from dlcli.runs import bundled
from dlcli.tasks.train_deconv import train_deconv
from tests.conftest import ROOT

pytestmark = pytest.mark.usefixtures("one_thread", "box")
SMALL = {
    "filters": "8", "depth": 0, "generated": 3, "device": "cpu", "amp": "off", "batch_size": 2, "crop": 32,
    "steps": 2, "report_every": 2, "plots": "none", "sigma": "0:75", "noise_map": True,
}  # fmt: skip


@pytest.fixture(scope="module")
def networks(tmp_path_factory):
    """A box with a network for gray images, and one for color."""
    spec = importlib.util.spec_from_file_location("maker", ROOT / "benchmarks" / "images" / "bundled.py")
    maker = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(maker)
    root = tmp_path_factory.mktemp("made")
    maker.BOX = root / "box"
    for name, color in (("denoise-gray", False), ("denoise-color", True)):
        train_deconv(TrainDeconvConfig.build({"out": root / name, "color": color, **SMALL}))
        maker.make(root / name, name)
        (maker.BOX / name / "card.md").write_text(f"# {name}\n")
    return maker.BOX


@pytest.fixture
def box(networks, monkeypatch):
    """That box instead of the real one."""
    monkeypatch.setattr(bundled, "ROOT", networks)


@pytest.fixture
def images(tmp_path):
    """A gray image and one in color."""
    folder, random = tmp_path / "images", np.random.default_rng(0)
    folder.mkdir()
    for channels, name in ((1, "gray"), (3, "color")):
        clean = dead_leaves(1, 96, 5, channels).pixels(0).astype(float)
        values = np.clip(np.rint(clean + 20 * random.standard_normal(clean.shape)), 0, 255).astype(np.uint8)
        Image.fromarray(values.squeeze()).save(folder / f"{name}.png")
    return folder


def test_the_channels_of_each_image_choose_the_network(app, images):
    code, out, _ = app("predict", "bundled:denoise", images, "--out", "out", "--json")
    assert code == 0
    assert json.loads(out)["images"] == 2
    assert [np.asarray(Image.open(f"out/{name}.png")).ndim for name in ("gray", "color")] == [2, 3]
    for name in ("gray", "color"):
        code, _, _ = app("predict", f"bundled:denoise-{name}", images / f"{name}.png", "--out", f"{name}.png")
        assert np.array_equal(Image.open(f"{name}.png"), Image.open(f"out/{name}.png"))
        code, out, _ = app("eval", "bundled:denoise", images / f"{name}.png", "--sigma", "25", "--json")
        assert (code, json.loads(out)["images"]) == (0, 1)


def test_what_is_in_the_box(app):
    code, out, _ = app("models")
    assert code == 0
    assert "bundled:denoise-color  denoise" in out
    assert "0 to 75" in out
    code, out, _ = app("models", "denoise-gray")
    assert (code, out) == (0, "# denoise-gray\n")
    code, out, _ = app("models", "--json")
    found = json.loads(out)["models"]
    assert [one["name"] for one in found] == ["bundled:denoise-color", "bundled:denoise-gray"]
    assert found[1]["made_by"].startswith("dlcli train-deconv --noise-map --sigma 0:75")
    assert found[1]["weights"] * 2 < found[1]["bytes"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["eval", "bundled:denoise"], "give DATA"),
        (["predict", "bundled:nothing", "images", "--out", "more"], "there is no bundled:nothing"),
        (["export", "bundled:denoise"], "bundled:denoise-gray and bundled:denoise-color"),
        (["models", "nothing"], "there is no bundled:nothing"),
        (["predict", "bundled:denoise", "images/gray.png", "--out", "-", "--sigma", "much"], "expected a number"),
        (
            ["predict", "bundled:denoise", "images/gray.png", "--out", "one.png", "--sigma", "300"],
            "more than the range",
        ),
    ],
)
@pytest.mark.usefixtures("images")
def test_refusals(app, words, said):
    code, out, err = app(*words)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert said in err


def test_a_training_may_begin_there(app):
    words = ["--generated", "3", "--steps", "2", "--crop", "32", "--device", "cpu", "--out", "run"]
    code, _, err = app("train-deconv", "--init", "bundled:denoise", *words)
    assert code == 0
    assert "starting from bundled:denoise: its weights for" in err
    code, _, err = app("train-deconv", "--resume", "run", "--steps", "3")
    assert code == 0
    assert "starting from" not in err


def test_they_go_to_other_programs(app):
    pytest.importorskip("onnxruntime")
    for words, name, channels in (
        (["bundled:denoise-gray"], "denoise-gray.onnx", 1),
        (["bundled:denoise", "--format", "dtmodel"], "denoise-color.dtmodel", 3),
    ):
        code, out, err = app("export", *words, "--json")
        assert code == 0, err
        found = json.loads(out)
        assert (found["out"], found["run"]) == (name, words[0])
        assert found["inputs"][0]["shape"][1] == channels
