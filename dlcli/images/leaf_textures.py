"""What leaves look like: textures that repeat seamlessly, shading, and colors of one mood for each image."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float32]

# A power of two, so that a coordinate wraps around by its lowest bits.
SIDE = 512
# A third of the leaves are plain.
PLAIN = 0.33


def texture_bank(rng: np.random.Generator) -> FloatArray:
    """Textures (kinds, SIDE, SIDE) of mean 0 and deviation 1: noise, streaks, stripes, weave and spots."""
    down = np.fft.fftfreq(SIDE)[:, None] * SIDE
    right = np.fft.rfftfreq(SIDE)[None, :] * SIDE
    radius = np.hypot(down, right)
    warp = 1.5 * _noise(1 / np.maximum(radius, 4) ** 2, rng)
    y, x = np.mgrid[:SIDE, :SIDE] * (2 * np.pi / SIDE)
    stripes = np.sin(48 * x + warp)
    # Their amplitude at the frequency f falls as f^-0.3 (sand), f^-0.7 (grass), f^-1 (rock) and f^-1.6 (skin).
    fields = [_noise(1 / np.maximum(radius, 2) ** fall, rng) for fall in (0.3, 0.7, 1.0, 1.6)]
    # Stretched one way, as hair, grass and wood are.
    fields += [_noise(1 / np.maximum(np.hypot(stretch * down, right), 12) ** 0.8, rng) for stretch in (3, 5, 12)]
    fields += [stripes, np.tanh(4 * stripes), np.sin(40 * x + warp) * np.sin(40 * y + warp)]
    spots = _noise(np.exp(-(((radius - 40) / 12) ** 2)), rng)
    fields += [np.tanh(4 * (spots - 0.8)), np.tanh(3 * spots)]
    return np.stack([(field - field.mean()) / field.std() for field in fields]).astype(np.float32)


def _noise(amplitude: NDArray[np.float64], rng: np.random.Generator) -> NDArray[np.float64]:
    """Gaussian noise (SIDE, SIDE) of deviation 1 whose spectrum has ``amplitude`` (SIDE, SIDE / 2 + 1)."""
    amplitude = amplitude.copy()
    amplitude[0, 0] = 0
    field = np.fft.irfft2(np.fft.rfft2(rng.standard_normal((SIDE, SIDE))) * amplitude, s=(SIDE, SIDE))
    return np.asarray(field / field.std())


@dataclass(frozen=True)
class Leaves:
    """Radii and centers, (N,) each, of the leaves 1 to N, the last ones on top."""

    radii: FloatArray
    x: FloatArray
    y: FloatArray


def painted(
    numbers: NDArray[np.int64], leaves: Leaves, channels: int, bank: FloatArray, rng: np.random.Generator
) -> FloatArray:
    """The map ``numbers`` (side, side) of leaves, 0 the ground, in color: (side, side, channels), 0 to 255."""
    side = len(numbers)
    flat = numbers.ravel()
    across = np.tile(np.arange(side, dtype=np.float32), side)
    below = np.repeat(np.arange(side, dtype=np.float32), side)
    count = len(leaves.radii) + 1
    pattern = _texture(flat, across, below, count, bank, rng)
    # The ground is a leaf larger than the image.
    extent = np.concatenate([[side], leaves.radii])
    slopes = (rng.normal(0, rng.uniform(3, 20), (2, count)) / extent).astype(np.float32)
    start = slopes[0] * np.concatenate([[side / 2], leaves.x]) + slopes[1] * np.concatenate([[side / 2], leaves.y])
    shade = slopes[0][flat] * across + slopes[1][flat] * below - start.astype(np.float32)[flat]
    base = leaf_colors(count, channels, rng)
    pattern += shade
    return (base[flat] + pattern[:, None]).reshape(side, side, channels)


def _texture(
    flat: NDArray[np.int64],
    across: FloatArray,
    below: FloatArray,
    count: int,
    bank: FloatArray,
    rng: np.random.Generator,
) -> FloatArray:
    """What texture adds to each pixel (P,): for each leaf one of the bank, turned, scaled and shifted."""
    strongest = np.exp(rng.uniform(np.log(12), np.log(90)))
    strength = np.exp(rng.uniform(np.log(1.5), np.log(strongest), count)).astype(np.float32)
    strength[rng.random(count) < PLAIN] = 0
    angles, zoom = rng.uniform(0, 2 * np.pi, count), np.exp(rng.uniform(np.log(0.5), np.log(2), count))
    cosines, sines = (zoom * np.cos(angles)).astype(np.float32), (zoom * np.sin(angles)).astype(np.float32)
    shifts = rng.uniform(0, SIDE, (2, count)).astype(np.float32)
    kinds = rng.integers(0, len(bank), count, dtype=np.int32)
    cosine, sine = cosines[flat], sines[flat]
    row = (shifts[0][flat] + cosine * below - sine * across).astype(np.int32) & (SIDE - 1)
    column = (shifts[1][flat] + cosine * across + sine * below).astype(np.int32) & (SIDE - 1)
    pattern: FloatArray = bank.ravel()[(kinds[flat] * SIDE + row) * SIDE + column]
    return pattern * strength[flat]


def leaf_colors(count: int, channels: int, rng: np.random.Generator) -> FloatArray:
    """Colors (count, channels), 0 to 255, around the few tones of one scene, whose contrast may be low or high."""
    tones = int(rng.integers(2, 7))
    contrast = np.exp(rng.uniform(np.log(20), np.log(100)))
    middles = rng.uniform(45, 180) + contrast * rng.standard_normal(tones)
    which = rng.integers(0, tones, count)
    gray = middles[which] + contrast * rng.uniform(0.1, 0.7) * rng.laplace(0, 0.7, count)
    # Reflected once into the range, so that black and white are reached but don't fill the image.
    gray = np.clip(np.where(gray < 0, -gray, np.where(gray > 255, 510 - gray, gray)), 0, 255)
    if channels == 1:
        return np.asarray(gray[:, None], dtype=np.float32)
    vivid = np.exp(rng.uniform(np.log(2), np.log(25)))
    opponents = rng.laplace(0, vivid, (tones, 2))[which] + rng.laplace(0, vivid / 4, (count, 2))
    axes = np.array([[0.71, -0.71, 0.0], [0.41, 0.41, -0.82]])
    return np.asarray(np.clip(gray[:, None] + opponents @ axes, 0, 255), dtype=np.float32)
