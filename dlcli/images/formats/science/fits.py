"""FITS files of astronomy, by astropy: every image of two or more dimensions, and its header."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from dlcli.engine.arrays import AnyArray, AnyDtype
from dlcli.errors import DlcliError
from dlcli.images.formats.axes import Axes, named_axes
from dlcli.images.formats.frames import DecodedImage, Header, Stored
from dlcli.images.formats.science.extras import imported
from dlcli.text import counted, printable

BITPIX = {"uint8": 8, "int16": 16, "int32": 32, "int64": 64, "float32": -32, "float64": -64}
# Without a sign they are stored as numbers with one, that many too small.
ZERO = {"uint16": ("int16", 1 << 15), "uint32": ("int32", 1 << 31)}
BLOCK = 2880  # bytes that parts of a file are multiples of
# Of a header, what the data say themselves, or what is true of other data only.
OWN = ("SIMPLE", "XTENSION", "BITPIX", "NAXIS", "PCOUNT", "GCOUNT", "GROUPS", "BZERO", "BSCALE", "CHECKSUM", "DATASUM")


@contextmanager
def opened_fits(path: Path, axes: str) -> Iterator["FitsStack"]:
    """The frames of a file. Raises DlcliError where it is damaged, or holds tables alone."""
    fits = imported("astropy.io.fits", "a FITS file", "fits")
    try:
        with fits.open(path, memmap=False, lazy_load_hdus=True) as units:
            yield FitsStack(units, axes)
    except DlcliError:
        raise
    except Exception as error:
        raise DlcliError(f"is damaged: {printable(str(error))}", "fetch it again") from None


class FitsStack:
    """The frames of an open file."""

    def __init__(self, units: Any, given: str) -> None:
        chosen = [unit for unit in units if unit.is_image and len(unit.shape) >= 2 and 0 not in unit.shape]
        if not chosen:
            raise DlcliError("holds no image of two dimensions or more", "give a file with images")
        self.parts = [(unit, _axes(unit.shape, given)) for unit in chosen]
        self.starts = np.cumsum([0, *(axes.frames for _, axes in self.parts)])
        self.types = [_dtype(unit, axes) for unit, axes in self.parts]
        others = len(units) - len(chosen) - any(not unit.shape for unit in units[:1])
        self.note = f"{counted(others, 'table')} of it are left out" if others > 0 else ""

    def __len__(self) -> int:
        return int(self.starts[-1])

    def _place(self, number: int) -> tuple[int, int]:
        part = int(np.searchsorted(self.starts, number, side="right")) - 1
        return part, number - int(self.starts[part])

    def header(self, number: int) -> Header:
        """What frame ``number`` is."""
        part, _ = self._place(number)
        height, width, channels = self.parts[part][1].size
        axes = self.parts[0][1]
        along = tuple(zip(axes.frame_names, axes.frame_shape, strict=True))
        uniform = all(one.size == axes.size for _, one in self.parts) and len(set(self.types)) == 1
        along = along if len(self.parts) == 1 else (("I", len(self)),)
        return Header(height, width, channels, self.note, self.types[part], len(self), along, uniform)

    def frame(self, number: int) -> DecodedImage:
        """Frame ``number``, its first row at the top, as arrays of astropy have it."""
        part, place = self._place(number)
        unit, axes = self.parts[part]
        values = np.array(axes.image(np.asarray(unit.section[axes.index(place)])), self.types[part], order="C")
        options = {"header": unit.header.copy(), "part": part, "parts": len(self.parts)}
        return DecodedImage(
            values, None, "FITS", self.note, stored=Stored(options, axes.names, axes.shape, False, len(self))
        )


class FitsFile:
    """A FITS file that is filled frame by frame, with the headers of the one that the frames come from."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.notes: list[str] = []
        self._part = -1
        self._count = 0
        self._values: Any = None

    def add(self, values: AnyArray, stored: Stored, frames: int, scale: float) -> None:
        """One frame, (H, W, C), ``scale`` times as large as it was; ``stored`` says how it was held."""
        part = int(stored.options.get("part", 0))
        if part != self._part:
            self._begin(values, stored, frames, scale)
            self._part, self._count = part, 0
        stated = np.dtype(ZERO.get(values.dtype.name, (values.dtype.name, 0))[0])
        zero = ZERO.get(values.dtype.name, ("", 0))[1]
        plain = values if not zero else (values.astype(np.int64) - zero).astype(stated)
        self._values[self.axes.index(self._count)] = self.axes.array(plain)
        self._count += 1

    def close(self) -> None:
        """All is written."""
        if self._values is not None:
            self._values.flush()
            self._values = None

    def _begin(self, values: AnyArray, stored: Stored, frames: int, scale: float) -> None:
        fits = imported("astropy.io.fits", "a FITS file", "fits")
        self.close()
        height, width, channels = values.shape
        if stored.axes:
            sizes = {"Y": height, "X": width}
            shape = tuple(sizes.get(name, size) for name, size in zip(stored.axes, stored.shape, strict=True))
            self.axes = Axes(stored.axes, shape)
        else:
            lead = ("Z" if frames > 1 else "") + ("C" if channels > 1 else "")
            lengths = {"Z": frames, "C": channels}
            self.axes = Axes(f"{lead}YX", (*(lengths[name] for name in lead), height, width))
        name, zero = ZERO.get(values.dtype.name, (values.dtype.name, 0))
        told = stored.options.get("header", ())
        # BLANK is of whole numbers; of those that have some, the values are floating-point ones, and blanks NaN.
        own = (*OWN, "BLANK") if values.dtype.kind == "f" else OWN
        kept = [card for card in getattr(told, "cards", ()) if not card.keyword.startswith(own)]
        unit = fits.PrimaryHDU if self._part < 0 else fits.ImageHDU
        header = unit().header
        header["BITPIX"] = BITPIX[name]
        header["NAXIS"] = len(self.axes.shape)
        for number, length in enumerate(reversed(self.axes.shape), 1):
            header.set(f"NAXIS{number}", length, after=f"NAXIS{number - 1}" if number > 1 else "NAXIS")
        if zero:
            header["BZERO"], header["BSCALE"] = zero, 1
        for card in kept:
            header.append(card, bottom=True)
        if scale != 1:
            _rescale(header, scale)
        data = header.tostring().encode("ascii")
        mode = "wb" if self._part < 0 else "ab"
        with self.path.open(mode) as file:
            file.write(data)
            start = file.tell()
            size = int(np.prod(self.axes.shape)) * np.dtype(name).itemsize
            file.truncate(start + -(-size // BLOCK) * BLOCK)
        self._values = np.memmap(self.path, np.dtype(name).newbyteorder(">"), "r+", start, self.axes.shape)


def _axes(shape: tuple[int, ...], given: str) -> Axes:
    """FITS names no axes that mean the same everywhere: the last are rows and columns, all others frames."""
    return named_axes("TWVUZ"[-(len(shape) - 2) :] + "YX" if len(shape) > 2 else "YX", tuple(shape), given)


def _dtype(unit: Any, axes: Axes) -> AnyDtype:
    """The type that astropy makes of the values, from one row of them."""
    first = list(axes.index(0))
    first[axes.names.index("Y")] = slice(0, 1)
    found: AnyDtype = np.asarray(unit.section[tuple(first)]).dtype.newbyteorder("=")
    return found


def _rescale(header: Any, scale: float) -> None:
    """Coordinates of the sky for pixels that are ``scale`` times as many."""
    for number in (1, 2):
        if (name := f"CRPIX{number}") in header:
            header[name] = (header[name] - 0.5) * scale + 0.5
        for name in (f"CDELT{number}", *(f"CD{row}_{number}" for row in (1, 2))):
            if name in header:
                header[name] = header[name] / scale
