"""Small plain PNG files by imagecodecs, where it is installed: of very many, Pillow's own steps take most time."""

import os
import stat
import struct
from functools import lru_cache
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from dlcli.engine.arrays import AnyArray
from dlcli.images.formats.frames import Header
from dlcli.images.formats.strips import SIGNATURE

LARGEST = 1 << 20  # bytes of a file
CHANNELS = {0: 1, 2: 3}  # of gray and of color
# Chunks that say nothing about the pixels: with others, as of transparency, frames or EXIF, Pillow reads the file.
PLAIN = {b"IHDR", b"IDAT", b"IEND", b"pHYs", b"tEXt", b"tIME", b"sRGB", b"gAMA", b"cHRM"}


def read_quickly(path: Path, most: int) -> tuple[Header, AnyArray] | None:
    """Header and pixels (H, W, C) of a PNG of 8 bits in gray or RGB with at most ``most`` pixels; None of another.

    None also where something is wrong with it, which the usual way tells.
    """
    decode = _decoder()
    if decode is None:
        return None
    try:
        found = os.stat(path)
        if not stat.S_ISREG(found.st_mode) or found.st_size > LARGEST:
            return None
        with open(path, "rb", buffering=0) as file:
            data = file.read(LARGEST)
        width, height, bits, kind, _, _, interlaced = struct.unpack(">IIBBBBB", data[16:29])
        if bits != 8 or kind not in CHANNELS or interlaced or width * height > most or not _is_plain(data):
            return None
        pixels: AnyArray = decode(data)
    except Exception:  # decoders fed with damaged files raise nearly every kind of error there is
        return None
    shape = (height, width, CHANNELS[kind])
    if pixels.dtype != np.uint8 or pixels.size != height * width * shape[2]:
        return None
    return Header(height, width, shape[2], "", pixels.dtype), pixels.reshape(shape)


def _is_plain(data: bytes) -> bool:
    """Whether all chunks are plain ones, whole, up to the end."""
    if not data.startswith(SIGNATURE):
        return False
    place, name = len(SIGNATURE), b""
    while place + 12 <= len(data) and name != b"IEND":
        length, name = struct.unpack_from(">I4s", data, place)
        if name not in PLAIN:
            return False
        place += 12 + int(length)
    return name == b"IEND" and place <= len(data)


@lru_cache(1)
def _decoder() -> Any:
    """What decodes a PNG's bytes; None where imagecodecs lacks."""
    try:
        return import_module("imagecodecs").png_decode
    except (ImportError, AttributeError):
        return None
