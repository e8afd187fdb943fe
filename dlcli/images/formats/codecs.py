"""Any image file to its frames: the reader for its kind, one error for whatever is wrong with it."""

import threading
import weakref
from collections.abc import Generator, Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from dlcli.engine.arrays import AnyArray
from dlcli.errors import DlcliError
from dlcli.images.formats.depth import OtherTiffError
from dlcli.images.formats.frames import DecodedImage, Header, Stack
from dlcli.images.formats.opening import (
    EXTENSIONS,
    FITS,
    FORMATS,
    MAX_PIXELS,
    MAX_TIFF_PIXELS,
    TIFF,
    beginning,
    check_file,
    named,
)  # fmt: skip
from dlcli.images.formats.pictures import PictureStack, opened_picture
from dlcli.images.formats.quick import read_quickly
from dlcli.images.formats.science.camera import opened_raw
from dlcli.images.formats.science.fits import opened_fits
from dlcli.images.formats.science.microscopy import opened_micrographs
from dlcli.images.formats.science.zarrs import opened_zarr
from dlcli.images.formats.tiffs.reading import opened_tiff
from dlcli.images.formats.values import with_depth
from dlcli.text import printable_path

__all__ = [
    "EXTENSIONS", "FORMATS", "MAX_PIXELS", "DecodedImage", "Header", "opened_stack", "read_frame", "read_frames",
    "read_header", "read_pixels", "read_small",
]  # fmt: skip


@contextmanager
def opened_stack(path: Path, label: str, axes: str = "") -> Iterator[Stack]:
    """The frames of the image file at ``path``, which errors call ``label``; ``axes`` as --axes says, "" as it tells.

    Palettes, CMYK and YCbCr become RGB. Raises DlcliError, there and from the frames, for what is missing, damaged,
    too large or of a kind that isn't read.
    """
    shown = printable_path(label)
    check_file(path, shown)
    with named(shown), ExitStack() as opened:
        yield _reader(path, label, axes, opened)


def _reader(path: Path, label: str, axes: str, opened: ExitStack) -> Stack:
    """What reads the file, to be closed with ``opened``."""
    ending = path.suffix.lower()
    if (EXTENSIONS.get(ending, "ZARR") == "ZARR" and path.is_dir()) or path.name.endswith(".zarr.zip"):
        return opened.enter_context(opened_zarr(path, MAX_PIXELS, axes))
    if EXTENSIONS.get(ending) == "RAW":
        return opened.enter_context(opened_raw(path, MAX_PIXELS))
    if EXTENSIONS.get(ending) == "BIOIO":
        return opened.enter_context(opened_micrographs(path, MAX_PIXELS))
    start = beginning(path)
    if start.startswith(FITS):
        return opened.enter_context(opened_fits(path, axes))
    if not start.startswith(TIFF):
        return opened.enter_context(opened_picture(path, label, start))
    try:
        return opened.enter_context(opened_tiff(path, MAX_TIFF_PIXELS, axes))
    except OtherTiffError as first:
        try:
            return opened.enter_context(opened_picture(path, label))
        except OtherTiffError:
            raise DlcliError(first.message, first.hint) from None


def read_header(path: Path, label: str, number: int = 0, axes: str = "") -> Header:
    """What frame ``number`` of the image at ``path`` is; decodes nothing. Raises DlcliError as above."""
    with opened_stack(path, label, axes) as stack:
        return stack.header(number)


def read_small(
    path: Path, label: str, most: int, axes: str = "", *, quickly: bool = False
) -> tuple[Header, AnyArray | None]:
    """The first frame's header and, where the file has one of at most ``most`` pixels, these: it is opened only once.

    ``quickly``: there are so many files that it pays to begin with what decodes the plain ones faster. Raises
    DlcliError as above.
    """
    if quickly and (found := read_quickly(path, most)) is not None:
        return found
    with opened_stack(path, label, axes) as stack:
        header = stack.header(0)
        if header.frames > 1 or header.height * header.width > most:
            return header, None
        return header, stack.pixels() if isinstance(stack, PictureStack) else stack.frame(0).pixels


def read_frames(path: Path, label: str, axes: str = "") -> Generator[DecodedImage, None, None]:
    """Every page or frame of the image at ``path``, upright, one at a time. Raises DlcliError as above."""
    with opened_stack(path, label, axes) as stack:
        for number in range(len(stack)):
            yield stack.frame(number)


def read_frame(path: Path, label: str, number: int = 0, axes: str = "") -> DecodedImage:
    """Frame ``number`` of the image at ``path``. Raises DlcliError as above.

    Each thread keeps the stack that it read from last, as the next frame is often of the same one.
    """
    kept: _Kept | None = getattr(_KEPT, "stack", None)
    if kept is None or kept.key != (path, axes):
        _KEPT.stack = None  # closed before another one is opened
        kept = _Kept(path, label, axes)
        if len(kept.stack) > 1:
            _KEPT.stack = kept
    return kept.frame(number, label)


_KEPT = threading.local()


class _Kept:
    """A stack that stays open as long as this object is there."""

    def __init__(self, path: Path, label: str, axes: str) -> None:
        self.key, self.label = (path, axes), printable_path(label)
        self.opened = ExitStack()
        weakref.finalize(self, self.opened.close)
        self.stack = self.opened.enter_context(opened_stack(path, label, axes))

    def frame(self, number: int, label: str) -> DecodedImage:
        """Frame ``number``; what is wrong with it is told as by ``opened_stack``."""
        try:
            return self.stack.frame(number)
        except BaseException as error:
            _KEPT.stack = None
            try:
                self.opened.__exit__(type(error), error, error.__traceback__)
            except DlcliError as told:
                message = told.message.removeprefix(self.label).lstrip()
                raise DlcliError(f"{printable_path(label)} {message}", told.hint) from None
            raise


def read_pixels(path: Path, label: str, channels: int) -> NDArray[np.uint8]:
    """The image at ``path`` as (H, W, channels), 1 or 3 channels; more bits become 8, transparency is left out.

    Of several frames the first is taken. Raises DlcliError as read_frames does.
    """
    with closing(read_frames(path, label)) as frames:
        pixels = next(frames).pixels
    with named(printable_path(label)):
        return with_channels(with_depth(_eight_bits(pixels), np.uint8), channels)


def _eight_bits(pixels: AnyArray) -> AnyArray:
    """``pixels`` (H, W, C) where they can be brought to 8 bits by their type alone; raises DlcliError for others."""
    if pixels.shape[2] not in (1, 3):
        raise DlcliError(f"has {pixels.shape[2]} channels, expected gray or RGB", "save each channel as a gray image")
    if pixels.dtype in (np.uint8, np.uint16):
        return pixels
    if pixels.dtype.kind != "f":
        hint = "convert them to 16 bits, or to floating-point numbers from 0 to 1"
        raise DlcliError(f"holds values of type {pixels.dtype}, expected 8 or 16 bits", hint)
    low, high = float(pixels.min()), float(pixels.max())
    if not (low >= 0 and high <= 1):
        message = f"holds floating-point numbers from {low:g} to {high:g}, expected 0 (black) to 1 (white)"
        raise DlcliError(message, "scale them, or convert those in 0 to 255 to 8 bits")
    return pixels


def with_channels(pixels: NDArray[np.uint8], channels: int) -> NDArray[np.uint8]:
    """(H, W, 1 or 3) as (H, W, channels): gray is repeated, color weighed as in ITU-R 601."""
    if pixels.shape[2] == channels:
        return pixels
    if channels == 3:
        return np.repeat(pixels, 3, axis=2)
    return np.array(Image.fromarray(np.ascontiguousarray(pixels)).convert("L"))[:, :, None]
