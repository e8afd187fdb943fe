"""How alike the noise of an image's channels is: in JPEG files of cameras it is nearly gray."""

import numpy as np

from dlcli.engine.arrays import AnyArray, FloatArray

SIDE, SHARE, FEWEST = 16, 0.1, 24  # pixels a side of a block; of the blocks that are looked at: those that vary least


def correlation_of_channels(pixels: AnyArray) -> FloatArray:
    """(C, C) of ``pixels`` (H, W, C), on the blocks that are smoothest in all channels; no less than 0.

    Texture is gray, too, and what the smoothest blocks have of it makes channels seem more alike.
    """
    height, width, channels = pixels.shape
    rows, columns = height // SIDE, width // SIDE
    cut = pixels[: rows * SIDE, : columns * SIDE].astype(np.float64)
    blocks = cut.reshape(rows, SIDE, columns, SIDE, channels).transpose(0, 2, 1, 3, 4).reshape(-1, SIDE**2, channels)
    rest = blocks - blocks.mean(axis=1, keepdims=True)
    variance = np.square(rest).mean(axis=1)
    known = (variance > 0).all(axis=1) & np.isfinite(variance).all(axis=1)
    rest, variance = rest[known], variance[known].sum(axis=1)
    if not len(rest):
        return np.eye(channels)
    smooth = rest[np.argsort(variance)[: max(FEWEST, int(SHARE * len(rest)))]].reshape(-1, channels)
    found: FloatArray = np.clip(np.corrcoef(smooth.T), 0, 1).reshape(channels, channels)
    return found
