"""Files of microscopes and telescopes train as they are: three steps, and their fingerprint."""

import math

import pytest

from dlcli.config.train_deconv import TrainDeconvConfig
from dlcli.tasks.train_deconv import train_deconv
from tests.images.formats.kinds import KINDS

NAMES = ("tiff gray float64", "tiff imagej hyperstack", "zarr 2 array", "zarr ome 0.5", "fits cube", "tiff 5 channels")


@pytest.mark.parametrize("name", NAMES)
def test_three_steps(tmp_path, one_thread, name):
    kind = next(kind for kind in KINDS if kind.name == name)
    (tmp_path / "in").mkdir()
    for letter in "abc":
        kind.make(tmp_path / "in" / f"{letter}{kind.ending}")
    config = TrainDeconvConfig(
        data=(str(tmp_path / "in"),), steps=3, batch_size=2, filters=(4,), crop=16, out=tmp_path / "run", plots="none",
        device="cpu",
    )  # fmt: skip
    report = train_deconv(config)
    assert report.steps == 3
    assert math.isfinite(report.metrics["train"]["loss"])
    assert report.fingerprint.parts >= 3
