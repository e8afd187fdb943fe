"""An image file to be written, frame by frame: at once where its format allows it, so that a stack needn't fit."""

import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from dlcli.engine.arrays import AnyDtype
from dlcli.errors import DlcliError
from dlcli.files import replaced_when_done
from dlcli.images.formats.frames import Stored
from dlcli.images.formats.metadata import Metadata
from dlcli.images.formats.science.fits import FitsFile
from dlcli.images.formats.science.zarrs import ZarrFile
from dlcli.images.formats.tiffs.writing import TiffPages
from dlcli.images.formats.values import depth_in, is_share, with_depth
from dlcli.images.formats.writing import STACKS, Frame, joined, write_picture
from dlcli.text import printable, printable_path


@dataclass(frozen=True)
class Wanted:
    """What is to be written: the ``format``, how many frames, and how the file that they come from held them.

    ``dtype`` None is that of the frames.
    """

    format: str
    frames: int = 1
    metadata: Metadata = field(default_factory=Metadata)
    stored: Stored = field(default_factory=Stored)
    dtype: AnyDtype | None = None


class Writer(Protocol):
    """Takes the frames of one file, in order."""

    @property
    def notes(self) -> list[str]:
        """What is not as it was."""

    @property
    def waiting(self) -> int:
        """How many values of frames are held until the end."""

    def add(self, frame: Frame, *, shown: float = 0.0, scale: float = 1.0, stored: Stored | None = None) -> None:
        """One more, ``scale`` times as large as it was; an animation shows it for ``shown`` milliseconds.

        ``stored`` is how its file held it, where that differs between frames.
        """

    def close(self) -> None:
        """There are no more."""


class UnwritableError(DlcliError):
    """A file that can't be written, by its format or by the disk, whose OSError is the cause."""


@contextmanager
def opened_writer(path: Path, wanted: Wanted) -> Iterator[Writer]:
    """What writes ``path``, whole or not at all. ``notes`` are complete at the end.

    Raises UnwritableError for what the disk or the format refuses.
    """
    if wanted.frames > 1 and wanted.format not in (*STACKS, *STREAMS):
        message = f"{wanted.frames} frames cannot be written as {wanted.format}, which holds one"
        raise UnwritableError(f"{printable_path(path.name)}: {message}", "give a folder, or a name that ends in .tif")
    complete = False
    try:
        with replaced_when_done(path) as temporary:
            writer = _Guarded(path, wanted, STREAMS.get(wanted.format, _Pictures)(temporary, wanted))
            if wanted.stored.levels and wanted.format != "TIFF":
                writer.notes.append("written without the smaller levels of its pyramid")
            yield writer
            writer.close()
            complete = True
    except OSError as error:
        if complete:
            raise _by_disk(path, error) from error
        raise


def _by_disk(path: Path, error: OSError) -> UnwritableError:
    message = f"cannot write {printable_path(str(path))}: {error.strerror or error}"
    return UnwritableError(message, "free some space or choose --out")


class _Guarded:
    """A writer whose every error is an UnwritableError."""

    def __init__(self, path: Path, wanted: Wanted, writer: Writer) -> None:
        self.path, self.format, self.dtype, self.writer = path, wanted.format, wanted.dtype, writer
        self.size = ""
        self.share: bool | None = None  # whether frames hold shares of white, once one tells

    @property
    def notes(self) -> list[str]:
        return self.writer.notes

    @property
    def waiting(self) -> int:
        return self.writer.waiting

    def add(self, frame: Frame, *, shown: float = 0.0, scale: float = 1.0, stored: Stored | None = None) -> None:
        height, width = frame.pixels.shape[:2]
        self.size = f"{width} x {height} pixels"
        with self._told():
            self._check_share(frame)
            self.writer.add(frame, shown=shown, scale=scale, stored=stored)

    def close(self) -> None:
        with self._told():
            self.writer.close()

    def _check_share(self, frame: Frame) -> None:
        """Raises DlcliError for a frame of numbers after one of shares of white: they would be scaled otherwise."""
        dtype = depth_in(self.format, self.dtype or frame.pixels.dtype, many=True)
        if dtype.kind == "f" or frame.pixels.dtype.kind != "f" or not frame.pixels.any():
            return
        share = is_share(frame.pixels)
        if self.share not in (None, share):
            what = f"holds frames from 0 to 1 and others beyond, which are not of one scale as {dtype}"
            raise DlcliError(what, "give --format tif or npy, which hold floating-point numbers")
        self.share = share

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except DlcliError as error:
            raise UnwritableError(error.message, error.hint) from error.__cause__
        except (OSError, ValueError, MemoryError, struct.error) as error:
            if isinstance(error, OSError) and error.errno is not None:
                raise _by_disk(self.path, error) from error
            reason = printable(str(error) or type(error).__name__)
            message = f"{printable_path(str(self.path))}: {self.size} cannot be written as {self.format}: {reason}"
            raise UnwritableError(message, "write a PNG or TIFF") from None


class _Pictures:
    """Frames that Pillow writes all at once."""

    def __init__(self, path: Path, wanted: Wanted) -> None:
        self.path, self.wanted = path, wanted
        self.frames: list[Frame] = []
        self.shown: list[float] = []
        self.notes: list[str] = []

    @property
    def waiting(self) -> int:
        return sum(frame.pixels.size for frame in self.frames)

    def add(self, frame: Frame, *, shown: float = 0.0, scale: float = 1.0, stored: Stored | None = None) -> None:
        del scale, stored
        self.frames.append(of_type(frame, self.wanted.dtype))
        self.shown.append(shown)

    def close(self) -> None:
        known = replace(self.wanted.metadata, durations=tuple(self.shown) if any(self.shown) else ())
        self.notes.extend(write_picture(self.path, self.frames, self.wanted.format, known, self.wanted.stored))


class _Tiff:
    """Pages that are written as they come."""

    waiting = 0

    def __init__(self, path: Path, wanted: Wanted) -> None:
        self.wanted = wanted
        self.pages = TiffPages(path, wanted.metadata, wanted.stored, wanted.frames)
        self.notes = self.pages.notes

    def add(self, frame: Frame, *, shown: float = 0.0, scale: float = 1.0, stored: Stored | None = None) -> None:
        del shown, stored
        frame = of_type(frame, self.wanted.dtype)
        clear = frame.alpha is not None
        values = joined(frame.pixels, frame.alpha) if clear else frame.pixels
        self.pages.add(values, clear=clear, scale=scale)

    def close(self) -> None:
        self.pages.close()


class _Npy:
    """A NumPy array that is filled frame by frame: (N, H, W, C), without N for one frame and without C for gray."""

    waiting = 0

    def __init__(self, path: Path, wanted: Wanted) -> None:
        self.path, self.wanted = path, wanted
        self.notes: list[str] = []
        self.made: Any = None
        self.count = 0

    def add(self, frame: Frame, *, shown: float = 0.0, scale: float = 1.0, stored: Stored | None = None) -> None:
        del shown, scale, stored
        frame = of_type(frame, self.wanted.dtype)
        values = frame.pixels if frame.alpha is None else joined(frame.pixels, frame.alpha)
        values = values[:, :, 0] if values.shape[2] == 1 else values
        if self.made is None:
            shape = (self.wanted.frames, *values.shape)
            self.made = np.lib.format.open_memmap(self.path, "w+", values.dtype, shape if shape[0] > 1 else shape[1:])
        if values.shape != self.made.shape[-values.ndim :]:
            raise DlcliError("has frames of several sizes, which one array doesn't hold", "write a TIFF")
        self.made.reshape(self.wanted.frames, *values.shape)[self.count] = values
        self.count += 1

    def close(self) -> None:
        self.made.flush()
        self.made = None
        if self.wanted.metadata.icc or self.wanted.metadata.exif:
            self.notes.append("written without its color profile and EXIF data, which .npy doesn't hold")


class _Filled:
    """A file whose array is filled frame by frame."""

    waiting = 0

    def __init__(self, made: FitsFile | ZarrFile, wanted: Wanted) -> None:
        self.made, self.wanted = made, wanted
        self.notes = made.notes

    def add(self, frame: Frame, *, shown: float = 0.0, scale: float = 1.0, stored: Stored | None = None) -> None:
        del shown
        frame = of_type(frame, self.wanted.dtype)
        values = frame.pixels if frame.alpha is None else joined(frame.pixels, frame.alpha)
        values = with_depth(values, depth_in(self.wanted.format, values.dtype, many=True))
        self.made.add(values, stored or self.wanted.stored, self.wanted.frames, scale)

    def close(self) -> None:
        self.made.close()


STREAMS: dict[str, Callable[[Path, Wanted], Writer]] = {
    "TIFF": _Tiff,
    "NPY": _Npy,
    "FITS": lambda path, wanted: _Filled(FitsFile(path), wanted),
    "ZARR": lambda path, wanted: _Filled(ZarrFile(path), wanted),
}


def of_type(frame: Frame, dtype: AnyDtype | None) -> Frame:
    """The frame as ``dtype``, None for its own. Raises DlcliError where that doesn't hold its values."""
    if dtype is None:
        return frame
    alpha = frame.alpha
    if alpha is not None:
        alpha = with_depth(alpha, dtype if dtype.kind == "u" else alpha.dtype)
    return Frame(with_depth(frame.pixels, dtype), alpha)
