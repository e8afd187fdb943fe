"""Images of few colors: with a palette, or of black and white; kept where what was restored has few colors, too."""

import numpy as np
from numpy.typing import NDArray

from dlcli.engine.arrays import AnyArray

PALETTE, BILEVEL = "palette", "bilevel"
HOLDING = ("PNG", "BMP", "TIFF")  # formats that have both
MOST = 256  # colors of a palette
SOME = 1 << 14  # pixels that tell of most images that they have more
DARK, BRIGHT, THICK = 64, 192, 1e-3  # gray between the two makes areas rather than edges in a larger share of pixels
WITHOUT = {
    PALETTE: f"written without a palette, as it has more than {MOST} colors now",
    BILEVEL: "written as gray, not as black and white alone: it has areas of gray now",
}


def with_palette(values: AnyArray) -> tuple[NDArray[np.uint8], NDArray[np.uint8]] | None:
    """uint8 (H, W, C) as numbers (H, W) of colors (N, C), exactly; None where there are too many colors."""
    height, width, channels = values.shape
    packed = np.zeros(height * width, np.uint32)
    for channel in range(channels):
        packed = packed << np.uint32(8) | values[:, :, channel].reshape(-1)
    if len(np.unique(packed[:: max(1, len(packed) // SOME)])) > MOST:
        return None
    colors, numbers = np.unique(packed, return_inverse=True)
    if len(colors) > MOST:
        return None
    table = np.stack([colors >> np.uint32(8 * (channels - 1 - c)) & np.uint32(255) for c in range(channels)], axis=1)
    return numbers.reshape(height, width).astype(np.uint8), table.astype(np.uint8)


def black_and_white(values: AnyArray) -> NDArray[np.bool_] | None:
    """uint8 (H, W, 1) as whether each pixel is white; None where gray fills areas, as a screen that was removed.

    Gray along edges, where a black shape covers a pixel in part, is rounded.
    """
    gray = values[:, :, 0]
    thick = (gray >= DARK) & (gray < BRIGHT)
    for axis in (0, 1):  # what is left has gray on all sides
        thick = np.logical_and(*(np.take(thick, range(k, thick.shape[axis] - 1 + k), axis) for k in (0, 1)))
        thick = np.logical_and(*(np.take(thick, range(k, thick.shape[axis] - 1 + k), axis) for k in (0, 1)))
    if thick.sum() > THICK * gray.size:
        return None
    white: NDArray[np.bool_] = gray >= 128
    return white
