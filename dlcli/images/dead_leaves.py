"""Synthetic images with the statistics of photographs: opaque leaves that fall on one another.

Radii of density r^-3 give the power spectrum and the edges of natural images (Lee, Mumford & Huang 2001), and networks
trained on such images work on photographs (Baradad et al. 2021). Here many leaves also carry texture and shading.
"""

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from dlcli.images.image_set import ImageSet
from dlcli.images.leaf_textures import Leaves, painted, texture_bank

FloatArray = NDArray[np.float32]
IntArray = NDArray[np.int64]

# Drawn at twice the size and averaged, for edges that aren't jagged.
SCALE = 2
# Leaves up to this radius (pixels as drawn) are stamped all at once, larger ones one by one.
STAMPED = 16
# The area of all leaves in that of the image; about exp(-COVER) of it shows the ground.
COVER = 4.0
SHAPES = 4


def dead_leaves(count: int, size: int, seed: int, channels: int = 1) -> ImageSet:
    """``count`` images of ``size`` x ``size`` pixels, gray or RGB, called leaf-000, leaf-001...

    The same ``seed`` gives the same images, and a larger ``count`` begins with those of a smaller one.
    """
    bank = texture_bank(np.random.default_rng([seed, 0]))
    images = [_image(size, channels, bank, np.random.default_rng([seed, 1 + i])) for i in range(count)]
    return ImageSet.of_arrays(images, [f"leaf-{i:03d}" for i in range(count)])


def _image(size: int, channels: int, bank: FloatArray, rng: np.random.Generator) -> NDArray[np.uint8]:
    """One image, (size, size, channels)."""
    side = SCALE * size
    # A scene of small things, or of larger ones as from near.
    smallest = SCALE * float(np.exp(rng.uniform(np.log(0.7), np.log(min(14.0, size / 8 + 0.7)))))
    leaves = _places(side, smallest, max(float(side), 2 * smallest), rng)
    values = painted(_leaf_map(side, leaves, rng), leaves, channels, bank, rng)
    values *= _light(side, rng)[:, :, None]
    planes = [np.asarray(Image.fromarray(values[:, :, c]).reduce(SCALE)) for c in range(channels)]
    blur = ImageFilter.GaussianBlur(float(rng.choice([0.0, 0.0, 0.0, 0.5])))
    # Pillow blurs bytes only, and so comes after rounding.
    rounded = [Image.fromarray(np.clip(np.rint(plane), 0, 255).astype(np.uint8)).filter(blur) for plane in planes]
    return np.stack([np.asarray(plane) for plane in rounded], axis=2)


def _places(side: int, smallest: float, largest: float, rng: np.random.Generator) -> Leaves:
    """The leaves that touch a square of ``side``."""
    grid = np.geomspace(smallest, largest, 256)
    density = grid**-3
    # A leaf of radius r touches the square when its center lies within (side + 2r)^2.
    reach = density * (side + 2 * grid) ** 2
    steps = np.diff(grid)
    cumulated = np.concatenate([[0.0], np.cumsum((reach[1:] + reach[:-1]) / 2 * steps)])
    area = float(np.sum((density * np.pi * grid**2)[:-1] * steps))
    number = int(np.ceil(COVER * cumulated[-1] / area))
    radii = np.interp(rng.random(number), cumulated / cumulated[-1], grid)
    x, y = rng.uniform(-radii, side + radii), rng.uniform(-radii, side + radii)
    return Leaves(radii.astype(np.float32), x.astype(np.float32), y.astype(np.float32))


def _leaf_map(side: int, leaves: Leaves, rng: np.random.Generator) -> IntArray:
    """The number of the leaf on top at each pixel, from 1, and 0 for the ground: (side, side)."""
    radii, x, y = leaves.radii, leaves.x, leaves.y
    margin = 2 * STAMPED + 2
    wide = side + 2 * margin
    flat = np.zeros(wide * wide, dtype=np.int64)
    middle = (np.rint(y).astype(np.int64) + margin) * wide + np.rint(x).astype(np.int64) + margin
    numbers = np.arange(1, len(radii) + 1)
    # Most are discs; some are ellipses and bars, as photographs have straight edges.
    shapes = rng.choice(SHAPES, len(radii), p=[0.55, 0.15, 0.15, 0.15])
    angles = rng.uniform(0, np.pi, len(radii))
    steps = np.rint(2 * radii).astype(np.int64)
    for step in range(1, 2 * STAMPED + 1):
        for shape in range(SHAPES):
            chosen = np.flatnonzero((steps == step) & (shapes == shape))
            if len(chosen):
                # Alike in a stamp's angle, which the next image draws anew.
                down, right = np.nonzero(_inside(shape, step / 2, angles[chosen[0]], _square(STAMPED)))
                offsets = (down - STAMPED) * wide + right - STAMPED
                np.maximum.at(flat, (middle[chosen, None] + offsets).ravel(), np.repeat(numbers[chosen], len(down)))
    drawn = flat.reshape(wide, wide)[margin:-margin, margin:-margin].copy()
    for i in np.flatnonzero(steps > 2 * STAMPED):
        place = float(y[i]), float(x[i])
        below, across, part = _around(drawn, place, float(radii[i]))
        covered = _inside(int(shapes[i]), float(radii[i]), float(angles[i]), (below, across))
        part[covered & (part < numbers[i])] = numbers[i]
    return drawn


def _around(drawn: IntArray, center: tuple[float, float], radius: float) -> tuple[FloatArray, FloatArray, IntArray]:
    """Distances down and right of ``center`` in the part of ``drawn`` that a large leaf may cover, and that part."""
    (y, x), side = center, len(drawn)
    top, bottom = max(0, int(y - radius)), min(side, int(y + radius) + 2)
    left, right = max(0, int(x - radius)), min(side, int(x + radius) + 2)
    below = np.arange(top, bottom, dtype=np.float32)[:, None] - np.float32(y)
    across = np.arange(left, right, dtype=np.float32)[None, :] - np.float32(x)
    return below, across, drawn[top:bottom, left:right]


def _square(reach: int) -> tuple[FloatArray, FloatArray]:
    """Distances down (2 reach + 1, 1) and right (1, 2 reach + 1) from the middle of a square."""
    line = np.arange(-reach, reach + 1, dtype=np.float32)
    return line[:, None], line[None, :]


def _inside(shape: int, radius: float, angle: float, distances: tuple[FloatArray, FloatArray]) -> NDArray[np.bool_]:
    """Which pixels at ``distances`` from the middle a leaf covers; all shapes lie in the disc of ``radius``."""
    below, across = distances
    if shape == 0:
        return np.asarray(below**2 + across**2 <= radius**2)
    along = np.float32(np.cos(angle)) * across + np.float32(np.sin(angle)) * below
    aside = np.float32(np.cos(angle)) * below - np.float32(np.sin(angle)) * across
    if shape == 1:
        return np.asarray(along**2 + 4 * aside**2 <= radius**2)
    length, width = ((0.97, 0.25), (0.75, 0.66))[shape - 2]
    return np.asarray((np.abs(along) <= length * radius) & (np.abs(aside) <= width * radius))


def _light(side: int, rng: np.random.Generator) -> FloatArray:
    """How bright the light is over the image, (side, side): a slope around 1."""
    line = np.linspace(-0.5, 0.5, side)
    down, right = rng.normal(0, 0.12, 2)
    return np.asarray(1 + down * line[:, None] + right * line[None, :], dtype=np.float32)
