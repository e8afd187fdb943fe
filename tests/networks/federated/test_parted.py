"""Images dealt out to clients, and what they agree on."""

import numpy as np
import pytest

from dlcli.degradations.task import Restoration
from dlcli.errors import DlcliError
from dlcli.images.image_set import ImageSet
from dlcli.images.normalization import EIGHT_BITS, Scales, learned
from dlcli.networks.data.load import TrainingImages
from dlcli.networks.federated.parted import agreed, dealt, labels_of


def of(values):
    return ImageSet.of_arrays(values)


def test_images_go_to_their_owners():
    pixels = np.zeros((7, 8, 8), np.uint8)
    names = [f"{i}.png" for i in range(7)]
    train = ImageSet.of_arrays(pixels, names, labels=[0, 1] * 3 + [0], classes=("a", "b"))
    images = TrainingImages(train.subset(range(5)), train.subset([5, 6]))
    assert labels_of(images).tolist() == [0, 1, 0, 1, 0, 1, 0]
    first, second = dealt(images, np.array([0, 1, 0, 1, 0, 0, 0]), ["x", "y"])
    assert first.train.names == ("0.png", "2.png", "4.png")
    assert first.val.names == ("5.png", "6.png")
    assert second.train.names == ("1.png", "3.png")
    assert second.val is None
    with pytest.raises(DlcliError, match="client y has no image to train on"):
        dealt(images, np.array([0, 0, 0, 0, 0, 1, 1]), ["x", "y"])


def test_clients_agree_on_the_widest_range():
    rng = np.random.default_rng(0)
    dark, bright = (rng.integers(low, high, (3, 16, 16)).astype(np.uint16) for low, high in ((100, 300), (900, 5000)))
    parts = [TrainingImages(of(one), None) for one in (dark, bright)]
    found = agreed(parts, learned(of([*dark, *bright])))
    own = [learned(part.train).targets for part in parts]
    assert found.targets.low == own[0].low
    assert found.targets.high == own[1].high
    assert found == Scales(found.targets, found.targets)
    assert agreed(parts, EIGHT_BITS) == EIGHT_BITS


@pytest.mark.parametrize(("task", "channels"), [("denoise", 1), ("upscale", 3), ("pairs", 1), ("denoise", 4)])
def test_generated_images_stand_in_for_those_of_clients(task, channels):
    from dlcli.config.train_deconv import TrainDeconvConfig
    from dlcli.networks.data.facts import ImageFacts
    from dlcli.networks.federated.examples import generated_batches
    from dlcli.networks.training.plan import make_plan

    restoration = Restoration(task, (25.0, 25.0), scale=2)
    images = TrainingImages(ImageSet.of_arrays(np.zeros((2, 32, 32, channels), np.uint8)), None, side=32)
    data = ("x", "y") if task == "pairs" else ("x",)
    config = TrainDeconvConfig(task=task, filters="4", depth=0, steps=1, crop=16, data=data)
    plan = make_plan(config, ImageFacts.of(images, restoration), "cpu")
    batch = generated_batches(plan, restoration)(0, 3)
    assert batch.input.shape[:2] == (3, plan.spec.input_channels)
    assert batch.target.shape[:2] == (3, channels)
    assert batch.target.std() > 0.01
