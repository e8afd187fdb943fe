"""A classifying network in parts: its features layer by layer, and its scores from the last of them.

``DeconvNet.forward`` takes a step whose backward pass also makes the gradients of all weights. Explanations need those
of the images alone, the features in between, and a way back that isn't the gradient.
"""

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from dlcli.networks.model.deconv import DeconvNet, activate, pad_to_multiple
from dlcli.networks.model.pixel_shuffle import unshuffled

PIXELS = 256 * 32 * 32  # of images that go through the network at once


@contextmanager
def differentiable(network: DeconvNet) -> Iterator[None]:
    """Gradients of images and features, but not of weights; in float32 with the same bits each time."""
    wanted = [(parameter, parameter.requires_grad) for parameter in network.parameters()]
    flags = torch.backends.cudnn.flags(enabled=True, benchmark=False, deterministic=True, allow_tf32=False)
    for parameter, _ in wanted:
        parameter.requires_grad_(False)
    try:
        with flags, torch.enable_grad():
            yield
    finally:
        for parameter, before in wanted:
            parameter.requires_grad_(before)


def rows_at_once(x: Tensor) -> int:
    """How many images of the size of x (B, C, H, W) go through the network at once, for the memory that they take."""
    return max(1, PIXELS // (x.shape[2] * x.shape[3]))


def by_rows(function: Callable[[Tensor, Tensor], Tensor], x: Tensor, classes: Tensor) -> Tensor:
    """A function of images x (B, C, H, W) and their classes (B,), of a few images at a time."""
    rows = rows_at_once(x)
    parts = zip(torch.split(x, rows), torch.split(classes, rows), strict=True)
    return torch.cat([function(images, their) for images, their in parts])


def cells(network: DeconvNet, x: Tensor) -> Tensor:
    """What the first layer takes of images x (B, C, H, W): padded, centered, pixels as channels."""
    spec = network.spec
    padded = pad_to_multiple(x, spec.multiple)
    return unshuffled(padded - spec.center if spec.center else padded, spec.unshuffle)


def last_convolution(network: DeconvNet) -> int:
    """The number of the value after the last convolution that comes before the deconvolutions and the classes.

    Values are numbered from 0, the first layer's input; a residual block's is that with what it is added to.
    """
    spec = network.spec
    return len(spec.filters) * (1 + 2 * spec.depth)


def values(network: DeconvNet, h: Tensor, begin: int = 0) -> list[Tensor]:
    """The values after each layer, from value ``begin`` of the network on, which is ``h``; that is the first of them.

    No skip reaches over ``begin``. Raises ValueError for one that does.
    """
    layers, modules = network.chain_of_layers
    found = [h]
    for number in range(begin, len(layers)):
        layer, value = layers[number], modules[number](found[-1])
        if layer.adds is not None:
            if layer.adds < begin:
                raise ValueError(f"layer {number} adds value {layer.adds}, which comes before {begin}")
            value = value + found[layer.adds - begin]
        found.append(activate(value, network.spec.activation) if layer.activated else value)
    return found


def classified(network: DeconvNet, h: Tensor) -> Tensor:
    """Scores of the classes (B, K), before softmax, from the last layer's value."""
    head = network.spec.head
    pools = head.pool and not head.decoder
    scores: Tensor = network.classifier(h.mean((2, 3)) if pools else h.flatten(1))
    return scores


def scores(network: DeconvNet, x: Tensor) -> Tensor:
    """What the network says of images x (B, C, H, W): scores before softmax (B, K).

    Of a network that also looks at the mirror image, the logarithms of the mean probabilities, as it decides by those.
    """
    if not network.spec.head.mirrored:
        return classified(network, values(network, cells(network, x))[-1])
    both = classified(network, values(network, cells(network, torch.cat([x, x.flip(3)])))[-1])
    return torch.logaddexp(*F.log_softmax(both, 1).chunk(2)) - math.log(2)


def projected(network: DeconvNet, signal: Tensor, x: Tensor, number: int) -> Tensor:
    """A signal at value ``number`` taken back to the pixels of x (B, C, H, W) by a deconvnet (Zeiler and Fergus 2014).

    Each convolution is undone by the deconvolution with the same filters (each deconvolution by the convolution), and
    each activation by a rectification of what comes back, whatever the activation was on the way there. Strides spread
    what they had gathered; there is no pooling with switches to undo. Biases play no part.
    """
    layers, modules = network.chain_of_layers
    with torch.no_grad():
        shapes = [value.shape[2:] for value in values(network, cells(network, x[:1]))]
        waiting: dict[int, Tensor] = {}
        for place in reversed(range(number)):
            layer, module = layers[place], modules[place]
            signal = F.relu(signal) if layer.activated else signal
            if layer.adds is not None:
                waiting[layer.adds] = signal
            signal = _undone(module, signal, shapes[place])
            if place in waiting:
                signal = signal + waiting.pop(place)
    with torch.enable_grad():
        given = x.detach().requires_grad_(True)
        back: Tensor = torch.autograd.grad(cells(network, given), given, signal)[0]
    return back


def _undone(module: nn.Conv2d | nn.ConvTranspose2d, signal: Tensor, shape: torch.Size) -> Tensor:
    """What a layer gave, by its adjoint; ``shape`` (h, w) is that of what it was given."""
    stride, padding, kernel = int(module.stride[0]), int(module.padding[0]), int(module.kernel_size[0])
    if isinstance(module, nn.ConvTranspose2d):
        return F.conv2d(signal, module.weight, None, stride, padding)
    more = [whole - ((n - 1) * stride - 2 * padding + kernel) for n, whole in zip(signal.shape[2:], shape, strict=True)]
    return F.conv_transpose2d(signal, module.weight, None, stride, padding, output_padding=more)
