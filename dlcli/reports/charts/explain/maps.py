"""Maps over images, as PNG whose pixels are enlarged by whole numbers."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw

from dlcli.reports.charts.sheets import (
    EDGE,
    GAP,
    INK,
    PAPER,
    TEXT,
    TITLE,
    Picture,
    encoded,
    font_of,
    readable,
    shortened,
)

Values = npt.NDArray[np.float64]

SIDE = 360  # pixels a side that small pictures are enlarged toward
FRAME = "#0072B2"
# From nothing to most, darker to lighter, as seen without color, too.
HEAT = ((0, 0, 4), (51, 16, 104), (136, 34, 106), (212, 72, 66), (251, 155, 6), (252, 255, 164))
CLIPPED = 99.9  # percentile that is shown as most
FILTER = 48  # pixels a side of a filter
MOST_FILTERS, COLUMNS = 64, 16


@dataclass(frozen=True, eq=False)
class Cell:
    """A picture (h, w, 3) with its title, and a ``frame`` (top, left, height, width) on it, in its own pixels."""

    title: str
    picture: Picture
    frame: tuple[int, int, int, int] | None = None


def map_sheet(cells: Sequence[Cell], caption: str, columns: int = 2) -> bytes:
    """PNG bytes of pictures in rows, which are enlarged by whole numbers toward one size, with a caption below."""
    times = [max(SIDE // max(cell.picture.shape[:2]), 1) for cell in cells]
    wide = max(cell.picture.shape[1] * factor for cell, factor in zip(cells, times, strict=True))
    tall = max(cell.picture.shape[0] * factor for cell, factor in zip(cells, times, strict=True))
    title = font_of(TITLE)
    step = GAP + max(wide, *(int(title.getlength(cell.title)) for cell in cells))
    row = tall + TITLE + 20
    rows = -(-len(cells) // columns)
    width = min(len(cells), columns) * step - GAP + 2 * EDGE
    sheet = Image.new("RGB", (width, 2 * EDGE + rows * row + TEXT), PAPER)
    draw = ImageDraw.Draw(sheet)
    for number, (cell, factor) in enumerate(zip(cells, times, strict=True)):
        x, y = EDGE + number % columns * step, EDGE - 6 + number // columns * row
        draw.text((x, y), cell.title, fill=INK, font=title)
        y += TITLE + 8
        shown = cell.picture.repeat(factor, axis=0).repeat(factor, axis=1)
        sheet.paste(Image.fromarray(shown), (x, y))
        if cell.frame is not None:
            top, left, height, across = (part * factor for part in cell.frame)
            place = (x + left - 2, y + top - 2, x + left + across + 1, y + top + height + 1)
            draw.rectangle(place, outline=PAPER, width=3)
            draw.rectangle(place, outline=FRAME, width=2)
    text, font = readable(caption)
    draw.text((EDGE, EDGE - 6 + rows * row), shortened(text, font, width - 2 * EDGE), fill=INK, font=font)
    return encoded(sheet)


def as_picture(values: Values) -> Picture:
    """Values (C, h, w) of which 0 is black and 1 white, (h, w, 3): gray of one channel, else of the first three."""
    shown = np.rint(255 * np.clip(np.nan_to_num(values), 0, 1)).astype(np.uint8).transpose(1, 2, 0)
    if shown.shape[2] == 2:
        shown = np.dstack([shown, np.zeros_like(shown[..., :1])])
    return np.repeat(shown, 3, axis=2) if shown.shape[2] == 1 else np.ascontiguousarray(shown[..., :3])


def strengths(attribution: Values) -> Values:
    """Of an attribution (C, h, w) how much each pixel counts, (h, w), 0 to 1: by the root, so that little is seen."""
    size = np.abs(attribution.sum(axis=0))
    most = float(np.percentile(size, CLIPPED))
    if most <= 0:
        most = float(size.max())
    found: Values = np.sqrt(np.clip(size / most, 0, 1)) if most > 0 else np.zeros_like(size)
    return found


def heat(shares: Values) -> Picture:
    """Shares (h, w) from 0 to 1 as colors, (h, w, 3)."""
    place = np.clip(np.nan_to_num(shares), 0, 1) * (len(HEAT) - 1)
    table = np.array(HEAT, float)
    channels = [np.interp(place, range(len(HEAT)), table[:, channel]) for channel in range(3)]
    colors: Picture = np.rint(np.stack(channels, axis=2)).astype(np.uint8)
    return colors


def over(picture: Picture, shares: Values) -> Picture:
    """A picture (h, w, 3) in gray, on which ``shares`` (h, w) are colored, the more the stronger."""
    gray = picture.astype(float).mean(axis=2, keepdims=True) * 0.75 + 40
    amount = np.clip(shares, 0, 1)[:, :, None]
    mixed = gray * (1 - amount) + heat(0.35 + 0.65 * shares) * amount
    colored: Picture = np.rint(np.clip(mixed, 0, 255)).astype(np.uint8)
    return colored


def filter_sheet(filters: Values) -> bytes:
    """PNG bytes of the first 64 filters (F, side, side, C), each with gray as 0 and its largest weight as white."""
    shown = filters[:MOST_FILTERS]
    largest = np.abs(shown).max(axis=(1, 2, 3), keepdims=True)
    scaled = 0.5 + 0.5 * shown / np.where(largest > 0, largest, 1)
    times = max(FILTER // shown.shape[1], 1)
    side, columns = shown.shape[1] * times, min(COLUMNS, len(shown))
    rows, step = -(-len(shown) // columns), side + 6
    sheet = Image.new("RGB", (columns * step - 6 + 2 * EDGE, rows * step - 6 + 2 * EDGE), PAPER)
    for number, one in enumerate(scaled):
        picture = as_picture(one.transpose(2, 0, 1)).repeat(times, axis=0).repeat(times, axis=1)
        sheet.paste(Image.fromarray(picture), (EDGE + number % columns * step, EDGE + number // columns * step))
    return encoded(sheet)
