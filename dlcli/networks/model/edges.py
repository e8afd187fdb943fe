"""The borders of flat images: there every layer sees the last pixels again, where images otherwise end in zeros.

No flat image has zeros around, so that zeros give it an edge, and a pattern along it. Repeated pixels leave what is
flat flat up to the last pixel, in every layer and by construction. But they repeat noise, too, which costs a denoiser
that was trained with zeros 1.7 dB in the 8 pixels at the borders of Set12 (0.16 dB in all), and time; so they are for
what is flat, and for that alone.
"""

from collections.abc import Callable, Sequence
from typing import Any

from torch import Tensor, nn
from torch.nn import functional as F

from dlcli.networks.model.fused_chain import Layer
from dlcli.networks.model.transposed_conv import flip_kernel

FLAT = 0.9 / 255  # of the range: what varies by a level of 8 bits isn't flat
AROUND, BLOCK = 8, 8  # pixels; a square that reaches as far around a pixel holds a whole block


def flatness(images: Tensor) -> Tensor | None:
    """How flat images (B, C, H, W) are around each pixel, (B, 1, H, W): 1 where nothing varies; None: nowhere so."""
    images = images.detach()
    blocks = [F.max_pool2d(values, BLOCK, ceil_mode=True) for values in (images, -images)]
    if float((blocks[0] + blocks[1]).amax(1).min()) >= FLAT:
        return None
    highest, lowest = (_largest_around(values) for values in (images, -images))
    return (1 - (highest + lowest).amax(1, keepdim=True) / FLAT).clamp_(min=0)


def features(pairs: Sequence[tuple[Layer, Any]], h: Tensor, activate: Callable[[Tensor], Tensor]) -> Tensor:
    """The last layer's value, from h (B, C, H, W), by layers and the modules that have their weights."""
    values = [h]
    for layer, module in pairs:
        h = _layer(module, values[-1])
        h = h if layer.adds is None else h + values[layer.adds]
        values.append(activate(h) if layer.activated else h)
    return values[-1]


def _layer(module: Any, h: Tensor) -> Tensor:
    kernel, stride, padding = module.kernel_size[0], module.stride[0], int(module.padding[0])
    weight, backwards = module.weight.to(h.dtype), isinstance(module, nn.ConvTranspose2d)
    around = (kernel - 1 - padding) // stride if backwards else padding  # how far beyond its border it looks
    h = F.pad(h, (around,) * 4, mode="replicate") if around else h
    if backwards and stride > 1:
        return F.conv_transpose2d(h, weight, module.bias, stride, padding + around * stride)
    return F.conv2d(h, flip_kernel(weight) if backwards else weight, module.bias, stride)


def _largest_around(images: Tensor) -> Tensor:
    side = 2 * AROUND + 1
    rows: Tensor = F.max_pool2d(images, (side, 1), 1, (AROUND, 0))
    columns: Tensor = F.max_pool2d(rows, (1, side), 1, (0, AROUND))
    return columns
