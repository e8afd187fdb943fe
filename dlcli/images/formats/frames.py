"""What readers give: headers, and frames as they are in their files, of whatever depth and number of channels."""

from dataclasses import dataclass, field
from typing import Any, Protocol

from dlcli.engine.arrays import AnyArray, AnyDtype
from dlcli.images.formats.metadata import Metadata


@dataclass(frozen=True)
class Header:
    """What is known of a frame before its pixels are decoded: its size as shown, channels without alpha, their type.

    ``note`` says what of it isn't read ("" for nothing). ``frames`` is how many there are in its file, along the axes
    ``axes`` ("TZ"); of ``uniform`` ones all have this header.
    """

    height: int
    width: int
    channels: int
    note: str
    dtype: AnyDtype
    frames: int = 1
    axes: tuple[tuple[str, int], ...] = ()
    uniform: bool = True

    @property
    def gray(self) -> bool:
        """Whether there is one channel."""
        return self.channels == 1

    @property
    def bits(self) -> int:
        """Of a value: 8 to 64."""
        return 8 * self.dtype.itemsize


@dataclass(frozen=True)
class Stored:
    """How a file holds its pixels, beside their type, for a file of the same format to do alike.

    ``options`` are those of the format's own library. ``planes``: each channel of a frame is a page of its own.
    ``colors`` is PALETTE or BILEVEL where they are few; ``levels`` are height and width of the smaller ones of a
    pyramid.
    """

    options: dict[str, Any] = field(default_factory=dict)
    axes: str = ""
    shape: tuple[int, ...] = ()
    planes: bool = False
    frames: int = 1
    colors: str = ""
    levels: tuple[tuple[int, int], ...] = ()

    @property
    def in_any_format(self) -> "Stored":
        """What of it can be in a file of another format."""
        return Stored(colors=self.colors, levels=self.levels)


@dataclass(frozen=True)
class DecodedImage:
    """``pixels`` (H, W, C) and ``alpha`` (H, W) or None, of the file's own type, in native byte order, on its scale.

    ``format`` is one of FORMATS; ``note`` says what of the file was left out ("" for nothing); ``shown`` is how long
    an animation shows it, in milliseconds.
    """

    pixels: AnyArray
    alpha: AnyArray | None
    format: str
    note: str
    metadata: Metadata = field(default_factory=Metadata)
    shown: float = 0.0
    stored: Stored = field(default_factory=Stored)

    @property
    def gray(self) -> bool:
        """Whether there is one channel."""
        return bool(self.pixels.shape[2] == 1)

    @property
    def bits(self) -> int:
        """Of a value: 8 to 64."""
        return 8 * self.pixels.dtype.itemsize


class Stack(Protocol):
    """The frames of one file that is open, decoded one by one."""

    def __len__(self) -> int:
        """How many there are."""

    def header(self, number: int) -> Header:
        """What frame ``number`` is, without decoding it."""

    def frame(self, number: int) -> DecodedImage:
        """Frame ``number``, upright. Raises DlcliError where it is damaged or too large."""
