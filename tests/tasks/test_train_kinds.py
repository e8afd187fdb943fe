"""Files of microscopes and telescopes train as they are: three steps, and their fingerprint."""

import math

import numpy as np
import pytest
import tifffile

from dlcli.config.train_deconv import TrainDeconvConfig
from dlcli.errors import DlcliError
from dlcli.images import normalization
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


def test_a_run_whose_values_were_seen_otherwise_is_not_taken_up(tmp_path, one_thread, monkeypatch):
    """Versions find ranges in other ways: its weights would go on with other numbers, without a word."""
    random = np.random.default_rng(0)
    (tmp_path / "in").mkdir()
    for letter in "abc":
        tifffile.imwrite(tmp_path / "in" / f"{letter}.tif", random.integers(100, 300, (24, 24), dtype=np.uint16))
    given = {"steps": 2, "batch_size": 2, "filters": (4,), "crop": 16, "plots": "none", "device": "cpu"}
    train_deconv(TrainDeconvConfig.build({"data": (str(tmp_path / "in"),), "out": tmp_path / "run", **given}))
    monkeypatch.setattr(normalization, "MOST", 60)
    more = TrainDeconvConfig.build({"resume": tmp_path / "run", "steps": 4})
    with pytest.raises(DlcliError, match="was trained on values normalized by 100 to 299, and this version"):
        train_deconv(more)
    monkeypatch.undo()
    assert train_deconv(more).steps == 4
