"""Deconvolutions as convolutions: with their filters turned, and to few channels four places at once."""

from torch import Tensor
from torch.nn import functional as F

MAX_CHANNELS = 4  # with those of four places, a vector register's worth


def flip_kernel(kernel: Tensor) -> Tensor:
    """Of a deconvolution of stride 1 (in, out, h, w), that of the convolution which is the same sum; or the reverse."""
    return kernel.transpose(0, 1).flip(2, 3)


def deconvolved(x: Tensor, weight: Tensor, bias: Tensor | None, stride: int, padding: int) -> Tensor:
    """``F.conv_transpose2d(x, weight, bias, stride, padding)`` where no gradient is asked for.

    Processors' convolutions make full vectors of channels, 16 of them, however few are asked for. Where it suits, the
    channels of a block of 2x2 places fill one: they are those of a convolution of stride 2 whose filters, one wider,
    hold the deconvolution's at four places. Filters of 3x3 take 16 products for four places instead of 9 for each; with
    what laying the blocks out costs, 0.6 of the time for large images, 0.85 for small ones.
    """
    outputs, (height, width) = weight.shape[1], weight.shape[2:]
    whole_blocks = (x.shape[2] + height) % 2 == 1 == (x.shape[3] + width) % 2
    small = stride == 1 and outputs <= MAX_CHANNELS and padding < min(height, width)
    if not (small and whole_blocks and x.device.type == "cpu"):
        return F.conv_transpose2d(x, weight, bias, stride, padding)
    biases = None if bias is None else bias.repeat(4)
    blocks = F.conv2d(x, _block_filters(weight), biases, 2, (height - 1 - padding, width - 1 - padding))
    batch, _, rows, columns = blocks.shape
    places = blocks.permute(0, 2, 3, 1).reshape(batch, rows, columns, 2, 2 * outputs).transpose(2, 3)
    return places.reshape(batch, 2 * rows, 2 * columns, outputs).permute(0, 3, 1, 2)


def _block_filters(weight: Tensor) -> Tensor:
    """Those of a convolution: (4 * out, in, h + 1, w + 1), from a deconvolution's (in, out, h, w)."""
    inputs, outputs, height, width = weight.shape
    wide = weight.new_zeros((4 * outputs, height + 1, width + 1, inputs))
    out, down, right, channel = wide.stride()
    # The filters of a place (down, right) of a block begin so many rows and columns on.
    strides = (2 * outputs * out + down, outputs * out + right, out, down, right, channel)
    wide.as_strided((2, 2, outputs, height, width, inputs), strides).copy_(flip_kernel(weight).permute(0, 2, 3, 1))
    return wide.permute(0, 3, 1, 2)
