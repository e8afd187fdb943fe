"""A large image restored in bands: what the whole image gives, with its memory taken for the result where it may be."""

import numpy as np
import pytest
import torch

from dlcli.images.formats.writing import Frame
from dlcli.networks.inference import restoring
from dlcli.networks.inference.large import bands
from dlcli.networks.inference.large.bands import HOLES, Bands
from dlcli.networks.inference.restoring import Restorer
from dlcli.networks.inference.settings import NetworkSettings
from dlcli.networks.inference.trained import load_network
from tests.networks.examples import make_run

TASKS = {"denoise": {}, "upscale": {"task": "upscale", "scale": 3}}


@pytest.fixture(scope="module", params=TASKS)
def restorer(request, tmp_path_factory):
    """A network whose every weight matters."""
    run = make_run(tmp_path_factory.mktemp("run") / "run", channels=3, **TASKS[request.param])
    trained = load_network(NetworkSettings(run, "cpu", None, None, None))
    torch.manual_seed(0)
    for weight in trained.network.parameters():
        torch.nn.init.normal_(weight, std=0.15)
    return Restorer(trained, None, 0)


def image_of(dtype, channels, alpha):
    random = np.random.default_rng(0)
    top = 1.0 if np.dtype(dtype).kind == "f" else np.iinfo(dtype).max
    values = random.random((203, 41, channels)) * top
    clear = None
    if alpha:
        clear = np.full((203, 41), top).astype(dtype)
        clear[60:75, 10:20] = 0
    return Frame(values.astype(dtype), clear)


@pytest.mark.parametrize(
    ("dtype", "channels", "alpha"),
    [(np.uint8, 3, False), (np.uint16, 3, True), (np.float32, 1, False), (np.uint8, 3, True)],
)
def test_bands_give_what_the_whole_image_gives(restorer, dtype, channels, alpha, monkeypatch):
    image = image_of(dtype, channels, alpha)
    whole = restorer.restored(image)
    seen = []
    monkeypatch.setattr(bands, "VALUES", 50 * 41 * channels * restorer.scale**2)
    monkeypatch.setattr(restoring, "VALUES", 0)
    real = Bands.__call__
    monkeypatch.setattr(Bands, "__call__", lambda self, height: seen.append(list(real(self, height))) or seen[-1])
    made = restorer.restored(image)
    assert len(seen[0]) > 1
    assert made.pixels.dtype == whole.pixels.dtype
    white = 1.0 if np.dtype(dtype).kind == "f" else np.iinfo(dtype).max
    error = np.abs(made.pixels.astype(float) - whole.pixels.astype(float)).max()
    assert error <= (1 if white == 255 else 2e-5 * white)
    if alpha:
        np.testing.assert_array_equal(made.alpha, whole.alpha)
    assert restorer.changes.any
    count = restorer.changes.images
    spent = restorer.restored(Frame(image.pixels.copy(), image.alpha), spent=True)
    np.testing.assert_array_equal(spent.pixels, made.pixels)
    assert restorer.changes.images == count + 1


def test_a_spent_image_is_the_place_of_the_result(restorer, monkeypatch):
    monkeypatch.setattr(restoring, "VALUES", 0)
    monkeypatch.setattr(bands, "VALUES", 50 * 41 * 3)
    image = image_of(np.uint8, 3, False)
    kept = image.pixels.copy()
    assert restorer.restored(image).pixels is not image.pixels
    np.testing.assert_array_equal(image.pixels, kept)
    if restorer.scale == 1:
        assert restorer.restored(image, spent=True).pixels is image.pixels


@pytest.mark.parametrize("height", [1, 7, 64, 65, 1000])
def test_every_row_once_and_what_it_depends_on(height):
    for reach, multiple, holes in [(0, 1, False), (20, 2, False), (5, 8, True), (90, 6, True)]:
        cut = list(Bands.of(bands.VALUES // 50, reach, multiple, holes=holes)(height))
        rows = [row for band in cut for row in range(height)[band.rows]]
        assert rows == list(range(height))
        least = max(reach, HOLES if holes else 0)
        for band in cut:
            assert band.rows.start % multiple == band.seen.start % multiple == 0
            assert band.seen.start <= max(band.rows.start - least, 0)
            assert band.seen.stop >= min(band.rows.stop + least, height)
