"""What becomes of an image before a network sees it, as nodes of ONNX: ``Degradation.prepare``."""

from dataclasses import dataclass

import numpy as np

from dlcli.degradations.base import Degradation
from dlcli.degradations.downsample import Upscale
from dlcli.degradations.mask import TRUST, Inpaint
from dlcli.errors import DlcliError
from dlcli.exports.graph import Graph

LEVELS = 15  # of the pyramid that missing pixels are filled from: images of up to 32,768 pixels a side


@dataclass(frozen=True)
class Prepared:
    """What the network is given, what its residual is subtracted from, and where pixels are missing."""

    input: str
    base: str
    mask: str | None = None


def second_input(degradation: Degradation, channels: int, inputs: int) -> str | None:
    """What a model is given beside images of ``channels`` channels, where its network takes ``inputs`` of them.

    "sigma", a noise level map; "mask", the pixels that are missing; or None. Raises DlcliError for what can't be.
    """
    if isinstance(degradation, Inpaint):
        return "mask"
    as_it_is = degradation.reach == 0  # an image that is prepared in another way is noticed when the model is tried
    if as_it_is and inputs == channels + 1:
        return "sigma"
    if (as_it_is or isinstance(degradation, Upscale)) and inputs == channels:
        return None
    raise DlcliError(
        "the network starts from a filter of the whole image by its blur kernel, which is no part of an exported model",
        "use 'dlcli predict'; networks of other tasks, and those of a range of blurs, can be exported",
    )


def prepared(graph: Graph, degradation: Degradation, x: str, second: str | None) -> Prepared:
    """The nodes for images ``x`` (B, C, h, w) as the network has them, and the ``second_input`` (B, 1, h, w)."""
    if isinstance(degradation, Upscale):
        enlarged = _enlarged(graph, x, degradation.scale)
        return Prepared(enlarged, enlarged)
    if second is None:
        return Prepared(x, x)
    if isinstance(degradation, Inpaint):
        missing = graph.add("Greater", second, _number(graph, 0.5))
        mask = graph.add("Cast", missing, to=1)  # float32
        filled = _filled(graph, x, missing, mask)
        return Prepared(graph.add("Concat", filled, mask, axis=1), filled, mask)
    return Prepared(graph.add("Concat", x, second, axis=1), x)


def _number(graph: Graph, value: float) -> str:
    return graph.constant(np.array(value, np.float32), f"number.{value:g}")


def _enlarged(graph: Graph, x: str, scale: int) -> str:
    """``enlarge``: bicubic, of the image mirrored at its border."""
    for axis in (2, 3):
        x = _mirrored(graph, x, axis)
    sizes = graph.constant(np.array([1, 1, scale, scale], np.float32), "scales")
    large = graph.add(
        "Resize", x, "", sizes, mode="cubic", cubic_coeff_a=-0.5, coordinate_transformation_mode="half_pixel"
    )
    cut = 2 * scale
    start, end, axes = graph.constant([cut, cut]), graph.constant([-cut, -cut]), graph.constant([2, 3], "sides")
    return graph.add("Slice", large, start, end, axes)


def _mirrored(graph: Graph, x: str, axis: int) -> str:
    """Two pixels more at both ends, the border's own repeated."""
    side = graph.add("Squeeze", graph.side(x, axis))
    one, two = (graph.constant(np.array(n, np.int64), f"whole.{n}") for n in (1, 2))
    twice = graph.add("Mul", side, two)
    places = graph.add("Range", graph.constant(np.array(-2, np.int64), "whole.-2"), graph.add("Add", side, two), one)
    places = graph.add("Mod", places, twice)
    back = graph.add("Sub", graph.add("Sub", twice, one), places)
    return graph.add("Gather", x, graph.add("Min", places, back), axis=axis)


def _filled(graph: Graph, x: str, missing: str, mask: str) -> str:
    """``fill_missing``: normalized convolution over a pyramid. It has as many levels as the largest image needs:
    those above a single pixel don't change what they are given.
    """
    known = graph.add("Sub", _number(graph, 1.0), mask)
    shown = graph.add("Where", missing, _number(graph, 0.0), x)
    sums = graph.add("Concat", shown, known, axis=1)
    return graph.add("Where", missing, _local_mean(graph, sums, LEVELS), shown)


def _local_mean(graph: Graph, sums: str, levels: int) -> str:
    if not levels:
        values, weights = _parted(graph, sums)
        return graph.add("Div", values, graph.add("Max", weights, _number(graph, 1e-6)))
    sides = graph.add("Shape", sums, start=2, end=4)
    odd = graph.add("Mod", sides, graph.constant([2], "two"))
    even = graph.add("Pad", sums, graph.add("Concat", graph.constant([0] * 6, "pads"), odd, axis=0))
    half = graph.add("AveragePool", even, kernel_shape=[2, 2], strides=[2, 2])
    twice = graph.constant(np.array([1, 1, 2, 2], np.float32), "twice")
    half = _local_mean(graph, half, levels - 1)
    coarse = graph.add("Resize", half, "", twice, mode="linear", coordinate_transformation_mode="half_pixel")
    wide = graph.add("AveragePool", even, kernel_shape=[2, 2], pads=[1, 1, 1, 1], count_include_pad=1)
    values, weights = _parted(graph, graph.add("AveragePool", wide, kernel_shape=[2, 2]))
    trust = _number(graph, TRUST)
    above = graph.add("Add", values, graph.add("Mul", coarse, trust))
    means = graph.add("Div", above, graph.add("Add", weights, trust))
    return graph.add("Slice", means, graph.constant([0, 0], "origin"), sides, graph.constant([2, 3], "sides"))


def _parted(graph: Graph, sums: str) -> tuple[str, str]:
    """The values, and the weights, which are the last channel."""
    first, last, end, axis = (graph.constant([n], f"at.{n}") for n in (0, -1, 2**62, 1))
    return graph.add("Slice", sums, first, last, axis), graph.add("Slice", sums, last, end, axis)
