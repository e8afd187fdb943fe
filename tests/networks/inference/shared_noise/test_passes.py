"""Images whose noise neighbors share: more of it is told, and the phases of the pixels are restored as well."""

import numpy as np
import pytest
import torch
from PIL import Image
from scipy.ndimage import gaussian_filter

from dlcli.config.evaluate import PredictConfig
from dlcli.config.train_deconv import TrainDeconvConfig
from dlcli.images.dead_leaves import dead_leaves
from dlcli.images.formats.writing import Frame
from dlcli.networks.inference import restoring
from dlcli.networks.inference.large import bands
from dlcli.networks.inference.restoring import Restorer
from dlcli.networks.inference.settings import NetworkSettings
from dlcli.networks.inference.shared_noise.passes import images_of, phases_of
from dlcli.networks.inference.trained import load_network
from dlcli.tasks.predict import predict
from dlcli.tasks.train_deconv import train_deconv

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A small network that is told of noise."""
    folder = tmp_path_factory.mktemp("run") / "run"
    settings = {
        "filters": "8", "depth": 0, "generated": 3, "device": "cpu", "amp": "off", "batch_size": 2, "crop": 32,
        "steps": 40, "report_every": 40, "plots": "none", "sigma": "0:50", "noise_map": True,
    }  # fmt: skip
    train_deconv(TrainDeconvConfig.build({"out": folder, **settings}))
    return folder


def of_camera(height=192, width=192, *, blurred=0.8):
    """A generated image with noise that neighbors share, or white noise, of a deviation of 8."""
    clean = dead_leaves(1, max(height, width), 5).pixels(0)[:height, :width, 0].astype(float)
    noise = gaussian_filter(np.random.default_rng(0).standard_normal(clean.shape), blurred)
    return np.clip(np.rint(clean * 0.7 + 38 + 8 * noise / noise.std()), 0, 255).astype(np.uint8)


def test_phases_are_every_other_pixel():
    x = torch.arange(2 * 3 * 4 * 6, dtype=torch.float32).view(2, 3, 4, 6)
    phases = phases_of(x, 2)
    for number, (i, j) in enumerate(((0, 0), (0, 1), (1, 0), (1, 1))):
        assert torch.equal(phases[number], x[0, :, i::2, j::2])
    assert torch.equal(images_of(phases, 2), x)


def test_what_neighbors_share_is_told(run, tmp_path):
    folder = tmp_path / "noisy"
    folder.mkdir()
    for name, blurred in (("camera", 0.8), ("white", 0.0)):
        Image.fromarray(of_camera(blurred=blurred)).save(folder / f"{name}.png")
    lines = []

    class Heard:
        def warn(self, text):
            lines.append(text)

        def __getattr__(self, _name):
            return lambda *_args, **_more: None

    report = predict(PredictConfig.build({"run": run, "data": (str(folder),), "out": tmp_path / "out"}), Heard())
    camera, white = report.noise
    assert white.told == 1
    assert 1.3 < camera.told < 2.2
    assert any("1 image with noise that neighbors share" in line for line in lines)
    named = {"run": run, "data": (str(folder / "camera.png"),), "out": tmp_path / "named", "sigma": "8"}
    assert predict(PredictConfig.build(named)).noise is None
    both = [np.asarray(Image.open(tmp_path / one / "camera.png"), float) for one in ("out", "named")]
    rough = [float(np.abs(np.diff(one)).mean()) for one in both]
    assert rough[0] < rough[1]  # less noise remains


def test_bands_of_phases_give_what_the_whole_image_gives(run, monkeypatch):
    trained = load_network(NetworkSettings(run, "cpu", None, None, None))
    frame = Frame(of_camera(201, 133)[:, :, None])
    whole = Restorer(trained, None, 0).restored(frame)
    monkeypatch.setattr(bands, "VALUES", 60 * 133)
    monkeypatch.setattr(restoring, "VALUES", 0)
    restorer = Restorer(trained, None, 0)
    made = restorer.restored(frame)
    assert restorer.changes.levels.shared
    assert np.abs(made.pixels.astype(float) - whole.pixels).max() <= 1
