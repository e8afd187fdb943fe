"""Values of one type as another: what a format holds, or what was asked for."""

from typing import Any

import numpy as np

from dlcli.engine.arrays import AnyArray, AnyDtype
from dlcli.errors import DlcliError

UINT8, UINT16 = np.dtype(np.uint8), np.dtype(np.uint16)
FEW = 16  # levels: numbers below are no image any more once they are whole
SHALLOW = ("JPEG", "WEBP", "BMP", "AVIF", "HEIF")


def depth_in(format: str, dtype: AnyDtype, *, many: bool) -> AnyDtype:
    """The type nearest to ``dtype`` that files of ``format`` hold, in several frames if ``many``."""
    if format == "PNG":
        return UINT8 if many or dtype == UINT8 else UINT16
    if format in SHALLOW:
        return UINT8
    if format == "FITS" and dtype == np.float16:
        return np.dtype(np.float32)
    if format == "FITS" and dtype in (np.int8, np.uint64):
        return np.dtype(np.int16 if dtype == np.int8 else np.float64)
    return dtype


def with_depth(values: AnyArray, dtype: Any) -> AnyArray:
    """``values`` as ``dtype``; raises DlcliError where that doesn't hold them.

    8 and 16 bits without a sign are ranges, whose white stays white, and so are floats in [0, 1] that become one of
    them; all others are numbers, which stay what they are, rounded where they become whole: those of which too little
    would be left are refused.
    """
    dtype = np.dtype(dtype)
    if values.dtype == dtype:
        return values
    if dtype.kind == "f":
        return _as_floats(values, dtype)
    if {values.dtype, dtype} == {UINT8, UINT16}:
        if dtype == UINT16:
            return values.astype(np.uint16) * 257
        return ((values.astype(np.uint32) * 255 + 32767) // 65535).astype(np.uint8)
    low, high = (float(values.min()), float(values.max())) if values.size else (0.0, 0.0)
    if dtype in (UINT8, UINT16) and is_share(values):
        return np.rint(values.astype(np.float64) * np.iinfo(dtype).max).astype(dtype)
    info = np.iinfo(dtype)
    if not (low >= info.min and high <= info.max):
        message = f"holds values from {low:g} to {high:g}, and {dtype} those from {info.min} to {info.max}"
        raise DlcliError(message, "give another --dtype, or --format tif or npy, which hold any type")
    if values.dtype.kind != "f":
        return values.astype(dtype)
    rounded = np.rint(values)
    if low < high and max(-low, high) < FEW and not np.array_equal(rounded, values):
        message = f"holds floating-point numbers from {low:g} to {high:g}, of which rounding to {dtype} leaves few"
        raise DlcliError(message, "scale them to 0 to 1, which uint8 and uint16 take for their range, or keep floats")
    return rounded.astype(dtype)


def is_share(values: AnyArray) -> bool:
    """Whether they are floating-point numbers from 0 (black) to 1 (white)."""
    return values.dtype.kind == "f" and bool(values.min(initial=1) >= 0 and values.max(initial=0) <= 1)


def _as_floats(values: AnyArray, dtype: AnyDtype) -> AnyArray:
    """As floating-point numbers; raises DlcliError where some become infinite."""
    with np.errstate(over="ignore"):
        made = values.astype(dtype)
    if dtype.itemsize <= values.dtype.itemsize and np.isinf(made).sum() > np.isinf(values).sum():
        most = float(np.abs(values[np.isfinite(values)]).max())
        ends = float(np.finfo(dtype).max)
        raise DlcliError(f"holds values up to {most:g}, and {dtype} ends at {ends:g}", "give another --dtype")
    return made
