"""Whether images are drawings on a ground, as digits are, or photographs: by that they are augmented."""

import numpy as np
from numpy.typing import NDArray

from dlcli.images.image_set import ImageSet
from dlcli.networks.data.split import spread

LOOKED_AT = 64  # images
NEAR = 2  # levels within which a pixel is of the ground's color: photographs have noise and shading
DRAWN = 0.4  # share of the ground from which images are drawings; of digits it is 0.5 to 0.8
CONTRAST = 64  # levels: what has less shows nothing


def looks_drawn(image_set: ImageSet) -> bool:
    """Whether most of the images are one flat ground, the color of their border, with something else upon it."""
    shares = []
    for number in spread(len(image_set), LOOKED_AT):
        pixels = image_set.pixels(number).astype(np.int64)
        if np.ptp(pixels) < CONTRAST:
            continue
        ground = np.median(_border(pixels), axis=0)
        shares.append(float((np.abs(pixels - ground) <= NEAR).all(axis=2).mean()))
    return bool(shares) and float(np.median(shares)) >= DRAWN


def ground_of(image_set: ImageSet) -> float:
    """The usual value of the images' borders, 0 to 1, in steps of an 8-bit level."""
    borders = [_border(image_set.pixels(number)).mean() for number in spread(len(image_set), LOOKED_AT)]
    return round(float(np.median(borders))) / 255


def _border(pixels: NDArray[np.integer]) -> NDArray[np.integer]:
    return np.concatenate([pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]])
