"""What a whitened first convolution gives: uncorrelated features of known variance, by the definition."""

import numpy as np
import torch

from dlcli.images.image_set import ImageSet
from dlcli.networks.model.deconv import DeconvNet
from dlcli.networks.model.spec import DeconvSpec, Head
from dlcli.networks.training.classes.whitening import LEAST, whiten
from tests.networks.examples import smooth


def test_features_are_uncorrelated_and_come_with_both_signs():
    pixels = [smooth(16, 16, 3, seed) for seed in range(40)]
    spec = DeconvSpec(3, 3, (24, 8), (1, 2), center=0.5, head=Head(decoder=False, classes=3, side=16, pool=True))
    network = DeconvNet(spec)
    whiten(network, ImageSet.of_arrays(pixels))
    x = torch.from_numpy(np.stack(pixels)).permute(0, 3, 1, 2).float() / 255 - 0.5
    first = network.convolutions[0]
    with torch.no_grad():
        inside = torch.nn.functional.conv2d(x, first.weight, first.bias).double()  # without the border
    features = inside.permute(1, 0, 2, 3).flatten(1)
    torch.testing.assert_close(features.mean(1), torch.zeros(24, dtype=torch.float64), atol=1e-4, rtol=0)
    torch.testing.assert_close(features[12:], -features[:12], atol=1e-4, rtol=0)
    covariance = torch.cov(features[:12], correction=0)
    variances = covariance.diagonal()
    torch.testing.assert_close(covariance, torch.diag(variances), atol=2e-4, rtol=0)
    values = np.linalg.eigvalsh(np.cov(torch.nn.functional.unfold(x, 3).double().transpose(0, 1).flatten(1), bias=True))
    largest = values[::-1][:12]
    np.testing.assert_allclose(variances, 2 * largest / (largest + LEAST), rtol=1e-3)
