"""The forward pass of many ``DeconvNet`` of one shape at once, as convolutions of as many groups.

Of the ways to compute it on a CPU this is the fastest for the small networks that it is for. On two cores (EPYC with
AVX-512), one pass forward and back of 32 networks with one residual block takes, in ms:

    filters   crop   32 passes   vmap   patches and products   groups
    4         16x16       36      7.9                    8.6      5.0
    8         16x16       47     12.7                   21       10.8
    16        16x16       49     21                     49       16.4
    4         32x32       52     28                     37       19.8

Groups keep to themselves: what is not finite in one reaches no other. In bfloat16 that does not hold where a network
has an odd number of channels, as they are multiplied in pairs; it is slower with 4 filters, though with 16 it would
take two thirds of the time.
"""

from collections.abc import Mapping

import torch
from torch import Tensor
from torch.nn import functional as F

from dlcli.networks.model.deconv import activate, pad_to_multiple
from dlcli.networks.model.spec import DeconvSpec, kernel_and_padding


class BatchedForward:
    """The networks of one ``spec`` whose weights are ``parameters``: name -> (K, ...), named as in ``DeconvNet``.

    Images of K networks are (B, K * C, H, W): the channels of the first network, then those of the second.
    """

    def __init__(self, spec: DeconvSpec, parameters: Mapping[str, Tensor]) -> None:
        self.spec, self.parameters = spec, parameters
        self.count = len(next(iter(parameters.values())))

    def __call__(self, x: Tensor, base: Tensor | None) -> Tensor:
        """Restored images (B, K, output_channels, H, W), or class scores (B, K, classes); see ``DeconvNet.forward``."""
        spec = self.spec
        height, width = x.shape[-2:]
        padded = pad_to_multiple(x, spec.multiple)
        h = F.pixel_unshuffle(padded, spec.unshuffle) if spec.unshuffle > 1 else padded
        h = self._features_of(h.contiguous(memory_format=torch.channels_last))
        if spec.head.classes:
            return self._scores(h)
        h = F.pixel_shuffle(h, spec.unshuffle) if spec.unshuffle > 1 else h
        h = self._by_network(h[..., :height, :width])
        if spec.head.output == "residual":
            inputs = self._by_network(x)
            whole = inputs if base is None else self._by_network(base)
            return whole - (h * inputs[:, :, -1:] if spec.head.masked else h)
        return torch.sigmoid(h) if spec.head.output == "sigmoid" else h

    def _by_network(self, h: Tensor) -> Tensor:
        return h.view(len(h), self.count, -1, *h.shape[2:])

    def _scores(self, h: Tensor) -> Tensor:
        features = self._by_network(h).flatten(2).transpose(0, 1)  # (K, B, features)
        weight, bias = self.parameters["classifier.weight"], self.parameters["classifier.bias"]
        return torch.baddbmm(bias.unsqueeze(1), features, weight.mT).transpose(0, 1)

    def _features_of(self, h: Tensor) -> Tensor:
        spec = self.spec
        kept = []
        for level, stride in enumerate(spec.strides):
            h = self._convolution(h, f"convolutions.{level}", stride, kernel_and_padding(spec, stride)[1])
            h = self._blocks(activate(h, spec.activation), f"encoder_blocks.{level}")
            kept.append(h)
        for level in reversed(range(len(spec.strides) if spec.head.decoder else 0)):
            if level < len(spec.strides) - 1:
                h = self._blocks(h, f"decoder_blocks.{level}")
            h = self._deconvolution(h, level)
            if level:
                h = activate(h.add_(kept[level - 1]) if spec.skip else h, spec.activation)
        return h

    def _blocks(self, h: Tensor, name: str) -> Tensor:
        middle = self.spec.kernel // 2
        for number in range(self.spec.depth):
            inner = activate(self._convolution(h, f"{name}.{number}.first", 1, middle), self.spec.activation)
            h = self._convolution(inner, f"{name}.{number}.second", 1, middle).add_(h)
        return h

    def _convolution(self, h: Tensor, name: str, stride: int, padding: int) -> Tensor:
        weight, bias = self._weights(name)
        return F.conv2d(h, weight, bias, stride, padding, groups=self.count)

    def _deconvolution(self, h: Tensor, level: int) -> Tensor:
        # Also at stride 1, where one network's would be a convolution with turned filters: in groups that is slower.
        stride = self.spec.strides[level]
        weight, bias = self._weights(f"deconvolutions.{level}")
        padding = kernel_and_padding(self.spec, stride)[1]
        return F.conv_transpose2d(h, weight, bias, stride, padding, groups=self.count)

    def _weights(self, name: str) -> tuple[Tensor, Tensor]:
        return self.parameters[name + ".weight"].flatten(0, 1), self.parameters[name + ".bias"].flatten()
