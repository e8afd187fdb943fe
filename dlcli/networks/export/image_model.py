"""The whole model of a network, from images to images or classes, as a graph of ONNX, and the same by dlcli itself."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from dlcli import __version__
from dlcli.engine.arrays import AnyArray
from dlcli.errors import DlcliError
from dlcli.exports.graph import Dimension, Graph, Port
from dlcli.files import to_json
from dlcli.images.normalization import EIGHT_BIT, Normalization
from dlcli.networks.export.layers import Layers
from dlcli.networks.export.preparation import prepared, second_input
from dlcli.networks.inference.trained import TrainedNetwork, exactly
from dlcli.networks.tensors import in_units, normalized_

INPUT, OUTPUT, PROBABILITIES = "input", "output", "probabilities"
COLORS = 3


@dataclass(frozen=True)
class Form:
    """How a format calls a model.

    ``own``: values are in the units of the images, 0 to 255 of 8 bits; else what the network sees as 0 to 1 is that.
    ``color``: three channels for a network of gray images too, which then sees each by itself. ``map``: a noise level
    has a value for each pixel, else it may be one number. ``batch``: how many images at a time; a name: any number.
    """

    own: bool = False
    color: bool = False
    map: bool = False
    batch: Dimension = "batch"


@dataclass(frozen=True)
class ImageModel:
    """A network as a model of ``form``."""

    trained: TrainedNetwork
    form: Form

    @property
    def by_channel(self) -> bool:
        """Whether the channels of an image go through the network one by one."""
        return self.form.color and self.trained.channels == 1

    @property
    def channels(self) -> int:
        """Of the images."""
        return COLORS if self.by_channel else self.trained.channels

    @cached_property
    def second(self) -> str | None:
        """What the model is given beside the images. Raises DlcliError for a network that can't be exported."""
        if self.trained.classes:
            return None
        return second_input(self.trained.degradation, self.trained.channels, self.trained.network.spec.input_channels)

    @cached_property
    def inputs(self) -> tuple[Port, ...]:
        """What it is given."""
        batch, side = self.form.batch, self.trained.network.spec.head.side
        free: tuple[Dimension, ...] = (side, side) if self.trained.classes else ("height", "width")
        images = Port(INPUT, (batch, self.channels, *free), f"images: {self._range(self.trained.scales.inputs)}")
        if self.second is None:
            return (images,)
        if self.second == "mask":
            return images, Port("mask", (batch, 1, *free), "1 where a pixel is missing, else 0")
        each = "for each pixel" if self.form.map else "for each pixel or one number (1, 1, 1, 1)"
        what = f"deviation of the noise, {each}, in the units of the images"
        scale = self.trained.scales.inputs
        eight = "" if self.form.own or not scale.eight_bit else ": sigma / 255"
        shape = (batch, 1, *free) if self.form.map else ("sigma_batch", 1, "sigma_height", "sigma_width")
        return images, Port("sigma", shape, f"{what}{eight}")

    @cached_property
    def output(self) -> Port:
        """What it gives."""
        if classes := self.trained.classes:
            return Port(PROBABILITIES, (self.form.batch, len(classes)), "probability of each class, in their order")
        scale = self.trained.degradation.scale
        free = ("height", "width") if scale == 1 else ("output_height", "output_width")
        about = f"images, not clipped: {self._range(self.trained.scales.targets)}"
        return Port(OUTPUT, (self.form.batch, self.channels, *free), about)

    @property
    def about(self) -> dict[str, str]:
        """What goes into the file's metadata."""
        known = {
            "made_by": f"dlcli {__version__}", "task": self.trained.task, "input_values": self.inputs[0].about,
            "output_values": self.output.about,
        }  # fmt: skip
        if self.second:
            known[f"{self.second}_values"] = self.inputs[1].about
        if self.trained.classes:
            known["classes"] = to_json(list(self.trained.classes), indent=None)
        return known

    def to_onnx(self, format: str) -> bytes:
        """The file. Raises DlcliError for a network that can't be exported."""
        graph = Graph(format)
        spec, scales = self.trained.network.spec, self.trained.scales
        layers = Layers(graph, self.trained.network)
        if self.trained.classes:
            x = self._whole(graph, self._normalized(graph, INPUT))
            return graph.model(self.inputs, [(layers.probabilities(x), self.output)], self.about)
        x = self._normalized(graph, INPUT)
        second = self._second(graph)
        if self.by_channel:
            x = self._as_batch(graph, x)
        ready = prepared(graph, self.trained.degradation, x, second)
        y = layers.restored(ready.input, ready.base, ready.mask if spec.head.masked else None)
        if self.by_channel:
            rest = graph.add("Shape", y, start=2)
            color = graph.add("Concat", graph.constant([-1, self.channels], "color"), rest, axis=0)
            y = graph.add("Reshape", y, color)
        if self.form.own:
            y = graph.add("Mul", y, self._ends(graph, scales.targets.spans, "target_span"))
            y = graph.add("Add", y, self._ends(graph, scales.targets.low, "target_low"))
        return graph.model(self.inputs, [(y, self.output)], self.about)

    def example(self, height: int, width: int, seed: int, batch: int = 1) -> dict[str, AnyArray]:
        """Random inputs of a size."""
        draw = np.random.default_rng(seed)
        scale = self.trained.scales.inputs
        x = draw.random((batch, self.channels, height, width), np.float32)
        if self.form.own:
            low, span = (np.array(e, np.float32).reshape(1, -1, 1, 1) for e in (scale.low, scale.spans))
            x = x * span + low
        values = {INPUT: x}
        if self.second == "mask":
            values["mask"] = (draw.random((batch, 1, height, width)) < 0.3).astype(np.float32)
            values["mask"][..., 0, 0] = 0  # a pixel is known
        if self.second == "sigma":
            sigma = draw.random((batch, 1, height, width), np.float32) * 0.2
            values["sigma"] = (sigma * scale.span if self.form.own else sigma).astype(np.float32)
        return values

    def by_dlcli(self, inputs: Mapping[str, AnyArray]) -> AnyArray:
        """The output, in float64, as ``dlcli predict`` computes it."""
        trained, scales = self.trained, self.trained.scales
        x = torch.from_numpy(inputs[INPUT].copy())
        if self.form.own:
            x = normalized_(x, scales.inputs)
        with exactly():
            if trained.classes:
                if not self._eight_bit:
                    x = (x * 255).round().clamp(0, 255) / 255
                scores: Tensor = trained.network(x)
                return torch.softmax(scores.double(), 1).numpy()
            if self.by_channel:
                x = x.flatten(0, 1)[:, None]
            y = self._restored(x, inputs)
            if self.by_channel:
                y = y.reshape(-1, self.channels, *y.shape[2:])
            return (in_units(y, scales.targets) if self.form.own else y.double()).numpy()

    def _restored(self, x: Tensor, inputs: Mapping[str, AnyArray]) -> Tensor:
        trained = self.trained
        if self.second is None:
            observed = trained.degradation.prepare_known(x, 0, None)
            return trained.network(observed.input, observed.base)  # type: ignore[no-any-return]
        second = torch.from_numpy(inputs[self.second].copy())
        if self.by_channel:
            second = second.repeat_interleave(self.channels, 0)
        if self.second == "sigma":
            sigma = second / trained.scales.inputs.span if self.form.own else second
            return trained.network(torch.cat([x, sigma], 1), x)  # type: ignore[no-any-return]
        masks = (mask[0].numpy() > 0.5 for mask in second)
        each = [trained.degradation.prepare_known(image[None], 0, mask) for image, mask in zip(x, masks, strict=True)]
        return torch.cat([trained.network(one.input, one.base) for one in each])

    @property
    def _eight_bit(self) -> bool:
        return self.trained.scales.eight_bit

    def _range(self, scale: Normalization) -> str:
        """What the values are."""
        if self.form.own:
            return f"in their own units ({scale.dtype}, {scale.shown} in training), as float32"
        return "0 to 1, those of 8 bits divided by 255" if scale == EIGHT_BIT else f"0 to 1 for {scale.shown}"

    def _normalized(self, graph: Graph, x: str) -> str:
        """Values as the network sees them."""
        scale = self.trained.scales.inputs
        if not self.form.own:
            return x
        if any(scale.low):
            x = graph.add("Sub", x, self._ends(graph, scale.low, "low"))
        return graph.add("Div", x, self._ends(graph, scale.spans, "span"))

    def _whole(self, graph: Graph, x: str) -> str:
        """Images of classes have 8 bits to the network, whatever the file has."""
        if self._eight_bit:
            return x
        white, black = (graph.constant(np.array(value, np.float32)) for value in (255, 0))
        return graph.add("Div", graph.add("Clip", graph.add("Round", graph.add("Mul", x, white)), black, white), white)

    def _second(self, graph: Graph) -> str | None:
        if self.second is None:
            return None
        x = self.second
        if x == "sigma":
            if self.form.own:
                x = graph.add("Div", x, graph.constant(np.array(self.trained.scales.inputs.span, np.float32)))
            first, rest = graph.side(INPUT, 0), graph.add("Shape", INPUT, start=2)
            shape = graph.add("Concat", first, graph.constant([1], "at.1"), rest, axis=0)
            x = graph.add("Expand", x, shape)
        if self.by_channel:  # once for each channel
            rest = graph.add("Shape", INPUT, start=1)
            shape = graph.add("Concat", graph.side(INPUT, 0), rest, axis=0)
            x = self._as_batch(graph, graph.add("Expand", x, shape))
        return x

    @staticmethod
    def _as_batch(graph: Graph, x: str) -> str:
        """Channels (B, C, H, W) as images of one, (B C, 1, H, W)."""
        rest = graph.add("Shape", x, start=2)
        return graph.add("Reshape", x, graph.add("Concat", graph.constant([-1, 1], "images"), rest, axis=0))

    @staticmethod
    def _ends(graph: Graph, values: tuple[float, ...], name: str) -> str:
        return graph.constant(np.array(values, np.float32).reshape(1, -1, 1, 1), name)


def usual_form(trained: TrainedNetwork) -> Form:
    """That of ONNX: images of 8 bits as 0 to 1, others in their own units."""
    return Form(own=not trained.scales.eight_bit)


def refuse_unfit_values(trained: TrainedNetwork, format: str) -> None:
    """Raise DlcliError where images from black to white are not what the network was trained on."""
    scales = trained.scales
    for scale in (scales.inputs, scales.targets):
        if set(scale.low) != {0.0} or len(set(scale.high)) != 1:
            raise DlcliError(
                f"--format {format} is for photographs, and the network was trained on values from {scale.shown}",
                "--format onnx or bioimage keeps the units of the images",
            )
    if scales.inputs.span != scales.targets.span:
        raise DlcliError(
            f"--format {format}: the network makes values from {scales.targets.shown} of those from "
            f"{scales.inputs.shown}", "--format onnx or bioimage keeps the units of the images",
        )  # fmt: skip
