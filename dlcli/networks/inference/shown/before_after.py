"""Some of the images that predict restores, as they were and as they became, for a sheet."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from dlcli.engine.arrays import AnyArray
from dlcli.images.formats.writing import Frame
from dlcli.images.normalization import robust_range, sampled
from dlcli.networks.data.split import spread
from dlcli.networks.tensors import squeeze_gray, white_of

ROWS = 6  # of a sheet
SIDE = 256  # pixels of a picture: of larger images their middle is shown

Picture = NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class Before:
    """The middle of an image as it was; ``low`` and ``high`` are shown as black and white."""

    frame: Frame
    top: int
    left: int
    low: float
    high: float
    caption: str


@dataclass(frozen=True, eq=False)
class Pair:
    """Pictures of one size, what was and what became of it, and a line on them."""

    before: Picture
    after: Picture
    caption: str


@dataclass
class Shots:
    """Takes up to ``rows`` frames of a file of this ``name``, evenly spread."""

    name: str = ""
    rows: int = 0
    scale: int = 1
    pairs: list[Pair] = field(default_factory=list)

    def before(self, frame: Frame, number: int, count: int) -> Before | None:
        """Frame ``number`` of ``count``, from 0, which is about to be restored; None for one that isn't shown."""
        if number not in spread(count, self.rows):
            return None
        height, width, _ = frame.pixels.shape
        side = max(SIDE // self.scale, 1)
        top, left = (max(length - side, 0) // 2 for length in (height, width))
        shown = _cut(frame, top, left, side)
        low, high = _range(frame.pixels)
        name = f"{self.name}, frame {number + 1:,} of {count:,}" if count > 1 else self.name
        caption = f"{name}: {width} x {height} pixels{', the middle of it' if max(height, width) > side else ''}"
        if frame.pixels.dtype != np.uint8:
            caption += f"; {frame.pixels.dtype}, {low:.4g} is black and {high:.4g} white"
        return Before(shown, top, left, low, high, caption)

    def after(self, before: Before | None, made: Frame) -> None:
        """What became of it."""
        if before is None:
            return
        height, width, _ = before.frame.pixels.shape
        low, high = before.low, before.high
        if made.pixels.dtype != before.frame.pixels.dtype:
            low, high = _range(made.pixels)
        rows, columns = (
            slice(start * self.scale, (start + length) * self.scale)
            for start, length in ((before.top, height), (before.left, width))
        )
        part = Frame(made.pixels[rows, columns], None if made.alpha is None else made.alpha[rows, columns])
        was = _picture(before.frame, before.low, before.high)
        enlarged = was.repeat(self.scale, axis=0).repeat(self.scale, axis=1)
        self.pairs.append(Pair(enlarged, _picture(part, low, high), before.caption))


def shots_of(names: Sequence[str], scale: int) -> list[Shots]:
    """What takes pictures of the first of so many files: fewer of each, the more files there are."""
    return [Shots(name, max(ROWS // len(names), 1), scale) for name in names[:ROWS]]


def _cut(frame: Frame, top: int, left: int, side: int) -> Frame:
    """Copied, as the image itself may become the result."""
    place = slice(top, top + side), slice(left, left + side)
    return replace(
        frame,
        pixels=frame.pixels[place].copy(),
        alpha=None if frame.alpha is None else frame.alpha[place].copy(),
    )


def _range(pixels: AnyArray) -> tuple[float, float]:
    """What is shown as black and white: of 8 bits all that there is, else the range of nearly all values."""
    if pixels.dtype == np.uint8:
        return 0.0, 255.0
    values = sampled(pixels).astype(np.float64)
    known = values[np.isfinite(values)]
    low, high = robust_range(known) if known.size else (0.0, 1.0)
    return (low, high) if high > low else (low - 0.5, low + 0.5)


def _picture(frame: Frame, low: float, high: float) -> Picture:
    """(h, w) or (h, w, 3), on white where it is transparent."""
    values = np.nan_to_num((frame.pixels.astype(np.float64) - low) / (high - low), nan=0.0, posinf=1.0, neginf=0.0)
    shown = np.clip(values, 0, 1)
    if frame.alpha is not None:
        seen = np.clip(frame.alpha.astype(np.float64) / white_of(frame.alpha.dtype), 0, 1)[:, :, None]
        shown = shown * seen + 1 - seen
    return squeeze_gray(np.rint(255 * shown).astype(np.uint8))
