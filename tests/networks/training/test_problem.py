"""What a network is trained on, and what it is measured by."""

import numpy as np
import pytest
import torch

from dlcli.config.train_deconv import TrainDeconvConfig
from dlcli.engine.progress import Silent
from dlcli.networks.data.facts import ImageFacts
from dlcli.networks.data.load import read_images
from dlcli.networks.losses.supervised import LOSSES
from dlcli.networks.training.plan import image_settings, make_plan, restoration_of
from dlcli.networks.training.problem import make_problem


def problem_of(tmp_path, **options):
    """Of six small color images."""
    pixels = np.random.default_rng(0).integers(0, 256, (6, 24, 24, 3), dtype=np.uint8)
    np.save(tmp_path / "images.npy", pixels)
    config = TrainDeconvConfig.build(
        {"data": [str(tmp_path / "images.npy")], "steps": 4, "device": "cpu", "amp": "off", **options}
    )
    images, restoration = read_images(image_settings(config), Silent()), restoration_of(config)
    plan = make_plan(config, ImageFacts.of(images, restoration), "cpu")
    torch.manual_seed(0)
    return make_problem(plan, images, restoration)


@pytest.mark.parametrize(("loss", "ends"), [("bce", False), ("mse", True)])
def test_cross_entropy_takes_the_scores_and_is_that_of_their_sigmoid(tmp_path, loss, ends):
    problem = problem_of(tmp_path, arch="article", loss=loss, crop=16)
    assert problem.network.ends_in_sigmoid is ends
    batch = problem.batches(0, 4)
    assert batch.input.is_contiguous(memory_format=torch.channels_last)
    found = problem.objective(problem.network, batch)
    problem.network.ends_in_sigmoid = True
    output = problem.network(batch.input, batch.base).detach()
    assert 0 < float(output.min()) <= float(output.max()) < 1
    torch.testing.assert_close(found.detach(), LOSSES[loss](output, batch.target))


def test_what_measures_keeps_the_sigmoid(tmp_path):
    problem = problem_of(tmp_path, arch="article", crop=16, val=0.5)
    assert problem.validate.network.ends_in_sigmoid
    measured = problem.validate(problem.network.state_dict())
    assert measured["loss"] == pytest.approx(0.69, abs=0.1)  # log 2: the untrained network knows nothing
