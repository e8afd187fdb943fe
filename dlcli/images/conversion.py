"""Pixels to the type and the channels that a set of images has, on the scale that they have."""

import numpy as np
from PIL import Image

from dlcli.engine.arrays import AnyArray, AnyDtype
from dlcli.errors import DlcliError
from dlcli.text import counted

UINT8: AnyDtype = np.dtype(np.uint8)
UINT16: AnyDtype = np.dtype(np.uint16)
FLOAT32: AnyDtype = np.dtype(np.float32)
LARGEST = float(np.finfo(np.float32).max)
LUMA = (19595, 38470, 7471)  # ITU-R 601, in parts of 65536, as Pillow has them


def common_dtype(dtypes: "set[AnyDtype]") -> AnyDtype:
    """The type that holds images of all these types: uint8, uint16 or float32."""
    if dtypes <= {UINT8}:
        return UINT8
    return UINT16 if dtypes <= {UINT8, UINT16} else FLOAT32


def as_type(pixels: AnyArray, dtype: AnyDtype) -> AnyArray:
    """``pixels`` as ``dtype`` on the same scale, contiguous, in memory that nothing else writes to.

    8 bits among images of 16 stay as bright: their white becomes the white of those. Raises DlcliError where ``dtype``
    doesn't hold them.
    """
    check_finite(pixels)
    if pixels.dtype == dtype and pixels.flags.writeable:
        return np.ascontiguousarray(pixels)
    if (pixels.dtype, dtype) == (UINT8, UINT16):
        return pixels.astype(np.uint16) * 257
    if dtype != FLOAT32 and pixels.dtype.newbyteorder("=") != dtype:
        raise DlcliError(f"holds {pixels.dtype}, and says that it holds {dtype}", "save it again")
    # What is mapped from a file is copied, to be held whatever becomes of the file.
    return np.array(pixels, dtype=dtype, order="C")


def check_finite(pixels: AnyArray) -> None:
    """Raises DlcliError for floating-point numbers that are none, or none to float32: they would spread."""
    if pixels.dtype.kind != "f":
        return
    if not np.isfinite(pixels).all():
        raise DlcliError("has values that are not numbers (NaN) or infinite", "give them a value, or leave it out")
    if pixels.dtype.itemsize > FLOAT32.itemsize and (most := float(np.abs(pixels).max(initial=0))) > LARGEST:
        message = f"has values up to {most:.3g}, and networks compute in float32, which ends at {LARGEST:.3g}"
        raise DlcliError(message, "divide them by a constant, or leave it out")


def as_channels(pixels: AnyArray, channels: int) -> AnyArray:
    """(H, W, C) as (H, W, channels): gray is repeated, color weighed as in ITU-R 601.

    Raises DlcliError where neither is what ``pixels`` and ``channels`` are.
    """
    have = pixels.shape[2]
    if have == channels:
        return pixels
    if have == 1 and channels == 3:
        return np.repeat(pixels, channels, axis=2)
    if (have, channels) != (3, 1):
        raise DlcliError(f"has {counted(have, 'channel')}, expected {channels}", "leave it out")
    if pixels.dtype == np.uint8:
        return np.array(Image.fromarray(np.ascontiguousarray(pixels)).convert("L"))[:, :, None]
    if pixels.dtype.kind == "f":
        gray: AnyArray = pixels.astype(np.float64) @ (np.array(LUMA) / 65536)
    else:
        gray = (pixels.astype(np.int64) @ np.array(LUMA) + 0x8000) >> 16
    return gray.astype(pixels.dtype)[:, :, None]
