"""How much noise predict takes images to have, and how much of it goes."""

import numpy as np
import pytest
from PIL import Image

from dlcli.config.evaluate import PredictConfig
from dlcli.config.train_deconv import TrainDeconvConfig
from dlcli.errors import DlcliError
from dlcli.images.dead_leaves import dead_leaves
from dlcli.tasks.predict import predict
from dlcli.tasks.train_deconv import train_deconv

pytestmark = pytest.mark.usefixtures("one_thread")
SMALL = {
    "filters": "8", "depth": 0, "generated": 3, "device": "cpu", "amp": "off", "batch_size": 2, "crop": 32,
    "steps": 30, "report_every": 30, "plots": "none",
}  # fmt: skip
LEVELS = {"weak": 4, "usual": 20, "strong": 45}


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Networks of noise 10 to 40, one that is told of it and one that is not."""
    folder = tmp_path_factory.mktemp("runs")
    train_deconv(TrainDeconvConfig.build({"out": folder / "told", "sigma": "10:40", "noise_map": True, **SMALL}))
    train_deconv(TrainDeconvConfig.build({"out": folder / "blind", "sigma": "10:40", **SMALL}))
    return folder


@pytest.fixture
def noisy(tmp_path):
    """A generated image with noise of three strengths, a flat one, and a tiny one."""
    folder, random = tmp_path / "noisy", np.random.default_rng(0)
    folder.mkdir()
    clean = dead_leaves(1, 128, 5).pixels(0)[:, :, 0].astype(float)
    for name, sigma in LEVELS.items():
        values = np.clip(np.rint(clean + sigma * random.standard_normal(clean.shape)), 0, 255)
        Image.fromarray(values.astype(np.uint8)).save(folder / f"{name}.png")
    Image.fromarray(np.full((64, 64), 90, np.uint8)).save(folder / "flat.png")
    return folder


class Heard:
    """What a user is told."""

    def __init__(self):
        self.lines = []

    def note(self, text):
        self.lines.append(text)

    warn = note

    def __getattr__(self, _name):
        return lambda *_args, **_more: None


def applied(run, data, out, **given):
    heard = Heard()
    report = predict(PredictConfig.build({"run": run, "data": (str(data),), "out": out, **given}), heard)
    return report, "\n".join(heard.lines)


def changed(before, after):
    """Mean absolute change of each image, by name."""
    return {
        path.stem: float(np.abs(np.asarray(Image.open(path), float) - np.asarray(Image.open(after / path.name))).mean())
        for path in before.iterdir()
    }


def test_each_image_is_measured_and_told(runs, noisy, tmp_path):
    report, heard = applied(runs / "told", noisy, tmp_path / "out")
    found = {one.name: one.sigma for one in report.noise}
    assert sorted(found) == ["strong.png", "usual.png", "weak.png"]
    assert found["usual.png"] == pytest.approx(20, rel=0.15)
    assert "noise as measured: sigma" in heard
    assert "1 image left as it is" in heard  # nothing can be measured in a flat image
    assert changed(noisy, tmp_path / "out")["flat"] == 0
    assert "1 image with more noise than the network was trained on" in heard


def test_strength_and_sigma(runs, noisy, tmp_path):
    means = {}
    for name, given in {"as measured": {}, "half": {"strength": 0.5}, "told": {"sigma": "10"}}.items():
        report, _ = applied(runs / "told", noisy / "usual.png", tmp_path / f"{name}.png", **given)
        means[name] = changed_file(noisy / "usual.png", tmp_path / f"{name}.png")
        assert (report.noise is None) == (name == "told")
    assert means["half"] < means["as measured"]
    assert means["told"] == pytest.approx(means["half"], rel=0.1)  # half of 20


def changed_file(before, after):
    return float(np.abs(np.asarray(Image.open(before), float) - np.asarray(Image.open(after), float)).mean())


def test_a_blind_network_is_told_nothing_but_the_user_is(runs, noisy, tmp_path):
    _, heard = applied(runs / "blind", noisy, tmp_path / "out")
    assert "1 image with far less noise" in heard
    assert "bundled:denoise" in heard
    all_of_it = changed(noisy, tmp_path / "out")["usual"]
    applied(runs / "blind", noisy, tmp_path / "half", strength=0.5)
    assert changed(noisy, tmp_path / "half")["usual"] == pytest.approx(all_of_it / 2, rel=0.1)
    applied(runs / "blind", noisy, tmp_path / "none", strength=0)
    assert not any(changed(noisy, tmp_path / "none").values())
    with pytest.raises(DlcliError, match="--sigma is for networks that are told"):
        applied(runs / "blind", noisy, tmp_path / "told", sigma="25")
