"""Receptive field of a network: the input pixels on which an output pixel depends."""

from dlcli.networks.model.spec import DeconvSpec, kernel_and_padding


def receptive_radius(spec: DeconvSpec) -> int:
    """How many pixels beyond a block of the output, aligned to ``spec.multiple``, the block's values depend on.

    Exact: all blocks are alike, as the network commutes with shifts by that multiple; with strides single pixels are
    not.
    """
    first, last = receptive_span(spec, 0, spec.multiple - 1)
    return max(-first, last + 1 - spec.multiple)


def receptive_span(spec: DeconvSpec, first: int, last: int) -> tuple[int, int]:
    """The first and the last input pixel along a row on which the output pixels ``first`` to ``last`` depend.

    Exact: they are followed from the output to the input, layer by layer. Skips see no further than the layers around
    them, and an image to which a residual is added no further than the network.
    """
    cell = spec.unshuffle
    start, stop = first // cell, last // cell
    linear = spec.linear // 2
    ends = start - linear, stop + linear
    blocks = spec.depth * 2 * (spec.kernel // 2)  # pixels on each side, of the residual blocks of one level
    for level, stride in enumerate(spec.strides):
        kernel, padding = kernel_and_padding(spec, stride)
        # Pixel i of a deconvolution gets what the pixels j give to j * stride - padding + (0 .. kernel - 1).
        start, stop = -(-(start + padding - kernel + 1) // stride), (stop + padding) // stride
        if level < len(spec.strides) - 1:  # the blocks at the bottom are the encoder's
            start, stop = start - blocks, stop + blocks
    for stride in reversed(spec.strides):
        kernel, padding = kernel_and_padding(spec, stride)
        start, stop = start - blocks, stop + blocks
        start, stop = start * stride - padding, stop * stride - padding + kernel - 1
    if spec.linear:
        start, stop = min(start, ends[0]), max(stop, ends[1])
    return start * cell, (stop + 1) * cell - 1
