"""How much noise predict takes images to have, and how much of it goes."""

import numpy as np
import pytest
from PIL import Image

from dlcli.config.evaluate import PredictConfig
from dlcli.config.train_deconv import TrainDeconvConfig
from dlcli.errors import DlcliError
from dlcli.images.dead_leaves import dead_leaves
from dlcli.images.noise.measure import measured_noise
from dlcli.images.normalization import EIGHT_BIT
from dlcli.networks.inference.noise_level import Levels, denoiser_for, lines_of
from dlcli.networks.inference.settings import NetworkSettings, Strength
from dlcli.networks.inference.trained import load_network
from dlcli.networks.tensors import image_to_tensor
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


def test_noise_that_grows_is_told_of_each_pixel(runs, tmp_path):
    """By the line that is measured: what the network sees is the deviation at the brightness around a pixel."""
    random = np.random.default_rng(0)
    steps = np.kron(np.linspace(30, 230, 16).reshape(4, 4), np.ones((48, 48)))
    noisy = np.clip(np.rint(random.poisson(steps / 255 * 60) / 60 * 255), 0, 255).astype(np.uint8)
    (tmp_path / "noisy").mkdir()
    Image.fromarray(noisy).save(tmp_path / "noisy" / "a.png")
    _, heard = applied(runs / "told", tmp_path / "noisy", tmp_path / "out")
    assert "growing with brightness: the network is told that of each pixel" in heard
    trained = load_network(NetworkSettings(runs / "told", "cpu", None, None, None))
    told = denoiser_for(trained, Strength(), noisy[:, :, None], EIGHT_BIT, Levels()).each[0].degradation
    level = told.prepare(image_to_tensor(noisy[:, :, None], "cpu", EIGHT_BIT)).input[0, 1].numpy() * 255
    true = np.clip(np.sqrt(255 * steps / 60), 10, 40)
    assert np.abs(level - true).mean() < 0.08 * true.mean()
    color = lines_of(measured_noise(np.dstack([noisy] * 3)), EIGHT_BIT, channels=3)
    assert color.gain.shape == (1, 3)
    assert color.gain * 255 == pytest.approx(255 / 60, rel=0.2)
