"""Noisy images: a network in the box is adapted to them."""

import json
import shutil

import numpy as np
import pytest
from PIL import Image

from dlcli.config.train_deconv import TrainDeconvConfig
from dlcli.images.dead_leaves import dead_leaves
from dlcli.runs import bundled
from dlcli.tasks.train_deconv import train_deconv

pytestmark = pytest.mark.usefixtures("one_thread")
QUICK = {"device": "cpu", "amp": "off", "batch_size": 2, "crop": 32, "report_every": 2, "plots": "none"}


class Heard:
    """What a user is told."""

    def __init__(self):
        self.lines = []

    def note(self, text):
        self.lines.append(text)

    def __getattr__(self, _name):
        return lambda *_args, **_more: None


@pytest.fixture(scope="module")
def box(tmp_path_factory):
    """A box with a small gray denoiser alone."""
    folder = tmp_path_factory.mktemp("box")
    shape = {"filters": "8", "depth": 1, "noise_map": True, "sigma": "0:50", "generated": 3}
    train_deconv(TrainDeconvConfig.build({"out": folder / "denoise-gray", "steps": 12, **shape, **QUICK}))
    (folder / "denoise-gray" / bundled.CARD).write_text("A network of this test.")
    return folder


def noisy(folder, count, channels=1, side=112):
    """Files of noisy images."""
    folder.mkdir()
    clean, random = dead_leaves(count, side, 5, channels), np.random.default_rng(1)
    for i in range(count):
        values = clean.pixels(i) + 20 * random.standard_normal((side, side, channels))
        Image.fromarray(np.clip(np.rint(values), 0, 255).astype(np.uint8).squeeze()).save(folder / f"{i}.png")
    return folder


def adapted(box, tmp_path, monkeypatch, images, **given):
    """The report, the records and the lines of a run."""
    monkeypatch.setattr(bundled, "ROOT", box)
    heard, out = Heard(), tmp_path / "run"
    settings = {"data": (str(images),), "targets": "noisy", "steps": 4, "out": out, **QUICK, **given}
    report = train_deconv(TrainDeconvConfig.build(settings), heard)
    records = [json.loads(line) for line in (out / "metrics.jsonl").read_text().splitlines()]
    return report, records, "\n".join(heard.lines), out


def test_one_image_adapts_the_network_in_the_box(box, tmp_path, monkeypatch):
    report, records, told, out = adapted(box, tmp_path, monkeypatch, noisy(tmp_path / "one", 1))
    assert report.start == "bundled:denoise-gray"
    assert "starts from bundled:denoise-gray, which is adapted" in told
    assert report.lr == pytest.approx(0.1 * 0.01)
    # The initial weights are among those that may be saved, so that it never gets worse by the estimate.
    assert report.metrics["val"]["psnr"] == max(record["psnr"] for record in records)
    assert 'init = "bundled:denoise-gray"' in (out / "config.toml").read_text()
    again = TrainDeconvConfig.build({"out": tmp_path / "again"}, out / "config.toml")
    assert str(again.start) == "bundled:denoise-gray"
    shutil.rmtree(out)


@pytest.mark.parametrize(
    ("channels", "given", "said"),
    [
        (1, {"init": "none"}, ""),
        (1, {"filters": "8", "depth": 0}, "begins anew, as --depth is given"),
        (3, {"filters": "8", "depth": 0, "arch": "fast"}, "begins anew, as --arch is given"),
        (1, {"method": "blind-spot"}, "begins anew, as those in the box are told the noise, and by blind-spot none is"),
    ],
)
def test_others_begin_anew(box, tmp_path, monkeypatch, channels, given, said):
    images = noisy(tmp_path / "images", 2, channels, 96)
    report, _, told, out = adapted(box, tmp_path, monkeypatch, images, steps=1, **given)
    assert report.start is None
    assert said in told
    assert "adapted" not in told.replace("without it one in the box is adapted", "")
    assert 'init = "none"' in (out / "config.toml").read_text()


def test_many_images_adapt_it_as_well(box, tmp_path, monkeypatch):
    report, _, _, _ = adapted(box, tmp_path, monkeypatch, noisy(tmp_path / "images", 12, 1, 64), steps=1)
    assert report.start == "bundled:denoise-gray"


def test_no_network_fits_the_channels(box, tmp_path, monkeypatch):
    report, _, told, _ = adapted(box, tmp_path, monkeypatch, noisy(tmp_path / "color", 1, 3), steps=1)
    assert report.start is None
    assert "a network begins anew: the box has none for 3 channels" in told
