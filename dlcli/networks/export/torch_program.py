"""A network as a program of torch.export, ``.pt2``: PyTorch runs it without dlcli, by torch.export.load(FILE).module().

TorchScript, which has had that place, is deprecated. Pixels become channels by convolutions with kernels of a single
1, and padding is a choice of rows and columns, as programs of free sizes can't tell that a padded side is a whole
multiple.
"""

import io
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.export import Dim
from torch.fx.experimental import _config
from torch.nn import functional as F

from dlcli.engine.arrays import AnyArray
from dlcli.errors import DlcliError
from dlcli.files import to_json
from dlcli.networks.export.image_model import INPUT, ImageModel
from dlcli.networks.export.layers import as_convolution
from dlcli.networks.model.deconv import activate

ABOUT = "dlcli.json"
FIRST = (37, 29)  # height and width that the program is traced with; any will do
WHITE = 255


class Program(nn.Module):
    """A model of images, of operations that keep height and width free."""

    def __init__(self, model: ImageModel) -> None:
        """Raises DlcliError for networks whose images are prepared in ways that a program can't hold."""
        super().__init__()
        trained = model.trained
        if not trained.classes and (model.second == "mask" or trained.degradation.scale > 1):
            raise DlcliError(
                f"--format torch is for networks that start from the image itself, and this one does {trained.task}",
                "--format onnx takes it",
            )
        self._told = model.second is not None
        self._spec, self._own, self._eight_bit = trained.network.spec, model.form.own, trained.scales.eight_bit
        network = trained.network
        self._layers, modules = network.chain_of_layers
        plain = [as_convolution(module) for module in modules]
        self._settings = [(one.transposed, one.stride, one.padding) for one in plain]
        self.weights = nn.ParameterList([one.weight.detach().contiguous() for one in plain])
        self.biases = nn.ParameterList([module.bias.detach() for module in modules])
        if trained.classes:
            self.classifier = network.classifier
        if self._spec.linear:
            self.register_buffer("linear", network.get_buffer("linear").contiguous())
        self.register_buffer("places", torch.eye(self._spec.unshuffle**2).view(-1, 1, *(self._spec.unshuffle,) * 2))
        for name, scale in (("input", trained.scales.inputs), ("target", trained.scales.targets)):
            for end, values in (("low", scale.low), ("span", scale.spans)):
                self.register_buffer(f"{name}_{end}", torch.tensor(values).view(1, -1, 1, 1))
        self._span = trained.scales.inputs.span

    def forward(self, x: Tensor, sigma: Tensor | None = None) -> Tensor:
        """Images, or probabilities of classes."""
        spec = self._spec
        if self._own:
            x = (x - self.get_buffer("input_low")) / self.get_buffer("input_span")
        if spec.head.classes:
            if not self._eight_bit:
                x = (x * WHITE).round().clamp(0, WHITE) / WHITE
            found = self._softmax(x)
            return (found + self._softmax(x.flip(3))) / 2 if spec.head.mirrored else found
        base = x
        if sigma is not None:
            level = sigma / self._span if self._own else sigma
            x = torch.cat([x, level.expand(x.shape[0], 1, x.shape[2], x.shape[3])], 1)
        h = self._features(x)
        h = self._shuffled(h)[..., : x.shape[2], : x.shape[3]]
        if spec.head.output == "residual":
            h = base - h
        elif spec.head.output == "sigmoid":
            h = torch.sigmoid(h)
        return h * self.get_buffer("target_span") + self.get_buffer("target_low") if self._own else h

    def _softmax(self, x: Tensor) -> Tensor:
        h = self._features(x)
        pools = self._spec.head.pool and not self._spec.head.decoder
        scores: Tensor = self.classifier(h.mean((2, 3)) if pools else h.flatten(1))
        return scores.softmax(1)

    def _features(self, x: Tensor) -> Tensor:
        spec = self._spec
        for axis in (2, 3):
            side, multiple = x.shape[axis], spec.multiple
            places = torch.arange((side + multiple - 1) // multiple * multiple, device=x.device)
            x = x.index_select(axis, places.clamp(max=side - 1))
        x = x - spec.center if spec.center else x
        if spec.unshuffle > 1:
            kernels = self.get_buffer("places").repeat(spec.input_channels, 1, 1, 1)
            x = F.conv2d(x, kernels, stride=spec.unshuffle, groups=spec.input_channels)
        values = [x]
        for number, (layer, (transposed, stride, padding)) in enumerate(zip(self._layers, self._settings, strict=True)):
            convolve = F.conv_transpose2d if transposed else F.conv2d
            h = convolve(values[-1], self.weights[number], self.biases[number], stride, padding)
            h = h + values[layer.adds] if layer.adds is not None else h
            values.append(activate(h, spec.activation) if layer.activated else h)
        return values[-1] + self._linear(values[0]) if spec.linear else values[-1]

    def _linear(self, cells: Tensor) -> Tensor:
        around = self._spec.linear // 2
        for axis in (2, 3):
            side = cells.shape[axis]
            places = torch.arange(side + 2 * around, device=cells.device) - around
            cells = cells.index_select(axis, places.clamp(0, side - 1))
        return F.conv2d(cells, self.get_buffer("linear"))

    def _shuffled(self, h: Tensor) -> Tensor:
        factor, channels = self._spec.unshuffle, self._spec.output_channels
        if factor == 1:
            return h
        kernels = self.get_buffer("places").repeat(channels, 1, 1, 1)
        return F.conv_transpose2d(h, kernels, stride=factor, groups=channels)


def to_program(model: ImageModel) -> bytes:
    """The file. Raises DlcliError for a network that can't be exported so."""
    program = Program(model).eval()
    side = model.trained.network.spec.head.side
    height, width = (side, side) if model.trained.classes else FIRST
    example = model.example(height, width, 0, 2)
    inputs = tuple(torch.from_numpy(example[port.name]) for port in model.inputs)
    free: dict[int, Any] = dict.fromkeys((0,) if model.trained.classes else (0, 2, 3), Dim.DYNAMIC)
    # Without this, sides of 1 and of whole multiples are taken for special and refused by the program.
    oblivious: Any = _config.patch(backed_size_oblivious=True)  # type: ignore[attr-defined]
    with torch.no_grad(), oblivious:
        exported = torch.export.export(
            program,
            inputs,
            dynamic_shapes=tuple(free for _ in inputs),
            prefer_deferred_runtime_asserts_over_guards=True,
        )
    stream = io.BytesIO()
    torch.export.save(exported, stream, extra_files={ABOUT: to_json(model.about)})
    return stream.getvalue()


class Loaded:
    """A program read again, as others do."""

    def __init__(self, content: bytes, model: ImageModel) -> None:
        self._module = torch.export.load(io.BytesIO(content)).module()
        self._names = [port.name for port in model.inputs]

    def run(self, inputs: Mapping[str, AnyArray]) -> AnyArray:
        """Its output."""
        assert self._names[0] == INPUT
        with torch.no_grad():
            result: Tensor = self._module(*(torch.from_numpy(inputs[name].copy()) for name in self._names))
        return result.numpy()
