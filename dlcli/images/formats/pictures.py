"""Frames of the pictures that Pillow reads: PNG, JPEG, WebP, BMP and their relatives, and colors of TIFF."""

import os
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageFile
from PIL.JpegImagePlugin import get_sampling

from dlcli.engine.arrays import AnyArray, AnyDtype
from dlcli.errors import DlcliError
from dlcli.images.formats.depth import (
    can_be_whole,
    channels_left_out,
    deep_pixels,
    fix_decoder,
    is_deep,
    is_deep_gray,
    load_lower_bytes,
    loaded,
)  # fmt: skip
from dlcli.images.formats.frames import DecodedImage, Header, Stored
from dlcli.images.formats.layout.colors import BILEVEL, PALETTE
from dlcli.images.formats.metadata import exif_of, metadata_of
from dlcli.images.formats.opening import GRAY, opened
from dlcli.images.formats.orientation import upright
from dlcli.images.formats.strips import StripsError, png_strips
from dlcli.memory import available_memory

ORIENTATION, COMPRESSION, PHOTOMETRIC, PREDICTOR = 0x0112, 259, 262, 317
BAND = 1 << 21  # pixels that are converted at a time
PLENTY = 256 << 20  # bytes of an image: nobody asks whether there is room for less
PLAIN = ("PNG", "JPEG", "WEBP", "BMP")
SHALLOW = "its 16 bits are read as 8"


@contextmanager
def opened_picture(path: Path, label: str, start: bytes | None = None) -> Iterator["PictureStack"]:
    """The frames of a file. Raises DlcliError for what isn't one of FORMATS, OtherTiffError for what tifffile reads."""
    with opened(path, label, start) as image:
        yield PictureStack(image, path, label)


class PictureStack:
    """The frames of an image that Pillow has opened."""

    def __init__(self, image: ImageFile.ImageFile, path: Path, label: str) -> None:
        self.image, self.path, self.label = image, path, label
        # The other images of an MPO file are previews of the first, or views from another place.
        self.count = 1 if image.format == "MPO" else int(getattr(image, "n_frames", 1))
        self._used = False

    def __len__(self) -> int:
        return self.count

    def header(self, number: int) -> Header:
        """What frame ``number`` is."""
        if not number and not self._used:
            return self._header(self.image)
        with opened(self.path, self.label) as image:
            if number:
                image.seek(number)
            return self._header(image)

    def _header(self, image: ImageFile.ImageFile) -> Header:
        width, height = image.size
        if _orientation(image) >= 5:
            width, height = height, width
        fix_decoder(image)
        axes = (("T" if image.format != "TIFF" else "I", self.count),) if self.count > 1 else ()
        channels = 1 if _is_gray(image) else 3
        # Pages of a TIFF may differ; frames of an animation are all of the size of its canvas.
        uniform = image.format != "TIFF" or self.count == 1
        return Header(height, width, channels, channels_left_out(image), _dtype(image), self.count, axes, uniform)

    def pixels(self) -> AnyArray:
        """Those of the first frame, as ``frame`` has them, without the time that metadata take. Raises DlcliError."""
        image = self.image
        plain = self.count == 1 and not self._used and image.mode in ("L", "RGB") and image.format in PLAIN
        if plain and "transparency" not in image.info and _orientation(image) == 1 and not is_deep(image):
            self._used = True
            loaded(image)
            values = np.asarray(image)
            return values if values.ndim == 3 else values[:, :, None]
        return self.frame(0).pixels

    def frame(self, number: int) -> DecodedImage:
        """Frame ``number``, upright. Raises DlcliError where it is damaged."""
        if self.count == 1:
            if not self._used and self.image.width * self.image.height <= BAND:
                self._used = True
                return _decoded(self.image, self.path, self.label, number)
            with opened(self.path, self.label) as image:  # which gives its memory back
                return _decoded(image, self.path, self.label, number)
        if number or self._used:
            self.image.seek(number)
        self._used = True
        return _decoded(self.image, self.path, self.label, number)


def _check_memory(image: Image.Image) -> None:
    """Raises DlcliError for an image that takes more memory than is free, before it is decoded."""
    needed = image.width * image.height * len(image.getbands())
    if needed > PLENTY and needed > available_memory():
        raise DlcliError(f"takes {needed / 2**30:.1f} GiB, more memory than is free", "cut it, or save it as a TIFF")


def _decoded(image: ImageFile.ImageFile, path: Path, label: str, number: int) -> DecodedImage:
    """The frame ``number`` that ``image`` is at."""
    fix_decoder(image)
    # Before the pixels are loaded, as loading changes palettes and what is known of frames.
    turn, gray, note, deep = _orientation(image), _is_gray(image), _note(image), is_deep(image)
    _check_memory(image)
    whole = deep and not image.mode.startswith("I") and can_be_whole(image)
    format_ = "JPEG" if image.format == "MPO" else str(image.format)
    exif, stored = exif_of(image) if format_ == "TIFF" else b"", _stored(image, path, format_)
    found = None if deep or number else _by_strips(image, path, gray=gray)
    image = _loaded(image) if found is None else found[2]
    exif = exif if format_ == "TIFF" else exif_of(image)
    clear = "transparency" in image.info
    alpha: AnyArray | None = None
    if found is not None:
        pixels, alpha, _ = found
    elif image.mode.startswith("I") or image.mode == "F":
        pixels = np.asarray(image).astype(_dtype(image))
    elif whole:
        with opened(path, label) as again:
            if number:
                again.seek(number)
            fix_decoder(again)
            both = deep_pixels(np.asarray(image), load_lower_bytes(again), gray=gray)
        pixels, alpha = (both[:, :, :-1], both[:, :, -1]) if both.shape[2] in (2, 4) else (both, None)
    elif image.has_transparency_data:
        pixels, alpha = _in_bands(image, "LA" if gray else "RGBA")
    else:
        pixels, _ = _in_bands(image, "L" if gray else "RGB")
    shallow = deep and not whole and not image.mode.startswith("I")
    notes = [
        note,
        "its transparent color is shown as it is" if clear and alpha is None and deep else "",
        SHALLOW if shallow else "",
        "its CMYK is converted to RGB as for ideal inks" if image.mode == "CMYK" else "",
    ]
    if found is None or turn != 1:  # strips have made them as they are to be
        pixels, alpha = _turned(pixels, alpha, turn)
    metadata, lost = metadata_of(image, exif).fitting(0 if image.mode == "CMYK" else pixels.shape[2])
    shown = image.info.get("duration", 0)
    return DecodedImage(
        pixels, alpha, format_, "; ".join(filter(None, (*notes, lost))), metadata,
        float(shown) if isinstance(shown, (int, float)) else 0.0, stored,
    )  # fmt: skip


def _stored(image: ImageFile.ImageFile, path: Path, format_: str) -> Stored:
    """How the file of an image holds it, which is open."""
    options: dict[str, Any] = {}
    if format_ == "JPEG":
        sampling = get_sampling(image)
        options = {
            "qtables": {number: list(table) for number, table in image.quantization.items()},  # type: ignore[attr-defined]
            "subsampling": sampling if sampling >= 0 else 0, "progressive": "progressive" in image.info,
        }  # fmt: skip
    elif format_ == "WEBP":
        options = {"lossless": is_lossless_webp(path)}
    elif format_ == "TIFF":
        tags: Any = image.tag_v2  # type: ignore[attr-defined]
        options = {
            "compression": int(tags.get(COMPRESSION, 1)), "predictor": int(tags.get(PREDICTOR, 1)) > 1,
            "photometric": int(tags.get(PHOTOMETRIC, 2)),
        }  # fmt: skip
    count = int(getattr(image, "n_frames", 1)) if format_ != "JPEG" else 1
    few = {"1": BILEVEL, "P": PALETTE} if count == 1 or format_ == "TIFF" else {}  # animations mix their frames
    return Stored(options, frames=count, colors=few.get(image.mode, ""))


def is_lossless_webp(path: Path) -> bool:
    """Whether all images of a WebP file are stored without loss."""
    kinds = []
    with path.open("rb") as file:
        file.seek(12)
        while len(head := file.read(8)) == 8:
            kind, size = head[:4], int.from_bytes(head[4:], "little")
            kinds.append(kind)
            # A frame of an animation begins with its place, and then has parts of its own.
            file.seek(16 if kind == b"ANMF" else size + size % 2, os.SEEK_CUR)
    return b"VP8 " not in kinds


def _loaded(image: ImageFile.ImageFile) -> ImageFile.ImageFile:
    loaded(image)
    return image


def _turned(pixels: AnyArray, alpha: AnyArray | None, turn: int) -> tuple[AnyArray, AnyArray | None]:
    pixels = pixels if pixels.ndim == 3 else pixels[:, :, None]
    return upright(pixels, turn), None if alpha is None else upright(alpha, turn)


def _in_bands(image: Image.Image, mode: str) -> tuple[AnyArray, AnyArray | None]:
    """The pixels of a loaded image in ``mode``, and its alpha where that has some, without a further copy of all."""
    width, height = image.size
    rows = max(1, BAND // max(width, 1))
    whole = rows >= height
    bands = (image if whole else image.crop((0, top, width, min(top + rows, height))) for top in range(0, height, rows))
    return _joined(bands, (height, width), mode)


def _by_strips(
    image: Image.Image, path: Path, *, gray: bool
) -> tuple[AnyArray, AnyArray | None, ImageFile.ImageFile] | None:
    """Pixels and alpha of a large PNG that is open, and an image with all else that it says; None of another."""
    if image.format != "PNG" or image.width * image.height <= BAND:
        return None
    mode = ("LA" if gray else "RGBA") if image.has_transparency_data else "L" if gray else "RGB"
    try:
        with path.open("rb") as file:
            strips = png_strips(file, BAND)
            pixels, alpha = _joined(strips.rows, (strips.height, strips.width), mode)
            return pixels, alpha, strips.shell()
    except (StripsError, zlib.error, SyntaxError, ValueError, OSError):
        return None  # what is wrong with it is told by Pillow


def _joined(bands: Iterable[Image.Image], size: tuple[int, int], mode: str) -> tuple[AnyArray, AnyArray | None]:
    """An image of ``size`` from its bands of rows, in ``mode``; its alpha shares the memory of the pixels."""
    clear = mode.endswith("A")
    both, top = np.empty((*size, len(mode)), np.uint8), 0
    for band in bands:
        values = np.asarray(band if band.mode == mode else band.convert(mode))
        both[top : top + band.height] = values.reshape(band.height, size[1], len(mode))
        top += band.height
    return (both[:, :, :-1], both[:, :, -1]) if clear else (both, None)


def _orientation(image: ImageFile.ImageFile) -> int:
    """How EXIF says that the pixels lie, 1 to 8; 1 is upright. Pillow itself turns TIFF."""
    if image.format == "TIFF":
        return 1
    try:
        # PNG's own getexif would decode the pixels to look behind them.
        value = Image.Image.getexif(image).get(ORIENTATION, 1)
    except Exception:
        return 1  # damaged EXIF data don't spoil the pixels
    return value if isinstance(value, int) and 1 <= value <= 8 else 1


def _is_gray(image: ImageFile.ImageFile) -> bool:
    if is_deep_gray(image):
        return True
    if image.mode == "P" and image.palette is not None:
        order, table = image.palette.getdata()
        if order == "RGB;L":  # of a TIFF: all reds, all greens, all blues
            third = len(table) // 3
            return table[:third] == table[third : 2 * third] == table[2 * third :]
        step = {"RGB": 3, "BGRX": 4}.get(order, 0)
        return step > 0 and table[0::step] == table[1::step] == table[2::step]
    return image.mode in GRAY


def _note(image: ImageFile.ImageFile) -> str:
    """What is left out."""
    notes = [channels_left_out(image)]
    if image.format == "MPO" and getattr(image, "n_frames", 1) > 1:
        notes.append("only its first image is used; the others are previews or other views")
    return "; ".join(filter(None, notes))


def _dtype(image: ImageFile.ImageFile) -> AnyDtype:
    """The type of the values of an image that is open, or loaded."""
    if image.mode == "F":
        return np.dtype(np.float32)
    if image.mode == "I" and image.format == "TIFF":
        return np.dtype(np.int32)
    deep = image.mode.startswith("I") or (is_deep(image) and can_be_whole(image))
    return np.dtype(np.uint16 if deep else np.uint8)
