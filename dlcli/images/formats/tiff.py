"""TIFF files that Pillow doesn't know: of half, double and colored floating-point numbers, read by tifffile."""

import logging
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from dlcli.engine.arrays import AnyArray, AnyDtype
from dlcli.errors import DlcliError
from dlcli.images.formats.metadata import TEXTS
from dlcli.text import printable

MAGIC = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
SIMPLER = "save it again as RGB or gray of 8 or 16 bits"
DEFLATE, ICC, UNIT, ORIENTATION, RESOLUTION = (8, 32946), 34675, 296, 274, 282


def is_tiff(path: Path) -> bool:
    """Whether the file begins as a TIFF does."""
    with path.open("rb") as file:
        return file.read(4) in MAGIC


@dataclass(frozen=True)
class Described:
    """The first page: its size as shown, channels and type of values; and how many pages there are."""

    height: int
    width: int
    channels: int
    dtype: AnyDtype
    pages: int


def described(path: Path, most: int) -> Described:
    """What a file holds. Raises DlcliError for more than ``most`` pixels, and for no image."""
    with _pages(path, most) as pages:
        height, width, channels = _shape(pages[0])
        if _info(pages[0])["orientation"] >= 5:
            height, width = width, height
        return Described(height, width, channels, pages[0].dtype, len(pages))


def arrays(path: Path, most: int) -> Iterator[tuple[AnyArray, dict[str, Any]]]:
    """Each page (H, W, C), and its ``icc_profile``, ``dpi`` or ``calibration``, ``orientation`` and ``texts`` by tag.

    Raises DlcliError as above.
    """
    with _pages(path, most) as pages:
        for page in pages:
            _check_size(page)
            yield page.asarray().reshape(_as_read(page)).transpose(_order(page)), _info(page)


@contextmanager
def _pages(path: Path, most: int) -> Iterator[list[Any]]:
    import tifffile

    logging.getLogger("tifffile").setLevel(logging.CRITICAL)  # what it finds odd is told by the errors here
    try:
        with tifffile.TiffFile(path) as file:
            pages: list[Any] = list(file.pages)
            if not pages:
                raise DlcliError("holds no image", "fetch or save it again")
            for page in pages:
                height, width, channels = _shape(page)
                if height * width > most:
                    raise DlcliError(f"has more than {most // 10**6} million pixels", "cut it into smaller images")
                clear = tuple(map(int, page.extrasamples)) in ((1,), (2,))
                if channels not in (1, 3) and not (clear and channels in (2, 4)):
                    hint = "save each channel as a gray image"
                    raise DlcliError(f"has {channels} channels, expected gray or RGB", hint)
                known = page.dtype is not None and (page.dtype.kind == "f" or page.dtype in (np.uint8, np.uint16))
                if not known or int(page.photometric) not in (1, 2):
                    kind = printable(f"{page.dtype} ({page.photometric.name})")
                    raise DlcliError(f"holds values of type {kind}, expected gray or RGB", SIMPLER)
            yield pages
    except DlcliError:
        raise
    except Exception as error:
        if "imagecodecs" in str(error):
            message = "is compressed in a way that takes the package imagecodecs"
            raise DlcliError(message, "pip install imagecodecs, or save it again without compression") from None
        raise DlcliError(f"is damaged: {printable(str(error))}", "fetch or save the image again") from None


def _shape(page: Any) -> tuple[int, int, int]:
    if page.imagedepth != 1:
        raise DlcliError("has voxels instead of pixels", "save its slices as pages")
    return int(page.imagelength), int(page.imagewidth), int(page.samplesperpixel)


def _planar(page: Any) -> bool:
    return int(page.planarconfig) == 2


def _as_read(page: Any) -> tuple[int, int, int]:
    height, width, channels = _shape(page)
    return (channels, height, width) if _planar(page) else (height, width, channels)


def _order(page: Any) -> tuple[int, int, int]:
    return (1, 2, 0) if _planar(page) else (0, 1, 2)


def _check_size(page: Any) -> None:
    """Raises ValueError where a compressed piece holds more than its page has room for: it would fill the memory."""
    if int(page.compression) not in DEFLATE:
        return
    most = int(np.prod(page.chunks)) * page.dtype.itemsize
    handle = page.parent.filehandle
    for offset, count in zip(page.dataoffsets, page.databytecounts, strict=True):
        handle.seek(offset)
        if len(zlib.decompressobj().decompress(handle.read(count), most + 1)) > most:
            raise ValueError("its compressed pieces are larger than it says")


def _info(page: Any) -> dict[str, Any]:
    found: dict[str, Any] = {"orientation": int(page.tags[ORIENTATION].value) if ORIENTATION in page.tags else 1}
    found["texts"] = {tag: str(page.tags[tag].value) for tag in TEXTS if tag in page.tags}
    if ICC in page.tags:
        found["icc_profile"] = bytes(page.tags[ICC].value)
    if UNIT in page.tags and int(page.tags[UNIT].value) in (2, 3):
        scale = 1.0 if int(page.tags[UNIT].value) == 2 else 2.54
        found["dpi"] = tuple(scale * value for value in page.resolution)
    elif RESOLUTION in page.tags:
        found["calibration"] = page.resolution
    return found
