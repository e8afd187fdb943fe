"""Networks of convolutions and deconvolutions (transposed convolutions) that restore or classify images."""

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from dlcli.config.network import Activation
from dlcli.networks.model.edges import EVERYWHERE, Sides, at_flat_borders, features, flatness
from dlcli.networks.model.fused_chain import Layer, chain
from dlcli.networks.model.phases import Strides, even_phases_
from dlcli.networks.model.pixel_shuffle import shuffled, unshuffled
from dlcli.networks.model.receptive_field import receptive_radius
from dlcli.networks.model.spec import DeconvSpec, kernel_and_padding
from dlcli.networks.model.transposed_conv import deconvolved, flip_kernel

FEW_CHANNELS = 16  # a vector register's worth


# An activation may overwrite what it is given: no backward pass needs what a convolution gave.
ACTIVATIONS: dict[Activation, Callable[[Tensor], Tensor]] = {
    "relu": F.relu_,
    "sigmoid": torch.sigmoid,
    "tanh": torch.tanh,
    "leaky-relu": lambda x: F.leaky_relu_(x, 0.1),
    "gelu": F.gelu,
}


def activate(x: Tensor, name: Activation) -> Tensor:
    """The activation ``name`` of ``x``, which may be overwritten."""
    return ACTIVATIONS[name](x)


class Deconvolution(nn.ConvTranspose2d):
    """A transposed convolution: the adjoint of the convolution with the same weights.

    At stride 1 it is computed as the convolution with the filters turned by a half and their axes swapped, which is
    the same sum and for which processors have the faster kernels; but for few output channels the gradient of such a
    convolution's weights is slow. Without a gradient, those are computed in blocks.
    """

    @property
    def is_turned(self) -> bool:
        """Whether it is computed as a convolution."""
        return self.stride == (1, 1) and self.out_channels >= FEW_CHANNELS

    @property
    def flipped_padding(self) -> int:
        """Padding of the equivalent convolution, in pixels."""
        return self.kernel_size[0] - 1 - int(self.padding[0])

    def forward(self, x: Tensor, output_size: list[int] | None = None) -> Tensor:
        """Map (B, in, h, w) to (B, out, stride * h, stride * w)."""
        if self.is_turned and output_size is None:
            # Autocast would make it of x's type after it is turned, which moves twice the bytes.
            return F.conv2d(x, flip_kernel(self.weight.to(x.dtype)), self.bias, padding=self.flipped_padding)
        if not torch.is_grad_enabled() and output_size is None:
            return deconvolved(x, self.weight.to(x.dtype), self.bias, int(self.stride[0]), int(self.padding[0]))
        result: Tensor = super().forward(x, output_size)
        return result


class ResidualBlock(nn.Module):
    """The weights of x + conv(activation(conv(x))) (He et al. 2016, without batch norm, as in EDSR).

    ``turned``: the second one is a deconvolution.
    """

    def __init__(self, channels: int, kernel: int, *, turned: bool = False) -> None:
        super().__init__()
        self.first = nn.Conv2d(channels, channels, kernel, padding=kernel // 2)
        second = Deconvolution if turned else nn.Conv2d
        self.second = second(channels, channels, kernel, padding=kernel // 2)


class DeconvNet(nn.Module):
    """The network of a ``DeconvSpec``.

    Convolutions, each followed by residual blocks; then the mirrored deconvolutions, each preceded by as many.
    """

    def __init__(self, spec: DeconvSpec) -> None:
        super().__init__()
        self.spec = spec
        self.ends_in_sigmoid = spec.head.output == "sigmoid"  # a loss of the sigmoid's input may take it away
        first, last = (n * spec.unshuffle**2 for n in (spec.input_channels, spec.output_channels))
        self.convolutions = nn.ModuleList()
        self.encoder_blocks = nn.ModuleList()
        self.deconvolutions = nn.ModuleList()
        self.decoder_blocks = nn.ModuleList()
        for level, (filters, stride) in enumerate(zip(spec.filters, spec.strides, strict=True)):
            kernel, padding = kernel_and_padding(spec, stride)
            before = spec.filters[level - 1] if level else first
            after = spec.filters[level - 1] if level else last
            self.convolutions.append(nn.Conv2d(before, filters, kernel, stride, padding))
            self.encoder_blocks.append(self._blocks(filters))
            if spec.head.decoder:
                self.deconvolutions.append(Deconvolution(filters, after, kernel, stride, padding))
                # The blocks at the bottom are the encoder's.
                bottom = level == len(spec.filters) - 1
                self.decoder_blocks.append(nn.Sequential() if bottom else self._blocks(filters))
        if spec.head.classes:
            self.classifier = nn.Linear(self._features(), spec.head.classes)
        if spec.linear:
            self.register_buffer("linear", torch.zeros(last, first, spec.linear, spec.linear))
        self.chain_of_layers = self._layers()
        self.initialize()

    def _blocks(self, channels: int) -> nn.Sequential:
        spec = self.spec
        return nn.Sequential(*(ResidualBlock(channels, spec.kernel, turned=spec.turned) for _ in range(spec.depth)))

    def _features(self) -> int:
        spec = self.spec
        padded = -(-spec.head.side // spec.multiple) * spec.multiple
        if spec.head.decoder:
            return spec.output_channels * padded * padded
        small = 1 if spec.head.pool else padded // spec.multiple
        return spec.filters[-1] * small * small

    def initialize(self) -> None:
        """He et al. (2015) normal weights, zero biases; a residual's last layer starts at zero: the identity."""
        for module in self.modules():
            if isinstance(module, (nn.Conv2d, nn.ConvTranspose2d, nn.Linear)):
                backwards = isinstance(module, nn.ConvTranspose2d)
                nn.init.kaiming_normal_(module.weight, mode="fan_out" if backwards else "fan_in", nonlinearity="relu")
                if module.bias is not None:
                    nn.init.zeros_(module.bias)
        for module in self.modules():
            if isinstance(module, ResidualBlock):
                # Blocks start near the identity, so that a deep stack neither grows nor shrinks its signal.
                module.second.weight.data.mul_(0.3)
        if self.spec.head.output == "residual" and self.spec.head.decoder:
            self.deconvolutions[0].get_parameter("weight").data.zero_()
        even_phases_(self.even_layers(), dict(self.named_parameters()))

    def hidden_weights(self) -> list[nn.Parameter]:
        """Kernels of all but the first convolution and the last deconvolution: those between hidden features."""
        ends = [self.convolutions[0].get_parameter("weight")]
        if self.spec.head.decoder:
            ends.append(self.deconvolutions[0].get_parameter("weight"))
        return [w for w in self.parameters() if w.ndim == 4 and not any(w is end for end in ends)]

    def even_layers(self) -> Strides:
        """The strided deconvolutions of a network that makes images: their phases are to be even."""
        spec = self.spec
        if spec.head.classes:
            return {}
        shuffles = [spec.unshuffle] + [1] * (len(spec.strides) - 1)
        pairs = enumerate(zip(spec.strides, shuffles, strict=True))
        return {f"deconvolutions.{level}": pair for level, pair in pairs if pair[0] > 1}

    def forward(self, x: Tensor, base: Tensor | None = None, sides: Sides = EVERYWHERE) -> Tensor:
        """Restored images (B, output_channels, H, W), or class scores (B, classes), from x (B, input_channels, H, W).

        ``base`` (B, output_channels, H, W) is what a residual is subtracted from; by default x. ``sides`` says where x
        is cut out of a larger image whose border it isn't.
        """
        spec = self.spec
        if spec.head.mirrored and not self.training:
            logs = self._output(torch.cat([x, x.flip(3)]), None, sides).float().log_softmax(1)
            return torch.logaddexp(*logs.chunk(2)) - math.log(2)
        return self._output(x, base, sides)

    def _output(self, x: Tensor, base: Tensor | None, sides: Sides) -> Tensor:
        spec = self.spec
        height, width = x.shape[-2:]
        padded = pad_to_multiple(x, spec.multiple)
        cells = unshuffled(padded - spec.center if spec.center else padded, spec.unshuffle)
        h = self._features_of(cells)
        if spec.head.classes:
            pools = spec.head.pool and not spec.head.decoder
            scores: Tensor = self.classifier(h.mean((2, 3)) if pools else h.flatten(1))
            return scores
        h = shuffled(self._with_linear(h, cells), spec.unshuffle)
        if spec.edges and not self.training:
            h = self._flat_where_images_are(h, padded, cells, sides)
        h = h[..., :height, :width] if padded is not x else h
        if spec.head.output == "residual":
            return (x if base is None else base) - (h * x[:, -1:] if spec.head.masked else h)
        # In float32: bfloat16 has too few steps near 0 and 1 for a logarithm.
        return torch.sigmoid(h.float()) if self.ends_in_sigmoid else h

    def _with_linear(self, h: Tensor, cells: Tensor) -> Tensor:
        if not self.spec.linear:
            return h
        # Continued by the cells at the border, so that flat images are flat there, too.
        around = F.pad(cells, [self.spec.linear // 2] * 4, mode="replicate")
        return h + F.conv2d(around, self.get_buffer("linear").to(cells.dtype))

    def _flat_where_images_are(self, h: Tensor, x: Tensor, cells: Tensor, sides: Sides) -> Tensor:
        """What the network made of ``x`` with zeros beyond its borders, where it is flat as without borders."""
        spec = self.spec
        share = flatness(x[:, :-1] if spec.head.masked else x)
        if share is None:
            return h
        if spec.head.masked:  # whatever the holes are, all around them is the one value that they are filled with
            return h * (1 - share)
        zone = -(-receptive_radius(spec) // spec.multiple) * spec.multiple, sides
        made = at_flat_borders(h, cells, share, zone, self._borderless)
        means = F.avg_pool2d(made, spec.multiple)  # what is flat has but one value
        return h + share * (F.interpolate(means, scale_factor=float(spec.multiple)) - h)

    def _borderless(self, cells: Tensor) -> Tensor:
        spec, (layers, modules) = self.spec, self.chain_of_layers
        h = features(list(zip(layers, modules, strict=True)), cells, lambda values: activate(values, spec.activation))
        return shuffled(self._with_linear(h, cells), spec.unshuffle)

    def _features_of(self, h: Tensor) -> Tensor:
        layers, modules = self.chain_of_layers
        if self._written_out(h):
            return chain(layers, h, [tensor for m in modules for tensor in (m.weight, m.bias)])
        spec, kept = self.spec, {}
        added = {layer.adds for layer in layers}
        for number, (layer, module) in enumerate(zip(layers, modules, strict=True)):
            if number in added:
                kept[number] = h
            h = module(h)
            if layer.adds is not None:
                h = h.add_(kept.pop(layer.adds))
            if layer.activated:
                h = activate(h, spec.activation)
            if layer.drops and spec.dropout:
                h = F.dropout2d(h, spec.dropout, self.training)
        return h

    def _written_out(self, h: Tensor) -> bool:
        """Whether a step is to be taken whose gradient ``chain`` knows."""
        return (
            self.spec.activation == "relu" and not self.spec.dropout and torch.is_grad_enabled()
            and not torch.is_autocast_enabled(h.device.type) and not torch.compiler.is_compiling()
        )  # fmt: skip

    def _layers(self) -> tuple[list[Layer], list[Any]]:
        """The network's layers in the order in which they are taken, and the modules that have their weights."""
        spec, layers, modules = self.spec, [], []

        def append(module: Any, **more: Any) -> None:
            backwards = isinstance(module, Deconvolution)
            as_convolution = backwards and module.is_turned
            padding = module.flipped_padding if as_convolution else module.padding[0]
            layers.append(Layer(module.stride[0], padding, backwards and not as_convolution, as_convolution, **more))
            modules.append(module)

        def append_blocks(blocks: nn.Module) -> None:
            for block in blocks.children():
                start = len(layers)
                append(block.first, activated=True)
                append(block.second, adds=start)

        kept = []
        for convolution, blocks in zip(self.convolutions, self.encoder_blocks, strict=True):
            append(convolution, activated=True, drops=True)
            append_blocks(blocks)
            kept.append(len(layers))
        for level in reversed(range(len(self.deconvolutions))):
            append_blocks(self.decoder_blocks[level])
            hidden = level > 0
            adds = kept[level - 1] if hidden and spec.skip else None
            append(self.deconvolutions[level], activated=hidden, drops=hidden, adds=adds)
        return layers, modules


def pad_to_multiple(x: Tensor, multiple: int) -> Tensor:
    """``x`` (B, C, H, W) continued at the bottom and on the right by its last pixels, to multiples of ``multiple``."""
    height, width = x.shape[-2:]
    down, right = -height % multiple, -width % multiple
    return F.pad(x, (0, right, 0, down), mode="replicate") if down or right else x
