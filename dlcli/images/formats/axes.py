"""Which of an array's dimensions are rows, columns and channels; all others are frames: time, depth, pages."""

import math
from dataclasses import dataclass

import numpy as np

from dlcli.engine.arrays import AnyArray
from dlcli.errors import DlcliError
from dlcli.text import printable

ROWS, COLUMNS, SAMPLES, CHANNELS = "Y", "X", "S", "C"
FEW = (1, 3, 4)  # channels that a last axis without a name may be


@dataclass(frozen=True)
class Axes:
    """The dimensions of ``shape``, a letter each: Y and X, C or S for channels, others (T, Z, ...) for frames.

    >>> axes = Axes("TZCYX", (2, 3, 4, 5, 6))
    >>> axes.frames, axes.frame_names, axes.index(4)
    (6, 'TZ', (1, 1, slice(None, None, None), slice(None, None, None), slice(None, None, None)))
    """

    names: str
    shape: tuple[int, ...]

    def __post_init__(self) -> None:
        """Raises DlcliError where letters occur twice, Y or X is lacking, or they are not as many as dimensions."""
        shown = " x ".join(map(str, self.shape))
        if len(self.names) != len(self.shape):
            message = f"has {len(self.shape)} dimensions ({shown}), and its axes are called {printable(self.names)}"
            raise DlcliError(message, "give --axes one letter for each dimension, such as TZCYX")
        if not {ROWS, COLUMNS} <= set(self.names):
            message = f"has the axes {printable(self.names)} ({shown}), expected Y and X among them"
            raise DlcliError(message, "say with --axes which ones are the rows (Y) and columns (X)")
        if 0 in self.shape:
            raise DlcliError(f"has the shape {shown}, which holds no pixels", "give an array with images in it")

    @property
    def channel(self) -> str:
        """The letter of the axis that channels are along, or ""."""
        return SAMPLES if SAMPLES in self.names else CHANNELS if CHANNELS in self.names else ""

    @property
    def frame_names(self) -> str:
        """The letters of the axes that frames are along, the slowest first."""
        return "".join(self.names[i] for i in self._frame_axes)

    @property
    def frame_shape(self) -> tuple[int, ...]:
        """How many frames there are along each of those."""
        return tuple(self.shape[i] for i in self._frame_axes)

    @property
    def frames(self) -> int:
        """How many there are."""
        return math.prod(self.frame_shape)

    @property
    def size(self) -> tuple[int, int, int]:
        """Height, width and channels of a frame."""
        lengths = dict(zip(self.names, self.shape, strict=True))
        return lengths[ROWS], lengths[COLUMNS], lengths.get(self.channel, 1)

    @property
    def _frame_axes(self) -> list[int]:
        return [i for i, name in enumerate(self.names) if name not in (ROWS, COLUMNS, self.channel)]

    def index(self, number: int) -> tuple[int | slice, ...]:
        """What takes frame ``number``, the last axis counting fastest, out of the array."""
        places = iter(np.unravel_index(number, self.frame_shape) if self.frame_shape else ())
        frame_axes = set(self._frame_axes)
        return tuple(int(next(places)) if i in frame_axes else slice(None) for i in range(len(self.shape)))

    def image(self, values: AnyArray) -> AnyArray:
        """What ``index`` took, as (H, W, C)."""
        left = [name for name in self.names if name in (ROWS, COLUMNS, self.channel)]
        order = [left.index(name) for name in (ROWS, COLUMNS, *self.channel)]
        turned = values.transpose(order)
        return turned if self.channel else turned[:, :, None]

    def shape_of(self, image: tuple[int, ...]) -> tuple[int, ...]:
        """The shape of an array of as many frames that are (H, W, C) each."""
        lengths = dict(zip((ROWS, COLUMNS, self.channel), image, strict=True))
        return tuple(lengths.get(name, length) for name, length in zip(self.names, self.shape, strict=True))

    def array(self, image: AnyArray) -> AnyArray:
        """The inverse of ``image``."""
        left = [name for name in self.names if name in (ROWS, COLUMNS, self.channel)]
        flat = image if self.channel else image[:, :, 0]
        return flat.transpose([[ROWS, COLUMNS, self.channel].index(name) for name in left])


def named_axes(names: str, shape: tuple[int, ...], given: str) -> Axes:
    """The axes ``names`` that a file tells, or ``given`` where the user says so.

    What is given is for files of several frames; a plain picture among them is what it is. Raises DlcliError where
    that doesn't fit.
    """
    own = Axes(names, shape)
    plain = own.frames == 1 and own.size[2] in (1, 3, 4) and len(shape) <= 3
    return own if not given or (plain and len(given) != len(shape)) else Axes(given, shape)


def guessed_axes(shape: tuple[int, ...], given: str) -> Axes:
    """The axes of an array that names none: ``given``, else rows and columns last, or channels after them if few."""
    if given:
        return Axes(given, shape)
    last = "YXC" if len(shape) > 2 and shape[-1] in FEW else "YX"
    return Axes("QRTUVWZ"[: max(len(shape) - len(last), 0)] + last, shape)
