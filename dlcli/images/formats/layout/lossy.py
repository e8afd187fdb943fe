"""How much a lossy format keeps of an image: as much as its file did, and enough of what was restored."""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from dlcli.engine.arrays import FloatArray

# The standard's example table for luminance (ITU-T T.81, table K.1), which libjpeg scales by its quality.
LUMINANCE = (
    16, 11, 10, 16, 24, 40, 51, 61, 12, 12, 14, 19, 26, 58, 60, 55, 14, 13, 16, 24, 40, 57, 69, 56,
    14, 17, 22, 29, 51, 87, 80, 62, 18, 22, 37, 56, 68, 109, 103, 77, 24, 35, 55, 64, 81, 104, 113, 92,
    49, 64, 78, 87, 103, 121, 120, 101, 72, 92, 95, 98, 112, 100, 103, 99,
)  # fmt: skip
MOST = 255  # that a step of baseline JPEG can be
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

    That whose table for luminance has the same sum.

    >>> quality_of({0: [1] * 64})
    100.0
    """
    return float(np.interp(-float(np.sum(tables[0])), -_sums(), np.arange(1, 101)))


@lru_cache(1)
def _sums() -> FloatArray:
    """The sums of libjpeg's tables for luminance, of qualities 1 to 100, falling."""
    qualities = np.arange(1, 101)
    percent = np.where(qualities < 50, 5000 // qualities, 200 - 2 * qualities)
    steps = (np.array(LUMINANCE) * percent[:, None] + 50) // 100
    sums: FloatArray = steps.clip(1, MOST).sum(axis=1).astype(np.float64)
    return sums


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
