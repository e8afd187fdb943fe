"""Image files of random pixels, for tests."""

import numpy as np
from PIL import Image

RNG = np.random.default_rng(0)


def draw(path, height=9, width=7, channels=1):
    """Write an image; returns its pixels (H, W, C)."""
    values = RNG.integers(0, 256, (height, width, channels), dtype=np.uint8)
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(values.squeeze(2) if channels == 1 else values).save(path)
    return values
