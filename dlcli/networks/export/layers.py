"""The layers of a network as nodes of ONNX."""

import math
from dataclasses import dataclass

import numpy as np
from torch import Tensor, nn

from dlcli.engine.arrays import AnyArray
from dlcli.exports.graph import Graph
from dlcli.networks.model.deconv import DeconvNet, Deconvolution
from dlcli.networks.model.transposed_conv import flip_kernel

BEGIN_TO_END = -(2**63)  # where a slice that goes backwards ends, to take the first element as well


@dataclass(frozen=True)
class Convolution:
    """A layer as other programs have it; ``transposed``: a deconvolution, of weights (in, out, h, w)."""

    weight: Tensor
    stride: int
    padding: int
    transposed: bool = False


def as_convolution(module: nn.Conv2d | nn.ConvTranspose2d) -> Convolution:
    """A deconvolution of stride 1 is the convolution that is the same sum, which runtimes have faster kernels for."""
    stride, padding = int(module.stride[0]), int(module.padding[0])
    if isinstance(module, Deconvolution) and stride == 1:
        return Convolution(flip_kernel(module.weight), stride, module.flipped_padding)
    return Convolution(module.weight, stride, padding, isinstance(module, Deconvolution))


class Layers:
    """The nodes of a network; each of its two methods may be asked for several inputs, of the same weights."""

    def __init__(self, graph: Graph, network: DeconvNet) -> None:
        self._graph, self._network, self._spec = graph, network, network.spec

    def restored(self, x: str, base: str, mask: str | None = None) -> str:
        """Images (B, C, H, W) from what the network is given, and what a residual is subtracted from.

        Outside of ``mask`` (B, 1, H, W), if there is one, the residual is 0.
        """
        graph, spec = self._graph, self._spec
        h = self._features(x)
        if spec.unshuffle > 1:
            h = graph.add("DepthToSpace", h, blocksize=spec.unshuffle, mode="CRD")
        if spec.multiple > 1:
            ends = graph.add("Shape", x, start=2, end=4)
            h = graph.add("Slice", h, graph.constant([0, 0], "origin"), ends, graph.constant([2, 3], "sides"))
        if spec.head.output == "residual":
            return graph.add("Sub", base, graph.add("Mul", h, mask) if mask else h)
        return graph.add("Sigmoid", h) if spec.head.output == "sigmoid" else h

    def probabilities(self, x: str) -> str:
        """Those of the classes (B, classes)."""
        graph = self._graph
        found = self._softmax(x)
        if not self._spec.head.mirrored:
            return found
        backwards = [graph.constant([n], f"flip.{n}") for n in (-1, BEGIN_TO_END, 3)]
        mirrored = graph.add("Slice", x, *backwards, graph.constant([-1], "flip.-1"))
        both = graph.add("Add", found, self._softmax(mirrored))
        return graph.add("Mul", both, graph.constant(np.array(0.5, np.float32), "half"))

    def _softmax(self, x: str) -> str:
        graph, spec = self._graph, self._spec
        h = self._features(x)
        if spec.head.pool and not spec.head.decoder:
            h = graph.add("GlobalAveragePool", h)
        weights = (self._tensor(self._network.classifier, name, "classifier") for name in ("weight", "bias"))
        scores = graph.add("Gemm", graph.add("Flatten", h, axis=1), *weights, transB=1)
        return graph.add("Softmax", scores, axis=1)

    def _features(self, x: str) -> str:
        graph, spec = self._graph, self._spec
        h = self._padded(x)
        if spec.center:
            h = graph.add("Sub", h, graph.constant(np.array(spec.center, np.float32), "center"))
        if spec.unshuffle > 1:
            h = graph.add("SpaceToDepth", h, blocksize=spec.unshuffle)
        layers, modules = self._network.chain_of_layers
        values = [h]
        for number, (layer, module) in enumerate(zip(layers, modules, strict=True)):
            h = self._convolved(h, module, number)
            if layer.adds is not None:
                h = graph.add("Add", h, values[layer.adds])
            if layer.activated:
                h = self._activated(h)
            values.append(h)
        return graph.add("Add", h, self._linear(values[0])) if spec.linear else h

    def _linear(self, cells: str) -> str:
        """The fixed linear estimate of the residual, its input continued by the cells at the border."""
        graph, around = self._graph, self._spec.linear // 2
        pads = graph.constant([0, 0, around, around] * 2, "linear.pads")
        kernel = self._as_space_to_depth(_array(self._network.get_buffer("linear")))
        return graph.add("Conv", graph.add("Pad", cells, pads, mode="edge"), graph.constant(kernel, "linear"))

    def _padded(self, x: str) -> str:
        """``x`` continued by its last pixels, to whole multiples of the network's own."""
        graph, multiple = self._graph, self._spec.multiple
        if multiple == 1:
            return x
        sides = graph.add("Shape", x, start=2, end=4)
        # The remainder has the sign of the divisor, as in Python.
        missing = graph.add("Mod", graph.add("Neg", sides), graph.constant([multiple], "multiple"))
        pads = graph.add("Concat", graph.constant([0] * 6, "pads"), missing, axis=0)
        return graph.add("Pad", x, pads, mode="edge")

    def _convolved(self, h: str, module: nn.Conv2d | nn.ConvTranspose2d, number: int) -> str:
        name, plain = f"layer.{number}", as_convolution(module)
        operator = "ConvTranspose" if plain.transposed else "Conv"
        values = _array(plain.weight)
        if number == 0:
            values = self._as_space_to_depth(values)
        return self._graph.add(
            operator, h, self._graph.constant(values, f"{name}.weight"), self._tensor(module, "bias", name),
            strides=[plain.stride] * 2, pads=[plain.padding] * 4,
        )  # fmt: skip

    def _as_space_to_depth(self, weight: AnyArray) -> AnyArray:
        """The first kernel, its inputs ordered as ONNX's SpaceToDepth has them: by place, then by channel."""
        channels, places = self._spec.input_channels, self._spec.unshuffle**2
        parted = weight.reshape(len(weight), channels, places, *weight.shape[2:])
        return parted.swapaxes(1, 2).reshape(weight.shape)

    def _activated(self, h: str) -> str:
        graph, name = self._graph, self._spec.activation
        if name == "leaky-relu":
            return graph.add("LeakyRelu", h, alpha=0.1)
        if name != "gelu":
            return graph.add({"relu": "Relu", "sigmoid": "Sigmoid", "tanh": "Tanh"}[name], h)
        # x Phi(x); ONNX has a node for it only since opset 20.
        root, one, half = (
            graph.constant(np.array(value, np.float32), f"gelu.{place}")
            for place, value in enumerate((math.sqrt(0.5), 1.0, 0.5))
        )
        phi = graph.add("Mul", graph.add("Add", graph.add("Erf", graph.add("Mul", h, root)), one), half)
        return graph.add("Mul", h, phi)

    def _tensor(self, module: nn.Module, name: str, layer: str) -> str:
        return self._graph.constant(_array(module.get_parameter(name)), f"{layer}.{name}")


def _array(tensor: Tensor) -> AnyArray:
    return tensor.detach().cpu().float().numpy()
