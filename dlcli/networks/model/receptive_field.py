"""Receptive field of a network: the input pixels on which an output pixel depends."""

from dlcli.networks.model.spec import DeconvSpec, kernel_and_padding


def receptive_radius(spec: DeconvSpec) -> int:
    """How many pixels beyond a block of the output, aligned to ``spec.multiple``, the block's values depend on.

    Exact: the first and the last pixel of one block are followed from the output to the input, layer by layer. All
    blocks are alike, as the network commutes with shifts by that multiple; with strides single pixels are not. Skips
    see no further than the layers around them.
    """
    first, last = 0, spec.multiple // spec.unshuffle - 1
    blocks = spec.depth * 2 * (spec.kernel // 2)  # pixels on each side, of the residual blocks of one level
    for level, stride in enumerate(spec.strides):
        kernel, padding = kernel_and_padding(spec, stride)
        # Pixel i of a deconvolution gets what the pixels j give to j * stride - padding + (0 .. kernel - 1).
        first, last = -(-(first + padding - kernel + 1) // stride), (last + padding) // stride
        if level < len(spec.strides) - 1:  # the blocks at the bottom are the encoder's
            first, last = first - blocks, last + blocks
    for stride in reversed(spec.strides):
        kernel, padding = kernel_and_padding(spec, stride)
        first, last = first - blocks, last + blocks
        first, last = first * stride - padding, last * stride - padding + kernel - 1
    linear = spec.linear // 2 * spec.unshuffle
    return max(linear, -first * spec.unshuffle, (last + 1) * spec.unshuffle - spec.multiple)
