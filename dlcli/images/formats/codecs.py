"""One image file to pixels, limited to a few named formats and to a maximum size."""

from collections.abc import Generator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFile

from dlcli.engine.arrays import AnyArray, AnyDtype
from dlcli.errors import DlcliError
from dlcli.images.formats import tiff as tiff_arrays
from dlcli.images.formats.depth import (
    OtherTiffError,
    can_be_whole,
    channels_left_out,
    deep_pixels,
    fix_decoder,
    is_deep,
    is_deep_gray,
    load_lower_bytes,
    loaded,
)  # fmt: skip
from dlcli.images.formats.metadata import Metadata, calibration_of, exif_of, exif_with, metadata_of
from dlcli.images.formats.opening import (
    ANOTHER,
    EXTENSIONS,
    FORMATS,
    GRAY,
    MAX_PIXELS,
    named,
    opened,
)  # fmt: skip
from dlcli.images.formats.writing import with_depth
from dlcli.text import printable_path

ORIENTATION = 0x0112
FIRST, SHALLOW = "only the first of its frames is used", "its 16 bits are read as 8"
DIM = 0.25  # of the range of 16 bits: what 12 and 14 bits in 16 stay below

__all__ = ["EXTENSIONS", "FORMATS", "MAX_PIXELS", "DecodedImage", "Header", "read_frames", "read_header", "read_pixels"]


@dataclass(frozen=True)
class Header:
    """What is known of an image before its pixels are decoded: its size as shown, its channels but for transparency,
    a note or "", and the type of its values.
    """

    height: int
    width: int
    channels: int
    note: str
    dtype: AnyDtype

    @property
    def gray(self) -> bool:
        """Whether there is one channel."""
        return self.channels == 1


@dataclass(frozen=True)
class DecodedImage:
    """``pixels`` (H, W, C), C 1 (gray) or 3, and ``alpha`` (H, W) or None, of one type.

    That is uint8, uint16, or floats in [0, 1]. ``format`` is one of FORMATS; ``note`` says what of the file was left
    out ("" for nothing); ``shown`` is how long an animation shows it, in milliseconds.
    """

    pixels: AnyArray
    alpha: AnyArray | None
    format: str
    note: str
    metadata: Metadata = field(default_factory=Metadata)
    shown: float = 0.0

    @property
    def gray(self) -> bool:
        """Whether there is one channel."""
        return bool(self.pixels.shape[2] == 1)

    @property
    def bits(self) -> int:
        """8 or 16 for whole numbers, 16, 32 or 64 for floats."""
        return 8 * self.pixels.dtype.itemsize


def read_header(path: Path, label: str) -> Header:
    """Size, channels, note and type of the image at ``path``, which errors call ``label``, as training reads it: its
    first frame. Decodes nothing.

    Raises DlcliError for what isn't an image that can be read.
    """
    try:
        with opened(path, label) as image:
            width, height = image.size
            if _orientation(image) >= 5:
                width, height = height, width
            fix_decoder(image)
            dtype = np.dtype(np.float32 if image.mode == "F" else np.uint16 if _stays_deep(image) else np.uint8)
            return Header(height, width, 1 if _is_gray(image) else 3, _note(image, first=True), dtype)
    except OtherTiffError:
        with named(printable_path(label)):
            found = tiff_arrays.described(path, MAX_PIXELS)
        note, dtype = FIRST if found.pages > 1 else "", found.dtype.newbyteorder("=")
        return Header(found.height, found.width, found.channels - (found.channels in (2, 4)), note, dtype)


def read_frames(path: Path, label: str) -> Generator[DecodedImage, None, None]:
    """Every page or frame of the image at ``path``, upright, with transparency and depth; errors call it ``label``.

    Palettes, CMYK and YCbCr become RGB. Raises DlcliError for what is missing, damaged, too large or of a kind that
    isn't read.
    """
    try:
        with opened(path, label) as image:
            # The other images of an MPO file are previews of the first, or views from another place.
            count = 1 if image.format == "MPO" else getattr(image, "n_frames", 1)
            for number in range(count):
                if number:
                    image.seek(number)
                yield _decoded(image, path, label, number)
    except OtherTiffError:
        with named(printable_path(label)):
            for values, info in tiff_arrays.arrays(path, MAX_PIXELS):
                yield _of_array(values, info)


def _decoded(image: ImageFile.ImageFile, path: Path, label: str, number: int) -> DecodedImage:
    """The frame ``number`` that ``image`` is at."""
    fix_decoder(image)
    # Before the pixels are loaded, as loading changes palettes and what is known of frames.
    turn, gray, note, deep = _orientation(image), _is_gray(image), _note(image), is_deep(image)
    whole = _stays_deep(image) and not image.mode.startswith("I")
    format_ = "JPEG" if image.format == "MPO" else str(image.format)
    exif = exif_of(image) if format_ == "TIFF" else b""
    loaded(image)
    exif = exif if format_ == "TIFF" else exif_of(image)
    clear = "transparency" in image.info
    alpha: AnyArray | None = None
    if image.mode.startswith("I"):
        pixels: AnyArray = _sixteen_bits(image, label)
    elif image.mode == "F":
        pixels = _in_range(np.asarray(image))
    elif whole:
        with opened(path, label) as again:
            if number:
                again.seek(number)
            fix_decoder(again)
            both = deep_pixels(np.asarray(image), load_lower_bytes(again), gray=gray)
        pixels, alpha = (both[:, :, :-1], both[:, :, -1]) if both.shape[2] in (2, 4) else (both, None)
    elif image.has_transparency_data:
        both = np.asarray(image.convert("LA" if gray else "RGBA"))
        pixels, alpha = both[:, :, :-1], both[:, :, -1]
    else:
        pixels = np.asarray(image.convert("L" if gray else "RGB"))
    notes = [note]
    if clear and alpha is None and deep:
        notes.append("its transparent color is shown as it is")
    if deep and not whole and not image.mode.startswith("I"):
        notes.append(SHALLOW)
    notes.append(_dim(pixels))
    if image.mode == "CMYK":
        notes.append("its CMYK is converted to RGB as for ideal inks")
    pixels = _upright(pixels if pixels.ndim == 3 else pixels[:, :, None], turn)
    metadata, lost = metadata_of(image, exif).fitting(0 if image.mode == "CMYK" else pixels.shape[2])
    shown = image.info.get("duration", 0)
    return DecodedImage(
        pixels, None if alpha is None else _upright(alpha, turn), format_, "; ".join(filter(None, (*notes, lost))),
        metadata, float(shown) if isinstance(shown, (int, float)) else 0.0,
    )  # fmt: skip


def _of_array(values: AnyArray, info: dict[str, Any]) -> DecodedImage:
    """A page that tifffile read, (H, W, 1 to 4)."""
    values = _upright(_in_range(values) if values.dtype.kind == "f" else values, info["orientation"])
    pixels, alpha = (values[:, :, :-1], values[:, :, -1]) if values.shape[2] in (2, 4) else (values, None)
    known = Metadata(
        info.get("icc_profile", b""),
        info.get("dpi"),
        exif_with(info["texts"]),
        calibration=calibration_of(info.get("calibration")),
    )
    metadata, lost = known.fitting(pixels.shape[2])
    note = "; ".join(filter(None, (_dim(pixels), lost)))
    return DecodedImage(pixels, alpha, "TIFF", note, metadata)


def read_pixels(path: Path, label: str, channels: int) -> NDArray[np.uint8]:
    """The image at ``path`` as (H, W, channels), 1 or 3 channels; more bits become 8, transparency is left out.

    Of several frames the first is taken. Raises DlcliError as read_frames does.
    """
    with closing(read_frames(path, label)) as frames:
        return with_channels(with_depth(next(frames).pixels, np.uint8), channels)


def with_channels(pixels: NDArray[np.uint8], channels: int) -> NDArray[np.uint8]:
    """(H, W, 1 or 3) as (H, W, channels): gray is repeated, color weighed as in ITU-R 601."""
    if pixels.shape[2] == channels:
        return pixels
    if channels == 3:
        return np.repeat(pixels, 3, axis=2)
    return np.array(Image.fromarray(np.ascontiguousarray(pixels)).convert("L"))[:, :, None]


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


def _upright(values: AnyArray, orientation: int) -> AnyArray:
    """(H, W, ...) turned and mirrored as ``orientation`` asks for, in memory of its own."""
    if orientation >= 5:
        values = values.swapaxes(0, 1)
    if orientation in (3, 4, 7, 8):
        values = values[::-1]
    if orientation in (2, 3, 6, 7):
        values = values[:, ::-1]
    return np.array(values, order="C")


def _stays_deep(image: ImageFile.ImageFile) -> bool:
    """Whether 16 bits a channel are read as such; else they become 8."""
    return is_deep(image) and (image.mode.startswith("I") or can_be_whole(image))


def _is_gray(image: ImageFile.ImageFile) -> bool:
    if is_deep_gray(image):
        return True
    if image.mode == "P" and image.palette is not None:
        order, table = image.palette.getdata()
        step = {"RGB": 3, "BGRX": 4}.get(order, 0)
        return step > 0 and table[0::step] == table[1::step] == table[2::step]
    return image.mode in GRAY


def _note(image: ImageFile.ImageFile, *, first: bool = False) -> str:
    """What is left out; of the ``first`` frame if that is what is read."""
    notes = []
    if image.format == "MPO":  # photographs of phones, mostly: in training that would be said of each
        if not first and getattr(image, "n_frames", 1) > 1:
            notes.append("only its first image is used; the others are previews or other views")
    elif first and getattr(image, "is_animated", False):
        notes.append(FIRST)
    if left_out := channels_left_out(image):
        notes.append(left_out)
    if first and is_deep(image) and not _stays_deep(image):
        notes.append(SHALLOW)
    return "; ".join(notes)


def _sixteen_bits(image: ImageFile.ImageFile, label: str) -> NDArray[np.uint16]:
    values = np.asarray(image)
    if values.dtype.itemsize > 2 and (values.min() < 0 or values.max() > 65535):
        message = f"{printable_path(label)} holds values from {values.min()} to {values.max()}, expected 0 to 65535"
        raise DlcliError(message, ANOTHER)
    return values.astype(np.uint16)


def _dim(pixels: AnyArray) -> str:
    """A note on 16-bit values that use few of their bits, in whole bits, so that many images share one note."""
    largest = int(pixels.max()) if pixels.dtype == np.uint16 else 0
    if not 0 < largest < DIM * 65535:
        return ""
    bits = largest.bit_length()
    share = 100 / 2 ** (16 - bits)
    percent = f"{share:.0f}" if share >= 1 else f"{share:.1g}"
    return f"its values fill {bits} of its 16 bits, {percent}% of their range: scale them to all of it"


def _in_range(values: AnyArray) -> AnyArray:
    """Floats from 0 to 1; raises DlcliError for others."""
    low, high = float(values.min()), float(values.max())
    if not (low >= 0 and high <= 1):
        message = f"holds floating-point numbers from {low:g} to {high:g}, expected 0 (black) to 1 (white)"
        raise DlcliError(message, "scale them, or convert those in 0 to 255 to 8 bits")
    return values
