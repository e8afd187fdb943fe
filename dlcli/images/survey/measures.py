"""What is measured of one image: its values, its noise, and what tells whether another one is the same."""

import hashlib
import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from dlcli.engine.arrays import AnyArray
from dlcli.images.noise.measure import noise_level

PIECE = 1 << 20  # values that are looked at at a time, so that an image takes little memory beside itself
CELLS = 16  # thumbnails by which near duplicates are found have 16 x 16


@dataclass(frozen=True, eq=False)
class Values:
    """The finite values of an image, channel by channel: (C,) each, of float64.

    ``at_low`` and ``at_high`` are the shares of all values that equal the lowest and the highest of them all.
    ``drawn`` are some of the values, at random places.
    """

    low: NDArray[np.float64]
    high: NDArray[np.float64]
    mean: NDArray[np.float64]
    deviation: NDArray[np.float64]
    at_low: float
    at_high: float
    not_finite: int
    drawn: NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Measures:
    """One image that was decoded: its size, type and values.

    ``noise`` is its estimated standard deviation, None where there is nothing to estimate it from. ``digest`` is
    equal for equal pixels, ``thumbnail`` (256,) nearly so for nearly equal ones: it has mean 0 and length 1, and is 0
    for an image without any structure.
    """

    height: int
    width: int
    channels: int
    dtype: str
    transparent: bool
    values: Values
    noise: float | None
    digest: bytes
    thumbnail: NDArray[np.float32]

    @property
    def empty(self) -> bool:
        """Whether all its pixels are the same."""
        return bool(np.all(self.values.low == self.values.high)) and not self.values.not_finite


def measured(pixels: AnyArray, alpha: AnyArray | None, draws: int, seed: int) -> Measures:
    """What is known of ``pixels`` (H, W, C) of any type, ``draws`` values of which are kept."""
    height, width, channels = pixels.shape
    return Measures(
        height, width, channels, pixels.dtype.name, alpha is not None,
        _values(pixels, draws, seed), _noise(pixels), _digest(pixels), thumbnail(pixels),
    )  # fmt: skip


def _noise(pixels: AnyArray) -> float | None:
    if pixels.dtype.kind == "f" and not np.isfinite(pixels).all():
        return None
    return noise_level(pixels)


def _pieces(pixels: AnyArray) -> Iterator[AnyArray]:
    """The rows of an image, some at a time."""
    rows = max(1, PIECE // max(pixels[0].size, 1))
    for top in range(0, len(pixels), rows):
        yield pixels[top : top + rows]


def _values(pixels: AnyArray, draws: int, seed: int) -> Values:
    channels = [_of_channel(pixels[:, :, channel]) for channel in range(pixels.shape[2])]
    lowest, highest = min(c.low for c in channels), max(c.high for c in channels)
    random = np.random.default_rng(seed)
    drawn = pixels[random.integers(0, pixels.shape[0], draws), random.integers(0, pixels.shape[1], draws)]
    return Values(
        np.array([c.low for c in channels]), np.array([c.high for c in channels]),
        np.array([c.mean for c in channels]), np.array([c.deviation for c in channels]),
        sum(c.at_low for c in channels if c.low == lowest) / pixels.size,
        sum(c.at_high for c in channels if c.high == highest) / pixels.size,
        pixels.size - sum(c.number for c in channels), drawn.astype(np.float32).ravel(),
    )  # fmt: skip


class _Channel(NamedTuple):
    """The ``number`` finite values of one channel; ``at_low`` and ``at_high`` of them are the extremes."""

    number: int
    low: float
    high: float
    mean: float
    deviation: float
    at_low: int
    at_high: int


def _of_channel(channel: AnyArray) -> _Channel:
    """Of (H, W) of any type."""
    if channel.dtype in (np.uint8, np.uint16):
        levels = np.iinfo(channel.dtype).max + 1
        return _of_counts(np.sum([np.bincount(p.ravel(), minlength=levels) for p in _pieces(channel)], axis=0))
    count, total, squares = 0, 0.0, 0.0
    low, high, at_low, at_high = np.inf, -np.inf, 0, 0
    shift = float(np.nan_to_num(channel[0, 0], posinf=0.0, neginf=0.0))  # near the mean: no cancellation
    for piece in _pieces(channel):
        values = piece.astype(np.float64).ravel()
        if channel.dtype.kind == "f" and not np.isfinite(values).all():
            values = values[np.isfinite(values)]
        if not values.size:
            continue
        least, most = float(values.min()), float(values.max())
        at_low = (at_low if low <= least else 0) + (int(np.count_nonzero(values == least)) if least <= low else 0)
        at_high = (at_high if high >= most else 0) + (int(np.count_nonzero(values == most)) if most >= high else 0)
        low, high = min(low, least), max(high, most)
        values -= shift
        count, total, squares = count + values.size, total + float(values.sum()), squares + float(values @ values)
    mean = total / max(count, 1)
    deviation = float(np.sqrt(max(squares / max(count, 1) - mean**2, 0.0)))
    return _Channel(count, low, high, shift + mean, deviation, at_low, at_high)


def _of_counts(counts: NDArray[np.int64]) -> _Channel:
    """Of how often each whole number from 0 on occurs."""
    levels = np.flatnonzero(counts)
    known, total = counts[levels].astype(np.float64), int(counts.sum())
    mean = float(known @ levels) / total
    deviation = float(np.sqrt(known @ (levels - mean) ** 2 / total))
    low, high = int(levels[0]), int(levels[-1])
    return _Channel(total, low, high, mean, deviation, int(counts[low]), int(counts[high]))


def _digest(pixels: AnyArray) -> bytes:
    """Equal for images of one size and type with equal pixels."""
    found = hashlib.blake2b(f"{pixels.shape} {pixels.dtype.name}".encode(), digest_size=16)
    for piece in _pieces(pixels):
        found.update(np.ascontiguousarray(piece).data)
    return found.digest()


def thumbnail(pixels: AnyArray) -> NDArray[np.float32]:
    """The means of 16 x 16 cells of all channels together, less their mean and scaled to length 1; (256,)."""
    height, width, _ = pixels.shape
    rows, columns = min(CELLS, height), min(CELLS, width)
    edges = np.arange(rows + 1) * height // rows
    across = np.arange(columns) * width // columns
    cells = np.empty((rows, columns))
    for row, (top, bottom) in enumerate(itertools.pairwise(edges)):
        strip = pixels[top:bottom].reshape(bottom - top, -1)
        sums = np.add.reduce([piece.sum(axis=0, dtype=np.float64) for piece in _pieces(strip)])
        with np.errstate(invalid="ignore"):  # infinities, which make it no thumbnail below
            cells[row] = np.add.reduceat(sums.reshape(width, -1).sum(axis=1), across) / (bottom - top)
    cells /= np.diff([*across, width]) * pixels.shape[2]
    cells = cells[np.arange(CELLS) * rows // CELLS][:, np.arange(CELLS) * columns // CELLS]
    if not np.isfinite(cells).all():
        return np.zeros(CELLS**2, dtype=np.float32)
    scale = np.abs(cells).max()
    cells -= cells.mean()
    length = float(np.linalg.norm(cells))
    # What is left of equal numbers is rounding, which has a direction too.
    found: NDArray[np.float64] = cells / length if length > 1e-9 * CELLS * scale else np.zeros_like(cells)
    return found.astype(np.float32).ravel()
