"""Training batches of the same images in other numbers."""

import numpy as np
import pytest
import torch

from dlcli.config.train_deconv import TrainDeconvConfig
from dlcli.degradations.noise import Denoise
from dlcli.errors import DlcliError
from dlcli.images.crops import CropSampler
from dlcli.images.image_set import ImageSet
from dlcli.images.normalization import Normalization, Scales, learned
from dlcli.networks.training.batches import RestorationBatches
from dlcli.networks.training.plan import restoration_of

PIXELS = np.random.default_rng(0).integers(0, 256, (4, 40, 40, 1), np.uint8)


def batch(pixels):
    images = ImageSet.of_arrays(pixels)
    sampler = CropSampler([images], 24, 0, flips=True, seed=1)
    return RestorationBatches(sampler, Denoise(25, 25), "cpu", 0, learned(images))(3, 5)


@pytest.mark.parametrize(
    "same",
    [PIXELS.astype(np.uint16) * 257, (PIXELS / 255).astype(np.float32), PIXELS.astype(np.float32)],
    ids=["16 bits", "0 to 1", "0 to 255"],
)
def test_the_network_sees_the_same(same):
    ours, theirs = batch(PIXELS), batch(same)
    for name in ("input", "target"):
        torch.testing.assert_close(getattr(ours, name), getattr(theirs, name), atol=1e-6, rtol=0)


def test_the_set_itself_is_not_normalized():
    """Floats need no conversion, and what is divided must not be the image."""
    floats = PIXELS.astype(np.float32)
    kept = floats.copy()
    batch(floats)
    np.testing.assert_array_equal(floats, kept)


def test_noise_is_on_the_scale_of_the_images():
    counts = Scales(*[Normalization("uint16", (100.0,), (355.0,))] * 2)
    for sigma, expected in ((None, 25), ("12", 12), ("12counts", 12), ("10%", 25.5), ("5:50/255", 50)):
        assert restoration_of(TrainDeconvConfig(sigma=sigma), counts).sigma[1] == pytest.approx(expected)
    with pytest.raises(DlcliError, match=r"--sigma 300 is more than the range of the images, 100 to 355"):
        restoration_of(TrainDeconvConfig(sigma="300"), counts)
    channels = Scales(*[Normalization("uint16", (0.0, 0.0), (100.0, 400.0))] * 2)
    found = restoration_of(TrainDeconvConfig(sigma="20"), channels)
    assert [weight * found.sigma[0] / 255 for weight in found.weights] == pytest.approx([20 / 100, 20 / 400])
    assert restoration_of(TrainDeconvConfig(sigma="5%"), channels).weights == ()
