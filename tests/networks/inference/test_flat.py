"""Flat images through networks of the command line's own trainings, borders and holes included."""

import pytest

from benchmarks.images.flat import LIMIT, strength
from dlcli.config.train_deconv import TrainDeconvConfig
from dlcli.networks.inference.settings import NetworkSettings
from dlcli.networks.inference.trained import load_network
from dlcli.tasks.train_deconv import train_deconv
from tests.networks.examples import folder_of


@pytest.mark.parametrize(
    ("task", "options"),
    [
        ("denoise", {}),
        ("upscale", {"scale": "3"}),
        ("inpaint", {}),
        ("reconstruct", {}),
        ("denoise", {"stride": "2,2"}),
    ],
)
def test_flat_images_stay_flat(task, options, tmp_path):
    photos = folder_of(tmp_path / "photos", ((48, 48),) * 4)
    small = {"filters": "8,8", "depth": 1, "steps": 3, "batch_size": 2, "crop": 32, "plots": "none"}
    train_deconv(TrainDeconvConfig(data=(str(photos),), task=task, out=tmp_path / "run", lr=0.02, **small | options))
    trained = load_network(NetworkSettings(tmp_path / "run", "cpu", None, None, None))
    assert trained.network.spec.edges
    assert strength(trained, range(0, 256, 51)) < LIMIT
