"""Grad-CAM (Selvaraju et al. 2017) on the last convolution, and what its features say of a class."""

import torch
from torch import Tensor
from torch.nn import functional as F

from dlcli.networks.inference.explain.classes.parts import cells, classified, last_convolution, values
from dlcli.networks.model.deconv import DeconvNet


def features_and_gradients(network: DeconvNet, x: Tensor, classes: Tensor) -> tuple[Tensor, Tensor]:
    """The last convolution's features of images x, and the gradient there of each one's class (B,), both (B, K, h, w).

    The scores are those before softmax, of the images as they are.
    """
    number = last_convolution(network)
    with torch.no_grad():
        h = values(network, cells(network, x))[number]
    h.requires_grad_(True)
    score = classified(network, values(network, h, number)[-1]).gather(1, classes[:, None])
    gradient: Tensor = torch.autograd.grad(score.sum(), h)[0]
    return h.detach(), gradient


def grad_cam(features: Tensor, gradients: Tensor) -> Tensor:
    """Where the features speak for the class, (B, h, w): their sum weighted by mean gradients, without what is below 0.

    Both are (B, K, h, w).
    """
    weights = gradients.mean((2, 3), keepdim=True)
    return F.relu((weights * features).sum(1))


def enlarged(maps: Tensor, side: int) -> Tensor:
    """Maps (B, h, w) at the size of the images that were padded to ``side``, (B, side, side), bilinear."""
    return F.interpolate(maps[:, None], size=(side, side), mode="bilinear", align_corners=False)[:, 0]
