"""The maps of images: by each method that was asked for, what the score of a class rests on."""

from collections.abc import Callable, Collection
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from dlcli.networks.inference.explain.classes.grad_cam import enlarged, features_and_gradients, grad_cam
from dlcli.networks.inference.explain.classes.integrated import MOST_STEPS, Integrated, integrated_gradients
from dlcli.networks.inference.explain.classes.parts import (
    by_rows,
    cells,
    classified,
    differentiable,
    last_convolution,
    projected,
    scores,
    values,
)
from dlcli.networks.model.deconv import DeconvNet

INTEGRATED, GRAD_CAM, DECONVNET, MISTAKES_SHOWN = "integrated-gradients", "grad-cam", "deconvnet", "mistakes"

Method = Callable[[DeconvNet, Tensor, Tensor], Tensor]  # of a network, images (B, C, H, W) and their classes (B,)


@dataclass(frozen=True, eq=False)
class Maps:
    """Of images (B, C, H, W) and the class of each, what was asked for.

    ``grad_cam`` is (B, h, w) as the last convolution has it, ``enlarged`` that at the size of the images (B, H, W),
    ``deconvnet`` (B, C, H, W).
    """

    integrated: Integrated | None = None
    grad_cam: Tensor | None = None
    enlarged: Tensor | None = None
    deconvnet: Tensor | None = None


def maps_of(
    network: DeconvNet, x: Tensor, classes: Tensor, baseline: Tensor, methods: Collection[str], most: int = MOST_STEPS
) -> Maps:
    """The maps of images x (B, C, H, W) for ``classes`` (B,).

    Integrated gradients are against the ``baseline``, of up to ``most`` steps.
    """
    integrated = cam = large = deconvnet = None
    with differentiable(network):
        if INTEGRATED in methods:

            def score(at: Tensor, of: Tensor) -> Tensor:
                return scores(network, at).gather(1, of[:, None])[:, 0]

            integrated = integrated_gradients(score, x, baseline, classes, most)
        if GRAD_CAM in methods:
            cam = _both_ways(network, x, classes, _cam)
            padded = -(-x.shape[2] // network.spec.multiple) * network.spec.multiple
            large = enlarged(cam, padded)[:, : x.shape[2], : x.shape[3]]
        if DECONVNET in methods:
            deconvnet = _both_ways(network, x, classes, _deconvnet)
    return Maps(integrated, cam, large, deconvnet)


def _cam(network: DeconvNet, x: Tensor, classes: Tensor) -> Tensor:
    return grad_cam(*features_and_gradients(network, x, classes))


def _deconvnet(network: DeconvNet, x: Tensor, classes: Tensor) -> Tensor:
    """From what of the last convolution's features speaks for the class in these images: value times gradient."""
    features, gradients = features_and_gradients(network, x, classes)
    return projected(network, F.relu(features * gradients), x, last_convolution(network))


def _both_ways(network: DeconvNet, x: Tensor, classes: Tensor, method: Method) -> Tensor:
    """A map of the images; of a network that also looks at their mirror images, the mean of both."""
    found = by_rows(lambda at, of: method(network, at, of), x, classes)
    if not network.spec.head.mirrored:
        return found
    mirrored = by_rows(lambda at, of: method(network, at, of), x.flip(3), classes)
    return (found + mirrored.flip(-1)) / 2


def patterns_of(network: DeconvNet, side: int) -> Tensor:
    """What each class looks like to the network, (K, C, side, side): a deconvnet from its score alone.

    Without pooling nothing of it depends on an image.
    """
    spec = network.spec
    x = torch.zeros((spec.head.classes, spec.input_channels, side, side), device=network.classifier.weight.device)
    with differentiable(network):
        last = values(network, cells(network, x))
        h = last[-1].detach().requires_grad_(True)
        score = classified(network, h).diagonal().sum()
        signal = torch.autograd.grad(score, h)[0]
        return projected(network, signal, x, len(last) - 1)
