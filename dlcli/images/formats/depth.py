"""Pixels as deep as their file holds them, where Pillow by itself gives the upper 8 of 16 bits."""

import os
import sys
import threading
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import ImageFile

from dlcli.errors import DlcliError

BITS_PER_SAMPLE, SAMPLES, PLANES, EXTRA = 258, 277, 284, 338  # tags of TIFF
OTHER_ORDER = {"B": "L", "L": "B", "N": "B" if sys.byteorder == "little" else "L"}


class OtherTiffError(DlcliError):
    """A TIFF that Pillow doesn't know, or misunderstands."""


def is_deep(image: ImageFile.ImageFile) -> bool:
    """Whether an image that is open, but not loaded, has 16 bits a channel."""
    return image.mode.startswith("I") or bool(_deep_modes(image))


def is_deep_gray(image: ImageFile.ImageFile) -> bool:
    """Whether it is gray with alpha, of 16 bits each, which Pillow opens as RGBA."""
    return any(mode.startswith("LA;16") for mode in _deep_modes(image))


def can_be_whole(image: ImageFile.ImageFile) -> bool:
    """Whether ``deep_pixels`` gives all of its 16 bits."""
    return image.mode in ("RGB", "RGBA") and (image.format == "TIFF" or not getattr(image, "is_animated", False))


def channels_left_out(image: ImageFile.ImageFile) -> str:
    """What a TIFF has beside the channels that are read, for a note. Raises OtherTiffError for gray with more."""
    if image.format != "TIFF":
        return ""
    tags: Any = image.tag_v2  # type: ignore[attr-defined]
    samples, extra = tags.get(SAMPLES, 1), tags.get(EXTRA, ())
    bands = image.getbands()
    if samples > len(bands) and (len(bands) < 3 or samples > 4):  # Pillow takes the first of them for all
        raise OtherTiffError(f"has {samples} channels, expected gray or RGB", "save each channel as a gray image")
    planes = tags.get(PLANES) == 2 and set(tags.get(BITS_PER_SAMPLE, ())) == {16}
    if planes and any(tile.codec_name == "libtiff" for tile in image.tile):
        raise OtherTiffError(
            "has compressed planes of 16 bits", "save it again uncompressed"
        )  # whose lower bytes can't be had
    known = len(bands) - (image.mode == "RGBX")
    return f"{samples - known} of its {samples} channels are left out" if samples > known and len(extra) else ""


def fix_decoder(image: ImageFile.ImageFile) -> None:
    """Let a TIFF be decoded as what it is where Pillow is mistaken.

    16-bit channels that lie one after another pass for bytes; floats that libtiff has turned for this machine are
    turned once more.
    """
    if image.format != "TIFF":
        return
    deep = set(image.tag_v2.get(BITS_PER_SAMPLE, ())) == {16}  # type: ignore[attr-defined]
    order = "L" if image.tag_v2.prefix == b"II" else "B"  # type: ignore[attr-defined]
    image.tile = [_mended(tile, order, deep=deep) if isinstance(tile.args, tuple) else tile for tile in image.tile]


def _mended(tile: Any, order: str, *, deep: bool) -> Any:
    mode, native = tile.args[0], tile.codec_name == "libtiff"
    if deep and not native and mode in ("R", "G", "B", "A"):
        mode = f"{mode};16{order}"
    elif native and mode == "F;32BF":
        mode = "F;32NF"
    return tile._replace(args=(mode, *tile.args[1:]))


def load_lower_bytes(image: ImageFile.ImageFile) -> NDArray[np.uint8]:
    """Load an image that is open with its bytes in the other order: what Pillow then keeps is the lower 8 bits.

    Of gray with alpha both bytes of both channels come, as (H, W, 4).
    """
    image.tile = [tile._replace(args=_swapped(tile.args)) for tile in image.tile]
    loaded(image)
    return np.array(image)


def deep_pixels(upper: NDArray[np.uint8], lower: NDArray[np.uint8], *, gray: bool) -> NDArray[np.uint16]:
    """(H, W, C) of 16 bits: what loading gave, and what ``load_lower_bytes`` gave."""
    if gray:
        upper, lower = lower[:, :, 0::2], lower[:, :, 1::2]
    return upper.astype(np.uint16) * np.uint16(256) + lower


def loaded(image: ImageFile.ImageFile) -> None:
    """Decode, without what libtiff prints on its own. Raises DlcliError for a compression that isn't known."""
    if not any(tile.codec_name == "libtiff" for tile in image.tile):
        image.load()
        return
    compression = str(image.info.get("compression", "")).removeprefix("tiff_")
    try:
        with _QUIET:
            image.load()
    except OSError as error:
        if compression in ("webp", "zstd", "lzma", "jpeg2000", "lerc", "jxl"):
            message = f"is compressed by {compression}, and that cannot be decoded here"
            raise DlcliError(message, "save it again without compression, or with LZW") from error
        raise


class _QuietLibtiff:
    """Standard error is turned off while any thread decodes; dlcli.cli.streams has a descriptor of its own for it."""

    def __init__(self) -> None:
        self._lock, self._inside, self._kept = threading.Lock(), 0, -1

    def __enter__(self) -> None:
        with self._lock:
            self._inside += 1
            if self._inside == 1:
                try:
                    self._kept = os.dup(2)
                except OSError:  # closed: quiet enough
                    self._kept = -1
                    return
                nowhere = os.open(os.devnull, os.O_WRONLY)
                os.dup2(nowhere, 2)
                os.close(nowhere)

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._inside -= 1
            if self._inside == 0 and self._kept >= 0:
                os.dup2(self._kept, 2)
                os.close(self._kept)


_QUIET = _QuietLibtiff()


def _deep_modes(image: ImageFile.ImageFile) -> list[str]:
    """The raw modes of 16 bits a channel; 5-6-5 bits of a BMP file are 16 a pixel."""
    modes = [tile.args if isinstance(tile.args, str) else str(tile.args[0]) for tile in image.tile if tile.args]
    return [mode for mode in modes if ";16" in mode and image.format in ("PNG", "TIFF")]


def _swapped(args: Any) -> Any:
    if isinstance(args, tuple):
        return (_swapped(args[0]), *args[1:])
    if args.startswith("LA;16"):
        return "RGBA"  # four bytes a pixel as well
    return args[:-1] + OTHER_ORDER[args[-1]] if ";16" in args else args
