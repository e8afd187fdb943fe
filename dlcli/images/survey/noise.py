"""How strong the noise in an image is, from the image alone."""

import itertools

import numpy as np
from numpy.typing import NDArray

from dlcli.engine.arrays import AnyArray

BLOCK = 16  # pixels a side
LEAST = 3 * BLOCK + 2  # pixels a side of an image that has enough blocks for some of them to be smooth
TILE, TILES = 256, 4  # of a large image so many tiles a side are looked at, spread over it
QUANTILE = 0.25
OF_NOISE = 0.94  # that quantile of the blocks of pure Gaussian noise with standard deviation 1
GAIN = 6.0  # what the mask makes of white noise: sqrt(sum of its squares) = sqrt(36)


def estimated_noise(pixels: AnyArray) -> float | None:
    """Standard deviation of the noise in ``pixels`` (H, W, C), in their units; the median over channels.

    None where there is nothing to measure: sides under 50 pixels, or constant wherever one looks. It is for noise
    that is independent from pixel to pixel; what a camera's JPEG or a denoiser has smoothed counts for less. Fine
    texture counts for noise: of clean photographs half are estimated at less than 1.1 of 255.

    Each channel is filtered by Immerkaer's mask [[1, -2, 1], [-2, 4, -2], [1, -2, 1]], which is blind to planes and
    to edges along rows or columns ("Fast noise variance estimation", Computer Vision and Image Understanding 64(2),
    1996). The response's standard deviation is taken in blocks of 16 x 16, and of all blocks that aren't constant the
    lower quartile, as smooth places show the noise and textured ones hide it (block-based estimation as compared by
    Olsen, "Estimation of noise in images: an evaluation", CVGIP 55(4), 1993).
    """
    if min(pixels.shape[:2]) < LEAST:
        return None
    tiles = _tiles(pixels)
    found = []
    for channel in range(pixels.shape[2]):
        deviations = np.concatenate([_deviations(tile[:, :, channel]) for tile in tiles])
        deviations = deviations[deviations > 0]
        if deviations.size:
            found.append(float(np.quantile(deviations, QUANTILE)) / OF_NOISE)
    return float(np.median(found)) if found else None


def _tiles(pixels: AnyArray) -> list[AnyArray]:
    """The whole image, or tiles that are spread over one which is larger than they are together."""
    height, width = pixels.shape[:2]
    if height * width <= (TILES * TILE) ** 2:
        return [pixels]
    tops, lefts = (np.linspace(0, max(side - TILE, 0), TILES).astype(int).tolist() for side in (height, width))
    places = itertools.product(dict.fromkeys(tops), dict.fromkeys(lefts))
    return [pixels[top : top + TILE, left : left + TILE] for top, left in places]


def _deviations(channel: AnyArray) -> NDArray[np.float64]:
    """Of the noise in each block of a channel (H, W), from the mask's response."""
    values: NDArray[np.floating] = channel.astype(np.float32 if channel.dtype.itemsize <= 2 else np.float64)
    response: NDArray[np.floating] = values[2:] - 2 * values[1:-1] + values[:-2]
    response = response[:, 2:] - 2 * response[:, 1:-1] + response[:, :-2]
    height, width = response.shape
    high, wide = min(BLOCK, height), min(BLOCK, width)
    rows, columns = height // high, width // wide
    blocks = response[: rows * high, : columns * wide].reshape(rows * high, columns, wide)
    across = np.einsum("hbw,hbw->hb", blocks, blocks)  # of each row of each block
    squares: NDArray[np.float64] = across.reshape(rows, high, columns).sum(axis=1, dtype=np.float64).ravel()
    found: NDArray[np.float64] = np.sqrt(squares / (high * wide)) / GAIN
    return found
