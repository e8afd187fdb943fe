"""How much a lossy format keeps of an image: as much as its file did, and enough of what was restored."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

# Of the standard's example table for luminance (ITU-T T.81, table K.1): the sum, by which qualities are compared.
SUM = 3688
# Lower qualities spoil what was restored: 90 costs 0.08 dB of images restored to some 29 dB, 75 costs 0.25.
LEAST = 90
USUAL: dict[str, dict[str, Any]] = {
    "JPEG": {"quality": 95, "subsampling": 0},  # as nearly as it can
    "WEBP": {"lossless": True, "exact": True},
    "AVIF": {"quality": 100, "subsampling": "4:4:4", "speed": 6},  # as nearly as it can
    "HEIF": {"quality": -1, "chroma": 444, "matrix_coefficients": 0},
}
SAID = {
    "JPEG": "written as JPEG of quality 95",
    "WEBP": "written as lossless WebP",
    "AVIF": "written as AVIF of quality 100, which is nearly lossless",
    "HEIF": "written as lossless HEIC",
}


def quality_of(tables: Mapping[int, Sequence[int]]) -> float:
    """About what quality of libjpeg's scale the quantization ``tables`` of a JPEG stand for, 1 to 100.

    >>> quality_of({0: [1] * 64}) > 99
    True
    """
    percent = 100 * float(np.sum(tables[0])) / SUM
    return min(max((200 - percent) / 2 if percent <= 100 else 5000 / percent, 1.0), 100.0)


def save_options(format: str, stored: Mapping[str, Any]) -> dict[str, Any]:
    """Those of Pillow's ``save``; ``stored`` are those that the file had, of the same format, or nothing."""
    if format != "JPEG" or "qtables" not in stored:
        return dict(USUAL.get(format, {}))
    options = {"subsampling": stored["subsampling"], "progressive": stored["progressive"]}
    if quality_of(stored["qtables"]) < LEAST:
        return {**options, "quality": LEAST}
    return {**options, "qtables": stored["qtables"]}


def quality_note(format: str, stored: Mapping[str, Any]) -> str:
    """A line where a file is written with another quality than it had, or one that it didn't have; else ""."""
    if format == "JPEG" and "qtables" in stored:
        low = quality_of(stored["qtables"]) < LEAST
        return f"written as JPEG of quality {LEAST}, as its own would spoil what was restored" if low else ""
    return "" if stored.get("lossless") else SAID.get(format, "")
