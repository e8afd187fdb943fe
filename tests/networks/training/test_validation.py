"""What both kinds of validation say of themselves, by the one protocol."""

import pytest

from dlcli.degradations.noise import Denoise
from dlcli.images.image_set import open_image_set
from dlcli.networks.losses.supervised import LOSSES
from dlcli.networks.training.settings import ExecutionSettings
from dlcli.networks.training.validation.classes import ClassValidation
from dlcli.networks.training.validation.restoration import MeasureSettings, RestorationValidation
from tests.networks.examples import folder_of, make_run, network_of

SIDES = ((16, 16),) * 3
EXECUTION = ExecutionSettings("cpu")


@pytest.fixture
def restoration(tmp_path):
    """Of a network that returns its input, at three noise levels."""
    images = open_image_set((str(folder_of(tmp_path / "photos", SIDES)),), channels=1)
    network = network_of(make_run(tmp_path / "run", identity=True))
    settings = MeasureSettings(LOSSES["mse"], 0, EXECUTION)
    return RestorationValidation(network, [images], Denoise(5, 50), settings)


@pytest.fixture
def classes(tmp_path):
    for name in ("cat", "dog"):
        folder_of(tmp_path / "animals" / name, SIDES)
    images = open_image_set((str(tmp_path / "animals"),), channels=1, labeled=True)
    network = network_of(make_run(tmp_path / "run", "classify", classes=("cat", "dog"), side=16))
    return ClassValidation(network, images, EXECUTION, None)


def keep(validation):
    validation(validation.network.state_dict())
    validation.keep()
    assert validation.has_kept
    assert validation.is_news
    assert validation.sheet().startswith(b"\x89PNG")


def test_restoration(restoration):
    keep(restoration)
    assert restoration.scope(3) == " (3 crops measured at 3 noise levels)"
    assert restoration.confusion() is None
    summary = restoration.summary(True, 2)
    assert (summary.selects, summary.measured, summary.lent_by_training_images) == (True, 3, 2)
    assert summary.unchanged
    assert len(summary.levels) == 3
    (line,) = restoration.shortcomings("denoise")
    assert line.startswith("the network returns its input")
    assert restoration.shortcomings("reconstruct") == []


def test_classes(classes):
    keep(classes)
    assert (classes.scope(6), classes.scope(9)) == ("", " (6 measured)")
    summary = classes.summary(False, 0)
    assert (summary.selects, summary.measured, summary.levels) == (False, 6, None)
    found = classes.confusion()
    assert found.classes == ("cat", "dog")
    assert found.counts.sum(axis=1).tolist() == [3, 3]
    # Both folders hold the same images, so that it cannot be right on more than half of them.
    assert found.counts.trace() == 3
    (line,) = classes.shortcomings("classify")
    assert line.startswith("the network is right on 3 of 6 images held out")
